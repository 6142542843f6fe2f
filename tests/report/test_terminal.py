"""What the terminal shows: at most 80 columns, escapes only when asked, the exit code in words at the end.

What it looks like as a whole is kept in terminal/*.txt; `python -m tests.report.test_terminal` writes them anew, to be
read before they are believed.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from evalkit import report
from evalkit.report.columns import width
from evalkit.report.prepare import prepare
from evalkit.types import EXIT_CODES, RegressedSlice
from evalkit.types.record import RunRecord
from tests.report import records

NAMES = sorted(records.ALL)
GOLDEN = Path(__file__).with_name("terminal")
DRAWN = ("pass", "fail", "inconclusive", "broken", "empty", "ungated", "waived")
PAGE = "runs/intents-int4/report.html"


def drawn(name: str, *, ascii_only: bool) -> str:
    return report.terminal(records.ALL[name](), ascii_only=ascii_only, page=PAGE)


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize("ascii_only", [False, True])
def test_the_whole_text_is_as_it_was_read_and_found_good(name: str, ascii_only: bool) -> None:
    kept = GOLDEN / f"{name}{'.ascii' if ascii_only else ''}.txt"
    assert drawn(name, ascii_only=ascii_only) == kept.read_text(encoding="utf-8")


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
    # Wherever the page lies: a log is read from its end.
    assert report.terminal(record, page="runs/x/report.html").endswith(f"\nreport  runs/x/report.html\n{last}")


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


def test_a_warning_stands_apart_and_is_not_counted_among_what_fails() -> None:
    rows = [
        records.criterion(f"kept-{at}", "accuracy.retention", status, records.estimate(0.96, 0.005), at_least=0.97)  # type: ignore[arg-type]
        for at, status in enumerate(("fail", "pass", "pass", "pass"))
    ]
    slow = replace(records.SPEED, id="slow", status="fail")
    shown = report.terminal(records.run("fail", (), (*rows, slow)))
    assert "criteria: 1 of 4 blocking criteria fails, 3 hold; 1 warning\n" in shown
    before, after = shown.split("warning only, no part of the verdict:\n")
    assert "✗ kept-0" in before
    assert after.startswith("✗ slow")
    assert "warning" not in before


@pytest.mark.parametrize(
    ("statuses", "said"),
    [
        (("fail", "fail", "inconclusive", "pass"), "2 of 4 blocking criteria fail, 1 is inconclusive, 1 holds"),
        (("not_evaluated", "waived", "waived"), "1 of 3 blocking criteria could not be evaluated, 2 are waived"),
        (("pass",), "1 of 1 blocking criterion holds"),
    ],
)
def test_the_tally_says_of_how_many(statuses: tuple[str, ...], said: str) -> None:
    rows = [
        records.criterion(f"c{at}", "accuracy.retention", status, records.estimate(0.96, 0.005), at_least=0.97)  # type: ignore[arg-type]
        for at, status in enumerate(statuses)
    ]
    skipped = replace(rows[0], id="gone", status="not_evaluated", on_missing="skip")
    assert prepare(records.run("fail", (), (*rows, skipped))).tally == said


def test_long_names_are_whole_on_lines_of_their_own() -> None:
    name = "must-not-lose-any-answer-of-the-hardest-tenth"
    row = records.criterion(name, "accuracy.retention", "fail", records.estimate(0.9, 0.01), at_least=0.97)
    lines = report.terminal(records.run("fail", (), (row,))).splitlines()
    (at,) = (number for number, line in enumerate(lines) if name in line and line.startswith("✗"))
    assert lines[at] == f"✗ {name}"
    # The figures stay in their columns.
    assert lines[at + 1].index("≥ 97.0 %") == next(line.index("needs") for line in lines if "  needs" in line)


def test_the_models_are_named_whole_while_there_is_any_way() -> None:
    record = records.failing()
    manifest = {**record.manifest, "models": {**record.manifest["models"], "student": {"name": "s" * 60}}}
    first, second, third, *_ = report.terminal(replace(record, manifest=manifest)).splitlines()
    assert first == f"evalkit  student {'s' * 60}"
    assert (second, third) == ("         teacher acme/intents-base", "         policy  recovery-97")


def test_most_of_the_loss_is_named_where_a_few_slices_explain_it() -> None:
    record = records.failing()
    assert "Most of the loss" not in report.terminal(record)

    def lost(*slices: tuple[str, int, int, int]) -> RunRecord:
        rows = tuple(
            RegressedSlice(suite=records.GOLD, slice=name, difference=(gained - lost) / n, n=n, lost=lost,
                           gained=gained, p_holm=0.001)
            for name, n, lost, gained in slices
        )  # fmt: skip
        return replace(record, verdict=replace(record.verdict, regressed=rows))

    one = report.terminal(lost(("language=de", 210, 90, 4), ("length=short", 400, 40, 4)))
    assert "\nMost of the loss: slice language=de, 90 lost, 4 gained of 210 (−41.0 pts)\n" in one
    assert one.count("language=de, 90 lost") == 1
    assert "\n  length=short, 40 lost, 4 gained of 400 (−9.0 pts)\n" in one
    # 45 and 30 of 142: two values of one column share no example.
    two = report.terminal(lost(("l=de", 90, 45, 0), ("other=x", 200, 60, 0), ("l=fr", 100, 30, 0)))
    assert "Most of the loss: slices l=de and l=fr, 75 lost, 0 gained of 190 (−39.5 pts)" in two
    # Half of the suite explains nothing.
    assert "Most of the loss" not in report.terminal(lost(("language=de", 1000, 90, 4)))
    # Nor does what is not half of the loss.
    assert "Most of the loss" not in report.terminal(lost(("language=de", 210, 70, 4)))


def test_an_example_shows_both_answers_and_where_it_fell() -> None:
    lines = report.terminal(records.failing()).splitlines()
    at = lines.index("Look at first:")
    assert lines[at + 2] == "  q00000  right → wrong · support-intents/language=de"
    assert lines[at + 3] == "    teacher card_lost 98.0 % · student refund 93.1 %"
    # Of a safety suite nothing but what became of it.
    assert lines[at + 1] == "  s00031  no target · critical · safety"
    assert "card_lost" not in lines[at + 1] + lines[at]


def test_long_answers_are_shown_from_where_they_differ() -> None:
    same = "the customer asks for a refund of the amount that was charged twice "
    pairs = (
        records.pair("q1", teacher=records.side(f"{same}in May", True), student=records.side(f"{same}in June", False)),
    )
    shown = report.terminal(records.run("fail", (), pairs=pairs))
    assert "teacher …wice in May 93.1 % · student …wice in June 93.1 %" in shown


def test_an_inconclusive_run_says_what_would_settle_it_and_what_would_not() -> None:
    reason = (
        "97.9 % [95.8, 99.9] (n = 400): the interval holds the bound 97.5 %; about 10,600 more examples would settle "
        "it as a pass if the estimate stays (an even chance; evalkit power RUN plans for 80 %); n = 400 can rule out "
        "a drop of 2.3 pts or more"
    )
    row = replace(records.inconclusive().verdict.criteria[0], reason=reason)
    shown = " ".join(report.terminal(records.run("inconclusive", (f"retention: {reason}",), (row,))).split())
    settles = reason.partition("; ")[2].partition("; n = ")[0]
    assert f"? retention (support-intents): {settles} More seeds of the same examples will not help." in shown
    assert shown.count("would settle") == 1
    assert settles in " ".join(report.summary(records.run("inconclusive", (f"retention: {reason}",), (row,))).split())
    # A clock may be asked again.
    timed = replace(row, question=replace(row.question, metric="latency.speedup.p50"))
    assert "More seeds" not in report.terminal(records.run("inconclusive", (), (timed,)))
    # And what is no news for a warning is none for the verdict.
    warned = replace(row, effect="warn")
    assert "More seeds" not in report.terminal(records.run("pass", (), (warned,)))


def test_hundreds_of_slices_that_are_too_small_are_a_count_and_no_wall() -> None:
    names = ", ".join(f"city={number} (n = 3)" for number in range(400))
    note = f"slices: too small to judge in support-intents (400 slices, fewer than 50 examples): {names}"
    record = replace(records.passing(), verdict=replace(records.passing().verdict, reasons=("all hold", note)))
    shown = report.terminal(record)
    about = [line for line in shown.splitlines() if "city=" in line or "too small" in line]
    assert len(about) <= 3
    assert "(400 slices, fewer than 50 examples)" in " ".join(shown.split())
    assert len(report.summary(record)) < 2500


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for each in DRAWN:
        for plain in (False, True):
            (GOLDEN / f"{each}{'.ascii' if plain else ''}.txt").write_text(drawn(each, ascii_only=plain), "utf-8")
