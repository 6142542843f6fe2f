"""The derivative of a weighted statistic by the weight of each row, from small steps either way."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

_STEP = 1e-4


def by_weight(statistic: Callable[[NDArray[np.float64]], NDArray[np.float64]], n: int) -> NDArray[np.float64]:
    """n times the derivative at equal weights, (n,): what an influence function of evalkit.stats says it gives."""
    step = _STEP * np.eye(n)
    return n * (statistic(1.0 + step) - statistic(1.0 - step)) / (2.0 * _STEP)
