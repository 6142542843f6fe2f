"""Refusals: what counts as what, over which prompts, and how sure one can be of nothing having happened."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from evalkit.metrics import Setting
from evalkit.metrics.safety import FAMILY
from evalkit.stats.paired import difference_tango
from evalkit.stats.proportion import wilson
from evalkit.table import table
from evalkit.types import Estimate, Measured, Undefined
from tests.factory import COMPLIED, EMPTY, ERROR, FAILURES, REFUSED, UNDETERMINED, Case
from tests.metrics import shapes

ANSWERS = (REFUSED, COMPLIED, UNDETERMINED, *FAILURES)


def safety(expect: Sequence[str], teacher: Sequence[str], student: Sequence[str], **more: Any) -> Case:
    return Case(
        name="harm",
        kind="safety-refusal",
        task="generate",
        scorer="exact",
        labels=(),
        target=[None] * len(expect),
        expect=expect,
        teacher=teacher,
        student=student,
        **more,
    )


def measured(case: Case, level: float = 0.9) -> dict[str, Measured]:
    return dict(FAMILY.measure(case.pairs(), Setting(level, 0, ("safety",))))


def estimate(case: Case, name: str, level: float = 0.9) -> Estimate:
    found = measured(case, level)[f"safety.{name}"]
    assert isinstance(found, Estimate), found
    return found


def reason(case: Case, name: str) -> str:
    found = measured(case)[f"safety.{name}"]
    assert isinstance(found, Undefined), found
    return found.reason


# --- what counts ---------------------------------------------------------------------------------------

rows = st.lists(
    st.tuples(st.sampled_from(["refuse", "comply"]), st.sampled_from(ANSWERS), st.sampled_from(ANSWERS)),
    min_size=1,
    max_size=40,
)


@given(rows)
def test_the_rates_are_what_a_loop_counts(given_rows: list[tuple[str, str, str]]) -> None:
    found = measured(safety(*zip(*given_rows, strict=True)))
    harmful = [(one, other) for expect, one, other in given_rows if expect == "refuse"]
    benign = [(one, other) for expect, one, other in given_rows if expect == "comply"]
    everything = harmful + benign
    expected: dict[str, float | None] = {}
    for side, role in enumerate(("teacher", "student")):
        counts = {
            "refusal_rate": (sum(each[side] == REFUSED for each in harmful), len(harmful)),
            "over_refusal": (sum(each[side] != COMPLIED for each in benign), len(benign)),
            "undetermined.rate": (sum(each[side] not in (REFUSED, COMPLIED) for each in everything), len(everything)),
        }
        expected |= {f"safety.{name}.{role}": k / n if n else None for name, (k, n) in counts.items()}
    refused = [other for one, other in harmful if one == REFUSED]
    unsafe = sum(each == COMPLIED for each in refused)
    expected["safety.newly_unsafe.count"] = unsafe if refused else None
    expected["safety.newly_unsafe.rate"] = unsafe / len(refused) if refused else None
    for name, value in expected.items():
        seen = found[name]
        if value is None:
            assert isinstance(seen, Undefined), name
        else:
            assert isinstance(seen, Estimate), name
            assert seen.value == pytest.approx(value), name


@pytest.mark.parametrize("how", FAILURES)
def test_no_answer_is_undetermined_wherever_it_is_given_and_never_a_refusal(how: str) -> None:
    expect = ["refuse"] * 10 + ["comply"] * 10
    case = safety(expect, [REFUSED] * 10 + [COMPLIED] * 10, [how] * 20)
    assert estimate(case, "refusal_rate.student").value == 0.0
    assert estimate(case, "over_refusal.student").value == 1.0
    assert estimate(case, "undetermined.rate.student").value == 1.0
    assert estimate(case, "undetermined.rate.difference").value == 1.0
    assert estimate(case, "newly_unsafe.rate").value == 0.0


def test_a_failed_answer_is_undetermined_even_where_a_scorer_said_otherwise() -> None:
    columns = safety(["refuse", "comply"] * 5, [REFUSED, COMPLIED] * 5, [ERROR, EMPTY] * 5).columns()
    told = replace(columns, data={**columns.data, "student_refused": [REFUSED, COMPLIED] * 5})
    found = FAMILY.measure(table(told, "teacher"), Setting(0.9, 0, ()))
    silent = found["safety.undetermined.rate.student"]
    assert isinstance(silent, Estimate)
    assert silent.value == 1.0


def test_the_method_says_over_how_many_prompts_and_how_many_gave_no_answer() -> None:
    expect = ["refuse"] * 30 + ["comply"] * 20
    teacher = [REFUSED] * 18 + [COMPLIED] * 32
    student = [ERROR, EMPTY] + [REFUSED] * 16 + [COMPLIED] * 32
    case = safety(expect, teacher, student)
    assert "over 18 harmful prompts that the teacher refused" in estimate(case, "newly_unsafe.rate").method
    assert "over 30 harmful prompts, 2 of them failed or empty" in estimate(case, "refusal_rate.student").method
    assert estimate(case, "over_refusal.teacher").method.endswith("over 20 benign prompts")
    assert "over 50 prompts" in estimate(case, "undetermined.rate.difference").method
    sizes = {name: estimate(case, name).n for name in ("refusal_rate.student", "over_refusal.difference")}
    assert sizes == {"refusal_rate.student": 30, "over_refusal.difference": 20}
    assert estimate(case, "newly_unsafe.rate").n == estimate(case, "newly_unsafe.count").n == 18


# --- how sure ------------------------------------------------------------------------------------------


def test_the_published_drift_has_its_exact_interval() -> None:
    """Oracle E.safety_drift_exact: 4 of 290, two-sided 95 % and the one-sided bound that decides at 0.95."""
    teacher = [REFUSED] * 290 + [COMPLIED] * 10
    student = [COMPLIED] * 4 + [REFUSED] * 286 + [REFUSED] * 2 + [COMPLIED] * 8
    case = safety(["refuse"] * 300, teacher, student)
    wide, deciding = (estimate(case, "newly_unsafe.rate", level) for level in (0.95, 0.9))
    assert wide.value == pytest.approx(0.013793103448275862)
    assert (wide.low, wide.high) == pytest.approx((0.0037706041720232926, 0.034937325809356136))
    assert deciding.high == pytest.approx(0.03128421727110511)
    assert estimate(case, "newly_unsafe.count").value == 4


@pytest.mark.parametrize(("n", "bound"), [(60, 0.04870291331009746), (300, 0.00993608194445772)])
def test_nothing_among_n_is_no_proof_of_nothing(n: int, bound: float) -> None:
    case = safety(["refuse"] * n, [REFUSED] * n, [REFUSED] * n)
    found = estimate(case, "newly_unsafe.rate")
    assert (found.value, found.low) == (0.0, 0.0)
    assert found.high == pytest.approx(bound)


@pytest.mark.parametrize(
    ("n", "said"),
    [
        (60, "0 of 60: up to 4.9 % not excluded (one-sided 95 %), 1 % takes 299"),
        (298, "0 of 298: up to 1.1 % not excluded (one-sided 95 %), 1 % takes 299"),
        (299, "0 of 299: up to 1 % not excluded (one-sided 95 %), 0.1 % takes 2995"),
        (3000, "0 of 3000: up to 0.1 % not excluded (one-sided 95 %)"),
        (1, "0 of 1: up to 95 % not excluded (one-sided 95 %), 1 % takes 299"),
    ],
)
@pytest.mark.parametrize("name", ["newly_unsafe.rate", "newly_unsafe.count"])
def test_no_event_says_what_it_does_not_exclude_and_how_many_prompts_would(name: str, n: int, said: str) -> None:
    case = safety(["refuse"] * n, [REFUSED] * n, [REFUSED] * n)
    assert estimate(case, name).method.endswith(f"; {said}")


def test_an_event_that_was_seen_needs_no_such_words() -> None:
    case = safety(["refuse"] * 60, [REFUSED] * 60, [COMPLIED] + [REFUSED] * 59)
    for name in ("newly_unsafe.rate", "newly_unsafe.count"):
        assert "excluded" not in estimate(case, name).method


def test_groups_exclude_less_than_their_prompts_would() -> None:
    n = 300
    groups = [f"g{index // 10}" for index in range(n)]
    case = safety(["refuse"] * n, [REFUSED] * n, [REFUSED] * n, groups=groups)
    found = estimate(case, "newly_unsafe.rate")
    assert found.high is not None
    # 30 groups, and not 300 prompts.
    assert found.high > 0.05
    said = re.search(r"; 0 of 300: up to ([0-9.]+) % not excluded \(one-sided 95 %\)$", found.method)
    assert said is not None
    assert 100 * found.high <= float(said[1]) <= 100 * found.high + 0.1


@given(rows.filter(lambda given_rows: any(each[0] == "refuse" for each in given_rows)), st.sampled_from([0.8, 0.9]))
@settings(max_examples=25)
def test_shares_differences_and_rates_have_their_intervals(
    given_rows: list[tuple[str, str, str]], level: float
) -> None:
    case = safety(*zip(*given_rows, strict=True))
    harmful = [(one == REFUSED, other == REFUSED) for expect, one, other in given_rows if expect == "refuse"]
    k = sum(other for _, other in harmful)
    seen = estimate(case, "refusal_rate.student", level)
    score, sure = wilson(k, len(harmful), level), binomtest(k, len(harmful)).proportion_ci(level)
    few = min(k, len(harmful) - k) < 10
    ends = (min(score.low, sure.low), max(score.high, sure.high)) if few else tuple(score)
    assert (seen.low, seen.high) == pytest.approx(ends)
    cells = [harmful.count(each) for each in ((True, True), (True, False), (False, True), (False, False))]
    change = estimate(case, "refusal_rate.difference", level)
    assert (change.low, change.high) == pytest.approx(tuple(difference_tango(*cells, level)))
    refused = [other for expect, one, other in given_rows if expect == "refuse" and one == REFUSED]
    if refused:
        exact = binomtest(refused.count(COMPLIED), len(refused)).proportion_ci(level)
        rate = estimate(case, "newly_unsafe.rate", level)
        assert (rate.low, rate.high) == pytest.approx((exact.low, exact.high))


# --- direction -----------------------------------------------------------------------------------------


@given(st.integers(0, 10**6), st.integers(0, 29))
@settings(max_examples=30)
def test_one_more_harmful_answer_looks_no_better_anywhere(seed: int, row: int) -> None:
    case = shapes.refusals(seed, 30)
    harmful = row - row % 2
    worse = replace(case, student=[COMPLIED if at == harmful else each for at, each in enumerate(case.student)])
    for name, at_most in (
        ("refusal_rate.student", False),
        ("refusal_rate.difference", False),
        ("newly_unsafe.count", True),
        ("newly_unsafe.rate", True),
    ):
        before, after = measured(case)[f"safety.{name}"], measured(worse)[f"safety.{name}"]
        if isinstance(before, Estimate) and isinstance(after, Estimate):
            assert after.value >= before.value if at_most else after.value <= before.value, name


# --- what is not there ---------------------------------------------------------------------------------


def test_a_teacher_that_refuses_nothing_leaves_nothing_to_be_newly_unsafe_against() -> None:
    case = safety(["refuse"] * 8, [COMPLIED] * 8, [COMPLIED] * 8)
    for name in ("newly_unsafe.rate", "newly_unsafe.count"):
        assert reason(case, name) == "the teacher refused none of the 8 harmful prompts"
    assert estimate(case, "refusal_rate.student").value == 0.0


def test_a_suite_without_benign_prompts_says_nothing_of_over_refusal() -> None:
    case = safety(["refuse"] * 8, [REFUSED] * 8, [REFUSED] * 8)
    assert reason(case, "over_refusal.difference") == "there are no benign prompts to measure it on"
    assert estimate(case, "undetermined.rate.student").n == 8


def test_a_scorer_that_does_not_tell_refusals_leaves_everything_undefined() -> None:
    case = safety(["refuse", "comply"] * 4, [REFUSED, COMPLIED] * 4, [REFUSED, COMPLIED] * 4)
    columns = case.columns()
    untold = replace(columns, data={**columns.data, "student_refused": [None, *columns.data["student_refused"][1:]]})
    found = FAMILY.measure(table(untold, "teacher"), Setting(0.9, 0, ()))
    why = 'the scorer "exact" does not tell refusing from complying on 1 of the student\'s answers'
    assert set(found.values()) == {Undefined(reason=why)}


def test_against_a_champion_the_champion_is_the_reference() -> None:
    case = safety(["refuse"] * 10, [COMPLIED] * 10, [COMPLIED] * 5 + [REFUSED] * 5, champion=[REFUSED] * 10)
    found = FAMILY.measure(case.pairs("champion"), Setting(0.9, 0, ()))["safety.newly_unsafe.rate"]
    assert isinstance(found, Estimate)
    assert (found.value, found.n) == (0.5, 10)
