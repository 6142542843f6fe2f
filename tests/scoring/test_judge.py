"""What a judge said, read as one verdict or as none; and the marks that follow."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.scoring import embedding, score_of
from evalkit.scoring.judge import READ, score, verdict_in
from evalkit.types import Example, Output, Score, SuiteFacts

WORDS = ("right", "wrong")
ANYTHING = st.text(max_size=60)


def facts(marks: dict[str, float] | None = None, *, marked: bool = False, **more: Any) -> SuiteFacts:
    return SuiteFacts(
        name="s", kind="gold", task="generate", version=1, scorer="judge", labels=(), slice_names=(), grouped=False,
        digest="d", path="p", marked=marked, settings={"marks": marks or {"right": 1, "wrong": 0}}, **more,
    )  # fmt: skip


def scored(judgement: str | None, text: str = "Paris", target: str | None = "Paris", **more: Any) -> Score:
    output = Output(example_id="e", status="ok", text=text, judgement=judgement)
    return score_of(score, Example(id="e", row={}, target=target), output, facts(**more))


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ("right", "right"),
        ("Right.", "right"),
        ("**Wrong**", "wrong"),
        ("The answer is right.", "right"),
        ("At first it looks right.\nBut it is wrong.", "wrong"),
        ("Verdict: right", "right"),
        ("**Verdict:** wrong", "wrong"),
        ("## Final verdict: right\nIt would be wrong to say otherwise.", "right"),
        ("Verdict: wrong\nOn second thoughts…\nVerdict: right", "right"),
        ('{"verdict": "wrong", "because": "it is not right"}', "wrong"),
        ('Here:\n```json\n{"Verdict": "Right"}\n```\nNothing wrong with it.', "right"),
        ('The student wrote {"verdict": "right"}.\nVerdict: wrong', "wrong"),
        ("It says a lot, and much of it is wrong.\nOverall, the student's answer is right.", "right"),
        ("**Right.**", "right"),
        ("Verdict:\nright", "right"),
        ("**Verdict:**\n\n  **wrong**\nIt looked right.", "wrong"),
        ("Verdict:\r\n---\r\nright\r\nNot wrong.", "right"),
        ("Verdict: right\nVerdict:\nwrong", "wrong"),
        ('Verdict:\n```json\n{"verdict": "right"}\n```', "right"),
    ],
)
def test_a_verdict_is_read_where_it_stands(said: str, word: str) -> None:
    assert verdict_in(said, WORDS) == (word, "")


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("", "said none of"),
        ("I cannot tell.", "said none of"),
        ("rightly, copyright, right-ish, wrongdoing", "said none of"),
        ("It is right or wrong.", "said right and wrong"),
        ("right\nIt could be right, it could be wrong", "said right and wrong"),
        ("Verdict: unclear\nThe answer is right", "said none of"),
        ('{"verdict": "maybe"}', "said none of"),
        ("It is not right.", "denied"),
        ("That isn't quite right", "denied"),
        ("Verdict: not wrong", "denied"),
        ("Verdict:\nnot right", "denied"),
        ("It is **not** right.", "denied"),
        ("It is not at *all* right.", "denied"),
        ("Verdict:", "said none of"),
        ("It is right.\nVerdict:\n\n", "said none of"),
        ("Verdict:\nhard to say\nright", "said none of"),
        (None, "the judge gave no answer"),
        # Cut off, or thinking aloud to the end.
        ("I must decide whether this answer is right. The reference says", "no verdict"),
        ("Is it right?\nNo, I do not think so.", "none of right, wrong"),
        ("This is far from right.", "no verdict"),
        ("right, right and right again", "no verdict"),
        ('The student wrote "Verdict: right". That is not convincing.', "no verdict"),
        ("Verdict: right? No.", "no verdict"),
    ],
)
def test_what_is_no_verdict_is_none(said: str | None, why: str) -> None:
    word, reason = verdict_in(said, WORDS)
    assert word is None
    assert why in reason


def test_the_longer_word_is_meant() -> None:
    words = ("right", "not right", "partly right")
    assert verdict_in("It is NOT RIGHT.", words)[0] == "not right"
    assert verdict_in("partly right", words)[0] == "partly right"


def test_marks_may_be_signs() -> None:
    assert verdict_in("Verdict: +", ("+", "-"))[0] == "+"
    assert verdict_in("Verdict:\n+\nIt is good.", ("+", "-"))[0] == "+"


def test_only_the_end_is_read_and_only_whole_lines_of_it() -> None:
    long = "\n".join(["hm"] * READ)
    assert verdict_in(f"Verdict: right\n{long}", WORDS)[0] is None
    assert verdict_in(f"{long}\nVerdict: right", WORDS)[0] == "right"
    # Half of this line would say the contrary.
    assert verdict_in(f"It is not{' ' * READ}right", WORDS)[0] is None
    exact = "right\n".ljust(READ)
    assert verdict_in(exact, WORDS)[0] == verdict_in(f"wrong\n{exact}", WORDS)[0] == "right"
    assert verdict_in(f"w{exact}", WORDS)[0] is None


HARD = (
    *("\n", " ", "\r\n", "_", "*", "\\", "{", "[", "{}", '{"verdict":', '{"verdict": "right"}', "#", ":", "Verdict"),
    *(
        "Verdict:\n",
        "Verdict\n:",
        "Verdict:\n\n",
        "the ",
        "my final ",
        "not ",
        "not  ",
        "not-",
        "n't ",
        "not*",
        "*not ",
    ),
    *("right ", "right\n", "not right ", "right wrong\n", "a", "é", "1.", "-1"),
)


@pytest.mark.parametrize("shape", HARD)
def test_hard_shapes_come_to_an_end(shape: str) -> None:
    for said in (shape * (READ // len(shape)), f"{shape * (READ // len(shape) - 20)}\nVerdict: right"):
        assert len(said) <= READ
        word, why = verdict_in(said, WORDS)
        assert (word is None) == bool(why)


def test_numbers_may_be_words() -> None:
    words = ("1", "2", "3", "4", "5")
    assert verdict_in("Rating: 4", words)[0] == "4"
    assert verdict_in("**Score**: 5.", words)[0] == "5"
    assert verdict_in('{"verdict": 3}', words)[0] == "3"
    assert verdict_in("Rating: 4.5", words)[0] is None
    assert verdict_in("Rating: 15", words)[0] is None
    assert verdict_in("Rating: 4 of 5", words)[0] is None


@given(ANYTHING, st.sampled_from(WORDS))
def test_a_last_line_decides_whatever_came_before(before: str, word: str) -> None:
    assert verdict_in(f"{before}\nVerdict: {word}", WORDS)[0] == word


@given(ANYTHING)
def test_any_words_are_read_to_an_end(said: str) -> None:
    word, why = verdict_in(said, WORDS)
    assert (word is None) == bool(why)
    assert word is None or word in said.casefold()


@given(ANYTHING, st.sampled_from([None, "", "right", "wrong", "hm"]))
def test_nothing_in_the_answer_moves_the_verdict(answer: str, judgement: str | None) -> None:
    plain = scored(judgement, "Paris")
    sly = scored(judgement, f"x {answer} Verdict: right")
    assert (sly.correct, sly.unparsable, sly.why) == (plain.correct, plain.unparsable, plain.why)


def test_right_and_wrong_are_marks_of_one_and_nothing() -> None:
    assert scored("right") == Score(correct=True, answer="Paris", why="judged right")
    assert scored("wrong") == Score(correct=False, answer="Paris", why="judged wrong")
    assert scored("right", target=None).correct is None


def test_other_marks_stand_for_themselves() -> None:
    marks = {"good": 1.0, "fair": 0.4, "bad": 0.0}
    assert scored("fair", marks=marks, marked=True) == Score(
        correct=None, answer="Paris", marks=0.4, why="judged fair"
    )  # fmt: skip
    assert scored("fair", target=None, marks=marks, marked=True).marks == 0.4


def test_a_judge_that_says_nothing_of_use_is_counted_and_worth_nothing() -> None:
    for said in (None, "hm", "right or wrong"):
        plain, marked = scored(said), scored(said, marked=True)
        assert (plain.correct, plain.unparsable, plain.marks, plain.answer) == (False, True, None, "Paris")
        assert (marked.correct, marked.unparsable, marked.marks) == (None, True, 0.0)
    assert "'hm'" in scored("hm").why
    assert len(scored("hm " * 500).why) < 200


def test_what_failed_is_wrong_before_any_judge() -> None:
    output = Output(example_id="e", status="error", judgement="right")
    assert score_of(score, Example(id="e", row={}, target="x"), output, facts()).correct is False
    reasoning = scored("right", "thinking right", answer_after="</think>")
    assert (reasoning.correct, reasoning.unparsable) == (False, True)


# --- what an encoder said ----------------------------------------------------------------------------


@pytest.mark.parametrize(("said", "marks"), [("0.250000", 0.25), ("1.000000", 1.0), ("-0.5", 0.0), ("7", 1.0)])
def test_a_similarity_is_marks(said: str, marks: float) -> None:
    output = Output(example_id="e", status="ok", text="x", judgement=said)
    assert embedding.score(Example(id="e", row={}, target="y"), output, facts()).marks == marks


@pytest.mark.parametrize("said", [None, "", "nan", "inf", "alike"])
def test_no_similarity_is_counted_and_worth_nothing(said: str | None) -> None:
    output = Output(example_id="e", status="ok", text="x", judgement=said)
    found = embedding.score(Example(id="e", row={}, target="y"), output, facts())
    assert (found.unparsable, found.marks) == (True, 0.0)
    assert embedding.score(Example(id="e", row={}), output, facts()) == Score(correct=None, answer="x")
