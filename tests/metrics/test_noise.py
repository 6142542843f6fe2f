"""The teacher against itself where answers are written: as the scorer read them, and on a safety suite as stances."""

from __future__ import annotations

from typing import Any

import pytest

from evalkit.metrics import Setting
from evalkit.metrics.noise import FAMILY
from evalkit.types import Estimate
from tests.factory import COMPLIED, EMPTY, ERROR, REFUSED, UNDETERMINED, Case


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
