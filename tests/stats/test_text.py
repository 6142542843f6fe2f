"""Likeness of texts: against tables filled in by hand, against other libraries, and what is true of any two."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.stats.text import chrf, edit_distance, edit_similarity, longest_common_subsequence, rouge_l

words = st.text(alphabet="abc ", max_size=14) | st.text(max_size=10)


def by_table(one: str, other: str) -> int:
    above = list(range(len(other) + 1))
    for row, mine in enumerate(one, 1):
        here = [row]
        for column, yours in enumerate(other, 1):
            here.append(min(above[column] + 1, here[-1] + 1, above[column - 1] + (mine != yours)))
        above = here
    return above[-1]


@given(words, words)
def test_the_distance_is_that_of_the_table(one: str, other: str) -> None:
    assert edit_distance(one, other) == by_table(one, other)


@given(st.text(alphabet="ab", min_size=60, max_size=200), st.text(alphabet="ab", min_size=60, max_size=200))
def test_long_texts_of_few_letters_have_their_distance_too(one: str, other: str) -> None:
    assert edit_distance(one, other) == by_table(one, other)


@given(words, words, words, words)
def test_what_two_texts_begin_and_end_with_does_not_set_them_apart(one: str, other: str, start: str, end: str) -> None:
    assert edit_distance(start + one + end, start + other + end) == by_table(one, other)


@given(words, words)
def test_similarity_is_symmetric_and_one_for_equal_texts_alone(one: str, other: str) -> None:
    found = edit_similarity(one, other)
    assert found == edit_similarity(other, one)
    assert 0.0 <= found <= 1.0
    assert (found == 1.0) == (one == other)


def test_nothing_is_unlike_something_and_like_nothing() -> None:
    assert edit_similarity("", "") == 1.0
    assert edit_similarity("", "word") == 0.0


# --- the other measures ----------------------------------------------------------------------------------

ORACLES = {
    each["name"]: each
    for each in json.loads((Path(__file__).parent.parent / "oracles" / "statistics.json").read_text("utf-8"))["oracles"]
}
MEASURES = [chrf, rouge_l, edit_similarity]
Measure = Callable[[str, str], float]


@pytest.mark.parametrize(
    ("name", "measure", "scale"),
    [
        ("A.chrf_corpus_and_sentence", chrf, 100),
        ("A.rougeL_f", rouge_l, 1),
        ("A.norm_levenshtein_similarity", edit_similarity, 1),
    ],
)
def test_the_published_numbers_come_out(name: str, measure: Measure, scale: int) -> None:
    oracle = ORACLES[name]
    found = [
        scale * measure(*both) for both in zip(oracle["inputs"]["student"], oracle["inputs"]["teacher"], strict=True)
    ]
    expected = oracle["expected"]["sent"] if isinstance(oracle["expected"], dict) else oracle["expected"]
    assert found == pytest.approx(expected, abs=oracle["tolerance"])


@pytest.mark.parametrize("measure", MEASURES)
@given(one=words, other=words)
def test_every_measure_is_a_share_and_equal_texts_have_all_of_it(measure: Measure, one: str, other: str) -> None:
    assert 0.0 <= measure(one, other) <= 1.0
    assert measure(one, one) == 1.0
    assert measure("", one) == measure(one, "") == (0.0 if one else 1.0)


@given(words, words)
def test_words_in_common_are_the_same_from_either_side(one: str, other: str) -> None:
    assert rouge_l(one, other) == rouge_l(other, one)


@pytest.mark.parametrize("measure", MEASURES)
def test_nothing_in_common_is_nothing(measure: Measure) -> None:
    assert measure("aaaa bb", "cccccc") == 0.0


def test_words_are_of_any_script_and_of_either_case() -> None:
    assert rouge_l("Привет, Мир!", "привет мир") == 1.0
    assert rouge_l("...", "???") == 0.0


def test_spaces_do_not_matter_to_chrf_and_what_is_missing_matters_more_than_what_is_too_much() -> None:
    assert chrf("one two", "onetwo") == 1.0
    assert chrf("the cat", "the cat sat") < chrf("the cat sat", "the cat")


def by_common_table(one: str, other: str) -> int:
    above = [0] * (len(other) + 1)
    for mine in one:
        here = [0]
        for column, yours in enumerate(other, 1):
            here.append(above[column - 1] + 1 if mine == yours else max(above[column], here[-1]))
        above = here
    return above[-1]


@given(words, words)
def test_the_common_sequence_is_that_of_the_table(one: str, other: str) -> None:
    assert longest_common_subsequence(one, other) == by_common_table(one, other)


@given(one=words, other=words)
def test_sacrebleu_agrees(one: str, other: str) -> None:
    metrics = pytest.importorskip("sacrebleu.metrics", reason="compares with sacrebleu, which is not installed")
    if one != other:
        assert chrf(one, other) == pytest.approx(metrics.CHRF().sentence_score(one, [other]).score / 100, abs=1e-12)


@given(one=words, other=words)
def test_rapidfuzz_agrees(one: str, other: str) -> None:
    distance = pytest.importorskip("rapidfuzz.distance", reason="compares with rapidfuzz, which is not installed")
    assert edit_similarity(one, other) == pytest.approx(distance.Levenshtein.normalized_similarity(one, other))
    assert longest_common_subsequence(one, other) == distance.LCSseq.similarity(one, other)
