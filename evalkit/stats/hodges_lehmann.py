"""The typical ratio of two paired times: Hodges and Lehmann's estimate on logarithms, with its signed-rank interval."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from evalkit.stats.arrays import Floats
from evalkit.stats.interval import Interval
from evalkit.stats.normal import two_sided_z
from evalkit.stats.positive_pairs import positive_pairs

# Up to here the signed-rank distribution is counted out; beyond it the normal one cannot be told from it.
_EXACT_UP_TO = 100


def hodges_lehmann_ratio(teacher: ArrayLike, student: ArrayLike, level: float) -> tuple[float, Interval] | None:
    """(ratio, interval) of teacher / student on paired times; above 1 the student is faster.

    The ratio is exp of the median of all averages of two log ratios (a row with itself included), the interval has the
    two-sided coverage `level` for symmetric log ratios. None when there are too few pairs for an interval at this level
    (fewer than 6 at 0.95) or a time is not positive and finite. Source: Hodges and Lehmann (1963); R wilcox.test.
    """
    pairs = positive_pairs(teacher, student)
    if pairs is None:
        return None
    teacher_times, student_times = pairs
    logs = np.sort(np.log(teacher_times) - np.log(student_times))
    averages = logs.size * (logs.size + 1) // 2
    rank = _rank_of_low_end(logs.size, level)
    if rank < 1:
        return None
    middle = 0.5 * (_walsh_average(logs, (averages + 1) // 2) + _walsh_average(logs, averages // 2 + 1))
    low, high = _walsh_average(logs, rank), _walsh_average(logs, averages + 1 - rank)
    return math.exp(middle), Interval(math.exp(min(low, middle)), math.exp(max(high, middle)))


def _walsh_average(logs: Floats, rank: int) -> float:
    """The rank-th smallest (x_i + x_j) / 2, i <= j, of sorted `logs`, without a list of all the pairs."""
    low, high = 2.0 * float(logs[0]), 2.0 * float(logs[-1])
    if _pairs_up_to(logs, low) >= rank:
        return 0.5 * low
    # Keeps: fewer than `rank` sums are <= low, at least `rank` are <= high.
    for _ in range(200):
        middle = 0.5 * (low + high)
        if middle <= low or middle >= high:
            break
        if _pairs_up_to(logs, middle) >= rank:
            high = middle
        else:
            low = middle
    return 0.5 * high


def _pairs_up_to(logs: Floats, total: float) -> int:
    ordered = int(np.searchsorted(logs, total - logs, side="right").sum())
    with_itself = int(np.searchsorted(logs, 0.5 * total, side="right"))
    return (ordered + with_itself) // 2


def _rank_of_low_end(n: int, level: float) -> int:
    """The largest r with P(signed-rank sum < r) <= (1 - level) / 2; 0 when there is none."""
    if n > _EXACT_UP_TO:
        spread = math.sqrt(n * (n + 1) * (2 * n + 1) / 24.0)
        return math.floor(n * (n + 1) / 4.0 - two_sided_z(level) * spread)
    # Ways to reach each rank sum: each rank in turn is in the sum or not.
    share = np.zeros(n * (n + 1) // 2 + 1)
    share[0] = 1.0
    for rank in range(1, n + 1):
        share[rank:] = 0.5 * (share[rank:] + share[:-rank])
        share[:rank] *= 0.5
    return int(np.searchsorted(np.cumsum(share), (1.0 - level) / 2.0, side="right"))
