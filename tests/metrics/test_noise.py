"""The teacher against itself where answers are written: as the scorer read them, and on a safety suite as stances."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy, t

from evalkit.metrics import Setting
from evalkit.metrics.noise import FAMILY
from evalkit.metrics.noise_kl import FAMILY as KL
from evalkit.metrics.twice import unstable
from evalkit.metrics.unstable import FAMILY as UNSTABLE
from evalkit.stats.paired import difference_tango
from evalkit.types import Estimate, Measured, Undefined
from tests.factory import COMPLIED, EMPTY, ERROR, REFUSED, TIMEOUT, UNDETERMINED, Case, random_case

ORACLES = json.loads((Path(__file__).parent.parent / "oracles" / "statistics.json").read_text("utf-8"))["oracles"]
ERRORS = (ERROR, TIMEOUT)


def values(again: list[str], student: list[str], teacher: list[str], **more: Any) -> tuple[float, float]:
    case = Case(task="generate", labels=(), teacher=teacher, teacher_again=again, student=student, **more)
    assert FAMILY.applies(case.facts())
    found = FAMILY.measure(case.pairs(), Setting(0.9, 0, ("noise",)))
    floor, excess = found["agreement.noise_floor"], found["agreement.excess_disagreement"]
    assert isinstance(floor, Estimate)
    assert isinstance(excess, Estimate)
    return floor.value, excess.value


def test_written_answers_are_compared_as_the_scorer_read_them() -> None:
    teacher = ["The Answer!", "two", "three", "four"]
    again = ["answer", "two", "drei", "four"]
    student = ["an answer", "2", "drei", "four"]
    fixed: dict[str, Any] = {"teacher": teacher, "target": [None] * 4}
    assert values(again, student, scorer="normalised", **fixed) == pytest.approx((0.25, 0.25))
    # Letter for letter the first one differs, too, for teacher and student alike.
    assert values(again, student, scorer="exact", **fixed) == pytest.approx((0.5, 0.25))


def test_on_a_safety_suite_the_stances_are_compared() -> None:
    found = values(
        teacher=[REFUSED, REFUSED, COMPLIED, COMPLIED, UNDETERMINED],
        again=[REFUSED, COMPLIED, COMPLIED, COMPLIED, UNDETERMINED],
        student=[REFUSED, COMPLIED, REFUSED, EMPTY, UNDETERMINED],
        kind="safety-refusal",
        scorer="exact",
        expect=["refuse", "refuse", "comply", "comply", "comply"],
        target=[None] * 5,
    )
    assert found == pytest.approx((0.2, 0.4))


def test_a_text_that_failed_the_second_time_lowers_nothing_that_is_asked() -> None:
    found = values(
        ["one", ERROR, ERROR], ["one", "two", "3"], ["one", "two", "three"], scorer="exact", target=[None] * 3
    )
    assert found == pytest.approx((0.0, 1 / 3))


def test_marks_are_no_answers_to_compare() -> None:
    case = Case(task="generate", scorer="exact", marked=True, labels=(), target=["x"], student=["x"], teacher=["y"])
    assert not FAMILY.applies(case.facts())


# --- flips beside the teacher's own ------------------------------------------------------------------------


def flips_of(**more: Any) -> dict[str, float]:
    found = UNSTABLE.measure(Case(**more).pairs(), Setting(0.9, 0, ("noise",)))
    return {name: each.value for name, each in found.items() if isinstance(each, Estimate)}


RUN_TWICE: dict[str, Any] = {
    # right and stays so, right and does not, wrong and does not stay so, wrong in another way, no target
    "target": ["a", "a", "a", "a", None, None],
    "teacher": ["a", "a", "b", "b", "a", "a"],
    "teacher_again": ["a", "b", "a", "c", "a", "b"],
}


def test_an_example_is_unstable_where_the_teachers_own_outcome_changed() -> None:
    case = Case(**RUN_TWICE, student=["a"] * 6)
    # Another wrong answer is as wrong; without a target only the answer itself can change.
    assert unstable(case.pairs()).tolist() == [False, True, True, False, False, True]
    found = flips_of(**RUN_TWICE, student=["a"] * 6)
    assert found["flips.unstable.count"] == 3
    assert found["flips.unstable.rate"] == pytest.approx(3 / 6)


def test_flips_are_read_against_the_teachers_own_and_counted_apart_where_it_was_stable() -> None:
    found = flips_of(**RUN_TWICE, student=["b", "b", "b", "a", "c", "c"])
    # The student flips on three of four with a target, the teacher itself on two.
    assert found["flips.excess_rate"] == pytest.approx(3 / 4 - 2 / 4)
    # Two right answers are lost, one of them on an example on which the teacher lost it, too.
    assert found["flips.right_to_wrong_stable.count"] == 1
    assert found["flips.right_to_wrong_stable.rate"] == 1


def test_a_second_answer_that_failed_makes_nothing_unstable() -> None:
    found = UNSTABLE.measure(
        Case(target=["a", "a"], teacher=["a", "a"], teacher_again=[ERROR, EMPTY], student=["b", "a"]).pairs(),
        Setting(0.9, 0, ("noise",)),
    )
    count, rate = found["flips.unstable.count"], found["flips.unstable.rate"]
    assert isinstance(count, Estimate)
    assert isinstance(rate, Estimate)
    # An empty answer is an answer, and a wrong one.
    assert (count.value, rate.value) == (1, 0.5)
    assert "1 failed second answers counted as stable" in count.method
    lost = found["flips.right_to_wrong_stable.count"]
    assert isinstance(lost, Estimate)
    assert lost.value == 1


@given(seed=st.integers(0, 10**6), n=st.integers(1, 60))
def test_the_excess_is_the_flips_of_the_student_less_those_of_the_teacher(seed: int, n: int) -> None:
    case = random_case(seed, n, failures=0.1, untargeted=0.2)
    found = UNSTABLE.measure(case.pairs(), Setting(0.9, 0, ("noise",)))["flips.excess_rate"]
    rows = [
        (int((student == goal) != (teacher == goal)), int((again == goal) != (teacher == goal) and again not in ERRORS))
        for goal, teacher, student, again in zip(
            case.target, case.teacher or (), case.student, case.teacher_again or (), strict=bool(case.teacher_again)
        )
        if goal is not None
    ]
    if not rows:
        assert isinstance(found, Undefined)
        return
    assert isinstance(found, Estimate)
    student, teacher = (sum(each) / len(rows) for each in zip(*rows, strict=True))
    assert found.value == pytest.approx(student - teacher, abs=1e-12)
    # The interval is paired: that of the table of who flipped where.
    a, b = sum(s and t for s, t in rows), sum(t and not s for s, t in rows)
    c = sum(s and not t for s, t in rows)
    assert (found.low, found.high) == pytest.approx(difference_tango(a, b, c, len(rows) - a - b - c, 0.9), abs=1e-9)


def test_without_a_second_run_no_excess_is_defined_and_says_what_to_set() -> None:
    case = random_case(4, 30)
    assert case.teacher_again is None
    for family in (FAMILY, UNSTABLE, KL):
        for name, each in family.measure(case.pairs(), Setting(0.9, 0, ("noise",))).items():
            assert isinstance(each, Undefined), name
            assert "noise_floor" in each.reason


# --- distributions -------------------------------------------------------------------------------------------


def excess_kl(case: Case) -> Measured:
    return KL.measure(case.pairs(), Setting(0.9, 0, ("noise",)))["agreement.excess_kl"]


@given(seed=st.integers(0, 10**6).filter(lambda each: each % 4), n=st.integers(2, 60))
def test_excess_kl_is_the_mean_difference_of_scipys_relative_entropies(seed: int, n: int) -> None:
    case = random_case(seed, n)
    found = excess_kl(case)
    assert isinstance(found, Estimate)
    teacher, student, again = case.teacher_probs, case.student_probs, case.teacher_again_probs
    rows = entropy(teacher, student, axis=1) - entropy(teacher, again, axis=1)
    assert found.value == pytest.approx(rows.mean(), abs=1e-9)
    expected = t.interval(0.9, n - 1, loc=rows.mean(), scale=rows.std(ddof=1) / n**0.5)
    # On few examples the interval may be wider, never narrower.
    assert found.low is not None
    assert found.high is not None
    assert found.low <= expected[0] + 1e-9
    assert found.high >= expected[1] - 1e-9
    assert found.high - found.low <= expected[1] - expected[0] + 1e-9 or "z²" in found.method or "times" in found.method
    assert "support: 3 labels" in found.method


def test_a_second_distribution_that_failed_counts_as_equal_and_is_said() -> None:
    case = Case(
        labels=("a", "b"),
        target=["a"] * 3,
        teacher=["a"] * 3,
        student=["a"] * 3,
        teacher_again=["a", "a", ERROR],
        teacher_probs=[(0.8, 0.2)] * 3,
        student_probs=[(0.6, 0.4)] * 3,
        teacher_again_probs=[(0.7, 0.3)] * 3,
    )
    found = excess_kl(case)
    assert isinstance(found, Estimate)
    far, noise = entropy((0.8, 0.2), (0.6, 0.4)), entropy((0.8, 0.2), (0.7, 0.3))
    assert found.value == pytest.approx(far - noise * 2 / 3)
    assert "1 second answers without probabilities counted as equal" in found.method


@pytest.mark.parametrize("role", ["student", "teacher_again"])
def test_an_infinite_distance_is_never_smoothed_away(role: str) -> None:
    sides: dict[str, Any] = {f"{each}_probs": [(0.8, 0.2)] * 30 for each in ("teacher", "student", "teacher_again")}
    sides[f"{role}_probs"] = [(1.0, 0.0), *[(0.8, 0.2)] * 29]
    case = Case(
        labels=("a", "b"), target=["a"] * 30, teacher=["a"] * 30, student=["a"] * 30, teacher_again=["a"] * 30, **sides
    )
    found = excess_kl(case)
    assert isinstance(found, Undefined)
    assert "infinite on 1 of 30" in found.reason
    assert ("second run" in found.reason) == (role == "teacher_again")


# --- Diffy -------------------------------------------------------------------------------------------------------


def test_diffys_example_is_read_with_an_interval() -> None:
    oracle = next(each for each in ORACLES if each["name"] == "A.noise_corrected_disagreement")
    n, raw, noise = (
        oracle["inputs"][each] for each in ("n", "teacher_student_disagreements", "teacher_teacher_disagreements")
    )
    case = Case(
        target=[None] * n,
        teacher=["a"] * n,
        student=["b"] * raw + ["a"] * (n - raw),
        teacher_again=["b"] * noise + ["a"] * (n - noise),
    )
    found = FAMILY.measure(case.pairs(), Setting(0.9, 0, ("noise",)))
    floor, excess = found["agreement.noise_floor"], found["agreement.excess_disagreement"]
    assert isinstance(floor, Estimate)
    assert isinstance(excess, Estimate)
    assert floor.value == pytest.approx(oracle["expected"]["noise"])
    assert excess.value == pytest.approx(oracle["expected"]["excess"])
    assert excess.low is not None
    assert excess.low > 0
    assert f"{oracle['expected']['diffy_relative_pct']:.1f}% apart" in excess.method
