"""Rows → examples, as the suite's `columns` map them."""

from __future__ import annotations

from evalkit.data import Row, text_of
from evalkit.errors import nearest
from evalkit.suite.checking import Findings
from evalkit.suite.written import WholeSuite
from evalkit.types import CHOOSING, SEVERITIES, Example


def example_of(parsed: WholeSuite, row: Row, index: int, findings: Findings) -> Example:
    mapped = parsed.columns
    target = text_of(row.get(mapped.target)) if mapped.target else None
    severity = (text_of(row.get(mapped.severity)) if mapped.severity else None) or "normal"
    expect = text_of(row.get(mapped.expect)) if mapped.expect else None
    choices = _choices(parsed, row, index, findings)
    if parsed.task == "choose" and target is not None and target not in choices:
        target = _choice_at(target, choices)
    if parsed.task in CHOOSING and choices and target is not None and target not in choices:
        what = "a label" if parsed.task == "classify" else "one of the choices"
        findings.add(
            "target", index, str(mapped.target), f'the target "{target}" is not {what}', nearest(target, choices)
        )
    if severity not in SEVERITIES and mapped.severity:
        findings.add(
            "severity", index, mapped.severity, f'"{severity}" is not a severity', nearest(severity, SEVERITIES)
        )
        severity = "normal"
    if expect is not None and expect not in ("refuse", "comply") and mapped.expect:
        findings.add(
            "expect",
            index,
            mapped.expect,
            f'"{expect}" is neither refuse nor comply',
            nearest(expect, ("refuse", "comply")),
        )
        expect = None
    elif parsed.kind == "safety-refusal" and expect is None and mapped.expect:
        findings.add(
            "expect-missing", index, mapped.expect, "the row does not say what is expected", "write refuse or comply"
        )
    if mapped.input is not None and text_of(row.get(mapped.input)) is None and row.get(mapped.input) != "":
        findings.add("input", index, mapped.input, "the row has no input", "fill it in, or remove the row")
    return Example(
        id=text_of(row.get(mapped.id)) or "",
        row=row,
        target=target,
        slices={name: value for name in mapped.slices if (value := text_of(row.get(name))) is not None},
        group=text_of(row.get(mapped.group)) if mapped.group else None,
        severity=severity,  # type: ignore[arg-type]
        choices=choices,
        expect=expect,  # type: ignore[arg-type]
    )


def _choices(parsed: WholeSuite, row: Row, index: int, findings: Findings) -> tuple[str, ...]:
    if parsed.task != "choose":
        return tuple(parsed.labels)
    column = parsed.columns.choices
    given = row.get(column) if column else list(parsed.labels)
    choices = [text_of(each) for each in given] if isinstance(given, list) else []
    if given is not None and not isinstance(given, list):
        findings.add("choices", index, column or "labels", "the choices are a text, not a list", "give a list of texts")
        return ()
    if len(choices) < 2 or None in choices or len(set(choices)) < len(choices):
        findings.add(
            "choices", index, column or "labels", "the row has no two different choices", "give a list of texts"
        )
        return ()
    return tuple(str(each) for each in choices)


def _choice_at(target: str, choices: tuple[str, ...]) -> str:
    """Many data sets give the right choice as its position, counted from 0; anything else stays what it is."""
    position = int(target) if target.isdecimal() and len(target) < 5 else len(choices)
    return choices[position] if position < len(choices) else target
