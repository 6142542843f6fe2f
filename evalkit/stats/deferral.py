"""Two answerers, of which the second is asked where the first is not confident: what each threshold gives.

`first` and `second` say row by row whether each is right; where the second is a person whose word is taken, it is right
everywhere. A row is kept (answered by the first) at confidence >= threshold; -inf and
nan are never kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evalkit.stats.arrays import Floats, floats


@dataclass(frozen=True)
class Curve:
    """A point per threshold, (m,) each, from +inf (all is deferred) down through every confidence seen.

    `coverage` is the share kept; `accuracy` of what the two answer together; `lost` the share of all rows that are kept
    and wrong where the second is right. Coverage and lost never fall along the curve.
    """

    threshold: Floats
    coverage: Floats
    accuracy: Floats
    lost: Floats


def deferral_curve(confidence: ArrayLike, first: ArrayLike, second: ArrayLike) -> Curve:
    """What every threshold gives on these rows; ValueError if there is none, or if lengths differ."""
    at, one, two = _rows(confidence, first, second)
    order = np.argsort(-at, kind="stable")
    sorted_at = at[order]
    # The last row of each run of equal confidences: nobody can keep a part of them.
    ends = np.flatnonzero(np.append(sorted_at[1:] != sorted_at[:-1], True) & (sorted_at > -np.inf))
    n = at.size

    def shares(rows: NDArray[np.float64]) -> Floats:
        return np.concatenate([[0.0], np.cumsum(rows[order])[ends]]) / n

    gain = one.astype(float) - two
    return Curve(
        threshold=np.concatenate([[np.inf], sorted_at[ends]]),
        coverage=shares(np.ones(n)),
        accuracy=two.mean() + shares(gain),
        lost=shares((~one & two).astype(float)),
    )


def random_deferral(coverage: ArrayLike, first: ArrayLike, second: ArrayLike) -> Floats:
    """Expected accuracy if the rows kept are drawn by lot: what a confidence that knows nothing gives."""
    _, one, two = _rows(np.zeros(np.shape(first)), first, second)
    kept = floats(coverage)
    return np.asarray(kept * one.mean() + (1.0 - kept) * two.mean(), dtype=np.float64)


def best_deferral(coverage: ArrayLike, first: ArrayLike, second: ArrayLike) -> Floats:
    """Accuracy of an oracle that knows who is right: it keeps first what only the first gets right, and last what only
    the second does. No confidence does better at the same coverage."""
    _, one, two = _rows(np.zeros(np.shape(first)), first, second)
    kept = floats(coverage)
    won, lost = float((one & ~two).mean()), float((~one & two).mean())
    return np.asarray(two.mean() + np.minimum(kept, won) - np.maximum(0.0, kept - (1.0 - lost)), dtype=np.float64)


def _rows(
    confidence: ArrayLike, first: ArrayLike, second: ArrayLike
) -> tuple[Floats, NDArray[np.bool_], NDArray[np.bool_]]:
    at, one, two = floats(confidence), np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    if not at.shape == one.shape == two.shape or at.ndim != 1:
        raise ValueError(f"rows of shapes {at.shape}, {one.shape} and {two.shape} do not belong together")
    if at.size == 0:
        raise ValueError("there is no row to compute from")
    return at, one, two
