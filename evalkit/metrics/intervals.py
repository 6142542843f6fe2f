"""From counts and rows to Estimates: which interval each kind of quantity gets, with groups and without.

Where a suite has groups, the score interval (which takes examples as independent) and the cluster-robust one
are both computed and the wider is reported; with fewer than 20 groups neither can be trusted.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from evalkit.metrics import Setting
from evalkit.stats.interval import Interval
from evalkit.stats.mean import cluster_mean, mean_interval, ratio_linearised
from evalkit.stats.paired import difference_tango
from evalkit.stats.proportion import clopper_pearson, wilson
from evalkit.stats.resample import centred_interval
from evalkit.table import PairTable
from evalkit.types import Estimate, Measured, Undefined

MIN_GROUPS = 20
MIN_EXAMPLES = 20
_EVERYWHERE = (-math.inf, math.inf)


def exact(value: float, n: int, setting: Setting, method: str) -> Estimate:
    """A quantity that is what it is: low = high = value."""
    return Estimate(value=value, low=value, high=value, level=setting.level, n=n, method=method)


def p_value(value: float, n: int, setting: Setting, method: str) -> Estimate:
    """A p-value: no interval of its own."""
    return Estimate(value=value, low=None, high=None, level=setting.level, n=n, method=method)


def share(hits: NDArray[np.bool_], pairs: PairTable, setting: Setting, note: str = "") -> Measured:
    """Share of rows that hit, in [0, 1]: Wilson."""
    if (refusal := _refuse(pairs)) is not None:
        return refusal
    count, n = int(hits.sum()), pairs.n
    score = wilson(count, n, setting.level)
    estimate = _estimate(count / n, score, n, setting, _noted("Wilson score", note))
    return _clustered(estimate, pairs, lambda group: cluster_mean(hits.astype(float), group, setting.level), (0.0, 1.0))


def share_among(
    hits: NDArray[np.bool_], among: NDArray[np.bool_], pairs: PairTable, setting: Setting, whose: str
) -> Measured:
    """Share of the rows in `among` that hit, in [0, 1]: Clopper–Pearson, exact whatever the counts."""
    if (refusal := _refuse(pairs)) is not None:
        return refusal
    count, n = int((hits & among).sum()), int(among.sum())
    if n == 0:
        return Undefined(reason=f"{whose}: there are none")
    estimate = _estimate(
        count / n, clopper_pearson(count, n, setting.level), n, setting, f"Clopper–Pearson, over {whose}"
    )
    top, bottom = (hits & among).astype(float), among.astype(float)
    # Only groups that hold some of `among` say anything about it.
    return _clustered(
        estimate, pairs, lambda group: ratio_linearised(top, bottom, setting.level, group), (0.0, 1.0), among
    )


def difference_of_shares(
    teacher: NDArray[np.bool_], student: NDArray[np.bool_], pairs: PairTable, setting: Setting, note: str = ""
) -> Measured:
    """Student's share minus teacher's over the same rows, in [-1, 1]: Tango's paired score interval."""
    if (refusal := _refuse(pairs)) is not None:
        return refusal
    a, b, c, d = cells(teacher, student)
    score = difference_tango(a, b, c, d, setting.level)
    estimate = _estimate((c - b) / pairs.n, score, pairs.n, setting, _noted("Tango paired score", note))
    change = student.astype(float) - teacher.astype(float)
    return _clustered(estimate, pairs, lambda group: cluster_mean(change, group, setting.level), (-1.0, 1.0))


def mean(
    rows: NDArray[np.float64],
    pairs: PairTable,
    setting: Setting,
    *,
    bounds: tuple[float, float] = _EVERYWHERE,
    note: str = "",
) -> Measured:
    """Mean of a number per row: Student t, over groups where there are any."""
    if (refusal := _refuse(pairs)) is not None:
        return refusal
    if pairs.n < 2:
        return Undefined(reason="one example has no spread to make an interval from")
    value = float(rows.mean())
    interval = mean_interval(rows, setting.level) or Interval(value, value)
    interval = Interval(max(bounds[0], interval.low), min(bounds[1], interval.high))
    estimate = widened(_estimate(value, interval, pairs.n, setting, _noted("mean, Student t", note)), bounds)
    return _clustered(estimate, pairs, lambda group: cluster_mean(rows, group, setting.level), bounds)


def resampled(
    value: float | None,
    statistic: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    pairs: PairTable,
    setting: Setting,
    *,
    bounds: tuple[float, float],
    otherwise: str,
    strata: NDArray[np.int64] | None = None,
    note: str = "",
) -> Measured:
    """A statistic of the whole sample: percentile bootstrap with its bias taken out, stretched for few units.

    Resampling n units shows sqrt((n-1)/n) of their spread and takes it for known, so the interval is stretched by the
    ratio of Student's to the normal quantile and by what is missing (Hesterberg 2015, The American Statistician 69).
    Under 20 examples a bootstrap shows less spread than there is, and near-copies would be sure on three: there the
    interval is at least as wide as where no spread is seen at all (`widened`).

    `statistic` maps weights (resamples, n) to values; NaN marks a resample on which it has none.
    `otherwise` is the reason given where the statistic is undefined on the sample or on over 1 % of resamples.
    """
    if (refusal := _refuse(pairs)) is not None:
        return refusal
    if value is None:
        return Undefined(reason=otherwise)
    values = np.concatenate([statistic(chunk) for chunk in setting.weights(pairs, strata)])
    interval = centred_interval(value, values, setting.level, low=bounds[0], high=bounds[1])
    if interval is None:
        return Undefined(reason=f"too few examples to bound it: {otherwise} in over 1 % of resamples")
    units = "groups" if pairs.group is not None else "examples"
    method = _noted(f"bootstrap of {units}, {len(values)} resamples, bias removed, stretched", note)
    groups = None if pairs.group is None else len(np.unique(pairs.group))
    interval = _stretched(interval, value, pairs.n if groups is None else groups, setting.level, bounds)
    estimate = _estimate(value, interval, pairs.n, setting, method)
    if pairs.n < MIN_EXAMPLES and interval.high > interval.low:
        least = _no_spread(estimate, bounds, pairs.n)
        low, high = min(interval.low, least.low), max(interval.high, least.high)
        return replace(estimate, low=low, high=high, method=f"{method}; at least z²/(n+z²) either way, n is small")
    return widened(estimate, bounds, groups)


def cells(teacher: NDArray[np.bool_], student: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """The paired table: both right, teacher only, student only, both wrong."""
    both = int((teacher & student).sum())
    only_teacher, only_student = int(teacher.sum()) - both, int(student.sum()) - both
    return both, only_teacher, only_student, len(teacher) - both - only_teacher - only_student


def widened(estimate: Estimate, bounds: tuple[float, float], units: int | None = None) -> Estimate:
    """An interval without width says only that the sample shows no spread, not that there is none.

    It gets the half-width that a paired score interval has when no pair differs, z² / (units + z²) in the
    metric's own unit; so a copy of the teacher passes on enough examples and not on five. `units` are what
    is independent: groups where there are any, else the examples.
    """
    if estimate.low is None or estimate.high is None or estimate.high > estimate.low:
        return estimate
    low, high = _no_spread(estimate, bounds, units or estimate.n)
    what = "groups" if units is not None else "n"
    return replace(estimate, low=low, high=high, method=f"{estimate.method}; no spread seen, so z²/({what}+z²)")


def _stretched(interval: Interval, value: float, units: int, level: float, bounds: tuple[float, float]) -> Interval:
    from scipy.special import stdtrit

    from evalkit.stats.normal import two_sided_z

    if units < 2:
        return interval
    factor = float(stdtrit(units - 1, (1 + level) / 2)) / two_sided_z(level) * math.sqrt(units / (units - 1))
    return Interval(
        max(bounds[0], value - factor * (value - interval.low)),
        min(bounds[1], value + factor * (interval.high - value)),
    )


def _no_spread(estimate: Estimate, bounds: tuple[float, float], units: int) -> Interval:
    from evalkit.stats.normal import two_sided_z

    z2 = two_sided_z(estimate.level) ** 2
    half = z2 / (units + z2)
    return Interval(max(bounds[0], estimate.value - half), min(bounds[1], estimate.value + half))


def clustered(
    estimate: Estimate,
    pairs: PairTable,
    robust: Callable[[NDArray[np.int64]], Interval | None],
    bounds: tuple[float, float],
) -> Measured:
    """The estimate, or with groups the wider of its interval and the cluster-robust one."""
    return _refuse(pairs) or _clustered(estimate, pairs, robust, bounds)


def _refuse(pairs: PairTable) -> Undefined | None:
    if pairs.n == 0:
        return Undefined(reason="there are no examples to measure it on")
    if pairs.group is not None and (groups := len(np.unique(pairs.group))) < MIN_GROUPS:
        return Undefined(reason=f"too few groups: {groups}, and an interval over groups needs {MIN_GROUPS}")
    return None


def _clustered(
    estimate: Estimate,
    pairs: PairTable,
    robust: Callable[[NDArray[np.int64]], Interval | None],
    bounds: tuple[float, float],
    among: NDArray[np.bool_] | None = None,
) -> Measured:
    if pairs.group is None:
        return estimate
    groups = len(np.unique(pairs.group if among is None else pairs.group[among]))
    interval, how = robust(pairs.group), "cluster-robust t"
    assert estimate.low is not None
    assert estimate.high is not None
    if interval is None or interval.high <= interval.low:
        # Groups that are all alike are few independent observations, however many rows they hold.
        interval, how = _no_spread(estimate, bounds, groups), "no spread between groups, so z²/(groups+z²)"
    if interval.high - interval.low <= estimate.high - estimate.low:
        return estimate
    low, high = max(bounds[0], interval.low), min(bounds[1], interval.high)
    return replace(
        estimate,
        low=min(low, estimate.value),
        high=max(high, estimate.value),
        method=f"{how} over {groups} groups (wider than {estimate.method})",
    )


def _estimate(value: float, interval: Interval, n: int, setting: Setting, method: str) -> Estimate:
    # An interval found by root search may miss its own centre by a rounding error.
    return Estimate(
        value=value,
        low=min(float(interval.low), value),
        high=max(float(interval.high), value),
        level=setting.level,
        n=n,
        method=method,
    )


def _noted(method: str, note: str) -> str:
    return f"{method}; {note}" if note else method
