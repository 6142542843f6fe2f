"""Rows in groups: sums of groups, the design effect, and for how many independent rows grouped ones count.

Rows of one group belong together (turns of a conversation), so a group tells less than as many rows of their own. The
design effect says how many rows count as one: n rows are worth n / design effect independent ones. Two ways to it:
`independent_rows` from rows that were measured, for an interval; `planned_rows` from a correlation, for a plan.
"""

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
    usual = group_size(groups)
    together = float(np.sum(sums**2)) * sums.size / (sums.size - 1) + usual**2
    effect = together / (float(np.sum(residuals**2)) + usual)
    return rows.size / max(1.0, effect)


def group_size(groups: ArrayLike) -> float:
    """The size of the group in which a row finds itself on average, sum(m^2) / sum(m); at least the mean size.

    It stands in for m where sizes differ. Source: Kish (1965), Survey Sampling; Kerry and Bland (2001), Stat. in
    Medicine 20. ValueError if there is no row.
    """
    sizes = np.unique(np.asarray(groups), return_counts=True)[1]
    if sizes.size == 0:
        raise ValueError("there is no row to be in a group")
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
    """Rows that count as one, at least 1; a correlation below 0 counts as none."""
    return 1.0 + max(0.0, size - 1.0) * max(0.0, correlation)


def planned_rows(n: float, variance: float, size: float, correlation: float) -> float:
    """What `independent_rows` comes to on `n` rows of this variance in groups of `size`; above 0, at most n.

    Grows with n, towards n / `design_effect`. The group more that an interval takes in is in the plan, too: where few
    rows differ from their mean it decides, however little alike the rows of a group are.
    """
    spread = n * variance
    effect = (design_effect(size, correlation) * spread + size * size) / (spread + size)
    return n / max(1.0, effect)
