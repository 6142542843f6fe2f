"""Other norms and other bins of the calibration error: for comparison with what others publish, not for deciding."""

from __future__ import annotations

from typing import NamedTuple, overload

import numpy as np
from numpy.typing import ArrayLike

from evalkit.stats.arrays import Floats, Ints, floats, in_shape_of, quotient, weight_rows
from evalkit.stats.binned_calibration import ece, equal_mass_bins, equal_width_bins


class Sweep(NamedTuple):
    """`error` in [0, 1] over `bins` of equal mass."""

    error: float
    bins: int


@overload
def signed_gap(confidence: ArrayLike, correct: ArrayLike, weights: None = None) -> float: ...
@overload
def signed_gap(confidence: ArrayLike, correct: ArrayLike, weights: ArrayLike) -> Floats: ...
def signed_gap(confidence: ArrayLike, correct: ArrayLike, weights: ArrayLike | None = None) -> float | Floats:
    """Mean confidence less accuracy, in [-1, 1]: above 0 is over-confident, 0 is best. Never larger than the ECE.

    weights as in evalkit.stats.arrays (nan where a resample weighs 0). ValueError for no rows.
    """
    gaps = floats(confidence) - floats(correct)
    rows = weight_rows(weights, gaps.size)
    values = quotient(rows @ gaps, rows.sum(axis=1))
    return float(values[0]) if weights is None else in_shape_of(values, weights)


def mce(confidence: ArrayLike, correct: ArrayLike, bins: int = 15) -> float:
    """Largest |accuracy - confidence| of any bin of equal width, in [0, 1], 0 is best. A bin of one row counts like any
    other, so this is mostly noise. ValueError for no rows. Source: Naeini et al. (2015)."""
    gaps, _ = _gaps(confidence, correct, bins)
    return float(gaps.max())


def ece_l2(confidence: ArrayLike, correct: ArrayLike, bins: int = 15) -> float:
    """Root of the mean squared gap over bins of equal width, weighted by their rows, in [0, 1], 0 is best; at least
    the ECE, and biased upwards like it. ValueError for no rows. Source: Kumar et al. (2019), arXiv 1909.10155."""
    gaps, share = _gaps(confidence, correct, bins)
    return float(np.sqrt(share @ gaps**2))


def ece_sweep(confidence: ArrayLike, correct: ArrayLike) -> Sweep:
    """ECE over as many bins of equal mass as keep the accuracy rising from bin to bin: more of them show only noise.

    The number of bins grows from 1 while the bins' accuracies never fall. Equal confidences stay in the order given,
    as in `equal_mass_bins`. ValueError for no rows. Source: Roelofs et al. (2022), arXiv 2012.08668.
    """
    at, right = floats(confidence), floats(correct)
    if at.size == 0:
        raise ValueError("there is no row to compute from")
    bins = 1
    while bins < at.size and _rises(right, equal_mass_bins(at, bins + 1), bins + 1):
        bins += 1
    sums = np.bincount(equal_mass_bins(at, bins), weights=right - at, minlength=bins)
    return Sweep(float(np.abs(sums).sum()) / at.size, bins)


def ece_classwise(probs: ArrayLike, target_index: ArrayLike, bins: int = 15) -> float:
    """Mean over the K classes of the binary ECE of P(class) against "the target is this class", in [0, 1], 0 is best.

    With many classes nearly all rows are in the first bin of each, and the value is small whatever the model is like.
    ValueError for no rows or a target outside 0 .. K - 1. Source: Kull et al. (2019), arXiv 1910.12656.
    """
    rows, target = floats(probs), np.asarray(target_index, dtype=np.int64).reshape(-1)
    if rows.ndim != 2 or rows.shape[0] != target.size:
        raise ValueError(f"{target.size} targets do not fit probabilities of shape {rows.shape}")
    if target.size and (target.min() < 0 or target.max() >= rows.shape[1]):
        raise ValueError(f"a target lies outside the classes 0 .. {rows.shape[1] - 1}")
    return float(np.mean([ece(rows[:, k], (target == k).astype(float), bins) for k in range(rows.shape[1])]))


def _gaps(confidence: ArrayLike, correct: ArrayLike, bins: int) -> tuple[Floats, Floats]:
    """|accuracy - confidence| of each bin and its share of the rows; an empty bin has neither."""
    at, right = floats(confidence), floats(correct)
    if at.size == 0:
        raise ValueError("there is no row to compute from")
    bin_of_row = equal_width_bins(at, bins)
    size = np.bincount(bin_of_row, minlength=bins)
    sums = np.bincount(bin_of_row, weights=right - at, minlength=bins)
    return np.abs(sums) / np.maximum(size, 1), size / at.size


def _rises(right: Floats, bin_of_row: Ints, bins: int) -> bool:
    accuracy = np.bincount(bin_of_row, weights=right, minlength=bins) / np.bincount(bin_of_row, minlength=bins)
    return bool((np.diff(accuracy) >= 0.0).all())
