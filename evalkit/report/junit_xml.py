"""The verdict as JUnit XML, for the CI systems that show it: one test case per criterion, suite and slice.

Names are stable and hold no scores, because forges compare runs by name. `skipped` is green everywhere, so only
what cannot change the verdict may be skipped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from evalkit.figures import exact
from evalkit.report.text import for_xml, for_xml_name, xml_within
from evalkit.report.view import STATUS_WORDS, CriterionView, View

BODY_BYTES, NUMBERS_BYTES = 8_000, 4_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """One test case: `result` is failure, error, skipped, or empty when it passed."""

    classname: str
    name: str
    result: str
    type: str
    lines: tuple[str, ...]
    numbers: tuple[str, ...] = ()
    properties: tuple[tuple[str, str], ...] = ()


def render(view: View, *, started: str = "", finished: str = "") -> str:
    """The XML document as text."""
    cases = _unique([_case(row) for row in view.criteria] + _whole(view))
    results = Counter(case.result for case in cases)
    numbers = f'tests="{len(cases)}" failures="{results["failure"]}" errors="{results["error"]}"'
    numbers += f' skipped="{results["skipped"]}" time="{_seconds(started, finished)}"'
    stamp = _stamp(started)
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f'<testsuites name="evalkit" {numbers}>']
    lines.append(f'<testsuite name="evalkit.gate" {numbers}{stamp}>')
    run = [("verdict", view.word), ("exit_code", str(view.exit_code)), ("run", view.run_id)]
    worse = ", ".join(f"{row.suite} {row.slice}" for row in view.regressed)
    lines += _properties([*run, *([("regressed_slices", worse)] if worse else []), *view.manifest])
    for case in cases:
        lines += _written(case)
    return "\n".join([*lines, "</testsuite>", "</testsuites>", ""])


def _case(row: CriterionView) -> _Case:
    result, kind = _result(row)
    place = "".join(f" [{part}]" for part in (row.suite, row.slice) if part)
    numbers: list[tuple[str, str]] = []
    if row.reading.exact is not None:
        named = zip(("estimate", "low", "high"), row.reading.exact, strict=True)
        numbers += [(name, exact(value)) for name, value in named if value is not None]
        numbers += [("n", str(row.reading.n)), ("level", exact(row.reading.level)), ("method", row.reading.method)]
    else:
        numbers.append(("undefined", row.reading.undefined or ""))
    if row.bound is not None:
        numbers.append(("bound", exact(row.bound)))
    numbers += [("seen", row.reading.words), ("needs", row.needs), ("status", row.status), ("effect", row.effect)]
    return _Case(
        classname=f"evalkit.{row.id}",
        name=f"{row.metric}{place}{' (versus champion)' if row.champion else ''}",
        result=result,
        type=kind,
        lines=_lines(row),
        numbers=_numbers(row),
        properties=tuple(numbers),
    )


def _result(row: CriterionView) -> tuple[str, str]:
    if row.status == "pass":
        return "", ""
    if row.status == "waived":
        return "skipped", "waived"
    if row.effect == "warn":
        return "skipped", f"warning: {STATUS_WORDS[row.status]}"
    if row.status == "fail":
        return "failure", "fail"
    if row.status == "not_evaluated" and row.on_missing == "skip":
        return "skipped", "not evaluated"
    return "error", "inconclusive"


def _lines(row: CriterionView) -> tuple[str, ...]:
    lines = [f"{STATUS_WORDS[row.status]}: {row.metric} on {row.place}"]
    if row.waiver is not None:
        waiver = row.waiver
        lines.append(f"waived by {waiver.owner} until {waiver.expires} (UTC): {waiver.reason}")
    lines.append(f"seen {row.reading.words}" + (f", needs {row.needs} (by {row.by})" if row.needs else ""))
    lines += [row.reason] if row.reason else []
    return (*lines, *(["examples to look at:", *(f"  {each}" for each in row.examples)] if row.examples else []))


def _numbers(row: CriterionView) -> tuple[str, ...]:
    """What was measured, for a case that passed, too: a forge shows it under the case."""
    reading = row.reading
    lines = [f"{row.metric} on {row.place}", f"seen {reading.words}"]
    lines += [f"needs {row.needs} (by {row.by})"] if row.needs else []
    if reading.undefined is None:
        lines += [f"interval of {reading.level * 100:g} %, two-sided"] if reading.interval.startswith("[") else []
        lines.append(f"method {reading.method}")
    return tuple(lines)


def _whole(view: View) -> list[_Case]:
    """The run's own case, where the rows alone would not tell: no rows, or none that is as red as the verdict."""
    red = any(_result(row)[0] in ("failure", "error") for row in view.criteria)
    if view.word == "pass" or (view.measured and red):
        return []
    result = {"fail": "failure", "ungated": "skipped"}.get(view.word, "error")
    said = (f"{view.word}: {view.headline}", *view.reasons)
    return [_Case(classname="evalkit.verdict", name="verdict", result=result, type=view.word, lines=said)]


def _unique(cases: Iterable[_Case]) -> list[_Case]:
    """The cases with a number after a name that repeats: GitLab keeps only the first of equal names."""
    seen: Counter[tuple[str, str]] = Counter()
    kept = []
    for case in cases:
        # Compared as written: two raw names may become one text.
        key = for_xml_name(case.classname, 300), for_xml_name(case.name, 600)
        name = case.name
        while seen[key]:
            seen[key] += 1
            name = f"{case.name[:500]} ({seen[key]})"
            key = key[0], for_xml_name(name, 600)
        seen[key] += 1
        kept.append(replace(case, name=name))
    return kept


def _written(case: _Case) -> list[str]:
    names = f'classname="{for_xml_name(case.classname, 300)}" name="{for_xml_name(case.name, 600)}" time="0"'
    lines = [f"<testcase {names}>", *_properties(case.properties)]
    if case.result:
        message = for_xml_name("; ".join(case.lines[:2]), 300)
        body = xml_within(case.lines, BODY_BYTES)
        lines.append(f'<{case.result} type="{for_xml(case.type)}" message="{message}">{body}</{case.result}>')
    if case.numbers:
        lines.append(f"<system-out>{xml_within(case.numbers, NUMBERS_BYTES)}</system-out>")
    return [*lines, "</testcase>"]


def _properties(pairs: Iterable[tuple[str, str]]) -> list[str]:
    named = [(for_xml_name(name, 200), for_xml_name(value, 500)) for name, value in pairs if value]
    shown = [f'<property name="{name}" value="{value}"/>' for name, value in named]
    return ["<properties>", *shown, "</properties>"] if shown else []


def _moment(stamp: str) -> datetime | None:
    try:
        return datetime.fromisoformat(stamp)
    except ValueError:
        return None


def _stamp(started: str) -> str:
    moment = _moment(started)
    return "" if moment is None else f' timestamp="{moment.replace(tzinfo=None, microsecond=0).isoformat()}"'


def _seconds(started: str, finished: str) -> str:
    first, last = _moment(started), _moment(finished)
    if first is None or last is None or (first.tzinfo is None) != (last.tzinfo is None):
        return "0"
    return f"{max(0.0, (last - first).total_seconds()):.3f}"
