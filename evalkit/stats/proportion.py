"""Intervals for one proportion k / n."""

from __future__ import annotations

import math

from evalkit.stats.interval import Interval
from evalkit.stats.normal import two_sided_z


def wilson(k: float, n: float, level: float) -> Interval:
    """Score interval of k / n, two-sided coverage `level`; both ends in [0, 1] and k / n between them.

    k = 0 gives low exactly 0, k = n gives high exactly 1, n = 0 gives (0, 1): nothing is known.
    ValueError unless 0 <= k <= n. Source: Wilson (1927), JASA 22.
    """
    return wilson_at_z(k, n, two_sided_z(level))


def wilson_at_z(k: float, n: float, z: float) -> Interval:
    """The Wilson interval at normal quantile `z` instead of a level; see `wilson`."""
    if not 0 <= k <= n:
        raise ValueError(f"{k} successes do not fit {n} trials")
    if n == 0:
        return Interval(0.0, 1.0)
    p = k / n
    shrink = 1.0 + z * z / n
    centre = (p + z * z / (2.0 * n)) / shrink
    half = z * math.sqrt(p * (1.0 - p) / n + z * z / (4.0 * n * n)) / shrink
    # Rounding may leave 1e-18 where the formula says 0, and may put an end on the wrong side of p.
    low = 0.0 if k == 0 else max(0.0, min(p, centre - half))
    high = 1.0 if k == n else min(1.0, max(p, centre + half))
    return Interval(low, high)


def clopper_pearson(k: float, n: float, level: float) -> Interval:
    """Exact interval of k / n, two-sided coverage at least `level`; both ends in [0, 1] and k / n between them.

    The upper end at level 2L - 1 is the one-sided upper bound at level L; with k = 0 that bound is
    1 - (1 - L) ** (1 / n), about 3 / n at L = 0.95. k = 0 gives low exactly 0, k = n gives high exactly 1, n = 0
    gives (0, 1). ValueError unless 0 <= k <= n. Source: Clopper and Pearson (1934), Biometrika 26; beta quantiles,
    which for counts that are not whole are the interval of Korn and Graubard (1998), Survey Methodology 24.
    """
    if not 0 <= k <= n:
        raise ValueError(f"{k} successes do not fit {n} trials")
    if not 0.0 < level < 1.0:
        raise ValueError(f"a confidence level lies between 0 and 1, not {level}")
    if n == 0:
        return Interval(0.0, 1.0)
    from scipy.special import betaincinv

    tail = (1.0 - level) / 2.0
    low = 0.0 if k == 0 else float(betaincinv(k, n - k + 1, tail))
    high = 1.0 if k == n else float(betaincinv(k + 1, n - k, 1.0 - tail))
    return Interval(low, high)


def bound_of_none(n: int, confidence: float) -> float:
    """Upper bound of a share of which n trials showed nothing, one-sided, exact: 1 - (1 - confidence) ** (1 / n).

    About 3 / n at 95%; 1 for n = 0. It is the upper end of `clopper_pearson` at level 2 confidence - 1.
    """
    _check_trials(n, confidence)
    return 1.0 if n == 0 else -math.expm1(math.log1p(-confidence) / n)


def trials_to_exclude(limit: float, confidence: float) -> int:
    """The fewest trials without an event whose `bound_of_none` is at most `limit`: 299 for 1% at 95%."""
    if not 0.0 < limit < 1.0:
        raise ValueError(f"a limit of a share lies between 0 and 1, not {limit}")
    _check_trials(0, confidence)
    return math.ceil(math.log1p(-confidence) / math.log1p(-limit))


def _check_trials(n: int, confidence: float) -> None:
    if n < 0 or not 0.0 < confidence < 1.0:
        raise ValueError(f"{n} trials at a confidence of {confidence}")
