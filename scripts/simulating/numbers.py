"""Intervals of means over examples, where a few examples may decide: Brier and NLL, marks, lengths.

Samples are drawn with replacement from a population that is made once and whose own value is the truth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from typing import NamedTuple

import numpy as np

from evalkit.metrics import Family, calibration, length, score
from evalkit.streams import stream
from evalkit.table import PairTable
from scripts.simulating.covering import Where, of_pairs
from scripts.simulating.figures import Figure, Scenario
from scripts.simulating.pairs import Floats, blank, filled

SIZES = (50, 100, 300, 1000)
POPULATION = 50_000
CLASSES = 3
CERTAIN = 0.999


class Population(NamedTuple):
    """What both models give for every example there is: (N,), or (N, classes) of probabilities."""

    teacher: Floats
    student: Floats


Make = Callable[[np.random.Generator], Population]


def less_sure(rng: np.random.Generator) -> Population:
    """The student's probabilities are the teacher's, blurred; class 0 is always right."""
    teacher = rng.dirichlet((6.0, 1.0, 1.0), size=POPULATION)
    student = 0.9 * teacher + 0.1 * rng.dirichlet((2.0, 1.0, 1.0), size=POPULATION)
    return Population(teacher, student)


def certain_and_wrong(share: float) -> Make:
    """As `less_sure`, but on this share of the examples the student is certain of a wrong class."""

    def make(rng: np.random.Generator) -> Population:
        teacher, student = less_sure(rng)
        wrong = np.array([(1 - CERTAIN) / 2, CERTAIN, (1 - CERTAIN) / 2])
        return Population(teacher, np.where((rng.random(POPULATION) < share)[:, None], wrong, student))

    return make


def worn_marks(rng: np.random.Generator) -> Population:
    """Marks near 1 with a tenth at 0; two in five of the student's are a little lower."""
    teacher = rng.beta(4, 1, size=POPULATION) * (rng.random(POPULATION) > 0.1)
    worse = rng.random(POPULATION) < 0.4
    return Population(teacher, np.where(worse, np.clip(teacher - rng.exponential(0.1, size=POPULATION), 0, 1), teacher))


def dropped_marks(rng: np.random.Generator) -> Population:
    """The teacher's marks, but for one in fifty that fall to 0."""
    teacher = rng.beta(20, 1, size=POPULATION)
    return Population(teacher, np.where(rng.random(POPULATION) < 0.02, 0.0, teacher))


def scarce_marks(rng: np.random.Generator) -> Population:
    """Nine in ten answers are worth nothing; the student's few marks go up and down."""
    teacher = rng.beta(2, 2, size=POPULATION) * (rng.random(POPULATION) < 0.1)
    return Population(teacher, np.clip(teacher * rng.uniform(0.6, 1.3, size=POPULATION), 0, 1))


def lengths(rng: np.random.Generator) -> Population:
    """Characters of two models that say about the same."""
    teacher = np.ceil(rng.lognormal(3.5, 0.7, size=POPULATION))
    return Population(teacher, np.ceil(teacher * rng.lognormal(0.05, 0.3, size=POPULATION)))


def runaway_lengths(rng: np.random.Generator) -> Population:
    """One in a hundred of the student's texts does not end: twenty times as long."""
    teacher, student = lengths(rng)
    return Population(teacher, np.where(rng.random(POPULATION) < 0.01, 20 * student, student))


def _brier(probs: Floats) -> float:
    hit = np.zeros(CLASSES)
    hit[0] = 1.0
    return float(np.square(probs - hit).sum(axis=1).mean())


def _nll(probs: Floats) -> float:
    return float(-np.log(probs[:, 0]).mean())


def _of_probabilities(of: Population) -> Mapping[str, float]:
    return {
        "calibration.brier.student": _brier(of.student),
        "calibration.brier.difference": _brier(of.student) - _brier(of.teacher),
        "calibration.nll.difference": _nll(of.student) - _nll(of.teacher),
    }


def _of_marks(of: Population) -> Mapping[str, float]:
    student, teacher = float(of.student.mean()), float(of.teacher.mean())
    return {"score.student": student, "score.difference": student - teacher, "score.retention": student / teacher}


def _of_lengths(of: Population) -> Mapping[str, float]:
    return {"outputs.length_ratio": float(of.student.sum() / of.teacher.sum())}


def _with_probabilities(n: int, teacher: Floats, student: Floats) -> PairTable:
    return filled(blank(n, CLASSES), teacher_probs=teacher, student_probs=student)


def _with_marks(n: int, teacher: Floats, student: Floats) -> PairTable:
    return filled(blank(n, marked=True), teacher_marks=teacher, student_marks=student)


def _with_texts(n: int, teacher: Floats, student: Floats) -> PairTable:
    said = {}
    for role, sizes in (("teacher", teacher), ("student", student)):
        texts = np.empty(n, dtype=object)
        texts[:] = ["x" * each for each in sizes.astype(int).tolist()]
        said[f"{role}_said"] = texts
    return filled(blank(n, marked=True), **said)


class Kind(NamedTuple):
    """A family of metrics: its populations, what is true of them, and how a sample becomes pairs."""

    part: str
    family: Family
    populations: Mapping[str, Make]
    truths: Callable[[Population], Mapping[str, float]]
    pairs: Callable[[int, Floats, Floats], PairTable]
    runs: Mapping[int, int]


KINDS = {
    "proper": Kind(
        "Brier and NLL",
        calibration.FAMILY,
        {
            "student less sure": less_sure,
            "one in 50 certain and wrong": certain_and_wrong(0.02),
            "one in 200 certain and wrong": certain_and_wrong(0.005),
        },
        _of_probabilities,
        _with_probabilities,
        dict.fromkeys(SIZES, 1200),
    ),
    "marks": Kind(
        "marks",
        score.FAMILY,
        {
            "two in five a little lower": worn_marks,
            "one in 50 falls to 0": dropped_marks,
            "nine in ten worth nothing": scarce_marks,
        },
        _of_marks,
        _with_marks,
        {50: 800, 100: 800, 300: 600, 1000: 300},
    ),
    "length": Kind(
        "lengths",
        length.FAMILY,
        {"about as long": lengths, "one in 100 does not end": runaway_lengths},
        _of_lengths,
        _with_texts,
        {50: 800, 100: 800, 300: 600, 1000: 300},
    ),
}


@cache
def population(kind: str, name: str) -> Population:
    """The examples that exist, whatever the seed of a simulation."""
    return KINDS[kind].populations[name](stream(0, "population", kind, name))


def scenarios() -> Iterator[Scenario]:
    """Every population, at every size of a sample."""
    for kind, held in KINDS.items():
        for name in held.populations:
            for n in SIZES:
                yield Scenario(f"{kind}/{name}/{n}", held.runs[n], partial(_covered, kind=kind, name=name, n=n))


def _covered(rng: np.random.Generator, runs: int, kind: str, name: str, n: int) -> list[Figure]:
    held, of = KINDS[kind], population(kind, name)

    def draw() -> PairTable:
        picked = rng.integers(POPULATION, size=n)
        return held.pairs(n, of.teacher[picked], of.student[picked])

    return of_pairs(Where(held.part, name, n), held.truths(of), draw, (held.family.measure,), runs)
