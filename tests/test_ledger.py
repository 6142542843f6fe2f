"""What a reader is shown: the transition table adds up, and the gravest pairs come first."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given

from evalkit.columns import Columns
from evalkit.ledger import reading_order, transitions
from evalkit.types import Pair
from tests import factory
from tests.factory import EMPTY, ERROR, Case


def worth_reading(columns: list[Columns]) -> tuple[Pair, ...]:
    found = reading_order(columns)
    return found.pairs[: found.changed]


@given(factory.cases())
def test_transitions_add_up_to_the_examples_with_a_target(case: Case) -> None:
    found = transitions([case.columns()])
    targeted = sum(target is not None for target in case.target)
    if not targeted:
        assert found == {}
        return
    assert found[case.name].n == targeted
    right = [one == other for one, other in zip(case.student, case.target, strict=True)]
    assert found[case.name].both_right + found[case.name].wrong_to_right == sum(right)


def test_transitions_are_the_paired_table_with_its_last_cell_split() -> None:
    case = Case(target=["a"] * 6, teacher=["a", "a", "b", "b", "b", ERROR], student=["a", "b", "a", "b", "c", EMPTY])
    found = transitions([case.columns()])["intents"]
    assert (found.both_right, found.right_to_wrong, found.wrong_to_right) == (1, 1, 1)
    # Two models without an answer did not change theirs.
    assert (found.both_wrong_same, found.wrong_to_other_wrong) == (2, 1)


def test_without_a_teacher_or_without_right_and_wrong_there_is_no_table() -> None:
    alone = replace(factory.from_cells(1, 1, 1, 1), teacher=None)
    refusals = replace(factory.from_cells(1, 1, 1, 1), kind="safety-refusal")
    assert transitions([alone.columns(), refusals.columns()]) == {}


@given(factory.cases())
def test_every_lost_example_is_worth_reading_and_none_that_stayed_the_same(case: Case) -> None:
    found = {pair.id: pair for pair in worth_reading([case.columns()])}
    for index, (target, teacher, student) in enumerate(zip(case.target, case.teacher or (), case.student, strict=True)):
        name = f"e{index:05d}"
        if target is not None and (teacher == target) != (student == target):
            assert found[name].flip == ("right_to_wrong" if teacher == target else "wrong_to_right")
        if teacher == student:
            assert name not in found


@given(factory.cases(least=20, untargeted=0.2))
def test_the_gravest_come_first(case: Case) -> None:
    found = worth_reading([case.columns()])
    kinds = ["right_to_wrong", "wrong_to_other_wrong", "no_target", "wrong_to_right", "both_wrong_same", "both_right"]
    severities = ["critical", "high", "normal", "low"]
    keys = [
        (kinds.index(pair.flip), severities.index(pair.severity), pair.unstable, -(pair.student.confidence or 0.0))
        for pair in found
    ]
    assert keys == sorted(keys)


def test_a_flip_keeps_its_class_and_says_where_the_teacher_is_unstable() -> None:
    case = Case(
        target=["a"] * 4,
        teacher=["a"] * 4,
        student=["b", "b", "b", "a"],
        teacher_again=["b", "a", ERROR, "b"],
        severity=["normal", "normal", "low", "critical"],
    )
    found = worth_reading([case.columns()])
    # Both right is not worth reading, unstable or not; what is graver comes first, and then what is stable.
    assert [(pair.id, pair.flip, pair.unstable) for pair in found] == [
        ("e00001", "right_to_wrong", False),
        ("e00000", "right_to_wrong", True),
        ("e00002", "right_to_wrong", False),
    ]


def test_a_teacher_that_ran_once_has_no_unstable_example() -> None:
    case = replace(factory.random_case(1, 60, student_right=0.3), teacher_again=None)
    assert not any(pair.unstable for pair in worth_reading([case.columns()]))


def test_without_a_teacher_what_the_student_got_wrong_is_worth_reading() -> None:
    case = Case(target=["a", "a", "a", None], student=["a", "b", ERROR, "a"])
    found = worth_reading([case.columns()])
    assert {pair.id for pair in found} == {"e00001", "e00002"}
    assert all(pair.teacher is None for pair in found)


@given(factory.cases())
def test_every_example_is_read_once_and_the_changed_ones_first(case: Case) -> None:
    columns = case.columns()
    found = reading_order([columns])
    assert sorted(pair.id for pair in found.pairs) == sorted(columns.data["id"])
    rest = [pair.id for pair in found.pairs[found.changed :]]
    assert rest == [each for each in columns.data["id"] if each in set(rest)]


def test_of_too_many_examples_the_changed_are_held_and_an_even_share_of_the_others() -> None:
    case = factory.from_cells(900, 10, 0, 0)
    found = reading_order([case.columns()], most=100)
    assert (len(found.pairs), found.changed) == (100, 10)
    assert all(pair.flip == "right_to_wrong" for pair in found.pairs[:10])
    places = [int(pair.id[1:]) for pair in found.pairs[10:]]
    assert places[0] == 0
    assert places[-1] == 899
    assert reading_order([case.columns()], most=4).changed == 10
    assert len(reading_order([case.columns()], most=4).pairs) == 4


def test_the_probability_of_the_target_is_there_to_be_read() -> None:
    case = factory.random_case(1, 30)
    columns = case.columns()
    labels = {label: place for place, label in enumerate(columns.facts.labels)}
    by_id = {each: row for row, each in enumerate(columns.data["id"])}
    seen = 0
    for pair in reading_order([columns]).pairs:
        probs = columns.data["student_probs"][by_id[pair.id]]
        if pair.target is not None and probs is not None:
            assert pair.student.target_confidence == probs[labels[pair.target]]
            seen += 1
    assert seen


def test_both_outputs_and_why_are_there_to_be_read() -> None:
    case = Case(target=["a"], teacher=["a"], student=[ERROR], slices={"language": ["de"]}, severity=["high"])
    [pair] = worth_reading([case.columns()])
    assert (pair.suite, pair.input, pair.target, pair.severity) == ("intents", "input 0", "a", "high")
    assert pair.slices == {"language": "de"}
    assert pair.teacher is not None
    assert (pair.teacher.answer, pair.teacher.correct) == ("a", True)
    assert (pair.student.status, pair.student.answer, pair.student.why) == ("error", None, "it broke")


def test_answers_with_marks_come_by_the_marks_they_lost() -> None:
    texts = ["the bill is due on friday", "the bill is due", "the", "friday"]
    target = ["the bill is due on friday"] * 4
    case = Case(
        target=target,
        teacher=["the bill is due on friday"] * 3 + ["the"],
        student=texts,
        labels=(),
        task="generate",
        scorer="text_similarity",
        settings={"measure": "rouge_l"},
        marked=True,
    )
    found = worth_reading([case.columns()])
    # The last pair says something else and is worth as much.
    assert [pair.id for pair in found] == ["e00002", "e00001"]
    assert {pair.flip for pair in found} == {"graded"}


def test_texts_without_a_target_come_by_how_little_they_have_in_common() -> None:
    case = Case(
        target=[None] * 3,
        teacher=["the bill is due on friday"] * 3,
        student=["the bill is due on monday", "no idea", "the bill is due on friday"],
        labels=(),
        task="generate",
        scorer="exact",
    )
    assert [pair.id for pair in worth_reading([case.columns()])] == ["e00001", "e00000"]
