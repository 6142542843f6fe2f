"""Suites whose examples are variants of those of another: where that is, and what it lends (evalkit/perturb)."""

from __future__ import annotations

from pathlib import Path

from evalkit.data import Rows
from evalkit.errors import Complaint, Place, UsageError, nearest
from evalkit.perturb import SLICE, variants
from evalkit.shipped import shipped
from evalkit.suite.checking import names_in, templates
from evalkit.suite.written import SuiteFile, WholeSuite
from evalkit.types import Suite
from evalkit.yamlfile import Document, read, validated

# What a suite of variants takes from its source, where it does not say something else.
_INHERITED = ("task", "data", "columns", "labels", "prompt", "scorer", "choose_by", "answer_after", "generation")


def source_of(document: Document) -> Document | None:
    """The suite that this one's examples are variants of, whose keys it borrows from here on; None for other suites.

    Raises UsageError when there is no such suite, or none that variants can be made of.
    """
    if not {"from", "perturb"} & set(document.data):
        return None
    written = validated(document, SuiteFile)
    name = written.from_
    if name is None:
        return None
    source = read(_suite_called(name, document))
    problems = []
    if "data" in document.data:
        problems.append(("data", "a suite of variants has no data of its own", f"remove data: the rows are {name}'s"))
    if "from" in source.data:
        problems.append(("from", f'"{name}" is made of variants itself', "name the suite that holds the examples"))
    else:
        parsed = validated(source, WholeSuite)
        if parsed.kind == "safety-refusal":
            problem = f'"{name}" is a safety-refusal suite, and an edge case does not say what to refuse'
            problems.append(("from", problem, "name a gold or edge-case suite; write harmful variants out as rows"))
        if written.task not in (None, parsed.task):
            problem = f'the task is {written.task}, that of "{name}" is {parsed.task}'
            problems.append(("task", problem, "remove task: variants are asked what the originals are"))
    if problems:
        raise UsageError(
            Complaint(problem=problem, remedy=remedy, place=document.place(key)) for key, problem, remedy in problems
        )
    for key in _INHERITED:
        if key in source.data:
            document.data.setdefault(key, source.data[key])
    return source


def _suite_called(name: str, document: Document) -> Path:
    """A suite beside this one, else at a path from this file, else a shipped one."""
    here = document.path.parent
    mine = here.resolve().parent
    for place in (mine / name, here / name):
        for path in (place, place / "suite.yaml"):
            if path.is_file():
                return path
    if name in shipped("suites"):
        return shipped("suites")[name] / "suite.yaml"
    beside = [each.parent.name for each in sorted(mine.glob("*/suite.yaml")) if each.parent != here.resolve()]
    raise UsageError(
        Complaint(
            problem=f'there is no suite "{name}" beside this one, at that path or among the shipped ones',
            remedy=nearest(name, [*beside, *shipped("suites")]),
            place=document.place("from"),
        )
    )


def varied(suite: Suite, parsed: WholeSuite, source: Document, rows: Rows, document: Document) -> Suite:
    """The suite of variants. Raises UsageError when none can be made."""
    known = {name for row in rows.rows for name in row}
    if SLICE in known:
        raise UsageError(
            Complaint(
                problem=f'the rows have a column "{SLICE}", which is what the slice of variants is called',
                remedy="rename the column",
                place=Place(file=rows.source),
            )
        )
    columns = _read_columns(parsed, known)
    made = variants(suite, parsed.perturb, source.data["name"], columns) if columns else None
    if made is None or not made.examples:
        what = f"nothing in {', '.join(columns)} can be changed" if columns else "the prompt has no column of text"
        raise UsageError(
            Complaint(
                problem=f'no variant of "{source.data["name"]}" can be made: {what}',
                remedy="map columns.input to the column whose text is to be changed, or choose other kinds",
                place=document.place("perturb"),
            )
        )
    return made


def _read_columns(parsed: WholeSuite, known: set[str]) -> list[str]:
    """The columns whose text is changed: the input, or where the prompt does not show it, whatever it shows but what
    has another part to play (a target, choices, slices, …)."""
    mapped = parsed.columns
    shown = {name for _, text in templates(parsed) for name in names_in(text)}
    if mapped.input is not None and (parsed.prompt is None or mapped.input in shown):
        return [mapped.input]
    parts = {mapped.id, mapped.target, mapped.group, mapped.severity, mapped.choices, mapped.expect, *mapped.slices}
    return sorted((shown & known) - parts)
