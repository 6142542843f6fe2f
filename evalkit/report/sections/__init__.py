"""The sections of the page below its verdict, in order: what each one shows, or nothing, which leaves it out.

A section is a function here from view and record to what its template needs (`templates/sections/ID.html.j2` gets it as
`s`). Adding one is a file, a template and a line of the table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from evalkit.report import words
from evalkit.report.view import SuiteView, View
from evalkit.types.record import RunRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One section as it goes to its template; without content it is not shown."""

    id: str
    title: str
    content: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Suites:
    """Suites that have something for a section to show."""

    suites: tuple[SuiteView, ...]


def sections(view: View, record: RunRecord) -> tuple[Section, ...]:
    """Every section of the table, in order."""
    return tuple(Section(id=id, title=title, content=of(view, record)) for id, title, of in TABLE)


def _examples(view: View, record: RunRecord) -> Suites | None:
    return Suites(suites=view.suites) if view.measured and record.pairs else None


def _slices(view: View, record: RunRecord) -> Suites | None:
    found = tuple(each for each in view.suites if each.slices or each.class_slices)
    return Suites(suites=found) if found or view.regressed else None


TABLE: tuple[tuple[str, str, Callable[[View, RunRecord], Any]], ...] = (
    ("criteria", "Criteria", lambda view, record: view.criteria),
    ("reasons", "Reasons", lambda view, record: view.told),
    ("examples", "Examples", _examples),
    ("slices", "Slices", _slices),
    ("metrics", "Every metric", lambda view, record: view.suites),
    ("gaps", "What was not evaluated", lambda view, record: view.gaps),
    ("origin", "Provenance", lambda view, record: view.facts),
    ("glossary", "Glossary", lambda view, record: words.GLOSSARY),
)
