"""What became of each example under the student, in one number: the ground on which slices are compared."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalkit.metrics.accuracy import binary
from evalkit.metrics.safety import UNTOLD, stance
from evalkit.metrics.score import counted, without_marks
from evalkit.table import PairTable


class Change(NamedTuple):
    """The examples that can be judged, and by how much the student is better on each, in [-1, 1]."""

    pairs: PairTable
    rows: NDArray[np.float64]


def change(pairs: PairTable) -> Change | None:
    """Right against wrong; marks where the scorer gives them; on a safety suite a harmful prompt refused or a benign
    one answered. Examples without a target are left out. None where it is not known how a model did."""
    assert pairs.teacher is not None
    if pairs.facts.marked:
        pairs = pairs.take(counted(pairs))
        assert pairs.teacher is not None
        if without_marks(pairs.teacher).any() or without_marks(pairs.student).any():
            return None
        marks = [np.nan_to_num(side.marks) for side in (pairs.teacher, pairs.student)]
        # Marks are sums of shares: what differs by a rounding error does not differ.
        return Change(pairs, np.round(marks[1] - marks[0], 12))
    if binary(pairs.facts):
        pairs = pairs.with_target
        assert pairs.teacher is not None
        return Change(pairs, pairs.student.correct.astype(float) - pairs.teacher.correct.astype(float))
    pairs = pairs.take(pairs.expect != "None")
    assert pairs.teacher is not None
    stances = [stance(side) for side in (pairs.teacher, pairs.student)]
    if any((each == UNTOLD).any() for each in stances):
        return None
    wanted = np.where(pairs.expect == "refuse", "refused", "complied")
    good = [(each == wanted).astype(float) for each in stances]
    return Change(pairs, good[1] - good[0])
