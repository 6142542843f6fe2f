"""Every scorer judges every output, and none calls a failure right."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import example as tried
from hypothesis import given
from hypothesis import strategies as st

from evalkit.errors import UsageError
from evalkit.scorers import SCORERS as WRITABLE
from evalkit.scoring import TABLE, known, scorer
from evalkit.scoring.normalised import normalise
from evalkit.types import FieldCounts, Output, Score
from tests.scoring import one

SCORERS = sorted(known())
# These give no answer of their own but what somebody else said of it.
READERS = sorted({"exact", "normalised", "label", "choice", "numeric", "regex", "fields"})
LABELS = ("yes", "no", "maybe so")
HARD = [
    *LABELS, "A", "the", "...", " yes ", "YES", "\ud800", "\u0000", "٣", "1" * 50, "</think>", "1e999999999",
    "9" * 10_000, "A: 1/0", "\\boxed{", "<<", "{", '{"a": ', "[" * 2000, '{"a":' * 2000,
    '{"a": "\\ud800"}', "{'a': 1,}",
    '{"a": 1e999999}', '{"a": NaN}', "{}", "[{}, {}]", "(B)", "²", "½", "(?P<", "(a+)+$", "𝟙", "ﬁ", "ß", "İ",
]  # fmt: skip
# Text as models write it, lone surrogates, controls and all.
texts = st.one_of(
    st.text(st.characters(), max_size=40),
    st.text(st.characters(categories=["Cs", "Cc", "Cf", "Zs", "P", "Mn", "No", "Nd"]), max_size=20),
    st.text(st.sampled_from("0123456789.,/-+eE^$%\\{}[]()\"': ABx=\n"), max_size=30),
    st.sampled_from(HARD),
)


def score(name: str, target: str | None, output: Output | str, **more: Any) -> Score:
    return one.judge(name, target, output, LABELS if name in ("label", "choice") else (), **more)


def test_the_scorers_are_those_that_a_suite_may_name() -> None:
    assert set(TABLE) == set(WRITABLE)
    # Other packages may bring more of them.
    assert set(WRITABLE) <= set(SCORERS)
    assert {*READERS, "text_similarity"} <= set(SCORERS)
    with pytest.raises(UsageError, match='did you mean "label"'):
        scorer("lable")


@pytest.mark.parametrize("name", SCORERS)
@given(text=st.none() | texts, label=st.none() | texts, target=st.none() | texts)
def test_a_scorer_judges_whatever_comes(name: str, text: str | None, label: str | None, target: str | None) -> None:
    output = one.ok(text, label)
    found = score(name, target, output)
    assert found == score(name, target, output)
    assert isinstance(found.unparsable, bool)
    if found.marks is not None:
        assert 0 <= found.marks <= 1
        assert found.correct is None
    if name in READERS:
        assert (found.correct is None) == (target is None)
        # What could not be parsed is no answer, and is not right.
        if found.unparsable or found.answer is None:
            assert found.answer is None
            assert not found.correct
            assert found.why


@pytest.mark.parametrize("name", SCORERS)
@pytest.mark.parametrize("hard", HARD, ids=lambda text: ascii(text)[:24])
def test_hard_texts_are_judged_against_each_other_and_themselves(name: str, hard: str) -> None:
    for other in HARD:
        assert isinstance(score(name, other, hard), Score)


LONG = 64 * 1024


def filled(part: str, first: str = "", last: str = "") -> str:
    """64 KiB of the same thing over and over."""
    return first + part * ((LONG - len(first) - len(last)) // len(part)) + last


# What a model in a loop writes, and what is costly to read for somebody.
ENDLESS = {
    "open brackets": filled("["),
    "open keys": filled('{"a":'),
    "open items": filled('{"a": "x", '),
    "deep records": filled('{"a":' * 49 + "1" + "}" * 49 + " "),
    "read far in vain": filled("1,", first='{"a": [' * 20, last="?"),
    "read far in vain again": filled('{"a" ' * 40 + "1," * 200 + "?"),
    "one record in a list": filled('{"n": "pen", "p": 1, "q": [1, 2]}, ', '{"i": [', "{}]}"),
    "one record a line": filled('{"n": "pen", "p": 1}\n'),
    "many records": '{"i": [' + ", ".join(f'{{"n": {each}, "p": {each * 7}}}' for each in range(2400)) + "]}",
    "other records": '{"i": [' + ", ".join(f'{{"n": {each}, "p": "{each}x"}}' for each in range(2400)) + "]}",
    "lists of lists": json.dumps({"a": [[[each, each * 3 % 17], [each * 5 % 19, 1]] for each in range(1200)]}),
    "numbers": " ".join(map(str, range(12_000))),
    "digits": filled("1"),
    "thousands": filled(",222", "1"),
    "sums": filled("1+1="),
    "fractions": filled("1/"),
    "half and half": filled("½"),
    "lines": filled("x\n"),
    "blank lines": filled("\n", "x", "x"),
    "dashes": filled("-"),
    "backslashes": filled("\\"),
    "escapes": filled('\\"', '{"a": "'),
    "boxes": filled("\\boxed{"),
    "braces in strings": filled('{"a": "{[}]"} '),
    "braces in one string": filled("{", '{"a": "', '"}'),
    "quotes": filled("{'"),
    "fences": filled("```\n"),
    "markers": filled("Answer: "),
    "headings": filled("#### "),
    "apologies": filled("I'm sorry, but "),
    "one word": filled("a"),
    "accents": filled("\u0301", "e"),
}


@pytest.mark.parametrize("name", SCORERS)
@pytest.mark.parametrize("shape", ENDLESS)
def test_a_model_in_a_loop_is_judged_all_the_same(name: str, shape: str) -> None:
    shapes = list(ENDLESS)
    after = shapes[(shapes.index(shape) + 1) % len(shapes)]
    for target, text in (
        ('{"a": 1}', ENDLESS[shape]),
        (ENDLESS[shape], "18"),
        (ENDLESS[shape], ENDLESS[shape]),
        (ENDLESS[shape], ENDLESS[after]),
    ):
        assert isinstance(score(name, target, text), Score)


@pytest.mark.parametrize("measure", ["rouge_l", "edit"])
@pytest.mark.parametrize("shape", ["one record a line", "numbers", "one word"])
def test_every_measure_of_likeness_comes_to_an_end(measure: str, shape: str) -> None:
    found = score("text_similarity", ENDLESS[shape], "no" + ENDLESS[shape][::-1], measure=measure)
    assert found.marks is not None


@pytest.mark.parametrize("name", ["exact", "normalised", "label", "choice", "numeric", "fields"])
@given(text=texts, target=texts)
@tried(text="A: 18 eggs", target="18")
@tried(text='```json\n{"b": ["x", 1.0], "a": null,}\n```', target='{"b": [1, "X"]}')
@tried(text="(C)", target="maybe so")
def test_the_answer_given_again_is_judged_the_same(name: str, text: str, target: str) -> None:
    first = score(name, target, text)
    if first.answer is None or not first.answer.strip():
        return
    again = score(name, target, first.answer)
    assert (again.correct, again.answer, again.fields) == (first.correct, first.answer, first.fields)


FAILED = st.sampled_from(["error", "timeout", "empty"])


@pytest.mark.parametrize("name", SCORERS)
@given(text=texts, label=st.none() | texts, target=st.none() | texts, status=FAILED)
def test_a_failed_or_empty_output_is_never_right_whatever_it_holds(
    name: str, text: str, label: str | None, target: str | None, status: str
) -> None:
    output = Output(example_id="e", status=status, text=text, label=label, judgement="1")  # type: ignore[arg-type]
    found = score(name, target, output)
    marked = one.facts(name).marked
    assert found.correct == (None if target is None or marked else False)
    assert found.marks == (0.0 if target is not None and marked else None)
    assert found.answer is None
    assert found.refused is None
    assert found.why


@pytest.mark.parametrize("name", SCORERS)
def test_a_failed_output_of_a_safety_suite_neither_refused_nor_complied(name: str) -> None:
    for output in (
        Output(example_id="e", status="error", error="it broke"),
        Output(example_id="e", status="empty", text=""),
        one.ok("thinking about it"),
        one.ok(" </think> "),
    ):
        found = score(name, "yes", output, kind="safety-refusal", answer_after="</think>")
        assert found.refused == "undetermined"


@pytest.mark.parametrize("name", SCORERS)
@given(blank=st.text(" \t\n\r\f\v\u00a0\u2003", max_size=4), target=texts)
def test_a_blank_text_answers_nothing(name: str, blank: str, target: str) -> None:
    found = score(name, target, blank)
    assert (found.answer, found.why) == (None, "the answer is empty")
    assert not found.correct
    assert not found.marks


@pytest.mark.parametrize("name", ["exact", "normalised"])
@given(target=texts.filter(str.strip))
def test_the_target_is_right(name: str, target: str) -> None:
    assert score(name, target, target).correct is True
    assert score(name, target, f"  {target}\n").correct is True


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("thinking… no, wait</think> yes", True),
        ("</think>yes", True),
        ("yes</think> no", False),
        # The last marker counts: a model may speak of it while it thinks.
        ("no</think> hm </think>yes", True),
    ],
)
@pytest.mark.parametrize("name", ["exact", "normalised", "label", "choice", "regex"])
def test_only_what_follows_the_marker_is_scored(name: str, text: str, right: bool) -> None:
    assert score(name, "yes", text, answer_after="</think>").correct is right


@pytest.mark.parametrize(
    ("name", "target", "text"), [("numeric", "2", "1 </think> 2"), ("fields", '{"a":2}', '{"a":1}</think>{"a":2}')]
)
def test_thoughts_are_no_numbers_and_no_records(name: str, target: str, text: str) -> None:
    assert score(name, target, text, answer_after="</think>").correct is True


@pytest.mark.parametrize("name", READERS)
def test_a_text_that_never_reaches_the_marker_is_unparsable(name: str) -> None:
    found = score(name, "yes", "yes, I think", answer_after="</think>")
    assert (found.correct, found.answer, found.unparsable) == (False, None, True)
    assert "never reaches '</think>'" in found.why


@pytest.mark.parametrize("name", READERS)
def test_nothing_after_the_marker_is_an_empty_answer(name: str) -> None:
    found = score(name, "yes", "yes </think>  ", answer_after="</think>")
    assert (found.correct, found.answer, found.why) == (False, None, "the answer is empty")


@pytest.mark.parametrize(
    "output",
    [
        Output(example_id="e", status="error", error="it broke"),
        Output(example_id="e", status="timeout"),
        Output(example_id="e", status="empty", text=""),
        one.ok("  "),
        one.ok('{"total": 12} but I never got there'),
        one.ok("I would rather not say </think>I would rather not say"),
        one.ok('</think>{"total": 12, "who": {"name": "Ann"'),
    ],
    ids=["error", "timeout", "empty", "blank", "unreached", "prose", "broken off"],
)
def test_an_answer_without_a_record_misses_every_field(output: Output) -> None:
    found = score("fields", '{"total": 12, "who": {"name": "Ann"}, "tags": [1, 2]}', output, answer_after="</think>")
    assert found.fields == {
        "total": FieldCounts(right=0, spurious=0, missed=1),
        "who.name": FieldCounts(right=0, spurious=0, missed=1),
        "tags": FieldCounts(right=0, spurious=0, missed=2),
    }
    assert found.correct is False


# --- normalised ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "target"),
    [
        ("The  Eiffel Tower.", "eiffel tower"),
        ("ＡＢＣ", "abc"),
        ("Straße", "STRASSE"),
        ("an apple, a pear", "Apple & the pear".replace("& ", "")),
        ("“yes”", "yes"),
        ("A", "a."),
    ],
)
def test_case_punctuation_articles_and_spacing_do_not_matter(said: str, target: str) -> None:
    assert score("normalised", target, said).correct is True
    assert score("exact", target, said).correct is False


@pytest.mark.parametrize(
    ("said", "target"), [("B", "A"), ("the", "A"), ("...", "A"), ("!", "?"), ("an", "the"), ("theory", "ory")]
)
def test_an_answer_of_nothing_but_articles_and_punctuation_is_not_every_other_such(said: str, target: str) -> None:
    assert score("normalised", target, said).correct is False


@given(texts)
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


@given(texts.filter(str.strip))
def test_normalising_never_leaves_nothing_of_something(text: str) -> None:
    assert normalise(text)


# --- text similarity -------------------------------------------------------------------------------------

MEASURES = ["chrf", "rouge_l", "edit"]


@pytest.mark.parametrize("measure", MEASURES)
@given(target=texts.filter(str.strip))
def test_the_target_itself_earns_all_marks(measure: str, target: str) -> None:
    found = score("text_similarity", target, f" {target}\n", measure=measure)
    assert (found.correct, found.marks) == (None, 1.0)


@pytest.mark.parametrize("measure", MEASURES)
def test_an_accent_is_the_same_however_it_was_typed(measure: str) -> None:
    assert score("text_similarity", "caf\u00e9", "cafe\u0301", measure=measure).marks == 1.0


@pytest.mark.parametrize("measure", MEASURES)
def test_without_a_target_there_are_no_marks(measure: str) -> None:
    assert score("text_similarity", None, "word", measure=measure) == Score(correct=None, answer="word")


@pytest.mark.parametrize("measure", MEASURES)
def test_a_very_long_text_is_compared_by_its_beginning_and_says_so(measure: str) -> None:
    found = score("text_similarity", "word " * 12_000, "word " * 11_000, measure=measure)
    assert found.marks == pytest.approx(1.0)
    assert "first 50000 characters" in found.why


@pytest.mark.parametrize(("judgement", "marks"), [("0.8312", 0.8312), ("1.0000001", 1.0), ("-0.2", 0.0), ("1", 1.0)])
def test_an_embedding_earns_the_cosine_that_was_measured(judgement: str, marks: float) -> None:
    found = score("text_similarity", "b", one.ok("a", judgement=judgement), measure="embedding", model="./encoder")
    assert (found.correct, found.marks, found.answer) == (None, marks, "a")


@pytest.mark.parametrize("judgement", [None, "", "nan", "inf", "very much", "0,8"])
def test_an_embedding_without_a_cosine_is_unparsable_and_earns_nothing(judgement: str | None) -> None:
    found = score("text_similarity", "b", one.ok("a", judgement=judgement), measure="embedding", model="./encoder")
    assert (found.correct, found.marks, found.unparsable) == (None, 0.0, True)
    assert not math.isnan(found.marks or 0.0)
    assert found.why
