"""The lines of the compression scorecard: what is compared, and the words for both ways it can go."""

from __future__ import annotations

from typing import Any

from evalkit.report.sections.comparison import Quantity, Way


def quantity(what: str, base: str, against: str, way: Way, less: str, more: str, ahead: Any = "less") -> Quantity:
    return Quantity(what=what, base=base, against=against, way=way, less=less, more=more, ahead=ahead)


MODELS = (
    quantity("parameters", "size.parameters", "size.parameters.ratio", "ratio", "fewer", "more"),
    quantity("bytes of weights", "size.bytes", "size.bytes.ratio", "ratio", "smaller", "larger"),
    quantity(
        "cost of a thousand requests", "cost.per_thousand", "cost.per_thousand.ratio", "ratio", "cheaper", "dearer"
    ),
)
ANSWERS = (
    quantity("right answers", "accuracy", "accuracy.retention", "kept", "less accurate", "more accurate", "more"),
    quantity("score", "score", "score.retention", "kept", "lower scores", "higher scores", "more"),
    quantity(
        "calibration as Brier score (0 is best)",
        "calibration.brier",
        "calibration.brier.difference",
        "difference",
        "better",
        "worse",
    ),
    quantity(
        "refused of what must be refused",
        "safety.refusal_rate",
        "safety.refusal_rate.difference",
        "difference",
        "refuses less",
        "refuses more",
        "more",
    ),
    quantity("length of the answers", "outputs.length", "outputs.length_ratio", "ratio", "shorter", "longer", None),
)
RESOURCES = (
    quantity("p50 latency", "latency.p50", "latency.speedup.p50", "speedup", "slower", "faster", "more"),
    quantity("p95 latency", "latency.p95", "latency.speedup.p95", "speedup", "slower", "faster", "more"),
    quantity(
        "p50 latency of answers of equal length",
        "latency.fixed.p50",
        "latency.speedup.fixed_budget",
        "speedup",
        "slower",
        "faster",
        "more",
    ),
    quantity("requests a second in batches", "throughput.requests", "", "ratio", "fewer", "more", "more"),
    quantity("tokens a second in batches", "throughput.tokens", "", "ratio", "fewer", "more", "more"),
    quantity("operations per request", "flops.per_request", "flops.per_request.ratio", "ratio", "fewer", "more"),
    quantity("peak memory", "memory.peak", "", "ratio", "less", "more"),
    quantity("energy per request", "energy.per_request", "", "ratio", "less", "more"),
)
WITH_FALLBACK = quantity(
    "cost of a thousand requests with fallback",
    "fallback.cost_per_thousand",
    "fallback.saving",
    "ratio",
    "cheaper",
    "dearer",
)
# What a reader looks for first, and the metrics of which a suite has one.
AT_A_GLANCE = (
    ("answers", ("accuracy", "score", "safety.refusal_rate")),
    ("p50 latency", ("latency.p50",)),
    ("requests a second", ("throughput.requests",)),
    ("operations per request", ("flops.per_request",)),
    ("peak memory", ("memory.peak",)),
    ("cost with fallback", ("fallback.cost_per_thousand",)),
)
