"""Array types of this room, and the two shapes in which row weights arrive.

The law of weights: a whole-number weight w does what w copies of the row would do. A function with a `weights` argument
gives a Python number when it is None, and for weights of shape (..., n) an array of shape (...): one value for each row
of weights, which is what a bootstrap asks for.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def floats(values: ArrayLike) -> Floats:
    """`values` as float64, copied only if it has another type."""
    return np.asarray(values, dtype=np.float64)


def weight_rows(weights: ArrayLike | None, n: int) -> Floats:
    """Weights as (B, n): one row of ones for None. ValueError if n is 0 or the last axis is not n long."""
    if n == 0:
        raise ValueError("there is no row to compute from")
    if weights is None:
        return np.ones((1, n))
    rows = floats(weights)
    if rows.shape[-1:] != (n,):
        raise ValueError(f"weights of shape {rows.shape} do not fit {n} rows")
    return rows.reshape(-1, n)


def in_shape_of(values: Floats, weights: ArrayLike) -> Floats:
    """The (B,) values that belong to `weights`, in the shape weights.shape[:-1]."""
    return values.reshape(np.shape(weights)[:-1])


def quotient(numerator: Floats, denominator: Floats) -> Floats:
    """numerator / denominator element by element, nan (an undefined resample) where the denominator is 0."""
    out = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), np.nan)
    np.divide(numerator, denominator, out=out, where=denominator != 0.0)
    return out


def undefined(weights: ArrayLike | None) -> Floats | None:
    """What a function gives that has no row to compute from: None, or nan for each row of `weights`."""
    return None if weights is None else np.full(np.shape(weights)[:-1], np.nan)


def number_or_none(value: float) -> float | None:
    """A Python float, or None for nan: the mark of the undefined does not leave this room."""
    return None if np.isnan(value) else float(value)
