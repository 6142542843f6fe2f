"""What a short sink says in a line: the few numbers of each suite without criteria, and where most was lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from evalkit.figures import count, number
from evalkit.report.view import RegressedView, SideView, SuiteView, View

# Slices that explain a loss together; more of them are no explanation.
_FEW = 3
_SIDES = (
    *("accuracy", "score", "f1_macro", "fields.f1", "safety.refusal_rate", "safety.over_refusal"),
    *("calibration.brier", "outputs.error_rate", "outputs.truncated_rate", "latency.p50"),
)
_SINGLES = (
    "accuracy.retention",
    "score.retention",
    "safety.newly_unsafe.rate",
    "flips.right_to_wrong.count",
    "flips.wrong_to_right.count",
    "agreement.top1",
    "agreement.exact",
    "agreement.kl",
    "agreement.excess_disagreement",
    "latency.speedup.p50",
    "latency.speedup.fixed_budget",
)


@dataclass(frozen=True, slots=True)
class Loss:
    """Slices of one suite that share no example, and what they lost together."""

    rows: tuple[RegressedView, ...]

    @property
    def words(self) -> str:
        """`slice language=de, 34 lost, 4 gained of 210 (−14.3 pts)`."""
        lost, gained, n = (sum(getattr(row, key) for row in self.rows) for key in ("lost", "gained", "n"))
        *others, last = [row.slice for row in self.rows]
        names = f"slices {', '.join(others)} and {last}" if others else f"slice {last}"
        # Of several slices the difference is the mean over their examples.
        exact = sum(row.exact * row.n for row in self.rows) / n
        shown = number(exact, "difference") if others else self.rows[0].difference
        return f"{names}, {count(lost)} lost, {count(gained)} gained of {count(n)} ({shown})"


def most_of_the_loss(view: View) -> Loss | None:
    """The few slices that explain at least half of what their suite lost, the deepest falls first; None if none do.

    They are values of one column, so that no example is counted twice, and less than half of the suite: a slice that is
    most of a suite explains nothing by that.
    """
    for first in view.regressed:
        counts = next((suite.transition for suite in view.suites if suite.name == first.suite), None)
        if counts is None or not counts.right_to_wrong:
            continue
        n = counts.both_right + counts.right_to_wrong + counts.wrong_to_right
        n += counts.both_wrong_same + counts.wrong_to_other_wrong
        column = first.slice.partition("=")[0]
        alike = [row for row in view.regressed if (row.suite, row.slice.partition("=")[0]) == (first.suite, column)]
        for many in range(1, min(_FEW, len(alike)) + 1):
            rows = alike[:many]
            if 2 * sum(row.n for row in rows) >= n:
                break
            if 2 * sum(row.lost for row in rows) >= counts.right_to_wrong:
                return Loss(tuple(rows))
    return None


def headlines(view: View) -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
    """For each suite its title and (metric, what was seen), for what was measured; empty for a gated run."""
    if view.word != "ungated":
        return ()
    return tuple((_title(suite), tuple(_rows(suite))) for suite in view.suites if suite.name is not None)


def _title(suite: SuiteView) -> str:
    return f"{suite.name} ({suite.about})" if suite.about else str(suite.name)


def _rows(suite: SuiteView) -> Iterator[tuple[str, str]]:
    sides = {side.metric: side for family in suite.families for side in family.sides}
    singles = {single.metric: single.reading for family in suite.families for single in family.singles}
    for name in _SIDES:
        if name in sides and (said := _both(sides[name])):
            yield name, said
    for name in _SINGLES:
        if name in singles and singles[name].undefined is None:
            yield name, singles[name].words


def _both(side: SideView) -> str:
    parts = [
        f"{who} {reading.value}" + (f" {reading.interval}" if side.difference is None else "")
        for who, reading in (("teacher", side.teacher), ("student", side.student))
        if reading is not None and reading.undefined is None
    ]
    if parts and side.difference is not None and side.difference.undefined is None:
        parts.append(f"difference {side.difference.value} {side.difference.interval}")
    return ", ".join(parts)
