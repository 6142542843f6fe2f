"""What the teacher's second run changed, example by example: the noise that the student is read against.

The same model in another batch shape or order, or with another seed, does not always answer the same. A second answer
that failed counts as equal to the first: failures must not lower what is asked of the student. On a suite that asks for
several samples of each example the teacher's own samples show its noise, second run or not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable

import numpy as np
from numpy.typing import NDArray

from evalkit.table import PairTable, Side
from evalkit.types import Undefined


def asked_twice(pairs: PairTable) -> PairTable | Undefined:
    """The examples on which the teacher ran twice, at least one."""
    if pairs.again is None:
        return Undefined(reason="the teacher ran once; set noise_floor in the plan to measure it")
    twice = pairs.take(ran_again(pairs))
    return twice if twice.n else Undefined(reason="the teacher ran twice on none of these examples")


def ran_again(pairs: PairTable) -> NDArray[np.bool_]:
    """Where the teacher was asked a second time, whatever became of it."""
    return np.zeros(pairs.n, dtype=bool) if pairs.again is None else np.asarray(pairs.again.status != "None")


def asked_several(pairs: PairTable) -> PairTable | Undefined:
    """The examples of which the teacher gave more than one answer, be it samples or a second run; at least one."""
    return pairs if pairs.facts.samples > 1 and pairs.n else asked_twice(pairs)


def differ(one: Side, other: Side) -> NDArray[np.bool_]:
    """Where two answers differ. Two that say nothing, or nothing that can be read, do not; two failures do."""
    silent = ~one.answered & ~other.answered & ~one.errored & ~other.errored
    same = (one.answer == other.answer) & one.answered
    return np.asarray(~(same | silent), dtype=bool)


def unstable(pairs: PairTable) -> NDArray[np.bool_]:
    """Examples on which the teacher does not always come out the same: all samples of one alike, True or False.

    It does not where its second run changed it (`changed_again`), nor where its samples are right and wrong, whichever
    of them are among these rows; without a target, where their answers differ. Samples that failed say nothing.
    """
    if pairs.teacher is None or pairs.facts.marked:
        return np.zeros(pairs.n, dtype=bool)
    return changed_again(pairs) if pairs.facts.samples == 1 else pairs.once("unstable", _by_samples)


def _by_samples(whole: PairTable) -> NDArray[np.bool_]:
    side = whole.teacher
    assert side is not None
    outcomes: defaultdict[int, set[Hashable]] = defaultdict(set)
    for row in np.flatnonzero(~side.errored).tolist():
        outcomes[whole.example[row]].add(bool(side.correct[row]) if whole.has_target[row] else side.answer[row])
    differing = [each for each, seen in outcomes.items() if len(seen) > 1]
    return np.isin(whole.example, [*differing, *whole.example[changed_again(whole)]])


def changed_again(pairs: PairTable) -> NDArray[np.bool_]:
    """Where the teacher's second run came out differently: right became wrong or wrong right.

    Without a target: the answer changed. False where the teacher ran once, where its second answer failed, and where
    answers get marks, which move by a word.
    """
    if pairs.again is None or pairs.teacher is None or pairs.facts.marked:
        return np.zeros(pairs.n, dtype=bool)
    outcome = pairs.teacher.correct != pairs.again.correct
    changed = np.where(pairs.has_target, outcome, differ(pairs.teacher, pairs.again))
    return np.asarray(changed & ran_again(pairs) & ~pairs.again.errored, dtype=bool)


def failed_again(twice: PairTable, counted: str) -> str:
    """How many second answers failed, and as what they were counted; nothing where none did."""
    failed = 0 if twice.again is None else int(twice.again.errored.sum())
    return f"{failed} failed second answers counted as {counted}" if failed else ""
