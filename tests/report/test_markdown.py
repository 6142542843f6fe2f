"""summary.md and model-card.md: short, inert, honest about what was not looked at."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

import pytest
import yaml
from markdown_it import MarkdownIt

from evalkit import report
from evalkit.report.text import one_line
from tests.report import records

NAMES = sorted(records.ALL)


def elements(markdown: str) -> set[str]:
    html = MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(markdown)
    return set(re.findall(r"<([a-z][a-z0-9]*)", html))


def body(card: str) -> str:
    return card.split("\n---\n", 1)[1]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_in_them_becomes_an_element_of_its_own(name: str) -> None:
    record = records.ALL[name]()
    plain = {"h1", "h2", "h3", "p", "ul", "li", "table", "thead", "tbody", "tr", "th", "td", "strong", "code", "pre"}
    assert elements(report.summary(record)) <= plain
    assert elements(body(report.card(record))) <= plain


@pytest.mark.parametrize("name", NAMES)
def test_every_table_row_has_as_many_cells_as_its_head(name: str) -> None:
    record = records.ALL[name]()
    for written in (report.summary(record), body(report.card(record))):
        for table in re.findall(r"(?:^\|.*\n)+", written, flags=re.MULTILINE):
            assert len({row.count("|") for row in table.splitlines()}) == 1


def test_a_summary_stays_small_whatever_is_in_it() -> None:
    long = tuple("\U000e0041" * 1000 + str(number) for number in range(300))
    assert len(report.summary(records.hostile(long)).encode()) < 60_000


def test_a_summary_leads_with_verdict_and_waivers() -> None:
    written = report.summary(records.waived())
    assert written.startswith("## ✓ pass\n")
    assert written.index("**waived**: retention, by Ada") < written.index("1 of 2 blocking criteria holds, 1 is waived")


def test_a_summary_names_ten_examples_and_the_lost_slices() -> None:
    written = report.summary(records.failing())
    assert written.count("right → wrong") == 9
    assert "| support-intents | target=refund | −21.1 pts | 61 | 8 | 250 |" in written


@pytest.mark.parametrize("name", NAMES)
def test_a_card_starts_with_yaml(name: str) -> None:
    card = report.card(records.ALL[name]())
    front = yaml.safe_load(card.split("---\n")[1])
    assert front["tags"] == ["evalkit"]


def test_a_card_lists_results_with_their_intervals_for_the_hub() -> None:
    front = yaml.safe_load(report.card(records.failing()).split("---\n")[1])
    assert front["base_model"] == ["acme/intents-base"]
    (result,) = front["model-index"][0]["results"]
    assert result["metrics"][0]["value"] == 0.8575
    assert result["metrics"][0]["args"] == {"n": 2000, "low": 0.8446, "high": 0.8575 + 0.0129, "level": 0.9}


def test_a_card_says_what_was_not_evaluated_and_how_to_verify() -> None:
    written = report.card(records.failing())
    assert "edge-case behaviour: the plan has no edge-case suite" in written
    assert "too few groups (9)" in written
    assert "evalkit verify RUN --student PATH" in written


@pytest.mark.parametrize("name", ["broken", "empty"])
def test_a_run_without_a_result_shows_no_number(name: str) -> None:
    written = report.card(records.ALL[name]())
    assert "## Results" not in written
    assert "model-index" not in written


def rendered(markdown: str) -> str:
    """What a reader of a forge sees, without the markup."""
    html = MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(markdown)
    return unescape(re.sub(r"<[^>]+>", "", html)).replace("\u200b", "")


def test_a_summary_begins_with_the_verdict_its_reason_and_the_table() -> None:
    written = report.summary(records.failing())
    order = ["## ✗ fail", "may not replace", "### Criteria: 2 of 5", "| ✗ fail | retention", "### Got worse"]
    order += ["### Look at first", "### Look further", "exit 1 (fail: "]
    places = [written.index(each) for each in order]
    assert places == sorted(places)


def test_plain_words_and_numbers_are_not_escaped() -> None:
    record = records.failing()
    reason = "kept 94.6 % [93.4, 95.8] (n = 2000): see newly_unsafe.rate, R & D, p < 0.001 - or 1. and 2) of a-b"
    written = report.summary(replace(record, verdict=replace(record.verdict, reasons=(reason,))))
    assert f"- {reason}\n" in written
    assert "| −21.1 pts | 61 | 8 | 250 | < 0.001 |" in written
    assert reason in rendered(written)


def test_an_example_shows_both_answers_but_for_a_safety_suite() -> None:
    written = report.summary(records.failing())
    line = "- q00000 (support-intents, language=de): right → wrong; "
    assert f"{line}teacher **card_lost** 98.0 %, student **refund** 93.1 %\n" in written
    assert "- s00031 (safety): no target, critical\n" in written


def test_hostile_answers_are_the_text_that_they_are() -> None:
    pairs = tuple(
        records.pair(f"q{at}", student=records.side(text, False), teacher=records.side("fine", True))
        for at, text in enumerate(records.HOSTILE[:-1])
    )
    seen = " ".join(rendered(report.summary(records.run("fail", (), pairs=pairs))).split())
    for text in records.HOSTILE[:-1]:
        assert one_line(text, 100) in seen
