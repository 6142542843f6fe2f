"""Pages that are not a run's report: the same looks and the same care, one file, one style sheet and no script."""

from __future__ import annotations

from typing import Any

from evalkit import figures
from evalkit.report import page
from evalkit.report.drawing import forest
from evalkit.report.text import visible
from evalkit.report.view import MARKS, STATUS_WORDS

_STYLE = ("page", "trend")
_TEXT_LIMIT = 2_000


def render(template: str, **context: Any) -> str:
    """The template filled in. Every text passes `visible` and is escaped; the style sheet is named by its hash."""
    style = page._joined("style", _STYLE, "css")
    return (
        page._environment()
        .get_template(template)
        .render(
            style=markup(style),
            style_hash=page._hash(style),
            marks=MARKS,
            words=STATUS_WORDS,
            cells=page._cells,
            count=figures.count,
            exact=figures.exact,
            share_bar=lambda part, of, kind: markup(forest.share_bar(part / of if of else 0.0, kind)),
            percent=lambda part, of: figures.number(part / of, "share") if of else "–",
            cut=lambda text: markup(page._escape(visible(text, _TEXT_LIMIT))),
            **context,
        )
    )


def markup(text: str) -> Any:
    """Text that is markup of our own."""
    return page._markup(text)
