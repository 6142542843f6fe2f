"""Is a calibration error more than noise? What the ECE would be if every stated confidence were true."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from evalkit.stats.arrays import Floats, floats
from evalkit.stats.binned_calibration import ece, equal_width_bins

# Fewer draws for more rows: as many cells in all, but never fewer draws than give a p-value two digits.
_CELLS, _LEAST, _MOST = 20_000_000, 200, 1000
_CHUNK = 2_000_000


class Consistency(NamedTuple):
    """`ece` as seen; `mean` and `high` (95 % point) of the ECE of noise alone; `p` in (0, 1]; how many `draws`."""

    ece: float
    mean: float
    high: float
    p: float
    draws: int


def ece_of_noise(confidence: ArrayLike, rng: np.random.Generator, draws: int, bins: int = 15) -> Floats:
    """ECE, (draws,), of labels drawn anew from the confidences themselves: what an honest model shows by chance alone.

    The same draws whatever the order of the rows. Equal-width bins as in `ece`. ValueError for no rows.
    Source: Broecker and Smith (2007), Weather and Forecasting 22, with the confidences held fixed.
    """
    # Sorted, so that a draw belongs to a confidence and not to a place; bins are then runs of rows.
    at = np.sort(floats(confidence))
    if at.size == 0:
        raise ValueError("there is no row to draw labels for")
    starts = np.unique(equal_width_bins(at, bins), return_index=True)[1]
    said = np.add.reduceat(at, starts)
    found = np.empty(draws)
    step = max(1, _CHUNK // at.size)
    for start in range(0, draws, step):
        many = min(step, draws - start)
        right = rng.random((many, at.size)) < at
        seen = np.add.reduceat(right, starts, axis=1, dtype=np.int64)
        found[start : start + many] = np.abs(seen - said).sum(axis=1) / at.size
    return found


def ece_consistency(
    confidence: ArrayLike,
    correct: ArrayLike,
    rng: np.random.Generator,
    bins: int = 15,
    draws: int | None = None,
) -> Consistency:
    """The ECE beside that of noise alone, and how rarely noise makes one as large: p = (1 + as large) / (1 + draws).

    A small p says "not honest"; a large one says only that these rows do not show it. It takes rows as independent.
    `draws` where none is given: 1000, fewer for more than 20,000 rows, at least 200. ValueError for no rows.
    """
    seen = ece(confidence, correct, bins)
    many = draws or min(_MOST, max(_LEAST, _CELLS // floats(confidence).size))
    noise = ece_of_noise(confidence, rng, many, bins)
    # Few rows have few possible errors: one that equals the seen one but for rounding is as large.
    as_large = int((noise >= seen - 1e-12).sum())
    return Consistency(seen, float(noise.mean()), float(np.quantile(noise, 0.95)), (1 + as_large) / (1 + many), many)
