"""Intervals of statistics of the whole sample: kappa, macro-F1, AUROC, AURC and the debiased calibration error."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalkit.metrics import Setting, agreement, calibration_errors, f1, selective
from evalkit.metrics.confidences import Statistic, measured, seen
from evalkit.stats.calibration import aurc
from evalkit.stats.normal import upper_tail
from evalkit.streams import stream
from evalkit.table import PairTable
from scripts.simulating.covering import LEVELS, RESAMPLES, SEEDS, Tallies, Where, of_pairs
from scripts.simulating.figures import Figure, Scenario
from scripts.simulating.pairs import Floats, Ints, blank, filled

SIZES = (50, 100, 300, 1000)
POPULATION = 50_000
TEACHER_RIGHT, COPIED = 0.85, 0.8
# Shares of the classes.
SPREADS = {"3 even classes": np.ones(3) / 3, "10 uneven classes": (1 / np.arange(1, 11)) / (1 / np.arange(1, 11)).sum()}
# How much surer the models are of right answers than of wrong ones, in standard deviations of their confidence.
APART = {"teacher": 1.2, "student": 0.9}
# By how much confidence is above the share of right answers.
TOO_SURE = {
    "both honest": {"teacher": 0.0, "student": 0.0},
    "student too sure by 0.1": {"teacher": 0.03, "student": 0.1},
}


class Answers(NamedTuple):
    """Targets and answers of every example there is, (N,) each."""

    target: Ints
    teacher: Ints
    student: Ints


@cache
def population(spread: str) -> Answers:
    """The student copies most of its teacher's answers and finds the rest itself."""
    shares = SPREADS[spread]
    rng = stream(0, "population", "answers", spread)
    target = rng.choice(shares.size, size=POPULATION, p=shares)

    def own() -> Ints:
        right = rng.random(POPULATION) < TEACHER_RIGHT
        return np.where(right, target, rng.choice(shares.size, size=POPULATION, p=shares))

    teacher = own()
    return Answers(target, teacher, np.where(rng.random(POPULATION) < COPIED, teacher, own()))


def scenarios() -> Iterator[Scenario]:
    """Each statistic on its populations, at every size of a sample."""
    for n in SIZES:
        for spread in SPREADS:
            yield Scenario(f"kappa/{spread}/{n}", 600, partial(_kappa, spread=spread, n=n))
            yield Scenario(f"macro-f1/{spread}/{n}", 500, partial(_macro_f1, spread=spread, n=n))
    for n, runs in ((100, 1000), (300, 1000), (1000, 800)):
        yield Scenario(f"auroc/{n}", runs, partial(_auroc, n=n))
        yield Scenario(f"aurc/{n}", runs, partial(_aurc, n=n))
        for name in TOO_SURE:
            yield Scenario(f"ece-debiased/{name}/{n}", runs, partial(_ece, n=n, name=name))


def _sampled(rng: np.random.Generator, spread: str, n: int) -> Callable[[], PairTable]:
    of = population(spread)

    def draw() -> PairTable:
        picked = rng.integers(POPULATION, size=n)
        target, teacher, student = (each[picked] for each in of)
        return filled(blank(n, SPREADS[spread].size), target=target, teacher_choice=teacher, student_choice=student)

    return draw


def _confusion(one: Ints, other: Ints, classes: int) -> Floats:
    table = np.zeros((classes, classes))
    np.add.at(table, (one, other), 1.0 / one.size)
    return table


def kappa_of(spread: str) -> float:
    """The population's kappa, from the table of both models' answers."""
    of = population(spread)
    table = _confusion(of.teacher, of.student, SPREADS[spread].size)
    chance = float(table.sum(axis=1) @ table.sum(axis=0))
    return (float(np.trace(table)) - chance) / (1 - chance)


def macro_f1_of(spread: str, role: str) -> float:
    """The population's macro-F1 of one model, from the table of targets and answers."""
    of = population(spread)
    table = _confusion(of.target, getattr(of, role), SPREADS[spread].size)
    return float(np.mean(2 * np.diag(table) / (table.sum(axis=0) + table.sum(axis=1))))


def _kappa(rng: np.random.Generator, runs: int, spread: str, n: int) -> list[Figure]:
    truths = {"agreement.kappa": kappa_of(spread)}
    return of_pairs(Where("kappa", spread, n), truths, _sampled(rng, spread, n), (agreement.FAMILY.measure,), runs)


def _macro_f1(rng: np.random.Generator, runs: int, spread: str, n: int) -> list[Figure]:
    teacher, student = (macro_f1_of(spread, role) for role in ("teacher", "student"))
    truths = {"f1_macro.student": student, "f1_macro.difference": student - teacher}
    draw, tallies = _sampled(rng, spread, n), Tallies(Where("macro-F1", spread, n), truths)
    for run in range(runs):
        pairs = draw()
        for level in LEVELS:
            # A setting of its own for each run: how many of each class there are changes, and what is drawn with it.
            tallies.add(level, f1.FAMILY.measure(pairs, Setting(level, run, ("macro-f1",), RESAMPLES)))
    return tallies.figures()


class Surety(NamedTuple):
    """Confidence and right or wrong, (n,) each, of one model on a sample."""

    confidence: Floats
    correct: NDArray[np.bool_]


def _surety(rng: np.random.Generator, n: int) -> dict[str, Surety]:
    shared, right = rng.normal(size=n), rng.random(n) < TEACHER_RIGHT
    found = {}
    for role, apart in APART.items():
        own = np.where(rng.random(n) < COPIED, right, rng.random(n) < TEACHER_RIGHT)
        noise = 0.6 * shared + 0.8 * rng.normal(size=n)
        found[role] = Surety(1 / (1 + np.exp(-(apart * own + noise))), own)
    return found


@cache
def aurc_of(role: str) -> float:
    """A model's area under the risk-coverage curve, from very many examples."""
    of = _surety(stream(0, "population", "surety"), 40 * POPULATION)[role]
    value = aurc(of.confidence, of.correct, ties="average")
    assert value is not None
    return value


def _auroc(rng: np.random.Generator, runs: int, n: int) -> list[Figure]:
    # Normal confidences that lie m apart rank a right answer above a wrong one with probability Φ(m / √2).
    truth = {role: 1 - upper_tail(apart / np.sqrt(2)) for role, apart in APART.items()}
    where = Where("AUROC", "student less apart", n)
    return _of_confidence(where, "calibration.auroc", truth, partial(_surety, rng, n), runs)


def _aurc(rng: np.random.Generator, runs: int, n: int) -> list[Figure]:
    where = Where("AURC", "student less apart", n)
    truth = {role: aurc_of(role) for role in APART}
    return _of_confidence(where, "calibration.aurc", truth, partial(_surety, rng, n), runs)


def _ece(rng: np.random.Generator, runs: int, n: int, name: str) -> list[Figure]:
    too_sure = TOO_SURE[name]

    def draw() -> dict[str, Surety]:
        at, luck = 0.4 + 0.6 * rng.beta(4, 1.5, size=n), rng.random(n)
        found = {}
        for role, gap in too_sure.items():
            own = np.clip(at + 0.02 * rng.normal(size=n), 0.3, 1.0)
            found[role] = Surety(own, luck < own - gap)
        return found

    where = Where("debiased calibration error", name, n)
    return _of_confidence(where, "calibration.ece_debiased", dict(too_sure), draw, runs)


STATISTICS: Mapping[str, Statistic] = {
    **selective.statistics(""),
    "calibration.ece_debiased": calibration_errors.STATISTICS["calibration.ece_debiased"],
}


def _of_confidence(
    where: Where, name: str, truth: Mapping[str, float], draw: Callable[[], dict[str, Surety]], runs: int
) -> list[Figure]:
    """Coverage of one statistic of confidence; its whole family would compute others, slower ones, beside it."""
    truths = {f"{name}.student": truth["student"], f"{name}.difference": truth["student"] - truth["teacher"]}
    tallies, pairs = Tallies(where, truths), blank(where.n)
    settings = {
        (level, seed): Setting(level, seed, (where.scenario,), RESAMPLES)
        for level in LEVELS
        for seed in range(min(runs, SEEDS))
    }
    for run in range(runs):
        sides = {role: seen(each.confidence, each.correct, pairs.ids) for role, each in draw().items()}
        for level in LEVELS:
            tallies.add(level, measured({name: STATISTICS[name]}, sides, pairs, settings[level, run % SEEDS]))
    return tallies.figures()
