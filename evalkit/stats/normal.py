"""The standard normal distribution, from the standard library: quantiles and the upper tail."""

from __future__ import annotations

import math
from statistics import NormalDist

_STANDARD = NormalDist()


def one_sided_z(level: float) -> float:
    """The z with P(Z <= z) = `level`; `level` in (0, 1), otherwise ValueError."""
    if not 0.0 < level < 1.0:
        raise ValueError(f"a confidence level lies between 0 and 1, not {level}")
    return _STANDARD.inv_cdf(level)


def two_sided_z(level: float) -> float:
    """The z with P(|Z| <= z) = `level`; `level` in (0, 1), otherwise ValueError."""
    if not 0.0 < level < 1.0:
        raise ValueError(f"a confidence level lies between 0 and 1, not {level}")
    # The lower tail is taken because it keeps its digits when the level is close to 1.
    return -_STANDARD.inv_cdf((1.0 - level) / 2.0)


def upper_tail(z: float) -> float:
    """P(Z > z), in [0, 1]; accurate far out in the tail, and 0 or 1 at plus or minus infinity."""
    return 0.5 * math.erfc(z / math.sqrt(2.0))
