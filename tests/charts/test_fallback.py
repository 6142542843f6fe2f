"""The fallback curve: its ends, its chosen point, and the half that it is drawn on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from evalkit.charts.fallback import MOST, fallback_curve
from evalkit.metrics import Setting
from evalkit.metrics.fallback import FAMILY, chosen_on
from evalkit.types import Estimate, Terms, Undefined
from evalkit.types.points import FallbackCurve
from tests import factory
from tests.charts.near import assert_near
from tests.factory import ERROR, NONSENSE, Case
from tests.metrics import shapes

TERMS = Terms(risk=0.1)
some = st.one_of(factory.cases(most=300), shapes.cases("choices", most=200))


def drawn(case: Case, terms: Terms = TERMS, level: float = 0.9) -> FallbackCurve | None:
    compared = case.teacher is not None
    setting = Setting(level, 0, ("charts",), terms=terms)
    return fallback_curve(case.pairs("teacher" if compared else "student"), setting, compared=compared)


def curve_of(case: Case, **more: Any) -> FallbackCurve:
    found = drawn(case, **more)
    assert found is not None
    return found


def others(case: Case) -> Any:
    pairs = case.pairs().with_target
    return pairs.take(~chosen_on(pairs, 0))


# --- laws --------------------------------------------------------------------------------------------


@given(some)
def test_the_curve_goes_from_the_teacher_s_accuracy_to_the_student_s(case: Case) -> None:
    found = drawn(case)
    if found is None:
        return
    other = others(case)
    silent = ~(other.student.has_probs & (other.student.choice >= 0))
    assert found.n == other.n
    assert (found.teacher, found.student) == pytest.approx((other.teacher.correct.mean(), other.student.correct.mean()))
    assert (found.kept[0].threshold, found.kept[0].coverage) == (math.inf, 0.0)
    assert found.kept[0].accuracy == pytest.approx(found.teacher)
    assert found.kept[-1].coverage == pytest.approx(1 - silent.mean())
    left_over = (other.teacher.correct & silent).mean()
    assert found.kept[-1].accuracy == pytest.approx(found.student + left_over)


@given(some)
def test_more_is_kept_at_lower_thresholds_and_every_accuracy_lies_in_its_interval(case: Case) -> None:
    found = drawn(case)
    if found is None:
        return
    assert 1 <= len(found.kept) <= MOST
    coverage = [each.coverage for each in found.kept]
    assert coverage == sorted(set(coverage))
    thresholds = [each.threshold for each in found.kept]
    assert thresholds == sorted(set(thresholds), reverse=True)
    assert all(0.0 <= each.low <= each.accuracy <= each.high <= 1.0 for each in found.kept)


@given(some)
def test_the_chosen_point_is_what_the_metrics_measured(case: Case) -> None:
    found = drawn(case)
    measured = FAMILY.measure(case.pairs(), Setting(0.9, 0, ("charts",), 60, terms=TERMS))
    coverage, accuracy = measured["fallback.coverage"], measured["fallback.accuracy"]
    if isinstance(coverage, Undefined):
        assert found is None or found.chosen is None
        return
    assert isinstance(accuracy, Estimate)
    assert found is not None
    assert found.chosen is not None
    chosen, threshold = found.chosen, measured["fallback.threshold"]
    assert chosen.coverage == coverage.value
    assert (chosen.accuracy, chosen.low, chosen.high) == (accuracy.value, accuracy.low, accuracy.high)
    assert chosen.threshold == (threshold.value if isinstance(threshold, Estimate) else math.inf)
    assert found.n == coverage.n


@given(some, st.randoms(use_true_random=False))
def test_the_order_of_examples_changes_nothing(case: Case, chance: Any) -> None:
    order = list(range(case.n))
    chance.shuffle(order)
    assert_near(drawn(case.taken(order)), drawn(case))


# --- values ------------------------------------------------------------------------------------------


def made(confidences: Sequence[float], right: Sequence[bool], **more: Any) -> Case:
    said = ["a" if each else "b" for each in right]
    probs = [(p, 1 - p) if answer == "a" else (1 - p, p) for p, answer in zip(confidences, said, strict=True)]
    return Case(
        labels=("a", "b"),
        target=["a"] * len(said),
        teacher=["a"] * len(said),
        student=said,
        student_probs=probs,
        **more,
    )


@pytest.mark.parametrize("level", [0.9, 0.98])
def test_every_point_is_counted_anew_and_bounded_by_statsmodels(level: float) -> None:
    case = factory.random_case(3, 900, teacher_right=0.7, student_right=0.6)
    other, found = others(case), curve_of(case, level=level)
    sure = other.student.confidence
    assert len(found.kept) == MOST
    for each in found.kept:
        keeps = sure >= each.threshold
        right = int((keeps & other.student.correct).sum() + (~keeps & other.teacher.correct).sum())
        assert (each.coverage, each.accuracy) == pytest.approx((keeps.mean(), right / other.n))
        ends = proportion_confint(right, other.n, alpha=1 - level, method="wilson")
        assert (each.low, each.high) == pytest.approx(ends, abs=1e-9)


def test_a_human_behind_the_student_is_always_right() -> None:
    case = factory.random_case(3, 900)
    found = curve_of(case, terms=Terms(fallback_to="human", risk=0.1))
    assert found.behind == "human"
    assert found.kept[0].accuracy == 1.0
    assert found.teacher == pytest.approx(others(case).teacher.correct.mean())


def test_a_student_alone_has_a_curve_only_with_a_human_behind_it() -> None:
    alone = replace(factory.random_case(3, 400), teacher=None)
    assert drawn(alone) is None
    found = curve_of(alone, terms=Terms(fallback_to="human", risk=0.1))
    assert found.teacher is None
    assert found.kept[0].accuracy == 1.0
    assert found.kept[-1].accuracy == found.student


def test_too_few_examples_for_a_promise_still_have_a_curve() -> None:
    found = curve_of(factory.random_case(3, 60), terms=Terms())
    assert found.chosen is None
    assert len(found.kept) > 10


def test_where_nothing_keeps_the_promise_the_chosen_point_keeps_nothing() -> None:
    chosen = curve_of(made([1.0] * 600, [index % 3 > 0 for index in range(600)]), terms=Terms()).chosen
    assert chosen is not None
    assert (chosen.threshold, chosen.coverage, chosen.accuracy) == (math.inf, 0.0, 1.0)


def test_outputs_without_an_answer_are_never_kept() -> None:
    answers = [ERROR if index % 7 == 0 else NONSENSE if index % 7 == 1 else "a" for index in range(700)]
    found = curve_of(replace(made([0.9] * 700, [True] * 700), student=answers))
    assert [round(each.coverage, 1) for each in found.kept] == [0.0, 0.7]
    assert found.kept[-1].accuracy == 1.0
    assert found.student == pytest.approx(5 / 7, abs=0.05)


def test_there_is_no_curve_without_probabilities_targets_groups_or_choices() -> None:
    case = factory.random_case(3, 100)
    assert drawn(case) is not None
    assert drawn(replace(case, student_probs=None)) is None
    assert drawn(replace(case, target=[None] * 100)) is None
    assert drawn(replace(case, groups=[f"g{index % 15}" for index in range(100)])) is None
    assert drawn(shapes.texts(1, 100)) is None


def test_with_groups_the_intervals_are_wider() -> None:
    case = factory.random_case(3, 900)
    order = [index for index in range(300) for _ in range(3)]
    copied = case.taken(order)
    alone, together = curve_of(copied), curve_of(replace(copied, groups=[f"g{each}" for each in order]))
    widths = [max(each.high - each.low for each in found.kept) for found in (alone, together)]
    assert widths[1] > 1.2 * widths[0]
