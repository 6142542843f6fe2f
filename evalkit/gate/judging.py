"""How one criterion is judged: an interval against a bound, and the sentence that says so."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace

from evalkit import figures
from evalkit.gate.asking import Asked
from evalkit.gate.noise import REMEDY, swamped
from evalkit.metrics import catalogue
from evalkit.types import (
    CriterionRow,
    CriterionStatus,
    Estimate,
    Measured,
    Question,
    Undefined,
    Waiver,
)
from evalkit.types.batch_shape import BatchShapes

# What says beside a criterion on accuracy how small a drop so many examples can show, and how often.
_BESIDE = {
    "accuracy.difference": "accuracy.minimum_detectable_drop",
    "accuracy.retention": "accuracy.minimum_detectable_drop",
    "score.difference": "score.difference",
    "score.retention": "score.difference",
}
POWER = 0.8
_TAKEN_FOR = re.compile(r", taken for ([0-9.]+) independent")
_AMONG = re.compile(r", over (the )?(?:[0-9]+ )?([^;()]+)")
_FLOOR = re.compile(r"z²/\((n|groups|[0-9.]+)\+z²\)(?: times ([0-9.e+-]+))?")
_RIGHT = re.compile(r"; unstable: the teacher is right on only ([0-9]+) of ([0-9]+)")
_LABELLED = "PPI++"
_SAMPLES = re.compile(r"; [0-9]+ examples x ([0-9]+) samples$")


def beside(question: Question) -> Question | None:
    """What is to be known beside a question so that its criterion can say what so many examples can show."""
    metric = _BESIDE.get(question.metric)
    return None if metric is None else replace(question, metric=metric)


def judge(measured: Measured, at_least: float | None, at_most: float | None, *, by_value: bool) -> CriterionStatus:
    """pass, fail, inconclusive, or not_evaluated. An interval end on the bound decides nothing.

    Bounds are compared unrounded; widening the interval can only move the answer towards inconclusive.
    """
    if isinstance(measured, Undefined):
        return "not_evaluated"
    if by_value:
        if at_least is not None:
            return "pass" if measured.value >= at_least else "fail"
        return "pass" if at_most is not None and measured.value <= at_most else "fail"
    if measured.low is None or measured.high is None:
        return "not_evaluated"
    if at_least is not None:
        return "pass" if measured.low > at_least else "fail" if measured.high < at_least else "inconclusive"
    assert at_most is not None
    return "pass" if measured.high < at_most else "fail" if measured.low > at_most else "inconclusive"


def judged(
    asked: Asked,
    measured: Measured | None,
    examples: tuple[str, ...],
    waivers: Mapping[str, Waiver],
    companion: Measured | None = None,
    shapes: BatchShapes | None = None,
) -> CriterionRow:
    """The row of verdict.json for one question; `companion` is the answer to `beside` it, `shapes` what the batch-shape
    audit found."""
    criterion = asked.criterion
    by_value = criterion.by == "value" or asked.question.metric.endswith(".count")
    if asked.missing is not None:
        measured = Undefined(reason=asked.missing)
    elif measured is None:
        measured = Undefined(reason="the run has no such measurement")
    status = judge(measured, criterion.at_least, criterion.at_most, by_value=by_value)
    if status == "not_evaluated" and isinstance(measured, Estimate):
        measured = Undefined(reason="the metric has no interval; judge it by: value")
    if status == "not_evaluated" and asked.on_missing == "fail":
        status = "fail"
    reason = _reason(asked, measured, status, by_value)
    if isinstance(measured, Estimate) and not by_value and asked.criterion.at_least is not None:
        reason += _can_show(asked.question.metric, measured.n, companion)
    if isinstance(measured, Estimate) and (why := _noise(asked, shapes or {})) is not None:
        # What was measured is in results.json; beside a bound that it cannot be held against it would look decisive.
        status, reason = "inconclusive", f"{why}; {REMEDY} (what was measured: {_seen(asked, measured, by_value)})"
        measured = Undefined(reason=why)
    if status in ("fail", "inconclusive") and (waiver := waivers.get(criterion.id)) is not None:
        reason = f"waived by {waiver.owner} until {waiver.expires} ({waiver.reason}); without it: {status}, {reason}"
        status = "waived"
    return CriterionRow(
        id=criterion.id,
        question=asked.question,
        effect=criterion.effect,
        on_missing=asked.on_missing,
        status=status,
        measured=measured,
        at_least=criterion.at_least,
        at_most=criterion.at_most,
        by="value" if by_value else "interval",
        reason=reason,
        examples=examples if status in ("fail", "inconclusive", "waived") else (),
    )


def _reason(asked: Asked, measured: Measured, status: CriterionStatus, by_value: bool) -> str:
    if isinstance(measured, Undefined):
        consequence = {
            "inconclusive": "a criterion that cannot be evaluated cannot pass",
            "fail": "on_missing: fail",
            "skip": "skipped (on_missing: skip)",
        }[asked.on_missing]
        if asked.missing == "no champion":
            consequence = "skipped"
        return f"not evaluated: {measured.reason}; {consequence}"
    at_least = asked.criterion.at_least is not None
    bound, metric = _bound(asked), asked.question.metric
    shown = figures.against(measured, bound, catalogue()[metric][0].unit, metric=metric)
    seen = _seen(asked, measured, by_value)
    if by_value:
        meets = "meets" if status == "pass" else "misses"
        return f"{seen} {meets} {'at least' if at_least else 'at most'} {shown.bound}"
    if status == "pass":
        return f"{seen}: the whole interval is {'above' if at_least else 'below'} {shown.bound}"
    if status == "fail":
        return f"{seen}: the whole interval is {'below' if at_least else 'above'} {shown.bound}"
    return f"{seen}: the interval holds the bound {shown.bound}; {_settles(asked, measured, bound)}"


def _seen(asked: Asked, measured: Estimate, by_value: bool) -> str:
    """What was measured, at the precision at which it differs from the bound."""
    metric = asked.question.metric
    shown = figures.against(measured, _bound(asked), catalogue()[metric][0].unit, metric=metric)
    interval = "" if by_value else f" {shown.interval}"
    return f"{shown.value}{interval} (n = {figures.count(measured.n)})"


def _bound(asked: Asked) -> float:
    bound = asked.criterion.at_least if asked.criterion.at_least is not None else asked.criterion.at_most
    assert bound is not None
    return bound


def _noise(asked: Asked, shapes: BatchShapes) -> str | None:
    """Why nothing that was measured could decide this; None where the batch-shape audit leaves it alone."""
    return swamped(asked.question, _bound(asked), shapes)


def _can_show(metric: str, n: int, companion: Measured | None) -> str:
    """The smallest drop that so many examples exclude, four times out of five, for a student that is as good as its
    teacher: the end of a sentence."""
    if not isinstance(companion, Estimate):
        return ""
    if metric.startswith("accuracy."):
        drop = companion.value
    else:
        from evalkit.stats.normal import one_sided_z

        assert companion.low is not None
        # The interval's half width is that of the one-sided level, and the power comes on top.
        z = one_sided_z((1 + companion.level) / 2)
        drop = (companion.value - companion.low) * (z + one_sided_z(POWER)) / z
    shown = figures.number(min(1.0, drop), "difference").removeprefix("+")
    return f"; n = {figures.count(n)} can rule out a drop of {shown} or more"


def _settles(asked: Asked, measured: Estimate, bound: float) -> str:
    """About how many more examples would settle it; in new groups, where examples come in groups.

    Where a share is one of a part (of the teacher's right answers), it is that part which `n` counts.
    """
    total = _total(measured, bound)
    if total is None or total <= measured.n:
        return "no sensible number of examples would settle it if the estimate stays"
    more = total - measured.n
    step = 10 ** max(0, len(str(more)) - 2)
    about = f"about {figures.count(-(-more // step) * step)} more"
    among = _AMONG.search(measured.method)
    what = "examples"
    if among is not None:
        what = f"of the {among[2].strip()}" if among[1] else among[2].strip()
    where = " in new groups" if asked.grouped else ""
    if measured.value == 0.0 and _exact(measured) and asked.criterion.at_most is not None:
        unit = catalogue()[asked.question.metric][0].unit
        assert measured.high is not None
        high = figures.number(measured.high, unit, metric=asked.question.metric)
        return f"0 of {measured.n}: up to {high} not excluded; {about}{where} without an event would show it"
    holds = (measured.value > bound) == (asked.criterion.at_least is not None)
    labelled = ", labelled in the same proportion," if measured.method.startswith(_LABELLED) else ""
    chance = "an even chance"
    if holds and _planned(asked):
        chance += f"; evalkit power RUN plans for {100 * POWER:g} %"
    return (
        f"{about} {what}{where}{labelled} would settle it as a {'pass' if holds else 'fail'} if the estimate stays "
        f"({chance})"
    )


def _planned(asked: Asked) -> bool:
    """Whether `evalkit power RUN` says how many examples this criterion takes."""
    question, bound = asked.question, asked.criterion.at_least
    if bound is None or question.where or question.versus != "teacher":
        return False
    return (question.metric == "accuracy.difference" and bound < 0.0) or (
        question.metric == "accuracy.retention" and bound < 1.0
    )


def _total(measured: Estimate, bound: float) -> int | None:
    """Examples in total that would settle it: each kind of interval narrows in its own way (stats/settling.py)."""
    from evalkit.stats import settling

    n, value, low, high, level = measured.n, measured.value, measured.low, measured.high, measured.level
    assert low is not None
    assert high is not None
    # In groups the examples are taken for fewer independent ones: those narrow the interval.
    found = _TAKEN_FOR.search(measured.method)
    samples = _SAMPLES.search(measured.method)
    answers = n if samples is None else n * int(samples[1])
    units = answers if found is None else max(1, round(float(found[1])))
    method = measured.method
    if _exact(measured) or method.startswith(("Wilson score", "wider of Wilson score and exact")):
        total = settling.trials_to_settle(value * units, units, level, bound, exact=_exact(measured), few=_few(method))
    elif method.startswith("Tango paired score"):
        total = settling.pairs_to_settle(units, value, low, level, bound)
    elif method.startswith("Tang paired score ratio"):
        # It narrows with the teacher's right answers; where nothing is said of them, as though all were right.
        if (right := _RIGHT.search(method)) is not None:
            units = max(1, round(units * int(right[1]) / int(right[2])))
        total = settling.rows_to_settle(units, value, low, high, level, bound)
    elif (floor := _FLOOR.search(method)) is not None:
        units, unit = _least(floor, answers, max(value - low, high - value), level)
        total = settling.rows_to_settle(units, value, low, high, level, bound, unit)
    else:
        return settling.examples_to_settle(n, value, low, high, bound)
    return None if total is None else math.ceil(n * total / units)


def _few(method: str) -> float:
    from evalkit.metrics.intervals import FEW

    return FEW if method.startswith("wider") else 0.0


def _least(floor: re.Match[str], answers: int, half: float, level: float) -> tuple[int, float]:
    """Independent rows, at least 1, and the unit of the half-width unit z²/(rows + z²) that a method names."""
    from evalkit.stats.normal import two_sided_z

    rows, unit = floor[1], float(floor[2] or 1.0)
    if rows == "n":
        return answers, unit
    if rows == "groups":
        # How many there are is seen from the half-width that they have.
        z = two_sided_z(level)
        return max(1, round(z * z * (1.0 / half - 1.0))), unit
    return max(1, round(float(rows))), unit


def _exact(measured: Estimate) -> bool:
    return measured.method.startswith("Clopper–Pearson")
