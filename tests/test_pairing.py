"""Pairing: joined by id and by nothing else, nothing dropped, and what is stored can be judged again."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.columns import PAIR_COLUMNS, ROLE_COLUMNS, column_names, slice_counts
from evalkit.errors import BrokenError
from evalkit.pairing import pair, rescored
from evalkit.requests import build_requests
from evalkit.table import table
from tests import factory
from tests.factory import EMPTY, ERROR, NONSENSE, TIMEOUT, Case

small = factory.cases(most=15, timed=True)


def paired(case: Case, **outputs: object) -> factory.Columns:
    suite = case.suite()
    given = {role: case.outputs(role) for role in ("teacher", "student")} | outputs
    return pair(suite, build_requests(suite), given)  # type: ignore[arg-type]


@given(small, st.randoms(use_true_random=False))
def test_the_order_in_which_outputs_arrive_does_not_matter(case: Case, luck: random.Random) -> None:
    teacher, student = case.outputs("teacher"), case.outputs("student")
    luck.shuffle(teacher)
    luck.shuffle(student)
    assert paired(case, teacher=teacher, student=student) == paired(case)


@given(small)
def test_every_example_has_a_row_however_its_models_failed(case: Case) -> None:
    columns = paired(case)
    assert columns.n == case.n
    names = {*PAIR_COLUMNS, *(f"{role}_{name}" for role in ("teacher", "student") for name in ROLE_COLUMNS)}
    assert set(columns.data) == names
    assert {len(values) for values in columns.data.values()} == {case.n}
    assert list(columns.data["target"]) == list(case.target)


@given(small)
def test_what_is_stored_is_judged_again_as_it_was(case: Case) -> None:
    assert rescored(paired(case)) == []


def test_a_stored_score_that_does_not_follow_is_named() -> None:
    columns = paired(factory.from_cells(2, 1, 0, 0))
    forged = {**columns.data, "student_correct": [True, True, True]}
    assert rescored(replace(columns, data=forged)) == [("e00002", "student", "correct")]


@pytest.mark.parametrize("how", ["one too few", "one too many", "another's id", "the same twice"])
def test_outputs_for_other_examples_than_the_suites_are_refused(how: str) -> None:
    case = factory.from_cells(3, 0, 0, 0)
    given = case.outputs("student")
    given = {
        "one too few": given[:-1],
        "one too many": [*given, factory.output("e00009", "a")],
        "another's id": [*given[:-1], factory.output("e00009", "a")],
        "the same twice": [*given[:-1], given[0]],
    }[how]
    with pytest.raises(BrokenError, match="student did not answer exactly the examples of intents"):
        paired(case, student=given)


def test_a_champion_stands_beside_the_others() -> None:
    columns = replace(factory.from_cells(2, 1, 1, 1), champion=["a", "a", "b", "b", "a"]).columns()
    assert columns.roles == ("teacher", "student", "champion")
    assert list(table(columns, "champion").teacher.correct) == [True, True, False, False, True]  # type: ignore[union-attr]


def test_the_teachers_second_run_may_be_on_a_part_and_is_empty_elsewhere() -> None:
    case = replace(factory.from_cells(3, 0, 0, 0), teacher_again=["a", "b", "a"])
    columns = paired(case, teacher_again=case.outputs("teacher_again")[:2])
    assert columns.data["teacher_again_status"] == ["ok", "ok", None]
    assert columns.data["teacher_again_answer"] == ["a", "b", None]
    assert rescored(columns) == []
    with pytest.raises(BrokenError, match="teacher_again"):
        paired(case, teacher_again=[factory.output("e00009", "a")])


@pytest.mark.parametrize("role", ["teacher", "student"])
def test_a_status_that_was_taken_away_hides_no_forged_score(role: str) -> None:
    columns = paired(factory.from_cells(0, 1, 1, 0))
    wrong = 1 if role == "teacher" else 0
    forged = dict(columns.data)
    for name, value in (("status", None), ("correct", True)):
        cells = list(forged[f"{role}_{name}"])
        cells[wrong] = value
        forged[f"{role}_{name}"] = cells
    assert (f"e0000{wrong}", role, "correct") in rescored(replace(columns, data=forged))


def test_confidence_is_the_probability_of_the_answer_that_was_given() -> None:
    case = Case(
        target=["a", "a", "a"],
        teacher=["a", "a", "a"],
        student=["a", "b", ERROR],
        student_probs=[(0.7, 0.2, 0.1), (0.7, 0.2, 0.1), None],
    )
    assert case.columns().data["student_confidence"] == [0.7, 0.2, None]
    # Where it counts, a failure is certain and wrong.
    assert list(case.pairs().student.confidence) == [0.7, 0.2, 1.0]


def test_failures_are_what_they_are_in_the_table() -> None:
    case = Case(target=["a"] * 5, teacher=["a"] * 5, student=["a", ERROR, TIMEOUT, EMPTY, NONSENSE])
    side = case.pairs().student
    assert list(side.status) == ["ok", "error", "timeout", "empty", "ok"]
    assert list(side.errored) == [False, True, True, False, False]
    assert list(side.answered) == [True, False, False, False, False]
    assert list(side.unparsable) == [False, False, False, False, True]
    assert list(side.correct) == [True, False, False, False, False]
    assert list(side.choice) == [0, -1, -1, -1, -1]


def test_slices_are_the_declared_ones_and_the_classes() -> None:
    case = Case(target=["a", "b", None], teacher=["a"] * 3, student=["a"] * 3, slices={"language": ["de", "de", "en"]})
    assert slice_counts(case.columns()) == {"language": {"de": 2, "en": 1}, "target": {"a": 1, "b": 1}}
    pairs = case.pairs()
    assert list(pairs.slice_mask("language=de")) == [True, True, False]
    assert list(pairs.slice_mask("target=b")) == [False, True, False]
    assert not pairs.slice_mask("language=it").any()
    assert not pairs.slice_mask("dialect=de").any()


def test_where_filters_by_any_column_as_text() -> None:
    case = Case(
        target=["a", "b", "c"],
        teacher=["a"] * 3,
        student=["a"] * 3,
        severity=["low", "critical", "critical"],
        extra={"age": [7, 30, 7], "new": [True, False, None]},
    )
    pairs, columns = case.pairs(), case.columns()
    assert {"severity", "target", "id", "age", "new"} <= column_names(columns)
    for where, expected in (
        ([("severity", ("critical",))], [False, True, True]),
        ([("age", ("7",))], [True, False, True]),
        ([("age", ("7", "30"))], [True, True, True]),
        ([("age", ("7",)), ("severity", ("critical",))], [False, False, True]),
        ([("new", ("true",))], [True, False, False]),
        ([("target", ("c", "b"))], [False, True, True]),
        ([], [True, True, True]),
    ):
        assert list(pairs.where_mask(where)) == expected


def test_the_row_keeps_the_data_and_not_the_input_twice() -> None:
    case = Case(target=["a"], teacher=["a"], student=["a"], extra={"note": ["n"], "many": [[1, 2]]})
    assert json.loads(case.columns().data["row"][0]) == {"id": "e00000", "note": "n"}
    assert case.columns().data["input"] == ["input 0"]
