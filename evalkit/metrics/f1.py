"""Macro-F1 of both models and its difference: every class weighs the same, so a lost rare class shows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from evalkit.metrics import Family, Metric, Setting, undefined
from evalkit.metrics.accuracy import lost
from evalkit.metrics.intervals import from_resamples
from evalkit.stats.f1 import macro_f1, macro_f1_influence
from evalkit.stats.kinds import kinds
from evalkit.stats.tails import unseen_half_of_strata
from evalkit.table import PairTable
from evalkit.types import Estimate, Measured

# With fewer of each class, resampling inside classes shows next to no spread.
LEAST_A_CLASS = 5


def measure(pairs: PairTable, setting: Setting) -> dict[str, Measured]:
    """Macro-F1 over the classes that occur among targets or this model's answers, as scikit-learn counts them.

    An answer that is no label belongs to no class: it is missed by its target's recall alone.
    """
    pairs = pairs.with_target
    if pairs.n == 0:
        return undefined(FAMILY, "no example has a target")
    assert pairs.teacher is not None
    gold = pairs.target_index
    sides = {"teacher": pairs.teacher.choice, "student": pairs.student.choice}
    classes = {role: _classes(gold, choice) for role, choice in sides.items()}
    values = {role: macro_f1(gold, choice, classes[role]) for role, choice in sides.items()}
    sizes = _sizes(pairs)
    each = kinds(gold, *sides.values())
    # Stratified by class: a resample that lost a class altogether would not be a sample of this suite.
    drawn: dict[str, list[NDArray[np.float64]]] = {role: [] for role in sides}
    for weights in setting.weights(pairs, gold, each):
        for role, choice in sides.items():
            drawn[role].append(macro_f1(gold[each.first], choice[each.first], classes[role], weights))
    moved = {role: macro_f1_influence(gold, choice, classes[role]) for role, choice in sides.items()}
    of = {role: np.concatenate(parts) for role, parts in drawn.items()}
    found: dict[str, Measured] = {}
    unseen = unseen_half_of_strata(sizes, setting.level)
    for role in sides:
        found[f"f1_macro.{role}"] = from_resamples(
            values[role],
            of[role],
            pairs,
            setting,
            bounds=(0.0, 1.0),
            otherwise="no class occurs",
            influence=moved[role],
            unseen=unseen,
            note=f"stratified by class, {len(classes[role])} classes",
        )
    teacher, student = values["teacher"], values["student"]
    found["f1_macro.difference"] = from_resamples(
        None if teacher is None or student is None else student - teacher,
        of["student"] - of["teacher"],
        pairs,
        setting,
        bounds=(-1.0, 1.0),
        otherwise="no class occurs",
        influence=moved["student"] - moved["teacher"],
        unseen=unseen,
        note="paired, stratified by class",
    )
    if sizes.mean() < LEAST_A_CLASS:
        return {name: _unbounded(each, name.endswith(".difference")) for name, each in found.items()}
    return found


def _unbounded(measured: Measured, signed: bool) -> Measured:
    """The value with an interval that says that nothing is known."""
    if not isinstance(measured, Estimate):
        return measured
    why = f"fewer than {LEAST_A_CLASS} examples a class on average, too few to bound it"
    return replace(measured, low=-1.0 if signed else 0.0, high=1.0, method=f"{measured.method}; {why}")


def _sizes(pairs: PairTable) -> NDArray[np.int64]:
    """How many examples, or groups where there are any, each class has."""
    units = np.arange(pairs.n) if pairs.group is None else pairs.group
    return np.array([np.unique(units[pairs.target_index == each]).size for each in np.unique(pairs.target_index)])


def _classes(gold: NDArray[np.int64], choice: NDArray[np.int64]) -> NDArray[np.int64]:
    both = np.union1d(gold, choice)
    return both[both >= 0]


FAMILY = Family(
    name="f1",
    measure=measure,
    applies=lambda facts: facts.task == "classify",
    against=lost,
    # Inside one class there is nothing to average over.
    slices="declared",
    metrics=(
        Metric(name="f1_macro.teacher", direction="higher", unit="share", bounds=(0, 1), compares=False),
        Metric(name="f1_macro.student", direction="higher", unit="share", bounds=(0, 1), compares=False),
        Metric(name="f1_macro.difference", direction="higher", unit="difference", bounds=(-1, 1), identity=0.0),
    ),
)
