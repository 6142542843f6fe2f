"""The word-level difference: its laws, its bounds, and how text is cut into words."""

from __future__ import annotations

import difflib
import random
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.report import spoken

pytestmark = pytest.mark.browser
Open = Callable[..., Any]
# Letters, marks, blanks, ends of lines, scripts without blanks, emoji of several code points, contractions, numbers.
PIECES = st.sampled_from(
    (
        *("can't", "l’eau", "the", "cat", "Cat", "1,234.50", "x2", "_a_", "naïve", "e\u0301"),
        *(
            " ",
            "  ",
            "\n",
            "\r\n",
            "\t",
            ".",
            ",",
            "'",
            "€",
            "👍🏽",
            "🇩🇪",
            "👩",
            "日本語を話す",
            "ภาษาไทย",
            "عربى",
            "\\u200b",
        ),
    )
)
TEXTS = st.lists(PIECES, max_size=25).map("".join) | st.text(max_size=30)
LISTS = st.lists(st.sampled_from("abcd"), max_size=12)


@pytest.fixture(scope="module")
def page(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from evalkit import report

    file = tmp_path_factory.mktemp("diff") / "report.html"
    file.write_text(report.html(spoken.run(*spoken.intents())), encoding="utf-8")
    found = chromium.new_page()
    found.goto(file.as_uri())
    yield found
    found.close()


def joined(edits: list[dict[str, str]], *ops: str) -> str:
    return "".join(each["text"] for each in edits if each["op"] in ops)


def longest(one: list[str], two: list[str]) -> int:
    """Length of a longest common subsequence, by the textbook table."""
    row = [0] * (len(two) + 1)
    for each in one:
        before = 0
        for place, other in enumerate(two, 1):
            before, row[place] = row[place], before + 1 if each == other else max(row[place], row[place - 1])
    return row[-1]


@given(st.lists(st.tuples(TEXTS, TEXTS, st.booleans()), min_size=1, max_size=60))
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_parts_join_to_both_texts(page: Any, pairs: list[tuple[str, str, bool]]) -> None:
    """Half of the second texts are the first with something put in, so that most differences are real ones."""
    made = [(a, a[: len(a) // 2] + b[:5] + a[len(a) // 2 :] if alike else b) for a, b, alike in pairs]
    found = page.evaluate("pairs => pairs.map(([a, b]) => [wordDiff(a, b), wordDiff(b, a)])", made)
    for (a, b), (there, back) in zip(made, found, strict=True):
        if isinstance(there, dict):
            assert there == {"mostly": True}
            assert a != b
            continue
        assert joined(there, "same", "removed") == a
        assert joined(there, "same", "added") == b
        assert all(one["op"] != two["op"] for one, two in pairwise(there))
        assert all(each["text"] for each in there) or a == b == ""
        if a == b:
            assert there == [{"op": "same", "text": a}]
        assert isinstance(back, list)
        assert joined(back, "same", "removed") == b


@given(st.lists(st.tuples(LISTS, LISTS), min_size=1, max_size=200))
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_as_little_as_can_be_is_removed_and_added(page: Any, pairs: list[tuple[list[str], list[str]]]) -> None:
    found = page.evaluate("pairs => pairs.map(([a, b]) => [sharedPlaces(a, b), sharedPlaces(b, a)])", pairs)
    for (a, b), (there, back) in zip(pairs, found, strict=True):
        assert [a[i] for i, _ in there] == [b[j] for _, j in there]
        assert there == sorted(there)
        assert len({i for i, _ in there}) == len({j for _, j in there}) == len(there)
        assert len(there) == longest(a, b) == len(back)
        theirs = sum(size for _, _, size in difflib.SequenceMatcher(None, a, b, autojunk=False).get_matching_blocks())
        assert len(there) >= theirs


@given(st.lists(TEXTS, min_size=1, max_size=60))
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_pieces_join_to_the_text(page: Any, texts: list[str]) -> None:
    for text, pieces in zip(texts, page.evaluate("texts => texts.map(tokens)", texts), strict=True):
        assert "".join(pieces) == text
        assert all(pieces)


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("I can't, l’eau", ["I", " ", "can't", ",", " ", "l’eau"]),
        ("'quoted' dogs'", ["'", "quoted", "'", " ", "dogs", "'"]),
        ("1,234.50 or 3.", ["1,234.50", " ", "or", " ", "3", "."]),
        ("a  b\r\n\n c", ["a", "  ", "b", "\r\n", "\n", " ", "c"]),
        ("card_lost x2", ["card_lost", " ", "x2"]),
        ("e\u0301te\u0301!", ["e\u0301te\u0301", "!"]),
        ("👍🏽🇩🇪🇫🇷❤\ufe0f", ["👍🏽", "🇩🇪", "🇫🇷", "❤\ufe0f"]),
        ("", []),
    ],
)
def test_a_word_is_a_piece(page: Any, text: str, pieces: list[str]) -> None:
    assert page.evaluate("tokens", text) == pieces


def test_scripts_without_blanks_are_cut_into_words_or_else_into_characters(page: Any) -> None:
    text = "abc日本語を話すxyz ภาษาไทย"
    words = page.evaluate("tokens", text)
    assert [words[0], words[-1]] == ["abc", "ไทย"]
    assert "日本語" in words
    # A browser without a segmenter.
    alone = """text => {
        const kept = Intl.Segmenter;
        delete Intl.Segmenter;
        const found = tokens(text);
        Intl.Segmenter = kept;
        return found;
    }"""
    assert page.evaluate(alone, text) == ["abc", *"日本語を話す", "xyz", " ", *"ภาษาไทย"]


def test_what_was_removed_stands_before_what_was_added(page: Any) -> None:
    assert page.evaluate("([a, b]) => wordDiff(a, b)", ["The cat sat on the mat.", "The dog sat on a mat."]) == [
        {"op": "same", "text": "The "},
        {"op": "removed", "text": "cat"},
        {"op": "added", "text": "dog"},
        {"op": "same", "text": " sat on "},
        {"op": "removed", "text": "the"},
        {"op": "added", "text": "a"},
        {"op": "same", "text": " mat."},
    ]


def test_blanks_between_changed_words_are_marked_with_them(page: Any) -> None:
    edits = "([a, b]) => joinedEdits(wordDiff(a, b))"
    before, after = "please send me the old grey kettle back today", "please send me one new red kettle back today"
    assert page.evaluate(edits, [before, after]) == [
        {"op": "same", "text": "please send me "},
        {"op": "removed", "text": "the old grey"},
        {"op": "added", "text": "one new red"},
        {"op": "same", "text": " kettle back today"},
    ]


def test_texts_of_which_more_than_three_fifths_changed_are_mostly_different(page: Any) -> None:
    # Of 10 letters on each side 4 are the same: 12 of 20 changed, which is 60 %; then 3, which is more.
    assert isinstance(page.evaluate("wordDiff('aa bb cc dd ee', 'aa bb xx yy zz')"), list)
    assert page.evaluate("wordDiff('aa b cc dd eee', 'aa b xx yy zzz')") == {"mostly": True}
    assert page.evaluate("wordDiff('', 'something')") == {"mostly": True}
    assert isinstance(page.evaluate("wordDiff('a', 'a ')"), list)


def test_beyond_four_thousand_words_lines_are_compared(page: Any) -> None:
    lines = [f"line {number} says that much" for number in range(600)]
    other = [*lines[:300], "line 300 says something else", *lines[301:]]
    found = page.evaluate("([a, b]) => wordDiff(a, b)", ["\n".join(lines), "\n".join(other)])
    assert [each["op"] for each in found] == ["same", "removed", "added", "same"]
    assert found[1]["text"] == lines[300] + "\n"


def test_unrelated_texts_give_up_early(page: Any) -> None:
    """The work is counted: the search stops at the bound, long before it has compared everything with everything."""
    rng = random.Random(6)
    one, two = (" ".join(f"w{rng.randrange(10**6)}" for _ in range(800)) for _ in range(2))
    assert page.evaluate("([a, b]) => wordDiff(a, b)", [one, two]) == {"mostly": True}
    counted = """([a, b, most]) => {
        let looks = 0;
        const get = (kept, at) => (typeof at === "string" && /^\\d+$/.test(at) && looks++, kept[at]);
        const watch = (list) => new Proxy(list, { get });
        const found = middleSnake(watch(a), watch(b), 0, a.length, 0, b.length, most);
        return [found, looks];
    }"""
    apart = [list(range(400)), list(range(400, 800))]
    stopped, looks = page.evaluate(counted, [*apart, 40])
    assert stopped is None
    assert looks < 40 * 40 * 4
    reached, all_looks = page.evaluate(counted, [*apart, 10**6])
    assert reached is not None
    assert all_looks > 50 * looks
