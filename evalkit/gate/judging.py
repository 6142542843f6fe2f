"""How one criterion is judged: an interval against a bound, and the sentence that says so."""

from __future__ import annotations

from collections.abc import Mapping

from evalkit import figures
from evalkit.gate.asking import Asked
from evalkit.metrics import catalogue
from evalkit.types import (
    CriterionRow,
    CriterionStatus,
    Estimate,
    Measured,
    Undefined,
    Waiver,
)


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
    asked: Asked, measured: Measured | None, examples: tuple[str, ...], waivers: Mapping[str, Waiver]
) -> CriterionRow:
    """The row of verdict.json for one question."""
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
    bound = asked.criterion.at_least if at_least else asked.criterion.at_most
    assert bound is not None
    metric = asked.question.metric
    shown = figures.against(measured, bound, catalogue()[metric][0].unit, metric=metric)
    if by_value:
        meets = "meets" if status == "pass" else "misses"
        return f"{shown.value} (n = {measured.n}) {meets} {'at least' if at_least else 'at most'} {shown.bound}"
    seen = f"{shown.value} {shown.interval} (n = {measured.n})"
    if status == "pass":
        return f"{seen}: the whole interval is {'above' if at_least else 'below'} {shown.bound}"
    if status == "fail":
        return f"{seen}: the whole interval is {'below' if at_least else 'above'} {shown.bound}"
    return f"{seen}: the interval holds the bound {shown.bound}; {_settles(measured, bound)}"


def _settles(measured: Estimate, bound: float) -> str:
    from evalkit.stats.power import examples_to_settle

    assert measured.low is not None
    assert measured.high is not None
    total = examples_to_settle(measured.n, measured.value, measured.low, measured.high, bound)
    if total is None or total <= measured.n:
        return "no sensible number of examples would settle it if the estimate stays"
    more = total - measured.n
    step = 10 ** max(0, len(str(more)) - 2)
    return f"about {-(-more // step) * step} more examples would settle it if the estimate stays"
