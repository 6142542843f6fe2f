"""From seconds to Estimates: percentiles of one model, ratios over pairs, and the words for what was not timed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalkit.metrics import ROW_RESAMPLES, Metric, Setting
from evalkit.metrics.intervals import exact, widened
from evalkit.stats.early_stopping import CONFIDENCE, early_stopping, fewest
from evalkit.stats.interval import Interval
from evalkit.stats.quantile import hodges_lehmann_ratio, quantile, quantile_interval, smallest_n, speedup_quantile
from evalkit.streams import stream
from evalkit.table import PairTable
from evalkit.types import Estimate, Measured, Undefined

# Below this a bootstrap of a quantile is decisive far more often than it says: five noisy pairs agree by luck.
MIN_PAIRS = 20
ROLES = ("teacher", "student")
PERCENTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
UNTIMED = "nothing was timed: set latency in the plan, or record latency_s"
UNMEASURED = "only the timing protocol measures it: set latency in the plan"
_INFINITE = float("inf")

Seconds = NDArray[np.float64]


def protocol(pairs: PairTable, role: str) -> Mapping[str, Any] | None:
    """What the timing protocol recorded of a model on this suite; None where it did not time it."""
    found: Mapping[str, Any] | None = pairs.timing.get("roles", {}).get(role)
    return found


def unmeasured(pairs: PairTable, role: str) -> Undefined:
    """Why a model that `protocol` knows nothing of has no measurement."""
    if not pairs.timing:
        return Undefined(reason=UNMEASURED)
    return Undefined(reason=f"the {role} did not answer here: what its answers cost was not measured")


def incomparable(pairs: PairTable) -> Undefined | None:
    """Why times of these two models must not be compared: one of them was timed here and the other elsewhere."""
    here = [role for role in ROLES if protocol(pairs, role) is not None]
    if len(here) != 1:
        return None
    other = "teacher" if here == ["student"] else "student"
    return Undefined(
        reason=f"only the {here[0]} was timed here: times of the {other} are from another environment, "
        "and a ratio of the two would say nothing"
    )


def whole_suite(pairs: PairTable) -> Undefined | None:
    """Why what was measured of all examples together says nothing of these."""
    if pairs.timing and pairs.timing["examples"] != pairs.counted():
        return Undefined(reason="it is measured on a suite as a whole, not on a part of it")
    return None


def how(pairs: PairTable, role: str) -> str:
    """In words: how this model was timed."""
    record = protocol(pairs, role)
    if record is None:
        return "as recorded"
    warm = record["warm_up"]
    settled = "" if warm["stable"] else ", which did not settle"
    return f"alone, median of {pairs.timing['repeats']}, after {warm['rounds']} warm-ups{settled}"


def percentile(seconds: Seconds, q: float, pairs: PairTable, role: str, setting: Setting, missing: str) -> Measured:
    """A percentile over the examples that have a time; `missing` is the reason given where none has."""
    values = seconds[np.isfinite(seconds)]
    if values.size == 0:
        return Undefined(reason=missing)
    interval = quantile_interval(values, q, setting.level)
    if interval is None:
        needed = smallest_n(q, setting.level)
        return Undefined(
            reason=f"{values.size} timings are too few to bound this percentile, {needed} are needed"
            + _remedy(pairs, role)
        )
    method = f"order statistics, point by linear interpolation; {how(pairs, role)}"
    if protocol(pairs, role) is not None and pairs.timing["examples"] == pairs.counted():
        failed = int(pairs.timing["prompts"]) - int(values.size)
        method += f"; {failed} of {pairs.timing['prompts']} prompts have no time" * bool(failed)
    elif untimed := int(seconds.size - values.size):
        # A time-out has no time of its own, and would have been the slowest.
        method += f"; {untimed} of {seconds.size} have no time and are not in it"
    return estimate(quantile(values, q), interval, int(values.size), setting, method)


def pessimistic(seconds: Seconds, q: float, pairs: PairTable, role: str, setting: Setting, missing: str) -> Measured:
    """A percentile as MLPerf's early stopping estimates it from so many timings: a bound more than an estimate, which
    is below the true percentile in 1 of 100 cases at most. It needs no interval of its own."""
    values = seconds[np.isfinite(seconds)]
    if values.size == 0:
        return Undefined(reason=missing)
    found = early_stopping(values, q)
    if found is None:
        return Undefined(
            reason=f"{values.size} timings are too few for early stopping at this percentile, {fewest(q)} are needed"
            + _remedy(pairs, role)
        )
    value, rank = found
    method = (
        f"MLPerf early stopping: number {rank} from the slowest of {values.size}, "
        f"at or above the percentile with {100 * CONFIDENCE:g} % confidence; {how(pairs, role)}"
    )
    return exact(value, int(values.size), setting, method)


def speedup(
    teacher: Seconds, student: Seconds, name: str, q: float, pairs: PairTable, setting: Setting, missing: str
) -> Measured:
    """Teacher / student at a percentile, over the examples that have both times: paired bootstrap."""
    if (why := incomparable(pairs)) is not None:
        return why
    both = np.isfinite(teacher) & np.isfinite(student)
    teacher, student = teacher[both], student[both]
    if teacher.size == 0:
        return Undefined(reason=missing)
    needed = max(MIN_PAIRS, smallest_n(q, setting.level))
    if teacher.size < needed:
        return _too_few(teacher.size, needed, pairs)
    rng = stream(setting.seed, "speedup", name, *setting.names)
    resamples = min(setting.resamples, ROW_RESAMPLES)
    found = speedup_quantile(teacher, student, q, rng, resamples, setting.level)
    if found is None:
        return Undefined(reason=f"{teacher.size} paired timings are too few, or a time is not above 0")
    at = f"p{round(100 * q)}"
    method = f"teacher / student {at}, paired bootstrap, {resamples} resamples"
    return widened(estimate(*found, int(teacher.size), setting, method), (0.0, _INFINITE))


def typical(teacher: Seconds, student: Seconds, pairs: PairTable, setting: Setting, missing: str) -> Measured:
    """The typical ratio teacher / student of a pair: Hodges and Lehmann's."""
    if (why := incomparable(pairs)) is not None:
        return why
    both = np.isfinite(teacher) & np.isfinite(student)
    teacher, student = teacher[both], student[both]
    if teacher.size == 0:
        return Undefined(reason=missing)
    if teacher.size < MIN_PAIRS:
        return _too_few(teacher.size, MIN_PAIRS, pairs)
    found = hodges_lehmann_ratio(teacher, student, setting.level)
    if found is None:
        return Undefined(reason=f"{teacher.size} paired timings are too few, or a time is not above 0")
    method = "Hodges–Lehmann of teacher / student over pairs"
    return widened(estimate(*found, int(teacher.size), setting, method), (0.0, _INFINITE))


def estimate(value: float, interval: Interval, n: int, setting: Setting, method: str) -> Estimate:
    low, high = min(interval.low, value), max(interval.high, value)
    return Estimate(value=value, low=low, high=high, level=setting.level, n=n, method=method)


def of_each_model(name: str, unit: str, direction: str = "lower") -> tuple[Metric, ...]:
    """The metric of each model, of which more is worse unless told otherwise."""
    return tuple(
        Metric(
            name=f"{name}.{role}",
            direction=direction,  # type: ignore[arg-type]
            unit=unit,
            bounds=(0, _INFINITE),
            compares=False,
        )
        for role in ROLES
    )


def ratio(name: str, direction: str = "higher") -> Metric:
    """A ratio of the two models, 1 for two that are alike."""
    return Metric(name=name, direction=direction, unit="ratio", bounds=(0, _INFINITE), identity=1.0)  # type: ignore[arg-type]


def _too_few(seen: int, needed: int, pairs: PairTable) -> Undefined:
    return Undefined(reason=f"{seen} paired timings are too few, {needed} are needed{_remedy(pairs, 'student')}")


def _remedy(pairs: PairTable, role: str) -> str:
    return ": raise latency.prompts" if protocol(pairs, role) is not None else ""
