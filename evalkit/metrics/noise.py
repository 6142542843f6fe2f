"""How often the teacher disagrees with itself, and how much more often the student disagrees with it.

The same model in another batch shape or order does not always answer the same. Agreement beyond that floor cannot be
had, so disagreement is read as an excess over it (the idea of Twitter's Diffy, with an interval).
"""

from __future__ import annotations

import numpy as np

from evalkit.metrics import Family, Metric, Setting, undefined
from evalkit.metrics.agreement import differs
from evalkit.metrics.intervals import difference_of_shares, share
from evalkit.table import PairTable, Side
from evalkit.types import Measured


def measure(pairs: PairTable, setting: Setting) -> dict[str, Measured]:
    """Shares of the examples on which the teacher ran twice.

    A second answer that failed counts as equal to the first: failures must not lower what is asked of the student.
    """
    if pairs.again is None:
        return undefined(FAMILY, "the teacher ran once; set noise_floor in the plan to measure it")
    twice = pairs.take(pairs.again.status != "None")
    if twice.n == 0:
        return undefined(FAMILY, "the teacher ran twice on none of these examples")
    assert twice.teacher is not None
    assert twice.again is not None
    noise = _differ(twice.teacher, twice.again) & ~twice.again.errored
    failed = int(twice.again.errored.sum())
    note = f"{failed} failed second answers counted as equal" if failed else ""
    return {
        "agreement.noise_floor": share(noise, twice, setting, note),
        "agreement.excess_disagreement": difference_of_shares(
            noise, _differ(twice.teacher, twice.student), twice, setting
        ),
    }


def _differ(one: Side, other: Side) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    # Two answers that say nothing, or nothing that can be read, do not differ. Two failures do not agree.
    silent = ~one.answered & ~other.answered & ~one.errored & ~other.errored
    same = (one.answer == other.answer) & one.answered
    return np.asarray(~(same | silent), dtype=bool)


FAMILY = Family(
    name="noise",
    measure=measure,
    # Marks are no answers: two texts that differ by a word may be worth the same.
    applies=lambda facts: not facts.marked,
    against=differs,
    slices="declared",
    # Only the teacher runs twice.
    champion=False,
    metrics=(
        Metric(name="agreement.noise_floor", direction="neutral", unit="share", bounds=(0, 1), compares=False),
        Metric(name="agreement.excess_disagreement", direction="lower", unit="difference", bounds=(-1, 1)),
    ),
)
