"""How long the student's texts are beside its teacher's: a model that says less is not faster, it says less."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from evalkit.metrics import Family, Metric, Setting
from evalkit.metrics.intervals import resampled
from evalkit.stats.arrays import quotient
from evalkit.table import PairTable, Side
from evalkit.types import WRITING, Measured, SuiteFacts, Undefined


def writes(facts: SuiteFacts) -> bool:
    """Suites whose answers are texts of any length."""
    return facts.task in WRITING


def characters(side: Side) -> NDArray[np.float64]:
    """Length of what was said in characters, without the space around it; 0 for no answer."""
    return np.array([0 if each is None else len(each.strip()) for each in side.said], dtype=np.float64)


def measure(pairs: PairTable, setting: Setting) -> dict[str, Measured]:
    """Student's mean length over the teacher's, in [0, inf), over all examples; failures have the length 0."""
    if pairs.n == 0:
        return {"outputs.length_ratio": Undefined(reason="there are no examples to measure it on")}
    assert pairs.teacher is not None
    teacher, student = characters(pairs.teacher), characters(pairs.student)
    total = float(teacher.sum())
    # By how much each example moves the ratio of the means, times n.
    moved = (student - student.sum() / total * teacher) * pairs.n / total if total else None
    ratio = resampled(
        float(student.sum()) / total if total else None,
        lambda weights: quotient(weights @ student, weights @ teacher),
        pairs,
        setting,
        bounds=(0.0, math.inf),
        otherwise="the teacher says nothing",
        influence=moved,
        note="ratio of mean lengths in characters (tokens of two tokenizers are not comparable), paired",
    )
    return {"outputs.length_ratio": ratio}


def strays(pairs: PairTable) -> NDArray[np.float64]:
    """By how many characters the student's text is longer or shorter than its teacher's."""
    assert pairs.teacher is not None
    return np.abs(characters(pairs.student) - characters(pairs.teacher))


FAMILY = Family(
    name="length",
    measure=measure,
    applies=writes,
    slices="declared",
    against=strays,
    metrics=(
        Metric(name="outputs.length_ratio", direction="neutral", unit="ratio", bounds=(0, math.inf), identity=1.0),
    ),
)
