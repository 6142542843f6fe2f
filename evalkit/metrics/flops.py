"""Floating-point operations per request: what an answer costs on any machine. Counted, hence no timing."""

from __future__ import annotations

import math

import numpy as np

from evalkit.metrics import Family, Setting
from evalkit.metrics.times import ROLES, Seconds, estimate, of_each_model, protocol, ratio, unmeasured
from evalkit.stats.interval import Interval
from evalkit.stats.mean import mean_interval, ratio_linearised
from evalkit.table import PairTable
from evalkit.types import Measured, Undefined

_LOWER_BOUND = "a lower bound: operators that PyTorch counts"
_TOO_FEW = "the operations of one prompt only were counted, and an interval needs two"


def measure(pairs: PairTable, setting: Setting) -> dict[str, Measured]:
    """The mean of each model over the prompts that were counted for it, and student / teacher over those of both."""
    counted = {role: _counted(pairs, role) for role in ROLES}
    found: dict[str, Measured] = {
        f"flops.per_request.{role}": each if isinstance(each, Undefined) else _mean(each, setting)
        for role, each in counted.items()
    }
    found["flops.per_request.ratio"] = _ratio(counted["teacher"], counted["student"], setting)
    return found


def _counted(pairs: PairTable, role: str) -> Seconds | Undefined:
    """Operations per example, NaN where they were not counted."""
    record = protocol(pairs, role)
    if record is None:
        return unmeasured(pairs, role)
    if "undefined" in record["flops"]:
        return Undefined(reason=record["flops"]["undefined"])
    by_id = record["flops"]["by_id"]
    values = np.array([by_id.get(each, np.nan) for each in pairs.ids], dtype=np.float64)
    if not np.isfinite(values).any():
        return Undefined(reason=f"no operations of the {role} were counted on these examples")
    return values


def _mean(values: Seconds, setting: Setting) -> Measured:
    rows = values[np.isfinite(values)]
    interval = mean_interval(rows, setting.level)
    if interval is None:
        return Undefined(reason=_TOO_FEW)
    return _within(float(rows.mean()), interval, rows.size, setting, "mean over prompts, Student t")


def _ratio(teacher: Seconds | Undefined, student: Seconds | Undefined, setting: Setting) -> Measured:
    if isinstance(teacher, Undefined):
        return teacher
    if isinstance(student, Undefined):
        return student
    both = np.isfinite(teacher) & np.isfinite(student)
    interval = ratio_linearised(student[both], teacher[both], setting.level) if both.any() else None
    if interval is None:
        return Undefined(reason=_TOO_FEW)
    value = float(student[both].sum() / teacher[both].sum())
    return _within(value, interval, int(both.sum()), setting, "student / teacher, ratio of means over the same prompts")


def _within(value: float, interval: Interval, n: int, setting: Setting, method: str) -> Measured:
    """Operations are counted, not sampled with noise: where all prompts take the same, that number is exact."""
    low = max(0.0, interval.low)
    note = "; the same for every prompt" if math.isclose(low, interval.high, rel_tol=1e-12) else ""
    ends = Interval(value, value) if note else Interval(low, interval.high)
    return estimate(value, ends, n, setting, f"{method}{note}; {_LOWER_BOUND}")


FAMILY = Family(
    name="flops",
    measure=measure,
    slices="none",
    champion=False,
    metrics=(*of_each_model("flops.per_request", "FLOP"), ratio("flops.per_request.ratio", "lower")),
)
