"""Intervals for a mean and for a ratio of sums, over rows or over groups of rows."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from evalkit.stats.arrays import Floats, floats
from evalkit.stats.groups import group_sums
from evalkit.stats.interval import Interval


def mean_interval(values: ArrayLike, level: float) -> Interval | None:
    """Student t interval of the mean of independent rows, in the unit of `values`; None for fewer than 2 rows."""
    rows = floats(values)
    return _around(float(np.mean(rows)), rows - np.mean(rows), float(rows.size), level) if rows.size >= 2 else None


def cluster_mean(values: ArrayLike, groups: ArrayLike, level: float) -> Interval | None:
    """Interval of the mean over all rows when rows of one group go together; None for fewer than 2 groups.

    The standard error adds residuals inside each group before it squares them, times sqrt(G / (G - 1)), with the t
    quantile of G - 1 degrees of freedom. With one row a group it equals `mean_interval`.
    Source: Liang and Zeger (1986); Miller (2024), arXiv 2411.00640; statsmodels OLS with cov_type="cluster".
    """
    rows = floats(values)
    if rows.size < 2:
        return None
    mean = float(np.mean(rows))
    return _around(mean, group_sums(rows - mean, groups), float(rows.size), level)


def ratio_linearised(
    numerator: ArrayLike, denominator: ArrayLike, level: float, groups: ArrayLike | None = None
) -> Interval | None:
    """Interval of sum(numerator) / sum(denominator), by the delta method on residuals numerator - ratio * denominator.

    Student t with one less degree of freedom than there are rows, or groups where `groups` is given. None for fewer
    than 2 of them, or when the denominators sum to 0. Source: Cochran (1977), Sampling Techniques, ch. 6.
    """
    top, bottom = floats(numerator), floats(denominator)
    total = float(np.sum(bottom))
    if top.size < 2 or total == 0.0:
        return None
    ratio = float(np.sum(top)) / total
    residuals = top - ratio * bottom
    return _around(ratio, residuals if groups is None else group_sums(residuals, groups), abs(total), level)


def _around(value: float, residual_sums: Floats, scale: float, level: float) -> Interval | None:
    units = residual_sums.size
    if units < 2:
        return None
    from scipy.special import stdtrit

    error = math.sqrt(float(np.sum(residual_sums**2)) * units / (units - 1)) / scale
    half = float(stdtrit(units - 1, (1.0 + level) / 2.0)) * error
    return Interval(value - half, value + half)
