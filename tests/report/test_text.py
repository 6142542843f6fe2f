"""Untrusted text becomes harmless and stays readable, for every string there is."""

from __future__ import annotations

import csv
import io
import unicodedata
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from evalkit.report import text
from tests.report.records import HOSTILE

# Surrogates included: a JSON file may hold them, and so may a model's output.
ANY = st.text(st.characters(), max_size=60) | st.sampled_from(HOSTILE[:-1])
MARKUP = st.text(st.sampled_from("[](){}<>!`|*_#@:/.\\-+=~&$ \n\t1axwhtps"), max_size=40)
UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def unseen(shown: str) -> list[str]:
    return [char for char in shown if char not in "\n\t" and unicodedata.category(char) in UNSEEN]


@given(ANY)
def test_visible_text_holds_no_control_format_bidi_or_surrogate_character(raw: str) -> None:
    assert unseen(text.visible(raw)) == []


@given(ANY)
def test_visible_changes_nothing_the_second_time(raw: str) -> None:
    assert text.visible(text.visible(raw)) == text.visible(raw)


@given(ANY, st.integers(0, 30))
def test_a_cut_text_says_how_much_is_missing(raw: str, limit: int) -> None:
    shown = text.visible(raw, limit)
    if len(raw) > limit:
        assert shown.endswith(f"… ({len(raw) - limit} more characters)")
    else:
        assert shown == text.visible(raw)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain, ünïcödé 漢字 🙂", "plain, ünïcödé 漢字 🙂"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("\x1b[31m", "\\x1b[31m"),
        ("a\u202eb\u2066c\u061c", "a\\u202eb\\u2066c\\u061c"),
        ("\x00\ud800\ufffe\u2028", "\\x00\\ud800\\ufffe\\u2028"),
        ("zero\u200bwidth\u00ad\ufeff", "zero\\u200bwidth\\xad\\ufeff"),
        ("\U000e0041\u3164\ufe01", "\\U000e0041\\u3164\\ufe01"),
        ("carriage\rreturn", "carriage\\x0dreturn"),
    ],
)
def test_what_cannot_be_seen_is_written_as_a_code(raw: str, shown: str) -> None:
    assert text.visible(raw) == shown


@given(ANY)
def test_terminal_text_is_one_line_that_a_ci_runner_does_not_obey(raw: str) -> None:
    shown = text.for_terminal(raw)
    assert "\n" not in shown
    assert "\x1b" not in shown
    assert "::" not in shown
    assert "##[" not in shown
    assert text.for_terminal(shown) == shown
    assert text.for_terminal(raw, ascii_only=True).isascii()


@given(ANY)
def test_xml_text_parses_back_to_what_was_visible(raw: str) -> None:
    root = ElementTree.fromstring(f'<a b="{text.for_xml_name(raw)}">{text.for_xml(raw)}</a>')
    assert (root.text or "") == text.visible(raw)
    assert root.get("b") == text.one_line(raw)


@given(st.lists(ANY, max_size=40), st.integers(100, 3000))
def test_an_xml_body_keeps_to_its_size_and_counts_what_it_left_out(lines: list[str], size: int) -> None:
    body = text.xml_within(lines, size)
    root = ElementTree.fromstring(f"<a>{body}</a>")
    assert len(body.encode()) <= size
    if "more lines;" not in body:
        assert (root.text or "") == "\n".join(text.visible(line) for line in lines)


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.words = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)

    def handle_data(self, data: str) -> None:
        self.words += data


@given(ANY | MARKUP)
def test_markdown_text_renders_as_itself_with_no_element_of_its_own(raw: str) -> None:
    markdown = MarkdownIt("gfm-like", {"html": True, "linkify": False})
    for source, allowed in (
        (f"- x {text.for_markdown(raw)} y", {"ul", "li"}),
        (f"x\n\n{text.for_markdown(raw)}", {"p"}),
        (f"| a | b |\n|---|---|\n| {text.for_markdown(raw)} | z |", {"table", "thead", "tbody", "tr", "th", "td"}),
    ):
        tags = Tags()
        tags.feed(markdown.render(source))
        assert set(tags.seen) <= allowed
        assert tags.seen.count("td") in (0, 2)
        assert text.one_line(raw) in " ".join(tags.words.replace("\u200b", "").split())


@pytest.mark.parametrize("raw", ["@octocat", "a@b.com", "https://evil.example", "www.evil.example", "#12", "GH-12"])
def test_markdown_text_is_broken_where_a_forge_would_link_it(raw: str) -> None:
    assert "&#8203;" in text.for_markdown(raw)


@pytest.mark.parametrize("raw", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "\uff1d1"])
def test_a_csv_cell_never_starts_a_formula(raw: str) -> None:
    assert text.csv_cell(raw).startswith("'")


@given(ANY)
def test_a_csv_cell_survives_a_round_trip_and_a_second_pass(raw: str) -> None:
    cell = text.csv_cell(raw)
    file = io.StringIO()
    csv.writer(file).writerow([cell, "next"])
    assert next(csv.reader(io.StringIO(file.getvalue(), newline=""))) == [cell, "next"]
    assert text.csv_cell(cell) == cell
    assert cell.removeprefix("'") in (text.visible(raw), text.visible(raw).removeprefix("'"))


def test_a_megabyte_is_cut_before_it_is_worked_on() -> None:
    assert len(text.for_markdown("<" * 1_000_000, 100)) < 1000
