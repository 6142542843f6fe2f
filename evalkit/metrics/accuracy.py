"""Accuracy of both models and what the student keeps of it (paired score intervals of Tango 1998 and Tang et al. 2003).

Every example with a target counts; an output that failed, said nothing or could not be parsed is not correct.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from evalkit.metrics import Family, Metric, Setting, undefined
from evalkit.metrics.intervals import (
    cells,
    clustered,
    difference_of_shares,
    exact,
    p_value,
    scaled,
    share,
    taken_for,
    worth_of,
)
from evalkit.stats.groups import group_sums
from evalkit.stats.mean import ratio_linearised
from evalkit.stats.paired import mcnemar, ratio_tang
from evalkit.stats.power_formulas import detectable_drop
from evalkit.stats.proportion import wilson
from evalkit.table import PairTable
from evalkit.types import Estimate, Measured, SuiteFacts, Undefined

# With fewer right answers of the teacher, in number or as a share of all, its part of a ratio is little known.
FEW_RIGHT, LOW_SHARE = 30, 0.2


def binary(facts: SuiteFacts) -> bool:
    """Suites on which an answer is right or wrong; those with marks have score.* in place of accuracy.*."""
    return not facts.marked and facts.kind != "safety-refusal"


def lost(pairs: PairTable) -> NDArray[np.bool_]:
    """What the teacher got right and the student did not."""
    assert pairs.teacher is not None
    return np.asarray(pairs.has_target & pairs.teacher.correct & ~pairs.student.correct)


def measure(pairs: PairTable, setting: Setting) -> dict[str, Measured]:
    """The accuracy family on the pairs that have a target."""
    pairs = pairs.with_target
    if pairs.n == 0:
        return undefined(FAMILY, "no example has a target")
    assert pairs.teacher is not None
    teacher, student = pairs.teacher.correct, pairs.student.correct
    _, b, c, _ = cells(teacher, student)
    return {
        "accuracy.teacher": share(teacher, pairs, setting, _uncounted(int(pairs.teacher.errored.sum()))),
        "accuracy.student": share(student, pairs, setting, _uncounted(int(pairs.student.errored.sum()))),
        "accuracy.difference": difference_of_shares(teacher, student, pairs, setting),
        "accuracy.retention": _retention(pairs, setting),
        "accuracy.retention_above_chance": _retention_above_chance(pairs, setting),
        "accuracy.mcnemar_p": _by_chance(pairs, setting),
        "accuracy.minimum_detectable_drop": _detectable(b + c, pairs, setting),
    }


def _by_chance(pairs: PairTable, setting: Setting) -> Measured:
    """Where examples have samples, an example is lost or gained once, by what its samples did on balance; where they
    are in groups, a group is."""
    assert pairs.teacher is not None
    change = net = pairs.student.correct.astype(np.float64) - pairs.teacher.correct
    method = "McNemar mid-p, two-sided"
    if pairs.facts.samples > 1:
        net, method = group_sums(change, pairs.example), f"{method}, on the net change of each example"
    elif pairs.group is not None:
        net, method = group_sums(change, pairs.group), f"{method}, on the net change of each group"
    return p_value(mcnemar(int((net < 0).sum()), int((net > 0).sum()))[1], pairs.counted(), setting, method)


def _uncounted(errored: int) -> str:
    return f"{errored} errored outputs counted as wrong" if errored else ""


def _retention(pairs: PairTable, setting: Setting) -> Measured:
    """Student's accuracy over the teacher's, in [0, inf): Tang's paired score interval."""
    assert pairs.teacher is not None
    teacher, student = pairs.teacher.correct, pairs.student.correct
    a, b, c, d = cells(teacher, student)
    if a + b == 0:
        return Undefined(reason="the teacher is never right, so there is nothing to retain")
    value = (a + c) / (a + b)
    top, bottom = student.astype(float), teacher.astype(float)
    worth = worth_of(top - value * bottom, pairs.group)
    interval = ratio_tang(*scaled((a, b, c, d), worth), setting.level)
    if interval is None or not math.isfinite(interval.high):
        return Undefined(reason=f"the teacher is right only {a + b} times: too few to bound a ratio")
    estimate = Estimate(
        value=value,
        low=min(interval.low, value),
        high=max(interval.high, value),
        level=setting.level,
        n=pairs.n,
        method=taken_for("Tang paired score ratio", pairs.n, worth) + _unstable(a + b, pairs.n),
    )
    return clustered(
        estimate, pairs, lambda group: ratio_linearised(top, bottom, setting.level, group), (0.0, math.inf)
    )


def _unstable(right: int, n: int) -> str:
    few = right < FEW_RIGHT or right < LOW_SHARE * n
    return f"; unstable: the teacher is right on only {right} of {n}" if few else ""


def _retention_above_chance(pairs: PairTable, setting: Setting) -> Measured:
    """The same ratio above what guessing among the labels gets: 0.27 of 0.25 is 93 % of nothing."""
    assert pairs.teacher is not None
    if not pairs.choices.all():
        return Undefined(reason="nothing is chosen from, so chance is not known")
    guess = 1 / pairs.choices
    chance = float(guess.mean())
    teacher, student = pairs.teacher.correct, pairs.student.correct
    if wilson(int(teacher.sum()), pairs.n, setting.level).low <= chance:
        return Undefined(reason=f"the teacher is not clearly better than chance ({chance:.3g})")
    top, bottom = student - guess, teacher - guess
    value = float(np.sum(top) / np.sum(bottom))
    interval = ratio_linearised(top, bottom, setting.level)
    if interval is None:
        return Undefined(reason="one example has no spread to make an interval from")
    a, b, c, d = cells(teacher, student)
    worth = worth_of(top - value * bottom, pairs.group)
    score = ratio_tang(*scaled((a, b, c, d), worth), setting.level)
    assert score is not None
    # Linearising sees no doubt where few pairs differ. The score interval of the plain ratio does, and what it loses of
    # 1 is a larger part of the smaller whole above chance.
    scale = (a + b) / float(np.sum(bottom))
    low = min(interval.low, 1 + (score.low - 1) * scale)
    high = max(interval.high, 1 + (score.high - 1) * scale)
    if not math.isfinite(high):
        return Undefined(reason="the teacher is right too rarely to bound a ratio")
    estimate = Estimate(
        value=value,
        low=min(low, value),
        high=max(high, value),
        level=setting.level,
        n=pairs.n,
        method=taken_for(f"ratio above chance {chance:.4g}, wider of linearised and Tang", pairs.n, worth)
        + _unstable(a + b, pairs.n),
    )
    return clustered(
        estimate, pairs, lambda group: ratio_linearised(top, bottom, setting.level, group), (-math.inf, math.inf)
    )


def _detectable(discordant: int, pairs: PairTable, setting: Setting) -> Measured:
    """The smallest true drop that this many examples would show four times out of five."""
    assert pairs.teacher is not None
    n, change = pairs.n, pairs.student.correct.astype(float) - pairs.teacher.correct.astype(float)
    worth = worth_of(change, pairs.group)
    # One more discordant half-pair than seen: no difference among n is no proof that there is none.
    discordance = min(1.0, (discordant * worth + 0.5) / (n * worth))
    one_sided = (1 + setting.level) / 2
    # With fewer than one independent example nothing is shown at all.
    drop = detectable_drop(max(1.0, n * worth), discordance, one_sided, 0.8)
    method = f"power 0.8 at one-sided {one_sided:g}, discordance {discordance:.4f}"
    return exact(min(1.0, drop), n, setting, taken_for(method, n, worth))


FAMILY = Family(
    name="accuracy",
    measure=measure,
    applies=binary,
    against=lost,
    metrics=(
        Metric(name="accuracy.teacher", direction="higher", unit="share", bounds=(0, 1), compares=False),
        Metric(name="accuracy.student", direction="higher", unit="share", bounds=(0, 1), compares=False),
        Metric(name="accuracy.difference", direction="higher", unit="difference", bounds=(-1, 1), identity=0.0),
        Metric(name="accuracy.retention", direction="higher", unit="ratio", bounds=(0, math.inf), identity=1.0),
        Metric(
            name="accuracy.retention_above_chance",
            direction="higher",
            unit="ratio",
            bounds=(-math.inf, math.inf),
            identity=1.0,
        ),
        Metric(name="accuracy.mcnemar_p", direction="neutral", unit="p-value", bounds=(0, 1), identity=1.0),
        Metric(name="accuracy.minimum_detectable_drop", direction="lower", unit="share", bounds=(0, 1)),
    ),
)
