"""summary.md and model-card.md: short, inert, honest about what was not looked at."""

from __future__ import annotations

import re

import pytest
import yaml
from markdown_it import MarkdownIt

from evalkit import report
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
