"""F1 over the fields of extracted records: values found, values that should not be there, values missed, all pooled.

A wrong value is one that should not be there and one that is missed; a field absent from both is nothing.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalkit.metrics import Family, Metric, Setting, undefined
from evalkit.metrics.intervals import resampled
from evalkit.stats.arrays import Floats, quotient
from evalkit.table import PairTable, Side
from evalkit.types import Measured, SuiteFacts

_NONE = "no field is expected, and none is given"


def applies(facts: SuiteFacts) -> bool:
    """Suites whose answers are records."""
    return facts.kind != "safety-refusal" and (facts.task == "extract" or facts.scorer == "fields")


def counts(side: Side, other: Side, target: NDArray[np.object_]) -> NDArray[np.float64]:
    """(n, 3): how many values of each record were right, spurious and missed.

    An answer that was never read has missed all that its target holds, which the other side's counts tell.
    """
    rows = zip(side.fields, other.fields, target, strict=True)
    return np.array([_totals(own) or [0, 0, _expected(theirs, text)] for own, theirs, text in rows], dtype=np.float64)


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
    for role, side in (("teacher", pairs.teacher), ("student", pairs.student)):
        unread = int((side.answered & np.array([each is None for each in side.fields])).sum())
        if unread:
            why = f'the scorer "{pairs.facts.scorer}" counted no fields'
            return undefined(FAMILY, f"{why} in {unread} of the {role}'s answers")
    held = {
        "teacher": counts(pairs.teacher, pairs.student, pairs.target),
        "student": counts(pairs.student, pairs.teacher, pairs.target),
    }
    once = np.ones((1, pairs.n))
    values = {role: float(micro_f1(each, once)[0]) for role, each in held.items()}
    found: dict[str, Measured] = {}
    for role, each in held.items():
        found[f"fields.f1.{role}"] = resampled(
            None if np.isnan(values[role]) else values[role],
            lambda weights, each=each: micro_f1(each, weights),  # type: ignore[misc]
            pairs,
            setting,
            bounds=(0.0, 1.0),
            otherwise=_NONE,
            note="micro F1, " + ", ".join(f"{int(n)} {what}" for n, what in zip(each.sum(axis=0), _WHAT, strict=True)),
        )
    difference = values["student"] - values["teacher"]
    found["fields.f1.difference"] = resampled(
        None if np.isnan(difference) else difference,
        lambda weights: micro_f1(held["student"], weights) - micro_f1(held["teacher"], weights),
        pairs,
        setting,
        bounds=(-1.0, 1.0),
        otherwise=_NONE,
        note="micro F1, paired",
    )
    return found


_WHAT = ("right", "spurious", "missed")


def _totals(fields: Any) -> list[int] | None:
    return None if fields is None else [sum(each[place] for each in fields.values()) for place in range(3)]


def _expected(theirs: Any, target: str | None) -> int:
    """How many values a record should hold: as the other side's right and missed ones say, else by the target."""
    totals = _totals(theirs)
    return totals[0] + totals[2] if totals is not None else _values(None if target is None else _parsed(target))


def _parsed(target: str) -> Any:
    try:
        return json.loads(target)
    except ValueError:
        return target


def _values(held: Any) -> int:
    if isinstance(held, dict | list):
        return sum(_values(each) for each in (held.values() if isinstance(held, dict) else held))
    return int(held is not None)


def worse_records(pairs: PairTable) -> NDArray[np.float64]:
    """How many more values the student has wrong or missed than its teacher; 0 where it has no more."""
    assert pairs.teacher is not None
    found = np.zeros(pairs.n)
    rows = np.flatnonzero(pairs.has_target)
    part = pairs.take(rows)
    assert part.teacher is not None
    wrong = [
        counts(one, other, part.target)[:, 1:].sum(axis=1)
        for one, other in ((part.teacher, part.student), (part.student, part.teacher))
    ]
    found[rows] = np.maximum(0.0, wrong[1] - wrong[0])
    return found


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
