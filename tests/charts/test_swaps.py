"""Which answers changed into which: counts against the flip ledger, and no counts of free text."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from evalkit.charts.swaps import MOST, swaps
from evalkit.ledger import transitions
from evalkit.types.points import Swap
from tests import factory
from tests.factory import EMPTY, ERROR, FAILURES, NONSENSE, Case
from tests.metrics import shapes


@given(factory.cases(most=200, labels=3))
def test_swaps_count_every_change_between_answers(case: Case) -> None:
    assert case.teacher is not None
    said = zip(case.teacher, case.student, strict=True)
    expected = Counter(pair for pair in said if pair[0] != pair[1] and not set(pair) & set(FAILURES))
    found = swaps(case.pairs())
    # Three labels have six ways to change.
    assert {(each.teacher, each.student): each.n for each in found} == dict(expected)


@given(factory.cases(most=200, labels=3, failures=0.0))
def test_what_is_lost_by_them_is_what_the_student_lost(case: Case) -> None:
    table = transitions([case.columns()]).get(case.name)
    assert sum(each.lost for each in swaps(case.pairs())) == (0 if table is None else table.right_to_wrong)


@given(factory.cases(most=300, labels=30))
def test_the_most_frequent_come_first_and_only_so_many(case: Case) -> None:
    found = swaps(case.pairs())
    assert len(found) <= MOST
    assert list(found) == sorted(found, key=lambda each: (-each.n, -each.lost, each.teacher, each.student))
    assert all(0 <= each.lost <= each.n and each.n > 0 for each in found)


@given(factory.cases(most=200), st.randoms(use_true_random=False))
def test_the_order_of_examples_changes_nothing(case: Case, chance: Any) -> None:
    order = list(range(case.n))
    chance.shuffle(order)
    assert swaps(case.taken(order).pairs()) == swaps(case.pairs())


def test_a_change_to_no_answer_is_no_swap() -> None:
    case = Case(
        target=["a", "a", "b", None, "a", "a", "a"],
        teacher=["a", "a", "a", "a", ERROR, "a", "a"],
        student=["b", "b", "b", "b", "a", NONSENSE, EMPTY],
    )
    # The third was won by it, and of the fourth nobody knows.
    assert swaps(case.pairs()) == (Swap(teacher="a", student="b", n=4, lost=2),)


def written(teacher: list[str], student: list[str], **more: Any) -> Case:
    return Case(
        name="said",
        task="generate",
        scorer="exact",
        labels=(),
        target=teacher,
        teacher=teacher,
        student=student,
        **more,
    )


def test_short_answers_of_few_kinds_are_swapped_and_free_text_is_not() -> None:
    few = written(["yes", "no"] * 10, ["no", "no"] * 10)
    assert swaps(few.pairs()) == (Swap(teacher="yes", student="no", n=10, lost=10),)
    every = [f"answer {index}" for index in range(20)]
    assert swaps(written(every, ["x"] * 20).pairs()) == ()
    long = "a sentence that says in sixty and some letters what yes says too"
    assert swaps(written(["yes", "no"] * 10, [long, "no"] * 10).pairs()) == ()
    assert swaps(shapes.texts(1, 100).pairs()) == ()


def test_suites_without_right_answers_have_no_swaps() -> None:
    few = written(["yes", "no"] * 10, ["no", "no"] * 10)
    assert swaps(replace(few, marked=True).pairs()) == ()
    assert swaps(shapes.refusals(1, 100).pairs()) == ()
