"""What was measured on whole suites, by name: the rows without a slice and without a filter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from evalkit import figures
from evalkit.report import origin, tables
from evalkit.report.view import Gap, Reading
from evalkit.types import Estimate, MetricRow, Undefined, Versus
from evalkit.types.record import RunRecord


class Whole:
    """The rows of a record about whole suites, and about the run as a whole (`suite` None)."""

    def __init__(self, record: RunRecord) -> None:
        self._rows: dict[tuple[str | None, str, Versus], MetricRow] = {
            (row.question.suite, row.question.metric, row.question.versus): row
            for row in (*record.results, *record.timings)
            if row.question.slice is None and not row.question.where
        }

    def row(self, suite: str | None, metric: str, versus: Versus = "teacher") -> MetricRow | None:
        """The row of a metric, None where the run has none."""
        return self._rows.get((suite, metric, versus))

    def estimate(self, suite: str | None, metric: str, versus: Versus = "teacher") -> Estimate | None:
        """The number of a metric, None where there is none."""
        row = self.row(suite, metric, versus)
        return row.measured if row is not None and isinstance(row.measured, Estimate) else None

    def reading(
        self, suite: str | None, metric: str, versus: Versus = "teacher", *, bound: float | None = None
    ) -> Reading | None:
        """The number as written, or its reason; None where the run has no such row. With a bound no number that
        differs from it looks like it."""
        row = self.row(suite, metric, versus)
        return None if row is None else tables.reading(row.measured, row.unit, metric, bound)[0]

    def why(self, suite: str | None, metrics: tuple[str, ...], versus: Versus = "teacher") -> str:
        """Why there is no number of any of these metrics: the reason of the first that has one, else empty."""
        rows = [self.row(suite, metric, versus) for metric in metrics]
        return next((row.measured.reason for row in rows if row and isinstance(row.measured, Undefined)), "")

    def suites(self) -> tuple[str, ...]:
        """Suites that a row is about, in the order of the rows."""
        return tuple(dict.fromkeys(suite for suite, _, _ in self._rows if suite is not None))

    def measured(self, suite: str | None, beginning: str) -> Iterator[MetricRow]:
        """The rows of a suite whose metric begins so and has a number."""
        for (where, metric, _), row in self._rows.items():
            if where == suite and metric.startswith(beginning) and isinstance(row.measured, Estimate):
                yield row


def plain(value: float, unit: str, n: int, *, metric: str = "") -> Reading:
    """A number that follows from measured ones and has no interval of its own."""
    written = figures.number(value, unit, metric=metric)
    return Reading(value=written, interval="", n=n, level=0.0, method="", exact=(value, None, None))


def without_interval(reading: Reading) -> Reading:
    """The number alone, for a sentence."""
    exact = None if reading.exact is None else (reading.exact[0], None, None)
    return replace(reading, interval="", exact=exact)


def counted(reading: Reading) -> Reading:
    """A share of examples in words where it is nothing or everything: `0 of 120` with `(at most 2.5 %)` as its
    interval; any other as it is.

    Nothing seen among few is not nothing, so what the interval leaves open stands beside it.
    """
    if reading.exact is None or not reading.n or reading.exact[0] not in (0.0, 1.0):
        return reading
    value, low, high = reading.exact
    many = figures.count(0 if value == 0.0 else reading.n)
    beside = ""
    if low is not None and high is not None and low < high:
        seen = Estimate(value=value, low=low, high=high, level=reading.level, n=reading.n, method=reading.method)
        ends, unit = figures.against(seen, None, "share"), figures.style("share").suffix
        beside = f"(at most {ends.high}{unit})" if value == 0.0 else f"(at least {ends.low}{unit})"
    return replace(reading, value=f"{many} of {figures.count(reading.n)}", interval=beside)


def models(record: RunRecord) -> Mapping[str, Mapping[str, Any]]:
    """What the run recorded of its models, by role; nothing else, whatever a file holds in their place."""
    found = record.manifest.get("models")
    if not isinstance(found, Mapping):
        return {}
    return {role: facts for role, facts in found.items() if isinstance(facts, Mapping)}


def listed(record: RunRecord, suite: str) -> Mapping[str, Any]:
    """What the run recorded of a suite; nothing where it does not name it."""
    return next((each for each in origin.items(record.manifest, "suites") if each.get("name") == suite), {})


def gaps(reasons: Mapping[str, str]) -> tuple[Gap, ...]:
    """What was not measured, by name and reason, as one gap for each reason."""
    by_reason: dict[str, list[str]] = {}
    for what, why in reasons.items():
        by_reason.setdefault(why, []).append(what)
    return tuple(Gap(what=", ".join(names), why=why) for why, names in by_reason.items())
