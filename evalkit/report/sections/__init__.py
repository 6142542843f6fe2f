"""The sections of the page below its verdict, in order: what each one shows, or nothing, which leaves it out.

A section is a function here from view and record to what its template needs (`templates/sections/ID.html.j2` gets it as
`s`). Adding one is a file, a template and a line of the table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from evalkit.report import words
from evalkit.report.sections.calibration import calibration
from evalkit.report.sections.criteria import criteria
from evalkit.report.sections.examples import examples
from evalkit.report.sections.fallback import fallback
from evalkit.report.sections.fidelity import fidelity
from evalkit.report.sections.latency import latency
from evalkit.report.sections.metrics import metrics
from evalkit.report.sections.reasons import reasons
from evalkit.report.sections.safety import safety
from evalkit.report.sections.scorecard import scorecard
from evalkit.report.sections.slices import slices
from evalkit.report.view import View
from evalkit.types.record import RunRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One section as it goes to its template; without content it is not shown."""

    id: str
    title: str
    content: Any

    @property
    def short(self) -> str:
        """The title as the bar of links has room for it."""
        return _SHORT.get(self.id, self.title.partition(":")[0])


def sections(view: View, record: RunRecord) -> tuple[Section, ...]:
    """Every section of the table, in order."""
    return tuple(Section(id=id, title=title, content=of(view, record)) for id, title, of in TABLE)


TABLE: tuple[tuple[str, str, Callable[[View, RunRecord], Any]], ...] = (
    ("criteria", "Criteria", criteria),
    ("reasons", "Remarks", lambda view, record: reasons(view)),
    ("examples", "Examples", examples),
    ("slices", "Slices", slices),
    ("safety", "Safety: refusals", safety),
    ("fidelity", "Fidelity: how near to the teacher", fidelity),
    ("calibration", "Calibration", calibration),
    ("fallback", "Fallback", fallback),
    ("latency", "Latency", latency),
    ("scorecard", "Compression scorecard", scorecard),
    ("metrics", "Every metric", lambda view, record: metrics(view)),
    ("gaps", "What was not evaluated", lambda view, record: view.gaps),
    ("origin", "Provenance", lambda view, record: view.facts),
    ("glossary", "Glossary", lambda view, record: words.GLOSSARY),
)
_SHORT = {"scorecard": "Scorecard", "metrics": "Metrics", "gaps": "Not evaluated"}
