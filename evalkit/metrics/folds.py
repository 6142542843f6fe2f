"""Seeded parts of a suite, so that what is chosen or fitted on some examples is judged on others."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from evalkit.table import PairTable

FOLDS = 5
# Fewer examples say too little about what is fitted, and a fifth of them nothing.
MIN_FITTED = 20


def folds(pairs: PairTable, seed: int) -> NDArray[np.int64]:
    """The fold (0 .. FOLDS - 1) of each row, (n,): of about as many examples each, or groups where there are any.

    It hangs on the ids and the seed, and not on the order of rows; a group is never cut.
    """
    keys = pairs.once(f"folds of {seed}", lambda whole: _keys(whole, seed))
    _, rank = np.unique(keys, return_inverse=True)
    return np.asarray(rank % FOLDS, dtype=np.int64)


def digests(ids: Iterable[object], beginning: str) -> Iterator[bytes]:
    """A hash of each id after the same beginning: chance that hangs on nothing else, and that nobody has chosen."""
    start = hashlib.sha256(beginning.encode("utf-8", "surrogatepass"))
    for each in ids:
        own = start.copy()
        own.update(str(each).encode("utf-8", "surrogatepass"))
        yield own.digest()


def _keys(whole: PairTable, seed: int) -> NDArray[np.uint64]:
    """A number for each row; rows of one group share the least of theirs."""
    found = (int.from_bytes(digest[:8], "big") for digest in digests(whole.ids, f"folds|{seed}|"))
    keys = np.fromiter(found, dtype=np.uint64, count=whole.n)
    if whole.group is None:
        return keys
    least = np.full(int(whole.group.max()) + 1, np.iinfo(np.uint64).max, dtype=np.uint64)
    np.minimum.at(least, whole.group, keys)
    return least[whole.group]
