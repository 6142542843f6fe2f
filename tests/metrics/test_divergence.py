"""Distances between the two models' probabilities: what is compared, what is left out, and what has none."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.metrics import Setting
from evalkit.metrics.divergence import FAMILY, TOP
from evalkit.metrics.kl import FAMILY as KL
from evalkit.types import Estimate, Measured, Undefined
from tests import factory
from tests.factory import ERROR, Case
from tests.metrics import shapes

NAMES = [metric.name for metric in FAMILY.metrics]
seeds = st.integers(0, 10**6)


def measured(case: Case) -> dict[str, Measured]:
    return dict(FAMILY.measure(case.pairs(), Setting(0.9, 0, ("divergence",), 5)))


def likeliest(row: Sequence[float], k: int) -> set[int]:
    return set(sorted(range(len(row)), key=lambda at: -row[at])[:k])


def overlap(teacher: Sequence[float], student: Sequence[float]) -> float:
    k = max(1, min(TOP, len(teacher) - 1))
    return len(likeliest(teacher, k) & likeliest(student, k)) / k


@given(seed=seeds, n=st.integers(3, 40), labels=st.sampled_from([1, 2, 3, 6, 9]))
@settings(max_examples=20)
def test_overlap_is_that_of_sets(seed: int, n: int, labels: int) -> None:
    case = factory.random_case(seed, n, labels=max(labels, 2))
    if labels == 1:
        case = shapes.choices(seed, n)
    assert case.teacher_probs is not None
    assert case.student_probs is not None
    expected = np.mean([overlap(t, s) for t, s in zip(case.teacher_probs, case.student_probs, strict=True) if t and s])
    found = measured(case)["agreement.topk_overlap"]
    assert isinstance(found, Estimate)
    assert found.value == pytest.approx(expected)


@pytest.mark.parametrize(("labels", "k"), [(2, 1), (3, 2), (6, 5), (9, 5)])
def test_the_method_says_how_many_are_compared_and_over_what(labels: int, k: int) -> None:
    found = measured(factory.random_case(1, 30, labels=labels))["agreement.topk_overlap"]
    assert isinstance(found, Estimate)
    assert f"support: {labels} labels; k = {k}, ties to the first" in found.method


def test_with_choices_of_its_own_each_example_has_its_own_k() -> None:
    found = measured(shapes.choices(3, 50))["agreement.topk_overlap"]
    assert isinstance(found, Estimate)
    assert "k = 1 to 4, one fewer than the choices and at most 5" in found.method


def test_with_two_labels_overlap_is_agreement_of_the_likeliest() -> None:
    case = factory.random_case(5, 60, labels=2)
    assert case.teacher_probs is not None
    assert case.student_probs is not None
    same = [np.argmax(t) == np.argmax(s) for t, s in zip(case.teacher_probs, case.student_probs, strict=True)]
    found = measured(case)["agreement.topk_overlap"]
    assert isinstance(found, Estimate)
    assert found.value == pytest.approx(np.mean(same))


@pytest.mark.parametrize("name", NAMES)
def test_every_distance_states_its_support(name: str) -> None:
    for case, said in ((factory.random_case(2, 30), "3 labels"), (shapes.choices(2, 30), "2 to 5 choices")):
        found = measured(case)[name]
        assert isinstance(found, Estimate)
        assert f"support: {said}" in found.method


@pytest.mark.parametrize(
    ("name", "cost"),
    [("agreement.js", math.log(2)), ("agreement.total_variation", 1.0), ("agreement.topk_overlap", 0.0)],
)
def test_failing_on_one_side_is_as_far_as_can_be(name: str, cost: float) -> None:
    whole = factory.random_case(3, 30)
    failed, rest = whole.failing(4), whole.taken([at for at in range(30) if at != 4])
    found, without = measured(failed)[name], measured(rest)[name]
    assert isinstance(found, Estimate)
    assert isinstance(without, Estimate)
    assert found.value == pytest.approx((29 * without.value + cost) / 30)
    assert "1 failed on one side counted as farthest apart" in found.method
    both = replace(failed, teacher=(*failed.teacher[:4], ERROR, *failed.teacher[5:]) if failed.teacher else None)
    again = measured(both)[name]
    assert isinstance(again, Estimate)
    assert again.value == pytest.approx(without.value)


@pytest.mark.parametrize("role", ["teacher", "student"])
@pytest.mark.parametrize("columns", [2, 4])
def test_a_model_with_other_labels_has_no_distance_and_the_reason_says_so(role: str, columns: int) -> None:
    case = factory.random_case(4, 30)
    other = [tuple([1 / columns] * columns)] * 30
    found = measured(replace(case, **{f"{role}_probs": other}))
    for name in NAMES:
        each = found[name]
        assert isinstance(each, Undefined)
        assert "30 of 60 outputs give probabilities of another number of answers" in each.reason


def test_one_misfit_is_enough() -> None:
    case = factory.random_case(4, 30)
    assert case.student_probs is not None
    pairs = replace(case, student_probs=[(0.5, 0.5), *case.student_probs[1:]]).pairs()
    setting = Setting(0.9, 0, ("divergence",), 5)
    for name, found in {**FAMILY.measure(pairs, setting), **KL.measure(pairs, setting)}.items():
        assert isinstance(found, Undefined), name
        assert found.reason.startswith("1 of 60 outputs"), name


def test_what_a_slice_is_given_was_worked_out_for_the_whole() -> None:
    case = factory.random_case(6, 60, failures=0.2)
    pairs, index = case.pairs(), np.arange(0, 60, 2)
    setting = Setting(0.9, 0, ("divergence",), 5)
    FAMILY.measure(pairs, setting)
    assert FAMILY.measure(pairs.take(index), setting) == FAMILY.measure(case.taken(index).pairs(), setting)
