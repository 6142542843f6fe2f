"""Requests → Outputs: batch by batch through the content-keyed cache.

A batch is the unit of resume. Its key is made of the model and of every question in it, so whatever was
finished before an interruption is found again, and nothing else is. A batch in which something failed is not
kept: the same command tries it again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from evalkit.backends import Backend
from evalkit.cache import Shelf
from evalkit.errors import BrokenError
from evalkit.types import ERRORED, ModelFacts, Output, Request

# (requests done, requests in all)
Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Collected:
    """Outputs in the order of the requests, and how they came about."""

    outputs: tuple[Output, ...]
    batches: int
    from_cache: int


def collect(
    backend: Backend,
    facts: ModelFacts,
    requests: Sequence[Request],
    cache: Path,
    progress: Progress,
    batches: Sequence[Sequence[int]] | None = None,
) -> Collected:
    """One output per request, asked in `batches` (None: the backend's own).

    Raises BrokenError when the model cannot run or the cache cannot be written.
    """
    if not facts.live:
        outputs = backend.run(requests)
        progress(len(requests), len(requests))
        return Collected(outputs=tuple(outputs), batches=0, from_cache=0)
    batches = backend.batches(requests) if batches is None else batches
    found: dict[int, Output] = {}
    lacking: list[Sequence[int]] = []
    shelf = Shelf(cache, facts)
    try:
        for batch in batches:
            kept = shelf.get([requests[index] for index in batch])
            if kept is None:
                lacking.append(batch)
            else:
                found.update(zip(batch, kept, strict=True))
        if found:
            progress(len(found), len(requests))
        if lacking:
            # Before the first batch: what cannot be kept should not be computed.
            shelf.claim()
        asked = [[requests[index] for index in batch] for batch in lacking]
        for number, answered in backend.run_each(asked):
            _check(answered, asked[number])
            if not any(each.status in ERRORED or each.error is not None for each in answered):
                shelf.put(asked[number], answered)
            found.update(zip(lacking[number], answered, strict=True))
            progress(len(found), len(requests))
    finally:
        shelf.close()
    return Collected(
        outputs=tuple(found[index] for index in range(len(requests))),
        batches=len(batches),
        from_cache=len(batches) - len(lacking),
    )


def _check(outputs: Sequence[Output], requests: Sequence[Request]) -> None:
    """A backend that loses, adds or reorders answers would pair them with the wrong questions."""
    asked, answered = [each.example_id for each in requests], [each.example_id for each in outputs]
    if asked != answered:
        raise BrokenError(
            f"the backend answered {len(answered)} of {len(asked)} requests, or in another order than asked"
        )
