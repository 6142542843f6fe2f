"""Shares and quantiles of requests in the order of time, where neighbours fare alike.

A request that waits behind a long queue makes the next one wait as well, so n requests in a row tell less than n
independent ones. Time is cut into blocks that are long beside such a queue, and blocks are taken as independent (batch
means). The design effect of a share is the variance of its block sums over what independent rows would have, never
below 1; n over the effect is what the rows are worth. An interval is then made as of so many independent rows.
Sources: Schmeiser (1982), Operations Research 30, for 10 to 30 blocks; Woodruff (1952), JASA 47, for quantiles by way
of the interval of a share; Kish (1965) for the design effect.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from evalkit.stats.arrays import Floats
from evalkit.stats.groups import group_sums
from evalkit.stats.interval import Interval
from evalkit.stats.normal import two_sided_z
from evalkit.stats.proportion import wilson
from evalkit.stats.quantile import smallest_n

# How many neighbouring blocks are taken together.
MERGED = (1, 2)


def worth(hits: ArrayLike, blocks: ArrayLike, level: float) -> float:
    """For how many independent rows these 0s and 1s count in an interval at `level`, above 0 and at most n.

    `blocks` are whole numbers in the order of time. They are tried as they are and two by two, as a queue may last
    longer than a block, and the larger effect counts; it is widened by the square of Student's quantile over the normal
    one, for it is an estimate itself. Where all rows are the same, or all lie in one block, nothing shows how blocks
    differ, and they count in full. ValueError for no rows.
    """
    rows, codes = np.asarray(hits, dtype=np.float64), np.asarray(blocks)
    if rows.size == 0:
        raise ValueError("no rows are worth nothing")
    residuals = rows - rows.mean()
    spread = float(np.sum(residuals**2))
    if spread == 0.0 or np.unique(codes).size < 2:
        return float(rows.size)
    effects = [_effect(group_sums(residuals, codes // merged), spread, level) for merged in MERGED]
    return rows.size / max(1.0, *effects)


def _effect(sums: Floats, spread: float, level: float) -> float:
    """The variance of the block sums over that of independent rows, widened; 1 for a single block."""
    if sums.size < 2:
        return 1.0
    from scipy.special import stdtrit

    widened = (float(stdtrit(sums.size - 1, (1.0 + level) / 2.0)) / two_sided_z(level)) ** 2
    return float(np.sum(sums**2)) * sums.size / (sums.size - 1) / spread * widened


def worth_at(values: ArrayLike, blocks: ArrayLike, at: float, level: float) -> float:
    """The lesser worth of the rows at most `at` and of the rows at most the median: few rows beyond a high value say
    little of how blocks differ, and the middle says it for them. `values` may be infinite."""
    rows = np.asarray(values, dtype=np.float64)
    return min(worth(rows <= at, blocks, level), worth(rows <= quantile_or_never(rows, 0.5), blocks, level))


def share_in_time(values: ArrayLike, blocks: ArrayLike, at_most: float, level: float) -> Interval:
    """Wilson's interval of the share of `values` that are at most `at_most`, as of so many rows as they are worth.

    The share itself lies inside. An infinite value is above every bound. ValueError for no values.
    """
    rows = np.asarray(values, dtype=np.float64)
    count = worth_at(rows, blocks, at_most, level)
    return wilson(min(count, float(np.mean(rows <= at_most)) * count), count, level)


def quantile_or_never(values: ArrayLike, q: float) -> float:
    """The q-quantile (type 7) of values of which some may be infinite; infinite where it touches one of those.

    ValueError for no values.
    """
    rows = np.sort(np.asarray(values, dtype=np.float64))
    if rows.size == 0:
        raise ValueError("no values have a quantile")
    place = q * (rows.size - 1)
    below = math.floor(place)
    above = min(below + 1, rows.size - 1)
    if place == below or rows[below] == rows[above]:
        return float(rows[below])
    return float(rows[below] + (place - below) * (rows[above] - rows[below]))


def quantile_in_time(values: ArrayLike, blocks: ArrayLike, q: float, level: float) -> Interval | None:
    """Interval of the q-quantile between two of the values; its high end may be infinite.

    The order statistics of Conover's interval (`quantile.quantile_interval`) for as many rows as these are worth, at
    the same shares of the rows at hand; with independent rows it is that interval. None where they are worth fewer
    than `smallest_n`.
    """
    rows = np.sort(np.asarray(values, dtype=np.float64))
    if rows.size < 2:
        return None
    count = math.floor(worth_at(values, blocks, quantile_or_never(rows, q), level) + 1e-9)
    if count < smallest_n(q, level):
        return None
    from scipy.stats import binom

    # The stubs of scipy know a frozen distribution as a generic one.
    tail: Any = binom(count, q)
    low, high = int(tail.ppf((1.0 - level) / 2.0)), int(tail.isf((1.0 - level) / 2.0)) + 1
    if low < 1 or high > count:
        return None
    # At the same share of the rows, rounded outwards.
    first = max(1, low * rows.size // count)
    last = min(rows.size, -(-high * rows.size // count))
    return Interval(float(rows[first - 1]), float(rows[last - 1]))
