"""A made-up run that has something for every drawing: probabilities, a fallback, times, one that never finished."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from evalkit.types import Estimate, MetricRow, Undefined
from evalkit.types.points import Bin, FallbackCurve, Kept, Reliability, RiskCoverage, SuitePoints, Times
from evalkit.types.record import RunRecord
from tests.report import records
from tests.report.records import GOLD, metric

BINS = 15


def bins(shift: float) -> tuple[Bin, ...]:
    """Fifteen bins of rising confidence; `shift` is how much less often they are right than they state."""
    found = []
    for index in range(BINS):
        sure = 0.42 + 0.57 * (index / (BINS - 1)) ** 0.6
        right = max(0.05, sure - shift)
        found.append(
            Bin(confidence=sure, right=right, low=max(0.0, right - 0.05), high=min(1.0, right + 0.04), n=133 + index)
        )
    return tuple(found)


def reliability(who: Any, shift: float) -> Reliability:
    histogram = tuple((index - 7) ** 2 if index > 7 else 0 for index in range(20))
    return Reliability(who=who, bins=bins(shift), histogram=histogram, n=sum(histogram))


def risk(who: Any, worst: float) -> RiskCoverage:
    line = tuple(((index + 1) / 300, worst * ((index + 1) / 300) ** 2) for index in range(300))
    return RiskCoverage(who=who, line=line, n=2000)


def kept(index: int, last: int = 40) -> Kept:
    coverage = index / last
    right = 0.95 + 0.03 * coverage - 0.11 * coverage**4
    threshold = math.inf if index == 0 else 1.0 - 0.6 * coverage
    return Kept(threshold=threshold, coverage=coverage, accuracy=right, low=right - 0.012, high=right + 0.01)


CURVE = FallbackCurve(
    kept=tuple(kept(index) for index in range(41)),
    chosen=kept(29),
    teacher=0.95,
    student=0.87,
    behind="teacher",
    n=987,
)


def times(who: Any, middle: float, unfinished: int, n: int = 40) -> Times:
    done = n - unfinished
    line = tuple((middle * 1.02 ** (index - n / 2), (index + 1) / n) for index in range(done))
    return Times(who=who, line=line, n=n, unfinished=unfinished, how=f"{n} prompts on cpu, one at a time")


POINTS = SuitePoints(
    reliability=(
        reliability("teacher", 0.02),
        reliability("student", 0.11),
        reliability("student, rescaled", 0.01),
    ),
    risk_coverage=(risk("teacher", 0.05), risk("student", 0.13)),
    fallback=CURVE,
    times=(times("teacher", 0.084, 0), times("student", 0.031, 3)),
)
PROMISE = "with 0.95 confidence at most 0.02 of all requests are answered wrongly by the student"


def between(value: float, low: float, high: float, n: int = 2000, method: str = "bootstrap") -> Estimate:
    return Estimate(value=value, low=low, high=high, level=0.9, n=n, method=method)


def both(name: str, teacher: Estimate, student: Estimate, difference: Estimate, unit: str) -> tuple[MetricRow, ...]:
    found = {"teacher": teacher, "student": student, "difference": difference}
    return tuple(metric(f"{name}.{whose}", each, unit) for whose, each in found.items())


RESULTS: tuple[MetricRow, ...] = (
    *(row for row in records.RESULTS if not row.question.metric.startswith("calibration.")),
    *both(
        "calibration.brier",
        between(0.1421, 0.131, 0.153),
        between(0.2013, 0.187, 0.215),
        between(0.0592, 0.05, 0.068),
        "score",
    ),
    *both(
        "calibration.ece",
        between(0.021, 0.015, 0.028),
        between(0.027, 0.02, 0.035),
        between(0.006, -0.003, 0.015),
        "score",
    ),
    *both(
        "calibration.aurc",
        between(0.02, 0.017, 0.023),
        between(0.043, 0.038, 0.048),
        between(0.023, 0.02, 0.026),
        "score",
    ),
    metric("calibration.signed_gap.student", between(0.108, 0.095, 0.121), "score", direction="neutral"),
    metric("calibration.temperature.student", between(1.83, 1.7, 1.97), "score", direction="neutral"),
    metric("fallback.threshold", between(0.565, 0.565, 0.565, 1013, PROMISE), "probability", direction="neutral"),
    metric("fallback.coverage", between(0.725, 0.7, 0.748, 987), "share", direction="higher"),
    metric("fallback.accuracy", between(0.9413, 0.9293, 0.9513, 987), "share", direction="higher"),
    metric("fallback.saving", between(0.552, 0.528, 0.575, 987), "share", direction="higher"),
)
TIMINGS: tuple[MetricRow, ...] = (
    metric("latency.p50.teacher", between(0.0841, 0.082, 0.0862, 40), "seconds"),
    metric("latency.p50.student", between(0.0311, 0.03, 0.0322, 37), "seconds"),
    metric("latency.p95.student", between(0.0402, 0.039, 0.043, 37), "seconds"),
    metric("latency.p95.teacher", Undefined(reason="40 timings are too few"), "seconds"),
    metric("latency.speedup.typical", between(2.7, 2.5, 2.9, 37), "ratio", direction="higher"),
    metric("latency.speedup.p50", between(1.02, 0.97, 1.08, 37), "ratio", direction="higher"),
    metric("latency.speedup.fixed_budget", between(0.8, 0.7, 0.9, 37), "ratio", direction="higher"),
    metric("throughput.requests.teacher", between(108.0, 90.0, 120.0, 3), "per second", direction="higher"),
    metric("throughput.requests.student", between(388.0, 318.0, 474.0, 3), "per second", direction="higher"),
)


def charted(drawn: SuitePoints = POINTS, **more: Any) -> RunRecord:
    """The record, with these points for its first suite; `more` overrides fields."""
    fields: dict[str, Any] = {"points": {GOLD: drawn}, "results": RESULTS, "timings": TIMINGS} | more
    return replace(records.failing(), **fields)


def renamed(name: str, rows: tuple[MetricRow, ...]) -> tuple[MetricRow, ...]:
    """The rows of the whole suite, said of another suite."""
    return tuple(
        replace(row, question=replace(row.question, suite=name))
        for row in rows
        if row.question.suite == GOLD and row.question.slice is None
    )
