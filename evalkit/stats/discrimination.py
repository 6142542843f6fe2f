"""How well confidence tells right answers from wrong ones: ranking, selective risk, overconfident errors."""

from __future__ import annotations

from typing import Literal, NamedTuple, overload

import numpy as np
from numpy.typing import ArrayLike

from evalkit.stats.arrays import Floats, floats, in_shape_of, number_or_none, quotient, undefined, weight_rows

Ties = Literal["given", "average"]


class _Blocks(NamedTuple):
    """Weight of the right and the wrong rows of each block of equal confidence, least sure first; both (B, blocks)."""

    right: Floats
    wrong: Floats


@overload
def auroc(confidence: ArrayLike, correct: ArrayLike, weights: None = None) -> float | None: ...
@overload
def auroc(confidence: ArrayLike, correct: ArrayLike, weights: ArrayLike) -> Floats: ...
def auroc(confidence: ArrayLike, correct: ArrayLike, weights: ArrayLike | None = None) -> float | Floats | None:
    """P(a right answer is surer than a wrong one), ties half: in [0, 1], higher is better, 0.5 is chance.

    None when all are right or all wrong; with weights (see evalkit.stats.arrays) nan marks such an undefined
    resample. ValueError for no rows. Source: Hanley and McNeil (1982), the Mann-Whitney form.
    """
    blocks = _blocks(confidence, correct, weights)
    wrong_below = np.cumsum(blocks.wrong, axis=1) - 0.5 * blocks.wrong
    wins = (blocks.right * wrong_below).sum(axis=1)
    values = quotient(wins, blocks.right.sum(axis=1) * blocks.wrong.sum(axis=1))
    return number_or_none(values[0]) if weights is None else in_shape_of(values, weights)


@overload
def aurc(confidence: ArrayLike, correct: ArrayLike, weights: None = None, *, ties: Ties = "given") -> float | None: ...
@overload
def aurc(confidence: ArrayLike, correct: ArrayLike, weights: ArrayLike, *, ties: Ties = "given") -> Floats: ...
def aurc(
    confidence: ArrayLike, correct: ArrayLike, weights: ArrayLike | None = None, *, ties: Ties = "given"
) -> float | Floats | None:
    """Area under the risk-coverage curve in [0, 1], lower is better: mean error of the k surest rows over k = 1 .. n.

    Equal confidences are taken in the order given; with ties="average" the value is the mean over every order they
    could be in, which no order of rows can change. None for no rows; with weights (see evalkit.stats.arrays) nan
    marks a resample that weighs 0. Source: Geifman and El-Yaniv (2017), arXiv 1705.08500.
    """
    if np.size(confidence) == 0:
        return undefined(weights)
    blocks = _blocks(confidence, correct, weights, split_ties=ties == "given")
    wrong = blocks.wrong[:, ::-1]
    size = wrong + blocks.right[:, ::-1]
    taken = np.cumsum(size, axis=1)
    before = taken - size
    wrong_before = np.cumsum(wrong, axis=1) - wrong
    # Taking j of a block of m with e errors after S rows with E errors has an expected risk of (E + j e / m) / (S + j);
    # its sum over j = 1 .. m is e + (E - S e / m) (H(S + m) - H(S)).
    share = np.nan_to_num(quotient(wrong, size))
    harmonic = np.diff(_harmonic(taken), axis=1, prepend=_harmonic(np.zeros((1, 1))).item())
    risk = (wrong + (wrong_before - before * share) * harmonic).sum(axis=1)
    values = np.clip(quotient(risk, taken[:, -1]), 0.0, 1.0)
    return number_or_none(values[0]) if weights is None else in_shape_of(values, weights)


@overload
def overconfident_errors(
    confidence: ArrayLike, correct: ArrayLike, at: float = 0.9, weights: None = None
) -> float | None: ...
@overload
def overconfident_errors(
    confidence: ArrayLike, correct: ArrayLike, at: float = 0.9, *, weights: ArrayLike
) -> Floats: ...
def overconfident_errors(
    confidence: ArrayLike, correct: ArrayLike, at: float = 0.9, weights: ArrayLike | None = None
) -> float | Floats | None:
    """Share of the wrong answers given with a confidence of `at` or more, in [0, 1], lower is better.

    None when no answer is wrong; with weights (see evalkit.stats.arrays) nan marks such an undefined resample.
    """
    if np.size(confidence) == 0:
        return undefined(weights)
    sure = floats(confidence) >= at
    wrong = 1.0 - floats(correct)
    rows = weight_rows(weights, wrong.size)
    values = quotient(rows @ (wrong * sure), rows @ wrong)
    return number_or_none(values[0]) if weights is None else in_shape_of(values, weights)


def _harmonic(counts: Floats) -> Floats:
    """H(x) = 1 + 1/2 + ... + 1/x less a constant, also between whole numbers, where it is digamma(x + 1)."""
    from scipy.special import digamma

    whole = counts.astype(np.int64)
    if (whole != counts).any():
        return floats(digamma(counts + 1.0))
    # Weights of resamples are whole numbers, and to look one up costs a tenth of working it out.
    return floats(digamma(np.arange(1.0, whole.max() + 2.0)))[whole]


def _blocks(
    confidence: ArrayLike, correct: ArrayLike, weights: ArrayLike | None, *, split_ties: bool = False
) -> _Blocks:
    """With `split_ties` every row is a block of its own, and of equally sure rows the first given counts as surest."""
    at, right = floats(confidence), floats(correct)
    rows = weight_rows(weights, at.size)
    order = np.argsort(-at, kind="stable")[::-1]
    ordered = at[order]
    starts = np.flatnonzero(np.concatenate([[True], split_ties | (ordered[1:] != ordered[:-1])]))
    mass = rows[:, order]
    mass_right = mass * right[order]
    if starts.size == at.size:
        return _Blocks(right=mass_right, wrong=mass - mass_right)
    return _Blocks(
        right=np.add.reduceat(mass_right, starts, axis=1),
        wrong=np.add.reduceat(mass - mass_right, starts, axis=1),
    )
