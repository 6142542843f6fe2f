"""Full batches, the models in turns: how much a model gets through when it is never idle."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from evalkit.backends import Backend
from evalkit.types import ERRORED, Output, Request, Role

Batches = list[list[Request]]


def in_batches(backend: Backend, sample: Sequence[Request]) -> Batches:
    """The sample in the batches that the backend itself would ask."""
    return [[sample[index] for index in batch] for batch in backend.batches(sample)]


def run_all(backend: Backend, batches: Batches) -> list[Output]:
    """Every batch, one after the other."""
    return [output for batch in batches for output in backend.run(batch)]


def passes(
    backends: Mapping[Role, Backend],
    batches: Mapping[Role, Batches],
    repeats: int,
    rng: np.random.Generator,
    clock: Callable[[], float],
    progress: Callable[[int, int], None],
) -> dict[Role, list[dict[str, Any]]]:
    """What each model got through in each of its passes over the sample: requests answered, tokens written
    (None where answers are not counted in tokens), seconds."""
    found: dict[Role, list[dict[str, Any]]] = {role: [] for role in backends}
    for done in range(1, repeats + 1):
        roles = list(backends)
        rng.shuffle(roles)
        for role in roles:
            began = clock()
            outputs = run_all(backends[role], batches[role])
            took = clock() - began
            answered = [each for each in outputs if each.status not in ERRORED]
            counts = [each.tokens_out for each in answered if each.tokens_out is not None]
            tokens = sum(counts) if answered and len(counts) == len(answered) else None
            found[role].append({"requests": len(answered), "tokens": tokens, "seconds": took})
        progress(done, repeats)
    return found
