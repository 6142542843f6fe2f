"""Intervals for the ratio of two paired proportions, student / teacher = (a + c) / (a + b).

Cells of the paired table: a both right, b teacher only, c student only, d both wrong. `level` is the two-sided
coverage. Ends lie in [0, inf] and hold the ratio. Where the teacher is never right but the student is, the ratio
itself is undefined, yet data bound it from below: the interval is (low, inf). Where neither is ever right there is
no interval: None. The score interval takes counts that are not whole, too, as in evalkit.stats.paired_difference.
"""

from __future__ import annotations

import math

from evalkit.stats.interval import Interval
from evalkit.stats.normal import two_sided_z, upper_tail
from evalkit.stats.proportion import wilson_at_z
from evalkit.stats.search import falling_root


def ratio_tang(a: float, b: float, c: float, d: float, level: float) -> Interval | None:
    """Score interval of the ratio, the default; (low, inf) if only the teacher is never right, None if both are.

    It holds every ratio that `noninferiority_ratio` does not reject.
    Source: Tang, Tang and Chan (2003), Statistics in Medicine 22, 1217-1233.
    """
    _check(a, b, c, d)
    if a + b + c == 0:
        return None
    z = two_sided_z(level)
    n = a + b + c + d
    low = _tang_low(a, b, c, n, z)
    # Swapping the models inverts the ratio, so the upper end is the inverse of the swapped table's lower end.
    mirrored = _tang_low(a, c, b, n, z)
    high = math.inf if mirrored <= 0.0 else 1.0 / mirrored
    if a + b == 0:
        return Interval(low, math.inf)
    value = (a + c) / (a + b)
    return Interval(min(low, value), max(high, value))


def noninferiority_ratio(a: int, b: int, c: int, d: int, min_ratio: float) -> tuple[float, float]:
    """(z, p) of the one-sided score test of H0: student / teacher <= min_ratio; small p shows the ratio is above.

    (0.0, 0.5) if neither model is ever right: the data say nothing. ValueError unless min_ratio > 0.
    Source: Tang, Tang and Chan (2003).
    """
    _check(a, b, c, d)
    if not min_ratio > 0.0 or math.isinf(min_ratio):
        raise ValueError(f"a least ratio is a positive number, not {min_ratio}")
    z = tang_z(a, b, c, a + b + c + d, min_ratio)
    return z, upper_tail(z)


def tang_z(a: float, b: float, c: float, n: float, ratio: float) -> float:
    """Tang's score statistic at a null `ratio` > 0; falls in `ratio`, 0 at (a + c) / (a + b)."""
    if ratio > 1.0:
        return -_z_at_most_one(a, c, b, n, 1.0 / ratio)
    return _z_at_most_one(a, b, c, n, ratio)


def ratio_bonett_price(a: int, b: int, c: int, d: int, level: float) -> Interval | None:
    """Hybrid Wilson interval of the ratio, closed form; None if neither model is ever right.

    Source: Bonett and Price (2006), Psychological Methods 11; Fagerland, Lydersen and Laake (2014).
    """
    _check(a, b, c, d)
    either = a + b + c
    if either == 0:
        return None
    student, teacher = a + c, a + b
    spread_student = math.sqrt((1.0 - (student + 1) / (either + 2)) / (student + 1))
    spread_teacher = math.sqrt((1.0 - (teacher + 1) / (either + 2)) / (teacher + 1))
    together = math.sqrt((b + c + 2) / ((student + 1) * (teacher + 1)))
    z = two_sided_z(level) * together / (spread_student + spread_teacher)
    student_low, student_high = wilson_at_z(student, either, z)
    teacher_low, teacher_high = wilson_at_z(teacher, either, z)
    low = student_low / teacher_high
    high = math.inf if teacher_low == 0.0 else student_high / teacher_low
    return Interval(low, high)


def ratio_wald_log(a: int, b: int, c: int, d: int, level: float) -> Interval | None:
    """Wald interval on the log ratio, for comparison only: width 0 when b = c = 0.

    (0, inf) if one model is never right, None if neither is. Source: Desu and Raghavarao (2004), delta method.
    """
    _check(a, b, c, d)
    if a + b + c == 0:
        return None
    if a + c == 0 or a + b == 0:
        return Interval(0.0, math.inf)
    value = (a + c) / (a + b)
    half = two_sided_z(level) * math.sqrt((b + c) / ((a + b) * (a + c)))
    return Interval(value * math.exp(-half), value * math.exp(half))


def _z_at_most_one(a: float, b: float, c: float, n: float, ratio: float) -> float:
    """The score statistic for ratio <= 1, where no term of the quadratic cancels."""
    numerator = (a + c) - (a + b) * ratio
    either = a + b + c
    # Also the 0 / 0 of identical models at ratio 1, where the statistic is 0 by continuity.
    if numerator == 0.0 or either == 0:
        return 0.0
    quadratic = n * (1.0 + ratio)
    linear = (a + b) * ratio * ratio - (a + c + 2 * b)
    constant = b * (1.0 - ratio) * either / n
    root = math.sqrt(max(0.0, linear * linear - 4.0 * quadratic * constant))
    share = either / n
    teacher_only = min(max((root - linear) / (2.0 * quadratic), (1.0 - ratio) * share), share / (1.0 + ratio))
    variance = n * (1.0 + ratio) * teacher_only - either * (1.0 - ratio)
    if variance <= 0.0:
        return math.copysign(math.inf, numerator)
    return numerator / math.sqrt(variance)


def _tang_low(a: float, b: float, c: float, n: float, z: float) -> float:
    if a + c == 0:
        return 0.0
    # ratio / (1 + ratio) maps (0, inf) on (0, 1), so one bisection serves every table, the teacher-zero one included.
    top = (a + c) / (2 * a + b + c)
    position = falling_root(lambda at: tang_z(a, b, c, n, at / (1.0 - at)) - z, 0.0, top)
    return position / (1.0 - position)


def _check(a: float, b: float, c: float, d: float) -> None:
    if min(a, b, c, d) < 0:
        raise ValueError(f"a paired table has no negative cell: {(a, b, c, d)}")
    if a + b + c + d <= 0:
        raise ValueError("the paired table is empty")
