"""Agreement of texts, and their lengths: equal but for space, alike by their edits; two silences do not agree."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.metrics import Setting, families, text
from evalkit.stats.text import LONGEST
from evalkit.types import Estimate, Measured, Undefined
from tests.factory import EMPTY, ERROR, FAILURES, Case


def written(teacher: list[str], student: list[str], **more: Any) -> Case:
    fixed: dict[str, Any] = {"task": "generate", "scorer": "exact", "labels": (), **more}
    return Case(target=[None] * len(teacher), teacher=teacher, student=student, **fixed)


def measured(case: Case) -> dict[str, Measured]:
    found: dict[str, Measured] = {}
    for family in families():
        if family.name in ("text", "length"):
            assert family.applies(case.facts())
            found |= family.measure(case.pairs(), Setting(0.9, 0, ("text",), 200))
    return found


def value(case: Case, name: str) -> float:
    found = measured(case)[name]
    assert isinstance(found, Estimate), found
    return found.value


def test_space_around_a_text_is_no_difference_and_case_is() -> None:
    case = written(["yes", "yes ", "a b"], [" yes\n", "Yes", "a  b"])
    assert value(case, "agreement.exact") == pytest.approx(1 / 3)
    assert value(case, "agreement.text_similarity") == pytest.approx((1 + 2 / 3 + 3 / 4) / 3)


@pytest.mark.parametrize("one", [ERROR, EMPTY, "  "])
@pytest.mark.parametrize("other", [ERROR, EMPTY, "\n"])
def test_two_models_that_say_nothing_do_not_agree(one: str, other: str) -> None:
    case = written(["yes"] * 3 + [one], ["yes"] * 3 + [other])
    assert value(case, "agreement.exact") == 0.75
    assert value(case, "agreement.text_similarity") == 0.75
    assert value(case, "outputs.length_ratio") == 1.0


def test_similarity_has_its_published_values() -> None:
    """Oracle A.norm_levenshtein_similarity."""
    teacher = ["The cat is sitting on the mat.", "A refund was issued for order 1234"]
    student = ["The cat sat on the mat.", "Refund issued to order 1234"]
    case = written(teacher, student)
    expected = (0.7333333333333334 + 0.7352941176470589) / 2
    assert value(case, "agreement.text_similarity") == pytest.approx(expected)


def test_records_agree_by_what_was_parsed_and_are_alike_by_their_texts() -> None:
    case = written(["a", "b"], ["a", "b"], task="extract", scorer="normalised")
    spelt = written(["The Card.", "b"], ["card", "c"], task="extract", scorer="normalised")
    assert value(case, "agreement.exact") == 1.0
    assert value(spelt, "agreement.exact") == 0.5
    assert value(spelt, "agreement.text_similarity") == pytest.approx(3 / 9 / 2)


def test_only_what_follows_the_marker_is_compared() -> None:
    teacher, student = ["long thought</think> yes"] * 4, ["other</think>yes"] * 3 + ["it never ends"]
    case = written(teacher, student, answer_after="</think>")
    assert value(case, "agreement.exact") == 0.75
    assert value(case, "outputs.length_ratio") == 0.75


texts = st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8)), min_size=1, max_size=20)


@given(texts)
@settings(max_examples=40)
def test_the_length_ratio_is_of_characters_over_all_examples(rows: list[tuple[str, str]]) -> None:
    # A failure's own sign would be taken for an answer.
    rows = [(one, other) for one, other in rows if not {one, other} & set(FAILURES)]
    if not rows:
        return
    teacher, student = (list(each) for each in zip(*rows, strict=True))
    found = measured(written(teacher, student))["outputs.length_ratio"]
    total = sum(len(each.strip()) for each in teacher)
    if total == 0:
        assert found == Undefined(reason="the teacher says nothing")
    elif isinstance(found, Estimate):
        assert found.value == pytest.approx(sum(len(each.strip()) for each in student) / total)
        assert found.n == len(rows)
        assert "characters" in found.method


def test_a_student_that_fails_on_half_says_half_as_much() -> None:
    assert value(written(["yes"] * 40, ["yes"] * 20 + [ERROR] * 20), "outputs.length_ratio") == 0.5


def test_of_very_long_texts_the_beginning_is_compared_and_the_method_says_so() -> None:
    start = "word " * (LONGEST // 5)
    case = written([start + "one end"] * 20, [start + "another"] * 20)
    found = measured(case)["agreement.text_similarity"]
    assert isinstance(found, Estimate)
    assert found.value == 1.0
    assert f"first {LONGEST} characters" in found.method
    assert value(case, "agreement.exact") == 0.0


def test_two_texts_are_compared_once_however_many_slices_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str]] = []

    def compared(one: str, other: str) -> float:
        asked.append((one, other))
        return 0.25 * len(asked)

    monkeypatch.setattr(text, "edit_similarity", compared)
    pairs = written(["a", "b", "c", "d"], ["1", "2", "3", "4"]).pairs()
    later = pairs.take(np.array([3, 1, 2]))
    # Rows of rows, asked first: each is where it was.
    assert text.similarity(later.take(np.array([False, True, True]))).tolist() == [0.5, 0.75]
    assert text.similarity(later).tolist() == [1.0, 0.5, 0.75]
    assert text.similarity(pairs).tolist() == [0.25, 0.5, 0.75, 1.0]
    assert asked == [("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")]
