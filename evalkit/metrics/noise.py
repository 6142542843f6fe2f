"""How often the teacher disagrees with itself, and how much more often the student disagrees with it.

Agreement beyond that floor cannot be had, so disagreement is read as an excess over it (the idea of Twitter's Diffy,
with a paired interval).
"""

from __future__ import annotations

from evalkit.metrics import Family, Metric, Setting, undefined
from evalkit.metrics.agreement import differs
from evalkit.metrics.intervals import difference_of_shares, share
from evalkit.metrics.twice import asked_twice, differ, failed_again
from evalkit.stats.agreement import diffy
from evalkit.table import PairTable
from evalkit.types import Measured, Undefined


def measure(pairs: PairTable, setting: Setting) -> dict[str, Measured]:
    """Shares of the examples on which the teacher ran twice."""
    twice = asked_twice(pairs)
    if isinstance(twice, Undefined):
        return undefined(FAMILY, twice.reason)
    assert twice.teacher is not None
    assert twice.again is not None
    noise = differ(twice.teacher, twice.again) & ~twice.again.errored
    raw = differ(twice.teacher, twice.student)
    relative = diffy(int(raw.sum()), int(noise.sum()), twice.n).relative
    note = f"{raw.sum()} differ from the student's, {noise.sum()} from the teacher's own"
    return {
        "agreement.noise_floor": share(noise, twice, setting, failed_again(twice, "equal")),
        "agreement.excess_disagreement": difference_of_shares(
            noise, raw, twice, setting, note if relative is None else f"{note}: {relative:.1%} apart as Diffy counts"
        ),
    }


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
