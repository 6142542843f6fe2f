"""Prompt and choice, and from log-likelihoods to a choice: laws, and the examples that tell the three ways apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.backends.choosing import choose, deciding, first_largest, joined, softmax

NATS = st.floats(-200, 0)
ROWS = st.lists(st.tuples(NATS, st.integers(1, 30)), min_size=1, max_size=8)
NAMES = ("no", "yes, of course", "naïve", "東京", "c", "d", "e", "f")


@given(ROWS, st.sampled_from(["sum", "per_token", "per_byte"]))
def test_the_label_has_the_largest_probability_and_all_add_up_to_one(rows: list[tuple[float, int]], by: str) -> None:
    choices, logprobs, tokens = NAMES[: len(rows)], [each for each, _ in rows], [each for _, each in rows]
    label, probs = choose(choices, logprobs, tokens, by)  # type: ignore[arg-type]
    assert sum(probs) == pytest.approx(1, abs=1e-12)
    assert probs[choices.index(label)] == max(probs)
    scores = deciding(choices, logprobs, tokens, by)  # type: ignore[arg-type]
    assert label == choices[scores.index(max(scores))]


@given(st.lists(NATS, min_size=1, max_size=8), st.floats(-50, 50))
def test_a_constant_changes_no_probability(logits: list[float], constant: float) -> None:
    assert softmax([each + constant for each in logits]) == pytest.approx(softmax(logits), abs=1e-12)


def test_each_way_may_choose_another() -> None:
    choices, logprobs, tokens = ("no", "yes yes", "東京"), (-4.0, -6.0, -5.0), (1, 6, 1)
    assert choose(choices, logprobs, tokens, "sum")[0] == "no"
    # -4, -1, -5
    assert choose(choices, logprobs, tokens, "per_token")[0] == "yes yes"
    # -2, -6/7, -5/6: two characters that are six bytes
    assert choose(choices, logprobs, tokens, "per_byte")[0] == "東京"


def test_ties_go_to_the_lowest_index() -> None:
    assert choose(("a", "b", "c"), (-2.0, -1.0, -1.0), None, "sum")[0] == "b"
    assert first_largest([0.5, 0.5]) == 0


def test_what_it_divides_by_has_to_be_known() -> None:
    with pytest.raises(ValueError, match="needs the number of tokens of each choice"):
        choose(("a", "b"), (-1.0, -2.0), None, "per_token")
    with pytest.raises(ValueError, match="'b' has no length"):
        choose(("a", "b"), (-1.0, -2.0), (1, 0), "per_token")
    with pytest.raises(ValueError, match="'' has no length"):
        choose(("a", ""), (-1.0, -2.0), (1, 1), "per_byte")
    assert choose(("a", ""), (-1.0, -2.0), None, "sum")[0] == "a"


# --- prompt and choice -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "templated", "choice", "expected"),
    [
        ("Answer:", False, "yes", ("Answer:", " yes")),
        ("Answer: ", False, "yes", ("Answer:", " yes")),
        ("Answer:\n", False, "yes", ("Answer:", "\nyes")),
        ("Answer:", False, " yes", ("Answer:", " yes")),
        ("", False, "yes", ("", " yes")),
        ("<|assistant|>", True, "yes", ("<|assistant|>", "yes")),
        ("<|assistant|>\n", True, "yes", ("<|assistant|>", "\nyes")),
    ],
)
def test_one_space_joins_prompt_and_choice(text: str, templated: bool, choice: str, expected: tuple[str, str]) -> None:
    assert joined(text, choice, templated=templated) == expected


@given(st.text(max_size=8), st.text(max_size=8), st.booleans())
def test_nothing_is_lost_between_prompt_and_choice(prompt: str, choice: str, templated: bool) -> None:
    context, more = joined(prompt, choice, templated=templated)
    assert context == prompt.rstrip()
    assert context + more in (prompt + choice, f"{prompt} {choice}")


def test_halves_of_surrogate_pairs_are_written_out() -> None:
    assert joined("a\udc80", "b\ud83d") == (r"a\udc80", r" b\ud83d")
