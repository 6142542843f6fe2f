"""How large a binned calibration error may be: bounds where resampling shows too little, which is on few rows a bin."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from evalkit.stats.arrays import Ints, floats
from evalkit.stats.interval import Interval


def ece_bounds(
    confidence: ArrayLike, correct: ArrayLike, bin_of_row: Ints, bins: int, level: float, worth: float = 1.0
) -> Interval:
    """Interval in [0, 1] of the l2 calibration error over given bins, of two-sided coverage `level`.

    The squared gaps of the bins, each over its variance, add up to a non-central chi-squared number whose
    non-centrality is taken for the squared error times rows over the mean variance; the interval holds the errors that
    do not make what was seen improbable. Its low end is 0 where an honest model shows as much (Hosmer and Lemeshow
    1980), and so is its high end where chance alone would show more: it is for use beside another interval. A bin's
    variance is the larger of what was seen and what the confidences say; where bins differ in it, those with little
    count for more than their rows. `worth`: for how many independent rows each counts. ValueError for no rows.
    Measured in scripts/simulate.
    """
    at, right = floats(confidence), floats(correct)
    if at.size == 0:
        raise ValueError("there is no row to compute from")
    from scipy.special import chndtr, chndtrinc

    rows = np.bincount(bin_of_row, minlength=bins).astype(np.float64)
    held = rows > 0.0
    safe = np.where(held, rows, 1.0)
    gap = np.bincount(bin_of_row, weights=right - at, minlength=bins) / safe
    accuracy = np.bincount(bin_of_row, weights=right, minlength=bins) / safe
    said = np.bincount(bin_of_row, weights=at * (1.0 - at), minlength=bins) / safe
    # A bin of certain and right rows has no variance; a thousandth keeps it from deciding everything.
    variance = np.maximum(np.maximum(accuracy * (1.0 - accuracy), said), 1e-3)
    seen = float(worth * np.sum(rows * gap**2 / variance))
    mean_variance = float(np.sum(rows * variance) / at.size)
    used, tail = int(held.sum()), (1.0 - level) / 2.0

    def error_of(probability: float) -> float:
        if chndtr(seen, used, 0.0) <= probability:
            return 0.0
        noncentrality = float(chndtrinc(seen, used, probability))
        return min(1.0, math.sqrt(noncentrality * mean_variance / (worth * at.size)))

    return Interval(error_of(1.0 - tail), error_of(tail))
