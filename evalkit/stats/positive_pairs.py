"""Paired positive measurements, checked once for every ratio that is taken of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from evalkit.stats.arrays import Floats, floats


def positive_pairs(teacher: ArrayLike, student: ArrayLike) -> tuple[Floats, Floats] | None:
    """Both as float64 of one length >= 2; None if there are fewer, or if a value is not positive and finite.

    ValueError for unequal lengths: then nothing is paired.
    """
    first, second = floats(teacher).ravel(), floats(student).ravel()
    if first.size != second.size:
        raise ValueError(f"{first.size} and {second.size} values are not paired")
    both = np.concatenate([first, second])
    if first.size < 2 or not np.all(np.isfinite(both) & (both > 0.0)):
        return None
    return first, second
