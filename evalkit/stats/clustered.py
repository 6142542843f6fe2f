"""How much rows tell that come in groups: the number of independent rows that would tell as much."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from evalkit.stats.arrays import Floats, floats


def group_sums(values: ArrayLike, groups: ArrayLike) -> Floats:
    """The sum of each group's values, shape (G,), in the order of the sorted codes. ValueError if codes do not fit."""
    rows, codes = floats(values), np.asarray(groups)
    if codes.shape != rows.shape:
        raise ValueError(f"{codes.size} group codes do not fit {rows.size} rows")
    _, index = np.unique(codes, return_inverse=True)
    return np.bincount(index, weights=rows).astype(np.float64)


def independent_rows(values: ArrayLike, groups: ArrayLike) -> float:
    """The number, above 0 and at most n, of independent rows that bound the mean of `values` as well as these do.

    It is n over the design effect: the variance of the mean with groups over the one without. Few groups that differ
    cannot show a design effect, so one group more is taken into it, of the usual size, whose rows all differ by 1:
    where none differs the rows count for no more than the groups, and where many do it is the estimated effect. Rows of
    a score, a residual or a difference of shares: their unit must be 1. Needs at least 2 groups, otherwise ValueError.
    Source: Kish (1965), Survey Sampling; effective sample sizes in score intervals: Korn and Graubard (1998), Survey
    Methodology 24; the group more is this library's own and is simulated in tests/stats/test_coverage.py.
    """
    rows = floats(values)
    residuals = rows - np.mean(rows)
    sums = group_sums(residuals, groups)
    if sums.size < 2:
        raise ValueError("one group says nothing about how groups differ")
    sizes = group_sums(np.ones(rows.size), groups)
    # The size of the group in which a row finds itself, on average over rows.
    usual = float(np.sum(sizes**2)) / rows.size
    together = float(np.sum(sums**2)) * sums.size / (sums.size - 1) + usual**2
    effect = together / (float(np.sum(residuals**2)) + usual)
    return rows.size / max(1.0, effect)
