"""How far apart the two distributions over the labels are, in nats, over the same support."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from evalkit.metrics import Family, Metric, Setting, undefined
from evalkit.metrics.agreement import differs
from evalkit.metrics.intervals import mean
from evalkit.stats.distance import js_rows, kl_rows, topk_overlap_rows, total_variation_rows
from evalkit.table import PairTable
from evalkit.types import CHOOSING, Measured, Undefined

# How many of the likeliest answers are compared, where an example has more than that to choose from.
TOP = 5


def measure(pairs: PairTable, setting: Setting) -> dict[str, Measured]:
    """Means over examples, in nats (total variation and overlap: a share).

    Where both models failed there is nothing to compare. Where one failed, JS and total variation take their largest
    value and overlap its smallest.
    """
    told = _told(pairs)
    if isinstance(told, Undefined):
        return undefined(FAMILY, told.reason)
    both, either = told
    failed = int((either & ~both).sum())
    support = f"support: {pairs.support}"
    found: dict[str, Measured] = {}
    for name, farthest in (("js", math.log(2)), ("total_variation", 1.0), ("topk_overlap", 0.0)):
        notes = [support]
        if name == "topk_overlap":
            notes.append(f"{_in_words(_many(pairs)[either])}, ties to the first")
        if failed:
            notes.append(f"{failed} failed on one side counted as farthest apart")
        rows = np.where(both, pairs.once(f"divergence/{name}", ROWS[name]), farthest)[either]
        bounds = (0.0, farthest or 1.0)
        found[f"agreement.{name}"] = mean(rows, pairs.take(either), setting, bounds=bounds, note="; ".join(notes))
    return found


def kl_of_choices(pairs: PairTable, setting: Setting) -> dict[str, Measured] | Undefined:
    """agreement.kl and .kl_reverse, means over the examples on which both gave probabilities, in nats.

    A failed example has no largest value to take: the method says how many were left out. A student that calls
    impossible what the teacher calls possible is infinitely far: undefined with a count, never smoothed away.
    """
    told = _told(pairs)
    if isinstance(told, Undefined):
        return told
    assert pairs.teacher is not None
    both, either = told
    failed = int((either & ~both).sum())
    support = f"support: {pairs.support}"
    found: dict[str, Measured] = {}
    untold = int((~both & either & ~pairs.teacher.errored & ~pairs.student.errored).sum())
    for name, whose in (("kl", "student"), ("kl_reverse", "teacher")):
        if untold:
            # Failures are capped by a policy; leaving out whatever else has no distribution would reward silence.
            found[f"agreement.{name}"] = Undefined(
                reason=f"one model gives no probabilities on {untold} of {pairs.n} examples though it did not fail: "
                "how far off it is there is not known"
            )
            continue
        found[f"agreement.{name}"] = _unbounded(
            pairs.once(f"divergence/{name}", ROWS[name])[both],
            pairs.take(both),
            setting,
            whose,
            (f"{support}; {failed} failed on one side left out" if failed else support),
        )
    return found


def _told(pairs: PairTable) -> tuple[NDArray[np.bool_], NDArray[np.bool_]] | Undefined:
    """Where both models gave probabilities, and where either; why there is nothing to compare."""
    assert pairs.teacher is not None
    teacher, student = pairs.teacher.probs, pairs.student.probs
    misfits = sum(int(side.misfit.sum()) for side in (pairs.teacher, pairs.student))
    if misfits:
        return Undefined(
            reason=f"{misfits} of {2 * pairs.n} outputs give probabilities of another number of answers than the "
            "example has: distances are between distributions over the same answers"
        )
    if teacher is None or student is None:
        return Undefined(reason=f"the {_silent(pairs)} gives no probabilities")
    lacking = sum(
        int((~side.has_probs & ~side.errored & side.answered).sum()) for side in (pairs.teacher, pairs.student)
    )
    if lacking:
        return Undefined(reason=f"{lacking} of {2 * pairs.n} outputs have an answer but no probabilities")
    both = pairs.teacher.has_probs & pairs.student.has_probs
    if not both.any():
        return Undefined(reason="no example has probabilities of both models")
    return both, pairs.teacher.has_probs | pairs.student.has_probs


def _rows(function: Callable[..., NDArray[np.float64]], *, reverse: bool = False) -> Rows:
    def compute(pairs: PairTable) -> NDArray[np.float64]:
        assert pairs.teacher is not None
        teacher, student = pairs.teacher.probs, pairs.student.probs
        assert teacher is not None
        assert student is not None
        return function(student, teacher) if reverse else function(teacher, student)

    return compute


def _overlap(pairs: PairTable) -> NDArray[np.float64]:
    assert pairs.teacher is not None
    assert pairs.teacher.probs is not None
    assert pairs.student.probs is not None
    return topk_overlap_rows(pairs.teacher.probs, pairs.student.probs, _many(pairs))


def _many(pairs: PairTable) -> NDArray[np.int64]:
    """How many answers are compared, example by example: of all that there are to choose from, both name all."""
    return np.clip(pairs.choices - 1, 1, TOP)


def _in_words(many: NDArray[np.int64]) -> str:
    few, most = int(many.min()), int(many.max())
    if few == most:
        return f"k = {most}"
    return f"k = {few} to {most}, one fewer than the choices and at most {TOP}"


Rows = Callable[[PairTable], NDArray[np.float64]]
ROWS: dict[str, Rows] = {
    "kl": _rows(kl_rows),
    "kl_reverse": _rows(kl_rows, reverse=True),
    "js": _rows(js_rows),
    "total_variation": _rows(total_variation_rows),
    "topk_overlap": _overlap,
}


def _unbounded(rows: NDArray[np.float64], pairs: PairTable, setting: Setting, whose: str, note: str) -> Measured:
    infinite = int(np.isinf(rows).sum())
    if infinite:
        return Undefined(
            reason=f"infinite on {infinite} of {pairs.n} examples: the {whose} gives probability 0 to what the "
            "other thinks possible"
        )
    return mean(rows, pairs, setting, bounds=(0.0, math.inf), note=note)


def _silent(pairs: PairTable) -> str:
    assert pairs.teacher is not None
    return "teacher" if pairs.teacher.probs is None else "student"


FAMILY = Family(
    name="divergence",
    measure=measure,
    applies=lambda facts: facts.task in CHOOSING,
    against=differs,
    metrics=(
        Metric(name="agreement.js", direction="lower", unit="nats", bounds=(0, math.log(2)), identity=0.0),
        Metric(name="agreement.total_variation", direction="lower", unit="share", bounds=(0, 1), identity=0.0),
        Metric(name="agreement.topk_overlap", direction="higher", unit="share", bounds=(0, 1), identity=1.0),
    ),
)
