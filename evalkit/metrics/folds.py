"""Seeded parts of a suite, so that what is fitted on some examples is judged on others and every example counts."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from evalkit.table import PairTable

FOLDS = 5


def folds(pairs: PairTable, seed: int) -> NDArray[np.int64]:
    """The fold (0 .. FOLDS - 1) of each row, (n,): of about as many examples each, or groups where there are any.

    It hangs on the ids and the seed, and not on the order of rows; a group is never cut.
    """
    keys = pairs.once(f"folds of {seed}", lambda whole: _keys(whole, seed))
    _, rank = np.unique(keys, return_inverse=True)
    return np.asarray(rank % FOLDS, dtype=np.int64)


def _keys(whole: PairTable, seed: int) -> NDArray[np.uint64]:
    """A number for each row that nobody can have chosen; rows of one group share the least of theirs."""
    start = hashlib.sha256(f"folds|{seed}|".encode())
    keys = np.empty(whole.n, dtype=np.uint64)
    for row, each in enumerate(whole.ids):
        own = start.copy()
        own.update(str(each).encode("utf-8", "surrogatepass"))
        keys[row] = int.from_bytes(own.digest()[:8], "big")
    if whole.group is None:
        return keys
    least = np.full(int(whole.group.max()) + 1, np.iinfo(np.uint64).max, dtype=np.uint64)
    np.minimum.at(least, whole.group, keys)
    return least[whole.group]
