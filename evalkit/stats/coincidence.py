"""How often two wrong answers are the same one, beside how often they would be by chance.

Answers are whole-number classes, -1 for none of them: it is wrong and meets nothing. By chance means: as often as a
wrong answer of one side meets a wrong answer that the other side gave to another row of the same gold class.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evalkit.stats.arrays import Floats, floats
from evalkit.stats.groups import group_sums

Codes = NDArray[np.int64]


class Coincidence(NamedTuple):
    """Of the `rows` that both got wrong: the share of equal answers, the share by chance, and what is beyond it.

    `observed` and `chance` are in [0, 1]; `excess` is `beyond_chance` of them, None for a chance of 1. `used` (n,)
    marks the rows; one whose gold class holds no other wrong answer to tell chance from is not among them. `expected`
    (n,) is each used row's chance, 0 elsewhere. `pseudo` (n,) are the jackknife's pseudo-values of the excess over all
    rows: their spread holds the doubt about the chance as well.
    """

    observed: float
    chance: float
    excess: float | None
    rows: int
    used: NDArray[np.bool_]
    expected: Floats
    pseudo: Floats


def coincidence(t: ArrayLike, s: ArrayLike, gold: ArrayLike) -> Coincidence | None:
    """How often two wrong answers coincide; None where no row with a basis for chance got two wrong answers.

    Chance is the share of equal answers among all pairs of wrong answers of one gold class that stand in different
    rows: unbiased, whatever the number of classes. Shares smoothed by half a count are not; with many classes and few
    errors in each they make chance look far too small. ValueError for arrays of unequal length.
    """
    # Rows that both got right tell nothing: all that follows is about the others.
    keep = np.flatnonzero((np.asarray(t) != gold) | (np.asarray(s) != gold))
    n = np.size(gold)
    teacher, student, of = _coded(*(np.asarray(side)[keep] for side in (t, s, gold)))
    if of.size == 0:
        return None
    a, b = teacher >= -1, student >= -1
    same = (teacher == student) & (teacher >= 0)
    golds = int(of.max()) + 1
    # How often the other side gave this wrong answer in this gold class.
    left, right = _counted(teacher, student), _counted(student, teacher)
    wrong = [floats(np.bincount(of, weights=each, minlength=golds)) for each in (a, b, a & b)]
    matched = floats(np.bincount(of, weights=same, minlength=golds))
    equal = floats(np.bincount(of, weights=left, minlength=golds) - matched)
    parts = _parts(wrong[2], matched, wrong[0] * wrong[1] - wrong[2], equal)
    total = parts.sum(axis=1)
    if total[0] == 0:
        return None
    # The same without one row: its own answers go, and every pair they are in.
    both = wrong[2][of] - (a & b)
    pairs = (wrong[0][of] - a) * (wrong[1][of] - b) - both
    without = _parts(both, matched[of] - same, pairs, equal[of] - (left - same) - (right - same))
    excess = float(_excess(total[:, None])[0])
    apart = _excess(total[:, None] - parts[:, of] + without)
    used = a & b & (wrong[0] * wrong[1] - wrong[2] > 0)[of]
    share = equal / np.maximum(1.0, wrong[0] * wrong[1] - wrong[2])
    at = keep[used]
    pseudo, everywhere, expected = np.full(n, excess), np.zeros(n, dtype=bool), np.zeros(n)
    everywhere[at], expected[at] = True, share[of][used]
    pseudo[keep] = n * excess - (n - 1) * np.where(np.isfinite(apart), apart, excess)
    return Coincidence(
        observed=float(total[1] / total[0]),
        chance=float(total[2] / total[0]),
        excess=excess if np.isfinite(excess) else None,
        rows=int(total[0]),
        used=everywhere,
        expected=expected,
        pseudo=pseudo,
    )


def beyond_chance(observed: float, chance: float) -> float | None:
    """(observed - chance) / (1 - chance), at most 1; 0 is what chance gives. None for a chance of 1."""
    return None if chance >= 1.0 - 1e-12 else (observed - chance) / (1.0 - chance)


def known_chance_p(same: ArrayLike, chance: ArrayLike) -> float | None:
    """One-sided binomial p-value in [0, 1] of rows coinciding more often than by their `chance`; None for no rows.

    With the mean chance: where chances differ, its tail is the heavier one from one above the expected count on
    (Hoeffding 1956, Annals of Mathematical Statistics 27).
    """
    from scipy.special import bdtrc

    hits, expected = floats(same), floats(chance)
    if hits.size == 0:
        return None
    count = int(hits.sum())
    return 1.0 if count == 0 else float(bdtrc(count - 1, hits.size, min(1.0, float(expected.mean()))))


def permutation_p(t: ArrayLike, s: ArrayLike, gold: ArrayLike) -> float | None:
    """One-sided p-value in [0, 1] of wrong answers coinciding more often than if one side's were dealt out anew.

    Dealt out among the rows of a gold class that this side got wrong; the larger p-value of dealing out either side's.
    From the exact mean and variance of the number of matches, by a normal tail half a match short. 1 where no dealing
    would change anything; None where no row got two wrong answers.
    """
    from scipy.special import ndtr

    teacher, student, of = _coded(t, s, gold)
    both = (teacher >= -1) & (student >= -1)
    if not both.any():
        return None
    seen = float(np.sum(both & (teacher == student) & (teacher >= 0)))
    found = []
    for one, other in ((teacher, student), (student, teacher)):
        mean, variance = _dealt_out(one, other, both, of)
        found.append(1.0 if variance <= 1e-9 else float(ndtr((mean + 0.5 - seen) / np.sqrt(variance))))
    return max(found)


def grouped_p(same: ArrayLike, chance: ArrayLike, groups: ArrayLike) -> float:
    """One-sided p-value of a t test of the groups' sums of same - chance around 0; 1 where fewer than 2 groups tell."""
    from scipy.special import stdtr

    sums = group_sums(floats(same) - floats(chance), groups)
    spread = float(np.sqrt(np.sum(sums**2)))
    return 1.0 if sums.size < 2 or spread == 0.0 else float(stdtr(sums.size - 1, -float(sums.sum()) / spread))


def _coded(t: ArrayLike, s: ArrayLike, gold: ArrayLike) -> tuple[Codes, Codes, Codes]:
    """Wrong answers of both sides as one number for gold class and answer, -1 for none of the classes, -2 for right
    ones; and the place of each row's gold class."""
    teacher, student, truth = (np.asarray(side, dtype=np.int64) for side in (t, s, gold))
    if not teacher.shape == student.shape == truth.shape:
        raise ValueError(f"answers of shapes {teacher.shape}, {student.shape} and {truth.shape} are not paired")
    _, of = np.unique(truth, return_inverse=True)
    width = 1 + max(int(side.max(initial=0)) for side in (teacher, student))
    sides = [
        np.where(side == truth, -2, np.where(side < 0, -1, of * width + np.maximum(side, 0)))
        for side in (teacher, student)
    ]
    return sides[0], sides[1], of.astype(np.int64)


def _counted(answers: Codes, others: Codes) -> Floats:
    """(n,): how many of `others` are the same wrong answer of the same gold class; 0 for right answers and for none."""
    codes, counts = np.unique(others[others >= 0], return_counts=True)
    if codes.size == 0:
        return np.zeros(answers.size)
    place = np.minimum(np.searchsorted(codes, answers), codes.size - 1)
    return np.where((codes[place] == answers) & (answers >= 0), counts[place], 0).astype(np.float64)


def _parts(both: Floats, matched: Floats, pairs: Floats, equal: Floats) -> Floats:
    """(3, m): rows both got wrong, those that coincide, and those expected to; 0 where chance has no basis."""
    basis = pairs > 0.5
    expected = both * equal / np.where(basis, pairs, 1.0)
    return floats(np.where(basis, np.stack([both, matched, expected]), 0.0))


def _excess(parts: Floats) -> Floats:
    rows, seen, expected = parts
    room = rows - expected
    return np.where((rows > 0.5) & (room > 1e-9), (seen - expected) / np.where(room > 1e-9, room, 1.0), np.nan)


def _dealt_out(one: Codes, other: Codes, both: NDArray[np.bool_], of: Codes) -> tuple[float, float]:
    """Mean and variance of the matches when `other`'s wrong answers are dealt out anew inside each gold class."""
    golds = int(of.max()) + 1
    pool = np.bincount(of[other >= -1], minlength=golds).astype(float)
    codes, places, rows = np.unique(one[both & (one >= 0)], return_index=True, return_counts=True)
    if codes.size == 0:
        return 0.0, 0.0
    gold = of[np.flatnonzero(both & (one >= 0))[places]]
    held, size = _counted(codes, other), pool[gold]
    share = held / size
    # Two rows that want the same answer draw it without replacement; two that want others draw from what is left.
    less = np.maximum(1.0, size - 1.0)
    twice = rows * (rows - 1) * (share * (held - 1) / less - share**2)
    summed = np.bincount(gold, weights=rows * share, minlength=golds)
    squared = np.bincount(gold, weights=(rows * share) ** 2, minlength=golds)
    across = np.where(pool > 1, (summed**2 - squared) / np.maximum(1.0, pool - 1.0), 0.0)
    return float(np.sum(rows * share)), float(np.sum(rows * share * (1 - share) + twice) + np.sum(across))
