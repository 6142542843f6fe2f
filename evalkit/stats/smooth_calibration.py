"""Smooth calibration error: no bins, and a bandwidth that the data choose."""

from __future__ import annotations

from typing import overload

import numpy as np
from numpy.typing import ArrayLike

from evalkit.stats.arrays import Floats, floats, in_shape_of, quotient, weight_rows

# Residuals are put on this many intervals of [0, 1]; the error that brings is far below 1e-3.
_CELLS = 512
# Leaves a doubt of 1 / 4096, a quarter of what is promised.
_HALVINGS = 12


@overload
def smooth_ece(confidence: ArrayLike, correct: ArrayLike, weights: None = None) -> float: ...
@overload
def smooth_ece(confidence: ArrayLike, correct: ArrayLike, weights: ArrayLike) -> Floats: ...
def smooth_ece(confidence: ArrayLike, correct: ArrayLike, weights: ArrayLike | None = None) -> float | Floats:
    """Smooth calibration error in [0, 1], 0 is best, accurate to about 1e-3.

    The residuals (correct - confidence) are smoothed along confidence by a Gaussian reflected at 0 and 1; the error is
    the integral of the absolute result, taken at the one bandwidth that equals it. weights as in evalkit.stats.arrays
    (nan where a resample weighs 0). ValueError for no rows. Source: Blasiok and Nakkiran (2023), arXiv 2309.12236.
    """
    at, right = floats(confidence), floats(correct)
    rows = weight_rows(weights, at.size)
    waves = _waves(_on_grid(at, right - at, rows))
    low, high = np.zeros(rows.shape[0]), np.ones(rows.shape[0])
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        # More smoothing cancels more, so the error falls with the bandwidth and the two meet once.
        above = _smoothed_error(waves, middle) > middle
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    values = np.where(rows.sum(axis=1) == 0.0, np.nan, low)
    return float(values[0]) if weights is None else in_shape_of(values, weights)


def _on_grid(at: Floats, residuals: Floats, rows: Floats) -> Floats:
    """(B, cells + 1) mean residual at each grid point; a row is shared between its two neighbours."""
    place = np.clip(at, 0.0, 1.0) * _CELLS
    left = np.minimum(place.astype(np.int64), _CELLS - 1)
    share = place - left
    grid = np.empty((rows.shape[0], _CELLS + 1))
    for index, row in enumerate(rows):
        mass = row * residuals
        grid[index] = np.bincount(left, weights=mass * (1.0 - share), minlength=_CELLS + 1)
        grid[index] += np.bincount(left + 1, weights=mass * share, minlength=_CELLS + 1)
    return np.nan_to_num(quotient(grid, rows.sum(axis=1)[:, None]))


def _waves(grid: Floats) -> Floats:
    """Cosine coefficients of the grid: in them a Gaussian reflected at both ends is a plain factor per frequency."""
    from scipy.fft import dct

    doubled = grid.copy()
    # The transform counts its two end points half.
    doubled[:, [0, -1]] *= 2.0
    return 0.5 * floats(dct(doubled, type=1, axis=1))


def _smoothed_error(waves: Floats, bandwidth: Floats) -> Floats:
    from scipy.fft import dct

    frequency = np.pi * np.arange(_CELLS + 1)
    kept = waves * np.exp(-0.5 * (bandwidth[:, None] * frequency) ** 2)
    curve = np.abs(floats(dct(kept, type=1, axis=1)))
    ends = 0.5 * (curve[:, 0] + curve[:, -1])
    return floats((curve[:, 1:-1].sum(axis=1) + ends) / _CELLS)
