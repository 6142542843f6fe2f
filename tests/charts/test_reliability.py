"""How often a model is right at each confidence: bins against scikit-learn, intervals against statsmodels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit, log_softmax, softmax
from sklearn.calibration import calibration_curve
from statsmodels.stats.proportion import proportion_confint

from evalkit.charts.reliability import mass_cuts, reliability
from evalkit.metrics import Setting
from evalkit.metrics.calibration_errors import FAMILY as ERRORS
from evalkit.metrics.folds import folds
from evalkit.types import Estimate
from evalkit.types.points import Reliability
from tests import factory
from tests.charts.near import assert_near
from tests.factory import ERROR, NONSENSE, Case
from tests.metrics import shapes

LEVEL = 0.9


def drawn(case: Case, level: float = LEVEL, **more: Any) -> dict[str, Reliability]:
    """By who it is."""
    pairs = case.pairs("teacher" if case.teacher is not None else "student")
    lines = reliability(pairs, Setting(level, 3, ("charts",)), compared=case.teacher is not None, **more)
    return {each.who: each for each in lines}


def made(confidences: Sequence[float], right: Sequence[bool], **more: Any) -> Case:
    """Two labels; the student answers with this confidence, which is the probability of its answer."""
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


# --- laws --------------------------------------------------------------------------------------------


@given(factory.cases(most=400))
def test_bins_and_histogram_count_every_example_with_a_target_once(case: Case) -> None:
    pairs = case.pairs().with_target
    for who, line in drawn(case).items():
        side = pairs.teacher if who == "teacher" else pairs.student
        assert side is not None
        assert line.n == pairs.n == sum(each.n for each in line.bins) == sum(line.histogram)
        assert len(line.histogram) == 20
        right = sum(each.n * each.right for each in line.bins)
        assert right == pytest.approx(side.correct.sum(), abs=1e-9)
        if who != "student, rescaled":
            assert sum(each.n * each.confidence for each in line.bins) == pytest.approx(side.confidence.sum())


@given(factory.cases(most=400))
def test_bins_rise_hold_enough_answers_and_lie_inside_their_intervals(case: Case) -> None:
    for line in drawn(case).values():
        assert 1 <= len(line.bins) <= 15
        assert len(line.bins) == 1 or min(each.n for each in line.bins) >= 10
        sure = [each.confidence for each in line.bins]
        assert sure == sorted(set(sure))
        for each in line.bins:
            assert 0.0 <= each.low <= each.right <= each.high <= 1.0
            assert each.low < each.high


@given(factory.cases(most=200), st.randoms(use_true_random=False))
def test_the_order_of_examples_changes_nothing(case: Case, chance: Any) -> None:
    order = list(range(case.n))
    chance.shuffle(order)
    mixed = drawn(case.taken(order))
    assert list(mixed) == list(drawn(case))
    for who, line in drawn(case).items():
        assert_near(mixed[who], line)


@given(st.lists(st.sampled_from([0.1, 0.25, 0.5, 0.75, 0.9, 1.0]), min_size=1, max_size=300), st.integers(1, 15))
def test_equal_confidences_are_never_parted_and_no_bin_is_small(values: list[float], bins: int) -> None:
    ordered = np.sort(values)
    cuts = mass_cuts(ordered, bins)
    assert all(ordered[cut - 1] < ordered[cut] for cut in cuts)
    if len(cuts):
        assert min(len(each) for each in np.split(ordered, cuts)) >= len(values) / bins / 2


@given(st.integers(15, 300), st.integers(1, 15))
def test_without_equal_confidences_the_cuts_are_numpy_s(n: int, bins: int) -> None:
    parts = [len(each) for each in np.split(np.arange(n), mass_cuts(np.linspace(0.1, 0.9, n), bins))]
    assert parts == [len(each) for each in np.array_split(np.arange(n), bins)]


# --- against others ----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_bins_are_scikit_learn_s_where_no_two_confidences_are_equal(seed: int) -> None:
    case = factory.random_case(seed, 600)
    side = case.pairs().student
    assert len(set(side.confidence.tolist())) == 600
    share, mean = calibration_curve(side.correct, side.confidence, n_bins=15, strategy="quantile")
    bins = drawn(case)["student"].bins
    assert [each.right for each in bins] == pytest.approx(share.tolist())
    assert [each.confidence for each in bins] == pytest.approx(mean.tolist())


@pytest.mark.parametrize("level", [0.9, 0.98])
def test_intervals_are_those_of_statsmodels_at_the_level_of_the_run(level: float) -> None:
    lines = drawn(factory.random_case(1, 900, teacher_right=0.6, student_right=0.97), level=level)
    exact = 0
    for line in lines.values():
        for each in line.bins:
            right = round(each.right * each.n)
            low, high = proportion_confint(right, each.n, alpha=1 - level, method="wilson")
            if min(right, each.n - right) < 10:
                exact += 1
                sure = proportion_confint(right, each.n, alpha=1 - level, method="beta")
                low, high = min(low, sure[0]), max(high, sure[1])
            assert (each.low, each.high) == pytest.approx((low, high), abs=1e-9)
    assert 0 < exact < sum(len(line.bins) for line in lines.values())


@pytest.mark.parametrize("seed", range(3))
def test_the_debiased_calibration_error_can_be_read_off_the_bins(seed: int) -> None:
    case = factory.random_case(seed, 700, teacher_right=0.6, student_right=0.4)
    found = ERRORS.measure(case.pairs(), Setting(LEVEL, 0, ("charts",), 60))
    for who in ("teacher", "student"):
        squared = sum(
            each.n / 700 * ((each.right - each.confidence) ** 2 - each.right * (1 - each.right) / (each.n - 1))
            for each in drawn(case)[who].bins
        )
        measured = found[f"calibration.ece_debiased.{who}"]
        assert isinstance(measured, Estimate)
        assert measured.value == pytest.approx(max(0.0, squared) ** 0.5, abs=1e-9)


@pytest.mark.parametrize("seed", range(2))
def test_the_rescaled_line_stands_at_temperatures_of_the_other_folds(seed: int) -> None:
    case = factory.random_case(seed, 600, student_right=0.6)
    pairs = case.pairs()
    assert pairs.student.probs is not None
    logits, fold, target = np.log(pairs.student.probs), folds(pairs, 3), pairs.target_index
    expected = np.empty(600)
    for each in range(5):
        others = fold != each

        def nll(temperature: float, rows: Any = others) -> float:
            return float(-log_softmax(logits[rows] / temperature, axis=1)[np.arange(rows.sum()), target[rows]].sum())

        best = minimize_scalar(nll, bounds=(0.05, 20.0), method="bounded", options={"xatol": 1e-8}).x
        spread = softmax(logits[~others] / best, axis=1)
        expected[~others] = spread[np.arange((~others).sum()), pairs.student.choice[~others]]
    share, mean = calibration_curve(pairs.student.correct, expected, n_bins=15, strategy="quantile")
    line = drawn(case)["student, rescaled"]
    assert [each.confidence for each in line.bins] == pytest.approx(mean.tolist(), abs=1e-5)
    assert sum(each.n * each.confidence for each in line.bins) == pytest.approx(expected.sum(), rel=1e-6)
    assert [each.right for each in line.bins] == pytest.approx(share.tolist())
    assert line != drawn(case)["student"]


def test_written_answers_have_only_lines_after_their_map_to_a_probability() -> None:
    case = shapes.texts(2, 400)
    lines = drawn(case)
    assert list(lines) == ["teacher, rescaled", "student, rescaled"]
    pairs = case.pairs()
    fold, right = folds(pairs, 3), pairs.student.correct.astype(float)
    # An independent logistic curve, fitted by hand on the other folds; Platt's targets are not quite 0 and 1.
    score, expected = np.log(pairs.student.sureness), np.empty(400)
    for each in range(5):
        others = fold != each
        ups, downs = right[others].sum(), (1 - right[others]).sum()
        goal = np.where(right[others] == 1, (ups + 1) / (ups + 2), 1 / (downs + 2))

        def loss(at: Any, rows: Any = others, goal: Any = goal) -> float:
            p = np.clip(expit(at[0] * score[rows] + at[1]), 1e-12, 1 - 1e-12)
            return float(-(goal * np.log(p) + (1 - goal) * np.log(1 - p)).sum())

        slope, start = minimize(loss, np.array([1.0, 0.0]), method="Nelder-Mead", options={"xatol": 1e-9}).x
        expected[~others] = expit(slope * score[~others] + start)
    line = lines["student, rescaled"]
    assert sum(each.n * each.confidence for each in line.bins) == pytest.approx(expected.sum(), rel=1e-4)


# --- what counts as what -----------------------------------------------------------------------------


def test_a_failed_output_counts_as_certain_and_wrong() -> None:
    answers = [ERROR if index < 30 else NONSENSE if index < 40 else "a" for index in range(100)]
    case = replace(made([0.55 + index / 1000 for index in range(100)], [True] * 100), student=answers)
    line = drawn(case)["student"]
    assert line.histogram[-1] == 40
    assert (line.bins[-1].confidence, line.bins[-1].right, line.bins[-1].n) == (1.0, 0.0, 40)


def test_examples_without_a_target_are_not_drawn() -> None:
    case = factory.random_case(1, 100)
    some = replace(case, target=[None if index % 2 else each for index, each in enumerate(case.target)])
    assert drawn(some)["student"].n == 50
    assert drawn(replace(case, target=[None] * 100)) == {}


def test_a_model_that_does_not_say_how_sure_it_is_has_no_line() -> None:
    case = factory.random_case(1, 100)
    assert list(drawn(replace(case, teacher_probs=None))) == ["student", "student, rescaled"]
    assert drawn(replace(case, teacher_probs=None, student_probs=None)) == {}
    assert case.student_probs is not None
    assert list(drawn(replace(case, student_probs=[None, *case.student_probs[1:]]))) == ["teacher"]


def test_too_few_examples_for_a_temperature_have_no_rescaled_line() -> None:
    assert list(drawn(factory.random_case(1, 19))) == ["teacher", "student"]


def test_a_student_alone_is_drawn_alone() -> None:
    case = replace(factory.random_case(1, 100), teacher=None)
    assert list(drawn(case)) == ["student", "student, rescaled"]
    assert list(drawn(replace(shapes.texts(2, 400), teacher=None))) == ["student, rescaled"]


def test_few_answers_make_few_bins() -> None:
    for n, bins in ((1, 1), (19, 1), (39, 1), (40, 2), (299, 14), (300, 15), (3000, 15)):
        right = [index % 3 > 0 for index in range(n)]
        line = drawn(made(np.linspace(0.51, 0.99, n).tolist(), right))["student"]
        assert len(line.bins) == bins, n


def test_a_model_of_one_confidence_has_one_bin() -> None:
    line = drawn(made([0.75] * 400, [index % 4 > 0 for index in range(400)]))["student"]
    assert [(each.confidence, each.right, each.n) for each in line.bins] == [(0.75, 0.75, 400)]
    assert line.histogram[14] == 400


def test_suites_of_marks_and_of_refusals_have_no_line() -> None:
    assert drawn(shapes.marks(1, 100)) == {}
    assert drawn(shapes.refusals(1, 100)) == {}


# --- groups ------------------------------------------------------------------------------------------


def test_with_groups_every_bin_has_as_many_as_an_interval_needs() -> None:
    case = factory.random_case(1, 900, groups=60)
    line = drawn(case)["student"]
    pairs = case.pairs()
    assert pairs.group is not None
    order = np.argsort(pairs.student.confidence)
    ends = np.cumsum([each.n for each in line.bins])[:-1]
    assert min(len(np.unique(each)) for each in np.split(pairs.group[order], ends)) >= 20
    assert sum(each.n for each in line.bins) == 900


def test_groups_that_are_right_or_wrong_together_make_wide_intervals() -> None:
    right = [index % 40 < 20 for index in range(800)]
    sure = np.linspace(0.51, 0.99, 800).tolist()
    alone = drawn(made(sure, right))["student"]
    together = drawn(made(sure, right, groups=[f"g{index % 40}" for index in range(800)]))["student"]
    widths = [np.mean([each.high - each.low for each in line.bins]) for line in (alone, together)]
    assert len(together.bins) <= len(alone.bins)
    assert widths[1] > widths[0]


def test_too_few_groups_for_an_interval_have_no_line() -> None:
    assert drawn(factory.random_case(1, 300, groups=15)) == {}
