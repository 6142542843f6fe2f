"""Two models on the same examples, each with a number per example: tests and intervals of the means, the textbook way.

Student t and the delta method take the mean for normal; where few rows carry the spread they are too sure, and
evalkit.stats.tails says by how much. Rows are finite numbers, at least 2 pairs; ValueError otherwise.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from evalkit.stats.arrays import Floats, floats
from evalkit.stats.interval import Interval
from evalkit.stats.normal import two_sided_z


def noninferiority_mean(teacher: ArrayLike, student: ArrayLike, margin: float) -> tuple[float, float]:
    """(t, p) of the one-sided test of H0: mean of student - teacher <= -margin; a small p shows a smaller drop.

    p < alpha is the same as a lower end of the t interval at level 1 - 2 alpha above -margin. Without spread t is
    infinite, or 0 where the difference is the margin. Source: paired t; scipy.stats.ttest_1samp.
    """
    top, bottom = _pairs(student, teacher)
    t, units = _t_of(top - bottom, -margin)
    return t, _upper(t, units)


def equivalence(teacher: ArrayLike, student: ArrayLike, low: float, high: float) -> tuple[float, float]:
    """p-values of the two one-sided tests: that the mean of student - teacher is above `low`, and below `high`.

    The larger is that of equivalence: below alpha it is the same as a t interval at level 1 - 2 alpha inside
    (low, high). ValueError unless low < high. Source: Schuirmann (1987); statsmodels ttost_paired.
    """
    if not low < high:
        raise ValueError(f"there is nothing between {low} and {high}")
    top, bottom = _pairs(student, teacher)
    change = top - bottom
    above, units = _t_of(change, low)
    below, _ = _t_of(-change, -high)
    return _upper(above, units), _upper(below, units)


def ratio_fieller(teacher: ArrayLike, student: ArrayLike, level: float) -> Interval | None:
    """Interval of mean(student) / mean(teacher): the ratios r for which mean(student - r teacher) may be 0.

    Normal quantiles, variances over n. None where the teacher's mean may itself be 0: then no ratio is excluded on one
    side or on either. Source: Fieller (1954), JRSS B 16.
    """
    top, bottom = _pairs(student, teacher)
    n, z2 = top.size, two_sided_z(level) ** 2
    cov = np.cov(top, bottom) / n
    student_mean, teacher_mean = float(top.mean()), float(bottom.mean())
    square = teacher_mean**2 - z2 * float(cov[1, 1])
    if square <= 0.0:
        return None
    middle = student_mean * teacher_mean - z2 * float(cov[0, 1])
    root = math.sqrt(max(0.0, middle**2 - square * (student_mean**2 - z2 * float(cov[0, 0]))))
    return Interval((middle - root) / square, (middle + root) / square)


def ratio_log_delta(teacher: ArrayLike, student: ArrayLike, level: float) -> Interval | None:
    """Interval of mean(student) / mean(teacher) by the delta method on its logarithm; None unless both are above 0."""
    top, bottom = _pairs(student, teacher)
    student_mean, teacher_mean = float(top.mean()), float(bottom.mean())
    if student_mean <= 0.0 or teacher_mean <= 0.0:
        return None
    error = float(np.std(top / student_mean - bottom / teacher_mean, ddof=1)) / math.sqrt(top.size)
    reach = two_sided_z(level) * error
    ratio = student_mean / teacher_mean
    return Interval(ratio * math.exp(-reach), ratio * math.exp(reach))


def _t_of(change: Floats, null: float) -> tuple[float, int]:
    units = change.size
    distance = float(change.mean()) - null
    error = float(np.std(change, ddof=1)) / math.sqrt(units)
    if error == 0.0:
        return (0.0 if distance == 0.0 else math.copysign(math.inf, distance)), units
    return distance / error, units


def _upper(t: float, units: int) -> float:
    from scipy.special import stdtr

    return float(stdtr(units - 1, -t))


def _pairs(student: ArrayLike, teacher: ArrayLike) -> tuple[Floats, Floats]:
    top, bottom = floats(student), floats(teacher)
    if top.shape != bottom.shape or top.size < 2:
        raise ValueError(f"{top.size} and {bottom.size} numbers are not at least 2 pairs")
    return top, bottom
