"""Stored pairs → what the report draws: one file per chart, each a function from a PairTable to points.

    reliability    how often a model is right at each confidence        as calibration.ece_debiased and its like
    risk_coverage  what is risked when only the surest answers are kept  its mean is calibration.aurc
    fallback       accuracy as the student answers more                  its chosen point is fallback.accuracy
    times          how many requests are done by when                    latency.p50 and its like are read off it
    refusals       who refused what                                      safety.newly_unsafe.count is one of its cells
    swaps          which answers changed into which                      what it lost is in flips.right_to_wrong.count

Rows, sides and intervals are those of the metrics, so what is drawn is what was measured. What a suite does not have
is absent, never zero.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evalkit.columns import Columns
from evalkit.types import Terms
from evalkit.types.points import SuitePoints


class Points(Mapping[str, SuitePoints]):
    """The points of each suite by its name. They are worked out when they are first asked for: who prints a verdict
    draws nothing. `level` is the two-sided coverage of their intervals, `models` as in the manifest."""

    def __init__(
        self, columns: Sequence[Columns], models: Mapping[str, Mapping[str, Any]], level: float, seed: int, terms: Terms
    ) -> None:
        self._columns = {each.facts.name: each for each in columns}
        self._given = models, level, seed, terms
        self._found: dict[str, SuitePoints] = {}

    def __getitem__(self, suite: str) -> SuitePoints:
        if suite not in self._found:
            # The metrics that drawing needs are not even loaded before.
            from evalkit.charts.suite import suite_points

            self._found[suite] = suite_points(self._columns[suite], *self._given)
        return self._found[suite]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)
