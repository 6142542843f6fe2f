"""Regex: what is found, what it is compared with, and that the search always ends."""

from __future__ import annotations

import pytest

from evalkit.scoring import regex
from tests.scoring import one


@pytest.mark.parametrize(
    ("pattern", "text", "answer"),
    [
        (r"\d+", "first 1, then 22", "22"),
        (r"grade: (\w+)", "grade: B, no, grade: A", "A"),
        (r"<a>(.*?)</a>|<b>(.*?)</b>", "<a>x</a> <b> y </b>", "y"),
        (r"\d*", "x 7 y", "7"),  # the empty match at the end is no find
        (r"(?s)begin(.*)end", "begin\n two \nend", "two"),
        (r"\p{Lu}+", "aBcÄÖ", "ÄÖ"),
    ],
)
def test_the_last_find_counts_and_of_it_the_first_group(pattern: str, text: str, answer: str) -> None:
    found = one.judge("regex", answer, text, pattern=pattern)
    assert (found.correct, found.answer) == (True, answer)
    assert one.judge("regex", "something else", text, pattern=pattern).correct is False
    assert one.judge("regex", None, text, pattern=pattern).correct is None


def test_without_a_find_the_answer_is_unparsable() -> None:
    for pattern in ("[0-9]+", "(x)?"):
        found = one.judge("regex", "1", "no number", pattern=pattern)
        assert (found.correct, found.answer, found.unparsable) == (False, None, True)
        assert "nothing matches" in found.why


def test_case_matters_unless_it_is_ignored() -> None:
    assert one.judge("regex", "Paris", "CITY: paris", pattern="city: (.*)").unparsable
    assert one.judge("regex", "Paris", "CITY: paris", pattern="city: (.*)", ignore_case=True).correct is True
    assert one.judge("regex", "Paris", "city: paris", pattern="city: (.*)").correct is False


@pytest.mark.parametrize(
    ("target", "text", "right"),
    [("colou?r", "the color red", True), ("^color$", "the color red", False), ("x*", "-", True)],
)
def test_without_a_pattern_the_target_is_one(target: str, text: str, right: bool) -> None:
    found = one.judge("regex", target, text)
    assert (found.correct, found.unparsable) == (right, False)
    assert found.answer


def test_a_target_that_is_no_pattern_is_never_right_and_says_so() -> None:
    for target in ("(", "(" * 5000):
        found = one.judge("regex", target, "(")
        assert found.correct is False
        assert "the target" in found.why
        assert "regular expression" in found.why


@pytest.mark.parametrize("settings", [{"pattern": "(a|aa)+$"}, {}])
def test_a_search_that_would_not_end_is_stopped(monkeypatch: pytest.MonkeyPatch, settings: dict[str, str]) -> None:
    class Endless:
        """A pattern that needs longer than anybody has."""

        def search(self, text: str, timeout: float) -> None:
            assert timeout == regex.SECONDS
            raise TimeoutError

        finditer = search

    monkeypatch.setattr(regex, "_compiled", lambda pattern, ignore_case: Endless())
    found = one.judge("regex", "(a|aa)+$", "aaaa", **settings)
    assert (found.correct, found.answer, found.unparsable) == (False, None, True)
    assert found.why.startswith(regex.TIMED_OUT)
    assert "takes more than 5 s" in found.why


def test_a_search_of_a_lifetime_does_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regex, "SECONDS", 0.1)
    found = one.judge("regex", "b", "a" * 60 + "b", pattern="(a|aa)+$")
    assert (found.correct, found.unparsable) == (False, True)
    assert found.why.startswith(regex.TIMED_OUT)


def test_only_a_search_that_was_stopped_says_so() -> None:
    for text in ("b", "a" * 200_000, ""):
        assert regex.TIMED_OUT not in one.judge("regex", "b", text, pattern="(b)").why


def test_of_a_very_long_text_the_end_is_searched() -> None:
    text = "7" + " " * 200_000 + "8."
    found = one.judge("regex", "8", text, pattern=r"\d")
    assert found.correct is True
    assert "last 100000 characters" in found.why
    assert "last 100000 characters" in one.judge("regex", "7", text).why
