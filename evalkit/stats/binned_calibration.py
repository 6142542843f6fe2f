"""Calibration errors over bins of confidence."""

from __future__ import annotations

from typing import overload

import numpy as np
from numpy.typing import ArrayLike

from evalkit.stats.arrays import Floats, Ints, floats, in_shape_of, quotient, weight_rows


@overload
def ece(confidence: ArrayLike, correct: ArrayLike, bins: int = 15, weights: None = None) -> float: ...
@overload
def ece(confidence: ArrayLike, correct: ArrayLike, bins: int = 15, *, weights: ArrayLike) -> Floats: ...
def ece(confidence: ArrayLike, correct: ArrayLike, bins: int = 15, weights: ArrayLike | None = None) -> float | Floats:
    """Expected calibration error in [0, 1], 0 is best: the bins' |accuracy - confidence|, weighted by their rows.

    Bins of equal width, (low, high], the first closed at 0, so a confidence of exactly 1 is in the last one. It is
    biased upwards, the more so the fewer the rows. `correct` in [0, 1]; weights as in evalkit.stats.arrays (nan where
    a resample weighs 0). ValueError for no rows. Source: Naeini et al. (2015); Guo et al. (2017), arXiv 1706.04599.
    """
    at, right = floats(confidence), floats(correct)
    rows = weight_rows(weights, at.size)
    gaps = np.abs(rows @ _by_bin(right - at, equal_width_bins(at, bins), bins))
    values = np.minimum(quotient(gaps.sum(axis=1), rows.sum(axis=1)), 1.0)
    return float(values[0]) if weights is None else in_shape_of(values, weights)


@overload
def ece_debiased(confidence: ArrayLike, correct: ArrayLike, bins: int = 15, weights: None = None) -> float: ...
@overload
def ece_debiased(confidence: ArrayLike, correct: ArrayLike, bins: int = 15, *, weights: ArrayLike) -> Floats: ...
def ece_debiased(
    confidence: ArrayLike, correct: ArrayLike, bins: int = 15, weights: ArrayLike | None = None
) -> float | Floats:
    """Debiased l2 calibration error in [0, 1], 0 is best: sqrt(max(0, squared error less its sampling noise)).

    Bins of equal mass, whose edges come from the unweighted rows (`equal_mass_bins`); a bin that weighs less than 2
    contributes nothing. 0 reads "no error beyond noise". weights as in evalkit.stats.arrays (nan where a resample
    weighs 0). ValueError for no rows. Source: Kumar, Liang and Ma (2019), arXiv 1909.10155.
    """
    at = floats(confidence)
    rows = weight_rows(weights, at.size)
    squared = debiased_squares(at, correct, equal_mass_bins(at, bins), bins, rows)
    values = np.sqrt(np.clip(squared, 0.0, 1.0))
    return float(values[0]) if weights is None else in_shape_of(values, weights)


def equal_width_bins(confidence: ArrayLike, bins: int) -> Ints:
    """The bin (0 .. bins - 1) of each row, shape (n,): `bins` of equal width over [0, 1], each (low, high], the first
    closed at 0. Source: Guo et al. (2017), arXiv 1706.04599; torchmetrics closes them on the other side."""
    edges = np.linspace(0.0, 1.0, bins + 1)
    return np.clip(np.searchsorted(edges, floats(confidence), side="left") - 1, 0, bins - 1).astype(np.int64)


def equal_mass_bins(confidence: ArrayLike, bins: int) -> Ints:
    """The bin (0 .. bins - 1) of each row, shape (n,): about n / bins rows in each.

    The rows, sorted by confidence, are cut as numpy.array_split cuts. Equal confidences stay in the order given, so a
    cut through a block of them depends on it: hand rows over in an order that means nothing, such as by id.
    """
    at = floats(confidence)
    bin_of_row = np.empty(at.size, dtype=np.int64)
    for index, part in enumerate(np.array_split(np.argsort(at, kind="stable"), bins)):
        bin_of_row[part] = index
    return bin_of_row


def debiased_squares(
    confidence: ArrayLike, correct: ArrayLike, bin_of_row: Ints, bins: int, weights: ArrayLike | None = None
) -> Floats:
    """Debiased squared calibration error over given bins, shape (B,) for weights (B, n), (1,) for None.

    sum over bins of share * ((accuracy - confidence)^2 - accuracy (1 - accuracy) / (rows - 1)); may be negative.
    nan where a resample weighs 0. Source: Kumar, Liang and Ma (2019), arXiv 1909.10155.
    """
    at, right = floats(confidence), floats(correct)
    rows = weight_rows(weights, at.size)
    mass = rows @ _by_bin(np.ones(at.size), bin_of_row, bins)
    enough = mass >= 2.0
    # Bins that are too light get a harmless divisor here and are masked out of the sum below.
    safe = np.where(enough, mass, 2.0)
    accuracy = rows @ _by_bin(right, bin_of_row, bins) / safe
    gap = rows @ _by_bin(right - at, bin_of_row, bins) / safe
    terms = mass * (gap**2 - accuracy * (1.0 - accuracy) / (safe - 1.0))
    return quotient(np.where(enough, terms, 0.0).sum(axis=1), rows.sum(axis=1))


def _by_bin(values: Floats, bin_of_row: Ints, bins: int) -> Floats:
    """(n, bins) with each row's value in the column of its bin: weights @ this gives the weighted sum of each bin."""
    spread = np.zeros((values.size, bins))
    spread[np.arange(values.size), bin_of_row] = values
    return spread
