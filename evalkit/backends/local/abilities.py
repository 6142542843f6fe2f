"""What a loaded causal model can be asked for, tried on it once with a handful of tokens.

Whether a model keeps to a mask of ours, and whether its last layer may be given some places only, is nothing that a
configuration says. So it is tried: what must come out is what comes out of each sequence alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evalkit.backends.local.kinds import Kind
from evalkit.backends.local.tree import Ids, Tree, attention, grow

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch

# Largest difference of two log-probabilities that is still rounding, in nats: one token, the whole vocabulary.
ROUNDING = {"torch.float32": 1e-4, "torch.float16": 2e-2, "torch.bfloat16": 1e-1}


@dataclass(frozen=True, slots=True)
class Abilities:
    """`branches`: rows may be trees. `places`: the last layer may be given some places only. `reach` is how far back
    a token may look, None for the whole row; a tree whose sequences are longer is no tree for this model."""

    branches: bool
    places: bool
    reach: int | None


NONE = Abilities(branches=False, places=False, reach=None)


def abilities(model: Any) -> Abilities:
    """Tries a causal model; whatever it raises means that it cannot."""
    import torch

    try:
        config = model.config.get_text_config()
        word = [(7 * number + 11) % int(config.vocab_size) for number in range(12)]
        sequences = [tuple(word[:5]), tuple(word[:8]), (*word[:5], *word[8:10]), (*word[:6], *word[10:12])]
        rounding = ROUNDING.get(str(model.dtype), 0.0)
        with torch.inference_mode():
            alone = [_alone(model, each) for each in sequences]
            ends = [each[[0, -1]] for each in alone]
            places = _furthest(ends, _some_places(model, sequences)) <= rounding
            branches = _furthest(alone, _as_tree(model, grow(sequences))) <= rounding
        return Abilities(branches=branches, places=places, reach=_reach(config.to_dict()))
    except Exception:
        return NONE


def rows_apart(model: Any, kind: Kind) -> bool:
    """Whether each row of a batch gets what it gets alone, tried on a few; whatever is raised means that it does not.

    Activations that are quantised with one scale for a whole batch are no row's own."""
    import torch

    try:
        config = model.config.get_text_config()
        words = [[(step * number + 11) % int(config.vocab_size) for number in range(12)] for step in (7, 13, 29, 41)]
        rounding = ROUNDING.get(str(model.dtype), 0.0)
        with torch.inference_mode():
            together = _rows(model, kind, words)
            alone = [_rows(model, kind, [each])[0] for each in words]
        return _furthest(list(together), alone) <= rounding
    except Exception:
        return False


def _rows(model: Any, kind: Kind, words: Sequence[Sequence[int]]) -> torch.Tensor:
    """Log-probabilities of what a model says of these rows: (rows, …)."""
    import torch

    ids = torch.tensor(words, device=model.device)
    more = {"decoder_input_ids": ids} if kind == "seq2seq" else {}
    logits: torch.Tensor = model(input_ids=ids, **more).logits
    return logits.float().log_softmax(-1)


def _reach(config: Mapping[str, Any]) -> int | None:
    """Sliding windows of attention, whichever layers have them: a mask of ours would be theirs as well."""
    windows = [config.get("sliding_window"), config.get("attention_chunk_size")]
    used = config.get("use_sliding_window", True)
    return min((each for each in windows if used and isinstance(each, int) and each > 0), default=None)


def _alone(model: Any, sequence: Ids) -> torch.Tensor:
    import torch

    ids = torch.tensor([sequence], device=model.device)
    logits: torch.Tensor = model(input_ids=ids, use_cache=False).logits
    return logits[0].float().log_softmax(-1)


def _some_places(model: Any, sequences: Sequence[Ids]) -> list[torch.Tensor]:
    """The first and the last place of each: what a layer makes of a place must not hang on those beside it."""
    import torch

    found = []
    for each in sequences:
        with only_at(model, torch.tensor([0, 0]), torch.tensor([0, len(each) - 1])):
            logits = model(input_ids=torch.tensor([each], device=model.device), use_cache=False).logits
        found.append(logits[0].float().log_softmax(-1))
    return found


def _as_tree(model: Any, tree: Tree) -> list[torch.Tensor]:
    import torch

    logits = model(**tree_inputs(model, [tree], pad=0), use_cache=False).logits[0].float().log_softmax(-1)
    return [logits[torch.tensor(places, device=logits.device)] for places in tree.places]


def _furthest(one: Sequence[torch.Tensor], other: Sequence[torch.Tensor]) -> float:
    return max(float((a - b).abs().max()) for a, b in zip(one, other, strict=True))


def tree_inputs(model: Any, trees: Sequence[Tree], pad: int) -> dict[str, torch.Tensor]:
    """What a model is given for rows that branch."""
    import torch

    width = max(len(each.tokens) for each in trees)
    ids = [[*each.tokens, *[pad] * (width - len(each.tokens))] for each in trees]
    positions = [[*each.positions, *[0] * (width - len(each.tokens))] for each in trees]
    return {
        "input_ids": torch.tensor(ids, device=model.device),
        "position_ids": torch.tensor(positions, device=model.device),
        "attention_mask": attention(trees, width, model.dtype).to(model.device),
    }


@contextmanager
def only_at(model: Any, rows: torch.Tensor, columns: torch.Tensor) -> Iterator[None]:
    """Within it the model's last layer sees these places alone, as one row: logits are (1, places, vocabulary).

    The place of a logit among many is nothing to what a model does with it behind its last layer."""

    def pick(module: Any, given: tuple[Any, ...]) -> tuple[Any, ...]:
        hidden = given[0]
        return (hidden[rows.to(hidden.device), columns.to(hidden.device)][None], *given[1:])

    handle = model.get_output_embeddings().register_forward_pre_hook(pick)
    try:
        yield
    finally:
        handle.remove()
