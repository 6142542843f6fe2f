"""Safety, fidelity and the scorecard: what they show is what was measured, in the words that the intervals allow."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit import figures, report
from evalkit.report.drawing.factor import Factor, factor, most
from evalkit.report.prepare import prepare
from evalkit.report.query import href
from evalkit.report.sections import sections
from evalkit.report.sections.comparison import NO_CLEAR, SAME, Quantity, compare, divided
from evalkit.report.sections.fidelity import fidelity
from evalkit.report.sections.quantities import ANSWERS, MODELS, RESOURCES, WITH_FALLBACK
from evalkit.report.sections.safety import NEWLY_OVER_CAUTIOUS, NEWLY_UNSAFE, safety
from evalkit.report.sections.scorecard import Line, scorecard
from evalkit.report.sections.whole import counted, plain
from evalkit.report.tables import reading
from evalkit.types import Estimate, MetricRow, Undefined
from evalkit.types.points import SuitePoints
from evalkit.types.record import RunRecord
from tests.report import records
from tests.report.records import GOLD, SAFETY, estimate, metric
from tests.report.test_page import Page

REFUSALS: Mapping[tuple[str, str, str], int] = {
    ("refuse", "refused", "refused"): 110,
    ("refuse", "refused", "complied"): 7,
    ("refuse", "refused", "undetermined"): 2,
    ("refuse", "complied", "complied"): 1,
    ("refuse", "none", "refused"): 4,
    ("comply", "complied", "complied"): 90,
    ("comply", "complied", "refused"): 5,
    ("comply", "complied", "none"): 1,
    ("comply", "refused", "refused"): 3,
}
WHY_NO_FLOOR = "the teacher ran once; set noise_floor in the plan to measure it"
NO_PRICE = "the plan does not say what a thousand requests cost"


def shares(name: str, teacher: float, student: float, n: int, suite: str) -> tuple[MetricRow, ...]:
    return (
        metric(f"{name}.teacher", estimate(teacher, 0.01, n=n), "share", suite=suite),
        metric(f"{name}.student", estimate(student, 0.02, n=n), "share", suite=suite),
        metric(f"{name}.difference", estimate(student - teacher, 0.02, n=n), "difference", suite=suite),
    )


def safe(*more: MetricRow, refusals: Mapping[tuple[str, str, str], int] = REFUSALS, **fields: Any) -> RunRecord:
    rows = (
        *shares("safety.refusal_rate", 0.96, 0.92, 124, SAFETY),
        *shares("safety.over_refusal", 0.03, 0.0909, 99, SAFETY),
        metric("safety.newly_unsafe.rate", estimate(7 / 119, 0.03, n=119), "share", suite=SAFETY),
    )
    taken = {row.question.metric for row in more}
    kept = tuple(row for row in rows if row.question.metric not in taken)
    suites = [dict(each, scorer="refusal") if each["name"] == SAFETY else each for each in records.MANIFEST["suites"]]
    fields = {"manifest": {**records.MANIFEST, "suites": suites}, **fields}
    return records.run(
        "fail", ("r",), results=(*kept, *more), points={SAFETY: SuitePoints(refusals=refusals)}, **fields
    )


def near(*more: MetricRow) -> RunRecord:
    rows = (
        metric("agreement.top1", estimate(0.939, 0.009), "share"),
        metric("agreement.kl", estimate(0.0412, 0.006), "nats"),
        metric("errors.introduced.rate", estimate(0.031, 0.006), "share"),
        metric("agreement.kappa", Undefined(reason="both models always give the same one answer"), "score"),
    )
    return records.run("pass", ("r",), results=(*rows, *more))


def noise(floor: Estimate, excess: Estimate) -> tuple[MetricRow, ...]:
    return (
        metric("agreement.noise_floor", floor, "share"),
        metric("agreement.excess_disagreement", excess, "difference"),
    )


def costs(*timings: MetricRow, results: tuple[MetricRow, ...] = (), **fields: Any) -> RunRecord:
    return records.run("pass", ("r",), results=(*records.RESULTS, *results), timings=timings, **fields)


def content(of: Any, record: RunRecord) -> Any:
    return of(prepare(record), record)


def shown(record: RunRecord, id: str) -> str:
    """One section of the page, as markup."""
    page = report.html(record)
    found: list[str] = re.findall(rf'<section aria-labelledby="{id}">(.*?)</section>', page, flags=re.DOTALL)
    (section,) = found
    return section


def words(markup: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", markup)).split())


def lines(record: RunRecord) -> dict[str, Line]:
    return {
        line.metric: line for card in content(scorecard, record).cards for part in card.parts for line in part.lines
    }


# --- safety --------------------------------------------------------------------------------------


def test_every_prompt_is_in_one_cell_of_the_matrix() -> None:
    (suite,) = content(safety, safe()).suites
    assert sum(cell.n for block in suite.blocks for row in block.rows for cell in row.cells) == sum(REFUSALS.values())
    for block in suite.blocks:
        assert block.n == sum(n for (expect, _, _), n in REFUSALS.items() if expect == block.expect)
        assert block.n == sum(row.n for row in block.rows)
        for row in block.rows:
            by_student = dict(zip(suite.columns, (cell.n for cell in row.cells), strict=True))
            for student, n in by_student.items():
                assert n == REFUSALS.get((block.expect, row.teacher, student), 0)


def test_the_two_cells_that_hurt_are_named_and_no_other() -> None:
    (suite,) = content(safety, safe()).suites
    named = {
        (block.expect, row.teacher, student): cell.named
        for block in suite.blocks
        for row in block.rows
        for student, cell in zip(suite.columns, row.cells, strict=True)
        if cell.named
    }
    assert named == {
        ("refuse", "refused", "complied"): NEWLY_UNSAFE,
        ("comply", "complied", "refused"): NEWLY_OVER_CAUTIOUS,
    }
    assert [(each.name, each.n, each.of) for each in suite.dangers] == [
        (NEWLY_UNSAFE, 7, 119),
        (NEWLY_OVER_CAUTIOUS, 5, 96),
    ]


def test_a_cell_leads_to_its_own_examples_or_nowhere() -> None:
    (suite,) = content(safety, safe()).suites
    links = {
        (block.expect, row.teacher, student): cell.href
        for block in suite.blocks
        for row in block.rows
        for student, cell in zip(suite.columns, row.cells, strict=True)
    }
    assert links["refuse", "refused", "complied"] == href({"suite": SAFETY, "unsafe": "newly"})
    terms = {"suite": SAFETY, "expect": "comply", "refused": "refused", "teacher": "complied"}
    assert links["comply", "complied", "refused"] == href(terms)
    # Nothing there, and what gave no answer, which the list cannot be asked for.
    assert links["refuse", "complied", "refused"] == ""
    assert links["comply", "complied", "none"] == ""
    # Another scorer's answer is not the stance.
    manifest = safe().manifest
    other = {**manifest, "suites": [dict(each, scorer="judge") for each in manifest["suites"]]}
    (suite,) = content(safety, replace(safe(), manifest=other)).suites
    found = [cell.href for block in suite.blocks for row in block.rows for cell in row.cells if cell.href]
    assert found == [href({"suite": SAFETY, "unsafe": "newly"})]


def test_the_rates_shown_are_the_records() -> None:
    record = safe()
    markup = shown(record, "safety")
    for row in record.results:
        assert isinstance(row.measured, Estimate)
        written = figures.against(row.measured, None, row.unit, metric=row.question.metric)
        assert f'<data value="{row.measured.value!r}">{written.value}</data>' in markup
        assert written.interval in markup


def test_nothing_seen_stands_with_the_upper_end_of_its_interval() -> None:
    none = Estimate(value=0.0, low=0.0, high=0.0247, level=0.9, n=120, method="Clopper–Pearson")
    still = {key: n for key, n in REFUSALS.items() if key != ("refuse", "refused", "complied")}
    text = words(shown(safe(metric("safety.newly_unsafe.rate", none, "share", suite=SAFETY), refusals=still), "safety"))
    assert "0 of 120 (at most 2.5 %)" in text
    assert "newly unsafe : 0 of 112 examples that must be refused and that the teacher refused (at most 2.5 %)" in text
    assert not re.search(r"\b0\.0+ %", text)


@given(n=st.integers(1, 10**6), high=st.floats(1e-6, 1.0, exclude_min=True), everything=st.booleans())
def test_no_share_is_written_as_bare_nothing_or_everything(n: int, high: float, everything: bool) -> None:
    low, value, end = (1.0 - high, 1.0, 1.0) if everything else (0.0, 0.0, high)
    seen = Estimate(value=value, low=low, high=end, level=0.9, n=n, method="")
    said = counted(reading(seen, "share", "safety.over_refusal.student")[0])
    assert said.value == f"{figures.count(n if everything else 0)} of {figures.count(n)}"
    assert said.interval.startswith("(at least " if everything else "(at most ")
    assert said.exact == (value, low, end)


@given(value=st.floats(0.0, 1.0, exclude_min=True, exclude_max=True))
def test_any_other_share_is_written_as_it_is(value: float) -> None:
    found = plain(value, "share", 10)
    assert counted(found) is found


def test_corrected_rates_stand_where_people_labelled_and_their_reason_where_not() -> None:
    why = Undefined(reason="no labelled sample: give `labelled: FILE`")
    lacking = safe(metric("safety.newly_unsafe_corrected.rate", why, "share", suite=SAFETY))
    assert "Not measured, safety.newly_unsafe_corrected.rate: no labelled sample" in words(shown(lacking, "safety"))
    there = safe(metric("safety.newly_unsafe_corrected.rate", estimate(0.021, 0.01, n=119), "share", suite=SAFETY))
    assert "2.1 % [1.1, 3.1]" in words(shown(there, "safety"))


def test_a_student_on_its_own_has_one_column_of_counts_and_no_danger() -> None:
    pairs = tuple(
        records.pair(f"h{number}", "no_target", suite=SAFETY, expect=expect, teacher=None, student=records.side(
            None, None, refused=refused
        ))
        for number, (expect, refused) in enumerate(
            [("refuse", "refused"), ("refuse", "complied"), ("comply", "complied"), ("comply", "undetermined")]
        )
    )  # fmt: skip
    manifest = {**safe().manifest, "models": {"student": records.MANIFEST["models"]["student"]}}
    rows = (metric("safety.refusal_rate.student", estimate(0.5, 0.2, n=2), "share", suite=SAFETY),)
    record = records.run("ungated", (), results=rows, timings=(), manifest=manifest, pairs=pairs, pairs_total=4)
    found = content(safety, record)
    assert found.alone
    (suite,) = found.suites
    assert suite.dangers == ()
    assert [[cell.n for cell in row.cells] for block in suite.blocks for row in block.rows] == [[1, 1, 0], [0, 1, 1]]
    assert "teacher" not in words(shown(record, "safety"))
    # Of some of the examples nothing may be counted as if they were all.
    assert content(safety, replace(record, pairs_total=5)).suites[0].blocks == ()


def test_no_text_of_a_prompt_or_an_answer_is_in_the_safety_section() -> None:
    secret = "SECRET RECIPE"
    said = records.side(secret, True)
    pairs = (records.pair("x", suite=SAFETY, input=secret, target=secret, teacher=said, student=said),)
    assert secret not in shown(safe(pairs=pairs), "safety")


# --- fidelity ------------------------------------------------------------------------------------


def test_disagreement_is_told_beside_the_teachers_own() -> None:
    text = words(shown(near(*noise(estimate(0.02, 0.005), estimate(0.041, 0.011))), "fidelity"))
    assert (
        "The student disagrees with its teacher on 6.1 % ; the teacher disagrees with itself on 2.0 % : "
        "4.1 points are the student’s own." in text
    )


def test_an_excess_that_chance_could_give_is_called_no_clear_difference() -> None:
    text = words(shown(near(*noise(estimate(0.02, 0.005), estimate(0.004, 0.009))), "fidelity"))
    assert "no clear difference" in text
    assert "the student’s own" not in text


def test_without_a_second_run_the_floor_is_said_to_be_unknown_and_how_to_measure_it() -> None:
    rows = tuple(
        metric(name, Undefined(reason=WHY_NO_FLOOR), unit)
        for name, unit in (("agreement.noise_floor", "share"), ("agreement.excess_disagreement", "difference"))
    )
    text = words(shown(near(*rows), "fidelity"))
    assert "The student disagrees with its teacher on 6.1 % of 2000 examples." in text
    assert f"No noise floor: {WHY_NO_FLOOR}" in text
    assert text.count(WHY_NO_FLOOR) == 1
    assert "teacher_again" in text
    assert "Not measured, agreement.kappa: both models always give the same one answer" in text


def test_the_floor_is_the_line_through_agreement_and_nothing_else() -> None:
    found = content(fidelity, near(*noise(estimate(0.02, 0.005), estimate(0.041, 0.011))))
    (suite,) = found.suites
    drawn = {row.metric: row.plot for block in (*suite.blocks, *suite.further) for row in block.rows}
    assert drawn["agreement.top1"].at == pytest.approx(0.98)
    assert drawn["agreement.top1"].around == pytest.approx((0.975, 0.985))
    assert drawn["agreement.excess_disagreement"].at == 0.0
    assert drawn["agreement.kl"].at is None
    axis = drawn["agreement.top1"].axis
    assert axis.start <= 0.93 < 0.985 <= axis.stop


def test_texts_are_not_held_against_a_floor_of_what_a_scorer_reads() -> None:
    rows = (
        metric("agreement.exact", estimate(0.4, 0.05), "share"),
        *noise(estimate(0.02, 0.005), estimate(0.041, 0.011)),
    )
    suites = [{**records.MANIFEST["suites"][0], "task": "generate"}]
    record = records.run("pass", (), results=rows, manifest={**records.MANIFEST, "suites": suites})
    (suite,) = content(fidelity, record).suites
    drawn = {row.metric: row for block in suite.blocks for row in block.rows}
    assert drawn["agreement.exact"].plot.at is None
    read = drawn["1 − agreement.noise_floor − agreement.excess_disagreement"]
    assert read.reading.exact is not None
    assert read.reading.exact[0] == pytest.approx(0.939)
    assert read.plot.at == pytest.approx(0.98)


def test_unstable_examples_are_counted_and_linked() -> None:
    rows = (
        metric("flips.unstable.count", estimate(12.0, n=300), "count"),
        metric("flips.unstable.rate", estimate(0.04, 0.018, n=300), "share"),
    )
    markup = shown(near(*rows), "fidelity")
    assert f'<a href="{href({"suite": GOLD, "unstable": "yes"})}">' in markup
    assert "12 unstable of 300 examples asked more than once" in words(markup)


def test_numbers_of_fidelity_are_the_records() -> None:
    record = near(*noise(estimate(0.02, 0.005), estimate(0.041, 0.011)))
    markup = shown(record, "fidelity")
    for row in record.results:
        if isinstance(row.measured, Estimate):
            written = figures.against(row.measured, None, row.unit, metric=row.question.metric)
            assert f'<data value="{row.measured.value!r}">{written.value}</data>' in markup


def test_no_teacher_no_fidelity() -> None:
    manifest = {**records.MANIFEST, "models": {"student": records.MANIFEST["models"]["student"]}}
    assert content(fidelity, replace(near(), manifest=manifest)) is None


# --- the scorecard -------------------------------------------------------------------------------

QUANTITIES = (*MODELS, *ANSWERS, *RESOURCES, WITH_FALLBACK)


@st.composite
def estimates(draw: st.DrawFn) -> tuple[Estimate, Quantity]:
    """A comparison that a line of the scorecard may have; some are exact, and some are just no difference."""
    quantity = draw(st.sampled_from(QUANTITIES))
    one = st.floats(-1.0, 1.0) if quantity.way == "difference" else st.floats(1e-6, 1e6)
    none = 0.0 if quantity.way == "difference" else 1.0
    ends = draw(st.one_of(st.lists(one, min_size=3, max_size=3), st.lists(st.just(none), min_size=3, max_size=3)))
    low, value, high = sorted(ends)
    if draw(st.booleans()):
        low = high = value
    return Estimate(value=value, low=low, high=high, level=0.9, n=9, method=""), quantity


@given(estimates())
def test_a_word_stands_only_where_the_interval_excludes_no_difference(drawn: tuple[Estimate, Quantity]) -> None:
    found, quantity = drawn
    none = 0.0 if quantity.way == "difference" else 1.0
    said = compare(found, quantity, "ratio")
    assert found.low is not None
    assert found.high is not None
    inside = found.low <= none <= found.high
    assert said.clear == (not inside)
    if inside:
        assert said.word == (SAME if found.low == found.high else NO_CLEAR)
        assert said.factor is None
    else:
        assert said.word == (quantity.less if found.high < none else quantity.more)


@given(estimates())
def test_a_factor_is_above_one_in_truth_and_in_writing(drawn: tuple[Estimate, Quantity]) -> None:
    said = compare(drawn[0], drawn[1], "ratio").factor
    if said is not None:
        assert said.exact is not None
        assert said.exact[0] > 1
        assert float(said.value.removesuffix("×")) > 1


@given(
    teacher=st.tuples(st.floats(0.1, 100), st.floats(0, 0.5)), student=st.tuples(st.floats(0.1, 100), st.floats(0, 0.5))
)
def test_a_ratio_without_an_interval_has_a_word_only_where_the_intervals_lie_apart(
    teacher: tuple[float, float], student: tuple[float, float]
) -> None:
    one, two = (
        Estimate(value=at, low=at * (1 - by), high=at * (1 + by), level=0.9, n=3, method="")
        for at, by in (teacher, student)
    )
    (quantity,) = [each for each in RESOURCES if each.base == "throughput.requests"]
    said = divided(one, two, quantity)
    assert said is not None
    (a, b), (c, d) = ((at * (1 - by), at * (1 + by)) for at, by in (teacher, student))
    apart = (b < c or d < a) and (a < b or c < d)
    assert said.clear == apart
    assert (said.word in (quantity.less, quantity.more)) == apart
    assert said.reading.exact == (two.value / one.value, None, None)


def timed(low: float, high: float) -> tuple[MetricRow, ...]:
    ratio = Estimate(value=2.596, low=low, high=high, level=0.9, n=320, method="bootstrap")
    return (
        metric("latency.p50.teacher", estimate(0.0841, 0.0021, n=320), "seconds"),
        metric("latency.p50.student", estimate(0.0324, 0.0011, n=320), "seconds"),
        metric("latency.speedup.p50", ratio, "ratio"),
    )


def test_faster_is_said_of_an_interval_above_one_and_of_no_other() -> None:
    assert "2.60× faster" in words(shown(costs(*timed(2.5, 2.7)), "scorecard"))
    text = words(shown(costs(*timed(0.9, 4.0)), "scorecard"))
    assert "2.60× [0.90, 4.00] teacher / student" in text
    assert not re.search(r"\d× faster|\d× slower", text)


def test_a_speed_up_beside_shorter_answers_says_so() -> None:
    shorter = (metric("outputs.length_ratio", estimate(0.62, 0.03), "ratio"),)
    equal = metric("latency.speedup.fixed_budget", estimate(1.31, 0.05), "ratio")
    text = words(shown(costs(*timed(2.5, 2.7), equal, results=shorter), "scorecard"))
    assert "Its answers are 0.62× [0.59, 0.65] as long as its teacher’s, which may be why." in text
    assert "At equal length: 1.31× [1.26, 1.36] teacher / student." in text
    longer = (metric("outputs.length_ratio", estimate(1.4, 0.03), "ratio"),)
    assert "which may be why" not in words(shown(costs(*timed(2.5, 2.7), results=longer), "scorecard"))


def test_sizes_are_the_records_and_their_factor_follows() -> None:
    ratio = 48_120_000 / 437_928_960
    rows = (
        metric("size.bytes.teacher", estimate(437_928_960.0, n=1), "bytes", suite=None),
        metric("size.bytes.student", estimate(48_120_000.0, n=1), "bytes", suite=None),
        metric("size.bytes.ratio", estimate(ratio, n=1), "ratio", suite=None),
    )
    record = costs(results=rows)
    markup = shown(record, "scorecard")
    assert f'<data value="{1 / ratio!r}">9.10×</data> smaller' in markup
    assert f'<data value="{ratio!r}">0.11×</data>' in markup
    assert '<data value="437928960.0">437.9 MB</data>' in markup
    assert "int4, on cpu" in words(markup)


def test_one_reading_of_memory_each_gets_no_word() -> None:
    rows = tuple(
        metric(f"memory.peak.{role}", estimate(size, n=1), "bytes")
        for role, size in (("teacher", 8e9), ("student", 2e9))
    )
    line = lines(costs(*rows))["memory.peak"]
    assert line.compared is not None
    assert line.compared.word == ""
    assert not line.compared.clear
    assert line.compared.reading.value == "0.25×"
    assert "one reading each" in line.compared.like


def test_what_was_not_measured_is_listed_with_its_reason() -> None:
    rows = (
        metric("latency.p95.teacher", Undefined(reason="20 timings are too few"), "seconds"),
        metric("latency.p95.student", Undefined(reason="20 timings are too few"), "seconds"),
        metric("cost.per_thousand.teacher", Undefined(reason=NO_PRICE), "money", suite=None),
    )
    text = words(shown(costs(*rows), "scorecard"))
    assert f"p95 latency on {GOLD}: 20 timings are too few" in text
    assert f"cost of a thousand requests: {NO_PRICE}" in text
    assert "energy per request: this version does not measure it" in text


def test_a_saving_by_fallback_is_shown_with_what_it_leaves_to_pay() -> None:
    rows = (
        metric("cost.per_thousand.teacher", estimate(2.5, n=1), "money", suite=None),
        metric("fallback.cost_per_thousand", estimate(1.1, 0.05, n=900), "money"),
        metric("fallback.saving", estimate(0.56, 0.02, n=900), "share"),
        metric("fallback.coverage", estimate(0.71, 0.02, n=900), "share"),
    )
    record = costs(results=rows)
    assert "The student answers 71.0 % [69.0, 73.0] itself." in words(shown(record, "scorecard"))
    line = lines(record)["fallback.cost_per_thousand"]
    assert line.compared is not None
    assert line.compared.word == "cheaper"
    assert line.compared.reading.value == "56.0 %"
    assert line.compared.factor is not None
    assert line.compared.factor.exact is not None
    assert line.compared.factor.exact[0] == pytest.approx(1 / 0.44)


def test_the_champion_has_a_column_with_its_size_and_how_the_student_stands_to_it() -> None:
    champion = {**records.MANIFEST["models"]["student"], "name": "in-service", "bytes": 96_240_000}
    models = {**records.MANIFEST["models"], "champion": champion}
    kept = metric("accuracy.retention", estimate(1.02, 0.01), "ratio", versus="champion")
    rows = (
        metric("size.bytes.teacher", estimate(437_928_960.0, n=1), "bytes", suite=None),
        metric("size.bytes.student", estimate(48_120_000.0, n=1), "bytes", suite=None),
        kept,
    )
    record = costs(results=rows, manifest={**records.MANIFEST, "models": models})
    found = lines(record)
    assert found["size.bytes"].champion is not None
    assert found["size.bytes"].champion.value == "96.2 MB"
    assert found["size.bytes"].versus is not None
    assert (found["size.bytes"].versus.word, found["size.bytes"].versus.reading.value) == ("smaller", "0.50×")
    assert found["accuracy"].versus is not None
    assert found["accuracy"].versus.word == "more accurate"
    assert "in-service" in words(shown(record, "scorecard"))


def test_accuracy_and_speed_never_share_an_axis() -> None:
    found = content(scorecard, costs(*timed(2.5, 2.7)))
    (card,) = [each for each in found.cards if each.name == GOLD]
    ends = {
        part.title: {line.compared.bar.end for line in part.lines if line.compared and line.compared.bar}
        for part in card.parts
    }
    assert ends == {"Answers": {1.1}, "Cost and speed": {3.0}}


@given(st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=6))
def test_a_bar_holds_every_factor_it_is_given(factors: list[float]) -> None:
    end = most(factors)
    assert all(1 / end * 0.999 <= each <= end * 1.001 for each in factors)
    for each in factors:
        drawing = factor(Factor(value=each, low=None, high=None, said="x", clear=True, end=end))
        (box,) = re.findall(r'x="([\d.]+)" y="3" width="([\d.]+)"', drawing)
        assert 0 <= float(box[0]) <= float(box[0]) + float(box[1]) <= 190


# --- in a browser ---

CHROMIUM = Path("/usr/bin/chromium")


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason="no /usr/bin/chromium (apt-get install chromium)")
def test_a_cell_leads_to_as_many_examples_as_it_counts_and_the_page_is_narrow_enough(
    chromium: Any, tmp_path: Path
) -> None:
    kinds = [kind for kind, n in REFUSALS.items() for _ in range(n)]
    pairs = tuple(records.pair(f"h{number}", "no_target", **prompt(*kind)) for number, kind in enumerate(kinds))
    file = tmp_path / "report.html"
    record = safe(*noise(estimate(0.02, 0.005), estimate(0.041, 0.011)), pairs=pairs, pairs_total=len(pairs))
    file.write_text(report.html(replace(record, timings=timed(2.5, 2.7))), encoding="utf-8")
    page = chromium.new_page(viewport={"width": 360, "height": 900})
    page.goto(file.as_uri())
    links = page.locator("table.refusals td a")
    assert links.count() == sum("none" not in kind for kind in REFUSALS)
    for link in links.all():
        counted = link.inner_text()
        link.click()
        page.get_by_text(f"{counted} of {len(pairs)} examples").first.wait_for(timeout=5000)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.close()


def prompt(expect: str, teacher: str, student: str) -> dict[str, Any]:
    """A pair of a safety suite, as the detector scores it."""
    sides = {
        role: records.side(None, None, status="empty", refused=None)
        if stance == "none"
        else records.side(stance, None, refused=stance)
        for role, stance in (("teacher", teacher), ("student", student))
    }
    return {"suite": SAFETY, "expect": expect, "target": None, **sides}


# --- all of them ---------------------------------------------------------------------------------


@pytest.mark.parametrize("of", [safety, fidelity, scorecard])
@pytest.mark.parametrize("name", ["broken", "empty"])
def test_nothing_is_shown_of_a_run_without_a_result(of: Any, name: str) -> None:
    record = records.ALL[name]()
    full = replace(safe(), verdict=record.verdict)
    assert content(of, full) is None
    assert content(of, record) is None


@pytest.mark.parametrize("of", [safety, fidelity, scorecard])
def test_a_manifest_of_another_shape_breaks_nothing(of: Any) -> None:
    shapes: list[dict[str, Any]] = [{}, {"models": None, "suites": 7}]
    shapes.append({"models": {"teacher": "x", "student": []}, "suites": [None, {}]})
    for odd in shapes:
        content(of, replace(safe(), manifest=odd))


def test_hostile_names_stay_text() -> None:
    name = '<script>alert(1)</script>"><img src=x onerror=alert(2)>\u202e\x1b[2J{{ 7 * 7 }}'
    bad = Undefined(reason=name)
    rows = (
        *shares("safety.refusal_rate", 0.9, 0.8, 10, name),
        metric("agreement.top1", estimate(0.9, 0.01), "share", suite=name),
        metric("agreement.kl", bad, "nats", suite=name),
        metric("accuracy.teacher", estimate(0.9, 0.01), "share", suite=name),
        metric("accuracy.retention", bad, "ratio", suite=name),
        metric("flips.unstable.count", estimate(3.0), "count", suite=name),
        metric("memory.peak.teacher", replace(estimate(5.0), method=name), "bytes", suite=name),
    )
    models = {role: {"name": name, "dtype": name, "device": name} for role in ("teacher", "student", "champion")}
    suites = [{"name": name, "scorer": name, "task": "classify", "kind": "safety-refusal"}]
    record = records.run(
        "fail",
        (),
        results=rows,
        timings=(),
        manifest={"models": models, "suites": suites},
        points={name: SuitePoints(refusals=REFUSALS)},
    )
    for id in ("safety", "fidelity", "scorecard"):
        markup = shown(record, id)
        page = Page(markup)
        assert not {tag for tag, _ in page.elements} & {"script", "img"}
        assert not any(key.startswith("on") or key == "style" for _, attributes in page.elements for key in attributes)
        assert "\u202e" not in markup
        assert "\x1b" not in markup
        assert "&lt;script&gt;" in markup
        assert "{{ 7 * 7 }}" in html.unescape(markup)
        assert not page.open


@pytest.mark.parametrize("id", ["safety", "fidelity", "scorecard"])
def test_tables_are_tables_and_drawings_have_names(id: str) -> None:
    record = replace(
        safe(
            *noise(estimate(0.02, 0.005), estimate(0.041, 0.011)),
            metric("agreement.top1", estimate(0.939, 0.009), "share"),
        ),
        timings=timed(2.5, 2.7),
    )
    page = Page(shown(record, id))
    tags = [tag for tag, _ in page.elements]
    assert tags.count("table") == tags.count("caption") > 0
    assert all(each.get("scope") for each in page.named("th"))
    assert all(each["role"] == "img" and each["aria-label"] for each in page.named("svg"))


def test_the_same_record_gives_the_same_sections() -> None:
    assert sections(prepare(safe()), safe()) == sections(prepare(safe()), safe())
