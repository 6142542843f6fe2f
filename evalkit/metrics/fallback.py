"""The student answers where it is confident, the teacher (or a human) elsewhere: from where on, and what that saves.

The threshold promises that the student loses no more than the plan allows. It is chosen on one half of a suite and
everything else measured on the other, so that no example speaks for the threshold that it helped to choose. A student's
output without an answer, or without probabilities, always falls back. A human is taken to be right.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from evalkit.figures import number
from evalkit.metrics import Family, Metric, Setting, nothing, undefined
from evalkit.metrics.accuracy import lost
from evalkit.metrics.calibration import applies
from evalkit.metrics.cost import no_price
from evalkit.metrics.folds import digests
from evalkit.metrics.intervals import MIN_GROUPS, exact, share, share_among
from evalkit.stats.cost import break_even_months, cascade_cost, saving_per_month
from evalkit.stats.risk_control import lowest_threshold, units_needed
from evalkit.table import PairTable
from evalkit.types import Direction, Estimate, Measured, Undefined

_MONEY = ("fallback.cost_per_thousand", "fallback.saving", "fallback.saving_per_month", "fallback.break_even_months")


@dataclass(frozen=True, eq=False)
class Choice:
    """The threshold of a suite. inf: none that was seen keeps the promise, all falls back. `why_not`: none was chosen.

    `n` is how many examples it was chosen on, and `how` the test by which.
    """

    threshold: float
    n: int
    how: str = ""
    why_not: str | None = None


def measure(pairs: PairTable, setting: Setting) -> dict[str, Measured]:
    """The suite's threshold; the rest on those of these pairs that have a target and are in the half not chosen on."""
    pairs = pairs.with_target
    if pairs.n == 0:
        return undefined(FAMILY, "no example has a target")
    choice = choose(pairs, setting)
    if choice.why_not is not None:
        return undefined(FAMILY, choice.why_not)
    other = pairs.take(~chosen_on(pairs, setting.seed))
    if other.n == 0:
        why = Undefined(reason="none of the examples is in the half that the threshold was not chosen on")
        return {**dict.fromkeys((each.name for each in FAMILY.metrics), why), **_threshold(choice, setting)}
    return {**_threshold(choice, setting), **_kept(other, choice, setting)}


def confidence(pairs: PairTable) -> NDArray[np.float64]:
    """Probability of the student's answer, -inf where there is no answer to give."""
    student = pairs.student
    return np.where(student.has_probs & (student.choice >= 0), student.confidence, -np.inf)


def chosen_on(pairs: PairTable, seed: int) -> NDArray[np.bool_]:
    """The half that the threshold is chosen on: by a hash of the seed and the id, of a group its least id."""

    def halves(whole: PairTable) -> NDArray[np.bool_]:
        names = [str(each) for each in whole.ids]
        if whole.group is not None:
            least: dict[int, str] = {}
            for group, name in zip(whole.group.tolist(), names, strict=True):
                least[group] = min(least.get(group, name), name)
            names = [least[group] for group in whole.group.tolist()]
        beginning = f"{seed}|fallback|{len(whole.facts.name)}:{whole.facts.name}|"
        found = (digest[0] % 2 == 0 for digest in digests(names, beginning))
        return np.fromiter(found, dtype=bool, count=len(names))

    return np.asarray(pairs.once(f"fallback half {seed}", halves), dtype=bool)


def let_through(pairs: PairTable, setting: Setting) -> NDArray[np.bool_]:
    """What would be lost if the student answered: it is wrong, and whoever it falls back to is right."""
    wrong = ~pairs.student.correct
    return wrong if setting.terms.fallback_to == "human" else others_right(pairs, setting) & wrong


def others_right(pairs: PairTable, setting: Setting) -> NDArray[np.bool_]:
    """Where whoever it falls back to is right."""
    assert pairs.teacher is not None
    return np.ones(pairs.n, dtype=bool) if setting.terms.fallback_to == "human" else pairs.teacher.correct


def choose(pairs: PairTable, setting: Setting) -> Choice:
    """The threshold of the whole suite, whatever slice of it these pairs are: a service has one."""

    def everywhere(whole: PairTable) -> NDArray[np.object_]:
        held = np.empty(whole.n, dtype=object)
        held[:] = [_chosen(whole.with_target, setting)] * whole.n
        return held

    choice = pairs.once(f"fallback {setting.seed} {_level(setting)!r} {setting.terms!r}", everywhere)[0]
    assert isinstance(choice, Choice)
    return choice


def _chosen(pairs: PairTable, setting: Setting) -> Choice:
    student, terms = pairs.student, setting.terms
    if student.probs is None:
        return _none("the student gives no probabilities")
    if lacking := int((~student.has_probs & ~student.errored & student.answered).sum()):
        return _none(f"the student gives no probabilities for {lacking} of its answers")
    if pairs.group is not None and (groups := len(np.unique(pairs.group))) < MIN_GROUPS:
        return _none(f"too few groups: {groups}, and a threshold needs {MIN_GROUPS} and more")
    half = pairs.take(chosen_on(pairs, setting.seed))
    delta = 1.0 - _level(setting)
    # Twice what one half needs: that is how many a suite needs.
    if half.n == 0:
        return _none(_too_few(2 * units_needed(terms.risk, delta), "examples", pairs.n, setting))
    group, largest = half.group, 1
    if pairs.group is not None and half.group is not None:
        largest = int(np.unique(pairs.group, return_counts=True)[1].max())
        sizes = np.unique(half.group, return_counts=True)[1]
        needed, have, what = units_needed(terms.risk, delta, sizes, largest), len(sizes), "groups"
    else:
        needed, have, what = units_needed(terms.risk, delta), half.n, "examples"
    if have < needed:
        whole = pairs.n if pairs.group is None else len(np.unique(pairs.group))
        return _none(_too_few(2 * needed, what, whole, setting))
    at, bad = confidence(half), let_through(half, setting)
    found = lowest_threshold(at, bad, terms.risk, delta, group, largest)
    how = f"betting on {have} groups of at most {largest}" if largest > 1 else "exact binomial"
    return Choice(math.inf if found is None else found, half.n, how)


def _none(why: str) -> Choice:
    return Choice(math.inf, 0, why_not=why)


def _too_few(needed: int, what: str, have: int, setting: Setting) -> str:
    promise = f"at most {setting.terms.risk:.4g} of all requests lost, {_level(setting):.4g} sure"
    return f"too few {what} to promise {promise}: it takes about {needed} with a target, and there are {have}"


def _level(setting: Setting) -> float:
    """One-sided; the interval's level is two-sided."""
    return round((1.0 + setting.level) / 2.0, 12) if setting.terms.level is None else setting.terms.level


def _threshold(choice: Choice, setting: Setting) -> dict[str, Measured]:
    terms = setting.terms
    whose = f"{terms.fallback_to} is right" if terms.fallback_to == "teacher" else "human is right (taken to be always)"
    promise = (
        f"with {_level(setting):.4g} confidence at most {terms.risk:.4g} of all requests are answered wrongly by the "
        f"student where the {whose}, if traffic is like this suite"
    )
    if math.isinf(choice.threshold):
        why = f"at every confidence seen, even the highest, the student loses more than {terms.risk:.4g} allows: "
        return {"fallback.threshold": Undefined(reason=f"{why}everything falls back to the {terms.fallback_to}")}
    method = f"{promise}; fixed-sequence testing ({choice.how}) on the seeded half of the suite that is not reported on"
    return {"fallback.threshold": exact(choice.threshold, choice.n, setting, method)}


def _kept(other: PairTable, choice: Choice, setting: Setting) -> dict[str, Measured]:
    """What the student keeps and what the two of them get right, on the half that the threshold was not chosen on."""
    whom = setting.terms.fallback_to
    at = confidence(other)
    keeps = np.asarray(at >= choice.threshold, dtype=bool)
    together = np.where(keeps, other.student.correct, others_right(other, setting))
    silent = int((at == -np.inf).sum())
    note = "the half that the threshold was not chosen on"
    note += "; no threshold keeps the promise, so all falls back" if math.isinf(choice.threshold) else ""
    note += f"; {silent} without an answer of the student fall back" if silent else ""
    answerer = note if whom == "teacher" else f"{note}; the human taken to be always right"
    coverage = share(keeps, other, setting, note)
    everywhere = np.ones(other.n, dtype=bool)
    return {
        "fallback.coverage": coverage,
        "fallback.accuracy": share(np.asarray(together, dtype=bool), other, setting, answerer),
        "fallback.regressions": share_among(
            keeps & let_through(other, setting), everywhere, other, setting, f"{other.n} examples of {answerer}"
        ),
        **_money(coverage, setting),
    }


def _money(coverage: Measured, setting: Setting) -> dict[str, Measured]:
    """What this coverage costs and saves; the student always runs first, so it is paid for what falls back as well."""
    costs, whom = setting.terms.costs, setting.terms.fallback_to
    behind = costs.human if whom == "human" else costs.teacher
    given = {"teacher": costs.teacher, "student": costs.student, whom: behind}
    if lacking := [name for name, price in given.items() if price is None]:
        return dict.fromkeys(_MONEY, no_price(*lacking))
    if isinstance(coverage, Undefined):
        return dict.fromkeys(_MONEY, coverage)
    assert costs.teacher is not None
    assert costs.student is not None
    assert behind is not None
    student, teacher, second = costs.student, costs.teacher, behind

    def cost(kept: float) -> float:
        return cascade_cost(student, second, 1.0 - kept)

    rule = f"student's price + share that falls back × {whom}'s"
    found: dict[str, Measured] = {
        "fallback.cost_per_thousand": _of(coverage, cost, rule),
        "fallback.saving": _of(coverage, lambda kept: 1.0 - cost(kept) / teacher, f"1 − ({rule}) / teacher's price"),
    }
    if costs.requests_per_month is None:
        why = "the plan does not say how many requests a month there are: `costs: {requests_per_month: …}`"
        return {**dict.fromkeys(_MONEY, Undefined(reason=why)), **found}
    thousands = costs.requests_per_month / 1000
    saved = _of(
        coverage,
        lambda kept: saving_per_month(teacher, cost(kept), thousands, costs.fixed_per_month),
        f"(teacher's price − ({rule})) × {costs.requests_per_month} requests − {costs.fixed_per_month:.12g} fixed",
    )
    return {**found, "fallback.saving_per_month": saved, "fallback.break_even_months": _break_even(saved, setting)}


def _of(coverage: Estimate, function: Callable[[float], float], rule: str) -> Estimate:
    """A monotone function of the coverage, whose interval is that of the coverage, mapped."""
    assert coverage.low is not None
    assert coverage.high is not None
    value, *ends = (function(each) for each in (coverage.value, coverage.low, coverage.high))
    return replace(
        coverage, value=value, low=min(*ends, value), high=max(*ends, value), method=f"{rule}; {coverage.method}"
    )


def _break_even(saved: Estimate, setting: Setting) -> Measured:
    costs = setting.terms.costs
    if costs.one_off is None:
        return Undefined(reason="the plan does not say what the change costs once: `costs: {one_off: …}`")
    never = f"never within {costs.horizon_months} months: "
    months = break_even_months(costs.one_off, saved.value)
    if months is None:
        cost = f"it costs {number(-saved.value, 'money')} a month more" if saved.value < 0.0 else "nothing is saved"
        return Undefined(reason=f"{never}{cost}")
    if months > costs.horizon_months:
        return Undefined(reason=f"{never}at {number(saved.value, 'money')} saved a month it takes {months:.1f}")
    assert saved.low is not None
    assert saved.high is not None
    most, least = break_even_months(costs.one_off, saved.low), break_even_months(costs.one_off, saved.high)
    if most is None:
        return Undefined(
            reason=f"too few examples to bound it: {months:.1f} months as measured, never if it falls badly"
        )
    assert least is not None
    return replace(saved, value=months, low=least, high=most, method=f"{costs.one_off:.12g} / saving; {saved.method}")


def _metric(name: str, direction: Direction, unit: str, low: float, high: float) -> Metric:
    return Metric(
        name=f"fallback.{name}",
        direction=direction,
        unit=unit,
        bounds=(low, high),
        against=lost if name in ("accuracy", "regressions") else nothing,
    )


FAMILY = Family(
    name="fallback",
    measure=measure,
    applies=applies,
    # A service has one threshold, and what it does to a class or a language is worth knowing.
    slices="declared",
    # Who falls back on a champion has two students.
    champion=False,
    metrics=(
        _metric("threshold", "neutral", "probability", 0, 1),
        _metric("coverage", "higher", "share", 0, 1),
        _metric("accuracy", "higher", "share", 0, 1),
        _metric("regressions", "lower", "share", 0, 1),
        _metric("cost_per_thousand", "lower", "money", 0, math.inf),
        _metric("saving", "higher", "share", -math.inf, 1),
        _metric("saving_per_month", "higher", "money", -math.inf, math.inf),
        _metric("break_even_months", "lower", "months", 0, math.inf),
    ),
)
