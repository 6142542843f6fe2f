"""The examples section: who was right, which answers were swapped for which, and the list to look through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from evalkit.report.view import SuiteView, View
from evalkit.types.points import Swap
from evalkit.types.record import RunRecord

# The commonest swaps are what a reader can act on; the list has them all.
MOST_SWAPS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """The suites with their transition tables, and by suite the commonest answers that changed."""

    suites: tuple[SuiteView, ...]
    swaps: Mapping[str, tuple[Swap, ...]]


def examples(view: View, record: RunRecord) -> Examples | None:
    """None where no example is held."""
    if not view.measured or not record.pairs:
        return None
    swaps = {name: points.swaps[:MOST_SWAPS] for name, points in sorted(record.points.items()) if points.swaps}
    return Examples(suites=view.suites, swaps=swaps)
