"""Whose errors: inherited from the teacher, or introduced by the student; and whether they err together more
than their accuracies explain (Geirhos et al. 2020, arXiv 2006.16736)."""

from __future__ import annotations

import numpy as np

from evalkit.metrics import Family, Metric, Setting, undefined
from evalkit.metrics.accuracy import binary, lost
from evalkit.metrics.flips import same_wrong
from evalkit.metrics.intervals import cells, resampled, share
from evalkit.stats.agreement import error_consistency, inherited_chance
from evalkit.table import PairTable
from evalkit.types import Measured


def measure(pairs: PairTable, setting: Setting) -> dict[str, Measured]:
    """Rates are over all examples with a target. A high inherited rate is what distillation does; it marks
    the examples on which agreeing with the teacher hides an error."""
    pairs = pairs.with_target
    if pairs.n == 0:
        return undefined(FAMILY, "no example has a target")
    assert pairs.teacher is not None
    teacher, student = pairs.teacher.correct, pairs.student.correct
    a, b, c, d = cells(teacher, student)
    kinds = np.stack([teacher & student, teacher & ~student, ~teacher & student, ~teacher & ~student], 1).astype(float)
    return {
        "errors.inherited.rate": share(same_wrong(pairs), pairs, setting, _chance(pairs)),
        "errors.introduced.rate": share(teacher & ~student, pairs, setting),
        "errors.consistency_kappa": resampled(
            error_consistency(a, b, c, d),
            lambda weights: error_consistency(*(weights @ kinds).T),
            pairs,
            setting,
            bounds=(-1.0, 1.0),
            otherwise="both models are always right or always wrong",
        ),
    }


def _chance(pairs: PairTable) -> str:
    assert pairs.teacher is not None
    if pairs.facts.task == "classify":
        known = pairs.target_index >= 0
        chance = inherited_chance(
            pairs.teacher.choice[known], pairs.student.choice[known], pairs.target_index[known], len(pairs.facts.labels)
        )
    elif pairs.facts.task == "choose":
        # Choices of an example's own have no shares to go by: any of its wrong ones is as likely.
        wrong = ~pairs.teacher.correct & ~pairs.student.correct & pairs.teacher.answered & pairs.student.answered
        chance = float((wrong / np.maximum(1, pairs.choices - 1)).mean())
    else:
        return ""
    return "" if chance is None else f"{chance:.4f} expected by chance"


FAMILY = Family(
    name="errors",
    measure=measure,
    applies=binary,
    against=lost,
    metrics=(
        Metric(name="errors.inherited.rate", direction="neutral", unit="share", bounds=(0, 1)),
        Metric(name="errors.introduced.rate", direction="lower", unit="share", bounds=(0, 1), identity=0.0),
        Metric(name="errors.consistency_kappa", direction="neutral", unit="score", bounds=(-1, 1), identity=1.0),
    ),
)
