"""What examples that belong together are worth: intraclass correlation and design effect.

The design effect says how many examples count as one. With groups of equal size m it is 1 + (m - 1) ICC.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from evalkit.stats.arrays import floats


def group_size(groups: ArrayLike) -> float:
    """The size of the group in which an example finds itself on average, sum(m^2) / sum(m); at least the mean size.

    It stands in for m where sizes differ. Source: Kish (1965), Survey Sampling; Kerry and Bland (2001), Stat. in
    Medicine 20. ValueError if there is no example.
    """
    sizes = np.unique(np.asarray(groups), return_counts=True)[1]
    if sizes.size == 0:
        raise ValueError("there is no example to be in a group")
    return float(np.sum(sizes.astype(float) ** 2) / np.sum(sizes))


def intraclass_correlation(values: ArrayLike, groups: ArrayLike) -> float | None:
    """How alike the `values` of one group are, at most 1; may be below 0. None where nothing varies, or where there are
    fewer than 2 groups or no group of 2.

    By one-way analysis of variance: ICC(1) of Shrout and Fleiss (1979), for groups of any size as in Donner (1986).
    """
    rows, codes = floats(values), np.unique(np.asarray(groups), return_inverse=True)[1]
    if codes.shape != rows.shape:
        raise ValueError(f"{codes.size} group codes do not fit {rows.size} rows")
    sizes = np.bincount(codes).astype(float)
    count, n = sizes.size, float(rows.size)
    if count < 2 or n == count:
        return None
    means = np.bincount(codes, weights=rows) / sizes
    between = float(np.sum(sizes * (means - rows.mean()) ** 2)) / (count - 1)
    within = float(np.sum((rows - means[codes]) ** 2)) / (n - count)
    typical = (n - float(np.sum(sizes**2)) / n) / (count - 1)
    total = between + (typical - 1.0) * within
    return (between - within) / total if total > 0.0 else None


def design_effect(size: float, correlation: float) -> float:
    """Examples that count as one, at least 1; a correlation below 0 counts as none."""
    return 1.0 + max(0.0, size - 1.0) * max(0.0, correlation)
