"""The flip ledger: examples whose outcome changed, each way (Dutta et al. 2024, arXiv 2407.09141).

Two models of equal accuracy can differ on every tenth example; the users behind those notice.
"""

from __future__ import annotations

from typing import get_args

import numpy as np
from numpy.typing import NDArray

from evalkit.metrics import Family, Metric, Setting, undefined
from evalkit.metrics.accuracy import binary, lost
from evalkit.metrics.intervals import exact, share, share_among
from evalkit.table import PairTable
from evalkit.types import Flip, Measured


def flips(pairs: PairTable) -> NDArray[np.str_]:
    """The flip class of every pair, in order."""
    assert pairs.teacher is not None
    teacher, student = pairs.teacher.correct, pairs.student.correct
    same = same_wrong(pairs)
    # Two models that both gave no answer did not change their answer.
    silent = ~pairs.teacher.answered & ~pairs.student.answered
    found = np.full(pairs.n, "wrong_to_other_wrong", dtype=f"<U{max(map(len, get_args(Flip)))}")
    found[same | (~teacher & ~student & silent)] = "both_wrong_same"
    found[teacher & student] = "both_right"
    found[teacher & ~student] = "right_to_wrong"
    found[~teacher & student] = "wrong_to_right"
    found[~pairs.has_target] = "no_target"
    if pairs.facts.marked:
        # Neither right nor wrong: by how many marks they differ is another question.
        marked = np.isfinite(pairs.teacher.marks) | np.isfinite(pairs.student.marks)
        found = np.where(marked, "graded", "no_target")
    return found


def same_wrong(pairs: PairTable) -> NDArray[np.bool_]:
    """Both wrong with the same answer; no answer is nobody's answer."""
    assert pairs.teacher is not None
    equal = np.asarray(pairs.teacher.answer == pairs.student.answer, dtype=bool)
    return equal & pairs.teacher.answered & ~pairs.teacher.correct & ~pairs.student.correct


def measure(pairs: PairTable, setting: Setting) -> dict[str, Measured]:
    """Counts are exact; rates are over the teacher's right (or wrong) answers."""
    pairs = pairs.with_target
    if pairs.n == 0:
        return undefined(FAMILY, "no example has a target")
    assert pairs.teacher is not None
    kinds = flips(pairs)
    right, wrong = pairs.teacher.correct, ~pairs.teacher.correct
    found: dict[str, Measured] = {}
    for kind, among, whose in (
        ("right_to_wrong", right, "the teacher's right answers"),
        ("wrong_to_right", wrong, "the teacher's wrong answers"),
        ("wrong_to_other_wrong", wrong, "the teacher's wrong answers"),
    ):
        hits = kinds == kind
        found[f"flips.{kind}.count"] = exact(float(hits.sum()), pairs.n, setting, "count")
        found[f"flips.{kind}.rate"] = share_among(hits, among, pairs, setting, whose)
    changed = np.isin(kinds, ["right_to_wrong", "wrong_to_right"])
    found["flips.rate"] = share(changed, pairs, setting)
    return found


FAMILY = Family(
    name="flips",
    measure=measure,
    applies=binary,
    against=lost,
    metrics=(
        Metric(
            name="flips.right_to_wrong.count", direction="lower", unit="count", bounds=(0, float("inf")), identity=0.0
        ),
        Metric(name="flips.right_to_wrong.rate", direction="lower", unit="share", bounds=(0, 1), identity=0.0),
        Metric(
            name="flips.wrong_to_right.count", direction="higher", unit="count", bounds=(0, float("inf")), identity=0.0
        ),
        Metric(name="flips.wrong_to_right.rate", direction="higher", unit="share", bounds=(0, 1), identity=0.0),
        Metric(
            name="flips.wrong_to_other_wrong.count",
            direction="neutral",
            unit="count",
            bounds=(0, float("inf")),
            identity=0.0,
        ),
        Metric(name="flips.wrong_to_other_wrong.rate", direction="neutral", unit="share", bounds=(0, 1), identity=0.0),
        Metric(name="flips.rate", direction="lower", unit="share", bounds=(0, 1), identity=0.0),
    ),
)
