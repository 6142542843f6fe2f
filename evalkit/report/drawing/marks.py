"""The marks of a drawing: lines, bands, dots and words, each an SVG element as text.

`Who` has one look throughout the report: a colour, a dash and a shape, so that no reader needs the colour.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from evalkit.report.text import for_xml_name

Point = tuple[float, float]
INK, MUTED = "#1f2328", "#57606a"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How the marks of one model look: the class that the style sheet colours, and what holds without it."""

    kind: str
    colour: str
    dash: str
    shape: str
    hollow: bool = False


LOOKS = {
    "teacher": Look(kind="teacher", colour="#0b5cad", dash="", shape="circle"),
    "teacher, rescaled": Look(kind="teacher", colour="#0b5cad", dash="", shape="circle", hollow=True),
    "student": Look(kind="student", colour="#b35900", dash="5 3", shape="diamond"),
    "student, rescaled": Look(kind="student", colour="#b35900", dash="5 3", shape="diamond", hollow=True),
    "champion": Look(kind="champion", colour="#5b3a8c", dash="1 3", shape="triangle"),
    # What the two do together belongs to neither.
    "both": Look(kind="both", colour=INK, dash="", shape=""),
}


def place(value: float) -> str:
    """A coordinate to a tenth of a unit, as short as can be."""
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def line(points: Sequence[Point], look: Look) -> str:
    """A line through the points."""
    if not points:
        return ""
    dash = f' stroke-dasharray="{look.dash}"' if look.dash else ""
    stroke = f'fill="none" stroke="{look.colour}" stroke-width="1.8"{dash}'
    return f'<path class="line {look.kind}" d="{_path(points)}" {stroke}/>'


def steps(points: Sequence[Point], look: Look) -> str:
    """A staircase: level up to each point, then up to it."""
    corners = list(points[:1])
    for x, y in points[1:]:
        corners += [(x, corners[-1][1]), (x, y)]
    return line(corners, look)


def band(upper: Sequence[Point], lower: Sequence[Point], look: Look) -> str:
    """The ground between two lines."""
    if not upper or not lower:
        return ""
    around = f"{_path(upper)}L{_path(list(reversed(lower)))[1:]}Z"
    return f'<path class="band {look.kind}" d="{around}" fill="{look.colour}" fill-opacity="0.14"/>'


def whiskers(ends: Iterable[tuple[Point, Point]], look: Look) -> str:
    """Intervals as thin straight lines, all of one model in one element."""
    found = "".join(f"M{place(a)} {place(b)}L{place(c)} {place(d)}" for (a, b), (c, d) in ends)
    if not found:
        return ""
    return f'<path class="whisker {look.kind}" d="{found}" fill="none" stroke="{look.colour}" stroke-opacity="0.55"/>'


def shape(at: Point, look: Look, size: float = 4.0) -> str:
    """The outline of a model's mark, as part of a path; nothing for who has none."""
    if not look.shape:
        return ""
    x, y, r = place(at[0]), at[1], place(size)
    if look.shape == "diamond":
        up = place(size * 1.2)
        return f"M{x} {place(y - size * 1.2)}l{up} {up}-{up} {up}-{up}-{up}z"
    if look.shape == "triangle":
        wide, high = place(size * 2.2), place(size * 2)
        return f"M{x} {place(y - size * 1.2)}l{place(size * 1.1)} {high}h-{wide}z"
    return f"M{x} {place(y - size)}a{r} {r} 0 1 1-.1 0z"


def dots(points: Iterable[Point], look: Look, size: float = 4.0) -> str:
    """Marks of one model in one element."""
    found = "".join(shape(each, look, size) for each in points)
    kind = f"{look.kind} hollow" if look.hollow else look.kind
    return f'<path class="mark {kind}" d="{found}" {_paint(look)}/>' if found else ""


def linked(marks: Iterable[tuple[Point, str, str]], look: Look) -> str:
    """Marks of one model that lead somewhere, of (place, address, words). They stand apart from the picture, and out of
    the keyboard's way: the table below has the same links."""
    found = "".join(
        f'<a href="{for_xml_name(target)}" tabindex="-1"><title>{for_xml_name(said, 200)}</title>'
        f'<path d="{shape(at, look)}"/></a>'
        for at, target, said in marks
    )
    return f'<g class="mark {look.kind}" {_paint(look)}>{found}</g>' if found else ""


def _paint(look: Look) -> str:
    return f'fill="#ffffff" stroke="{look.colour}" stroke-width="1.5"' if look.hollow else f'fill="{look.colour}"'


def dashed(start: Point, end: Point, kind: str = "reference", colour: str = MUTED) -> str:
    """A straight reference line."""
    ends = f'x1="{place(start[0])}" y1="{place(start[1])}" x2="{place(end[0])}" y2="{place(end[1])}"'
    return f'<line class="{kind}" {ends} stroke="{colour}" stroke-dasharray="4 3"/>'


def words(
    at: Point, said: str, *, anchor: str = "start", kind: str = "tick", size: int = 12, colour: str = MUTED
) -> str:
    """Words in the drawing, on one line."""
    where = f'x="{place(at[0])}" y="{place(at[1])}" font-size="{size}"'
    side = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text class="{kind}" {where}{side} fill="{colour}">{for_xml_name(said, 120)}</text>'


def thin(points: Sequence[Point], off: float = 0.4, most: int = 150) -> list[Point]:
    """The points without those that lie within `off` of the line between their neighbours (Ramer, Douglas, Peucker);
    where more than `most` are left, `off` grows until they are few enough."""
    kept = _simplified(points, off)
    while len(kept) > most:
        off *= 1.5
        kept = _simplified(points, off)
    return kept


def _simplified(points: Sequence[Point], off: float) -> list[Point]:
    if len(points) < 3:
        return list(points)
    kept = {0, len(points) - 1}
    open_parts = [(0, len(points) - 1)]
    while open_parts:
        first, last = open_parts.pop()
        far, at = off, None
        for index in range(first + 1, last):
            away = _away(points[index], points[first], points[last])
            if away > far:
                far, at = away, index
        if at is not None:
            kept.add(at)
            open_parts += [(first, at), (at, last)]
    return [points[index] for index in sorted(kept)]


def _away(point: Point, start: Point, end: Point) -> float:
    """The distance of a point from a stretch of line."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = dx * dx + dy * dy
    along = 0.0 if length == 0 else ((point[0] - start[0]) * dx + (point[1] - start[1]) * dy) / length
    along = min(1.0, max(0.0, along))
    return math.hypot(point[0] - start[0] - along * dx, point[1] - start[1] - along * dy)


def _path(points: Sequence[Point]) -> str:
    parts = [f"M{place(points[0][0])} {place(points[0][1])}"]
    for (_, y0), (x, y) in pairwise(points):
        parts.append(f"H{place(x)}" if place(y) == place(y0) else f"L{place(x)} {place(y)}")
    return "".join(parts)
