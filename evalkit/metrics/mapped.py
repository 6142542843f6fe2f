"""Could the confidence of written answers be made honest? Scores after a map from confidence to "this is right".

The probability of a text is not that of being right: a right answer may be said in many ways. So before Brier, NLL or
ECE mean anything, the length-normalised log-probability is mapped to the event "correct" by a logistic curve (Platt
1999). The curve is fitted on the other folds, so no example is judged by one that has seen its own score. What is
measured is the confidence together with its map: how good a probability could be made of it, not one that the model
stated. Brier and NLL are those of the event: 0.25 and 0.693 are what "one in two" gets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evalkit.metrics import Family, Setting, undefined
from evalkit.metrics.accuracy import lost
from evalkit.metrics.calibration import CLIP, WORST_NLL, counted_as_wrong, means, of_score
from evalkit.metrics.calibration_errors import of_ece
from evalkit.metrics.confidences import measured, of_both, seen
from evalkit.metrics.folds import FOLDS, MIN_FITTED, folds
from evalkit.metrics.outputs import silent
from evalkit.metrics.selective import with_sureness, writes_answers
from evalkit.stats.platt import fit_platt, mapped
from evalkit.table import PairTable, Side
from evalkit.types import Measured, Undefined

_NAME = "calibration.mapped"
_HOW = f"logistic map of the length-normalised log-probability, cross-fitted over {FOLDS} folds"
_ECE = {f"{_NAME}.ece": of_ece(how=f"{_HOW}, not fitted anew on resamples")}


@dataclass(frozen=True)
class _Mapped:
    """P(right) of each row, 1.0 where nothing was said; and whether it was right, 0.0 or 1.0."""

    probability: NDArray[np.float64]
    correct: NDArray[np.bool_]
    failed: int


def measure(pairs: PairTable, setting: Setting) -> dict[str, Measured]:
    """Brier, NLL and ECE of P(right) of both models and student minus teacher, on the pairs that have a target.

    A failed or empty output counts as certain and wrong, and teaches the curve nothing.
    """
    pairs = pairs.with_target
    if pairs.n == 0:
        return undefined(FAMILY, "no example has a target")
    usable, reason = with_sureness(pairs)
    assert pairs.teacher is not None
    sides = {"teacher": pairs.teacher, "student": pairs.student}
    found = undefined(FAMILY, reason)
    after: dict[str, _Mapped] = {}
    for role in usable:
        one = _mapped(pairs, sides[role], setting.seed)
        if isinstance(one, _Mapped):
            after[role] = one
        else:
            mine = {metric.name for metric in FAMILY.metrics if metric.name.endswith((f".{role}", ".difference"))}
            found |= dict.fromkeys(mine, Undefined(reason=f"the {role}'s confidence cannot be mapped: {one}"))
    notes = {role: "; ".join(filter(None, (_HOW, counted_as_wrong(each.failed)))) for role, each in after.items()}
    brier = {role: (each.probability - each.correct) ** 2 for role, each in after.items()}
    nll = {
        role: -np.log(np.clip(np.where(each.correct, each.probability, 1.0 - each.probability), CLIP, 1.0))
        for role, each in after.items()
    }
    found |= means(f"{_NAME}.brier", brier, notes, pairs, setting, 1.0)
    found |= means(f"{_NAME}.nll", nll, notes, pairs, setting, WORST_NLL)
    rows = {role: seen(each.probability, each.correct, pairs.ids) for role, each in after.items()}
    return found | measured(_ECE, rows, pairs, setting)


def rescaled(pairs: PairTable, side: Side, seed: int) -> NDArray[np.float64] | None:
    """P(right) of each answer, (n,), by the curve of the other folds; None where there is none.

    `pairs` have targets, and `side` is one of `with_sureness`. A failed or empty output stays certain.
    """
    found = _mapped(pairs, side, seed)
    return found.probability if isinstance(found, _Mapped) else None


def _mapped(pairs: PairTable, side: Side, seed: int) -> _Mapped | str:
    """One model's probabilities, or why there are none."""
    said = ~silent(side)
    n = int(said.sum())
    if n < MIN_FITTED:
        return f"{n} texts are too few, it needs {MIN_FITTED}"
    correct = side.correct[said]
    if correct.all() or not correct.any():
        return "its texts are all right, or all wrong"
    score = np.log(np.clip(side.sureness[said], CLIP, None))
    fold = folds(pairs, seed)[said]
    probability = np.ones(pairs.n)
    inside = np.empty(n)
    for each in np.unique(fold):
        own = fold == each
        inside[own] = mapped(fit_platt(score[~own], correct[~own]), score[own])
    probability[said] = inside
    return _Mapped(probability, side.correct, pairs.n - n)


FAMILY = Family(
    name="mapped",
    measure=measure,
    applies=writes_answers,
    against=lost,
    slices="declared",
    metrics=(
        *of_score(f"{_NAME}.brier", "score", 1.0),
        *of_score(f"{_NAME}.nll", "nats", WORST_NLL),
        *of_both(f"{_NAME}.ece", "lower"),
    ),
)
