"""report.html: one file that opens offline, loads nothing and runs one script, which its policy names by hash.

Everything but the list of all examples is readable with scripts blocked."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalkit import figures
from evalkit.report import payload, svg, words
from evalkit.report.drawing import DRAWINGS
from evalkit.report.sections import sections
from evalkit.report.text import visible
from evalkit.report.view import MARKS, STATUS_WORDS, Reading, SliceView, SuiteView, View, tally_words

if TYPE_CHECKING:
    from jinja2 import Environment

    from evalkit.types.record import RunRecord

_TEMPLATES = Path(__file__).parent / "templates"
# One sheet and one script, in this order; the script's files share one scope, and `main` starts it.
_STYLE = ("page",)
_SCRIPT = ("payload", "main")
# Texts of examples, any other text, and files that are shown whole: a line of a megabyte must not make the page one.
_TEXT_LIMIT, _ANY_LIMIT, _FILE_LIMIT = 2_000, 1_000, 200_000


def render(view: View, record: RunRecord) -> str:
    """The page. Every text in it passes `visible` and is escaped, whoever wrote the template line."""
    style, script = _joined("style", _STYLE, "css"), _joined("script", _SCRIPT, "js")
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
        tally=tally_words,
        plots=_plots(view),
        slice_plots={suite.name: _slice_plots(suite) for suite in view.suites},
        draw={name: _drawn(draw) for name, draw in DRAWINGS.items()},
        cells=_cells,
        share_bar=lambda part, of, kind: _markup(svg.share_bar(part / of if of else 0.0, kind)),
        percent=lambda part, of: figures.number(part / of, "share") if of else "–",
        count=figures.count,
        exact=figures.exact,
        cut=lambda text: _markup(_escape(visible(text, _TEXT_LIMIT))),
        whole=lambda text: _markup(_escape(visible(text, _FILE_LIMIT))),
    )


def _joined(folder: str, names: Sequence[str], suffix: str) -> str:
    """The files of a folder, one after the other: to the browser they are one."""
    return "\n".join((_TEMPLATES / folder / f"{name}.{suffix}").read_text(encoding="utf-8") for name in names)


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


def _plots(view: View) -> dict[int, Any]:
    """A drawing per criterion with a number, by its place in the list; rows of one unit share one scale."""
    values: dict[str, list[float | None]] = {}
    largest: dict[str, float] = {}
    for row in view.criteria:
        if row.reading.exact is not None:
            values.setdefault(row.scale, []).extend([*row.reading.exact, row.bound])
    for key, found in values.items():
        largest[key] = max((abs(each) for each in found if each is not None and math.isfinite(each)), default=0.0)
    scales = {key: svg.scale(found, least=1.0 if key == "count" else 0.01) for key, found in values.items()}
    drawn = {}
    for place, row in enumerate(view.weighed):
        if row.reading.exact is None:
            continue
        axis = scales[row.scale]
        how = figures.style(row.unit, largest[row.scale], metric=row.metric)
        value, low, high = row.reading.exact
        drawn[place] = _markup(
            svg.forest(
                axis,
                words=f"{row.id}: {row.reading.words}, needs {row.needs}: {STATUS_WORDS[row.status]}",
                value=value,
                low=low,
                high=high,
                bound=row.bound,
                at_least=row.at_least,
                status=row.status,
                labels=svg.tick_words(axis, how.shift),
                suffix=how.suffix.strip() if how.suffix in (" %", "×") else how.suffix,
            )
        )
    return drawn


def _slice_plots(suite: SuiteView) -> Callable[[SliceView], Any]:
    """Draws a slice on the scale that all slices of its suite share."""
    rows = [each.difference for each in (*suite.slices, *suite.class_slices) if each.difference is not None]
    axis = svg.scale([0.0, *(value for row in rows if row.exact is not None for value in row.exact)])

    def draw(each: SliceView) -> Any:
        if each.difference is None or each.difference.exact is None:
            return ""
        value, low, high = each.difference.exact
        said = f"{each.name}: {each.difference.words}"
        return _markup(svg.slice_row(axis, words=said, value=value, low=low, high=high, worse=each.regressed))

    return draw
