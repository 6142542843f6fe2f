"""What single metrics promise beyond the laws: failures, groups, infinities, missing probabilities, missing targets."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.metrics import Setting, catalogue, families
from evalkit.metrics.flips import flips
from evalkit.stats.groups import independent_rows
from evalkit.stats.interval import Interval
from evalkit.stats.mean import cluster_mean
from evalkit.stats.paired import difference_tango, ratio_tang
from evalkit.stats.proportion import clopper_pearson, wilson
from evalkit.types import Estimate, Measured, Undefined
from tests import factory
from tests.factory import EMPTY, ERROR, FAILURES, NONSENSE, TIMEOUT, Case


def measured(case: Case, *, resamples: int = 50, names: tuple[str, ...] = ("fact",)) -> dict[str, Measured]:
    """Every metric of every family that applies to the case's suite."""
    found: dict[str, Measured] = {}
    for family in families():
        if family.applies(case.facts()):
            found |= family.measure(case.pairs(), Setting(0.9, 0, names, resamples))
    return found


def one(case: Case, name: str) -> Measured:
    family = catalogue()[name][1]
    assert family is not None
    return family.measure(case.pairs(), Setting(0.9, 0, ("fact",), 50))[name]


def estimate(case: Case, name: str) -> Estimate:
    found = one(case, name)
    assert isinstance(found, Estimate), found
    return found


def reason(case: Case, name: str) -> str:
    found = one(case, name)
    assert isinstance(found, Undefined), found
    return found.reason


# --- failures ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", FAILURES)
def test_a_failed_output_stays_in_the_denominator_as_wrong(how: str) -> None:
    case = Case(target=["a"] * 10, teacher=["a"] * 10, student=["a"] * 9 + [how])
    assert estimate(case, "accuracy.student").value == 0.9
    assert estimate(case, "accuracy.student").n == 10
    assert estimate(case, "flips.right_to_wrong.count").value == 1


@pytest.mark.parametrize(("how", "metric"), [(ERROR, "error"), (TIMEOUT, "error"), (EMPTY, "empty")])
def test_a_failed_output_is_counted_as_what_it_is(how: str, metric: str) -> None:
    case = Case(target=["a"] * 10, teacher=["a"] * 10, student=["a"] * 8 + [how] * 2)
    assert estimate(case, f"outputs.{metric}_rate.student").value == 0.2
    assert estimate(case, f"outputs.{metric}_rate.teacher").value == 0.0
    assert estimate(case, f"outputs.{metric}_rate.difference").value == 0.2
    assert estimate(case, "outputs.unparsable_rate.student").value == 0.0


def test_an_answer_that_is_no_label_is_unparsable_and_no_error() -> None:
    case = Case(target=["a"] * 10, teacher=["a"] * 10, student=["a"] * 8 + [NONSENSE] * 2)
    assert estimate(case, "outputs.unparsable_rate.student").value == 0.2
    assert estimate(case, "outputs.error_rate.student").value == 0.0


def test_the_method_says_how_many_errors_counted_as_wrong() -> None:
    case = Case(target=["a"] * 10, teacher=["a"] * 10, student=["a"] * 8 + [ERROR] * 2)
    assert "2 errored outputs counted as wrong" in estimate(case, "accuracy.student").method
    assert "errored" not in estimate(case, "accuracy.teacher").method


@pytest.mark.parametrize("one", FAILURES)
@pytest.mark.parametrize("other", FAILURES)
def test_two_failures_do_not_agree_and_inherit_nothing(one: str, other: str) -> None:
    case = Case(target=["a"] * 4, teacher=["a", "a", "a", one], student=["a", "a", "a", other])
    assert estimate(case, "agreement.top1").value == 0.75
    assert estimate(case, "errors.inherited.rate").value == 0.0
    # Neither gave an answer, so neither changed it.
    assert list(flips(case.pairs()))[-1] == "both_wrong_same"


def test_a_failed_output_costs_what_certainty_in_a_wrong_label_costs() -> None:
    sure = (1.0, 0.0, 0.0)
    case = Case(
        target=["a"] * 4,
        teacher=["a"] * 4,
        student=["a", "a", "a", ERROR],
        teacher_probs=[sure] * 4,
        student_probs=[sure] * 4,
    )
    assert estimate(case, "calibration.brier.student").value == pytest.approx(2 / 4)
    assert estimate(case, "calibration.nll.student").value == pytest.approx(-math.log(1e-15) / 4)
    assert estimate(case, "calibration.ece.student").value == pytest.approx(1 / 4)
    assert "1 failed outputs counted as certain and wrong" in estimate(case, "calibration.brier.student").method


@given(case=factory.cases(failures=0.3, untargeted=0.0, probs=True, timed=False))
@settings(max_examples=25)
def test_errors_are_capped_elsewhere_and_here_only_lower_what_is_good(case: Case) -> None:
    found = measured(case, resamples=5)
    good = sum(each == target for each, target in zip(case.student, case.target, strict=True))
    accuracy = found["accuracy.student"]
    assert isinstance(accuracy, Estimate)
    assert accuracy.value == pytest.approx(good / case.n)


# --- groups --------------------------------------------------------------------------------------------

TWICE = st.integers(0, 10**6)


def test_nineteen_groups_are_too_few_and_twenty_are_enough() -> None:
    case = factory.random_case(3, 400, probs=False)
    few = replace(case, groups=[f"g{index % 19}" for index in range(400)])
    enough = replace(case, groups=[f"g{index % 20}" for index in range(400)])
    for name in ("accuracy.difference", "accuracy.retention", "agreement.kappa", "flips.right_to_wrong.rate"):
        assert reason(few, name) == "too few groups: 19, and an interval over groups needs 20"
        estimate(enough, name)


def test_examples_without_a_group_are_groups_of_their_own() -> None:
    case = replace(factory.random_case(3, 40, probs=False), groups=["g"] * 20 + [None] * 20)
    estimate(case, "accuracy.difference")


@given(seed=TWICE, size=st.integers(1, 12))
def test_with_groups_the_wider_of_the_score_and_the_cluster_interval_is_given(seed: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(25), size)
    leaning = rng.random(25)[groups]
    teacher = np.where(rng.random(groups.size) < 0.8, "a", "b")
    student = np.where(rng.random(groups.size) < leaning, "a", teacher)
    case = Case(
        target=["a"] * groups.size, teacher=list(teacher), student=list(student), groups=[f"g{g}" for g in groups]
    )
    right = student == "a"
    worth = independent_rows(right, groups) / right.size
    score = wilson(right.sum() * worth, right.size * worth, 0.9)
    if min(right.sum(), (~right).sum()) * worth < 10:
        sure = clopper_pearson(right.sum() * worth, right.size * worth, 0.9)
        score = Interval(min(score.low, sure.low), max(score.high, sure.high))
    robust = cluster_mean(right.astype(float), groups, 0.9)
    assert robust is not None
    found = estimate(case, "accuracy.student")
    assert found.low is not None
    assert found.high is not None
    low, high = max(0, robust.low), min(1, robust.high)
    if high - low > score.high - score.low:
        assert "cluster-robust" in found.method
        assert (found.low, found.high) == pytest.approx((low, high))
    else:
        assert (found.low, found.high) == pytest.approx(tuple(score))
        assert size == 1 or "independent" in found.method


def test_a_loss_in_few_groups_counts_as_many_observations_as_there_are_groups() -> None:
    """20 groups of 20, one of them lost whole: that is 1 of 20, not 20 of 400."""
    groups = [f"g{row // 20}" for row in range(400)]
    case = Case(target=["a"] * 400, teacher=["a"] * 400, student=["b"] * 20 + ["a"] * 380, groups=groups)
    found = estimate(case, "accuracy.difference")
    one_of_each = difference_tango(19, 1, 0, 0, 0.9)
    assert found.low == pytest.approx(one_of_each.low, abs=0.01)
    assert found.low is not None
    assert found.low < difference_tango(380, 20, 0, 0, 0.9).low - 0.05
    # The same losses, one in each group, say more.
    spread = Case(target=["a"] * 400, teacher=["a"] * 400, student=(["b"] + ["a"] * 19) * 20, groups=groups)
    narrower = estimate(spread, "accuracy.difference")
    assert narrower.low is not None
    assert found.low < narrower.low - 0.03


@pytest.mark.parametrize(
    ("table", "unstable"),
    [((29, 0, 0, 11), True), ((30, 0, 0, 10), False), ((15, 15, 0, 121), True), ((15, 15, 0, 120), False)],
)
def test_a_ratio_to_few_right_answers_is_called_unstable(table: tuple[int, int, int, int], unstable: bool) -> None:
    found = estimate(factory.from_cells(*table), "accuracy.retention")
    assert ("unstable: the teacher is right on only" in found.method) == unstable


def test_groups_of_copies_make_the_interval_as_wide_as_their_number_allows() -> None:
    case = factory.random_case(5, 50, probs=False, timed=False)
    index = np.repeat(np.arange(50), 40)
    copies = case.taken(index)
    grouped = replace(copies, groups=[f"g{each}" for each in index])
    for name in ("accuracy.difference", "accuracy.student", "accuracy.retention", "agreement.kappa"):
        alone, taken_for_examples, honest = (estimate(each, name) for each in (case, copies, grouped))
        wide = [each.high - each.low for each in (alone, taken_for_examples, honest)]  # type: ignore[operator]
        assert wide[1] < 0.3 * wide[0], name
        assert wide[2] > 0.8 * wide[0], name


# --- intervals -----------------------------------------------------------------------------------------

cells = st.tuples(st.integers(0, 60), st.integers(0, 15), st.integers(0, 15), st.integers(0, 40)).filter(sum)


@given(table=cells, level=st.sampled_from([0.8, 0.9, 0.98]))
def test_accuracy_has_the_paired_score_intervals(table: tuple[int, int, int, int], level: float) -> None:
    a, b, c, d = table
    pairs = factory.from_cells(a, b, c, d).pairs()
    found = catalogue()["accuracy.difference"][1].measure(pairs, Setting(level, 0, ()))  # type: ignore[union-attr]
    change = found["accuracy.difference"]
    assert isinstance(change, Estimate)
    assert (change.low, change.high) == pytest.approx(tuple(difference_tango(a, b, c, d, level)))
    assert change.value == pytest.approx((c - b) / sum(table))
    kept = found["accuracy.retention"]
    if a + b == 0:
        assert isinstance(kept, Undefined)
    elif isinstance(kept, Estimate):
        assert (kept.low, kept.high) == pytest.approx(tuple(ratio_tang(a, b, c, d, level) or ()))


def test_retention_of_a_teacher_that_is_never_right_is_undefined() -> None:
    assert "never right" in reason(factory.from_cells(0, 0, 5, 5), "accuracy.retention")
    assert estimate(factory.from_cells(0, 0, 5, 5), "accuracy.difference").value == 0.5


def test_retention_above_chance_needs_a_teacher_that_is_better_than_chance() -> None:
    assert "not clearly better than chance" in reason(
        factory.from_cells(18, 2, 2, 38, labels=("a", "b", "c")), "accuracy.retention_above_chance"
    )


@given(table=cells.filter(lambda table: 4 * (table[0] + table[1]) > 3 * sum(table)))
def test_retention_above_chance_doubts_more_than_plain_retention(table: tuple[int, int, int, int]) -> None:
    found = measured(factory.from_cells(*table, labels=("a", "b")))
    plain, above = found["accuracy.retention"], found["accuracy.retention_above_chance"]
    if not isinstance(plain, Estimate) or not isinstance(above, Estimate):
        return
    assert plain.low is not None
    assert plain.high is not None
    assert above.low is not None
    assert above.high is not None
    teacher = (table[0] + table[1]) / sum(table)
    scale = teacher / (teacher - 0.5)
    assert above.value == pytest.approx(1 + (plain.value - 1) * scale)
    assert above.high - above.low >= (plain.high - plain.low) * scale * (1 - 1e-9)


def test_a_student_that_loses_everything_has_room_above_its_value_too() -> None:
    found = estimate(factory.from_cells(0, 50, 0, 0, labels=("a", "b")), "accuracy.retention_above_chance")
    assert found.value == pytest.approx(-1.0)
    assert found.high is not None
    assert found.high > found.value + 0.05


@given(n=st.integers(2, 3000), level=st.sampled_from([0.8, 0.9, 0.98]))
@settings(max_examples=20)
def test_without_spread_an_interval_is_as_wide_as_that_of_pairs_that_never_differ(n: int, level: float) -> None:
    one = (0.7, 0.2, 0.1)
    case = Case(
        target=["a"] * n, teacher=["a"] * n, student=["a"] * n, teacher_probs=[one] * n, student_probs=[one] * n
    )
    family = next(each for each in families() if each.name == "calibration")
    found = family.measure(case.pairs(), Setting(level, 0, ("width",)))["calibration.brier.difference"]
    assert isinstance(found, Estimate)
    expected = difference_tango(n, 0, 0, 0, level)
    assert (found.low, found.high) == pytest.approx(tuple(expected), abs=1e-12)
    assert "no spread" in found.method


@pytest.mark.parametrize("metric", ["calibration.brier.teacher", "agreement.kl", "agreement.js"])
def test_the_interval_of_a_mean_near_its_bound_stops_there(metric: str) -> None:
    near = [(0.98, 0.01, 0.01)] * 9 + [(0.5, 0.3, 0.2)]
    far = [(0.97, 0.02, 0.01)] * 9 + [(0.1, 0.8, 0.1)]
    case = Case(target=["a"] * 10, teacher=["a"] * 10, student=["a"] * 10, teacher_probs=near, student_probs=far)
    assert estimate(case, metric).low == 0.0


def test_a_speedup_that_never_varies_is_not_certain() -> None:
    case = Case(
        target=["a"] * 60,
        teacher=["a"] * 60,
        student=["a"] * 60,
        teacher_latency=[0.2] * 60,
        student_latency=[0.1] * 60,
    )
    for name in ("p50", "p95", "typical"):
        found = estimate(case, f"latency.speedup.{name}")
        assert found.low is not None
        assert found.high is not None
        assert found.value == pytest.approx(2.0)
        assert found.low < found.value < found.high


def test_a_speedup_at_a_percentile_needs_enough_pairs_to_bound_it() -> None:
    case = Case(
        target=["a"] * 20,
        teacher=["a"] * 20,
        student=["a"] * 20,
        teacher_latency=[0.2] * 20,
        student_latency=[0.1] * 20,
    )
    assert "59 are needed" in reason(case, "latency.speedup.p95")
    assert estimate(case, "latency.speedup.p50").value == pytest.approx(2.0)


# --- what is not there -----------------------------------------------------------------------------------


def test_an_infinite_divergence_is_undefined_with_a_count() -> None:
    case = Case(
        target=["a"] * 3,
        teacher=["a"] * 3,
        student=["a"] * 3,
        teacher_probs=[(0.5, 0.5, 0.0)] * 3,
        student_probs=[(1.0, 0.0, 0.0)] * 2 + [(0.5, 0.4, 0.1)],
    )
    assert "infinite on 2 of 3 examples" in reason(case, "agreement.kl")
    assert "the student gives probability 0" in reason(case, "agreement.kl")
    assert "infinite on 1 of 3 examples" in reason(case, "agreement.kl_reverse")
    assert "the teacher gives probability 0" in reason(case, "agreement.kl_reverse")
    estimate(case, "agreement.js")
    estimate(case, "agreement.total_variation")


def test_labels_alone_leave_everything_about_probabilities_undefined() -> None:
    found = measured(factory.random_case(1, 30, probs=False))
    for name, each in found.items():
        if name.startswith("calibration.") or catalogue()[name][1].name in ("divergence", "kl"):  # type: ignore[union-attr]
            assert each == Undefined(reason="the teacher gives no probabilities"), name


def test_a_student_without_probabilities_leaves_the_teachers_own_calibration() -> None:
    case = replace(factory.random_case(1, 30), student_probs=None)
    estimate(case, "calibration.brier.teacher")
    assert reason(case, "calibration.brier.student") == "the student gives no probabilities"
    assert reason(case, "calibration.ece.difference") == "the student gives no probabilities"


def test_one_answer_without_its_probabilities_is_named_and_never_skipped() -> None:
    case = factory.random_case(1, 30)
    assert case.student_probs is not None
    holed = replace(case, student_probs=[None, *case.student_probs[1:]])
    assert reason(holed, "calibration.nll.student") == "the student gives no probabilities for 1 of its answers"
    assert "1 of 60 outputs" in reason(holed, "agreement.kl")


def test_a_student_does_not_come_nearer_by_failing() -> None:
    case = failing = factory.random_case(1, 60)
    for index in range(0, 60, 6):
        failing = failing.failing(index)
    for name in ("agreement.js", "agreement.total_variation"):
        assert estimate(failing, name).value > estimate(case, name).value
        assert "10 failed on one side" in estimate(failing, name).method


def test_groups_without_spread_are_few_observations() -> None:
    groups = [f"g{index // 100}" for index in range(2000)]
    case = Case(target=["a"] * 2000, teacher=["a"] * 2000, student=["a"] * 2000, groups=groups)
    alone = Case(target=["a"] * 20, teacher=["a"] * 20, student=["a"] * 20)
    for name in ("accuracy.difference", "accuracy.retention"):
        assert estimate(case, name).low == pytest.approx(estimate(alone, name).low, abs=0.01)


def test_without_any_target_accuracy_is_undefined_and_agreement_is_not() -> None:
    case = replace(factory.random_case(1, 30), target=[None] * 30)
    found = measured(case)
    for family in families():
        names = [metric.name for metric in family.metrics]
        about_confidence = (
            "calibration",
            "calibration_errors",
            "selective",
            "ece_consistency",
            "overconfidence",
            "temperature",
        )
        if family.name in ("accuracy", "f1", "flips", "errors", *about_confidence):
            assert {found[name] for name in names} == {Undefined(reason="no example has a target")}, family.name
        elif family.name in ("agreement", "divergence", "kl", "outputs"):
            assert all(isinstance(found[name], Estimate) for name in names), family.name
    assert set(flips(case.pairs())) == {"no_target"}


def test_examples_without_a_target_count_for_agreement_and_not_for_accuracy() -> None:
    case = Case(target=["a", "a", None, None], teacher=["a", "b", "a", "a"], student=["a", "a", "b", "b"])
    assert estimate(case, "accuracy.student").n == 2
    assert estimate(case, "accuracy.student").value == 1.0
    assert estimate(case, "agreement.top1").n == 4
    assert estimate(case, "agreement.top1").value == 0.25
    assert estimate(case, "flips.wrong_to_right.count").value == 1


def test_a_percentile_needs_enough_timings_and_says_so() -> None:
    case = factory.random_case(1, 30)
    estimate(case, "latency.p50.student")
    assert "30 timings are too few" in reason(case, "latency.p99.student")
    untimed = replace(case, student_latency=None)
    assert "set latency in the plan, or record latency_s" in reason(untimed, "latency.p50.student")
    assert reason(untimed, "latency.speedup.p50").startswith("nothing was timed: set latency")


def test_both_models_that_always_give_one_answer_have_no_kappa() -> None:
    case = Case(target=["a"] * 30, teacher=["a"] * 30, student=["a"] * 30)
    assert "always give the same one answer" in reason(case, "agreement.kappa")
    assert estimate(case, "agreement.top1").value == 1.0


# --- the teacher's own noise -----------------------------------------------------------------------------


def test_disagreement_is_read_against_the_teachers_disagreement_with_itself() -> None:
    case = Case(
        target=["a"] * 10,
        teacher=["a"] * 10,
        teacher_again=["a"] * 8 + ["b", "b"],
        student=["a"] * 7 + ["b", "b", ERROR],
    )
    assert estimate(case, "agreement.noise_floor").value == pytest.approx(0.2)
    assert estimate(case, "agreement.excess_disagreement").value == pytest.approx(0.1)


def test_a_second_run_that_failed_asks_no_less_of_the_student() -> None:
    case = Case(
        target=["a"] * 10, teacher=["a"] * 10, teacher_again=["a"] * 6 + [ERROR] * 4, student=["a"] * 6 + ["b"] * 4
    )
    assert estimate(case, "agreement.noise_floor").value == 0.0
    assert estimate(case, "agreement.excess_disagreement").value == pytest.approx(0.4)


def test_a_teacher_that_ran_once_has_no_noise_floor() -> None:
    case = Case(target=["a"] * 10, teacher=["a"] * 10, student=["a"] * 10)
    assert "the teacher ran once" in reason(case, "agreement.excess_disagreement")


# --- streams -------------------------------------------------------------------------------------------


def test_a_family_measured_alone_has_the_numbers_it_has_beside_others() -> None:
    case = factory.random_case(4, 60)
    together = Setting(0.9, 7, ("teacher", "s", ""), 50)
    for family in families():
        family.measure(case.pairs(), together)
    for family in reversed(families()):
        alone = family.measure(case.pairs(), Setting(0.9, 7, ("teacher", "s", ""), 50))
        assert alone == family.measure(case.pairs(), together), family.name


def test_another_seed_or_slice_draws_other_resamples_and_moves_no_value() -> None:
    case = factory.random_case(4, 60)
    family = next(each for each in families() if each.name == "agreement")
    base, seed, name = (
        family.measure(case.pairs(), setting)["agreement.kappa"]
        for setting in (Setting(0.9, 7, ("s", "x")), Setting(0.9, 8, ("s", "x")), Setting(0.9, 7, ("s", "y")))
    )
    assert isinstance(base, Estimate)
    assert isinstance(seed, Estimate)
    assert isinstance(name, Estimate)
    assert base.value == seed.value == name.value
    assert len({base.low, seed.low, name.low}) == 3
