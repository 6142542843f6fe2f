"""How much farther the student's distribution is from the teacher's than the teacher's own second one is."""

from __future__ import annotations

import math

import numpy as np

from evalkit.metrics import Family, Metric, Setting, undefined
from evalkit.metrics.agreement import differs
from evalkit.metrics.intervals import mean
from evalkit.metrics.twice import asked_twice
from evalkit.stats.distance import kl_rows
from evalkit.table import PairTable
from evalkit.types import CHOOSING, Measured, Undefined

NAME = "agreement.excess_kl"


def measure(pairs: PairTable, setting: Setting) -> dict[str, Measured]:
    """Mean over examples of KL(teacher||student) - KL(teacher||teacher again), in nats, above 0 where the student is
    farther off.

    Over the examples that the teacher was asked twice and on which both models gave probabilities. A second answer
    without them, which failed or says nothing, counts as equal to the first. Undefined where either KL is infinite.
    """
    twice = asked_twice(pairs)
    if isinstance(twice, Undefined):
        return undefined(FAMILY, twice.reason)
    assert twice.teacher is not None
    assert twice.again is not None
    sides = {"teacher": twice.teacher, "student": twice.student, "second run": twice.again}
    for whose, side in sides.items():
        # What failed is capped by a policy, and a second answer that says nothing counts as equal; a student that says
        # nothing must not look nearer for it.
        told = side.answered | (whose != "second run")
        if lacking := int((~side.has_probs & ~side.errored & told).sum()):
            return undefined(FAMILY, f"{lacking} of {twice.n} outputs of the {whose} have no probabilities")
    both = twice.teacher.has_probs & twice.student.has_probs
    if not both.any():
        return undefined(FAMILY, "no example has probabilities of both models")
    held = twice.take(both)
    assert held.teacher is not None
    assert held.again is not None
    assert held.teacher.probs is not None
    assert held.student.probs is not None
    far, noise = kl_rows(held.teacher.probs, held.student.probs), np.zeros(held.n)
    known = held.again.has_probs
    if held.again.probs is not None:
        noise[known] = kl_rows(held.teacher.probs[known], held.again.probs[known])
    for rows, whose in ((far, "student"), (noise, "teacher's second run")):
        if infinite := int(np.isinf(rows).sum()):
            why = f"infinite on {infinite} of {held.n} examples: the {whose} gives probability 0 to what the teacher"
            return undefined(FAMILY, f"{why} thinks possible")
    notes = [f"paired; support: {held.support}"]
    if left_out := twice.n - held.n:
        notes.append(f"{left_out} without probabilities of both models left out")
    if silent := held.n - int(known.sum()):
        notes.append(f"{silent} second answers without probabilities counted as equal")
    return {NAME: mean(far - noise, held, setting, note="; ".join(notes))}


FAMILY = Family(
    name="noise_kl",
    measure=measure,
    applies=lambda facts: facts.task in CHOOSING,
    against=differs,
    slices="declared",
    # Only the teacher runs twice.
    champion=False,
    metrics=(Metric(name=NAME, direction="lower", unit="nats", bounds=(-math.inf, math.inf)),),
)
