"""How something moves: one student to the next in a row of a table, and a criterion from run to run.

Outcomes are told by shape: a disc passes, a cross fails, a hollow diamond is inconclusive, a triangle is waived, a
square was not evaluated; a run that broke is a dashed line from top to bottom.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from evalkit.report.drawing.marks import INK, MUTED, place, words
from evalkit.report.drawing.scale import Scale, scale, tick_words
from evalkit.report.text import for_xml_name

_ROW = 280
_STANDINGS = {"better": "#0b6b3a", "worse": "#a4161a"}
_OUTCOMES = {
    "pass": "#0b6b3a",
    "fail": "#a4161a",
    "inconclusive": "#7a4d00",
    "waived": "#5b3a8c",
    "not_evaluated": MUTED,
}
WIDTH, HEIGHT = 720, 232
LEFT, RIGHT, TOP, BOTTOM = 66.0, 706.0, 34.0, 190.0
# Runs that one drawing holds: more would lie on top of each other.
MOST = 60


def change_row(
    axis: Scale, *, said: str, value: float, low: float | None, high: float | None, at: float, standing: str
) -> str:
    """One metric: the interval of its change against a line at no change."""
    none = place(axis.at(at))
    colour = _STANDINGS.get(standing, MUTED)
    kind = standing if standing in _STANDINGS else "plain"
    parts = [f'<line class="bound" x1="{none}" x2="{none}" y1="0" y2="20" stroke="{INK}" stroke-dasharray="4 3"/>']
    if low is not None and high is not None and low < high:
        left, right = place(axis.at(low)), place(axis.at(high))
        ends = f"M{left} 5V15M{left} 10H{right}M{right} 5V15"
        parts.append(f'<path class="range {kind}" d="{ends}" fill="none" stroke="{colour}" stroke-width="2"/>')
    if math.isfinite(value):
        parts.append(f'<circle class="dot {kind}" cx="{place(axis.at(value))}" cy="10" r="4.5" fill="{colour}"/>')
    size = f'viewBox="0 0 {_ROW} 20" width="{_ROW}" height="20"'
    return f'<svg class="plot" {size} role="img" aria-label="{for_xml_name(said, 500)}">{"".join(parts)}</svg>'


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One run in a trend: what it measured, what was asked, and how it came out.

    `status` is a criterion's, or "broken" for a run without a result, or "" for one that did not ask. `moved`: the
    bound is another than before; `turned`: the policy, the teacher or a suite is."""

    value: float | None
    low: float | None
    high: float | None
    bound: float | None
    status: str
    label: str
    moved: bool = False
    turned: bool = False


def trend(title: str, marks: Sequence[Mark], axis: Scale, *, shift: int, suffix: str, at_least: bool, said: str) -> str:
    """A criterion over runs, the oldest first: estimates with their intervals, and the bound as a staircase with the
    side that passes tinted. `axis` stands upright; its labels are multiplied by 10^shift."""
    step = (RIGHT - LEFT) / max(1, len(marks))
    at = [LEFT + step * (place_ + 0.5) for place_ in range(len(marks))]
    parts = [_frame(axis, shift, suffix, said), _bounds(axis, marks, step, at_least)]
    parts += _gaps(marks, at)
    for status, colour in _OUTCOMES.items():
        seen = [(x, each) for x, each in zip(at, marks, strict=True) if each.status == status]
        parts.append(_whiskers(axis, seen, status, colour))
        parts.append(_shapes(axis, seen, status, colour))
    parts += _dates(marks, at, step)
    name = for_xml_name(title, 600)
    size = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    return f'<svg class="trend" {size} role="img" aria-label="{name}"><title>{name}</title>{"".join(parts)}</svg>'


def upright(values: Iterable[float | None], *, least: float) -> Scale:
    """The axis of a trend: it holds every value given."""
    return scale(values, 4, least=least, left=BOTTOM, right=TOP)


def _frame(axis: Scale, shift: int, suffix: str, said: str) -> str:
    lines = "".join(f"M{place(LEFT)} {place(axis.at(tick))}H{place(RIGHT)}" for tick in axis.ticks)
    parts = [f'<path class="grid" d="{lines}" stroke="#d0d7de"/>' if lines else ""]
    corner = f"M{place(LEFT)} {place(TOP)}V{place(BOTTOM)}H{place(RIGHT)}"
    parts.append(f'<path class="axis" d="{corner}" fill="none" stroke="#8a949e"/>')
    for tick, label in zip(axis.ticks, tick_words(axis, shift), strict=True):
        parts.append(words((LEFT - 7, axis.at(tick) + 4.2), label + suffix, anchor="end"))
    parts.append(words((2, 14), said, kind="label", colour=INK))
    return "".join(parts)


def _bounds(axis: Scale, marks: Sequence[Mark], step: float, at_least: bool) -> str:
    """The bound as a staircase, whole stretches of one bound at a time; it ends where no run asked."""
    path, tint = "", ""
    start = 0
    while start < len(marks):
        bound = marks[start].bound
        end = start
        while end + 1 < len(marks) and marks[end + 1].bound == bound:
            end += 1
        if bound is not None and math.isfinite(bound):
            left, right, y = LEFT + step * start, LEFT + step * (end + 1), axis.at(bound)
            joins = start > 0 and marks[start - 1].bound is not None
            path += f"{'V' if joins and path else f'M{place(left)} '}{place(y)}H{place(right)}"
            edge = TOP if at_least else BOTTOM
            tint += f"M{place(left)} {place(y)}H{place(right)}V{place(edge)}H{place(left)}Z"
        start = end + 1
    if not path:
        return ""
    good = f'<path class="good-side" d="{tint}" fill="#0b6b3a" fill-opacity="0.09"/>'
    return (
        f'{good}<path class="bound" d="{path}" fill="none" stroke="{INK}" stroke-width="1.5" stroke-dasharray="5 3"/>'
    )


def _gaps(marks: Sequence[Mark], at: Sequence[float]) -> list[str]:
    """Runs that broke, what changed between two runs, and where the policy moved the bound."""
    half = (RIGHT - LEFT) / max(1, len(marks)) / 2
    turned = "".join(
        f"M{place(x - half)} {place(TOP)}V{place(BOTTOM)}" for x, each in zip(at, marks, strict=True) if each.turned
    )
    found = [f'<path class="turn" d="{turned}" stroke="#7a4d00" stroke-width="1"/>'] if turned else []
    gaps = [x for x, each in zip(at, marks, strict=True) if each.status == "broken"]
    broken = "".join(f"M{place(x)} {place(TOP + 17)}V{place(BOTTOM)}" for x in gaps)
    if broken:
        found.append(f'<path class="gap" d="{broken}" stroke="#a4161a" stroke-dasharray="1 4" stroke-width="1.5"/>')
    found += [words((x, TOP + 13), "!", anchor="middle", kind="gap-mark", size=13, colour="#a4161a") for x in gaps]
    for x, each in zip(at, marks, strict=True):
        if each.moved:
            late = x > RIGHT - 70
            found.append(words((x, TOP - 5), "bound moved", anchor="end" if late else "start", size=11))
    return found


def _whiskers(axis: Scale, seen: Sequence[tuple[float, Mark]], status: str, colour: str) -> str:
    path = "".join(
        f"M{place(x)} {place(axis.at(each.low))}V{place(axis.at(each.high))}"
        for x, each in seen
        if each.low is not None and each.high is not None and each.low < each.high
    )
    return f'<path class="range {status}" d="{path}" fill="none" stroke="{colour}" stroke-width="2"/>' if path else ""


def _shapes(axis: Scale, seen: Sequence[tuple[float, Mark]], status: str, colour: str) -> str:
    path = "".join(
        _shape(status, x, axis.at(each.value) if each.value is not None else BOTTOM)
        for x, each in seen
        if each.value is None or math.isfinite(each.value)
    )
    if not path:
        return ""
    if status == "fail":
        return f'<path class="cross fail" d="{path}" fill="none" stroke="{colour}" stroke-width="3"/>'
    if status == "inconclusive":
        return f'<path class="hollow {status}" d="{path}" fill="#ffffff" stroke="{colour}" stroke-width="2"/>'
    return f'<path class="dot {status}" d="{path}" fill="{colour}"/>'


def _shape(status: str, x: float, y: float) -> str:
    if status == "fail":
        return f"M{place(x - 4.5)} {place(y - 4.5)}l9 9M{place(x - 4.5)} {place(y + 4.5)}l9-9"
    if status == "inconclusive":
        return f"M{place(x)} {place(y - 5.5)}l5.5 5.5-5.5 5.5-5.5-5.5z"
    if status == "waived":
        return f"M{place(x)} {place(y - 5.5)}l5.5 10h-11z"
    if status == "not_evaluated":
        return f"M{place(x - 3.5)} {place(y - 3.5)}h7v7h-7z"
    return f"M{place(x)} {place(y - 4.5)}a4.5 4.5 0 1 1-.1 0z"


def _dates(marks: Sequence[Mark], at: Sequence[float], step: float) -> list[str]:
    """The label of as many runs as there is room for, the first and the last among them."""
    if not marks:
        return []
    every = max(1, math.ceil(76 / step))
    chosen = range(len(marks) - 1, -1, -every)
    found = []
    for index in chosen:
        lean = "end" if at[index] > RIGHT - 36 else "middle"
        x = RIGHT if lean == "end" else at[index]
        found.append(f'<path class="axis" d="M{place(at[index])} {place(BOTTOM)}v4" stroke="#8a949e"/>')
        found.append(words((x, BOTTOM + 18), marks[index].label, anchor=lean))
    return found


def sample(status: str) -> str:
    """The shape of an outcome, for a legend: its words stand beside it."""
    if status == "turned":
        inner = '<path class="turn" d="M9 1V17" stroke="#7a4d00"/>'
    elif status == "broken":
        inner = '<path class="gap" d="M9 1V17" stroke="#a4161a" stroke-dasharray="1 4" stroke-width="1.5"/>'
    else:
        axis = Scale(start=0.0, stop=1.0, ticks=(), left=9.0, right=9.0)
        mark = Mark(value=0.5, low=None, high=None, bound=None, status=status, label="")
        inner = _shapes(axis, [(9.0, mark)], status, _OUTCOMES[status])
    return f'<svg class="trend" viewBox="0 0 18 18" width="18" height="18" aria-hidden="true">{inner}</svg>'
