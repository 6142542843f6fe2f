"""Where few rows carry a number its interval knows it: shares near 0 or 1, kappa, macro-F1, ranks and bins."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.metrics import Setting, catalogue
from evalkit.metrics.confidences import MASS_BINS
from evalkit.metrics.intervals import FEW
from evalkit.stats.binned_calibration import equal_mass_bins
from evalkit.stats.calibration_bounds import ece_bounds
from evalkit.stats.interval import Interval
from evalkit.stats.paired import mcnemar
from evalkit.stats.proportion import clopper_pearson, wilson
from evalkit.stats.square_and_add import square_and_add
from evalkit.stats.tails import tail_stretch, unseen_half, unseen_half_of_strata
from evalkit.types import Estimate, Measured, Undefined
from tests.factory import NONSENSE, Case, random_case

LEVEL = 0.9


def measured(case: Case, name: str) -> Estimate:
    family = catalogue()[name][1]
    assert family is not None
    found: Measured = family.measure(case.pairs(), Setting(LEVEL, 0, ("few",), 200))[name]
    assert isinstance(found, Estimate), found
    return found


def ends(estimate: Estimate) -> Interval:
    assert estimate.low is not None
    assert estimate.high is not None
    return Interval(estimate.low, estimate.high)


def right(hits: int, n: int) -> Case:
    return Case(target=["a"] * n, teacher=["a"] * n, student=["a"] * hits + ["b"] * (n - hits))


@given(n=st.integers(1, 300), part=st.floats(0, 1))
@settings(max_examples=40)
def test_a_share_of_few_hits_or_misses_has_the_wider_of_both_intervals(n: int, part: float) -> None:
    hits = round(part * n)
    found = measured(right(hits, n), "accuracy.student")
    score, exact = wilson(hits, n, LEVEL), clopper_pearson(hits, n, LEVEL)
    if min(hits, n - hits) < FEW:
        assert ends(found) == pytest.approx((min(score.low, exact.low), max(score.high, exact.high)))
        assert "exact" in found.method
    else:
        assert ends(found) == pytest.approx(score)
        assert found.method.startswith("Wilson")


@pytest.mark.parametrize("metric", ["calibration.auroc", "calibration.aurc"])
def test_ranks_of_few_errors_are_stretched_as_the_errors_are(metric: str) -> None:
    rng = np.random.default_rng(4)
    n, errors = 200, 8
    at = np.where(np.arange(n) < errors, rng.uniform(0.5, 0.9, n), rng.uniform(0.6, 1.0, n))
    probs = [(each, (1 - each) / 2, (1 - each) / 2) for each in at]
    case = Case(
        target=["b"] * errors + ["a"] * (n - errors),
        teacher=["a"] * n,
        student=["a"] * n,
        teacher_probs=probs,
        student_probs=probs,
    )
    correct = (np.arange(n) >= errors).astype(float)
    factor = tail_stretch(correct - correct.mean(), LEVEL)
    assert factor > 1.1
    for whose in ("teacher", "student"):
        assert f"times {factor:.2f} for few that carry the spread" in measured(case, f"{metric}.{whose}").method


def test_agreement_that_is_nearly_whole_is_never_certain_and_its_unit_is_kappas() -> None:
    n, rare = 200, 6
    target = ["a"] * (n - rare) + ["b"] * rare
    found = measured(Case(target=target, teacher=target, student=target), "agreement.kappa")
    chance = ((n - rare) / n) ** 2 + (rare / n) ** 2
    # One disagreement weighs more where chance leaves little to agree on.
    assert ends(found).low == pytest.approx(1 - unseen_half(n, LEVEL) / (1 - chance))
    assert found.value == ends(found).high == 1.0


def test_macro_f1_leaves_open_what_classes_of_one_example_leave_open() -> None:
    labels = tuple("abcdefghij")
    many = [each for each in labels for _ in range(1 if each in "abcde" else 20)]
    found = measured(Case(target=many, teacher=many, student=many, labels=labels), "f1_macro.student")
    unseen = unseen_half_of_strata([1] * 5 + [20] * 5, LEVEL)
    assert unseen > unseen_half(len(many), LEVEL)
    assert ends(found).low == pytest.approx(1 - unseen)


@given(seed=st.integers(0, 10_000), n=st.integers(30, 400))
@settings(max_examples=15)
def test_a_debiased_error_holds_its_bounds_and_a_difference_on_few_a_bin_that_of_both(seed: int, n: int) -> None:
    case = random_case(seed, n, teacher_right=0.8, student_right=0.7, probs=True, failures=0.0, untargeted=0.0)
    pairs = case.pairs()
    assert pairs.teacher is not None
    found = {}
    for whose, side in (("teacher", pairs.teacher), ("student", pairs.student)):
        found[whose] = measured(case, f"calibration.ece_debiased.{whose}")
        bins = equal_mass_bins(side.confidence, MASS_BINS)
        bounds = ece_bounds(side.confidence, side.correct, bins, MASS_BINS, LEVEL)
        assert ends(found[whose]).low <= bounds.low
        assert ends(found[whose]).high >= bounds.high
    change = measured(case, "calibration.ece_debiased.difference")
    teacher, student = found["teacher"], found["student"]
    apart = square_and_add(teacher.value, ends(teacher), student.value, ends(student))
    holds = ends(change).low <= max(-1.0, apart.low) and ends(change).high >= min(1.0, apart.high)
    assert holds or n >= 20 * MASS_BINS
    assert ("no surer than both" in change.method) == (n < 20 * MASS_BINS)
    assert all(math.isfinite(end) for end in ends(change))


def reason(case: Case, name: str) -> str:
    family = catalogue()[name][1]
    assert family is not None
    found = family.measure(case.pairs(), Setting(LEVEL, 0, ("few",), 200))[name]
    assert isinstance(found, Undefined), found
    return found.reason


def test_one_discordant_pair_more_is_within_the_doubt_of_a_perfect_consistency() -> None:
    answers = ["a"] * 54 + ["b"] * 6
    same = Case(target=["a"] * 60, teacher=answers, student=answers)
    found = measured(same, "errors.consistency_kappa")
    moved = measured(replace(same, student=["b", *answers[1:]]), "errors.consistency_kappa")
    assert found.value == 1.0
    assert ends(found).low < moved.value


def test_ranks_of_six_errors_are_no_surer_than_six_answers_can_be() -> None:
    case = random_case(3, 60, failures=0.0)
    wrong = [index for index in range(60) if case.student[index] != case.target[index]]
    target = [case.student[i] if i in wrong[6:] else case.target[i] for i in range(60)]
    student = replace(case, target=target, teacher=case.student, teacher_probs=case.student_probs)
    low, high = ends(measured(student, "calibration.auroc.difference"))
    assert high - low > unseen_half(20, LEVEL)


def test_macro_f1_of_an_example_or_two_a_class_is_not_bounded() -> None:
    case = random_case(1, 40, labels=20, teacher_right=0.8, student_right=0.8)
    assert ends(measured(case, "f1_macro.difference")) == (-1.0, 1.0)
    assert ends(measured(case, "f1_macro.student")) == (0.0, 1.0)


def test_a_debiased_error_needs_two_rows_in_each_bin() -> None:
    assert "too few" in reason(random_case(1, 2 * MASS_BINS - 1), "calibration.ece_debiased.student")
    assert measured(random_case(1, 2 * MASS_BINS), "calibration.ece_debiased.student")


def test_shuffled_rows_of_equal_confidences_fall_into_the_same_bins() -> None:
    case = random_case(5, 200)
    probs = [tuple(round(share, 1) for share in row) for row in case.student_probs or () if row is not None]
    coarse = replace(case, student_probs=probs, ids=[f"e{index:03}" for index in range(200)])
    mixed = coarse.taken(np.random.default_rng(0).permutation(200))
    name = "calibration.ece_debiased.student"
    assert measured(mixed, name).value == pytest.approx(measured(coarse, name).value, abs=1e-12)


def test_a_student_that_says_nothing_is_not_nearer_its_teacher() -> None:
    case = random_case(2, 100, failures=0.0)
    probs = list(case.student_probs or ())
    silent = replace(
        case,
        student=[NONSENSE, *case.student[1:]],
        student_probs=[None, *probs[1:]],  # one label that is none
    )
    for name in ("agreement.kl", "agreement.kl_reverse"):
        assert "did not fail" in reason(silent, name)
        assert measured(case, name)


def test_mcnemar_takes_a_group_for_one_observation() -> None:
    # Three groups of twenty lost whole and one gained: three against one, not sixty against twenty.
    rows = [index // 20 for index in range(600)]
    case = Case(
        target=["a"] * 600,
        teacher=["b" if group == 3 else "a" for group in rows],
        student=["b" if group < 3 else "a" for group in rows],
        groups=[f"g{group}" for group in rows],
    )
    family = catalogue()["accuracy.mcnemar_p"][1]
    assert family is not None
    found = family.measure(case.pairs(), Setting(LEVEL, 0, ("few",), 200))["accuracy.mcnemar_p"]
    assert isinstance(found, Estimate)
    assert found.value == pytest.approx(mcnemar(3, 1)[1])
