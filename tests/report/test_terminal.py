"""What the terminal shows: at most 80 columns, escapes only when asked, the exit code in words at the end."""

from __future__ import annotations

import re

import pytest

from evalkit import report
from evalkit.report.columns import width
from evalkit.types import EXIT_CODES
from tests.report import records

NAMES = sorted(records.ALL)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("ascii_only", [False, True])
@pytest.mark.parametrize("columns", [60, 80, 120])
def test_no_line_is_wider_than_asked(name: str, ascii_only: bool, columns: int) -> None:
    shown = report.terminal(records.ALL[name](), width=columns, ascii_only=ascii_only)
    assert max(map(width, shown.splitlines())) <= columns
    assert shown.isascii() or not ascii_only


@pytest.mark.parametrize("name", NAMES)
def test_there_is_no_escape_without_colour(name: str) -> None:
    shown = report.terminal(records.ALL[name]())
    assert re.findall(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", shown) == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("ascii_only", [False, True])
def test_colour_adds_escapes_and_nothing_else(name: str, ascii_only: bool) -> None:
    record = records.ALL[name]()
    coloured = report.terminal(record, colour=True, ascii_only=ascii_only)
    bare = re.sub(r"\x1b\[\d*m", "", coloured)
    assert bare == report.terminal(record, ascii_only=ascii_only)
    if record.verdict.word != "ungated":
        assert coloured != bare


@pytest.mark.parametrize("name", NAMES)
def test_the_last_line_says_the_exit_code_in_words(name: str) -> None:
    record = records.ALL[name]()
    last = "exit" + report.terminal(record).rpartition("\nexit")[2]
    assert last.startswith(f"exit {EXIT_CODES[record.verdict.word]} ({record.verdict.word}: ")


def test_waivers_come_before_criteria() -> None:
    shown = report.terminal(records.waived())
    assert shown.index("waived by Ada until 2026-12-31") < shown.index("criterion")


def test_failures_come_before_passes_and_warnings_last() -> None:
    marks = re.findall(r"^([✗?–✓]) (\S+)  ", report.terminal(records.failing()), flags=re.MULTILINE)
    assert [mark for mark, _ in marks] == ["✗", "✗", "?", "✓", "✓", "✓"]
    assert marks[-1][1] == "speed"


def test_skipped_criteria_are_named_in_one_line() -> None:
    record = records.failing()
    skipped = [row.id for row in record.verdict.criteria if row.status == "not_evaluated" and row.on_missing == "skip"]
    line = next(line for line in report.terminal(record).splitlines() if line.startswith("– skipped"))
    assert skipped
    assert all(name in line for name in skipped)


def test_at_most_ten_examples_are_named_and_the_rest_is_counted() -> None:
    shown = report.terminal(records.failing())
    assert shown.count("right → wrong") == 9
    assert "… 6 more" in shown


def test_many_passing_rows_do_not_push_out_a_failure() -> None:
    row = records.criterion("s", "accuracy.difference", "pass", records.estimate(-0.02, 0.01), at_least=-0.1)
    bad = records.criterion("bad", "accuracy.difference", "fail", records.estimate(-0.2, 0.01), at_least=-0.1)
    shown = report.terminal(records.run("fail", (), (*[row] * 500, bad)))
    assert len(shown.splitlines()) < 60
    assert "✗ bad" in shown
    assert "… 488 more rows" in shown


def test_no_ci_command_gets_through() -> None:
    shown = report.terminal(records.hostile())
    assert "::" not in shown
    assert "##[" not in shown
