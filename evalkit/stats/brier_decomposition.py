"""Where a Brier score comes from: how honest, how telling and how hard."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from evalkit.stats.arrays import Floats, floats
from evalkit.stats.binned_calibration import equal_width_bins


class Murphy(NamedTuple):
    """brier = reliability - resolution + uncertainty + within_variance - 2 * within_covariance, exactly.

    Reliability (0 is best) is what calibration costs, resolution (higher is better) what telling cases apart gains,
    uncertainty the score of always saying the base rate; the last two are what bins hide.
    """

    brier: float
    reliability: float
    resolution: float
    uncertainty: float
    within_variance: float
    within_covariance: float


class Corp(NamedTuple):
    """brier = miscalibration - discrimination + uncertainty, exactly and without bins; all are >= 0."""

    brier: float
    miscalibration: float
    discrimination: float
    uncertainty: float


def murphy(confidence: ArrayLike, correct: ArrayLike, bins: int = 10) -> Murphy:
    """Parts of the binary Brier score mean((confidence - correct)^2) over bins of equal width, (low, high].

    ValueError for no rows. Source: Murphy (1973), J. Appl. Meteor. 12; the terms inside bins that make it exact:
    Stephenson, Coelho and Jolliffe (2008), Weather and Forecasting 23.
    """
    at, right = _rows(confidence, correct)
    bin_of_row = equal_width_bins(at, bins)
    size = np.maximum(np.bincount(bin_of_row, minlength=bins), 1)
    said, seen = (np.bincount(bin_of_row, weights=each, minlength=bins) / size for each in (at, right))
    off_said, off_seen = at - said[bin_of_row], right - seen[bin_of_row]
    base = float(right.mean())
    return Murphy(
        brier=float(np.mean((at - right) ** 2)),
        reliability=float(np.mean((said - seen)[bin_of_row] ** 2)),
        resolution=float(np.mean((seen[bin_of_row] - base) ** 2)),
        uncertainty=float(np.mean((right - base) ** 2)),
        within_variance=float(np.mean(off_said**2)),
        within_covariance=float(np.mean(off_said * off_seen)),
    )


def corp(confidence: ArrayLike, correct: ArrayLike) -> Corp:
    """Parts of the binary Brier score by the best rising map of confidence to "correct" (isotonic regression).

    Fitted to the same rows, so miscalibration is a little above 0 even for an honest model. ValueError for no rows.
    Source: Dimitriadis, Gneiting and Jordan (2021), PNAS 118.
    """
    from scipy.optimize import isotonic_regression

    at, right = _rows(confidence, correct)
    order = np.argsort(at, kind="stable")
    _, block = np.unique(at[order], return_inverse=True)
    size = np.bincount(block).astype(np.float64)
    best = floats(isotonic_regression(np.bincount(block, weights=right[order]) / size, weights=size).x)
    brier, uncertainty = float(np.mean((at - right) ** 2)), float(right.var())
    recalibrated = float(np.mean((best[block] - right[order]) ** 2))
    return Corp(brier, max(0.0, brier - recalibrated), max(0.0, uncertainty - recalibrated), uncertainty)


def _rows(confidence: ArrayLike, correct: ArrayLike) -> tuple[Floats, Floats]:
    at, right = floats(confidence), floats(correct)
    if at.size == 0:
        raise ValueError("there is no row to compute from")
    return at, right
