"""Which answers changed into which, where a suite has few that differ."""

from __future__ import annotations

from collections import Counter

import numpy as np

from evalkit.metrics.accuracy import binary, lost
from evalkit.table import PairTable
from evalkit.types.points import Swap

MOST = 12
# Answers that are written freely are taken for few and short up to here, each given this often on average.
FEW, SHORT, OFTEN = 50, 60, 4


def swaps(pairs: PairTable) -> tuple[Swap, ...]:
    """The most frequent changes from an answer of the teacher to another of the student, `MOST` at most; of equally
    frequent ones first those by which more was lost, then by the words. An output without an answer is none of them.

    Empty where answers are free text, which hardly ever changes the same way twice.
    """
    if not binary(pairs.facts) or pairs.teacher is None or not _few(pairs):
        return ()
    before, after = pairs.teacher, pairs.student
    changed = before.answered & after.answered & np.asarray(before.answer != after.answer, dtype=bool)
    found = list(zip(before.answer[changed].tolist(), after.answer[changed].tolist(), strict=True))
    worse = lost(pairs)[changed].tolist()
    counts = Counter(found)
    losses = Counter(pair for pair, is_lost in zip(found, worse, strict=True) if is_lost)
    order = sorted(counts, key=lambda pair: (-counts[pair], -losses[pair], pair))
    return tuple(Swap(teacher=pair[0], student=pair[1], n=counts[pair], lost=losses[pair]) for pair in order[:MOST])


def _few(pairs: PairTable) -> bool:
    if pairs.facts.task == "classify":
        return True
    assert pairs.teacher is not None
    given = [each for side in (pairs.teacher, pairs.student) for each in side.answer[side.answered].tolist()]
    known = set(given)
    return len(known) <= FEW and OFTEN * len(known) <= len(given) and all(len(each) <= SHORT for each in known)
