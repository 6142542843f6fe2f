"""Agreement beyond chance between two sets of answers, given as whole-number classes.

-1 means no answer. It is a class of its own on each side: it never agrees, not even with the other's -1.
"""

from __future__ import annotations

from typing import NamedTuple, overload

import numpy as np
from numpy.typing import ArrayLike

from evalkit.stats.arrays import Floats, floats, in_shape_of, number_or_none, quotient, weight_rows


class Diffy(NamedTuple):
    """What Diffy compares with its thresholds: `absolute` in [0, 1], `relative` in [0, 1] or None where both are 0."""

    absolute: float
    relative: float | None


def diffy(raw: int, noise: int, n: int) -> Diffy:
    """Disagreements with the student (`raw`) beside those of the teacher with itself (`noise`) on the same n rows.

    `absolute` is |raw - noise| / n, `relative` is |raw - noise| / (raw + noise). ValueError for no rows. Source: the
    differences filter of opendiffy, which shows a field where they exceed 0.0003 and 0.2 and raw exceeds noise.
    """
    if n < 1:
        raise ValueError("there is no row to compare")
    apart = abs(raw - noise)
    return Diffy(apart / n, apart / (raw + noise) if raw + noise else None)


# Shares are quotients of counts, so a chance this close to 1 is 1 and its rounding would be divided by itself.
_ONE = 1.0 - 1e-12


class _Shares(NamedTuple):
    """Weighted shares, one row for each row of weights."""

    agree: Floats
    teacher: Floats  # (B, K), of each answered class
    student: Floats
    rows: Floats  # (B,), the summed weight


@overload
def kappa(t: ArrayLike, s: ArrayLike, classes: int, weights: None = None) -> float | None: ...
@overload
def kappa(t: ArrayLike, s: ArrayLike, classes: int, weights: ArrayLike) -> Floats: ...
def kappa(t: ArrayLike, s: ArrayLike, classes: int, weights: ArrayLike | None = None) -> float | Floats | None:
    """Cohen's kappa in [-1, 1]: 1 is full agreement, 0 is what each side's own answer shares would give by chance.

    None when chance agreement is 1 (both always give the same one answer); with weights (see evalkit.stats.arrays) nan
    marks such an undefined resample. ValueError for no rows. Source: Cohen (1960).
    """
    shares = _shares(t, s, classes, weights)
    return _beyond(shares.agree, (shares.teacher * shares.student).sum(axis=1), weights)


def kappa_influence(t: ArrayLike, s: ArrayLike, classes: int) -> Floats:
    """By how much each row moves Cohen's kappa, times n: shape (n,), mean 0; all 0 where kappa is undefined.

    The derivative of kappa by the weight of a row, as in the delta method of Fleiss, Cohen and Everitt (1969).
    """
    teacher, student = np.asarray(t, dtype=np.int64), np.asarray(s, dtype=np.int64)
    shares = _shares(teacher, student, classes, None)
    agree, chance = float(shares.agree[0]), float((shares.teacher * shares.student).sum())
    if chance >= _ONE:
        return np.zeros(teacher.size)
    of_teacher, of_student = (np.bincount(side + 1, minlength=classes + 1) / side.size for side in (teacher, student))
    # No answer agrees with nothing, so it adds nothing to chance.
    of_teacher[0] = of_student[0] = 0.0
    by_chance = of_student[teacher + 1] + of_teacher[student + 1] - 2.0 * chance
    hit = ((teacher == student) & (teacher >= 0)).astype(np.float64)
    return floats((hit - agree) / (1.0 - chance) - (1.0 - agree) / (1.0 - chance) ** 2 * by_chance)


def kappa_unit(t: ArrayLike, s: ArrayLike, classes: int) -> float:
    """What one agreement more in n is worth to kappa, times n, at the chance of the sample: 1 / (1 - chance) >= 1.

    1 where kappa is undefined.
    """
    shares = _shares(t, s, classes, None)
    chance = float((shares.teacher * shares.student).sum())
    return 1.0 if chance >= _ONE else 1.0 / (1.0 - chance)


@overload
def scott_pi(t: ArrayLike, s: ArrayLike, classes: int, weights: None = None) -> float | None: ...
@overload
def scott_pi(t: ArrayLike, s: ArrayLike, classes: int, weights: ArrayLike) -> Floats: ...
def scott_pi(t: ArrayLike, s: ArrayLike, classes: int, weights: ArrayLike | None = None) -> float | Floats | None:
    """Scott's pi in [-1, 1]: as `kappa`, but chance comes from the answer shares of both sides pooled.

    None (with weights: nan) when chance agreement is 1. Source: Scott (1955).
    """
    shares = _shares(t, s, classes, weights)
    return _beyond(shares.agree, _pooled_chance(shares), weights)


@overload
def krippendorff_alpha(t: ArrayLike, s: ArrayLike, classes: int, weights: None = None) -> float | None: ...
@overload
def krippendorff_alpha(t: ArrayLike, s: ArrayLike, classes: int, weights: ArrayLike) -> Floats: ...
def krippendorff_alpha(
    t: ArrayLike, s: ArrayLike, classes: int, weights: ArrayLike | None = None
) -> float | Floats | None:
    """Krippendorff's nominal alpha of two raters, at most 1: Scott's pi corrected for small n.

    None (with weights: nan) when chance agreement is 1. Source: Krippendorff (2011), through the two-rater identity
    1 - (1 - pi) (2n - 1) / (2n).
    """
    shares = _shares(t, s, classes, weights)
    chance = _pooled_chance(shares)
    pi = quotient(shares.agree - chance, np.where(_is_one(chance), 0.0, 1.0 - chance))
    values = 1.0 - (1.0 - pi) * (1.0 - quotient(np.full_like(pi, 0.5), shares.rows))
    return number_or_none(values[0]) if weights is None else in_shape_of(values, weights)


@overload
def error_consistency(a: float, b: float, c: float, d: float) -> float | None: ...
@overload
def error_consistency(a: Floats, b: Floats, c: Floats, d: Floats) -> Floats: ...
def error_consistency(
    a: float | Floats, b: float | Floats, c: float | Floats, d: float | Floats
) -> float | Floats | None:
    """Cohen's kappa of two models' correctness, in [-1, 1]: do they fail on the same examples beyond chance?

    Cells a both right, b teacher only, c student only, d both wrong, as numbers or as arrays of one shape. None when
    chance agreement is 1 (both always right or always wrong) or the table is empty; in arrays nan marks that undefined
    resample. Source: Geirhos, Meding and Wichmann (2020), arXiv 2006.16736.
    """
    both, teacher_only, student_only, neither = (np.atleast_1d(floats(cell)) for cell in (a, b, c, d))
    n = both + teacher_only + student_only + neither
    teacher, student = both + teacher_only, both + student_only
    # All in counts, so that chance agreement of exactly 1 is seen exactly.
    expected = teacher * student + (n - teacher) * (n - student)
    values = quotient(n * (both + neither) - expected, n * n - expected)
    if np.ndim(a) == 0 and np.ndim(b) == 0 and np.ndim(c) == 0 and np.ndim(d) == 0:
        return number_or_none(values[0])
    return values


def _shares(t: ArrayLike, s: ArrayLike, classes: int, weights: ArrayLike | None) -> _Shares:
    teacher, student = np.asarray(t, dtype=np.int64), np.asarray(s, dtype=np.int64)
    if teacher.shape != student.shape:
        raise ValueError(f"answers of shapes {teacher.shape} and {student.shape} are not paired")
    rows = weight_rows(weights, teacher.size)
    if max(teacher.max(), student.max()) >= classes or min(teacher.min(), student.min()) < -1:
        raise ValueError(f"an answer lies outside -1 .. {classes - 1}")
    total = rows.sum(axis=1)
    # Only the classes that occur: a task with thousands of them would need a needlessly wide table.
    seen = np.unique(np.concatenate([teacher, student]))
    seen = seen[seen >= 0]
    counts_teacher = rows @ (teacher[:, None] == seen).astype(np.float64)
    counts_student = rows @ (student[:, None] == seen).astype(np.float64)
    agree = rows @ ((teacher == student) & (teacher >= 0)).astype(np.float64)
    column = total[:, None]
    return _Shares(quotient(agree, total), quotient(counts_teacher, column), quotient(counts_student, column), total)


def _pooled_chance(shares: _Shares) -> Floats:
    pooled = (0.5 * (shares.teacher + shares.student)) ** 2
    # Each side's "no answer" is a class that the other side never gives.
    silent = (0.5 * (1.0 - shares.teacher.sum(axis=1))) ** 2 + (0.5 * (1.0 - shares.student.sum(axis=1))) ** 2
    return floats(pooled.sum(axis=1) + silent)


def _is_one(chance: Floats) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.asarray(chance >= _ONE)


def _beyond(agree: Floats, chance: Floats, weights: ArrayLike | None) -> float | Floats | None:
    values = quotient(agree - chance, np.where(_is_one(chance), 0.0, 1.0 - chance))
    return number_or_none(values[0]) if weights is None else in_shape_of(values, weights)
