"""Marks in [0, 1] where a scorer gives them instead of right or wrong: means, and what the student keeps of them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from evalkit.metrics import Family, Metric, Setting, undefined
from evalkit.metrics.intervals import for_tails, resampled
from evalkit.stats.arrays import quotient
from evalkit.table import PairTable, Side
from evalkit.types import Estimate, Measured

ROLES = ("teacher", "student")


def counted(pairs: PairTable) -> NDArray[np.bool_]:
    """Examples that can have marks: those with a target, and those that a scorer without need of one has marked."""
    assert pairs.teacher is not None
    return pairs.has_target | np.isfinite(pairs.teacher.marks) | np.isfinite(pairs.student.marks)


def lost_marks(pairs: PairTable) -> NDArray[np.float64]:
    """By how many marks the student falls short of its teacher, example by example; 0 where it does not."""
    assert pairs.teacher is not None
    drop = np.nan_to_num(pairs.teacher.marks) - np.nan_to_num(pairs.student.marks)
    return np.asarray(np.maximum(0.0, drop), dtype=np.float64)


def measure(pairs: PairTable, setting: Setting) -> dict[str, Measured]:
    """Means of the marks, their difference and their ratio, all on the same resamples of examples.

    A bootstrap knows no more of a tail than it was shown; so its intervals are made safe like those of other means.
    """
    pairs = pairs.take(counted(pairs))
    if pairs.n == 0:
        return undefined(FAMILY, "no example has a target or marks")
    assert pairs.teacher is not None
    sides = {"teacher": pairs.teacher, "student": pairs.student}
    for role, side in sides.items():
        if unmarked := int(without_marks(side).sum()):
            return undefined(FAMILY, f"the scorer gave no marks for {unmarked} of the {role}'s answers")
    # What is left without marks gave no answer, and that is worth nothing.
    marks = {role: np.nan_to_num(side.marks) for role, side in sides.items()}
    means = {role: float(each.mean()) for role, each in marks.items()}
    found: dict[str, Measured] = {}
    for role in ROLES:
        failed = int(sides[role].errored.sum())
        mean = resampled(
            means[role],
            lambda weights, role=role: quotient(weights @ marks[role], weights.sum(axis=1)),  # type: ignore[misc]
            pairs,
            setting,
            bounds=(0.0, 1.0),
            otherwise="there are no marks",
            note=f"{failed} errored outputs counted as 0" if failed else "",
        )
        found[f"score.{role}"] = _safe(mean, marks[role], pairs, (0.0, 1.0))
    change = marks["student"] - marks["teacher"]
    difference = resampled(
        float(change.mean()),
        lambda weights: quotient(weights @ change, weights.sum(axis=1)),
        pairs,
        setting,
        bounds=(-1.0, 1.0),
        otherwise="there are no marks",
        note="paired",
    )
    found["score.difference"] = _safe(difference, change, pairs, (-1.0, 1.0))
    retention = resampled(
        means["student"] / means["teacher"] if means["teacher"] > 0 else None,
        lambda weights: quotient(weights @ marks["student"], weights @ marks["teacher"]),
        pairs,
        setting,
        bounds=(0.0, math.inf),
        otherwise="the teacher has no marks above 0, so there is nothing to retain",
        note="ratio of means, paired",
    )
    if isinstance(retention, Estimate):
        left = marks["student"] - retention.value * marks["teacher"]
        retention = for_tails(retention, left, pairs, (0.0, math.inf), unit=1.0 / means["teacher"])
    found["score.retention"] = retention
    return found


def _safe(mean: Measured, rows: NDArray[np.float64], pairs: PairTable, bounds: tuple[float, float]) -> Measured:
    return for_tails(mean, rows - mean.value, pairs, bounds) if isinstance(mean, Estimate) else mean


def without_marks(side: Side) -> NDArray[np.bool_]:
    """Answers that could have marks and have none."""
    return np.asarray(np.isnan(side.marks) & side.answered & ~side.unparsable)


FAMILY = Family(
    name="score",
    measure=measure,
    applies=lambda facts: facts.marked,
    slices="declared",
    against=lost_marks,
    metrics=(
        Metric(name="score.teacher", direction="higher", unit="score", bounds=(0, 1), compares=False),
        Metric(name="score.student", direction="higher", unit="score", bounds=(0, 1), compares=False),
        Metric(name="score.difference", direction="higher", unit="score", bounds=(-1, 1), identity=0.0),
        Metric(name="score.retention", direction="higher", unit="ratio", bounds=(0, math.inf), identity=1.0),
    ),
)
