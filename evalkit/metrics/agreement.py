"""Agreement of answers, with no need of a target. Two models that both failed do not agree on anything."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evalkit.metrics import Family, Metric, Setting, undefined
from evalkit.metrics.intervals import resampled, share
from evalkit.stats.agreement import kappa, kappa_influence, kappa_unit
from evalkit.stats.kinds import kinds
from evalkit.table import PairTable
from evalkit.types import CHOOSING, Measured


def differs(pairs: PairTable) -> NDArray[np.bool_]:
    """Teacher and student gave different answers; two that gave none did not."""
    assert pairs.teacher is not None
    return np.asarray(pairs.teacher.answer != pairs.student.answer, dtype=bool)


def measure(pairs: PairTable, setting: Setting) -> dict[str, Measured]:
    """top1 over all examples; Cohen's kappa beside it, because agreement on one frequent class is cheap."""
    if pairs.n == 0:
        return undefined(FAMILY, "there are no examples to measure it on")
    assert pairs.teacher is not None
    equal = (pairs.teacher.answer == pairs.student.answer).astype(bool) & pairs.teacher.answered
    classes = int(pairs.choices.max())
    teacher, student = pairs.teacher.choice, pairs.student.choice
    each = kinds(teacher, student)
    moved = kappa_influence(teacher, student, classes)
    # Where every example has choices of its own, what two models can share is a liking for a position.
    support = f"support: {pairs.support}" + (", by position" if not pairs.facts.labels else "")
    return {
        "agreement.top1": share(equal, pairs, setting, support),
        "agreement.kappa": resampled(
            kappa(teacher, student, classes),
            lambda weights: np.asarray(kappa(teacher[each.first], student[each.first], classes, weights)),
            pairs,
            setting,
            bounds=(-1.0, 1.0),
            otherwise="both models always give the same one answer",
            kinds=each,
            influence=moved,
            unit=kappa_unit(teacher, student, classes),
            note=support,
        ),
    }


FAMILY = Family(
    name="agreement",
    measure=measure,
    applies=lambda facts: facts.task in CHOOSING,
    against=differs,
    metrics=(
        Metric(name="agreement.top1", direction="higher", unit="share", bounds=(0, 1)),
        Metric(name="agreement.kappa", direction="higher", unit="score", bounds=(-1, 1)),
    ),
)
