"""Label and choice: which texts name one of a closed set, and which do not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.types import Score
from tests.scoring import one

LABELS = ("yes", "no", "maybe so")
CITIES = ("London", "Paris", "New York", "None of these")


def said(text: str, target: str | None = "Paris", choices: tuple[str, ...] = CITIES) -> Score:
    return one.judge("choice", target, text, choices)


@pytest.mark.parametrize("name", ["label", "choice"])
@pytest.mark.parametrize("target", LABELS)
def test_the_right_label_is_right_and_each_other_wrong(name: str, target: str) -> None:
    for label in LABELS:
        for given_as in (one.ok(label=label), one.ok(text=f" {label}\n")):
            found = one.judge(name, target, given_as, LABELS)
            assert (found.correct, found.answer, found.unparsable) == (label == target, label, False)


@given(text=st.text(max_size=30).filter(lambda text: text.strip() not in LABELS and text.strip()))
def test_a_label_is_taken_as_it_is_or_not_at_all(text: str) -> None:
    found = one.judge("label", "yes", text, LABELS)
    assert (found.correct, found.answer, found.unparsable) == (False, None, True)
    assert "none of the 3 labels" in found.why


@pytest.mark.parametrize("name", ["label", "choice"])
@pytest.mark.parametrize("label", ["YES", "A", "perhaps"])
def test_a_picked_label_outside_the_set_is_unparsable(name: str, label: str) -> None:
    found = one.judge(name, "yes", one.ok(label=label), LABELS)
    assert (found.correct, found.answer, found.unparsable) == (False, None, True)


@pytest.mark.parametrize("name", ["label", "choice"])
def test_a_label_counts_before_the_text_around_it(name: str) -> None:
    assert one.judge(name, "yes", one.ok(text="I think no", label="yes"), LABELS).correct is True


NAMES = [
    "Paris", "paris.", "**Paris**", "B", "B.", "(b)", "[B]", "b)", "(B) Paris", "B. Paris", "B: paris", "Answer: B",
    "The answer is B.", "the correct answer is: (B)", "Answer: **Paris**", "So the best choice is B) Paris.", "a Paris",
]  # fmt: skip


@pytest.mark.parametrize("text", NAMES)
def test_a_text_that_names_one_choice_is_that_choice(text: str) -> None:
    assert said(text) == Score(correct=True, answer="Paris")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Rome", "no choice"),
        ("E", "there is no fifth choice"),
        ("2", "from 0, or from 1?"),
        ("b", "a small letter alone may be a word"),
        ("B) London", "letter and text disagree"),
        ("A or B", "two of them"),
        ("B is right, I think", "prose"),
        ("Paris or London", "two of them"),
        ("I like Paris", "prose"),
        ("The answer is Paris, not London", "prose"),
        ("C Paris", "letter and text disagree"),
    ],
)
def test_a_text_that_could_mean_another_is_unparsable(text: str, why: str) -> None:
    found = said(text)
    assert (found.correct, found.answer, found.unparsable) == (False, None, True), why


def test_letters_are_no_names_where_choices_are_letters() -> None:
    assert said("B", "C", ("C", "B", "A")).answer == "B"
    assert said("D", "C", ("C", "B", "A", "Z")).unparsable
    assert said("(b)", "C", ("C", "B", "A")).answer == "B"


def test_a_text_that_is_two_choices_but_for_case_is_neither() -> None:
    assert said("paris", "Paris", ("Paris", "PARIS")).unparsable
    assert said("PARIS", "Paris", ("Paris", "PARIS")).answer == "PARIS"


@given(
    choices=st.lists(st.text(min_size=1, max_size=6).filter(str.strip), min_size=2, unique_by=str.strip), data=st.data()
)
def test_a_choice_itself_always_names_it(choices: list[str], data: st.DataObject) -> None:
    picked = data.draw(st.sampled_from([each.strip() for each in choices]))
    found = said(picked, picked, tuple(each.strip() for each in choices))
    assert (found.correct, found.answer) == (True, picked)
