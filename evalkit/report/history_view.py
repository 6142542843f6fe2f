"""Runs over time, in words: what the page and the terminal say alike of each of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from evalkit import figures
from evalkit.report import prepare, tables
from evalkit.report.view import CriterionView
from evalkit.types import CriterionStatus
from evalkit.types.over_time import Entry, History, Lineage, Trend, TrendPoint
from evalkit.types.record import RunRecord

_WORST: tuple[CriterionStatus, ...] = ("fail", "inconclusive", "not_evaluated", "waived", "pass")
UNKNOWN = "not recorded"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstView:
    """The criterion that speaks most against a run: of the worst outcome there is, the furthest on the bad side."""

    id: str
    status: CriterionStatus
    said: str
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PointView:
    """One run in a trend, as written; `status` is empty where the run's verdict has no such row. `exact` are value, low
    and high."""

    at: int
    status: CriterionStatus | Literal[""]
    value: str
    interval: str
    needs: str
    exact: tuple[float | None, float | None, float | None]
    bound: float | None
    at_least: bool
    moved: bool
    why: str


def title(line: Lineage) -> str:
    """Which runs these are."""
    return f"teacher {line.teacher or UNKNOWN} · {f'policy {line.policy}' if line.policy else 'no policy'}"


def summary(found: History) -> str:
    """How many runs there are."""
    shown = found.found - found.left_out
    many = f"{figures.count(shown)} {'run' if shown == 1 else 'runs'}"
    if found.left_out:
        many += f", the latest of {figures.count(found.found)}"
    apart = len(found.lines)
    return many if apart == 1 else f"{many}, of {apart} teachers or policies"


def day(entry: Entry) -> str:
    """When the run began, to the minute, in UTC."""
    return entry.started[:16].replace("T", " ") or "no time recorded"


def worst(entry: Entry, units: Mapping[str, str]) -> WorstView | None:
    """None where nothing was decided by a criterion."""
    rows = [row for row in criteria(entry, units) if not row.skipped]
    blocking = [row for row in rows if row.effect == "block"] or rows
    status = next((each for each in _WORST if any(row.status == each for row in blocking)), None)
    if status is None:
        return None
    row = min((row for row in blocking if row.status == status), key=prepare.margin)
    value = f"{row.reading.value} {row.reading.interval}".strip()
    said = f"undefined: {row.reading.undefined}" if row.reading.undefined is not None else value
    needs = f", needs {row.needs}" if row.needs else ""
    return WorstView(id=row.id, status=status, said=f"{said}{needs}", place=row.place)


def criteria(entry: Entry, units: Mapping[str, str]) -> tuple[CriterionView, ...]:
    """The rows of a run's verdict as every report writes them."""
    record = RunRecord(
        manifest={},
        verdict=entry.verdict,
        results=(),
        timings=(),
        transitions={},
        pairs=(),
        changed=0,
        pairs_total=0,
    )
    return prepare.criteria_of(record, dict(units))


def trend_place(trend: Trend) -> str:
    """Where a criterion applies: suite, slice, filter, and the champion if it is compared with that."""
    asked = trend.question
    where = ", ".join(f"{column}={'|'.join(values)}" for column, values in asked.where)
    parts = [asked.suite or "whole run", asked.slice, where, "versus champion" if asked.versus == "champion" else ""]
    return " · ".join(part for part in parts if part)


def points(trend: Trend) -> tuple[PointView, ...]:
    """The runs of a trend, in order, as every report writes their numbers."""
    return tuple(_point(each, trend) for each in trend.points)


def _point(point: TrendPoint, trend: Trend) -> PointView:
    row = point.row
    if row is None:
        nothing = (None, None, None)
        return PointView(
            at=point.at, status="", value="", interval="", needs="", exact=nothing, bound=None, at_least=True,
            moved=False, why="",
        )  # fmt: skip
    bound = row.at_least if row.at_least is not None else row.at_most
    reading, needs = tables.reading(row.measured, trend.unit, trend.question.metric, bound)
    return PointView(
        at=point.at,
        status=row.status,
        value=reading.value,
        interval=reading.interval,
        needs=f"{'≥' if row.at_least is not None else '≤'} {needs}" if needs else "",
        exact=reading.exact or (None, None, None),
        bound=bound,
        at_least=row.at_least is not None,
        moved=point.moved,
        why=reading.undefined or "",
    )
