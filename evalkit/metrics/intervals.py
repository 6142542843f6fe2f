"""From counts and rows to Estimates: which interval each kind of quantity gets, with groups and without.

Where a suite has groups, a score interval takes their examples for as many independent ones as tell as much, and the
wider of it and the cluster-robust one is reported; with fewer than 20 groups neither can be trusted. Why the intervals
are as they are, and how often they hold the truth: docs/adr/0013-intervals.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from evalkit.metrics import Setting
from evalkit.stats.groups import group_sums, independent_rows
from evalkit.stats.interval import Interval
from evalkit.stats.kinds import Kinds
from evalkit.stats.mean import cluster_mean, mean_interval, ratio_linearised
from evalkit.stats.paired import difference_tango
from evalkit.stats.proportion import clopper_pearson, wilson
from evalkit.stats.resample import centred_interval
from evalkit.stats.tails import tail_stretch, unseen_half
from evalkit.table import PairTable
from evalkit.types import Estimate, Measured, Undefined

MIN_GROUPS = 20
MIN_EXAMPLES = 20
# Fewer hits or misses than this, and a share gets the exact interval beside Wilson's.
FEW = 10
_EVERYWHERE = (-math.inf, math.inf)
# The method says so from here on that an interval was stretched.
_TOLD = 1.05


def exact(value: float, n: int, setting: Setting, method: str) -> Estimate:
    """A quantity that is what it is: low = high = value."""
    return Estimate(value=value, low=value, high=value, level=setting.level, n=n, method=method)


def p_value(value: float, n: int, setting: Setting, method: str) -> Estimate:
    """A p-value: no interval of its own."""
    return Estimate(value=value, low=None, high=None, level=setting.level, n=n, method=method)


def share(hits: NDArray[np.bool_], pairs: PairTable, setting: Setting, note: str = "") -> Measured:
    """Share of rows that hit, in [0, 1]: Wilson, and where few hit or few miss the wider of it and Clopper–Pearson.

    Wilson's interval holds a share of 0.99 in 91 of 100 samples of 50 at 95 %, the two together in 98 of 100.
    """
    if (refusal := _refuse(pairs)) is not None:
        return refusal
    count, n, rows = int(hits.sum()), pairs.n, hits.astype(float)
    worth = worth_of(rows, pairs.group)
    score, how = wilson(count * worth, n * worth, setting.level), "Wilson score"
    if min(count, n - count) * worth < FEW:
        sure = clopper_pearson(count * worth, n * worth, setting.level)
        score, how = Interval(min(score.low, sure.low), max(score.high, sure.high)), "wider of Wilson score and exact"
    method = _noted(taken_for(how, n, worth), note)
    estimate = _estimate(count / n, score, pairs.counted(), setting, method)
    return _clustered(estimate, pairs, lambda group: cluster_mean(rows, group, setting.level), (0.0, 1.0))


def share_among(
    hits: NDArray[np.bool_], among: NDArray[np.bool_], pairs: PairTable, setting: Setting, whose: str
) -> Measured:
    """Share of the rows in `among` that hit, in [0, 1]: Clopper–Pearson, exact whatever the counts.

    With groups it is that of Korn and Graubard (1998): counts that n independent rows would have, not whole numbers.
    """
    if (refusal := _refuse(pairs)) is not None:
        return refusal
    count, n = int((hits & among).sum()), int(among.sum())
    if n == 0:
        return Undefined(reason=f"{whose}: there are none")
    top, bottom = (hits & among).astype(float), among.astype(float)
    worth = worth_of(top[among], None if pairs.group is None else pairs.group[among])
    interval = clopper_pearson(count * worth, n * worth, setting.level)
    method = f"{taken_for('Clopper–Pearson', n, worth)}, over {whose}"
    estimate = _estimate(count / n, interval, pairs.counted(among), setting, method)
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
    _, b, c, _ = table = cells(teacher, student)
    change = student.astype(float) - teacher.astype(float)
    worth = worth_of(change, pairs.group)
    score = difference_tango(*scaled(table, worth), setting.level)
    method = _noted(taken_for("Tango paired score", pairs.n, worth), note)
    estimate = _estimate((c - b) / pairs.n, score, pairs.counted(), setting, method)
    return _clustered(estimate, pairs, lambda group: cluster_mean(change, group, setting.level), (-1.0, 1.0))


def mean(
    rows: NDArray[np.float64],
    pairs: PairTable,
    setting: Setting,
    *,
    bounds: tuple[float, float] = _EVERYWHERE,
    unit: float = 1.0,
    note: str = "",
) -> Measured:
    """Mean of a number per row: Student t, cluster-robust where that is wider, made safe for tails (`for_tails`).

    What no row shows is covered as far as a row differs by `unit` at most. Numbers without a bound (NLL, KL) may hide
    more: where 3 % of the examples cost 4 nats each on average, 200 of them hold the truth 9 times of 10 at 95 %, and
    50 of them 7 times of 10 (docs/adr/0013-intervals.md).
    """
    if (refusal := _refuse(pairs)) is not None:
        return refusal
    if pairs.n < 2:
        return Undefined(reason="one example has no spread to make an interval from")
    value = float(rows.mean())
    interval = mean_interval(rows, setting.level) or Interval(value, value)
    estimate = _estimate(value, interval, pairs.counted(), setting, _noted("mean, Student t", note))
    if pairs.group is not None:
        robust = cluster_mean(rows, pairs.group, setting.level)
        if robust is not None and robust.high - robust.low > interval.high - interval.low:
            groups = len(np.unique(pairs.group))
            method = _noted(f"mean, cluster-robust t over {groups} groups", note)
            estimate = _estimate(value, robust, pairs.counted(), setting, method)
    return for_tails(estimate, rows - value, pairs, bounds, unit)


def ratio(
    top: NDArray[np.float64],
    bottom: NDArray[np.float64],
    pairs: PairTable,
    setting: Setting,
    *,
    bounds: tuple[float, float] = _EVERYWHERE,
    note: str = "",
) -> Measured:
    """sum(top) / sum(bottom) over rows, such as a number per token: Student t on the residuals of the ratio
    (`stats.mean.ratio_linearised`), cluster-robust where that is wider, made safe for tails (`for_tails`).

    `bottom` is above 0 in every row. A row of average weight differs by 1 at most; more may hide where there is no
    bound, as in `mean`.
    """
    if (refusal := _refuse(pairs)) is not None:
        return refusal
    if pairs.n < 2:
        return Undefined(reason="one example has no spread to make an interval from")
    value = float(top.sum() / bottom.sum())
    interval = ratio_linearised(top, bottom, setting.level) or Interval(value, value)
    method = _noted("ratio of sums, linearised, Student t", note)
    estimate = _estimate(value, interval, pairs.counted(), setting, method)
    if pairs.group is not None:
        robust = ratio_linearised(top, bottom, setting.level, pairs.group)
        if robust is not None and robust.high - robust.low > interval.high - interval.low:
            groups = len(np.unique(pairs.group))
            method = _noted(f"ratio of sums, linearised, cluster-robust t over {groups} groups", note)
            estimate = _estimate(value, robust, pairs.counted(), setting, method)
    return for_tails(estimate, (top - value * bottom) / bottom.mean(), pairs, bounds)


def for_tails(
    estimate: Estimate, residuals: NDArray[np.float64], pairs: PairTable, bounds: tuple[float, float], unit: float = 1.0
) -> Estimate:
    """The interval of a mean, stretched where few rows (or groups) carry the spread, and never narrower than what no
    row shows leaves open; within `bounds`.

    `residuals` of the rows add up to about 0; a row differs by `unit` at most, which is also what their 1 is worth in
    the metric's own unit.
    """
    assert estimate.low is not None
    assert estimate.high is not None
    independent = pairs.n * worth_of(residuals, pairs.group)
    stretch = tail_stretch(residuals if pairs.group is None else group_sums(residuals, pairs.group), estimate.level)
    least = unit * unseen_half(independent, estimate.level)
    down, up = stretch * (estimate.value - estimate.low), stretch * (estimate.high - estimate.value)
    said = [estimate.method]
    if stretch >= _TOLD:
        said.append(f"times {stretch:.2f} for few that carry the spread")
    if min(down, up) < least:
        what = "n" if pairs.group is None else f"{independent:.1f}"
        why = "no spread seen, so" if max(down, up) == 0.0 else "for what no example shows, at least"
        said.append(f"{why} z²/({what}+z²)" + ("" if unit == 1.0 else f" times {unit:.3g}"))
    return replace(
        estimate,
        low=max(bounds[0], estimate.value - max(down, least)),
        high=min(bounds[1], estimate.value + max(up, least)),
        method="; ".join(said),
    )


def worth_of(rows: NDArray[np.float64], group: NDArray[np.int64] | None) -> float:
    """For how many independent rows each of these counts, in (0, 1]: 1 without groups (`independent_rows`)."""
    if group is None:
        return 1.0
    # One group holds one observation, however many rows.
    return independent_rows(rows, group) / rows.size if np.any(group != group[0]) else 1.0 / rows.size


def scaled(table: tuple[int, int, int, int], by: float) -> tuple[float, float, float, float]:
    """The counts of a paired table, each times `by`."""
    a, b, c, d = table
    return a * by, b * by, c * by, d * by


def taken_for(method: str, n: int, worth: float) -> str:
    """The method, with how many independent examples the `n` were taken for."""
    return method if worth == 1.0 else f"{method}, taken for {n * worth:.1f} independent"


def resampled(
    value: float | None,
    statistic: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    pairs: PairTable,
    setting: Setting,
    *,
    bounds: tuple[float, float],
    otherwise: str,
    strata: NDArray[np.int64] | None = None,
    kinds: Kinds | None = None,
    influence: NDArray[np.float64] | None = None,
    unit: float = 1.0,
    note: str = "",
) -> Measured:
    """A statistic of the whole sample: percentile bootstrap with its bias taken out, stretched for few units.

    Resampling n units shows sqrt((n-1)/n) of their spread and takes it for known, so the interval is stretched by the
    ratio of Student's to the normal quantile and by what is missing (Hesterberg 2015, The American Statistician 69).
    Under 20 examples a bootstrap shows less spread than there is, and near-copies would be sure on three: there the
    interval is at least as wide as where no spread is seen at all (`widened`).

    `influence` (n,) says by how much each row moves the statistic, times n: with it the interval is stretched where few
    rows carry the spread, as that of a mean of which no row is more than `unit` off (`for_tails`).
    `statistic` maps weights (resamples, n), or of `kinds` of rows (resamples, k), to values; NaN marks a resample on
    which it has none.
    `otherwise` is the reason given where the statistic is undefined on the sample or on over 1 % of resamples.
    """
    if (refusal := _refuse(pairs)) is not None:
        return refusal
    if value is None:
        return Undefined(reason=otherwise)
    values = np.concatenate([statistic(chunk) for chunk in setting.weights(pairs, strata, kinds)])
    return from_resamples(
        value, values, pairs, setting, bounds=bounds, otherwise=otherwise, influence=influence, unit=unit, note=note
    )


def from_resamples(
    value: float | None,
    values: NDArray[np.float64],
    pairs: PairTable,
    setting: Setting,
    *,
    bounds: tuple[float, float],
    otherwise: str,
    influence: NDArray[np.float64] | None = None,
    unit: float = 1.0,
    unseen: float = 0.0,
    note: str = "",
) -> Measured:
    """As `resampled`, from the values (resamples,) that the statistic took: for several statistics of one draw.

    `unseen` is the half-width of what no resample can show (a class of one example has no spread); it adds up with that
    of the resamples as independent errors do.
    """
    if (refusal := _refuse(pairs)) is not None:
        return refusal
    if value is None:
        return Undefined(reason=otherwise)
    interval = centred_interval(value, values, setting.level, low=bounds[0], high=bounds[1])
    if interval is None:
        return Undefined(reason=f"too few examples to bound it: {otherwise} in over 1 % of resamples")
    units = "groups" if pairs.group is not None else "examples"
    method = _noted(f"bootstrap of {units}, {len(values)} resamples, bias removed, stretched", note)
    groups = None if pairs.group is None else len(np.unique(pairs.group))
    interval = _stretched(interval, value, pairs.n if groups is None else groups, setting.level, bounds)
    interval = _beside(interval, value, unseen, bounds)
    estimate = _estimate(value, interval, pairs.counted(), setting, method)
    if influence is not None:
        return for_tails(estimate, influence, pairs, bounds, unit)
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


def _beside(interval: Interval, value: float, unseen: float, bounds: tuple[float, float]) -> Interval:
    down, up = math.hypot(value - interval.low, unseen), math.hypot(interval.high - value, unseen)
    return Interval(max(bounds[0], value - down), min(bounds[1], value + up)) if unseen else interval


def _no_spread(estimate: Estimate, bounds: tuple[float, float], units: int) -> Interval:
    half = unseen_half(units, estimate.level)
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
    low, high = max(bounds[0], interval.low), min(bounds[1], interval.high)
    if high - low <= estimate.high - estimate.low:
        return estimate
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
