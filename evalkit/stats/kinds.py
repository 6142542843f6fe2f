"""Rows that are equal in every column that a statistic reads, counted together.

A bootstrap of a million rows is then a draw of how often each kind occurs: the same distribution, at the price of the
kinds (Efron and Tibshirani 1993, ch. 6: resampling rows of finitely many kinds is multinomial).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from evalkit.stats.arrays import Floats, Ints


class Kinds(NamedTuple):
    """k kinds of n rows, in the order in which they first occur: teacher and student in each other's place, or other
    numbers for the same labels, leave it as it is."""

    first: Ints  # (k,) the first row of each kind
    of_row: Ints  # (n,) the kind of each row
    rows: Ints  # (k,) how many rows are of it


def kinds(*columns: ArrayLike) -> Kinds:
    """The kinds of rows in columns of whole numbers or truth values, each (n,). ValueError for no column or no row."""
    if not columns or np.size(columns[0]) == 0:
        raise ValueError("there is no row to compute from")
    code = np.zeros(np.size(columns[0]), dtype=np.int64)
    radix = 1
    for column in columns:
        values = np.asarray(column)
        if values.shape != code.shape:
            raise ValueError(f"columns of shapes {values.shape} and {code.shape} do not belong to the same rows")
        values = values.astype(np.int64)
        low = int(values.min())
        size = int(values.max()) - low + 1
        if size > code.size + 1:
            # Wide ranges are numbered first, so that the product below stays a small whole number.
            values, low = np.unique(values, return_inverse=True)[1].astype(np.int64), 0
            size = int(values.max()) + 1
        if radix > np.iinfo(np.int64).max // size:
            code = np.unique(code, return_inverse=True)[1].astype(np.int64)
            radix = int(code.max()) + 1
        code = code * size + (values - low)
        radix *= size
    if radix > 8 * code.size + 1024:
        code = np.unique(code, return_inverse=True)[1].astype(np.int64)
        radix = int(code.max()) + 1
    earliest = np.full(radix, code.size, dtype=np.int64)
    # Backwards, so that the first row of a kind is the one that stays.
    earliest[code[::-1]] = np.arange(code.size - 1, -1, -1)
    first = np.sort(earliest[earliest < code.size])
    place = np.empty(radix, dtype=np.int64)
    place[code[first]] = np.arange(first.size)
    of_row = place[code]
    return Kinds(first=first, of_row=of_row, rows=np.bincount(of_row).astype(np.int64))


def spread(each: Kinds, unit_of_row: Ints) -> Callable[[Floats], Floats]:
    """From weights of the units that rows are drawn in, (B, units), to weights of the kinds, (B, k)."""
    from scipy.sparse import csr_array

    shape = (int(unit_of_row.max()) + 1, each.first.size)
    table = csr_array((np.ones(each.of_row.size), (unit_of_row, each.of_row)), shape=shape)
    return lambda unit_weights: np.asarray(unit_weights @ table, dtype=np.float64)
