"""A mean over many rows of which a random sample has been labelled: prediction-powered inference (PPI++).

A detector's word stands for the truth where there is no label, and the labelled sample says by how much it is wrong
on average. Nothing is assumed of the detector: if it is useless, what is left is the mean of the labels.
Source: Angelopoulos, Duchi and Zrnic (2023), arXiv 2311.01453; ppi-python computes the same.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evalkit.stats.arrays import Floats, floats
from evalkit.stats.interval import Interval
from evalkit.stats.normal import two_sided_z


class Powered(NamedTuple):
    """A mean, and each row's part in its error: the parts sum to 0, their squares to the variance.

    So the variance of a difference of two such means over the same rows is the sum of the squares of the differences,
    and with groups the parts of a group are added before they are squared. `weight` in [0, 1] says how far the
    detector was believed, 0 not at all.
    """

    value: float
    parts: Floats
    weight: float

    def interval(self, level: float) -> Interval:
        """Normal interval, for many labels. It shows nothing of errors that the labelled rows happen not to hold."""
        half = two_sided_z(level) * math.sqrt(float(np.sum(self.parts**2)))
        return Interval(self.value - half, self.value + half)


def powered_mean(truth: ArrayLike, said: ArrayLike, labelled: ArrayLike, weight: float | None = None) -> Powered | None:
    """Mean of `truth`, which is known where `labelled`, over all rows; `said` is the detector's word on every row.

    The labelled rows must be a random sample of the rows. `weight` None chooses the one with the least variance.
    None where no row is labelled.
    """
    known: NDArray[np.bool_] = np.asarray(labelled, dtype=bool)
    right, words = floats(truth), floats(said)
    n, rest = int(known.sum()), int((~known).sum())
    if n == 0:
        return None
    if rest == 0:
        weight = 0.0
    elif weight is None:
        weight = _best_weight(right[known], words, words[known], rest)
    residual = right[known] - weight * words[known]
    parts = np.zeros(words.size)
    parts[known] = (residual - residual.mean()) / n
    value = float(residual.mean())
    if rest:
        guessed = words[~known]
        value += weight * float(guessed.mean())
        parts[~known] = weight * (guessed - guessed.mean()) / rest
    return Powered(value, parts, weight)


def _best_weight(right: Floats, words: Floats, words_there: Floats, rest: int) -> float:
    spread = float(np.var(words))
    if spread == 0.0:
        return 0.0
    together = float(np.mean((right - right.mean()) * (words_there - words_there.mean())))
    return min(1.0, max(0.0, together / ((1.0 + right.size / rest) * spread)))
