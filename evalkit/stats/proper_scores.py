"""Proper scores of predicted distributions, row by row: only the honest distribution minimises their mean."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from evalkit.stats.arrays import Floats, floats


def brier_rows(probs: ArrayLike, target_index: ArrayLike) -> Floats:
    """Squared distance of each row of `probs` (n, K) from the target's indicator, summed over classes: (n,) in [0, 2].

    Lower is better. With two classes it is twice the binary (confidence - correct)^2. ValueError for a target outside
    0 .. K - 1. Source: Brier (1950); scikit-learn brier_score_loss(scale_by_half=False).
    """
    rows, target = _checked(probs, target_index)
    hit = rows[np.arange(target.size), target]
    # Without the target's own square, so that a certain right answer scores exactly 0.
    others = np.maximum((rows**2).sum(axis=1) - hit**2, 0.0)
    return floats(others + (1.0 - hit) ** 2)


def nll_rows(probs: ArrayLike, target_index: ArrayLike, clip: float = 1e-15) -> Floats:
    """Negative natural log of the target's probability, (n,) in [0, -ln(clip)] nats; lower is better.

    Probabilities below `clip` count as `clip`: count them beside the score. ValueError for a target outside 0 .. K - 1.
    """
    rows, target = _checked(probs, target_index)
    return floats(-np.log(np.clip(rows[np.arange(target.size), target], clip, 1.0)))


def _checked(probs: ArrayLike, target_index: ArrayLike) -> tuple[Floats, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    rows = floats(probs)
    target = np.asarray(target_index, dtype=np.int64).reshape(-1)
    if rows.ndim != 2 or rows.shape[0] != target.size:
        raise ValueError(f"{target.size} targets do not fit probabilities of shape {rows.shape}")
    # numpy would read -1 as the last class and score the wrong one without a word.
    if target.size and (target.min() < 0 or target.max() >= rows.shape[1]):
        raise ValueError(f"a target lies outside the classes 0 .. {rows.shape[1] - 1}")
    return rows, target
