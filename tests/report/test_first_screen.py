"""What a release manager sees in five seconds: the verdict and why, the models, their answers, what is still open."""

from __future__ import annotations

import html
import http.server
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evalkit import report
from evalkit.metrics import catalogue
from evalkit.remarks import no_answers
from evalkit.report import words
from evalkit.report.examples import outcome_changed
from evalkit.report.policy_lines import lines_of
from evalkit.report.prepare import EXIT_WORDS, margin, prepare
from evalkit.report.query import href
from evalkit.report.sections.banner import banner, same_weights, short, when
from evalkit.report.sections.criteria import NARROW, SHOWN, criteria
from evalkit.report.sections.metrics import metrics
from evalkit.report.sections.reasons import reasons
from evalkit.report.sections.slices import FEW, slices
from evalkit.report.view import Reading
from evalkit.types import CriterionRow, CriterionStatus, Estimate, Undefined, VerdictWord
from evalkit.types.record import RunRecord
from tests.report import records
from tests.report.records import GOLD, SAFETY, criterion, estimate, metric
from tests.report.test_page import Page


def said(record: RunRecord) -> str:
    return prepare(record).headline


def exact(value: float, n: int = 12) -> Estimate:
    return Estimate(value=value, low=value, high=value, level=0.9, n=n, method="count")


def first_screen(record: RunRecord) -> str:
    """The page's text between its header and its bar of links."""
    source = report.html(record)
    part = source[source.index('<main id="main"') : source.index('<div class="topbar')]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", part)).split())


# --- the sentence ------------------------------------------------------------------------------------


def test_a_count_that_holds_exactly_is_not_named_as_closest_before_an_interval() -> None:
    count = criterion("must-pass", "flips.right_to_wrong.count", "pass", exact(0.0), at_most=0, by="value")
    near = criterion("retention", "accuracy.retention", "pass", estimate(0.981, 0.01), at_least=0.97)
    far = criterion("drop", "accuracy.difference", "pass", estimate(-0.01, 0.005), at_least=-0.1)
    headline = said(records.run("pass", ("held",), (count, far, near)))
    assert "Closest to its bound: retention (" in headline
    assert "must-pass" not in headline


def test_a_count_is_named_where_there_is_nothing_else() -> None:
    count = criterion("must-pass", "flips.right_to_wrong.count", "fail", exact(3.0), at_most=0, by="value")
    assert "Worst: must-pass (" in said(records.run("fail", ("lost",), (count,)))


def test_the_row_nearest_in_half_widths_is_named() -> None:
    # 0.02 from its bound at a half-width of 0.004 is 5 of them; 0.05 at 0.04 is 1.25.
    sure = criterion("sure", "accuracy.retention", "pass", estimate(0.99, 0.004), at_least=0.97)
    wide = criterion("wide", "accuracy.retention", "pass", estimate(1.02, 0.04), at_least=0.97)
    view = prepare(records.run("pass", ("held",), (sure, wide)))
    assert [(row.id, round(margin(row), 6)) for row in view.criteria] == [("wide", 1.25), ("sure", 5.0)]
    assert "Closest to its bound: wide (" in view.headline


@pytest.mark.parametrize("word", ["pass", "fail", "inconclusive"])
def test_no_sentence_counts_nothing_of_nothing(word: VerdictWord) -> None:
    skipped = criterion("gone", "accuracy.retention", "not_evaluated", Undefined(reason="none"), on_missing="skip")
    warn = criterion("warn", "accuracy.retention", "pass", estimate(1.0, 0.01), at_least=0.5, effect="warn")
    for rows in ((), (skipped,), (warn,), (skipped, warn)):
        assert "0 of 0" not in first_screen(records.run(word, ("because",), rows))


def test_an_inconclusive_run_without_a_row_to_apply_says_that_nothing_was_shown() -> None:
    skipped = criterion("gone", "accuracy.retention", "not_evaluated", Undefined(reason="none"), on_missing="skip")
    assert "no blocking criterion had anything to apply to" in said(records.run("inconclusive", ("x",), (skipped,)))


def test_an_inconclusive_run_whose_rows_are_waived_says_so() -> None:
    waived = criterion("retention", "accuracy.retention", "waived", estimate(0.9, 0.01), at_least=0.97)
    headline = said(records.run("inconclusive", ("x",), (waived,)))
    assert "1 of 1 blocking criterion is waived, and none holds" in headline
    assert "0 of" not in headline


def test_a_row_that_could_not_be_evaluated_is_named_with_its_reason() -> None:
    row = criterion("kl", "agreement.kl", "not_evaluated", Undefined(reason="no probabilities"), at_most=0.1)
    headline = said(records.run("inconclusive", ("x",), (row,)))
    assert "1 of 1 blocking criterion is not settled" in headline
    assert "kl (agreement.kl, support-intents) could not be evaluated: no probabilities." in headline


CHEAP = criterion("cheap", "size.bytes.ratio", "pass", exact(0.25, n=1), at_most=0.5, suite=None)
FAST = criterion("fast", "latency.speedup.p50", "pass", estimate(2.5, 0.1, n=320), at_least=1.5, suite=None)
GOOD = criterion("retention", "accuracy.retention", "pass", estimate(0.99, 0.005), at_least=0.97)
WARNED = replace(GOOD, effect="warn")
UNKNOWN = criterion("kl", "agreement.kl", "not_evaluated", Undefined(reason="x"), at_most=0.1, on_missing="skip")


@pytest.mark.parametrize("rows", [(CHEAP,), (CHEAP, FAST), (FAST, WARNED), (FAST, UNKNOWN)])
def test_a_verdict_on_cost_and_speed_alone_does_not_say_that_the_student_may_replace(
    rows: tuple[CriterionRow, ...],
) -> None:
    assert list(no_answers(rows))
    record = records.run("pass", ("x",), rows)
    view = prepare(record)
    assert "may replace" not in view.headline
    assert "nothing in it judged the answers of intents-int4" in view.headline
    assert view.exit_words != EXIT_WORDS["pass"]
    assert "may replace" not in first_screen(record)


@pytest.mark.parametrize("rows", [(GOOD,), (GOOD, CHEAP), (GOOD, FAST, UNKNOWN)])
def test_a_verdict_with_a_criterion_on_answers_says_so(rows: tuple[CriterionRow, ...]) -> None:
    assert not list(no_answers(rows))
    view = prepare(records.run("pass", ("x",), rows))
    assert view.headline.startswith("intents-int4 may replace acme/intents-base: ")
    assert view.exit_words == EXIT_WORDS["pass"]


# --- the models --------------------------------------------------------------------------------------


def with_models(**changes: Mapping[str, Any]) -> RunRecord:
    known = {role: dict(facts) for role, facts in records.MANIFEST["models"].items()}
    for role, facts in changes.items():
        known[role] = {**known.get(role, {}), **facts}
    return replace(records.passing(), manifest={**records.MANIFEST, "models": known})


def test_each_model_is_named_with_its_role_backend_type_and_size() -> None:
    student, teacher = banner(prepare(records.passing()), records.passing()).models
    assert (student.role, student.name) == ("student", "intents-int4")
    assert student.what == "transformers · int4 · cpu · 66,955,010 parameters · 48.1 MB"
    assert (teacher.role, teacher.name) == ("teacher", "acme/intents-base")
    assert teacher.what == "transformers · float32 · cpu · 109,482,240 parameters · 437.9 MB"
    assert (student.digest, teacher.digest) == ("sha256:e3b0c44298fc", "sha256:4b2d3f60c9a1")


def test_models_with_the_same_weights_are_told_on_the_first_screen() -> None:
    same = with_models(student={"weights_digest": "sha256:4b2d3f60c9a1"})
    assert "Teacher and student have the same weights (sha256:4b2d3f60c9a1), loaded as float32 and int4" in (
        first_screen(same)
    )
    assert "same weights" not in first_screen(records.passing())


def test_weights_are_compared_before_digests_and_for_every_two_models() -> None:
    teacher = {"digest": "sha256:aa", "weights_digest": "sha256:cc"}
    assert list(same_weights({"teacher": teacher, "student": {"digest": "sha256:bb", "weights_digest": "sha256:cc"}}))
    assert not list(same_weights({"teacher": teacher, "student": {"digest": "sha256:aa", "weights_digest": "x:1"}}))
    assert list(same_weights({"teacher": {"digest": "x:1"}, "student": {"digest": "x:1"}}))
    assert not list(same_weights({"teacher": {}, "student": {}}))
    (found,) = same_weights({"student": {"digest": "x:1"}, "champion": {"digest": "x:1"}})
    assert found.startswith("student and champion have the same weights")


def test_a_reason_that_asks_the_reader_stands_on_the_first_screen_and_once() -> None:
    doubt = "the student is larger than its teacher (2 parameters against 1): were the two swapped?"
    record = replace(
        records.passing(), verdict=replace(records.passing().verdict, reasons=("2 criteria hold", doubt, "a note"))
    )
    assert "The student is larger than its teacher" in first_screen(record)
    assert reasons(prepare(record)) == ("2 criteria hold", "a note")


def test_poor_answers_are_counted_per_model_and_over_suites_and_never_added_up() -> None:
    rows = (
        metric("outputs.error_rate.teacher", estimate(0.0), "share"),
        metric("outputs.error_rate.student", estimate(0.0015), "share"),
        metric("outputs.error_rate.student", estimate(0.01, n=300), "share", suite=SAFETY),
        metric("outputs.error_rate.student", estimate(0.5, n=10), "share", slice="language=de"),
        metric("outputs.truncated_rate.teacher", estimate(0.05), "share"),
        metric("outputs.empty_rate.student", Undefined(reason="x"), "share"),
    )
    record = replace(records.passing(), results=rows)
    student, teacher = banner(prepare(record), record).models
    # 0.0015 of 2000 and 0.01 of 300.
    assert {word: (count.some, count.of) for word, count in student.poor} == {
        "errored": (6, 2300),
        "empty": (None, 0),
        "truncated": (None, 0),
        "unparsable": (None, 0),
    }
    assert {word: (count.some, count.of) for word, count in teacher.poor} == {
        "errored": (0, 2000),
        "empty": (None, 0),
        "truncated": (100, 2000),
        "unparsable": (None, 0),
    }
    shown = first_screen(record)
    assert "6 0.3 %" in shown
    assert "100 5.0 %" in shown
    assert "106" not in shown


def test_samples_are_answers() -> None:
    suites = [{**records.MANIFEST["suites"][0], "samples": 4}, records.MANIFEST["suites"][1]]
    row = metric("outputs.error_rate.student", estimate(0.0015), "share")
    record = replace(records.passing(), results=(row,), manifest={**records.MANIFEST, "suites": suites})
    assert dict(banner(prepare(record), record).models[0].poor)["errored"].of == 8000
    assert dict(banner(prepare(record), record).models[0].poor)["errored"].some == 12


def test_a_champions_poor_answers_are_counted_where_every_example_is_held() -> None:
    bad = records.side(None, False, None, status="timeout", unparsable=True)
    unread = records.side(None, False, None, unparsable=True)
    pairs = (
        records.pair("a", champion=bad),
        records.pair("b", champion=unread),
        records.pair("c", champion=records.side("x", True)),
    )
    record = replace(with_models(champion={"name": "old"}), pairs=pairs, changed=3, pairs_total=3)
    champion = banner(prepare(record), record).models[2]
    assert (champion.role, champion.name) == ("champion", "old")
    assert {word: count.some for word, count in champion.poor} == {
        "errored": 1,
        "empty": 0,
        "truncated": 0,
        "unparsable": 1,
    }
    more = replace(record, pairs_total=4)
    assert {count.some for _, count in banner(prepare(more), more).models[2].poor} == {None}


@pytest.mark.parametrize("name", ["broken", "empty"])
def test_without_a_result_the_reason_and_the_models_are_there_and_no_metric(name: str) -> None:
    record = records.ALL[name]()
    shown = first_screen(record)
    assert record.verdict.reasons[0] in shown
    assert "intents-int4" in shown
    assert not Page(report.html(record)).named("svg")
    with_numbers = replace(record, results=records.RESULTS, timings=records.TIMINGS, pairs=(records.pair("q"),))
    assert "94.6" not in report.html(with_numbers)
    assert not banner(prepare(with_numbers), with_numbers).counted


def test_date_policy_and_version_are_the_runs_own() -> None:
    found = dict(banner(prepare(records.passing()), records.passing()).facts)
    assert found == {
        "Policy": "recovery-97 · sha256:77aa · 90 % intervals",
        "Date": "2026-11-22 02:43 UTC",
        "evalkit": "0.1.0",
    }


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("2026-11-22T15:03:22.385Z", "2026-11-22 15:03 UTC"),
        ("2026-11-22T15:03:22+05:30", "2026-11-22 09:33 UTC"),
        ("2026-11-22T15:03:22", "2026-11-22T15:03:22"),
        ("yesterday", "yesterday"),
        ("", ""),
    ],
)
def test_moments_are_written_in_utc_or_left_alone(written: str, shown: str) -> None:
    assert when(written) == shown


def test_digests_are_cut_to_twelve_and_other_names_are_not() -> None:
    assert short("sha256:0123456789abcdef") == "sha256:0123456789ab"
    assert short("no digest at all") == "no digest at all"


# --- what to look at ---------------------------------------------------------------------------------


def test_the_link_counts_the_examples_that_it_leads_to() -> None:
    alike = records.pair("same", "both_right", student=records.side("card_lost", True))
    marked = records.pair("m", "graded", teacher=records.side("a", None, marks=0.5), student=records.side("a", None))
    cut = records.pair("c", "both_right", student=records.side("card_lost", True, status="truncated"))
    refused = records.pair(
        "r", "no_target", teacher=records.side("a", None, refused="refused"), student=records.side("a", None)
    )
    alone = records.pair("alone", teacher=None)
    pairs = (records.pair("lost"), alike, marked, cut, refused, alone)
    assert [outcome_changed(pair) for pair in pairs] == [True, False, True, True, True, False]
    record = replace(records.passing(), pairs=pairs, changed=4, pairs_total=6)
    found = banner(prepare(record), record)
    assert (found.changed, found.total, found.link) == (4, 6, href({"changed": "outcome"}))
    assert "4 examples to look at out of 6" in first_screen(record)


def test_without_a_change_there_is_no_link() -> None:
    record = replace(records.passing(), pairs=(records.pair("a", student=records.side("card_lost", True)),))
    assert "to look at" not in first_screen(record)


@pytest.mark.browser
def test_the_list_shows_as_many_as_the_banner_says_and_the_banner_stays(opened: Any) -> None:
    page = opened(records.failing(), fragment="")
    before = page.locator(".verdict").inner_text()
    wanted = re.search(r"([0-9,]+) examples? to look at", before)
    assert wanted is not None
    shown = "async () => (await started).shown.length"
    page.evaluate("async () => (await started).setQuery('flip:gained')")
    assert page.evaluate(shown) == 1
    page.locator(".verdict a.look").click()
    page.wait_for_function("location.hash === '#examples?q=changed:outcome'")
    assert page.evaluate(shown) == int(wanted[1])
    assert page.locator(".verdict").inner_text() == before


# --- waivers, what would settle it -------------------------------------------------------------------


def test_waivers_stand_before_the_verdict() -> None:
    shown = first_screen(records.waived())
    assert shown.index("retention is waived by Ada until the end of 2026-12-31") < shown.index("intents-int4 may")


def test_what_would_settle_it_is_the_reasons_own_sentence() -> None:
    shown = first_screen(records.inconclusive())
    assert "What would settle it" in shown
    assert "about 11,000 more examples would settle it as a pass" in shown
    assert "What would settle it" not in first_screen(records.failing())


# --- the criteria ------------------------------------------------------------------------------------


def forest(record: RunRecord) -> Any:
    return criteria(prepare(record), record)


def rows(record: RunRecord) -> Any:
    return [each for part in forest(record).parts for each in (*part.rows, *part.rest)]


def test_warnings_and_the_champion_have_parts_of_their_own() -> None:
    versus = criterion("old", "accuracy.difference", "pass", estimate(0.0, 0.01), at_least=-0.02, versus="champion")
    record = with_models(champion={"name": "intents-int8"})
    record = replace(record, verdict=replace(record.verdict, criteria=(*record.verdict.criteria, versus)))
    assert [(part.title, [each.row.id for each in part.rows]) for part in forest(record).parts] == [
        ("Blocking, against the teacher", ["retention", "unsafe"]),
        ("Blocking, against the champion intents-int8", ["old"]),
        ("Warnings only: they never stop a student", ["speed"]),
    ]


def test_the_smallest_drop_is_the_metrics_of_the_same_place() -> None:
    drop = metric("accuracy.minimum_detectable_drop", exact(0.0132, n=2000), "share")
    other = metric("accuracy.minimum_detectable_drop", exact(0.5, n=9), "share", slice="language=de")
    record = replace(records.passing(), results=(*records.RESULTS, drop, other))
    by_id = {each.row.id: each for each in rows(record)}
    assert (by_id["retention"].rules_out, by_id["retention"].rules_out_exact) == ("1.3 pts", 0.0132)
    assert by_id["unsafe"].rules_out == by_id["speed"].rules_out == ""
    assert not forest(records.passing()).detectable


def test_a_reason_is_said_without_the_numbers_beside_it() -> None:
    found = {each.row.slice: each for each in rows(records.failing()) if each.row.id == "slices"}
    row = found["language=de"]
    assert row.why.startswith("the interval holds the bound −10.0 pts; about 20 more examples")
    assert "rule out" not in row.why
    assert row.rules_out == "6.9 pts"
    assert row.counts == "34 lost of 210"


def test_an_interval_that_would_be_a_speck_has_a_scale_of_its_own_and_the_bound_is_on_it() -> None:
    wide = criterion("wide", "accuracy.retention", "fail", estimate(0.02, 0.01), at_least=0.75)
    narrow = criterion("narrow", "accuracy.retention", "pass", estimate(1.04, 0.015), at_least=0.75)
    found = {each.row.id: each for each in rows(records.run("fail", ("x",), (wide, narrow)))}
    assert found["narrow"].own_scale
    axis = found["narrow"].plot["axis"]
    assert axis.at(1.055) - axis.at(1.025) > NARROW
    for each in found.values():
        axis = each.plot["axis"]
        assert axis.start < each.row.bound < axis.stop
    assert "own scale" in report.html(records.run("fail", ("x",), (wide, narrow)))


@pytest.mark.parametrize("name", ["pass", "fail", "inconclusive", "waived"])
def test_no_interval_is_a_speck_without_saying_so(name: str) -> None:
    for each in rows(records.ALL[name]()):
        if each.plot and each.plot["low"] is not None and each.plot["low"] < each.plot["high"] and not each.own_scale:
            axis = each.plot["axis"]
            assert axis.at(each.plot["high"]) - axis.at(each.plot["low"]) >= NARROW


def test_many_rows_are_folded_and_none_is_lost() -> None:
    status: CriterionStatus = "pass"
    many = tuple(
        criterion("each", "accuracy.retention", status, estimate(0.99, 0.01), at_least=0.9, slice=f"part={number:03}")
        for number in range(SHOWN + 7)
    )
    (part,) = forest(records.run("pass", ("x",), many)).parts
    assert (len(part.rows), len(part.rest), part.rest_words) == (SHOWN, 7, "7 pass")
    source = report.html(records.run("pass", ("x",), many))
    assert all(f"part={number:03}" in source for number in range(SHOWN + 7))


def test_too_small_slices_are_a_line_with_their_names_behind_it() -> None:
    names = ", ".join(f"city=c{number} (n = 3)" for number in range(300))
    reason = f"slices: too small to judge in {GOLD} (300 slices, fewer than 30 examples): {names}"
    record = replace(records.passing(), verdict=replace(records.passing().verdict, reasons=("held", reason)))
    ((line, listed),) = forest(record).small
    assert line == f"slices: too small to judge in {GOLD} (300 slices, fewer than 30 examples)"
    assert listed == names
    assert reasons(prepare(record)) == ("held",)


def test_examples_of_a_row_are_links_to_them() -> None:
    (row,) = [each for each in rows(records.failing()) if each.row.id == "retention"]
    assert row.examples[0] == ("q00000", href({"suite": GOLD, "id": "q00000"}))


POLICY = """schema: evalkit/policy/v1
criteria:
  # the main one
  - id: retention
    metric: accuracy.retention   # kept
    at_least: 0.97

  # comments of what follows
  - metric: accuracy.difference
    id: "drop"
    at_least: -0.1
  - {id: flow, metric: agreement.top1, at_least: 0.8}
  - id: retention-2
    metric: score.retention
waivers:
  - id: other
"""


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("retention", "- id: retention\n  metric: accuracy.retention   # kept\n  at_least: 0.97"),
        ("drop", '- metric: accuracy.difference\n  id: "drop"\n  at_least: -0.1'),
        ("flow", "- {id: flow, metric: agreement.top1, at_least: 0.8}"),
        ("retention-2", "- id: retention-2\n  metric: score.retention"),
        ("other", ""),
        ("ret.ntion", ""),
        ("", ""),
    ],
)
def test_a_criterion_shows_its_own_lines_of_the_policy(name: str, wanted: str) -> None:
    assert lines_of(POLICY, name) == wanted


def test_lists_without_indentation_are_lists() -> None:
    text = "criteria:\n- id: a\n  metric: m\n- id: b\n  metric: n\nlevel: 0.95\n"
    assert lines_of(text, "b") == "- id: b\n  metric: n"


def test_every_metric_that_a_policy_can_name_is_said_in_words() -> None:
    silent = [name for name in catalogue() if not words.metric(name)]
    assert silent == []
    assert words.metric("accuracy.retention") == "the student's accuracy as a share of its teacher's"
    assert words.metric("accuracy.teacher") == "the share of answers that are right, of the teacher"
    assert (
        words.metric("calibration.mapped.brier.difference")
        == "whether confidence means what it says; student − teacher"
    )
    assert words.metric("somebody.elses") == ""


# --- slices and metrics ------------------------------------------------------------------------------


def test_slices_lead_to_what_was_lost_in_them_and_small_ones_say_so() -> None:
    small = metric("accuracy.difference", estimate(-0.3, 0.2, n=FEW - 1), "difference", slice="length=tiny")
    record = replace(records.failing(), results=(*records.RESULTS, small))
    found = slices(prepare(record), record)
    assert found is not None
    declared, classes = found.tables
    by_name = {each.row.name: each for table in found.tables for each in table.rows}
    assert by_name["length=tiny"].few == FEW - 1
    assert by_name["length=tiny"].lost == ""
    assert by_name["language=de"].few is None
    assert by_name["language=de"].lost == href({"suite": GOLD, "slice": "language=de", "flip": "lost"})
    assert by_name["target=refund"].lost == href({"suite": GOLD, "target": "refund", "flip": "lost"})
    assert {each.name for each in classes.rows} == {"refund", "limit"}
    assert declared.what == "slices"
    assert f"too few to judge (n = {FEW - 1})" in report.html(record)


def test_a_small_slice_that_got_worse_was_judged() -> None:
    worse = replace(records.REGRESSED[1], slice="length=tiny", n=9)
    small = metric("accuracy.difference", estimate(-0.9, 0.05, n=9), "difference", slice="length=tiny")
    record = records.run("fail", ("x",), results=(*records.RESULTS, small), regressed=(worse,))
    found = slices(prepare(record), record)
    assert found is not None
    assert [each.few for table in found.tables for each in table.rows if each.row.regressed] == [None]


def test_no_method_is_lost_to_its_number() -> None:
    record = records.failing()
    entries = metrics(prepare(record))
    source = report.html(record)
    for entry in entries:
        assert sorted(entry.number.values()) == list(range(1, len(entry.methods) + 1))
        readings: list[Reading | None] = []
        for family in entry.suite.families:
            readings += [each for side in family.sides for each in (side.teacher, side.student, side.difference)]
            readings += [single.reading for single in family.singles]
        wanted = {each.method for each in readings if each is not None and each.method}
        assert wanted == set(entry.methods)
        assert all(html.escape(method, quote=False) in source for method in entry.methods)


# --- in a browser ------------------------------------------------------------------------------------


@pytest.mark.browser
@pytest.mark.parametrize("width", [1400, 390])
@pytest.mark.parametrize("name", ["pass", "fail", "inconclusive", "broken", "empty", "waived", "ungated"])
def test_the_verdict_sentence_ends_within_the_first_600_pixels(
    chromium: Any, tmp_path: Path, name: str, width: int
) -> None:
    file = tmp_path / "report.html"
    file.write_text(report.html(records.ALL[name]()), encoding="utf-8")
    page = chromium.new_page(viewport={"width": width, "height": 900})
    page.goto(file.as_uri())
    box = page.locator("h1").bounding_box()
    assert box["y"] + box["height"] <= 600
    assert page.locator("h1").inner_text().split()[1] == records.ALL[name]().verdict.word
    page.close()


@pytest.mark.browser
def test_the_bar_of_links_stays_with_the_verdict_in_sight(chromium: Any, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(report.html(records.failing()), encoding="utf-8")
    for width in (1400, 360):
        page = chromium.new_page(viewport={"width": width, "height": 700})
        page.goto(file.as_uri())
        page.evaluate("scrollTo({ top: 3000, behavior: 'instant' })")
        box = page.locator(".topbar").bounding_box()
        assert (round(box["y"]), box["height"] < 60) == (0, True)
        assert page.locator(".topbar .here").inner_text() == "✗ fail"
        page.close()


HEADER = "sandbox allow-same-origin; default-src 'none'; img-src 'self'; style-src 'self'"


@pytest.fixture
def under_header(tmp_path: Path) -> Iterator[str]:
    """A page as a build server hands it out: scripts and inline styles blocked by a header of its own."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(tmp_path))

        def end_headers(self) -> None:
            self.send_header("Content-Security-Policy", HEADER)
            super().end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    (tmp_path / "report.html").write_text(report.html(records.failing()), encoding="utf-8")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/report.html"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.browser
def test_with_scripts_and_styles_blocked_by_a_server_the_verdict_and_its_marks_are_there(
    chromium: Any, under_header: str
) -> None:
    page = chromium.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(under_header)
    assert said
    assert all("Content Security Policy" in each or "sandboxed" in each for each in said)
    assert page.evaluate("getComputedStyle(document.querySelector('.verdict')).borderLeftWidth") == "0px"
    assert page.locator("html.exploring").count() == 0
    assert page.locator("h1").inner_text().startswith("✗ fail intents-int4 may not replace acme/intents-base")
    assert page.get_by_text("94.6 %").first.is_visible()
    assert page.get_by_text("≥ 97.0 %").first.is_visible()
    # Marks keep their colours as attributes.
    plot = page.locator("table.criteria svg.plot").first
    assert plot.is_visible()
    assert plot.locator("circle").evaluate("mark => getComputedStyle(mark).fill") == "rgb(164, 22, 26)"
    page.locator("table.criteria details summary").first.click()
    assert page.get_by_text("the student's accuracy as a share of its teacher's").first.is_visible()
    page.close()


def pages_of(pdf: bytes) -> int:
    return len(re.findall(rb"/Type\s*/Page[^s]", pdf))


@pytest.mark.browser
def test_on_paper_failed_rows_are_open_and_lists_texts_and_links_are_left_out(chromium: Any, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(report.html(records.failing()), encoding="utf-8")
    page = chromium.new_page(viewport={"width": 703, "height": 1000}, color_scheme="dark")
    page.goto(file.as_uri())
    page.emulate_media(media="print", color_scheme="dark")
    for gone in (".topbar", "#explorer", "#first-examples", "[aria-labelledby=metrics]", "[aria-labelledby=origin]"):
        assert not page.locator(gone).first.is_visible()
    for kept in (".verdict", "table.models", "table.criteria", "table.transition", "table.slices"):
        assert page.locator(kept).first.is_visible()
    height = "row => row.querySelector('.terms').getBoundingClientRect().height"
    assert page.locator("tbody.criterion.fail").first.evaluate(height) > 0
    assert page.locator("tbody.criterion.pass").first.evaluate(height) == 0
    colours = "getComputedStyle(document.body).backgroundColor + getComputedStyle(document.body).color"
    assert page.evaluate(colours) == "rgb(255, 255, 255)rgb(0, 0, 0)"
    assert page.evaluate("document.documentElement.scrollWidth") <= 703
    assert pages_of(page.pdf(prefer_css_page_size=True)) <= 3
    page.close()


def test_each_printed_page_names_the_run_and_what_it_is_about() -> None:
    style = re.search(r"<style>(.*?)</style>", report.html(records.failing()), re.DOTALL)
    assert style is not None
    footer = re.sub(r"\\([0-9a-f]+) ", lambda code: chr(int(code[1], 16)), style[1].rsplit("@page", 1)[1])
    assert '"run 20261122T023000Z-intents-int4"' in footer
    assert '"fail: intents-int4 against acme/intents-base"' in footer


def test_a_hostile_name_ends_neither_the_footer_nor_the_style_sheet() -> None:
    source = report.html(records.hostile())
    style = re.search(r"<style>(.*?)</style>", source, re.DOTALL)
    assert style is not None
    footer = style[1].rsplit("@page", 1)[1]
    text = r'"(?:[A-Za-z0-9]|\\[0-9a-f]+ )*"'
    left, center = (rf"@bottom-{place} \{{ content: {text}; \}}" for place in ("left", "center"))
    right = r'@bottom-right \{ content: counter\(page\) " / " counter\(pages\); \}'
    assert re.fullmatch(rf" \{{ {left} {center} {right} \}}", footer)
