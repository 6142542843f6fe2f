"""F1 over the fields of extracted records: values found, values that should not be there, values missed, all pooled.

A wrong value is one that should not be there and one that is missed; a field absent from both is nothing. What an
answer without a record has missed is for the scorer to say (evalkit/scoring): it alone knows what its values are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalkit.metrics import Family, Metric, Setting, undefined
from evalkit.metrics.intervals import resampled
from evalkit.stats.arrays import Floats, quotient
from evalkit.stats.kinds import kinds
from evalkit.table import PairTable, Side
from evalkit.types import Measured, SuiteFacts

_NONE = "no field is expected, and none is given"


def applies(facts: SuiteFacts) -> bool:
    """Suites whose answers are records."""
    return facts.kind != "safety-refusal" and (facts.task == "extract" or facts.scorer == "fields")


def counts(side: Side) -> NDArray[np.float64]:
    """(n, 3): how many values of each record were right, spurious and missed; NaN where the scorer counted none."""
    return np.array([_totals(each) for each in side.fields], dtype=np.float64).reshape(-1, 3)


def micro_f1(held: NDArray[np.float64], weights: NDArray[np.float64]) -> Floats:
    """2 right / (2 right + spurious + missed), pooled over the weighted rows; NaN where there is no field at all."""
    right, spurious, missed = (weights @ held).T
    return quotient(2 * right, 2 * right + spurious + missed)


def measure(pairs: PairTable, setting: Setting) -> dict[str, Measured]:
    """Micro F1 of both models and student minus teacher, on the examples that have a target."""
    pairs = pairs.with_target
    if pairs.n == 0:
        return undefined(FAMILY, "no example has a target")
    assert pairs.teacher is not None
    held = {"teacher": counts(pairs.teacher), "student": counts(pairs.student)}
    for role, each in held.items():
        if uncounted := int(np.isnan(each).any(axis=1).sum()):
            why = f'the scorer "{pairs.facts.scorer}" counted no fields'
            return undefined(FAMILY, f"{why} for {uncounted} of the {role}'s answers")
    once = np.ones((1, pairs.n))
    values = {role: float(micro_f1(each, once)[0]) for role, each in held.items()}
    alike = kinds(*held["teacher"].T, *held["student"].T)
    seen = {role: each[alike.first] for role, each in held.items()}
    moved = {role: _influence(each) for role, each in held.items()}
    found: dict[str, Measured] = {}
    for role, each in held.items():
        found[f"fields.f1.{role}"] = resampled(
            None if np.isnan(values[role]) else values[role],
            lambda weights, role=role: micro_f1(seen[role], weights),  # type: ignore[misc]
            pairs,
            setting,
            bounds=(0.0, 1.0),
            otherwise=_NONE,
            kinds=alike,
            influence=moved[role],
            note="micro F1, " + ", ".join(f"{int(n)} {what}" for n, what in zip(each.sum(axis=0), _WHAT, strict=True)),
        )
    difference = values["student"] - values["teacher"]
    found["fields.f1.difference"] = resampled(
        None if np.isnan(difference) else difference,
        lambda weights: micro_f1(seen["student"], weights) - micro_f1(seen["teacher"], weights),
        pairs,
        setting,
        bounds=(-1.0, 1.0),
        otherwise=_NONE,
        kinds=alike,
        influence=moved["student"] - moved["teacher"],
        note="micro F1, paired",
    )
    return found


def _influence(held: NDArray[np.float64]) -> NDArray[np.float64]:
    """By how much each record moves the pooled F1, times n; all 0 where there is no field at all."""
    right, spurious, missed = held.T
    each = 2 * right + spurious + missed
    total = float(each.sum())
    if total == 0.0:
        return np.zeros(len(held))
    f1 = 2 * float(right.sum()) / total
    return np.asarray(len(held) * (2 * right - f1 * each) / total, dtype=np.float64)


_WHAT = ("right", "spurious", "missed")


def _totals(fields: Any) -> list[float]:
    return [np.nan] * 3 if fields is None else [sum(each[place] for each in fields.values()) for place in range(3)]


def worse_records(pairs: PairTable) -> NDArray[np.float64]:
    """How many more values the student has wrong or missed than its teacher; 0 where it has no more or none were
    counted."""
    assert pairs.teacher is not None
    theirs, its = (counts(each)[:, 1:].sum(axis=1) for each in (pairs.teacher, pairs.student))
    return np.where(pairs.has_target, np.nan_to_num(np.maximum(0.0, its - theirs)), 0.0)


FAMILY = Family(
    name="fields",
    measure=measure,
    applies=applies,
    slices="declared",
    against=worse_records,
    metrics=(
        Metric(name="fields.f1.teacher", direction="higher", unit="share", bounds=(0, 1), compares=False),
        Metric(name="fields.f1.student", direction="higher", unit="share", bounds=(0, 1), compares=False),
        Metric(name="fields.f1.difference", direction="higher", unit="difference", bounds=(-1, 1), identity=0.0),
    ),
)
