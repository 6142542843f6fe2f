"""Metric rows arranged for reading: teacher, student and difference side by side; slices worst first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from evalkit import figures
from evalkit.report.origin import items, text
from evalkit.report.view import FamilyView, Gap, Reading, SideView, SingleView, SliceView, StatusRow, SuiteView
from evalkit.types import Estimate, Measured, MetricRow, Question, Undefined
from evalkit.types.record import RunRecord

CLASS_SLICE = "target="
# How many examples of the whole suite a slice is taken to bring along when slices are put in order.
DRAWN = 30
_SIDES = ("teacher", "student", "difference")
_FAMILIES = (
    *("accuracy", "score", "f1_macro", "fields", "flips", "errors", "agreement", "calibration", "safety"),
    *("outputs", "fallback", "latency", "throughput", "size", "memory", "energy", "flops", "cost"),
)
_STATUSES = {
    "errored": "error_rate",
    "empty": "empty_rate",
    "truncated": "truncated_rate",
    "unparsable": "unparsable_rate",
}


def units(record: RunRecord) -> dict[str, str]:
    """The unit of every metric that was measured."""
    return {row.question.metric: row.unit for row in (*record.results, *record.timings)}


def likely_unit(metric: str) -> str:
    """The unit that a metric's name suggests, for a criterion whose metric was measured nowhere."""
    last = metric.rpartition(".")[2]
    if last == "difference":
        plain = metric.startswith(("calibration.", "score.", "latency.", "agreement.kl"))
        return "seconds" if metric.startswith("latency.") else "number" if plain else "difference"
    if last == "count":
        return "count"
    if metric.startswith("latency.speedup") or last in ("retention", "ratio", "length_ratio"):
        return "ratio"
    if metric.startswith("latency."):
        return "seconds"
    if last.endswith("rate") or metric.startswith(("accuracy.", "agreement.", "safety.")):
        return "number" if ".kl" in metric else "share"
    return "number"


def reading(measured: Measured, unit: str, metric: str, bound: float | None = None) -> tuple[Reading, str]:
    """The number as written, and the bound at the same precision (empty without one)."""
    if isinstance(measured, Undefined):
        shown = "" if bound is None else figures.number(bound, unit, metric=metric)
        return _undefined(measured.reason), shown
    written = figures.against(measured, bound, unit, metric=metric)
    said = Reading(
        value=written.value,
        interval=written.interval,
        n=measured.n,
        level=measured.level,
        method=measured.method,
        exact=(measured.value, measured.low, measured.high),
    )
    return said, written.bound or ""


def _undefined(reason: str) -> Reading:
    return Reading(value="–", interval="", n=0, level=0.0, method="", exact=None, undefined=reason)


def suites(record: RunRecord) -> tuple[SuiteView, ...]:
    """One view per suite in the order of the manifest, then those it does not name, then the run as a whole."""
    rows = (*record.results, *record.timings)
    listed = {text(each, "name"): each for each in items(record.manifest, "suites")}
    found = sorted({row.question.suite for row in rows if row.question.suite is not None} | set(record.transitions))
    names: list[str | None] = [name for name in listed if name in found]
    names += [name for name in found if name not in listed]
    if any(row.question.suite is None for row in rows):
        names.append(None)
    return tuple(_suite(record, name, listed.get(name or "", {}), rows) for name in names)


def _suite(record: RunRecord, name: str | None, listed: Mapping[str, object], rows: Iterable[MetricRow]) -> SuiteView:
    own = [row for row in rows if row.question.suite == name and not row.question.where]
    whole = [row for row in own if row.question.slice is None]
    about = [text(listed, key) for key in ("kind", "task")]
    about += [f"{key} {text(listed, key)}" for key in ("version", "n") if text(listed, key)]
    samples = listed.get("samples")
    many = samples if isinstance(samples, int) and samples > 1 else 1
    about += [f"{many} samples each"] if many > 1 else []
    worse = {row.slice for row in record.verdict.regressed if row.suite == name}
    slices = _slices([row for row in own if row.question.slice is not None], worse, _difference(whole))
    families = _families(whole)
    return SuiteView(
        name=name,
        about=" · ".join(filter(None, about)),
        families=tuple(each for each in map(_measured, families) if each.sides or each.singles),
        unmeasured=_unmeasured(families),
        statuses=_statuses(whole, many),
        transition=None if name is None else record.transitions.get(name),
        rows="samples of examples" if many > 1 else "examples",
        slices=tuple(each for each in slices if not each.name.startswith(CLASS_SLICE)),
        class_slices=tuple(each for each in slices if each.name.startswith(CLASS_SLICE)),
    )


def _families(rows: list[MetricRow]) -> tuple[FamilyView, ...]:
    grouped: dict[str, list[MetricRow]] = {}
    for row in rows:
        grouped.setdefault(row.question.metric.partition(".")[0], []).append(row)
    order = {name: place for place, name in enumerate(_FAMILIES)}
    names = sorted(grouped, key=lambda name: (order.get(name, len(order)), name))
    return tuple(_family(name, grouped[name]) for name in names)


def _family(name: str, rows: list[MetricRow]) -> FamilyView:
    sides: dict[str, dict[str, Reading]] = {}
    singles = []
    bases = {_split(row.question)[0] for row in rows if _split(row.question)[1] in ("teacher", "student")}
    for row in rows:
        base, side = _split(row.question)
        said, _ = reading(row.measured, row.unit, row.question.metric)
        if side and base in bases:
            sides.setdefault(base, {})[side] = said
        else:
            singles.append(SingleView(metric=row.question.metric + _champion(row.question), reading=said))
    paired = tuple(
        SideView(metric=base, teacher=by.get("teacher"), student=by.get("student"), difference=by.get("difference"))
        for base, by in sides.items()
    )
    return FamilyView(name=name, sides=paired, singles=tuple(singles))


def _readings(side: SideView) -> list[Reading]:
    return [each for each in (side.teacher, side.student, side.difference) if each is not None]


def _is_measured(side: SideView | SingleView) -> bool:
    readings = _readings(side) if isinstance(side, SideView) else [side.reading]
    return any(each.undefined is None for each in readings)


def _measured(family: FamilyView) -> FamilyView:
    """The family without what came out undefined throughout: a wall of reasons hides the numbers."""
    return FamilyView(
        name=family.name,
        sides=tuple(each for each in family.sides if _is_measured(each)),
        singles=tuple(each for each in family.singles if _is_measured(each)),
    )


def _unmeasured(families: Iterable[FamilyView]) -> tuple[Gap, ...]:
    """What came out undefined throughout: metrics with the same reason are one gap."""
    by_reason: dict[str, list[str]] = {}
    for family in families:
        every: list[SideView | SingleView] = [*family.sides, *family.singles]
        for each in every:
            if not _is_measured(each):
                readings = _readings(each) if isinstance(each, SideView) else [each.reading]
                reasons = dict.fromkeys(reading.undefined or "" for reading in readings)
                by_reason.setdefault("; ".join(reasons), []).append(each.metric)
    return tuple(Gap(what=", ".join(metrics), why=why) for why, metrics in by_reason.items())


def _split(question: Question) -> tuple[str, str]:
    base, _, side = question.metric.rpartition(".")
    return (base + _champion(question), side) if side in _SIDES else (question.metric, "")


def _champion(question: Question) -> str:
    return " (versus champion)" if question.versus == "champion" else ""


def _statuses(rows: list[MetricRow], samples: int) -> tuple[StatusRow, ...]:
    """How many answers failed, of all: an example of several samples has as many."""
    found = {row.question.metric: row.measured for row in rows if row.question.versus == "teacher"}

    def said(measured: Measured | None) -> str:
        if measured is None:
            return "not recorded"
        if isinstance(measured, Undefined):
            return f"undefined: {measured.reason}"
        answers = measured.n * samples
        return f"{figures.count(round(measured.value * answers))} of {figures.count(answers)}"

    shown = []
    for word, metric in _STATUSES.items():
        teacher, student = (found.get(f"outputs.{metric}.{role}") for role in ("teacher", "student"))
        if teacher is not None or student is not None:
            shown.append(StatusRow(word=word, teacher=said(teacher), student=said(student)))
    return tuple(shown)


def _difference(rows: list[MetricRow]) -> float:
    """The difference on the whole suite; 0 where there is none."""
    found = {row.question.metric: row.measured for row in rows if row.question.versus == "teacher"}
    measured = [found.get(name) for name in ("accuracy.difference", "score.difference")]
    return next((each.value for each in measured if isinstance(each, Estimate)), 0.0)


def _slices(rows: list[MetricRow], worse: set[str], whole: float) -> list[SliceView]:
    found: dict[str, dict[str, Reading]] = {}
    for row in rows:
        if row.question.versus == "teacher" and row.question.slice is not None:
            said, _ = reading(row.measured, row.unit, row.question.metric)
            found.setdefault(row.question.slice, {})[row.question.metric] = said
    shown = [
        SliceView(
            name=name,
            difference=by.get("accuracy.difference") or by.get("score.difference"),
            retention=by.get("accuracy.retention") or by.get("score.retention"),
            lost=by.get("flips.right_to_wrong.count"),
            regressed=name in worse,
        )
        for name, by in found.items()
    ]
    shown = [each for each in shown if each.difference or each.retention or each.lost]
    return sorted(shown, key=lambda each: (_badness(each, whole), each.name))


def _badness(each: SliceView, whole: float) -> float:
    """The difference, drawn towards that of the whole suite as by some examples of it: one flip in a slice of three
    must not put it above a slice that lost fifty of three hundred."""
    if each.difference is None or each.difference.exact is None:
        return float("inf")
    n = each.difference.n
    return (n * each.difference.exact[0] + DRAWN * whole) / (n + DRAWN)
