"""Intervals for the difference of two paired proportions, student - teacher = (c - b) / n.

Cells of the paired table: a both right, b teacher only, c student only, d both wrong; n = a + b + c + d > 0. `level` is
the two-sided coverage. Every interval lies in [-1, 1] and holds (c - b) / n. The score interval takes counts that are
not whole, too: those of the independent rows for which grouped ones are taken.
"""

from __future__ import annotations

import math

from evalkit.stats.interval import Interval
from evalkit.stats.normal import two_sided_z, upper_tail
from evalkit.stats.proportion import wilson_at_z
from evalkit.stats.search import falling_root


def difference_tango(a: float, b: float, c: float, d: float, level: float) -> Interval:
    """Score interval of the difference, the default; trustworthy with few or no discordant pairs.

    It holds every difference that the score test of `noninferiority_difference` does not reject, so a lower end above
    -margin and a p-value below (1 - level) / 2 are one statement. b = c = 0 gives plus and minus z^2 / (n + z^2).
    Source: Tango (1998), Statistics in Medicine 17, 891-908.
    """
    n = _checked(a, b, c, d)
    z = two_sided_z(level)
    # Swapping the models mirrors the interval; computing one end twice makes the mirror exact.
    return Interval(_tango_low(b, c, n, z), -_tango_low(c, b, n, z))


def noninferiority_difference(a: int, b: int, c: int, d: int, margin: float) -> tuple[float, float]:
    """(z, p) of the one-sided score test of H0: difference <= -margin; a small p shows the drop is below `margin`.

    z may be infinite (at margin 1), p lies in [0, 1]. ValueError unless 0 <= margin <= 1. Source: Tango (1998).
    """
    n = _checked(a, b, c, d)
    if not 0.0 <= margin <= 1.0:
        raise ValueError(f"a margin on a difference of shares lies in [0, 1], not {margin}")
    z = tango_z(b, c, n, -margin)
    return z, upper_tail(z)


def tango_z(b: float, c: float, n: float, difference: float) -> float:
    """Tango's score statistic at a null `difference` in [-1, 1]; falls in `difference`, 0 at (c - b) / n."""
    if difference > 0.0:
        return -_z_at_drop(c, b, n, difference)
    return _z_at_drop(b, c, n, -difference)


def constrained_teacher_only(b: float, c: float, n: float, drop: float) -> float:
    """Most likely share of teacher-only pairs if the student were exactly `drop` >= 0 worse (Tango 1998)."""
    # For drop >= 0 neither term of -linear + sqrt(...) is negative, so nothing cancels even when counts are huge.
    linear = -(b + c) - (2.0 * n - c + b) * drop
    constant = b * drop * (1.0 + drop)
    root = math.sqrt(max(0.0, linear * linear - 8.0 * n * constant))
    return min(max((root - linear) / (4.0 * n), drop), (1.0 + drop) / 2.0)


def difference_newcombe(a: int, b: int, c: int, d: int, level: float) -> Interval:
    """Square-and-add interval of the difference from two Wilson intervals, closed form.

    Source: Newcombe (1998), Statistics in Medicine 17, 2635-2650, method 10 (continuity-corrected phi).
    """
    n = _checked(a, b, c, d)
    z = two_sided_z(level)
    student, teacher = (a + c) / n, (a + b) / n
    student_low, student_high = wilson_at_z(a + c, n, z)
    teacher_low, teacher_high = wilson_at_z(a + b, n, z)
    phi = _phi(a, b, c, d)
    down, up = student - student_low, student_high - student
    teacher_up, teacher_down = teacher_high - teacher, teacher - teacher_low
    value = (c - b) / n
    low = value - math.sqrt(max(0.0, down**2 + teacher_up**2 - 2.0 * phi * down * teacher_up))
    high = value + math.sqrt(max(0.0, up**2 + teacher_down**2 - 2.0 * phi * up * teacher_down))
    return Interval(max(low, -1.0), min(high, 1.0))


def difference_agresti_min(a: int, b: int, c: int, d: int, level: float) -> Interval:
    """Wald interval of the difference after half a count is added to each cell, closed form.

    Source: Agresti and Min (2005), Statistics in Medicine 24, 729-740.
    """
    n = _checked(a, b, c, d)
    total = n + 2.0
    centre = (c - b) / total
    half = two_sided_z(level) * math.sqrt((b + c + 1.0) - (c - b) ** 2 / total) / total
    # The centre is shrunk towards 0, so at a tiny level the raw value could fall outside.
    value = (c - b) / n
    return Interval(max(min(centre - half, value), -1.0), min(max(centre + half, value), 1.0))


def _z_at_drop(b: float, c: float, n: float, drop: float) -> float:
    numerator = c - b + n * drop
    if numerator == 0.0:
        return 0.0
    teacher_only = constrained_teacher_only(b, c, n, drop)
    variance = n * (2.0 * teacher_only - drop * (1.0 + drop))
    if variance <= 0.0:
        return math.copysign(math.inf, numerator)
    return numerator / math.sqrt(variance)


def _tango_low(b: float, c: float, n: float, z: float) -> float:
    value = (c - b) / n
    return falling_root(lambda difference: tango_z(b, c, n, difference) - z, -1.0, value)


def _phi(a: int, b: int, c: int, d: int) -> float:
    margins = (a + b) * (c + d) * (a + c) * (b + d)
    if margins == 0:
        return 0.0
    n = a + b + c + d
    excess = float(a * d - b * c)
    if excess > 0.0:
        excess = max(excess - n / 2.0, 0.0)
    return excess / math.sqrt(margins)


def _checked(a: float, b: float, c: float, d: float) -> float:
    if min(a, b, c, d) < 0:
        raise ValueError(f"a paired table has no negative cell: {(a, b, c, d)}")
    n = a + b + c + d
    if n <= 0:
        raise ValueError("the paired table is empty")
    return n
