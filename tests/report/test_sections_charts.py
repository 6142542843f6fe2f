"""Calibration, fallback and latency on the page: words that the intervals bear out, and tables that hold the points."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from evalkit import figures, report
from evalkit.report.prepare import prepare
from evalkit.report.sections import compare
from evalkit.report.sections.calibration import calibration
from evalkit.report.sections.fallback import fallback
from evalkit.report.sections.latency import latency
from evalkit.types import Estimate, Undefined
from evalkit.types.points import SuitePoints
from evalkit.types.record import RunRecord
from tests.report import charted, records
from tests.report.browsing import opened
from tests.report.records import GOLD, metric


def of(section: Any, record: RunRecord) -> Any:
    return section(prepare(record), record)


def part(source: str, name: str) -> str:
    """One section of the page as it stands there."""
    found = re.search(rf'<section aria-labelledby="{name}">.*?</section>', source, re.DOTALL)
    return found.group(0) if found else ""


class Cells(HTMLParser):
    """What a piece of the page says: the exact values behind its numbers, and its words outside of drawings."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.values: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self._in_svg = 0
        self.feed(source)
        self.text = " ".join(self.text.replace("\u00a0", " ").split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self._in_svg += tag == "svg"
        if tag == "data":
            self.values.append(found["value"] or "")
        if tag == "a" and not self._in_svg:
            self.links.append(found["href"] or "")

    def handle_endtag(self, tag: str) -> None:
        self._in_svg -= tag == "svg"

    def handle_data(self, data: str) -> None:
        if not self._in_svg:
            self.text += f" {data}"


def replaced(record: RunRecord, name: str, value: float, low: float, high: float) -> RunRecord:
    """The record with another number for one metric."""
    rows = tuple(
        replace(row, measured=charted.between(value, low, high)) if row.question.metric == name else row
        for row in record.results
    )
    timings = tuple(
        replace(row, measured=charted.between(value, low, high)) if row.question.metric == name else row
        for row in record.timings
    )
    return replace(record, results=rows, timings=timings)


# --- what is shown at all -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["broken", "empty"])
@pytest.mark.parametrize("section", [calibration, fallback, latency])
def test_a_run_without_a_result_has_none_of_these_sections(name: str, section: Any) -> None:
    assert of(section, records.ALL[name]()) is None


def test_a_suite_with_nothing_to_draw_and_no_number_leaves_its_section_out() -> None:
    record = charted.charted(SuitePoints(), results=records.RESULTS[:5], timings=())
    assert of(calibration, record) is None
    assert of(fallback, record) is None
    assert of(latency, record) is None
    source = report.html(record)
    assert not any(part(source, name) for name in ("calibration", "fallback", "latency"))


def test_the_sections_stand_in_the_order_of_reading() -> None:
    source = report.html(charted.charted())
    names = ("slices", "calibration", "fallback", "latency", "metrics", "origin")
    places = [source.index(f'<section aria-labelledby="{name}">') for name in names]
    assert places == sorted(places)


def test_reasons_alone_make_no_fallback_section_and_stand_below_those_that_have_one() -> None:
    why = Undefined(reason="the student gives no probabilities")
    lacking = metric("fallback.threshold", why, "probability", suite="safety")
    alone = charted.charted(SuitePoints(), results=(*records.RESULTS[:5], lacking))
    assert of(fallback, alone) is None
    with_one = charted.charted(results=(*charted.RESULTS, lacking))
    assert [(gap.what, gap.why) for gap in of(fallback, with_one).gaps] == [("safety", why.reason)]
    assert "safety: the student gives no probabilities" in Cells(part(report.html(with_one), "fallback")).text


# --- numbers --------------------------------------------------------------------------------------


def test_the_numbers_under_reliability_are_the_points_by_figures() -> None:
    found = Cells(part(report.html(charted.charted()), "calibration"))
    for model in charted.POINTS.reliability:
        for bin in model.bins:
            shown = figures.against(
                Estimate(value=bin.right, low=bin.low, high=bin.high, level=0.9, n=bin.n, method=""), None, "share"
            )
            assert {figures.exact(bin.confidence), figures.exact(bin.right)} <= set(found.values)
            assert f"[{figures.exact(bin.low)}, {figures.exact(bin.high)}]" in found.values
            row = f"{figures.number(bin.confidence, 'share')} {shown.value} {shown.interval} {figures.count(bin.n)}"
            assert row in found.text


def test_the_numbers_under_risk_and_times_are_points_of_the_lines() -> None:
    source = report.html(charted.charted())
    risk = set(Cells(part(source, "calibration")).values)
    for model in charted.POINTS.risk_coverage:
        held = [point for point in model.line if {figures.exact(each) for each in point} <= risk]
        assert len(held) >= 11
        assert model.line[-1] in held
    shown = Cells(part(source, "latency"))
    for model in charted.POINTS.times:
        held = [point for point in model.line if {figures.exact(each) for each in point} <= set(shown.values)]
        assert len(held) >= 5
        # The last point that there is for a share that was reached.
        assert next(point for point in model.line if point[1] >= 0.9) in held
    assert "never finished: 3" in shown.text


def test_a_dozen_thresholds_hold_the_points_and_the_chosen_one_is_marked() -> None:
    shared = of(fallback, charted.charted()).suites[0]
    assert 11 <= len(shared.steps) <= 13
    by_threshold = {each.threshold: each for each in charted.CURVE.kept}
    for step in shared.steps[1:]:
        kept = by_threshold[step.exact]
        assert (step.coverage, *step.accuracy.exact) == (kept.coverage, kept.accuracy, kept.low, kept.high)
        assert step.threshold == figures.number(kept.threshold, "probability")
    assert shared.steps[0].threshold == "none"
    assert [step.exact for step in shared.steps if step.chosen] == [charted.CURVE.chosen.threshold]  # type: ignore[union-attr]
    assert [step.coverage for step in shared.steps] == sorted(step.coverage for step in shared.steps)


def test_a_chosen_threshold_that_lies_between_drawn_points_joins_them() -> None:
    between = replace(charted.kept(29), threshold=0.5571, coverage=0.7251)
    record = charted.charted(replace(charted.POINTS, fallback=replace(charted.CURVE, chosen=between)))
    steps = of(fallback, record).suites[0].steps
    assert [step.exact for step in steps if step.chosen] == [0.5571]


# --- words ----------------------------------------------------------------------------------------


def test_calibration_says_what_the_surest_answers_are_worth() -> None:
    told = " ".join(of(calibration, charted.charted())[0].told)
    assert (
        "Student: the 147 surest answers state 99.0 % and are right 88.0 % [83.0, 92.0], less often than stated."
        in told
    )
    assert "The student is over-confident on the whole: confidence less accuracy 0.108 [0.095, 0.121]." in told
    assert "The student's Brier score is worse than the teacher's: +0.059 [+0.050, +0.068]." in told


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.01, 0.05, "is worse than"),
        (-0.05, -0.01, "is better than"),
        (-0.01, 0.01, "is not clearly different from"),
        (0.0, 0.02, "is not clearly different from"),
    ],
)
def test_the_word_follows_the_interval_and_not_the_value(low: float, high: float, said: str) -> None:
    record = replaced(charted.charted(), "calibration.brier.difference", (low + high) / 2, low, high)
    assert said in " ".join(of(calibration, record)[0].told)
    (row,) = [each for each in of(calibration, record)[0].metrics if each.label == "Brier score"]
    assert row.word == {"is worse than": "worse", "is better than": "better"}.get(said, compare.NO_DIFFERENCE)


def test_what_is_only_for_reading_is_called_neither_better_nor_worse() -> None:
    record = replaced(charted.charted(), "calibration.ece.difference", 0.03, 0.02, 0.04)
    words = {row.label: row.word for row in of(calibration, record)[0].metrics}
    assert words["ECE"] == ""
    assert words["AURC"] == "worse"


def test_confidence_that_the_interval_holds_is_said_to_be_neither_too_high_nor_too_low() -> None:
    record = replaced(charted.charted(), "calibration.signed_gap.student", 0.004, -0.003, 0.011)
    told = " ".join(of(calibration, record)[0].told)
    assert "as sure as it is right: confidence less accuracy 0.004 [−0.003, 0.011], no clear difference." in told
    assert "over-confident on the whole" not in told


def test_no_word_is_said_of_surest_answers_that_the_shown_digits_would_contradict() -> None:
    right = replace(charted.bins(0.11)[-1], confidence=0.90004, right=0.85, low=0.8, high=0.90001)
    model = replace(charted.reliability("student", 0.11), bins=(right,))
    told = " ".join(of(calibration, charted.charted(replace(charted.POINTS, reliability=(model,))))[0].told)
    assert "state 90.0 % and are right 85.0 % [80.0, 90.0]." in told


@pytest.mark.parametrize(
    ("value", "low", "high", "word"),
    [
        (2.7, 2.5, 2.9, "faster"),
        (0.8, 0.7, 0.9, "slower"),
        (1.26, 0.65, 1.87, "no clear difference"),
        (1.2, 1.0, 1.4, "no clear difference"),
        (1.0004, 1.0002, 1.0006, "faster"),
    ],
)
def test_a_speed_up_is_called_one_only_where_its_interval_leaves_out_1(
    value: float, low: float, high: float, word: str
) -> None:
    record = replaced(charted.charted(), "latency.speedup.typical", value, low, high)
    timed = of(latency, record)[0]
    (row,) = [each for each in timed.speedups if each.label == "typical request"]
    assert row.word == word
    assert row.said.endswith(f", {word}")
    assert word in timed.told[0]
    # No digit says otherwise.
    shown = [float(each) for each in re.findall(r"[\d.]+", row.reading.interval)]
    assert (shown[0] > 1.0, shown[1] < 1.0) == (low > 1.0, high < 1.0)
    # The line at 1× is inside the drawing.
    assert row.axis.left < row.axis.at(1.0) < row.axis.right


def test_titles_say_the_finding_and_how_it_was_timed() -> None:
    record = charted.charted()
    timed = of(latency, record)[0]
    assert timed.title == (
        "Time per request on support-intents. teacher median 84.1 ms [82.0, 86.2]; "
        "student median 31.1 ms [30.0, 32.2], 3 never finished. teacher and student: 40 prompts on cpu, one at a time."
    )
    shared = of(fallback, record).suites[0]
    assert shared.title == (
        "Fallback to the teacher on support-intents: the teacher alone is right 95.0 %, the student alone 87.0 %; "
        "at the chosen threshold the student answers 72.5 % itself and together 94.1 % [92.9, 95.1] are right."
    )
    source = report.html(record)
    for title in (timed.title, shared.title, *(chart.title for chart in of(calibration, record)[0].charts)):
        assert f"<title>{title}</title>" in source


def test_percentiles_stand_on_the_line_that_counts_what_never_finished() -> None:
    (_, teacher), (_, student) = ((each.who, marks) for each, _, marks in of(latency, charted.charted())[0].models)
    assert [(mark.value, mark.share) for mark in teacher] == [(0.0841, 0.5)]
    assert [(mark.value, round(mark.share, 6)) for mark in student] == [(0.0311, 0.4625), (0.0402, 0.87875)]


def test_fallback_says_what_is_kept_and_promised_or_why_there_is_no_threshold() -> None:
    shown = Cells(part(report.html(charted.charted()), "fallback")).text
    assert "From confidence 0.565000 on the student answers itself: 72.5 % [70.0, 74.8] of the requests." in shown
    assert "Together 94.1 % [92.9, 95.1] are right, 99.1 % of the teacher's own accuracy;" in shown
    assert f"The promise : {charted.PROMISE}." in shown
    why = Undefined(reason="too few examples to promise anything")
    rows = tuple(row for row in charted.RESULTS if not row.question.metric.startswith("fallback."))
    without = charted.charted(
        replace(charted.POINTS, fallback=replace(charted.CURVE, chosen=None)),
        results=(*rows, metric("fallback.threshold", why, "probability")),
    )
    shown = Cells(part(report.html(without), "fallback")).text
    assert "No threshold was chosen : too few examples to promise anything." in shown
    assert "The promise" not in shown
    assert of(fallback, without).suites[0].title.endswith("the student alone 87.0 %; no threshold was chosen.")


def test_written_answers_are_drawn_as_mapped_and_never_as_stated() -> None:
    mapped = (charted.reliability("teacher, rescaled", 0.02), charted.reliability("student, rescaled", 0.05))
    suite = of(calibration, charted.charted(replace(charted.POINTS, reliability=mapped)))[0]
    (chart,) = suite.charts
    assert [label for _, label in chart.models] == ["teacher, mapped", "student, mapped"]
    assert chart.stated == "confidence, mapped by a curve"
    assert suite.told[0].startswith("Student, mapped: the 147 surest answers state")
    # What a curve made of a confidence is not what the examples are filtered by.
    assert {link for _, rows in chart.rows for _, _, link in rows} == {None}


# --- the way to the examples ----------------------------------------------------------------------


def test_bins_lead_to_the_examples_around_them_without_a_gap() -> None:
    chart = of(calibration, charted.charted())[0].charts[0]
    for (who, rows), key in zip(chart.rows, ("conf.teacher", "conf"), strict=True):
        assert who in ("teacher", "student")
        ends = []
        for confidence, _, link in rows:
            found = re.fullmatch(rf"#examples\?q=suite:support-intents\+{re.escape(key)}:([\d.]+)\.\.([\d.]+)", link)
            assert found
            low, high = float(found[1]), float(found[2])
            assert low <= confidence <= high
            ends.append((low, high))
        assert ends[0][0] == 0.0
        assert ends[-1][1] == 1.0
        assert all(one[1] == two[0] for one, two in pairwise(ends))


def test_marks_of_the_student_and_the_table_have_the_links() -> None:
    source = part(report.html(charted.charted()), "calibration")
    in_drawings = re.findall(r'<a href="([^"]+)" tabindex="-1">', source)
    assert len(in_drawings) == charted.BINS
    assert all("+conf:" in each for each in in_drawings)
    assert set(in_drawings) < set(Cells(source).links)
    # A picture holds no link: they stand beside it.
    for drawing in re.findall(r"<svg.*?</svg>", source, re.DOTALL):
        for picture in (each for each in ElementTree.fromstring(drawing).iter() if each.attrib.get("role") == "img"):
            assert [each.tag for each in picture.iter() if each.tag == "a"] == []


def test_suites_with_long_names_have_drawings_without_links() -> None:
    name = "n" * 400
    record = charted.charted(
        points={name: charted.POINTS}, results=charted.renamed(name, charted.RESULTS), timings=(), transitions={}
    )
    source = part(report.html(record), "calibration")
    assert 'tabindex="-1"' not in source
    assert all(len(each.encode()) <= 8_000 for each in re.findall(r"<svg.*?</svg>", source, re.DOTALL))


# --- the page -------------------------------------------------------------------------------------


def test_suites_after_the_second_are_closed_and_hostile_names_stay_text() -> None:
    names = [GOLD, "b", "<script>alert(1)</script>"]
    rows = tuple(row for name in names for row in charted.renamed(name, charted.RESULTS))
    timings = tuple(row for name in names for row in charted.renamed(name, charted.TIMINGS))
    record = charted.charted(results=rows, timings=timings, points=dict.fromkeys(names, charted.POINTS))
    source = report.html(record)
    for name in ("calibration", "fallback", "latency"):
        shown = part(source, name)
        assert shown.count('<details class="suite">') == 1
        assert shown.count("<h3>") == 3
        assert "<script>" not in shown
        assert shown.count("&lt;script&gt;") >= 1


def test_every_drawing_is_followed_by_its_numbers_and_nothing_needs_a_style_attribute() -> None:
    source = report.html(charted.charted())
    for name, charts in (("calibration", 3), ("fallback", 1), ("latency", 1)):
        shown = part(source, name)
        figures_there = re.findall(r"<figure>.*?</figure>", shown, re.DOTALL)
        assert len(figures_there) == charts == shown.count('<svg class="chart"')
        for each in figures_there:
            assert re.search(r"</svg>.*<details><summary>The numbers</summary>.*<table", each, re.DOTALL)
        assert " style=" not in shown
        assert "<script" not in shown


def test_points_that_are_not_there_leave_the_numbers() -> None:
    record = charted.charted(SuitePoints())
    source = report.html(record)
    assert "Brier score" in part(source, "calibration")
    assert "<figure>" not in part(source, "calibration")
    assert "typical request" in part(source, "latency")
    assert of(fallback, record).suites[0].curve is None


def test_the_same_record_gives_the_same_bytes() -> None:
    assert report.html(charted.charted()) == report.html(charted.charted())


# --- in a browser ---------------------------------------------------------------------------------


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_drawings_and_open_tables_fit_a_telephone(chromium: Any, tmp_path: Path, scheme: str) -> None:
    names = [GOLD, "b", "c"]
    rows = tuple(row for name in names for row in charted.renamed(name, charted.RESULTS))
    timings = tuple(row for name in names for row in charted.renamed(name, charted.TIMINGS))
    record = charted.charted(results=rows, timings=timings, points=dict.fromkeys(names, charted.POINTS))
    size = {"width": 360, "height": 800}
    found = opened(chromium, tmp_path, report.html(record), viewport=size, color_scheme=scheme)
    found.page.evaluate("document.querySelectorAll('main details').forEach((each) => { each.open = true; })")
    assert found.page.evaluate("document.documentElement.scrollWidth") <= 360
    widths = found.page.evaluate("[...document.querySelectorAll('svg.chart')].map((each) => each.clientWidth)")
    assert len(widths) == 15
    assert all(250 <= width <= 344 for width in widths)
    # The style sheet decides the colours, and each model has its own.
    lines = ("path.line.teacher", "path.line.student")
    strokes = [found.page.evaluate(f"getComputedStyle(document.querySelector('{each}')).stroke") for each in lines]
    assert (
        strokes
        == {
            "light": ["rgb(11, 92, 173)", "rgb(179, 89, 0)"],
            "dark": ["rgb(108, 182, 255)", "rgb(255, 166, 87)"],
        }[scheme]
    )
    assert found.said == []
    assert found.asked == [found.address]


@pytest.mark.browser
def test_a_bin_leads_to_the_examples_of_about_its_confidence(chromium: Any, tmp_path: Path) -> None:
    pairs = tuple(
        records.pair(f"q{index:02}", student=records.side("refund", False, index / 20)) for index in range(1, 20)
    )
    found = opened(chromium, tmp_path, report.html(charted.charted(pairs=pairs, changed=19, pairs_total=19)))
    chart = of(calibration, charted.charted())[0].charts[0]
    _, rows = chart.rows[1]
    link = rows[4][2]
    low, high = (float(each) for each in link.rpartition(":")[2].split(".."))
    found.page.evaluate("document.querySelectorAll('main details').forEach((each) => { each.open = true; })")
    found.page.click(f'table.numbers a[href="{link}"]')
    wanted = [f"{GOLD}/q{index:02}" for index in range(1, 20) if low <= index / 20 <= high]
    assert wanted
    found.page.wait_for_function(f"async () => [...(await started).shown].length === {len(wanted)}")
    assert sorted(found.shown()) == wanted
