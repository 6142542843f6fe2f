"""The contest of the KL pass: evalkit's, over the vocabulary in stretches, against its two matrix products alone."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scripts.benching import bare
from scripts.benching.contest import OURS, Contest, Side, numbers_differ

if TYPE_CHECKING:
    from scripts.benching.contests import Place

# The answers of so many tokens are compared with what float64 gives from all logits.
COMPARED = 48


def kl(place: Place) -> Contest:
    """Rows are numbers of tokens: each side takes as many hidden states, drawn at random, of teacher and student.

    The student is in memory and the teacher's output embedding is read from its files, as in a run. Time and memory
    are those of the pass from states to readings; the models' own passes are no part of it.
    """
    import torch

    from evalkit.backends.local.forced import _MOST_TOKENS
    from evalkit.backends.local.loading import SpecialTokens, load_model, load_tokenizer
    from evalkit.backends.local.projection import Filed, describe, loaded
    from evalkit.backends.local.tokenwise import compared

    models: list[tuple[Any, SpecialTokens]] = []
    for folder in place.folders:
        model, special = load_model(
            folder, "causal", load_tokenizer(folder), dtype=place.dtype, device=place.device, device_map=None
        )
        assert special is not None
        models.append((model, special))
    (teacher, of_teacher), (student, of_student) = models
    described = describe(teacher, "causal", of_teacher, Path(place.folders[0]))
    own = loaded(student, "causal", of_student)
    if isinstance(described, str) or isinstance(own, str):
        raise RuntimeError(f"these models cannot be compared: {described} / {own}")
    weights = [each.get_output_embeddings().weight.detach() for each, _ in models]
    short, long = place.setting.tokens[place.name]
    draw = torch.Generator().manual_seed(0)
    states = [torch.randn(long, each.shape[1], generator=draw).to(each.device, each.dtype) for each in weights]
    tokens = torch.randint(0, len(weights[0]), (long,), generator=draw).to(weights[0].device)

    def ours(rows: Sequence[int]) -> list[Any]:
        count = sum(rows)
        head = Filed(Path(place.folders[0]), described, weights[0].device)
        found: list[Any] = []
        with torch.inference_mode():
            for start in range(0, count, _MOST_TOKENS):
                part = slice(start, min(count, start + _MOST_TOKENS))
                found += compared(head, own, states[0][part], states[1][part], tokens[part]).kl[:COMPARED].tolist()
        return [[each] for each in found[:COMPARED]]

    def exact(rows: Sequence[int]) -> list[Any]:
        few = min(COMPARED, sum(rows))
        return [[each] for each in bare.divergences(*weights, states[0][:few], states[1][:few])]

    def products(rows_at_once: int, words: int) -> Side:
        made = bare.Products(*weights, rows_at_once, min(words, len(weights[0])))

        def run(rows: Sequence[int]) -> list[Any]:
            made(states[0][: sum(rows)], states[1][: sum(rows)])
            return []

        return run

    everything = len(weights[0])
    layouts = {"the whole vocabulary at once": (256, everything), "in stretches of 4,096 words": (256, 4096)}
    sides: dict[str, Side] = {
        OURS: ours,
        **{f"products, {name}": products(*layout) for name, layout in layouts.items()},
        "all logits in float64, of a few tokens": exact,
    }

    def after() -> dict[str, Any]:
        return {
            "extra_bytes": {str(count): extra_bytes(partial(ours, [count]), place.device) for count in (short, long)}
        }

    return Contest(
        rows=[short],
        sides=sides,
        differ=place.held(numbers_differ(1e-5)),
        silent=[each for each in sides if each.startswith("products")],
        facts={"tokens": short, "vocabulary": everything},
        after=after,
    )


def extra_bytes(run: Callable[[], Any], device: str) -> int | None:
    """How much more memory is in use at the worst moment of `run` than before it; None where nobody can tell."""
    if device.startswith("cuda"):
        import torch

        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        run()
        return torch.cuda.max_memory_allocated(device) - before
    _give_back()
    try:
        # Linux: sets the highest use so far back to that of now.
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return None
    before = _kib("VmRSS")
    run()
    return (_kib("VmHWM") - before) * 1024


def _give_back() -> None:
    """What was freed and kept would hide what is taken next. Only some C libraries can be asked."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _kib(name: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(each.split()[1]) for each in lines if each.startswith(name + ":"))
