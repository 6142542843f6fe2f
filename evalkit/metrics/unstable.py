"""Flips beside the teacher's own: examples on which its second run came out differently are a class of their own.

A flip there says little about the student, for the teacher flips there as well. A flip on a stable example is the
student's doing. Where a suite asks for several samples of each example, the teacher's samples tell as much as a second
run: an example is unstable where some are right and some wrong.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from evalkit.metrics import Family, Metric, Setting, nothing, undefined
from evalkit.metrics.accuracy import binary, lost
from evalkit.metrics.intervals import difference_of_shares, exact, share, share_among
from evalkit.metrics.twice import asked_several, asked_twice, changed_again, failed_again, ran_again, unstable
from evalkit.table import PairTable
from evalkit.types import Measured, Undefined


def measure(pairs: PairTable, setting: Setting) -> dict[str, Measured]:
    """Counts and shares over the examples that the teacher was asked more than once; flips over those with a target.

    An example is unstable or not as a whole, so it counts once, however many samples it has.
    """
    several = asked_several(pairs)
    if isinstance(several, Undefined):
        return undefined(FAMILY, several.reason)
    each = several.take(np.unique(several.example, return_index=True)[1]) if several.facts.samples > 1 else several
    moved, note = unstable(each), failed_again(several, "stable")
    said = "; ".join(filter(None, [_over(each), note]))
    return {
        "flips.unstable.count": exact(float(moved.sum()), each.n, setting, said),
        "flips.unstable.rate": share(moved, each, setting, note),
        _EXCESS: _excess(pairs, setting),
        **_stable(several.with_target, setting),
    }


def lost_though_stable(pairs: PairTable) -> NDArray[np.bool_]:
    """What the teacher got right, is stable on though it was asked more than once, and the student got wrong."""
    several = ran_again(pairs) if pairs.facts.samples == 1 else True
    return np.asarray(lost(pairs) & several & ~unstable(pairs))


def _over(pairs: PairTable) -> str:
    how = "run twice" if pairs.facts.samples == 1 else f"of {pairs.facts.samples} samples each"
    return f"over {pairs.counted()} examples {how}"


def _excess(pairs: PairTable, setting: Setting) -> Measured:
    """Answer against answer: what the second run changed, beside what the student did."""
    twice = asked_twice(pairs)
    if isinstance(twice, Undefined):
        return twice
    if (twice := twice.with_target).n == 0:
        return _NO_TARGET
    assert twice.teacher is not None
    noise, changed = changed_again(twice), twice.teacher.correct != twice.student.correct
    note = f"{changed.sum()} flips of the student, {noise.sum()} of the teacher itself"
    return difference_of_shares(noise, changed, twice, setting, note)


def _stable(several: PairTable, setting: Setting) -> dict[str, Measured]:
    if several.n == 0:
        return dict.fromkeys((_STABLE_COUNT, _STABLE_RATE), _NO_TARGET)
    assert several.teacher is not None
    right = several.teacher.correct & ~unstable(several)
    hits = lost_though_stable(several)
    whose = "its second run did not change" if several.facts.samples == 1 else "none of its other answers contradicts"
    return {
        _STABLE_COUNT: exact(float(hits.sum()), several.counted(), setting, _over(several)),
        _STABLE_RATE: share_among(hits, right, several, setting, f"the teacher's right answers that {whose}"),
    }


_NO_TARGET = Undefined(reason="no example that the teacher was asked more than once has a target")
_EXCESS = "flips.excess_rate"
_STABLE_COUNT, _STABLE_RATE = "flips.right_to_wrong_stable.count", "flips.right_to_wrong_stable.rate"
_COUNTED = (0.0, math.inf)

FAMILY = Family(
    name="unstable",
    measure=measure,
    applies=binary,
    against=lost,
    slices="declared",
    # Only the teacher runs twice.
    champion=False,
    metrics=(
        Metric(
            name="flips.unstable.count",
            direction="neutral",
            unit="count",
            bounds=_COUNTED,
            compares=False,
            against=nothing,
        ),
        Metric(
            name="flips.unstable.rate",
            direction="neutral",
            unit="share",
            bounds=(0, 1),
            compares=False,
            against=nothing,
        ),
        Metric(name=_EXCESS, direction="lower", unit="difference", bounds=(-1, 1)),
        Metric(
            name=_STABLE_COUNT,
            direction="lower",
            unit="count",
            bounds=_COUNTED,
            identity=0.0,
            against=lost_though_stable,
        ),
        Metric(
            name=_STABLE_RATE, direction="lower", unit="share", bounds=(0, 1), identity=0.0, against=lost_though_stable
        ),
    ),
)
