"""Intervals where examples come in groups: the wider of the plain and the cluster-robust one, few groups changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from evalkit.metrics import accuracy, calibration, flips, score
from evalkit.table import PairTable
from scripts.simulating.covering import Where, of_pairs
from scripts.simulating.figures import Figure, Scenario
from scripts.simulating.pairs import Bools, Ints, blank, filled

GROUPS = (20, 40, 100)
EACH = 5  # examples in a group, unless the scenario says otherwise
LOSSES = (0.02, 0.05, 0.1, 0.2)
TEACHER_RIGHT = 0.9
# The student's mark or probability where it lost, as a part of the teacher's.
KEPT_MARK, KEPT_PROBABILITY = 0.5, 0.3


@dataclass(frozen=True)
class Effect:
    """How losses fall: how many examples each group has, and which of all are lost."""

    name: str
    sizes: Callable[[int], Ints]
    lost: Callable[[np.random.Generator, Ints, float], Bools]


def example_by_example(rng: np.random.Generator, group: Ints, loss: float) -> Bools:
    """Each example by itself."""
    return rng.random(group.size) < loss


def group_by_group(rng: np.random.Generator, group: Ints, loss: float) -> Bools:
    """All examples of a group, or none."""
    return (rng.random(int(group.max()) + 1) < loss)[group]


def equal(groups: int) -> Ints:
    """The group of each example, all groups alike."""
    return np.repeat(np.arange(groups), EACH)


def unequal(groups: int) -> Ints:
    """From one example to many in a group; about as many in all."""
    return np.repeat(np.arange(groups), np.resize([1, 1, 2, 3, 4, 6, 8, 15], groups))


EFFECTS = (
    Effect("losses by example", equal, example_by_example),
    Effect("losses by group", equal, group_by_group),
    Effect("losses by group, of 1 to 15", unequal, group_by_group),
)


def scenarios() -> Iterator[Scenario]:
    """Right and wrong answers, marks and probabilities, for each number of groups and each size of the loss."""
    for groups in GROUPS:
        for loss in LOSSES:
            for effect in EFFECTS:
                name = f"{effect.name}/{loss}/{groups}"
                yield Scenario(f"grouped/binary/{name}", 500, partial(_binary, groups=groups, loss=loss, effect=effect))
                if effect.sizes is equal:
                    yield Scenario(
                        f"grouped/numbers/{name}", 300, partial(_numbers, groups=groups, loss=loss, effect=effect)
                    )


def drawn(rng: np.random.Generator, groups: int, loss: float, effect: Effect) -> PairTable:
    """Right and wrong answers: of what the teacher gets right, the student loses the share `loss`."""
    group = effect.sizes(groups)
    teacher = rng.random(group.size) < TEACHER_RIGHT
    student = teacher & ~effect.lost(rng, group, loss)
    return filled(blank(group.size), group=group, teacher_correct=teacher, student_correct=student)


def _where(groups: int, loss: float, effect: Effect) -> Where:
    n = effect.sizes(groups).size
    return Where("groups", f"{groups} groups, {effect.name}, {loss:.0%} lost", n)


def _binary(rng: np.random.Generator, runs: int, groups: int, loss: float, effect: Effect) -> list[Figure]:
    truths = {
        "accuracy.student": TEACHER_RIGHT * (1 - loss),
        "accuracy.difference": -TEACHER_RIGHT * loss,
        "accuracy.retention": 1 - loss,
        "flips.right_to_wrong.rate": loss,
    }
    measures = (accuracy.FAMILY.measure, flips.FAMILY.measure)
    return of_pairs(_where(groups, loss, effect), truths, lambda: drawn(rng, groups, loss, effect), measures, runs)


def _numbers(rng: np.random.Generator, runs: int, groups: int, loss: float, effect: Effect) -> list[Figure]:
    group = effect.sizes(groups)
    where = _where(groups, loss, effect)

    def marks() -> PairTable:
        teacher = rng.beta(8, 2, size=group.size)
        student = teacher * np.where(effect.lost(rng, group, loss), KEPT_MARK, 1.0)
        return filled(blank(group.size, marked=True), group=group, teacher_marks=teacher, student_marks=student)

    def probabilities() -> PairTable:
        teacher = rng.beta(8, 2, size=group.size)
        student = teacher * np.where(effect.lost(rng, group, loss), KEPT_PROBABILITY, 1.0)
        before, after = (np.stack([p, 1 - p], axis=1) for p in (teacher, student))
        return filled(blank(group.size), group=group, teacher_probs=before, student_probs=after)

    # Moments of Beta(8, 2): the mean 8/10, the mean square 8·9 / (10·11).
    mean, square = 0.8, 72 / 110
    of_marks = {
        "score.student": mean * (1 - loss * (1 - KEPT_MARK)),
        "score.difference": -mean * loss * (1 - KEPT_MARK),
        "score.retention": 1 - loss * (1 - KEPT_MARK),
    }
    # Brier of two classes is 2 (1 - p)²; where it lost, p is KEPT_PROBABILITY times what it was.
    change = 2 * (2 * mean * (1 - KEPT_PROBABILITY) - square * (1 - KEPT_PROBABILITY**2))
    of_brier = {"calibration.brier.difference": loss * change}
    return [
        *of_pairs(where, of_marks, marks, (score.FAMILY.measure,), runs),
        *of_pairs(where, of_brier, probabilities, (calibration.FAMILY.measure,), runs),
    ]
