"""What a sample cannot show of its own mean: differences that few rows carry, and those that no row has shown yet."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from evalkit.stats.arrays import floats
from evalkit.stats.normal import two_sided_z


def tail_stretch(residuals: ArrayLike, level: float) -> float:
    """The factor, at least 1, by which an interval of a mean is too narrow when few rows carry the spread.

    It is sqrt(1 + z^2 / k), with k = (sum of squares)^2 / (sum of fourth powers) the number of rows that carry it: as
    though z^2 rows more like those had been seen, which is what a score interval does with counts. About n / 3 rows
    carry the spread of a normal sample, so there the factor goes to 1; where all the spread is one row's it is
    sqrt(1 + z^2). `residuals` are rows less their mean, or the sums of them over independent groups. 1 without spread.
    Measured in tests/stats/test_coverage.py.
    """
    rows = floats(residuals)
    largest = float(np.max(np.abs(rows), initial=0.0))
    if largest == 0.0:
        return 1.0
    # Only ratios matter; without this the powers of tiny residuals would vanish.
    squares = (rows / largest) ** 2
    carried_by = float(np.sum(squares)) ** 2 / float(np.sum(squares**2))
    return math.sqrt(1.0 + two_sided_z(level) ** 2 / carried_by)


def unseen_half(rows: float, level: float) -> float:
    """Half-width z^2 / (rows + z^2), in (0, 1): how far the mean may lie from that of `rows` rows without spread.

    In the unit of the rows, if none can be more than 1 off. It is the half-width of Tango's interval for paired shares
    when no pair differs, so nothing that is bounded alike is surer than that.
    """
    z2 = two_sided_z(level) ** 2
    return z2 / (rows + z2)


def unseen_half_of_strata(rows: ArrayLike, level: float) -> float:
    """As `unseen_half`, for the plain mean of the means of K strata of `rows` (K,) rows each, none of them empty.

    Each stratum gets its part z^2 / K of the rows that nobody has seen. One stratum of n rows gives z^2 / (n + z^2),
    many large ones hardly anything; a stratum of one row says little about its own mean. Used beside a bootstrap, which
    sees no spread in a stratum of one row: the two add up as independent errors do.
    """
    sizes = floats(rows)
    z2 = two_sided_z(level) ** 2
    part = z2 / sizes.size
    return math.sqrt(z2 * part * float(np.sum(1.0 / (sizes + part) ** 2))) / sizes.size
