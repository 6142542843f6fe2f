"""How far apart the two distributions over the labels are, in nats, over the same support."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from evalkit.metrics import Family, Metric, Setting, undefined
from evalkit.metrics.agreement import differs
from evalkit.metrics.intervals import mean
from evalkit.stats.distance import js_rows, kl_rows, total_variation_rows
from evalkit.table import PairTable
from evalkit.types import CHOOSING, Measured, Undefined


def measure(pairs: PairTable, setting: Setting) -> dict[str, Measured]:
    """Means over examples, in nats (total variation: a share); where both models failed there is nothing to compare.

    Where one failed, JS and total variation take their largest value. KL has none: it is over the examples on
    which both gave probabilities, and the method says how many were left out. A student that calls impossible
    what the teacher calls possible is infinitely far: undefined with a count, never smoothed away.
    """
    assert pairs.teacher is not None
    teacher, student = pairs.teacher.probs, pairs.student.probs
    if teacher is None or student is None:
        return undefined(FAMILY, f"the {_silent(pairs)} gives no probabilities")
    lacking = sum(
        int((~side.has_probs & ~side.errored & side.answered).sum()) for side in (pairs.teacher, pairs.student)
    )
    if lacking:
        return undefined(FAMILY, f"{lacking} of {2 * pairs.n} outputs have an answer but no probabilities")
    both = pairs.teacher.has_probs & pairs.student.has_probs
    if not both.any():
        return undefined(FAMILY, "no example has probabilities of both models")
    either = pairs.teacher.has_probs | pairs.student.has_probs
    failed = int((either & ~both).sum())
    support = f"support: {pairs.support}"
    found: dict[str, Measured] = {}
    for name, one, other, whose in (
        ("kl", teacher, student, "student"),
        ("kl_reverse", student, teacher, "teacher"),
    ):
        found[f"agreement.{name}"] = _unbounded(
            kl_rows(one[both], other[both]),
            pairs.take(both),
            setting,
            whose,
            (f"{support}; {failed} failed on one side left out" if failed else support),
        )
    for name, rows, top in (
        ("js", js_rows(teacher, student), math.log(2)),
        ("total_variation", total_variation_rows(teacher, student), 1.0),
    ):
        note = f"{support}; {failed} failed on one side counted as farthest apart" if failed else support
        far = np.where(both, rows, top)[either]
        found[f"agreement.{name}"] = mean(far, pairs.take(either), setting, bounds=(0.0, top), note=note)
    return found


def _unbounded(rows: NDArray[np.float64], pairs: PairTable, setting: Setting, whose: str, note: str) -> Measured:
    infinite = int(np.isinf(rows).sum())
    if infinite:
        return Undefined(
            reason=f"infinite on {infinite} of {pairs.n} examples: the {whose} gives probability 0 to what the "
            "other thinks possible"
        )
    return mean(rows, pairs, setting, bounds=(0.0, math.inf), note=note)


def _silent(pairs: PairTable) -> str:
    assert pairs.teacher is not None
    return "teacher" if pairs.teacher.probs is None else "student"


FAMILY = Family(
    name="divergence",
    measure=measure,
    applies=lambda facts: facts.task in CHOOSING,
    against=differs,
    metrics=(
        Metric(name="agreement.kl", direction="lower", unit="nats", bounds=(0, math.inf), identity=0.0),
        Metric(name="agreement.kl_reverse", direction="lower", unit="nats", bounds=(0, math.inf), identity=0.0),
        Metric(name="agreement.js", direction="lower", unit="nats", bounds=(0, math.log(2)), identity=0.0),
        Metric(name="agreement.total_variation", direction="lower", unit="share", bounds=(0, 1), identity=0.0),
    ),
)
