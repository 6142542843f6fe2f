"""Runs of one scenario, and how often each interval held its truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evalkit.metrics import Setting
from evalkit.stats.interval import Interval
from evalkit.table import PairTable
from evalkit.types import Measured
from scripts.simulating.figures import Figure, Tally
from scripts.simulating.pairs import Ints, of_cells

# Coverage is promised at 95 %. At 90 %, by which a policy decides unless it says otherwise, the promise is that of the
# gate's own error rates.
LEVELS = (0.95, 0.9)
PROMISED = 0.95
# Intervals that no metric has and that are here to compare with, and samples that no interval can know enough about.
COMPARED = frozenset({"Wilson", "Newcombe", "Agresti–Min", "Bonett–Price"})
UNKNOWABLE = {
    ("calibration.nll.difference", "one in 200 certain and wrong"),
    ("calibration.nll.difference", "one in 50 certain and wrong"),
    ("outputs.length_ratio", "one in 100 does not end"),
}
# Bootstrap draws are the same for every run with the same seed. So many seeds take turns, and no one draw decides.
SEEDS = 16
# Where the gate takes ten thousand: a simulated coverage moves by less than its own error, and time by a factor.
RESAMPLES = 2000

Measure = Callable[[PairTable, Setting], Mapping[str, Measured]]


def promised(what: str, scenario: str, level: float) -> bool:
    """Whether an interval is held to its coverage there."""
    return level == PROMISED and what not in COMPARED and (what, scenario) not in UNKNOWABLE


@dataclass(frozen=True)
class Where:
    """What the figures of one scenario have in common."""

    part: str
    scenario: str
    n: int


class Tallies:
    """A tally for each quantity with a truth, at each level."""

    def __init__(self, where: Where, truths: Mapping[str, float]) -> None:
        self._of = {
            (what, level): Tally(
                where.part,
                what,
                where.scenario,
                where.n,
                level,
                truth,
                promised=promised(what, where.scenario, level),
            )
            for level in LEVELS
            for what, truth in truths.items()
        }
        self._names = tuple(truths)

    def add(self, level: float, found: Mapping[str, Any], times: int = 1) -> None:
        """What was found at a level; quantities without a truth are left aside, one that is missing is an error."""
        for name in self._names:
            self._of[name, level].add(found[name], times)

    def figures(self) -> list[Figure]:
        """A figure for each quantity and level."""
        return [tally.figure() for tally in self._of.values()]


def distinct(tables: Ints) -> Iterator[tuple[tuple[int, ...], int]]:
    """Each different row of `tables`, and how often it came: what depends on the counts alone is measured once."""
    rows, counts = np.unique(tables, axis=0, return_counts=True)
    yield from ((tuple(row), times) for row, times in zip(rows.tolist(), counts.tolist(), strict=True))


def of_counts(
    where: Where,
    truths: Mapping[str, float],
    tables: Ints,
    intervals: Callable[[tuple[int, ...], float], Mapping[str, Interval | None]],
) -> list[Figure]:
    """Coverage of intervals that counts decide, over the drawn `tables` (runs, cells)."""
    tallies = Tallies(where, truths)
    for cells, times in distinct(tables):
        for level in LEVELS:
            tallies.add(level, intervals(cells, level), times)
    return tallies.figures()


def of_tables(
    where: Where,
    truths: Mapping[str, float],
    tables: Ints,
    measure: Measure,
    classes: int,
) -> list[Figure]:
    """Coverage of metrics that the paired table decides, measured on pairs that have it."""
    tallies = Tallies(where, truths)
    for cells, times in distinct(tables):
        pairs = of_cells(cells, classes)
        for level in LEVELS:
            tallies.add(level, measure(pairs, Setting(level, 0, (where.scenario,))), times)
    return tallies.figures()


def of_pairs(
    where: Where,
    truths: Mapping[str, float],
    draw: Callable[[], PairTable],
    measures: Sequence[Measure],
    runs: int,
) -> list[Figure]:
    """Coverage of metrics on pairs that are drawn anew in each run; their groups, if any, must not change."""
    tallies = Tallies(where, truths)
    settings = {
        (level, seed): Setting(level, seed, (where.scenario,), RESAMPLES)
        for level in LEVELS
        for seed in range(min(runs, SEEDS))
    }
    for run in range(runs):
        pairs = draw()
        for level in LEVELS:
            found: dict[str, Measured] = {}
            for measure in measures:
                found |= measure(pairs, settings[level, run % SEEDS])
            tallies.add(level, found)
    return tallies.figures()
