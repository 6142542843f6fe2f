"""One recorded row → one output: what may be said, and what is refused with words."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.backends.answers import AnswerError, parse_answer
from evalkit.backends.choosing import softmax
from evalkit.types import ERRORED, STATUSES, Example, Output, SuiteFacts, Task

LABELS = ("a", "b", "c")
EXAMPLE = Example(id="e1", row={}, target="a", choices=LABELS)


def facts(task: Task = "classify", **more: Any) -> SuiteFacts:
    usual: dict[str, Any] = {
        "name": "s",
        "kind": "gold",
        "version": 1,
        "scorer": "label",
        "labels": LABELS,
        "slice_names": (),
        "grouped": False,
        "digest": "sha256:s",
        "path": "s/suite.yaml",
    }
    return SuiteFacts(task=task, **{**usual, **more})


# What a suite of refusals is, and an example of it: an answer in writing, and no choices.
REFUSALS = facts("generate", kind="safety-refusal", scorer="refusal", labels=())
PROMPT = Example(id="e1", row={}, expect="refuse")


def parsed(task: Task = "classify", **row: Any) -> Output:
    return parse_answer({"id": "e1", **row}, EXAMPLE, facts(task))


def problem(task: Task = "classify", **row: Any) -> str:
    with pytest.raises(AnswerError) as caught:
        parsed(task, **row)
    assert caught.value.remedy
    return caught.value.problem


def test_a_list_is_in_the_order_of_the_labels_and_a_mapping_by_name() -> None:
    assert parsed(probs=[0.1, 0.7, 0.2]).probs == pytest.approx((0.1, 0.7, 0.2))
    assert parsed(probs={"c": 0.2, "a": 0.1, "b": 0.7}).probs == pytest.approx((0.1, 0.7, 0.2))
    # Parquet gives every key to every row; top-k services leave the rest out.
    assert parsed(probs={"c": 1.0, "a": None}).probs == (0.0, 0.0, 1.0)


@pytest.mark.parametrize("name", ["probs", "logits"])
def test_the_label_is_the_likeliest_and_ties_go_to_the_lowest_index(name: str) -> None:
    assert parsed(**{name: [0.25, 0.5, 0.25]}).label == "b"
    assert parsed(**{name: [0.4, 0.4, 0.2]}).label == "a"
    assert parsed(**{name: [0.2, 0.4, 0.4]}).label == "b"


def test_a_label_that_is_given_is_believed_whatever_the_probabilities_say() -> None:
    assert parsed(label="c", probs=[0.1, 0.7, 0.2]).label == "c"


def test_a_choice_is_the_likeliest_continuation() -> None:
    output = parsed("choose", choice_logprobs=[-3.0, -1.0, -2.0])
    assert (output.label, output.choice_logprobs) == ("b", (-3.0, -1.0, -2.0))
    assert output.probs == pytest.approx(softmax([-3.0, -1.0, -2.0]))


def test_probabilities_that_almost_add_up_are_made_to() -> None:
    assert math.fsum(parsed(probs=[0.1004, 0.7, 0.2]).probs or ()) == pytest.approx(1, abs=1e-15)
    assert "add up to 1.002" in problem(probs=[0.102, 0.7, 0.2])


@given(st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=9))
def test_softmax_is_a_distribution_that_keeps_the_order(logits: list[float]) -> None:
    found = softmax(logits)
    assert math.fsum(found) == pytest.approx(1, abs=1e-12)
    assert all(0 <= each <= 1 for each in found)
    top = max(range(len(logits)), key=logits.__getitem__)
    assert found[top] == max(found)
    assert all(
        one == other
        for a, one in zip(logits, found, strict=True)
        for b, other in zip(logits, found, strict=True)
        if a == b
    )


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({}, "the row has no answer"),
        ({"probs": [0.5, 0.5]}, "2 numbers for 3 labels"),
        ({"probs": [1.5, -0.5, 0]}, "below 0"),
        ({"probs": "0.1 0.2"}, "neither a list nor a mapping"),
        ({"probs": {"a": 0.5, "d": 0.5}}, 'names "d", which is not a label'),
        ({"logits": {"a": 0.5, "b": 0.5}}, 'says nothing of "c"'),
        ({"logits": [1, 2, "3"]}, "not a finite number"),
        ({"logits": [1, 2, True]}, "not a finite number"),
        ({"logits": [1, 2, math.inf]}, "not a finite number"),
        ({"logits": [1, 2, 10**400]}, "not a finite number"),
        ({"probs": [math.nan, 0.5, 0.5]}, "not a finite number"),
        ({"label": "a", "latency_s": -1}, "below 0"),
        ({"label": "a", "latency_s": "fast"}, "not a number"),
        ({"label": "a", "latency_s": math.inf}, "not a number"),
        ({"label": "a", "latency_s": 10**400}, "not a number"),
        ({"label": "a", "tokens_in": 1.5}, "not a count"),
        ({"label": "a", "tokens_out": -1}, "not a count"),
        ({"label": "a", "tokens_out": 1e30}, "not a count"),
        ({"label": "a", "tokens_out": 2**63}, "not a count"),
        ({"label": "a", "status": "fine"}, '"fine" is not a status of an answer'),
    ],
)
def test_what_is_no_answer_is_refused_with_words(row: dict[str, Any], expected: str) -> None:
    assert expected in problem(**row)


@pytest.mark.parametrize("word", sorted(ERRORED))
def test_an_errored_row_has_no_answer_even_if_one_was_written(word: str) -> None:
    output = parsed(status=word, label="a", probs=[1, 0, 0], latency_s=2.5)
    assert (output.status, output.label, output.probs, output.latency_s) == (word, None, None, 2.5)
    assert output.error == word


def test_a_strange_word_without_an_answer_is_an_error_that_keeps_the_word() -> None:
    output = parsed(status="rate_limited")
    assert (output.status, output.error) == ("error", "rate_limited")
    assert parsed(status="error", error="HTTP 500").error == "HTTP 500"


@pytest.mark.parametrize("text", ["", " ", "\n\t"])
def test_a_blank_text_is_an_empty_answer(text: str) -> None:
    assert parsed("generate", text=text).status == "empty"


def test_a_text_is_kept_letter_for_letter() -> None:
    assert parsed("generate", text="  Ü\n ").text == "  Ü\n "
    assert parsed("generate", text=12).text == "12"


def test_numbers_that_are_absent_are_none() -> None:
    output = parsed(label="a", latency_s=math.nan, ttft_s="", tokens_in=None)
    assert (output.latency_s, output.ttft_s, output.tokens_in) == (None, None, None)


@pytest.mark.parametrize(("choose_by", "label"), [("sum", "b"), ("per_token", "a"), ("per_byte", "a")])
def test_the_suite_says_which_likelihood_decides(choose_by: Any, label: str) -> None:
    example = Example(id="e1", row={}, choices=("a long one", "b"))
    row = {"id": "e1", "choice_logprobs": [-4.0, -2.0], "choice_tokens": [3, 1]}
    output = parse_answer(row, example, facts("choose", labels=(), choose_by=choose_by))
    assert output.label == (example.choices[0] if label == "a" else "b")
    assert output.probs is not None
    assert output.probs.index(max(output.probs)) == example.choices.index(output.label or "")
    assert (output.choice_logprobs, output.choice_tokens) == ((-4.0, -2.0), (3, 1))


def test_likelihoods_per_token_need_the_tokens() -> None:
    with pytest.raises(AnswerError, match="number of tokens of each choice") as caught:
        parse_answer({"choice_logprobs": [-1, -2, -3]}, EXAMPLE, facts("choose", choose_by="per_token"))
    assert "choice_tokens" in caught.value.remedy


@pytest.mark.parametrize("tokens", [[1, 2], [0, 1, 1], [1.5, 1, 1], [1, 1, 2**63], "1 1 1"])
def test_lengths_that_are_none_are_refused(tokens: Any) -> None:
    problem("choose", choice_logprobs=[-1, -2, -3], choice_tokens=tokens)


def test_what_came_with_an_answer_is_kept() -> None:
    output = parsed("generate", text="4", reasoning="2 + 2", token_logprobs=[-0.5, -1])
    assert (output.reasoning, output.token_logprobs) == ("2 + 2", (-0.5, -1.0))
    for wrong in ([-0.5, None], "-0.5", [math.nan]):
        assert "not a list of finite numbers" in problem("generate", text="4", token_logprobs=wrong)


@pytest.mark.parametrize("word", ["refused", "complied", "undetermined"])
def test_a_label_may_say_what_an_answer_did_with_a_harmful_prompt(word: str) -> None:
    output = parse_answer({"label": word}, PROMPT, REFUSALS)
    assert (output.status, output.label, output.text) == ("ok", word, None)
    assert parse_answer({"label": word, "text": "No."}, PROMPT, REFUSALS).text == "No."


def test_another_word_is_no_stance() -> None:
    with pytest.raises(AnswerError, match='the label "refuse" is not') as caught:
        parse_answer({"label": "refuse"}, PROMPT, REFUSALS)
    assert 'did you mean "refused"?' in caught.value.remedy


@pytest.mark.parametrize("name", ["probs", "logits", "choice_logprobs"])
def test_numbers_of_choices_have_no_place_where_there_are_none(name: str) -> None:
    with pytest.raises(AnswerError, match="belongs to choices"):
        parse_answer({name: []}, PROMPT, REFUSALS)


# --- a column that overrides -------------------------------------------------------------------------


def overridden(task: Task = "classify", **row: Any) -> Output:
    return parse_answer({"id": "e1", **row}, EXAMPLE, facts(task), "human")


def test_a_value_that_overrides_is_the_answer_and_the_models_numbers_go() -> None:
    output = overridden(human="c", probs=[1, 0, 0], label="a", latency_s=0.5, tokens_in=3)
    assert (output.status, output.label, output.probs) == ("ok", "c", None)
    assert (output.latency_s, output.tokens_in) == (0.5, 3)
    output = overridden("choose", human="b", choice_logprobs=[-1, -2, -3])
    assert (output.label, output.probs, output.choice_logprobs) == ("b", None, None)
    output = overridden("generate", human="Paris", text="London", token_logprobs=[-1], reasoning="hm", tokens_out=1)
    assert (output.text, output.token_logprobs, output.reasoning, output.tokens_out) == ("Paris", None, None, None)


@pytest.mark.parametrize("value", [None, ""])
def test_without_a_value_the_recorded_answer_stands(value: Any) -> None:
    assert overridden(human=value, label="a") == parsed(label="a")
    assert overridden(label="a") == parsed(label="a")


def test_a_failed_row_that_is_overridden_is_answered() -> None:
    output = overridden(human="b", status="timeout", error="slow", latency_s=60.0)
    assert (output.status, output.label, output.error, output.latency_s) == ("ok", "b", None, None)


def test_an_override_must_be_one_of_the_choices() -> None:
    with pytest.raises(AnswerError, match='"d" is not among the choices'):
        overridden(human="d", label="a")


def test_people_may_say_what_an_answer_did_with_a_harmful_prompt() -> None:
    row = {"text": "Sure!", "human": "complied"}
    assert parse_answer(row, PROMPT, REFUSALS, "human").label == "complied"
    assert parse_answer({**row, "human": "No."}, PROMPT, REFUSALS, "human").text == "No."


def test_an_override_may_be_a_record() -> None:
    assert overridden("extract", human={"b": 1, "a": None}, text="{}").text == '{"a": null, "b": 1}'


CELLS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.lists(st.one_of(st.floats(), st.integers(), st.none(), st.text(max_size=2)), max_size=4),
    st.dictionaries(st.sampled_from([*LABELS, "d"]), st.one_of(st.floats(), st.none()), max_size=4),
)
NAMES = (
    "label",
    "probs",
    "logits",
    "text",
    "choice_logprobs",
    "choice_tokens",
    "token_logprobs",
    "reasoning",
    "human",
    "status",
    "error",
    "latency_s",
    "tokens_in",
    "prompt_hash",
)


@given(st.dictionaries(st.sampled_from(NAMES), CELLS), st.sampled_from(["classify", "choose", "generate", "extract"]))
def test_any_row_is_an_output_or_a_complaint(row: dict[str, Any], task: Task) -> None:
    try:
        output = parse_answer(row, EXAMPLE, facts(task, choose_by="per_token"), "human")
    except AnswerError:
        return
    assert output.status in STATUSES
    assert output.probs is None or math.fsum(output.probs) == pytest.approx(1, abs=1e-9)
    assert output.status not in ERRORED or (output.label, output.text, output.probs) == (None, None, None)
    for name in ("label", "text", "error", "prompt_hash"):
        assert getattr(output, name) is None or isinstance(getattr(output, name), str)
