"""Reports: a run's record in, one text out. Nothing here measures, decides or reads a file of the run.

Every sink shows the same view (`prepare`), writes numbers the same way (`figures`) and makes untrusted text
harmless in one place (`text`). The texts are functions of the record alone: no clock, no chance.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evalkit.report.view import View
    from evalkit.types.record import RunRecord

__all__ = ["card", "files", "html", "junit", "summary", "terminal"]


def files(record: RunRecord) -> dict[str, str]:
    """Every report that a run directory holds, by file name; the view is prepared once for all of them."""
    from evalkit.report import prepare

    view = prepare.prepare(record)
    return {name: render(view, record) for name, render in _RENDERERS.items()}


def html(record: RunRecord) -> str:
    """report.html: one self-contained page that opens offline."""
    return _one("report.html", record)


def junit(record: RunRecord) -> str:
    """junit.xml: one test case per criterion, suite and slice."""
    return _one("junit.xml", record)


def summary(record: RunRecord) -> str:
    """summary.md: the verdict for a pull request or job summary, below 60 kB."""
    return _one("summary.md", record)


def card(record: RunRecord) -> str:
    """model-card.md: the student's card, with YAML front matter."""
    return _one("model-card.md", record)


def terminal(
    record: RunRecord, *, width: int = 80, colour: bool = False, ascii_only: bool = False, page: str = ""
) -> str:
    """What `evalkit gate` and `evalkit show` print, with where the page lies; without `colour`, no escape at all."""
    from evalkit.report import console, prepare

    return console.render(prepare.prepare(record), width=width, colour=colour, ascii_only=ascii_only, report=page)


def _one(name: str, record: RunRecord) -> str:
    from evalkit.report import prepare

    return _RENDERERS[name](prepare.prepare(record), record)


def _page(view: View, record: RunRecord) -> str:
    from evalkit.report import page

    return page.render(view, record)


def _junit(view: View, record: RunRecord) -> str:
    from evalkit.report import junit_xml, origin

    started, finished = (origin.text(record.manifest, key) for key in ("started", "finished"))
    return junit_xml.render(view, started=started, finished=finished)


def _summary(view: View, record: RunRecord) -> str:
    from evalkit.report import summary_md

    return summary_md.render(view)


def _card(view: View, record: RunRecord) -> str:
    from evalkit.report import card_md

    return card_md.render(view, record)


_RENDERERS: dict[str, Callable[[View, RunRecord], str]] = {
    "report.html": _page,
    "junit.xml": _junit,
    "summary.md": _summary,
    "model-card.md": _card,
}
