"""Every scorer judges every output, and none calls a failure right."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.errors import UsageError
from evalkit.scoring import judged, known, scorer
from evalkit.scoring.normalised import normalise
from evalkit.types import Example, Output, Score
from tests import factory

SCORERS = sorted(known())
LABELS = ("yes", "no", "maybe so")
# Text as models write it, lone surrogates, controls and all.
texts = st.one_of(
    st.text(st.characters(), max_size=40),
    st.text(st.characters(categories=["Cs", "Cc", "Cf", "Zs", "P", "Mn"]), max_size=20),
    st.sampled_from([*LABELS, "A", "the", "...", " yes ", "YES", "\ud800", "\u0000", "٣", "1" * 50, "</think>"]),
)


def facts(name: str, **more: object) -> factory.SuiteFacts:
    task = "classify" if name == "label" else "choose" if name == "choice" else "generate"
    return factory.Case(target=(), student=(), labels=LABELS, task=task, scorer=name, **more).facts()  # type: ignore[arg-type]


def score(name: str, target: str | None, output: Output, **more: object) -> Score:
    example = Example(id="e", row={}, target=target, choices=LABELS if name in ("label", "choice") else ())
    return judged(scorer(name), example, output, facts(name, **more))


def ok(text: str | None = None, label: str | None = None) -> Output:
    return Output(example_id="e", status="ok", text=text, label=label)


def test_the_scorers_are_those_of_the_table() -> None:
    assert SCORERS == ["choice", "exact", "label", "normalised"]
    with pytest.raises(UsageError, match='did you mean "label"'):
        scorer("lable")


@pytest.mark.parametrize("name", SCORERS)
@given(text=st.none() | texts, label=st.none() | texts, target=st.none() | texts)
def test_a_scorer_judges_whatever_comes(name: str, text: str | None, label: str | None, target: str | None) -> None:
    found = score(name, target, ok(text, label))
    assert (found.correct is None) == (target is None)
    assert isinstance(found.unparsable, bool)
    # What could not be parsed is no answer, and is not right.
    if found.unparsable or found.answer is None:
        assert found.answer is None
        assert not found.correct
        assert found.why


@pytest.mark.parametrize("name", SCORERS)
@given(
    text=texts, label=st.none() | texts, target=st.none() | texts, status=st.sampled_from(["error", "timeout", "empty"])
)
def test_a_failed_or_empty_output_is_never_right_whatever_it_holds(
    name: str, text: str, label: str | None, target: str | None, status: str
) -> None:
    output = Output(example_id="e", status=status, text=text, label=label)  # type: ignore[arg-type]
    found = score(name, target, output)
    assert found.correct == (None if target is None else False)
    assert found.answer is None
    assert found.why


@pytest.mark.parametrize("name", SCORERS)
@given(blank=st.text(" \t\n\r\f\v\u00a0\u2003", max_size=4), target=texts)
def test_a_blank_text_answers_nothing(name: str, blank: str, target: str) -> None:
    assert score(name, target, ok(blank)) == Score(correct=False, answer=None, why="the answer is empty")


@pytest.mark.parametrize("name", ["exact", "normalised"])
@given(target=texts.filter(str.strip))
def test_the_target_is_right(name: str, target: str) -> None:
    assert score(name, target, ok(target)).correct is True
    assert score(name, target, ok(f"  {target}\n")).correct is True


@pytest.mark.parametrize("name", ["label", "choice"])
@pytest.mark.parametrize("target", LABELS)
def test_the_right_label_is_right_and_each_other_wrong(name: str, target: str) -> None:
    for label in LABELS:
        for given_as in (ok(label=label), ok(text=f" {label}\n")):
            found = score(name, target, given_as)
            assert (found.correct, found.answer, found.unparsable) == (label == target, label, False)


@pytest.mark.parametrize("name", ["label", "choice"])
@given(said=texts.filter(lambda text: text.strip() not in LABELS and text.strip()))
def test_an_answer_outside_the_set_is_unparsable_and_wrong(name: str, said: str) -> None:
    found = score(name, "yes", ok(label=said) if said not in LABELS else ok(text=said))
    assert (found.correct, found.answer, found.unparsable) == (False, None, True)
    assert "none of the 3" in found.why


def test_a_label_counts_before_the_text_around_it() -> None:
    assert score("label", "yes", ok(text="I think no", label="yes")).correct is True


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
@pytest.mark.parametrize("name", SCORERS)
def test_only_what_follows_the_marker_is_scored(name: str, text: str, right: bool) -> None:
    assert score(name, "yes", ok(text), answer_after="</think>").correct is right


@pytest.mark.parametrize("name", SCORERS)
def test_a_text_that_never_reaches_the_marker_is_unparsable(name: str) -> None:
    found = score(name, "yes", ok("yes, I think"), answer_after="</think>")
    assert (found.correct, found.answer, found.unparsable) == (False, None, True)
    assert "never reaches '</think>'" in found.why


@pytest.mark.parametrize("name", SCORERS)
def test_nothing_after_the_marker_is_an_empty_answer(name: str) -> None:
    found = score(name, "yes", ok("yes </think>  "), answer_after="</think>")
    assert (found.correct, found.answer, found.why) == (False, None, "the answer is empty")


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
    assert score("normalised", target, ok(said)).correct is True
    assert score("exact", target, ok(said)).correct is False


@pytest.mark.parametrize(
    ("said", "target"), [("B", "A"), ("the", "A"), ("...", "A"), ("!", "?"), ("an", "the"), ("theory", "ory")]
)
def test_an_answer_of_nothing_but_articles_and_punctuation_is_not_every_other_such(said: str, target: str) -> None:
    assert score("normalised", target, ok(said)).correct is False


@given(texts)
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


@given(texts.filter(str.strip))
def test_normalising_never_leaves_nothing_of_something(text: str) -> None:
    assert normalise(text)
