"""How many requests a percentile of latency takes, and what fewer allow: the counts of MLPerf's load generator.

A request is slower than the p-quantile with probability 1 - p. If t of n requests were slower than some bound, and
so few would hardly ever be slower than the p-quantile, then the quantile is not above the bound. Source: MLPerf
inference rules, "early stopping", as LoadGen computes it for single streams; Reddi et al. (2020), ISCA.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from evalkit.stats.arrays import Floats, floats
from evalkit.stats.normal import two_sided_z

CONFIDENCE = 0.99
# The load generator asks in multiples of this.
ROUND = 2**13


def query_count(p: float, confidence: float = CONFIDENCE, margin: float | None = None) -> int:
    """Requests after which the share below the p-quantile is known within `margin` (default (1 - p) / 20).

    Normal approximation of a binomial, two-sided: z² p (1 - p) / margin². 262,742 for p = 0.99 at 99%.
    """
    _check(p, confidence)
    within = (1.0 - p) / 20.0 if margin is None else margin
    if not 0.0 < within < 1.0:
        raise ValueError(f"a margin lies between 0 and 1, not {within}")
    return math.ceil(two_sided_z(confidence) ** 2 * p * (1.0 - p) / within**2)


def rounded_query_count(p: float, confidence: float = CONFIDENCE, margin: float | None = None) -> int:
    """`query_count`, rounded up to a multiple of 8,192 as the load generator has it."""
    return ROUND * math.ceil(query_count(p, confidence, margin) / ROUND)


def h_min(t: int, p: float, confidence: float = CONFIDENCE) -> int:
    """The fewest requests under the bound that make t over it no evidence against the p-quantile.

    The smallest h with P(Bin(h + t, 1 - p) <= t) <= 1 - confidence: 459 for t = 0 and p = 0.99 at 99%.
    """
    _check(p, confidence)
    if t < 0:
        raise ValueError(f"a number of requests is not negative: {t}")
    high = 1
    while _chance(high + t, t, p) > 1.0 - confidence:
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _chance(middle + t, t, p) <= 1.0 - confidence else (middle, high)
    return high


def fewest(p: float, confidence: float = CONFIDENCE) -> int:
    """The fewest requests from which `early_stopping` estimates the p-quantile: 64 for p = 0.9 and 662 for 0.99."""
    return h_min(1, p, confidence) + 1


def early_stopping(x: ArrayLike, p: float, confidence: float = CONFIDENCE) -> tuple[float, int] | None:
    """(estimate, t): the t-th largest value, with the largest t that so many values allow; in the unit of `x`.

    It is below the true p-quantile with a probability of at most 1 - confidence, whatever the distribution, and comes
    down to the quantile as n grows. None for fewer values than `fewest`.
    """
    values = floats(x)
    n = values.size
    if n < fewest(p, confidence):
        return None
    low, high = 1, n
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _chance(n, middle, p) <= 1.0 - confidence else (low, middle)
    return float(np.sort(values)[n - low]), low


def without_omission(x: ArrayLike, interval: float) -> Floats:
    """Latencies with those that a closed loop never sent: a value above `interval` also hid the requests due meanwhile.

    For each value, value - interval, value - 2 interval, … down to `interval` are added; sorted, in the unit of `x`.
    Source: HdrHistogram's recordValueWithExpectedInterval (Tene, "How not to measure latency").
    """
    values = floats(x)
    if interval <= 0.0:
        raise ValueError(f"an interval between requests is above 0, not {interval}")
    hidden = np.maximum(0, np.floor(values / interval + 1e-9).astype(np.int64) - 1)
    steps = np.arange(1, hidden.sum() + 1) - np.repeat(np.cumsum(hidden) - hidden, hidden)
    return np.sort(np.concatenate([values, np.repeat(values, hidden) - steps * interval]))


def _chance(n: int, t: int, p: float) -> float:
    """P(Bin(n, 1 - p) <= t)."""
    if t >= n:
        return 1.0
    from scipy.special import betainc

    return float(betainc(n - t, t + 1, p))


def _check(p: float, confidence: float) -> None:
    if not 0.0 < p < 1.0 or not 0.0 < confidence < 1.0:
        raise ValueError(f"a quantile and a confidence lie between 0 and 1, not {p} and {confidence}")
