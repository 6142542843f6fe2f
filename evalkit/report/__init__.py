"""Reports: a run's record in, one text out. Nothing here measures, decides or reads a file of the run.

Every sink shows the same view (`prepare`), writes numbers the same way (`figures`) and makes untrusted text
harmless in one place (`text`). The texts are functions of the record alone: no clock, no chance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evalkit.types import RunRecord

__all__ = ["card", "files", "html", "junit", "summary", "terminal"]


def files(record: RunRecord) -> dict[str, str]:
    """Every report that a run directory holds, by file name."""
    from evalkit.report import card_md, junit_xml, origin, page, prepare, summary_md

    view = prepare.prepare(record)
    started, finished = (origin.text(record.manifest, key) for key in ("started", "finished"))
    return {
        "report.html": page.render(view),
        "junit.xml": junit_xml.render(view, started=started, finished=finished),
        "summary.md": summary_md.render(view),
        "model-card.md": card_md.render(view, record),
    }


def html(record: RunRecord) -> str:
    """report.html: one self-contained page that opens offline."""
    return files(record)["report.html"]


def junit(record: RunRecord) -> str:
    """junit.xml: one test case per criterion, suite and slice."""
    return files(record)["junit.xml"]


def summary(record: RunRecord) -> str:
    """summary.md: the verdict for a pull request or job summary, below 60 kB."""
    return files(record)["summary.md"]


def card(record: RunRecord) -> str:
    """model-card.md: the student's card, with YAML front matter."""
    return files(record)["model-card.md"]


def terminal(record: RunRecord, *, width: int = 80, colour: bool = False, ascii_only: bool = False) -> str:
    """What `evalkit gate` and `evalkit show` print; without `colour`, no escape at all."""
    from evalkit.report import console, prepare

    return console.render(prepare.prepare(record), width=width, colour=colour, ascii_only=ascii_only)
