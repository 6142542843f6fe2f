"""Is a model surer than it is right? Mean confidence less accuracy, and how many of its errors it was sure of.

Above 0 the signed gap is over-confidence, below 0 under-confidence; unlike ECE it has no bias and gaps of both signs
cancel. It is at home on a whole suite: inside one class, how often an answer is right depends on the class.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evalkit.metrics import Against, Family, Metric, Setting, nothing, undefined
from evalkit.metrics.accuracy import lost
from evalkit.metrics.calibration import applies, with_probabilities
from evalkit.metrics.intervals import mean, share_among
from evalkit.stats.interval import Interval
from evalkit.stats.square_and_add import square_and_add
from evalkit.table import PairTable, Side
from evalkit.types import Estimate, Measured, Undefined

SURE = 0.9
_GAP, _ERRORS = "calibration.signed_gap", "calibration.overconfident_errors"


def measure(pairs: PairTable, setting: Setting) -> dict[str, Measured]:
    """The gap, and the share of wrong answers given with a confidence of 0.9 or more; failures were sure and wrong."""
    pairs = pairs.with_target
    if pairs.n == 0:
        return undefined(FAMILY, "no example has a target")
    usable, reason = with_probabilities(pairs)
    found = undefined(FAMILY, reason)
    gaps = {role: side.confidence - side.correct for role, side in usable.items()}
    for role, rows in gaps.items():
        found[f"{_GAP}.{role}"] = mean(rows, pairs, setting, bounds=(-1.0, 1.0), note="above 0: over-confident")
    for role, side in usable.items():
        found[f"{_ERRORS}.{role}"] = share_among(_sure(side), ~side.correct, pairs, setting, "wrong answers")
    if len(usable) == 2:
        change = gaps["student"] - gaps["teacher"]
        found[f"{_GAP}.difference"] = mean(change, pairs, setting, bounds=(-2.0, 2.0), note="paired")
        wrong = int((~usable["teacher"].correct | ~usable["student"].correct).sum())
        found[f"{_ERRORS}.difference"] = _apart(found[f"{_ERRORS}.teacher"], found[f"{_ERRORS}.student"], wrong)
    return found


def _sure(side: Side) -> NDArray[np.bool_]:
    return np.asarray(side.confidence >= SURE, dtype=bool)


def _apart(teacher: Measured, student: Measured, wrong: int) -> Measured:
    """Student minus teacher by square-and-add. The two are wrong on different examples, so they are hardly paired;
    where they are, errors go together and this interval is too wide rather than too narrow."""
    for whose, each in (("teacher", teacher), ("student", student)):
        if isinstance(each, Undefined):
            return Undefined(reason=f"the {whose} has no such share: {each.reason}")
    assert isinstance(teacher, Estimate)
    assert isinstance(student, Estimate)
    assert teacher.low is not None
    assert teacher.high is not None
    assert student.low is not None
    assert student.high is not None
    value = student.value - teacher.value
    apart = square_and_add(
        teacher.value, Interval(teacher.low, teacher.high), student.value, Interval(student.low, student.high)
    )
    return Estimate(
        value=value,
        low=max(-1.0, apart.low),
        high=min(1.0, apart.high),
        level=teacher.level,
        n=wrong,
        method="square-and-add of both shares' intervals (MOVER, Zou and Donner 2008), unpaired",
    )


def _sure_errors(pairs: PairTable) -> NDArray[np.bool_]:
    """Examples on which the student was sure and wrong."""
    if pairs.student.probs is None:
        return np.zeros(pairs.n, dtype=bool)
    return np.asarray(pairs.has_target & ~pairs.student.correct & _sure(pairs.student))


def _sure_errors_new(pairs: PairTable) -> NDArray[np.bool_]:
    """Those of them on which the teacher was not."""
    assert pairs.teacher is not None
    if pairs.teacher.probs is None:
        return _sure_errors(pairs)
    return np.asarray(_sure_errors(pairs) & ~(~pairs.teacher.correct & _sure(pairs.teacher)))


_AGAINST: dict[str, Against] = {"teacher": nothing, "student": _sure_errors, "difference": _sure_errors_new}

FAMILY = Family(
    name="overconfidence",
    measure=measure,
    applies=applies,
    against=lost,
    slices="declared",
    metrics=(
        *(
            Metric(name=f"{_GAP}.{role}", direction="neutral", unit="score", bounds=(-1, 1), compares=False)
            for role in ("teacher", "student")
        ),
        Metric(name=f"{_GAP}.difference", direction="neutral", unit="score", bounds=(-2, 2), identity=0.0),
        *(
            Metric(
                name=f"{_ERRORS}.{whose}",
                direction="lower",
                unit="difference" if whose == "difference" else "share",
                bounds=(-1, 1) if whose == "difference" else (0, 1),
                identity=0.0 if whose == "difference" else None,
                compares=whose == "difference",
                against=_AGAINST[whose],
            )
            for whose in ("teacher", "student", "difference")
        ),
    ),
)
