"""Flips beside the teacher's own: examples on which its second run came out differently are a class of their own.

A flip there says little about the student, for the teacher flips there as well. A flip on a stable example is the
student's doing.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from evalkit.metrics import Family, Metric, Setting, nothing, undefined
from evalkit.metrics.accuracy import binary, lost
from evalkit.metrics.intervals import difference_of_shares, exact, share, share_among
from evalkit.metrics.twice import asked_twice, failed_again, ran_again, unstable
from evalkit.table import PairTable
from evalkit.types import Measured, Undefined


def measure(pairs: PairTable, setting: Setting) -> dict[str, Measured]:
    """Counts and shares over the examples that the teacher was asked twice; flips over those with a target."""
    twice = asked_twice(pairs)
    if isinstance(twice, Undefined):
        return undefined(FAMILY, twice.reason)
    changed, over = unstable(twice), f"over {twice.n} examples run twice"
    note = failed_again(twice, "stable")
    return {
        "flips.unstable.count": exact(float(changed.sum()), twice.n, setting, "; ".join(filter(None, [over, note]))),
        "flips.unstable.rate": share(changed, twice, setting, note),
        **_flips(twice.with_target, setting),
    }


def lost_though_stable(pairs: PairTable) -> NDArray[np.bool_]:
    """What the teacher got right, its second run did not change, and the student got wrong."""
    return np.asarray(lost(pairs) & ran_again(pairs) & ~unstable(pairs))


def _flips(twice: PairTable, setting: Setting) -> dict[str, Measured]:
    if twice.n == 0:
        why = Undefined(reason="no example that the teacher was asked twice has a target")
        return dict.fromkeys((_EXCESS, _STABLE_COUNT, _STABLE_RATE), why)
    assert twice.teacher is not None
    noise = unstable(twice)
    changed = twice.teacher.correct != twice.student.correct
    right = twice.teacher.correct & ~noise
    whose = "the teacher's right answers that its second run did not change"
    hits = lost_though_stable(twice)
    return {
        _EXCESS: difference_of_shares(
            noise, changed, twice, setting, f"{changed.sum()} flips of the student, {noise.sum()} of the teacher itself"
        ),
        _STABLE_COUNT: exact(float(hits.sum()), twice.n, setting, f"over {twice.n} examples run twice"),
        _STABLE_RATE: share_among(hits, right, twice, setting, whose),
    }


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
