"""report.html: one file that opens offline, loads nothing and runs one script, which its policy names by hash.

Everything but the list of all examples is readable with scripts blocked."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalkit import figures
from evalkit.report import payload, query, words
from evalkit.report.compact import compact_script, compact_style
from evalkit.report.drawing import DRAWINGS, forest
from evalkit.report.sections import sections
from evalkit.report.sections.banner import banner
from evalkit.report.sections.metrics import methods_of
from evalkit.report.text import one_line, visible
from evalkit.report.view import MARKS, STATUS_WORDS, Reading, View

if TYPE_CHECKING:
    from jinja2 import Environment

    from evalkit.types.record import RunRecord

_TEMPLATES = Path(__file__).parent / "templates"
# One sheet and one script, in this order; the script's files share one scope, and `main` starts it.
_STYLE = ("page", "sections", "charts", "explorer", "detail", "print")
_SCRIPT = (
    *("payload", "build", "figures", "derived", "pattern", "query", "state", "filters", "table", "list"),
    *("theme", "diff", "example", "quantities", "sides", "detail", "archive", "suites", "take", "keys"),
    "main",
)
# Texts of examples, any other text, and files that are shown whole: a line of a megabyte must not make the page one.
_TEXT_LIMIT, _ANY_LIMIT, _FILE_LIMIT = 2_000, 1_000, 200_000


def render(view: View, record: RunRecord) -> str:
    """The page. Every text in it passes `visible` and is escaped, whoever wrote the template line."""
    style = f"{_joined('style', _STYLE, 'css')}\n{_footer(view)}"
    script = _joined("script", _SCRIPT, "js")
    page = _environment().get_template("page.html.j2")
    return page.render(
        view=view,
        sections=sections(view, record),
        data=[(name, _markup(block)) for name, block in payload.blocks(record)] if record.pairs else [],
        style=_markup(style),
        style_hash=_hash(style),
        script=_markup(script),
        script_hash=_hash(script),
        marks=MARKS,
        words=STATUS_WORDS,
        glossary=words.GLOSSARY,
        measures=words.FAMILIES,
        banner=banner(view, record),
        methods_of=methods_of,
        href=lambda terms: _markup(query.href(terms)),
        draw={name: _drawn(draw) for name, draw in DRAWINGS.items()},
        cells=_cells,
        share_bar=lambda part, of, kind: _markup(forest.share_bar(part / of if of else 0.0, kind)),
        percent=lambda part, of: figures.number(part / of, "share") if of else "–",
        count=figures.count,
        exact=figures.exact,
        brief=one_line,
        cut=lambda text: _markup(_escape(visible(text, _TEXT_LIMIT))),
        whole=lambda text: _markup(_escape(visible(text, _FILE_LIMIT))),
    )


def _footer(view: View) -> str:
    """What stands below each printed page: which run this is, what it is about, which page of how many."""
    run = f"run {view.run_id}" if view.run_id else "evalkit report"
    about = f"{view.word}: {view.student}" + (f" against {view.teacher}" if view.teacher else "")
    boxes = (
        ("left", f'"{_css(one_line(run, 60))}"'),
        ("center", f'"{_css(one_line(about, 80))}"'),
        ("right", 'counter(page) " / " counter(pages)'),
    )
    return "@page { " + " ".join(f"@bottom-{place} {{ content: {said}; }}" for place, said in boxes) + " }"


def _css(text: str) -> str:
    """Text within a string of a style sheet: all but letters and digits of ASCII as codes, so that nothing ends it."""
    return "".join(char if char.isascii() and char.isalnum() else f"\\{ord(char):x} " for char in text)


def _joined(folder: str, names: Sequence[str], suffix: str) -> str:
    """The files of a folder, one after the other: to the browser they are one."""
    shorter = compact_script if suffix == "js" else compact_style
    return "".join(shorter((_TEMPLATES / folder / f"{name}.{suffix}").read_text(encoding="utf-8")) for name in names)


def _drawn(draw: Callable[..., str]) -> Callable[..., Any]:
    return lambda *args, **more: _markup(draw(*args, **more))


def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        finalize=_safe,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _safe(value: Any) -> Any:
    """What every expression of the template passes through: text is made visible, markup of our own stays."""
    return visible(value, _ANY_LIMIT) if type(value) is str else value


def _markup(text: str) -> Any:
    from markupsafe import Markup

    return Markup(text)


def _escape(text: str) -> str:
    from markupsafe import escape

    return escape(text)


def _hash(source: str) -> str:
    """A style sheet's or script's hash as a content security policy names it."""
    return "sha256-" + base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()


def _cells(part: Reading | None, *, bare: bool = False) -> Any:
    """The pieces of one number for a table cell, in order: value, interval, n, exact value, reason."""
    if part is None:
        return None
    low, high = (None, None) if part.exact is None else part.exact[1:]
    ends = "" if low is None or high is None else f"[{figures.exact(low)}, {figures.exact(high)}]"
    n = figures.count(part.n) if part.exact is not None and not bare else ""
    value = "" if part.exact is None else figures.exact(part.exact[0])
    return {"shown": part, "n": n, "value": value, "ends": ends}
