"""What stands around the marks: the drawing itself with its title, its axes, and who is who."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from evalkit.report.drawing.marks import INK, LOOKS, MUTED, Point, dots, line, place, words
from evalkit.report.drawing.scale import Scale
from evalkit.report.text import for_xml_name

WIDTH = 360
_AXIS, _GRID = "#8a949e", "#d0d7de"


def drawing(title: str, height: int, parts: Iterable[str], links: str = "", *, name: str = "") -> str:
    """A whole drawing that scales with its page; `title` says in words what it shows.

    Links stand beside the picture, for a picture may hold none; `name` is then what the two together are called.
    """
    said, inner = for_xml_name(title, 600), "".join(parts)
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    if not links:
        return f'<svg class="chart" {size} role="img" aria-label="{said}"><title>{said}</title>{inner}</svg>'
    picture = f'<g role="img"><title>{said}</title>{inner}</g>'
    beside = f'<g aria-hidden="true">{links}</g>'
    return f'<svg class="chart" {size} role="group" aria-label="{for_xml_name(name, 200)}">{picture}{beside}</svg>'


def bottom(axis: Scale, y: float, labels: Sequence[str], said: str, *, top: float | None = None) -> str:
    """An axis along the bottom, its ticks, their labels and what it shows; up to `top`, a line for each tick."""
    parts = [_rule(axis.left, y, axis.right, y)]
    if top is not None:
        parts.insert(0, _grid([(axis.at(tick), y, axis.at(tick), top) for tick in axis.ticks]))
    marks = "".join(f"M{place(axis.at(tick))} {place(y)}v4" for tick in axis.ticks)
    parts.append(f'<path class="axis" d="{marks}" stroke="{_AXIS}"/>' if marks else "")
    spots = []
    for tick, label in zip(axis.ticks, labels, strict=True):
        x, half = axis.at(tick), len(label) * 3.4
        # A label at the edge moves inwards, so that none is cut.
        spots.append(((min(max(x, half), WIDTH - half), y + 17), label))
    parts.append(_labels(spots, "middle"))
    parts.append(words(((axis.left + axis.right) / 2, y + 34), said, anchor="middle", kind="label", colour=INK))
    return "".join(parts)


def upright(axis: Scale, x: float, labels: Sequence[str], said: str, *, right: float | None = None) -> str:
    """An axis along the left, with what it shows written level above it; up to `right`, a line for each tick."""
    parts = [_rule(x, axis.left, x, axis.right)]
    if right is not None:
        parts.insert(0, _grid([(x, axis.at(tick), right, axis.at(tick)) for tick in axis.ticks]))
    at = [axis.at(tick) for tick in axis.ticks]
    parts.append(_labels([((x - 6, y + 4.2), label) for y, label in zip(at, labels, strict=True)], "end"))
    parts.append(words((2, axis.right - 10), said, kind="label", colour=INK))
    return "".join(parts)


def legend(who: Sequence[tuple[str, str]], y: float = 10.0) -> str:
    """A line and a mark of each model, with its words beside it, along the top."""
    parts, x = [], 2.0
    for each, said in who:
        look = LOOKS[each]
        parts += [line([(x, y), (x + 24, y)], look), dots([(x + 12, y)], look)]
        parts.append(words((x + 29, y + 4), said, kind="label", colour=INK))
        x += 29 + len(said) * 6.4 + 14
    return "".join(parts)


def _labels(spots: Sequence[tuple[Point, str]], anchor: str) -> str:
    """The labels of an axis: what they share is said once."""
    texts = "".join(f'<text x="{place(x)}" y="{place(y)}">{for_xml_name(said, 40)}</text>' for (x, y), said in spots)
    return f'<g class="tick" font-size="12" text-anchor="{anchor}" fill="{MUTED}">{texts}</g>' if texts else ""


def _rule(x1: float, y1: float, x2: float, y2: float) -> str:
    ends = f'x1="{place(x1)}" y1="{place(y1)}" x2="{place(x2)}" y2="{place(y2)}"'
    return f'<line class="axis" {ends} stroke="{_AXIS}"/>'


def _grid(lines: Sequence[tuple[float, float, float, float]]) -> str:
    path = "".join(f"M{place(a)} {place(b)}L{place(c)} {place(d)}" for a, b, c, d in lines)
    return f'<path class="grid" d="{path}" stroke="{_GRID}"/>' if path else ""
