"""The criteria as rows of a forest: what was asked, what was seen, what so many examples can show."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from evalkit import figures
from evalkit.report import origin, words
from evalkit.report.drawing import scale
from evalkit.report.drawing.scale import Scale
from evalkit.report.policy_lines import lines_of
from evalkit.report.query import href
from evalkit.report.view import STATUS_WORDS, TOO_SMALL, CriterionView, View
from evalkit.types import Estimate, MetricRow, Question
from evalkit.types.record import RunRecord

# Rows of one part that are shown at once; the worst come first.
SHOWN = 15
# An interval that is drawn narrower than this many units of the drawing (about pixels) tells nothing.
NARROW = 12.0
# A scale of its own must show this many times as much.
_WORTH_IT = 1.25
_LINKED = 20
_RULES_OUT = re.compile(r"; n = [0-9,]+ can (?:rule out|show) a drop of (.*?) or more$", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One criterion on one suite and slice. `plot` are the arguments of the drawing, None without a number.

    `rules_out` is the smallest drop that so many examples can rule out, with its exact value where there is one."""

    row: CriterionView
    plot: Mapping[str, Any] | None
    own_scale: bool
    rules_out: str
    rules_out_exact: float | None
    about: str
    why: str
    counts: str
    policy: str
    examples: tuple[tuple[str, str], ...]
    more_examples: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Criteria of one kind; `rest` are those beyond what is shown at once, `rest_words` what they came to."""

    title: str
    rows: tuple[Row, ...]
    rest: tuple[Row, ...]
    rest_words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Criteria:
    """`small` are what is too small to judge: how many where, and their names."""

    parts: tuple[Part, ...]
    skipped: tuple[str, ...]
    small: tuple[tuple[str, str], ...]
    detectable: bool
    own_scales: bool


def criteria(view: View, record: RunRecord) -> Criteria | None:
    """None for a run without criteria."""
    if not view.criteria:
        return None
    measured = {row.question: row for row in (*record.results, *record.timings)}
    axes = _axes(view.weighed)
    shown = [_row(each, measured, axes, view) for each in view.weighed]
    parts = tuple(_parts(shown, origin.model_name(record, "champion")))
    return Criteria(
        parts=parts,
        skipped=view.skipped,
        small=tuple(_small(view)),
        detectable=any(each.rules_out for each in shown),
        own_scales=any(each.own_scale for each in shown),
    )


def _parts(rows: list[Row], champion: str) -> Iterator[Part]:
    kinds = (
        ("Blocking, against the teacher", "block", False),
        (f"Blocking, against the champion {champion}", "block", True),
        ("Warnings only: they never stop a student", "warn", False),
        (f"Warnings only, against the champion {champion}", "warn", True),
    )
    for title, effect, versus_champion in kinds:
        own = [each for each in rows if (each.row.effect, each.row.champion) == (effect, versus_champion)]
        if own:
            rest = tuple(own[SHOWN:])
            yield Part(title=title, rows=tuple(own[:SHOWN]), rest=rest, rest_words=_tally(rest))


def _tally(rows: Iterable[Row]) -> str:
    """`2 inconclusive, 40 pass`, for rows of one kind."""
    found: dict[str, int] = {}
    for each in rows:
        found[STATUS_WORDS[each.row.status]] = found.get(STATUS_WORDS[each.row.status], 0) + 1
    return ", ".join(f"{many} {word}" for word, many in found.items())


def _row(row: CriterionView, measured: Mapping[Question, MetricRow], axes: Mapping[str, _Axis], view: View) -> Row:
    plot, own = (None, False) if row.reading.exact is None else _plot(row, axes[row.scale])
    rules_out, exact, why = _rules_out(row, measured)
    linked = row.examples[:_LINKED]
    place = {"suite": row.suite} if row.suite else {}
    return Row(
        row=row,
        plot=plot,
        own_scale=own,
        rules_out=rules_out,
        rules_out_exact=exact,
        about=words.metric(row.metric),
        why=_without_numbers(why, row),
        counts=_counts(row, measured),
        policy=lines_of(view.policy_text, row.id),
        examples=tuple((each, href({**place, "id": each})) for each in linked),
        more_examples=len(row.examples) - len(linked),
    )


def _question(row: CriterionView, metric: str) -> Question:
    return Question(metric=metric, suite=row.suite, slice=row.slice, versus="champion" if row.champion else "teacher")


def _rules_out(row: CriterionView, measured: Mapping[Question, MetricRow]) -> tuple[str, float | None, str]:
    """The smallest drop that so many examples can rule out: written, exact, and the reason without it."""
    said = _RULES_OUT.search(row.reason)
    why = row.reason if said is None else row.reason[: said.start()]
    if row.metric.startswith("accuracy.") and not row.where:
        found = measured.get(_question(row, "accuracy.minimum_detectable_drop"))
        if found is not None and isinstance(found.measured, Estimate) and row.reading.exact is not None:
            drop = found.measured.value
            return figures.number(drop, "difference").removeprefix("+"), drop, why
    return ("" if said is None else said[1]), None, why


def _without_numbers(reason: str, row: CriterionView) -> str:
    """The reason without the numbers that stand beside it, and without words that repeat the outcome."""
    head, colon, rest = reason.partition("): ")
    if row.reading.undefined is None and colon and head.startswith(row.reading.value):
        return rest
    return reason.removeprefix("not evaluated: ") if row.status == "not_evaluated" else reason


def _counts(row: CriterionView, measured: Mapping[Question, MetricRow]) -> str:
    """What was lost and gained where the criterion applies, `34 lost, 4 gained of 210`; empty where nobody counted."""
    if row.where or row.suite is None:
        return ""
    found = []
    of = 0
    for name, word in (("flips.right_to_wrong.count", "lost"), ("flips.wrong_to_right.count", "gained")):
        each = measured.get(_question(row, name))
        if each is not None and isinstance(each.measured, Estimate):
            found.append(f"{figures.count(round(each.measured.value))} {word}")
            of = each.measured.n
    return f"{', '.join(found)} of {figures.count(of)}" if found else ""


@dataclass(frozen=True, slots=True)
class _Axis:
    """The scale that rows of one unit share, and the largest number on it, which picks their unit."""

    scale: Scale
    largest: float


def _axes(rows: Iterable[CriterionView]) -> dict[str, _Axis]:
    values: dict[str, list[float | None]] = {}
    for row in rows:
        if row.reading.exact is not None:
            values.setdefault(row.scale, []).extend([*row.reading.exact, row.bound])
    return {key: _axis(key, found) for key, found in values.items()}


def _axis(key: str, values: list[float | None]) -> _Axis:
    largest = max((abs(each) for each in values if each is not None and math.isfinite(each)), default=0.0)
    return _Axis(scale.scale(values, least=1.0 if key == "count" else 0.01), largest)


def _plot(row: CriterionView, shared: _Axis) -> tuple[dict[str, Any], bool]:
    """The drawing's arguments, and whether the row has a scale of its own: its interval would be a speck on the shared
    one. The bound is on every scale."""
    assert row.reading.exact is not None
    value, low, high = row.reading.exact
    chosen = shared
    if low is not None and high is not None and low < high and (seen := _width(shared, low, high)) < NARROW:
        alone = _axis(row.scale, [value, low, high, row.bound])
        if _width(alone, low, high) > _WORTH_IT * seen:
            chosen = alone
    how = figures.style(row.unit, chosen.largest, metric=row.metric)
    said = f"{row.id}: {row.reading.words}, needs {row.needs}: {STATUS_WORDS[row.status]}"
    arguments = {
        "axis": chosen.scale,
        "words": said,
        "value": value,
        "low": low,
        "high": high,
        "bound": row.bound,
        "at_least": row.at_least,
        "status": row.status,
        "labels": scale.tick_words(chosen.scale, how.shift),
        "suffix": how.suffix.strip() if how.suffix in (" %", "×") else how.suffix,
    }
    return arguments, chosen is not shared


def _width(axis: _Axis, low: float, high: float) -> float:
    return axis.scale.at(high) - axis.scale.at(low)


def _small(view: View) -> Iterator[tuple[str, str]]:
    """Reasons that list what is too small to judge: the line with their number, and the names."""
    for reason in view.reasons:
        if TOO_SMALL in reason:
            head, _, names = reason.partition("): ")
            yield f"{head})", names
