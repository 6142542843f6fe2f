"""The last hidden states of a language model at the places that predict given tokens; nothing else is kept.

What goes into the output embedding is caught on its way in, and one place alone goes on: logits are never made for the
vocabulary at other places.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evalkit.backends.local.encoding import Ids, padded
from evalkit.backends.local.hardware import free_cache, is_out_of_memory
from evalkit.backends.local.kinds import Kind
from evalkit.backends.local.loading import SpecialTokens

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Forced:
    """A prompt as the model is asked it, and the tokens that it is told it has written."""

    prompt: Ids
    tokens: Ids


def last_states(
    model: Any, kind: Kind, special: SpecialTokens, texts: Sequence[Forced]
) -> tuple[list[torch.Tensor], int]:
    """For each text its states (tokens, d), in the model's numbers on the device of its last layer; and how often a
    batch was halved for want of memory. Texts have one token or more. Raises what the model raises."""
    try:
        return _one_pass(model, kind, special, texts), 0
    except Exception as error:
        if len(texts) == 1 or not is_out_of_memory(error):
            raise
    # Outside of the handler: its traceback would keep the tensors of the failed pass alive.
    free_cache(model.device.type)
    half = len(texts) // 2
    first, before = last_states(model, kind, special, texts[:half])
    second, after = last_states(model, kind, special, texts[half:])
    return first + second, before + after + 1


def _one_pass(model: Any, kind: Kind, special: SpecialTokens, texts: Sequence[Forced]) -> list[torch.Tensor]:
    import torch

    # The last token of an answer is predicted, and never read.
    if kind == "seq2seq":
        begun = [(*special.start, *each.tokens[:-1]) for each in texts]
        firsts = [len(special.start) - 1] * len(texts)
        inputs = _inputs([each.prompt for each in texts], special, model.device)
        ids, _ = padded(begun, special.pad, left=False)
        inputs["decoder_input_ids"] = torch.tensor(ids, device=model.device)
    else:
        firsts = [len(each.prompt) - 1 for each in texts]
        inputs = _inputs([(*each.prompt, *each.tokens[:-1]) for each in texts], special, model.device)
    rows = torch.cat([torch.full((len(each.tokens),), row) for row, each in enumerate(texts)])
    columns = torch.cat(
        [torch.arange(first, first + len(each.tokens)) for first, each in zip(firsts, texts, strict=True)]
    )
    with torch.inference_mode(), caught(model, rows, columns) as states:
        model(**inputs, use_cache=False)
    return list(torch.split(states[0], [len(each.tokens) for each in texts]))


def _inputs(rows: Sequence[Ids], special: SpecialTokens, device: Any) -> dict[str, torch.Tensor]:
    import torch

    ids, mask = padded(rows, special.pad, left=False)
    return {"input_ids": torch.tensor(ids, device=device), "attention_mask": torch.tensor(mask, device=device)}


@contextmanager
def caught(model: Any, rows: torch.Tensor, columns: torch.Tensor) -> Iterator[list[torch.Tensor]]:
    """Within it, the list takes up what a forward pass gives its output embedding at these places: (places, d)."""
    found: list[torch.Tensor] = []

    def catch(module: Any, given: tuple[Any, ...]) -> tuple[Any, ...]:
        hidden = given[0]
        found.append(hidden[rows.to(hidden.device), columns.to(hidden.device)])
        return (hidden[:1, :1], *given[1:])

    handle = model.get_output_embeddings().register_forward_pre_hook(catch)
    try:
        yield found
    finally:
        handle.remove()
