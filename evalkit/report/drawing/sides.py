"""One row of a table: the intervals of one or both models on an axis, and the line that they are read against."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from evalkit.report.drawing.marks import INK, LOOKS, dots, line, place, words
from evalkit.report.drawing.scale import Scale, tick_words
from evalkit.report.text import for_xml_name

_WIDTH = 280
_PAD = 8.0
_LANE = 13.0
Mark = tuple[str, float, float | None, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """Marks as (who, value, low, high), one below the other, over an axis with its ticks; `said` in words.

    `at` is the line that they are read against, `around` its interval. Tick labels are multiplied by 10^shift.
    """

    axis: Scale
    marks: tuple[Mark, ...]
    said: str
    shift: int = 0
    suffix: str = ""
    at: float | None = None
    around: tuple[float, float] | None = None


def sides(row: Sides) -> str:
    """The row as a drawing. Who has the look that the report gives it; what is of neither model is drawn in ink."""
    axis, marks, at, around = row.axis, row.marks, row.at, row.around
    floor = _PAD / 2 + _LANE * max(1, len(marks))
    parts = []
    if around is not None:
        left, right = axis.at(around[0]), axis.at(around[1])
        box = f'x="{place(left)}" y="0" width="{place(max(1.0, right - left))}" height="{place(floor)}"'
        parts.append(f'<rect class="floor" {box} fill="#0b5cad" fill-opacity="0.12"/>')
    parts.append(f'<line class="axis" x1="0" x2="{_WIDTH}" y1="{place(floor)}" y2="{place(floor)}" stroke="#8a949e"/>')
    for tick, label in zip(axis.ticks, tick_words(axis, row.shift), strict=True):
        x = axis.at(tick)
        lean = "start" if x < 24 else "end" if x > _WIDTH - 24 else "middle"
        parts.append(f'<path class="axis" d="M{place(x)} {place(floor)}v3" stroke="#8a949e"/>')
        parts.append(words((x, floor + 13), label + row.suffix, anchor=lean, size=10))
    if at is not None:
        across = place(axis.at(at))
        ends = f'x1="{across}" x2="{across}" y1="0" y2="{place(floor)}"'
        parts.append(f'<line class="bound" {ends} stroke="{INK}" stroke-width="1.5" stroke-dasharray="4 3"/>')
    for index, mark in enumerate(marks):
        parts += _mark(axis, mark, _PAD / 2 + _LANE * (index + 0.5))
    title = for_xml_name(row.said, 500)
    height = place(floor + 17)
    size = f'viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
    return f'<svg class="plot" {size} role="img" aria-label="{title}">{"".join(parts)}</svg>'


def _mark(axis: Scale, mark: Mark, y: float) -> Iterable[str]:
    who, value, low, high = mark
    look = LOOKS.get(who)
    if look is None:
        if low is not None and high is not None:
            ends = f'x1="{place(axis.at(low))}" x2="{place(axis.at(high))}" y1="{place(y)}" y2="{place(y)}"'
            yield f'<line class="ink" {ends} stroke="{INK}" stroke-width="1.8"/>'
        if math.isfinite(value):
            yield f'<circle class="ink" cx="{place(axis.at(value))}" cy="{place(y)}" r="4" fill="{INK}"/>'
        return
    if low is not None and high is not None and low < high:
        yield line([(axis.at(low), y), (axis.at(high), y)], look)
    if math.isfinite(value):
        yield dots([(axis.at(value), y)], look)
