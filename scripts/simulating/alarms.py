"""Alarms by noise: criteria that allow not one lost example, and the list of slices that regressed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from evalkit.columns import Columns
from evalkit.estimate import Evidence
from evalkit.gate.judging import judge
from evalkit.metrics import Setting, flips
from evalkit.table import PairTable, table
from evalkit.types import Versus
from scripts.simulating.figures import Figure, Scenario
from scripts.simulating.pairs import Ints, columns, filled, of_cells

CRITICAL = (10, 25, 50, 100, 200)
FLIPS = (0.001, 0.005, 0.01, 0.02, 0.05)
# A policy's level, one-sided, and the two-sided coverage that goes with it.
ONE_SIDED, LEVEL = 0.95, 0.9
EXAMPLES = 1000
# Columns of slices and how many values each has; values of one column share the examples evenly.
SLICINGS = {"5 slices": (5,), "30 slices": (10, 20), "100 slices": (100,)}
GROUP = 5


def scenarios() -> Iterator[Scenario]:
    """Every number of critical examples with every flip rate; and slices, with groups and without."""
    for rate in FLIPS:
        for k in CRITICAL:
            yield Scenario(f"count/{k}/{rate}", 20_000, partial(_count, k=k, rate=rate))
    for name in SLICINGS:
        for grouped in (False, True):
            units = "grouped" if grouped else "plain"
            yield Scenario(f"slices/{name}/{units}", 400, partial(_slices, name=name, grouped=grouped))


def _count(rng: np.random.Generator, runs: int, k: int, rate: float) -> list[Figure]:
    setting, red = Setting(LEVEL, 0, ("alarms",)), 0
    for lost, times in zip(*np.unique(rng.binomial(k, rate, size=runs), return_counts=True), strict=True):
        pairs = of_cells((k - int(lost), int(lost), 0, 0))
        found = flips.FAMILY.measure(pairs, setting)["flips.right_to_wrong.count"]
        red += int(times) * (judge(found, None, 0.0, by_value=True) == "fail")
    return [
        Figure(
            part="zero-tolerance alarms",
            what=f"{rate:.1%} of answers flip",
            scenario=f"{k} critical examples",
            n=k,
            runs=runs,
            hits=red,
            more={"exact": 1 - (1 - rate) ** k},
        )
    ]


def _slices(rng: np.random.Generator, runs: int, name: str, grouped: bool) -> list[Figure]:
    counts = SLICINGS[name]
    of = {f"s{at}": rng.permutation(np.arange(EXAMPLES) % count) for at, count in enumerate(counts)}
    group = np.repeat(np.arange(EXAMPLES // GROUP), GROUP) if grouped else None
    stored = sliced(of)
    blank = table(stored, "teacher")
    listed = 0
    for _ in range(runs):
        listed += bool(regressed(stored, _unchanged(rng, blank, group)))
    return [
        Figure(
            part="slices listed when nothing changed",
            what=name + (", groups that flip together" if grouped else ""),
            scenario="student and teacher alike, 10 % differ",
            n=EXAMPLES,
            runs=runs,
            hits=listed,
            at_most=round(1 - ONE_SIDED, 4),
        )
    ]


def regressed(stored: Columns, pairs: PairTable) -> list[str]:
    """The slices that a run would list as worse, were these the pairs of its one suite."""
    # They stand where Evidence keeps what it has read: reading them anew would take most of the time.
    kept: dict[tuple[str, Versus], PairTable] = {(stored.facts.name, "teacher"): pairs}
    return [each.slice for each in Evidence((stored,), {}, LEVEL, 0, _tables=kept).regressed(1 - ONE_SIDED)]


def sliced(of: Mapping[str, Ints]) -> Columns:
    """The simulated suite, its examples in slices: for each column the value of each example."""
    stored = columns(EXAMPLES)
    rows = zip(*(values.tolist() for values in of.values()), strict=True)
    texts = [json.dumps(dict(zip(of, map(str, row), strict=True))) for row in rows]
    return replace(stored, facts=replace(stored.facts, slice_names=tuple(of)), data={**stored.data, "slices": texts})


def _unchanged(rng: np.random.Generator, pairs: PairTable, group: Ints | None) -> PairTable:
    """One example in ten flips, either way; with groups, all that flip in a group do so the same way."""
    flipped = rng.random(pairs.n) < 0.1
    down = rng.random(pairs.n) < 0.5 if group is None else (rng.random(int(group.max()) + 1) < 0.5)[group]
    teacher = np.where(flipped, down, True)
    return filled(pairs, group=group, teacher_correct=teacher, student_correct=np.where(flipped, ~down, True))
