"""model-card.md: a model card in the Hub's form for the student, saying what was measured and what was not."""

from __future__ import annotations

import json
import re

from evalkit.figures import count, exact
from evalkit.report.origin import items, stored, text
from evalkit.report.summary_md import criterion_line, reason_line
from evalkit.report.text import for_markdown as safe
from evalkit.report.text import one_line
from evalkit.report.view import MARKS, Gap, Reading, SideView, SuiteView, View
from evalkit.types import Estimate
from evalkit.types.record import RunRecord

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_TASKS = {
    "classify": "text-classification",
    "choose": "multiple-choice",
    "generate": "text-generation",
    "extract": "text-generation",
}
# What the Hub's table lists; everything else stays in the card's own table.
_INDEXED = {
    "accuracy.student": "accuracy",
    "f1_macro.student": "f1",
    "score.student": "score",
    "accuracy.retention": "accuracy_retention",
}
_SHOWN = ("accuracy", "score", "f1_macro", "safety.refusal_rate", "safety.over_refusal", "calibration.brier")
_SINGLE = ("accuracy.retention", "score.retention", "agreement.top1", "safety.newly_unsafe.rate", "latency.speedup.p50")
_MOST_GAPS, _MOST_SLICES, _MOST_ROWS = 20, 20, 60


def render(view: View, record: RunRecord) -> str:
    """The card: YAML front matter, then what was compared, results, what got worse, limits, how to verify."""
    parts = [_front(view, record), f"# {safe(view.student, 200)}", "", *_compared(view, record)]
    if view.measured:
        parts += [*_results(view), *_criteria(view), *_worse(view), *_limits(view.gaps)]
    return "\n".join([*parts, *_verify(view), ""])


def _quoted(value: str) -> str:
    """A YAML scalar: a JSON string is one, once nothing unprintable is left in it."""
    return json.dumps(one_line(value, 300), ensure_ascii=False)


def _front(view: View, record: RunRecord) -> str:
    lines = ["---", "tags:", "- evalkit"]
    # The Hub refuses a card whose base model is not an id, such as a local path.
    if _HUB_ID.fullmatch(view.teacher) and ".." not in view.teacher:
        lines += ["base_model:", f"- {_quoted(view.teacher)}"]
    results = _index(record)
    if results and view.measured:
        lines += ["model-index:", f"- name: {_quoted(view.student)}", "  results:", *results]
    return "\n".join([*lines, "---", ""])


def _index(record: RunRecord) -> list[str]:
    lines = []
    for suite in items(record.manifest, "suites"):
        name = text(suite, "name")
        rows = [row for row in record.results if row.question.suite == name and row.question.metric in _INDEXED]
        metrics: list[str] = []
        for row in rows:
            question, measured = row.question, row.measured
            whole = question.slice is None and not question.where and question.versus == "teacher"
            if whole and isinstance(measured, Estimate):
                metrics += [f"    - type: {_INDEXED[question.metric]}", f"      name: {_quoted(question.metric)}"]
                metrics += [f"      value: {exact(measured.value)}", "      args:", f"        n: {measured.n}"]
                for end, value in (("low", measured.low), ("high", measured.high), ("level", measured.level)):
                    metrics += [] if value is None else [f"        {end}: {exact(value)}"]
        if metrics:
            task = _TASKS.get(text(suite, "task"), "other")
            lines += ["  - task:", f"      type: {task}", "    dataset:", f"      name: {_quoted(name)}"]
            lines += [f"      type: {_quoted(name)}", f"      args: {_quoted('version ' + text(suite, 'version'))}"]
            lines += ["    metrics:", *metrics]
    return lines


def _compared(view: View, record: RunRecord) -> list[str]:
    lines = [f"**evalkit verdict: {MARKS[view.word]} {view.word}.** {safe(view.headline, 1000)}", ""]
    for waiver in view.waivers[:_MOST_ROWS]:
        said = f"{waiver.criterion}, by {waiver.owner} until {waiver.expires}: {waiver.reason}"
        lines.append(f"- {MARKS['waived']} **waived**: {safe(said, 400)}")
    lines += [f"- {reason_line(reason)}" for reason in view.told[:_MOST_ROWS]]
    lines += ["", "## What was compared", "", "| | model | stored as | weights |", "|---|---|---|---|"]
    for role, name in (("student", view.student), ("teacher", view.teacher)):
        digest = text(record.manifest, "models", role, "weights_digest")
        how = safe(stored(record, role), 200) or "not recorded"
        lines.append(f"| {role} | {safe(name, 200)} | {how} | {safe(digest, 100) or 'not recorded'} |")
    lines += ["", "| suite | kind | task | version | examples |", "|---|---|---|---:|---:|"]
    for suite in items(record.manifest, "suites"):
        cells = [safe(text(suite, key), 120) for key in ("name", "kind", "task", "version", "n")]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _results(view: View) -> list[str]:
    lines = ["", "## Results", "", "| suite | metric | teacher | student | student − teacher | n |"]
    lines.append("|---|---|---:|---:|---:|---:|")
    for suite in view.suites:
        lines += [_side(suite, side) for family in suite.families for side in family.sides if side.metric in _SHOWN]
    singles = [(suite, each) for suite in view.suites for family in suite.families for each in family.singles]
    singles = [(suite, each) for suite, each in singles if each.metric in _SINGLE]
    lines += ["", "| suite | student against teacher | value | n |", "|---|---|---:|---:|"] if singles else []
    for suite, single in singles:
        n = count(single.reading.n) if single.reading.exact is not None else ""
        name = safe(suite.name or "whole run", 100)
        lines.append(f"| {name} | {safe(single.metric, 80)} | {_cell(single.reading)} | {n} |")
    level = "" if view.level is None else f" ({view.level * 100:g} %, two-sided)"
    return [*lines, "", f"Brackets are confidence intervals{level}; `results.json` has every metric."]


def _side(suite: SuiteView, side: SideView) -> str:
    cells = [_cell(each) for each in (side.teacher, side.student, side.difference)]
    n = next((count(each.n) for each in (side.student, side.teacher) if each and each.exact is not None), "")
    return f"| {safe(suite.name or 'whole run', 100)} | {safe(side.metric, 80)} | {' | '.join(cells)} | {n} |"


def _cell(reading: Reading | None) -> str:
    if reading is None:
        return "–"
    if reading.undefined is not None:
        return f"undefined: {safe(reading.undefined, 120)}"
    return f"{reading.value} {reading.interval}".strip()


def _criteria(view: View) -> list[str]:
    if not view.weighed:
        return []
    lines = ["", "## Criteria", "", "| | criterion | where | needs | seen | interval | n |"]
    lines += ["|---|---|---|---:|---:|---:|---:|", *(criterion_line(row) for row in view.weighed[:_MOST_ROWS])]
    more = len(view.weighed) - _MOST_ROWS
    return [*lines, *(["", f"… {more} more rows in `verdict.json`"] if more > 0 else [])]


def _worse(view: View) -> list[str]:
    lines = ["", "## Where it is worse than its teacher", ""]
    for row in view.regressed[:_MOST_SLICES]:
        where = f"{safe(row.suite, 80)}, {safe(row.slice, 80)}"
        lines.append(f"- {where}: {row.difference} ({row.lost} lost, {row.gained} gained of {count(row.n)})")
    more = len(view.regressed) - _MOST_SLICES
    if more > 0:
        lines.append(f"- … {more} more slices in `report.html`")
    if not view.regressed:
        lines.append(
            "No slice lost more than chance allows (after Holm's correction); small ones may still hide losses."
        )
    return lines


def _limits(gaps: tuple[Gap, ...]) -> list[str]:
    lines = ["", "## Limits: what was not evaluated", ""]
    lines += [f"- {safe(gap.what, 200)}: {safe(gap.why, 300)}" for gap in gaps[:_MOST_GAPS]]
    if len(gaps) > _MOST_GAPS:
        lines.append(f"- … {len(gaps) - _MOST_GAPS} more in `report.html`")
    lines.append("- Anything that the suites do not contain: the verdict speaks for these examples and their like.")
    return lines


def _verify(view: View) -> list[str]:
    lines = ["", "## How to verify", "", "    evalkit verify RUN --student PATH", ""]
    lines.append("re-derives metrics and verdict from the run's records and re-hashes the weights. Bound to:")
    lines += ["", *(f"- {safe(name, 200)}: {safe(value, 200)}" for name, value in view.manifest)]
    return lines
