"""F1 over fields: pooled counts, as scikit-learn pools them; what was never read has missed all that it should hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from evalkit.metrics import Setting
from evalkit.metrics.fields import FAMILY
from evalkit.types import Estimate, Measured, Undefined
from tests.factory import EMPTY, ERROR, NONSENSE, Case
from tests.metrics import shapes

Counts = Mapping[str, tuple[int, int, int]]
RIGHT, WRONG, MADE_UP, MISSED, ABSENT = (1, 0, 0), (0, 1, 1), (0, 1, 0), (0, 0, 1), (0, 0, 0)


def records(teacher_fields: Sequence[Counts | None], student_fields: Sequence[Counts | None], **more: Any) -> Case:
    said = [f"record {row}" for row in range(len(teacher_fields))]
    fixed = {"target": ['{"a": 1}'] * len(said), "teacher": said, "student": said, **more}
    counted = {"teacher_fields": teacher_fields, "student_fields": student_fields}
    return Case(task="extract", scorer="exact", labels=(), **counted, **fixed)


def measured(case: Case, resamples: int = 200) -> dict[str, Measured]:
    return dict(FAMILY.measure(case.pairs(), Setting(0.9, 0, ("fields",), resamples)))


def estimate(case: Case, name: str) -> Estimate:
    found = measured(case)[f"fields.f1.{name}"]
    assert isinstance(found, Estimate), found
    return found


def test_the_reference_note_has_eight_elevenths() -> None:
    """Four right; two that should not be there and one that is missed, a wrong value being one of each."""
    student = [{"name": RIGHT, "date": RIGHT, "city": MADE_UP}, {"name": RIGHT, "date": WRONG, "sum": RIGHT}]
    teacher = [{"name": RIGHT, "date": RIGHT}, {"name": RIGHT, "date": RIGHT, "sum": RIGHT}]
    case = records(teacher, student)
    assert estimate(case, "student").value == pytest.approx(8 / 11)
    assert estimate(case, "teacher").value == 1.0
    assert estimate(case, "difference").value == pytest.approx(-3 / 11)
    assert "4 right, 2 spurious, 1 missed" in estimate(case, "student").method


kinds = st.sampled_from([RIGHT, WRONG, MADE_UP, MISSED, ABSENT])


@given(st.lists(st.tuples(kinds, kinds, kinds), min_size=1, max_size=30))
@settings(max_examples=40)
def test_it_is_the_micro_f1_of_field_and_value_pairs(rows: list[tuple[tuple[int, int, int], ...]]) -> None:
    held = [dict(zip("abc", row, strict=True)) for row in rows]
    # Each field has a column for its right value and one for a wrong one, as a table of labels would.
    gold = [[each for kind in row for each in (kind in (RIGHT, WRONG, MISSED), 0)] for row in rows]
    said = [[each for kind in row for each in (kind == RIGHT, kind in (WRONG, MADE_UP))] for row in rows]
    found = measured(records(held, held), 5)["fields.f1.student"]
    if not np.any(gold) and not np.any(said):
        assert found == Undefined(reason="no field is expected, and none is given")
    elif isinstance(found, Estimate):
        expected = f1_score(np.array(gold, int), np.array(said, int), average="micro", zero_division=0)
        assert found.value == pytest.approx(expected)
    else:
        assert "too few examples" in found.reason


@pytest.mark.parametrize("how", [ERROR, EMPTY, NONSENSE])
def test_an_answer_that_was_never_read_has_missed_its_whole_record(how: str) -> None:
    record = {"a": RIGHT, "b": MISSED, "c": MADE_UP}
    case = records([record] * 20, [record] * 20, student=["record"] * 10 + [how] * 10)
    found = estimate(case, "student")
    # Ten records as the teacher's, and ten with two values missed.
    assert found.value == pytest.approx(2 * 10 / (2 * 10 + 10 + 10 + 20))
    assert found.n == 20


@pytest.mark.parametrize("role", ["teacher", "student"])
def test_of_answers_whose_fields_the_scorer_did_not_count_there_is_no_f1(role: str) -> None:
    told: list[Counts | None] = [{"a": RIGHT}] * 27 + [None] * 3
    case = records(
        told if role == "teacher" else [{"a": RIGHT}] * 30, told if role == "student" else [{"a": RIGHT}] * 30
    )
    why = f'the scorer "exact" counted no fields for 3 of the {role}\'s answers'
    assert set(measured(case).values()) == {Undefined(reason=why)}
    # Without a target nothing is to be counted.
    untold = replace(case, target=['{"a": 1}'] * 27 + [None] * 3)
    assert estimate(untold, role).n == 27


def test_against_the_student_speaks_what_it_has_wrong_and_its_teacher_has_not() -> None:
    teacher: list[Counts | None] = [{"a": RIGHT}, {"a": WRONG}, {"a": RIGHT}, None, {"a": RIGHT}]
    student: list[Counts | None] = [{"a": WRONG}, {"a": MISSED}, {"a": RIGHT}, {"a": WRONG}, {"a": WRONG}]
    case = records(teacher, student, target=["{}"] * 4 + [None])
    assert FAMILY.against(case.pairs()).tolist() == [2, 0, 0, 0, 0]


def test_examples_without_a_target_are_left_out() -> None:
    case = records([{"a": RIGHT}] * 30, [{"a": WRONG}] * 15 + [{"a": RIGHT}] * 15, target=[None] * 15 + ["{}"] * 15)
    assert estimate(case, "student").value == 1.0
    assert estimate(case, "student").n == 15


def test_a_scorer_that_counts_no_fields_leaves_f1_undefined() -> None:
    found = measured(shapes.texts(1, 30, task="extract"))
    why = 'the scorer "exact" counted no fields for 30 of the teacher\'s answers'
    assert set(found.values()) == {Undefined(reason=why)}


def test_the_difference_is_paired() -> None:
    rng = np.random.default_rng(0)
    hard = rng.random(300) < 0.5
    teacher = [{"a": WRONG, "b": MISSED} if each else {"a": RIGHT, "b": RIGHT} for each in hard]
    student = [{**each, "b": MISSED} if row % 20 == 0 else each for row, each in enumerate(teacher)]
    apart, change = (estimate(records(teacher, student), name) for name in ("student", "difference"))
    assert apart.high is not None
    assert apart.low is not None
    assert change.high is not None
    assert change.low is not None
    assert change.high < 0
    assert change.high - change.low < 0.5 * (apart.high - apart.low)
