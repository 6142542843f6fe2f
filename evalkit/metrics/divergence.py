"""How far apart the two distributions over the labels are, in nats, over the same support."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from evalkit.metrics import Family, Metric, Setting, undefined
from evalkit.metrics.intervals import mean
from evalkit.stats.distance import js_rows, kl_rows, total_variation_rows
from evalkit.table import PairTable
from evalkit.types import Measured, Undefined

Rows = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]


def measure(pairs: PairTable, setting: Setting) -> dict[str, Measured]:
    """Means over the examples on which both models gave probabilities; how many, the method says.

    A student that calls impossible what the teacher calls possible is infinitely far: undefined with a
    count, never smoothed away.
    """
    assert pairs.teacher is not None
    if pairs.teacher.probs is None or pairs.student.probs is None:
        return undefined(FAMILY, f"the {_silent(pairs)} gives no probabilities")
    both = pairs.teacher.has_probs & pairs.student.has_probs
    lacking = int((~both & ~pairs.teacher.errored & ~pairs.student.errored).sum())
    if lacking:
        return undefined(FAMILY, f"{lacking} of {pairs.n} pairs have an answer but no probabilities")
    kept = pairs.take(both)
    if kept.n == 0:
        return undefined(FAMILY, "no example has probabilities of both models")
    assert kept.teacher is not None
    assert kept.teacher.probs is not None
    assert kept.student.probs is not None
    teacher, student = kept.teacher.probs, kept.student.probs
    note = f"support: {teacher.shape[1]} labels"
    if kept.n < pairs.n:
        note += f"; {pairs.n - kept.n} failed outputs left out"
    found: dict[str, Measured] = {}
    for name, rows, top in (
        ("kl", kl_rows(teacher, student), math.inf),
        ("kl_reverse", kl_rows(student, teacher), math.inf),
        ("js", js_rows(teacher, student), math.log(2)),
        ("total_variation", total_variation_rows(teacher, student), 1.0),
    ):
        infinite = int(np.isinf(rows).sum())
        if infinite:
            found[f"agreement.{name}"] = Undefined(
                reason=f"infinite on {infinite} of {kept.n} examples: "
                + ("the student" if name == "kl" else "the teacher")
                + " gives probability 0 to what the other thinks possible"
            )
        else:
            found[f"agreement.{name}"] = mean(rows, kept, setting, bounds=(0.0, top), note=note)
    return found


def _silent(pairs: PairTable) -> str:
    assert pairs.teacher is not None
    return "teacher" if pairs.teacher.probs is None else "student"


FAMILY = Family(
    name="divergence",
    measure=measure,
    applies=lambda facts: facts.task == "classify",
    metrics=(
        Metric(name="agreement.kl", direction="lower", unit="nats", bounds=(0, math.inf), identity=0.0),
        Metric(name="agreement.kl_reverse", direction="lower", unit="nats", bounds=(0, math.inf), identity=0.0),
        Metric(name="agreement.js", direction="lower", unit="nats", bounds=(0, math.log(2)), identity=0.0),
        Metric(name="agreement.total_variation", direction="lower", unit="share", bounds=(0, 1), identity=0.0),
    ),
)
