"""Texts from a seeded grammar: the same again, all alternatives before any twice, nothing left unfilled."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.grammar import Writer, sentences

RULES = {
    "mail": ["{hello}, {ask}", "{ask} {bye}"],
    "hello": ["Hi", "Dear {name}"],
    "ask": ["where is order {order}?", "please cancel {order}.", "{order} is late."],
    "bye": ["Thanks, {name}", ""],
    "name": ["Ann", "Bob", "Cy"],
    "unused": ["never written"],
}


@given(st.text(max_size=5), st.integers(1, 30))
def test_the_same_seed_writes_the_same_texts(seed: str, count: int) -> None:
    first, second = Writer(RULES, seed=seed), Writer(RULES, seed=seed)
    texts = [first.write("{mail}", order=str(index)) for index in range(count)]
    assert texts == [second.write("{mail}", order=str(index)) for index in range(count)]
    assert not any(re.search(r"[{}]", text) for text in texts)


@given(st.text(max_size=5), st.integers(1, 7), st.integers(1, 5))
def test_no_alternative_comes_again_before_all_were_used(seed: str, alternatives: int, rounds: int) -> None:
    writer = Writer({"a": [str(index) for index in range(alternatives)]}, seed=seed)
    counts = Counter(writer.write("{a}") for _ in range(alternatives * rounds))
    assert set(counts.values()) == {rounds}
    assert len(counts) == alternatives


def test_what_is_given_stays_the_same_throughout_a_text() -> None:
    writer = Writer(RULES, seed="x")
    assert {writer.write("{name} {name}", name="{Dee}") for _ in range(5)} == {"{Dee} {Dee}"}


def test_a_slot_without_a_rule_is_named() -> None:
    with pytest.raises(ValueError, match='no rule "order"'):
        Writer(RULES, seed="x").write("{ask}")


def test_a_rule_without_alternatives_is_named() -> None:
    with pytest.raises(ValueError, match="without alternatives: b"):
        Writer({"a": ["x"], "b": []}, seed="x")


def test_sentences_are_those_that_a_text_can_be_made_of() -> None:
    found = list(sentences(RULES, "mail"))
    assert len(found) == len(set(found)) == 2 + 2 + 3 + 2 + 3
    assert "never written" not in found
