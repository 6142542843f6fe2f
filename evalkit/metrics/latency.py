"""Time per request as a user waits for it, in seconds, and how much faster the student is, pair by pair."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evalkit.metrics import Family, Metric, Setting
from evalkit.metrics.intervals import widened
from evalkit.stats.interval import Interval
from evalkit.stats.quantile import hodges_lehmann_ratio, quantile, quantile_interval, smallest_n, speedup_quantile
from evalkit.streams import stream
from evalkit.table import PairTable
from evalkit.types import Estimate, Measured, Undefined

# Below this a bootstrap of a quantile is decisive far more often than it says: five noisy pairs agree by luck.
MIN_PAIRS = 20
_UNTIMED = "no example was timed for both models: set latency in the plan, or record latency_s"
PERCENTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
SPEEDUPS = {"p50": 0.5, "p95": 0.95}


def measure(pairs: PairTable, setting: Setting) -> dict[str, Measured]:
    """Percentiles of each model over its timed examples; speed-ups over the examples timed for both."""
    assert pairs.teacher is not None
    sides = {"teacher": pairs.teacher.latency, "student": pairs.student.latency}
    timed = {role: values[np.isfinite(values)] for role, values in sides.items()}
    found: dict[str, Measured] = {
        f"latency.{name}.{role}": _percentile(values, q, setting)
        for role, values in timed.items()
        for name, q in PERCENTILES.items()
    }
    both = np.isfinite(sides["teacher"]) & np.isfinite(sides["student"])
    teacher, student = sides["teacher"][both], sides["student"][both]
    for name, q in SPEEDUPS.items():
        found[f"latency.speedup.{name}"] = _speedup(teacher, student, name, q, setting)
    found["latency.speedup.typical"] = _typical(teacher, student, setting)
    return found


def _percentile(values: NDArray[np.float64], q: float, setting: Setting) -> Measured:
    if values.size == 0:
        return Undefined(reason="it was not timed")
    interval = quantile_interval(values, q, setting.level)
    if interval is None:
        return Undefined(reason=f"{values.size} timings are too few to bound this percentile")
    value = quantile(values, q)
    return _estimate(value, interval, int(values.size), setting, "order statistics, point by linear interpolation")


def _speedup(
    teacher: NDArray[np.float64], student: NDArray[np.float64], name: str, q: float, setting: Setting
) -> Measured:
    if teacher.size == 0:
        return Undefined(reason=_UNTIMED)
    needed = max(MIN_PAIRS, smallest_n(q, setting.level))
    if teacher.size < needed:
        return _too_few(teacher.size, needed)
    rng = stream(setting.seed, "speedup", name, *setting.names)
    found = speedup_quantile(teacher, student, q, rng, setting.resamples, setting.level)
    if found is None:
        return Undefined(reason=f"{teacher.size} paired timings are too few, or a time is not above 0")
    value, interval = found
    estimate = _estimate(
        value,
        interval,
        int(teacher.size),
        setting,
        f"teacher / student {name}, paired bootstrap, {setting.resamples} resamples",
    )
    return widened(estimate, (0.0, float("inf")))


def _estimate(value: float, interval: Interval, n: int, setting: Setting, method: str) -> Estimate:
    low, high = min(interval.low, value), max(interval.high, value)
    return Estimate(value=value, low=low, high=high, level=setting.level, n=n, method=method)


def _too_few(seen: int, needed: int) -> Undefined:
    return Undefined(reason=f"{seen} paired timings are too few, {needed} are needed: raise latency.prompts")


def _typical(teacher: NDArray[np.float64], student: NDArray[np.float64], setting: Setting) -> Measured:
    if teacher.size == 0:
        return Undefined(reason=_UNTIMED)
    if teacher.size < MIN_PAIRS:
        return _too_few(teacher.size, MIN_PAIRS)
    found = hodges_lehmann_ratio(teacher, student, setting.level)
    if found is None:
        return Undefined(reason=f"{teacher.size} paired timings are too few, or a time is not above 0")
    value, interval = found
    estimate = _estimate(value, interval, int(teacher.size), setting, "Hodges–Lehmann of teacher / student over pairs")
    return widened(estimate, (0.0, float("inf")))


FAMILY = Family(
    name="latency",
    measure=measure,
    slices="none",
    timed=True,
    metrics=(
        *(
            Metric(
                name=f"latency.{name}.{role}",
                direction="lower",
                unit="seconds",
                bounds=(0, float("inf")),
                compares=False,
            )
            for name in PERCENTILES
            for role in ("teacher", "student")
        ),
        *(
            Metric(
                name=f"latency.speedup.{name}", direction="higher", unit="ratio", bounds=(0, float("inf")), identity=1.0
            )
            for name in (*SPEEDUPS, "typical")
        ),
    ),
)
