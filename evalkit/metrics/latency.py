"""Time per request as a user waits for it, in seconds, and how much faster the student is, pair by pair."""

from __future__ import annotations

from evalkit.metrics import Family, Setting
from evalkit.metrics.times import (
    PERCENTILES,
    UNTIMED,
    of_each_model,
    percentile,
    pessimistic,
    protocol,
    ratio,
    speedup,
    typical,
)
from evalkit.table import PairTable
from evalkit.types import Measured

SPEEDUPS = {"p50": 0.5, "p95": 0.95}
EARLY = ("p90", "p95", "p99")
_FAILED = "none of these prompts was timed, or all that were failed"


def measure(pairs: PairTable, setting: Setting) -> dict[str, Measured]:
    """Percentiles of each model over its timed examples, and their bounds as early stopping has them; speed-ups over
    the examples timed for both."""
    assert pairs.teacher is not None
    teacher, student = pairs.teacher.latency, pairs.student.latency
    found: dict[str, Measured] = {}
    for role, seconds in (("teacher", teacher), ("student", student)):
        missing = UNTIMED if protocol(pairs, role) is None else _FAILED
        for name, q in PERCENTILES.items():
            found[f"latency.{name}.{role}"] = percentile(seconds, q, pairs, role, setting, missing)
        for name in EARLY:
            early = pessimistic(seconds, PERCENTILES[name], pairs, role, setting, missing)
            found[f"latency.early_stopping.{name}.{role}"] = early
    for name, q in SPEEDUPS.items():
        found[f"latency.speedup.{name}"] = speedup(teacher, student, name, q, pairs, setting, UNTIMED)
    found["latency.speedup.typical"] = typical(teacher, student, pairs, setting, UNTIMED)
    return found


FAMILY = Family(
    name="latency",
    measure=measure,
    slices="none",
    timed=True,
    metrics=(
        *(metric for name in PERCENTILES for metric in of_each_model(f"latency.{name}", "seconds")),
        *(metric for name in EARLY for metric in of_each_model(f"latency.early_stopping.{name}", "seconds")),
        *(ratio(f"latency.speedup.{name}") for name in (*SPEEDUPS, "typical")),
    ),
)
