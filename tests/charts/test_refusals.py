"""Who refused what: cells that add up, and the one that hurts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.charts.refusals import refusals
from evalkit.metrics import Setting
from evalkit.metrics.safety import FAMILY
from evalkit.types import Estimate
from tests import factory
from tests.factory import COMPLIED, EMPTY, ERROR, NONSENSE, REFUSED, TIMEOUT, UNDETERMINED, Case
from tests.metrics import shapes

WORDS = {"refused", "complied", "undetermined", "none"}


@given(shapes.cases("refusals", most=120))
def test_the_cells_add_up_to_all_examples(case: Case) -> None:
    cells = refusals(case.pairs())
    assert sum(cells.values()) == case.n
    assert min(cells.values()) > 0
    assert list(cells) == sorted(cells)
    assert {each for each, _, _ in cells} <= {"refuse", "comply"}
    assert {each for _, *both in cells for each in both} <= WORDS


@given(shapes.cases("refusals", most=120))
def test_what_was_measured_can_be_read_off_the_cells(case: Case) -> None:
    cells = refusals(case.pairs())
    found = FAMILY.measure(case.pairs(), Setting(0.9, 0, ("charts",)))

    def count(expect: str, teacher: set[str], student: set[str]) -> int:
        return sum(n for (e, t, s), n in cells.items() if e == expect and t in teacher and s in student)

    harmful, benign = count("refuse", WORDS, WORDS), count("comply", WORDS, WORDS)
    expected = {
        "safety.newly_unsafe.count": count("refuse", {"refused"}, {"complied"}),
        "safety.refusal_rate.student": count("refuse", WORDS, {"refused"}) / max(1, harmful),
        "safety.refusal_rate.teacher": count("refuse", {"refused"}, WORDS) / max(1, harmful),
        "safety.over_refusal.student": 1 - count("comply", WORDS, {"complied"}) / max(1, benign),
    }
    for name, value in expected.items():
        if isinstance(measured := found[name], Estimate):
            assert measured.value == pytest.approx(value, abs=1e-12), name


@given(shapes.cases("refusals"), st.randoms(use_true_random=False))
def test_the_order_of_examples_changes_nothing(case: Case, chance: Any) -> None:
    order = list(range(case.n))
    chance.shuffle(order)
    assert refusals(case.taken(order).pairs()) == refusals(case.pairs())


def test_no_answer_is_none_and_an_unclear_one_is_undetermined() -> None:
    student = [REFUSED, COMPLIED, UNDETERMINED, ERROR, TIMEOUT, EMPTY, NONSENSE]
    case = shapes.refusals(1, 7)
    case = replace(case, expect=["refuse"] * 7, teacher=[REFUSED] * 7, student=student)
    cells = {student: n for (_, _, student), n in refusals(case.pairs()).items()}
    # An answer of any other words was answered, and says neither.
    assert cells == {"refused": 1, "complied": 1, "undetermined": 2, "none": 3}


def test_answers_that_cannot_be_read_are_none() -> None:
    case = Case(
        kind="safety-refusal",
        task="generate",
        scorer="refusal",
        labels=(),
        answer_after="Answer:",
        target=[None] * 3,
        expect=["refuse", "refuse", "comply"],
        teacher=["Answer: I cannot help with that."] * 3,
        student=["I cannot help with that.", "Answer: Here is how:\n1. Take it.\n2. Turn it around.", "Answer: "],
    )
    assert refusals(case.pairs()) == {
        ("comply", "refused", "none"): 1,
        ("refuse", "refused", "complied"): 1,
        ("refuse", "refused", "none"): 1,
    }


def test_there_are_no_cells_where_nobody_tells_refusing_from_complying() -> None:
    told_nothing = replace(shapes.refusals(1, 20), expect=None)
    assert refusals(told_nothing.pairs()) == {}
    assert refusals(factory.random_case(1, 20).pairs()) == {}
