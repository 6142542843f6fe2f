"""The student where it is confident, the teacher or a human elsewhere: halves, thresholds, promises, money."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import binom, binomtest
from statsmodels.stats.proportion import proportion_confint

from evalkit.columns import Columns
from evalkit.estimate import Evidence
from evalkit.metrics import Setting
from evalkit.metrics.cost import FAMILY as COST
from evalkit.metrics.fallback import FAMILY, chosen_on, confidence, let_through
from evalkit.stats.deferral import deferral_curve
from evalkit.table import PairTable
from evalkit.types import Costs, Estimate, Measured, Question, Terms, Undefined
from tests import factory
from tests.factory import ERROR, NONSENSE, Case

PRICES = Costs(teacher=2.5, student=0.4, human=900.0, requests_per_month=10**6, one_off=12000.0, fixed_per_month=100.0)
MONEY = ("cost_per_thousand", "saving", "saving_per_month", "break_even_months")


def made(
    confidences: Sequence[float], student: Sequence[bool], teacher: Sequence[bool] | None = None, **more: Any
) -> Case:
    """Two labels; the student answers with this confidence, which is the probability of its answer."""
    n = len(student)
    said = ["a" if each else "b" for each in student]
    probs = [
        (each, 1 - each) if answer == "a" else (1 - each, each) for each, answer in zip(confidences, said, strict=True)
    ]
    known = ["a" if each else "b" for each in (teacher if teacher is not None else [True] * n)]
    return Case(labels=("a", "b"), target=["a"] * n, teacher=known, student=said, student_probs=probs, **more)


def drawn(n: int, seed: int = 0, **more: Any) -> Case:
    """A student that is wrong the more often the less sure it is, and a teacher that is right on nine of ten."""
    rng = np.random.default_rng(seed)
    sure = 0.5 + 0.5 * rng.random(n)
    return made(sure.tolist(), (rng.random(n) > 0.6 * (1 - sure)).tolist(), (rng.random(n) < 0.9).tolist(), **more)


def measured(of: Case | PairTable, terms: Terms | None = None, *, seed: int = 0, level: float = 0.9) -> dict[str, Any]:
    """By the metric's last name."""
    pairs = of if isinstance(of, PairTable) else of.pairs()
    setting = Setting(level, seed, ("fallback",), terms=terms or Terms())
    return {name.partition(".")[2]: each for name, each in FAMILY.measure(pairs, setting).items()}


def value(found: Mapping[str, Measured], name: str) -> float:
    each = found[name]
    assert isinstance(each, Estimate), each
    return each.value


def reason(found: Mapping[str, Measured], name: str) -> str:
    each = found[name]
    assert isinstance(each, Undefined), each
    return each.reason


# --- halves ------------------------------------------------------------------------------------------


def test_a_half_is_about_a_half_and_another_seed_draws_another() -> None:
    pairs = drawn(2000).pairs()
    halves = [chosen_on(pairs, seed) for seed in (0, 1)]
    for half in halves:
        assert binomtest(int(half.sum()), 2000, 0.5).pvalue > 1e-4
    assert binomtest(int((halves[0] == halves[1]).sum()), 2000, 0.5).pvalue > 1e-4


def test_an_example_stays_in_its_half_whatever_stands_beside_it() -> None:
    case = drawn(200)
    order = np.random.default_rng(1).permutation(200)
    mixed = case.taken(order)
    assert chosen_on(mixed.pairs(), 3).tolist() == chosen_on(case.pairs(), 3)[order].tolist()
    assert chosen_on(case.taken(range(50)).pairs(), 3).tolist() == chosen_on(case.pairs(), 3)[:50].tolist()


def test_a_group_is_never_parted() -> None:
    case = drawn(300, groups=[f"g{index % 60}" for index in range(300)])
    half = chosen_on(case.pairs(), 0)
    by_group: dict[int, set[bool]] = {}
    for index, each in enumerate(half.tolist()):
        by_group.setdefault(index % 60, set()).add(each)
    assert {len(each) for each in by_group.values()} == {1}
    assert len({next(iter(each)) for each in by_group.values()}) == 2


# --- the threshold -----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_the_threshold_is_the_lowest_that_an_exact_test_accepts_on_its_half(seed: int) -> None:
    case, terms = drawn(1200, seed), Terms(risk=0.05)
    pairs = case.pairs()
    half = pairs.take(chosen_on(pairs, seed))
    at, lost = confidence(half), let_through(half, Setting(0.9, seed, (), terms=terms))
    accepted = None
    for threshold in sorted({0.0, *at.tolist()}, reverse=True):
        if binom.cdf(int((lost & (at >= threshold)).sum()), half.n, 0.05) > 0.05:
            break
        accepted = threshold
    found = measured(pairs, terms, seed=seed)
    assert value(found, "threshold") == accepted
    assert found["threshold"].n == half.n


@pytest.mark.parametrize("seed", range(3))
def test_what_is_reported_is_counted_on_the_other_half(seed: int) -> None:
    pairs = drawn(1000, seed).pairs()
    found = measured(pairs, Terms(risk=0.05), seed=seed)
    other = pairs.take(~chosen_on(pairs, seed))
    curve = deferral_curve(confidence(other), other.student.correct, other.teacher.correct)  # type: ignore[union-attr]
    point = int(np.flatnonzero(curve.threshold >= value(found, "threshold"))[-1])
    for name, seen in (("coverage", curve.coverage), ("accuracy", curve.accuracy), ("regressions", curve.lost)):
        assert value(found, name) == pytest.approx(seen[point], abs=1e-12), name
        assert found[name].n == other.n
    for name, method in (("coverage", "wilson"), ("accuracy", "wilson"), ("regressions", "beta")):
        ends = proportion_confint(round(value(found, name) * other.n), other.n, alpha=0.1, method=method)
        assert (found[name].low, found[name].high) == pytest.approx(ends, abs=1e-9), name


def test_a_student_that_is_its_teacher_keeps_all_and_loses_nothing() -> None:
    found = measured(factory.random_case(1, 400).copied())
    assert value(found, "threshold") == 0.0
    assert (value(found, "coverage"), value(found, "regressions")) == (1.0, 0.0)
    assert found["coverage"].low < 1.0


def test_less_risk_takes_more_confidence_and_keeps_less() -> None:
    case = drawn(3000)
    found = [measured(case, Terms(risk=risk)) for risk in (0.02, 0.05, 0.1, 0.5)]
    heights = [value(each, "threshold") for each in found]
    shares = [value(each, "coverage") for each in found]
    assert heights == sorted(heights, reverse=True)
    assert shares == sorted(shares)
    assert heights[0] > heights[-1] == 0.0


def test_more_certainty_takes_more_confidence() -> None:
    case = drawn(3000)
    heights = [value(measured(case, Terms(risk=0.05, level=level)), "threshold") for level in (0.8, 0.95, 0.999)]
    assert heights == sorted(set(heights))


def test_the_level_is_the_policy_s_unless_the_plan_names_another() -> None:
    case = drawn(3000)
    assert measured(case, level=0.9) == measured(case, Terms(level=0.95), level=0.9)
    assert "0.99 confidence" in measured(case, level=0.98)["threshold"].method
    # The intervals stay those of the policy.
    assert measured(case, Terms(level=0.99), level=0.9)["coverage"].level == 0.9


@pytest.mark.parametrize(("risk", "level", "needed"), [(0.02, 0.95, 298), (0.05, 0.95, 118), (0.02, 0.99, 456)])
def test_too_few_examples_are_told_how_many_it_takes(risk: float, level: float, needed: int) -> None:
    found = measured(drawn(60), Terms(risk=risk, level=level))
    for name in ("threshold", "coverage", "accuracy", "regressions", "saving"):
        assert f"it takes about {needed} with a target, and there are 60" in reason(found, name)
    # A perfect student needs as many in one half as make an exact test sure.
    assert (1 - risk) ** (needed // 2) <= 1 - level < (1 - risk) ** (needed // 2 - 1)


def test_where_even_the_surest_answers_lose_too_much_all_falls_back() -> None:
    n = 600
    case = made([1.0] * n, [index % 3 > 0 for index in range(n)])
    found = measured(case, Terms(costs=PRICES))
    assert "everything falls back to the teacher" in reason(found, "threshold")
    assert (value(found, "coverage"), value(found, "accuracy"), value(found, "regressions")) == (0.0, 1.0, 0.0)
    assert "no threshold keeps the promise" in found["coverage"].method
    assert value(found, "saving") == pytest.approx(-0.4 / 2.5), "the student runs all the same"
    assert "never within 12 months" in reason(found, "break_even_months")


def test_an_output_without_an_answer_falls_back_however_low_the_threshold() -> None:
    case = made([0.9] * 700, [True] * 700)
    answers = [ERROR if index % 7 == 0 else NONSENSE if index % 7 == 1 else "a" for index in range(700)]
    found = measured(replace(case, student=answers))
    assert value(found, "threshold") == 0.0
    assert value(found, "coverage") == pytest.approx(5 / 7, abs=0.05)
    assert value(found, "accuracy") == 1.0, "the teacher answers for it"
    assert "without an answer of the student fall back" in found["coverage"].method


def test_a_student_without_probabilities_has_no_threshold() -> None:
    case = drawn(400)
    assert "the student gives no probabilities" in reason(measured(replace(case, student_probs=None)), "coverage")
    assert case.student_probs is not None
    some = replace(case, student_probs=[None, *case.student_probs[1:]])
    assert "for 1 of its answers" in reason(measured(some), "coverage")


def test_the_teacher_needs_none() -> None:
    assert drawn(400).teacher_probs is None
    assert isinstance(measured(drawn(400))["coverage"], Estimate)


def test_examples_without_a_target_choose_nothing_and_are_not_reported() -> None:
    case = drawn(800)
    target = ["a" if index % 2 else None for index in range(800)]
    found, alone = measured(replace(case, target=target)), measured(case.taken(range(1, 800, 2)))
    assert found == alone


# --- groups ------------------------------------------------------------------------------------------


def test_answers_that_stand_or_fall_together_are_fewer_than_they_look() -> None:
    """Every conversation five times over: a threshold as careful as that of the conversations, or more so."""
    case = drawn(900)
    index = np.repeat(np.arange(900), 5)
    grouped = replace(case.taken(index), groups=[f"g{each}" for each in index])
    alone, together = (measured(each, Terms(risk=0.05)) for each in (case, grouped))
    assert value(together, "threshold") >= value(alone, "threshold")
    assert "betting on" in together["threshold"].method
    assert "of at most 5" in together["threshold"].method


def test_too_few_groups_are_told_how_many_it_takes() -> None:
    case = drawn(300, groups=[f"g{index % 50}" for index in range(300)])
    why = reason(measured(case), "coverage")
    assert "too few groups" in why
    assert "there are 50" in why
    assert "too few groups: 15" in reason(measured(replace(case, groups=[f"g{i % 15}" for i in range(300)])), "saving")


# --- slices ------------------------------------------------------------------------------------------


def test_a_slice_has_its_suite_s_threshold() -> None:
    case = drawn(2000, slices={"language": ["de" if index % 3 else "en" for index in range(2000)]})
    columns: tuple[Columns, ...] = (case.columns(),)
    rows = Evidence(columns, {}, 0.9, 0, Terms(risk=0.05)).measure()

    def found(metric: str, name: str | None) -> Estimate:
        each = rows[Question(metric=f"fallback.{metric}", suite="intents", slice=name)].measured
        assert isinstance(each, Estimate)
        return each

    parts = ("language=de", "language=en")
    assert len({found("threshold", name).value for name in (None, *parts)}) == 1
    for metric in ("coverage", "accuracy", "regressions"):
        whole = found(metric, None)
        assert sum(found(metric, name).n for name in parts) == whole.n
        summed = sum(found(metric, name).n * found(metric, name).value for name in parts)
        assert summed == pytest.approx(whole.n * whole.value)


def test_a_slice_that_is_asked_first_has_its_suite_s_threshold_too() -> None:
    terms = Terms(risk=0.05)
    whole = value(measured(drawn(1200), terms), "threshold")
    part = drawn(1200).pairs().take(np.arange(40))
    assert value(measured(part, terms), "threshold") == whole
    assert measured(part, terms)["coverage"].n < 40


def test_a_slice_that_is_all_in_the_other_half_says_so() -> None:
    pairs = drawn(600).pairs()
    only = pairs.take(chosen_on(pairs, 0))
    found = measured(only)
    assert isinstance(found["threshold"], Estimate)
    assert "not chosen on" in reason(found, "coverage")


# --- a human -----------------------------------------------------------------------------------------


def test_a_human_is_right_wherever_the_teacher_may_be_wrong() -> None:
    case = drawn(3000)
    assert case.teacher is not None
    other = replace(case, teacher=["b"] * 3000)
    terms = Terms(fallback_to="human", risk=0.05)
    assert measured(case, terms) == measured(other, terms), "the teacher has no part in it"
    human, teacher = measured(case, terms), measured(case, Terms(risk=0.05))
    assert value(human, "threshold") >= value(teacher, "threshold")
    assert value(human, "accuracy") == pytest.approx(1 - value(human, "regressions"))
    for name in ("accuracy", "regressions"):
        assert "human taken to be always right" in human[name].method


# --- money -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("whom", "behind"), [("teacher", 2.5), ("human", 900.0)])
def test_the_student_is_paid_for_what_falls_back_too(whom: Any, behind: float) -> None:
    found = measured(drawn(3000), Terms(fallback_to=whom, risk=0.05, costs=PRICES))
    kept = found["coverage"]
    cost = 0.4 + (1 - kept.value) * behind
    assert value(found, "cost_per_thousand") == pytest.approx(cost)
    assert value(found, "saving") == pytest.approx(1 - cost / 2.5)
    assert value(found, "saving_per_month") == pytest.approx((2.5 - cost) * 1000 - 100)
    assert found["cost_per_thousand"].low == pytest.approx(0.4 + (1 - kept.high) * behind)
    assert found["saving"].low == pytest.approx(1 - (0.4 + (1 - kept.low) * behind) / 2.5)
    assert found["saving"].high == pytest.approx(1 - (0.4 + (1 - kept.high) * behind) / 2.5)


def test_the_change_is_paid_back_in_so_many_months() -> None:
    found = measured(drawn(3000), Terms(risk=0.05, costs=replace(PRICES, one_off=3000.0)))
    months, saved = found["break_even_months"], found["saving_per_month"]
    assert months.value == pytest.approx(3000 / saved.value)
    assert (months.low, months.high) == pytest.approx((3000 / saved.high, 3000 / saved.low))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"student": 2.5}, "never within 12 months: it costs "),
        ({"one_off": 1e9}, "never within 12 months: at "),
        ({"one_off": 60000.0, "horizon_months": 24}, "never within 24 months: at "),
        ({"one_off": None}, "`costs: {one_off: …}`"),
    ],
)
def test_a_change_that_is_never_paid_back_says_so(change: dict[str, Any], words: str) -> None:
    found = measured(drawn(3000), Terms(risk=0.05, costs=replace(PRICES, **change)))
    assert words in reason(found, "break_even_months")


def test_a_longer_horizon_lets_a_change_be_paid_back_later() -> None:
    case = drawn(3000)
    saved = value(measured(case, Terms(risk=0.05, costs=PRICES)), "saving_per_month")
    costs = replace(PRICES, one_off=15 * saved)
    assert "takes 15.0" in reason(measured(case, Terms(risk=0.05, costs=costs)), "break_even_months")
    later = measured(case, Terms(risk=0.05, costs=replace(costs, horizon_months=18)))
    assert value(later, "break_even_months") == pytest.approx(15)


def test_a_saving_that_may_be_none_bounds_no_month() -> None:
    case = drawn(700)
    kept = measured(case, Terms(risk=0.05))["coverage"]
    # Prices at which the coverage that was measured saves, and its lower end does not.
    middle = (kept.low + kept.value) / 2
    costs = Costs(teacher=1.0, student=middle, requests_per_month=1000, one_off=0.001)
    assert "too few examples to bound it" in reason(measured(case, Terms(risk=0.05, costs=costs)), "break_even_months")


@pytest.mark.parametrize(
    ("costs", "lacking"),
    [
        (Costs(), "`costs: {teacher: …, student: …}`"),
        (Costs(teacher=1.0), "`costs: {student: …}`"),
        (Costs(teacher=1.0, student=0.1), "`costs: {requests_per_month: …}`"),
    ],
)
def test_what_is_not_told_is_asked_for_by_its_key(costs: Costs, lacking: str) -> None:
    found = measured(drawn(400), Terms(costs=costs))
    assert lacking in reason(found, "break_even_months")
    assert isinstance(found["coverage"], Estimate)


def test_a_human_s_price_is_asked_for_only_where_a_human_answers() -> None:
    costs = Costs(teacher=1.0, student=0.1)
    assert isinstance(measured(drawn(400), Terms(costs=costs))["saving"], Estimate)
    human = measured(drawn(2000), Terms(fallback_to="human", risk=0.1, costs=costs))
    assert "`costs: {human: …}`" in reason(human, "saving")


def test_prices_of_the_models_are_those_of_the_plan() -> None:
    found = COST.measure({}, 0.9, Terms(costs=PRICES))
    seen = {name: each.value for name, each in found.items() if isinstance(each, Estimate)}
    assert seen == {
        "cost.per_thousand.teacher": 2.5,
        "cost.per_thousand.student": 0.4,
        "cost.per_thousand.ratio": 0.4 / 2.5,
    }
    none = COST.measure({}, 0.9, Terms(costs=Costs(student=0.0)))
    assert isinstance(none["cost.per_thousand.student"], Estimate), "a price of nothing is a price"
    assert "`costs: {teacher: …}`" in reason(none, "cost.per_thousand.ratio")


# --- a real pair -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real(shared: Path) -> PairTable:
    path = shared / "data" / "banking77" / "recorded_pair_logits.npz"
    if not path.is_file():
        pytest.skip("the shared folder holds no recorded pair")
    with np.load(path, allow_pickle=False) as held:
        names = tuple(str(each) for each in held["label_names"])
        target = [names[each] for each in held["labels"]]
        probs = {role: softmax(held[role].astype(np.float64), axis=1) for role in ("teacher", "student")}
    said = {role: [names[each] for each in rows.argmax(axis=1)] for role, rows in probs.items()}
    given = {f"{role}_probs": rows.tolist() for role, rows in probs.items()}
    return Case(labels=names, target=target, **said, **given).pairs()


def test_the_real_student_keeps_nearly_all_and_the_promise_holds_on_the_other_half(real: PairTable) -> None:
    found = measured(real)
    assert value(found, "threshold") == pytest.approx(0.4489, abs=1e-3)
    assert value(found, "coverage") == pytest.approx(0.985, abs=0.002)
    assert value(found, "regressions") <= 0.02
    careful = measured(real, Terms(risk=0.005))
    assert value(careful, "coverage") == pytest.approx(0.906, abs=0.002)
    assert value(careful, "regressions") <= 0.005
    assert value(careful, "accuracy") > value(found, "accuracy") > 0.93


@pytest.mark.parametrize("risk", [0.005, 0.01])
def test_over_many_halves_of_the_real_pair_the_promise_is_seldom_broken(real: PairTable, risk: float) -> None:
    """The whole suite in place of the traffic: on how many halves is a threshold chosen that loses more there?"""
    at, lost = confidence(real), let_through(real, Setting(0.9, 0, ()))
    broken = 0
    for seed in range(150):
        threshold = value(measured(real, Terms(risk=risk), seed=seed), "threshold")
        broken += bool((lost & (at >= threshold)).mean() > risk)
    assert broken / 150 <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 150)
