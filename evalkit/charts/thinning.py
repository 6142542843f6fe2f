"""Fewer points for the same line."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def thinned(along: ArrayLike, most: int) -> NDArray[np.int64]:
    """Positions of at most `most` of these values, which rise: all where they are few, otherwise about evenly spaced in
    value. The first and the last are among them."""
    values = np.asarray(along, dtype=np.float64)
    if values.size <= most:
        return np.arange(values.size, dtype=np.int64)
    wanted = np.linspace(values[0], values[-1], most)
    return np.unique(np.searchsorted(values, wanted, side="left")).astype(np.int64)
