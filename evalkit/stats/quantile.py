"""Quantiles, their intervals, and ratios of times measured on the same requests."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from evalkit.stats.arrays import floats
from evalkit.stats.hodges_lehmann import hodges_lehmann_ratio
from evalkit.stats.interval import Interval
from evalkit.stats.positive_pairs import positive_pairs

__all__ = ["hodges_lehmann_ratio", "quantile", "quantile_interval", "smallest_n", "speedup_quantile"]


def quantile(x: ArrayLike, q: float) -> float:
    """The q-quantile, in the unit of `x`, interpolated linearly (type 7, numpy's default). ValueError for no values."""
    values = floats(x)
    if values.size == 0:
        raise ValueError("no values have a quantile")
    return float(np.quantile(values, q))


def quantile_interval(x: ArrayLike, q: float, level: float) -> Interval | None:
    """Interval of the q-quantile between two of the values; coverage at least `level`, whatever the distribution.

    None when one of the ends does not exist at this many values (`smallest_n` says how many it takes).
    Source: Conover (1999), Practical Nonparametric Statistics, 3.2; scipy.stats.quantile_test.
    """
    values = floats(x)
    if values.size < 2:
        return None
    from scipy.stats import quantile_test

    # The stubs of scipy know the interval of this test as a plain number.
    ends: Any = quantile_test(values, p=q).confidence_interval(level)
    low, high = float(ends.low), float(ends.high)
    return None if math.isnan(low) or math.isnan(high) else Interval(low, high)


def smallest_n(q: float, level: float) -> int:
    """The fewest values at which `quantile_interval` has both ends: each tail keeps its own (1 - level) / 2.

    A one-sided bound at level L needs smallest_n(q, 2 L - 1) values: 299 for q = 0.99 at 95%.
    """
    if not 0.0 < q < 1.0 or not 0.0 < level < 1.0:
        raise ValueError(f"a quantile and a level lie between 0 and 1, not {q} and {level}")
    # The tail probability of all values on one side of the quantile, at the harder side.
    return max(2, math.ceil(math.log((1.0 - level) / 2.0) / math.log(max(q, 1.0 - q))))


def speedup_quantile(
    teacher: ArrayLike, student: ArrayLike, q: float, rng: np.random.Generator, resamples: int, level: float
) -> tuple[float, Interval] | None:
    """(ratio, interval) of the teacher's q-quantile over the student's, on paired times; above 1 the student is faster.

    Paired percentile bootstrap: each resample draws the same requests for both. None for fewer than 2 pairs or a time
    that is not positive and finite. Source: Efron and Tibshirani (1993), ch. 13.
    """
    pairs = positive_pairs(teacher, student)
    if pairs is None:
        return None
    slow, fast = pairs
    value = float(np.quantile(slow, q) / np.quantile(fast, q))
    step = max(1, 2_000_000 // slow.size)
    draws = []
    for start in range(0, resamples, step):
        # Row by row from one stream, so the chunk size cannot change the draws.
        picked = (rng.random((min(step, resamples - start), slow.size)) * slow.size).astype(np.int64)
        draws.append(np.quantile(slow[picked], q, axis=1) / np.quantile(fast[picked], q, axis=1))
    if not draws:
        return None
    low, high = np.quantile(np.concatenate(draws), [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return value, Interval(min(float(low), value), max(float(high), value))
