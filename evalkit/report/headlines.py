"""The few numbers of each suite that a short sink shows when there are no criteria to show."""

from __future__ import annotations

from collections.abc import Iterator

from evalkit.report.view import SideView, SuiteView, View

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
