"""Marks: every example that can have them counts, failures are worth nothing, a near-copy is no surer than a copy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.metrics import Setting
from evalkit.metrics.score import FAMILY
from evalkit.types import Estimate, Measured, Undefined
from tests.factory import ERROR, Case

Marks = Sequence[float | None]


def marked(teacher_marks: Marks, student_marks: Marks, **more: Any) -> Case:
    said = [f"answer {row}" for row in range(len(teacher_marks))]
    fixed = {"target": said, "teacher": said, "student": said, **more}
    given_marks = {"teacher_marks": teacher_marks, "student_marks": student_marks}
    return Case(task="generate", scorer="exact", marked=True, **given_marks, **fixed)


def measured(case: Case, resamples: int = 400) -> dict[str, Measured]:
    return dict(FAMILY.measure(case.pairs(), Setting(0.9, 0, ("score",), resamples)))


def estimate(case: Case, name: str) -> Estimate:
    found = measured(case)[f"score.{name}"]
    assert isinstance(found, Estimate), found
    return found


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=60))
@settings(max_examples=30)
def test_means_their_difference_and_their_ratio(marks: list[tuple[float, float]]) -> None:
    teacher, student = (np.array(each) for each in zip(*marks, strict=True))
    found = measured(marked(teacher.tolist(), student.tolist()), 20)
    expected: dict[str, float] = {"teacher": teacher.mean(), "student": student.mean()}
    expected["difference"] = student.mean() - teacher.mean()
    for name, value in expected.items():
        seen = found[f"score.{name}"]
        assert isinstance(seen, Estimate)
        assert seen.value == pytest.approx(value, abs=1e-12)
    kept = found["score.retention"]
    if isinstance(kept, Estimate):
        assert kept.value == pytest.approx(student.sum() / teacher.sum())


def test_the_bootstrap_is_paired() -> None:
    """Examples differ far more from each other than the models do on each: resampled apart, nothing would be seen."""
    rng = np.random.default_rng(1)
    teacher = rng.choice([0.1, 0.95], size=300)
    student = teacher - rng.uniform(0.03, 0.05, size=300)
    found = estimate(marked(teacher.tolist(), student.tolist()), "difference")
    assert found.high is not None
    assert found.low is not None
    assert found.high < 0
    assert found.high - found.low < 0.02
    kept = estimate(marked(teacher.tolist(), student.tolist()), "retention")
    assert kept.high is not None
    assert kept.high < 1


def test_a_failed_answer_has_no_marks_and_stays_in_the_mean() -> None:
    case = marked([0.8] * 40, [0.8] * 40)
    failed = replace(case, student=[ERROR] * 10 + list(case.student[10:]))
    found = estimate(failed, "student")
    assert found.value == pytest.approx(0.6)
    assert found.n == 40
    assert "10 errored outputs counted as 0" in found.method
    # So it is where the scorer left the cell empty.
    unmarked = replace(failed, student_marks=[None] * 10 + [0.8] * 30)
    assert estimate(unmarked, "student").value == pytest.approx(0.6)


def test_examples_without_a_target_count_only_where_a_scorer_marked_them() -> None:
    case = marked([0.5, None, None], [0.7, 0.9, None], target=["x", None, None], student=["a", "b", "c"])
    assert measured(case)["score.student"] == Undefined(
        reason="the scorer gave no marks for 1 of the teacher's answers"
    )
    judged = replace(case, teacher_marks=[0.5, 0.5, None])
    assert estimate(judged, "student").n == 2
    assert estimate(judged, "difference").value == pytest.approx(0.3)


def test_an_answer_that_was_not_marked_is_named_and_never_skipped() -> None:
    found = measured(marked([0.5] * 5, [0.5] * 4 + [None]))
    assert set(found.values()) == {Undefined(reason="the scorer gave no marks for 1 of the student's answers")}


def test_a_teacher_without_marks_leaves_nothing_to_retain() -> None:
    found = measured(marked([0.0] * 30, [0.5] * 30))
    kept = found["score.retention"]
    assert isinstance(kept, Undefined)
    assert "nothing to retain" in kept.reason
    assert isinstance(found["score.difference"], Estimate)


def test_without_targets_and_marks_there_is_no_score() -> None:
    found = measured(marked([None] * 3, [None] * 3, target=[None] * 3))
    assert set(found.values()) == {Undefined(reason="no example has a target or marks")}


@pytest.mark.parametrize("n", [3, 8, 19])
def test_a_near_copy_is_no_surer_than_a_copy_on_few_examples(n: int) -> None:
    rng = np.random.default_rng(n)
    teacher = rng.uniform(0.5, 0.9, size=n)
    near = teacher - rng.uniform(0.0, 1e-6, size=n)
    copy, almost = (estimate(marked(teacher.tolist(), each.tolist()), "retention") for each in (teacher, near))
    assert copy.low is not None
    assert almost.low is not None
    assert almost.low <= copy.low + 1e-5
    assert "n is small" in almost.method


@pytest.mark.parametrize("n", [20, 200])
def test_a_near_copy_is_no_surer_than_a_copy_on_many_examples(n: int) -> None:
    rng = np.random.default_rng(n)
    teacher = rng.uniform(0.5, 0.9, size=n)
    for name, least in (("difference", 2.706 / (n + 2.706)), ("retention", 2.706 / (n + 2.706) / teacher.mean())):
        near = estimate(marked(teacher.tolist(), (teacher - rng.uniform(0.0, 1e-4, size=n)).tolist()), name)
        assert near.low == pytest.approx(near.value - least, abs=1e-4)
        assert "for what no example shows" in near.method


def test_where_few_examples_carry_the_loss_the_interval_is_stretched() -> None:
    teacher = np.full(2000, 0.8)
    student = teacher.copy()
    student[:10] = 0.0
    found = estimate(marked(teacher.tolist(), student.tolist()), "difference")
    assert "for few that carry the spread" in found.method
    assert found.low is not None
    plain = 1.645 * float((student - teacher).std()) / np.sqrt(2000)
    assert found.value - found.low > 1.1 * plain
