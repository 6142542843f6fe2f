"""Stated confidence against the share that is right, and below it how often each confidence is stated."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from evalkit.report.drawing.frame import bottom, drawing, legend, upright
from evalkit.report.drawing.marks import LOOKS, Point, band, dashed, dots, line, linked, place, words
from evalkit.report.drawing.scale import Scale, shares, tick_words
from evalkit.types.points import Bin, Reliability

_LEFT, _RIGHT, _TOP = 44.0, 340.0, 42.0
# One square: a diagonal that is not at 45 degrees misleads.
_BOTTOM = _TOP + _RIGHT - _LEFT
_HALF, _GAP = 26.0, 8.0
# A drawing that its links would make heavier than this, in bytes, goes without: its table has them, too.
_HEAVIEST = 8_000

Links = Callable[[str, Bin], tuple[str, str] | None]


def reliability(
    title: str,
    models: Sequence[tuple[Reliability, str]],
    *,
    name: str = "",
    stated: str = "stated confidence",
    links: Links | None = None,
) -> str:
    """Models with the words for them, on one square with a diagonal, where confidence means what it says.

    `links` gives address and words of the examples behind a bin, None where there is no way to them."""
    across = shares(ticks=5, left=_LEFT, right=_RIGHT)
    up = shares(ticks=5, left=_BOTTOM, right=_TOP)
    floor = _BOTTOM + _GAP + 2 * _HALF + _GAP
    labels = [f"{each} %" for each in tick_words(across, 2)]
    parts = [
        legend([(each.who, label) for each, label in models]),
        upright(up, _LEFT, labels, "share of answers that are right", right=_RIGHT),
        bottom(across, floor, labels, stated, top=_TOP),
        dashed((_LEFT, _BOTTOM), (_RIGHT, _TOP)),
    ]
    leads = ""
    for each, _ in models:
        look = LOOKS[each.who]
        at = [(across.at(bin.confidence), up.at(bin.right)) for bin in each.bins]
        targets = [links(each.who, bin) if links else None for bin in each.bins]
        parts += [band(*_ends(each.bins, across, up), look), line(at, look)]
        parts.append(dots([spot for spot, target in zip(at, targets, strict=True) if target is None], look))
        leads += linked([(spot, *to) for spot, to in zip(at, targets, strict=True) if to is not None], look)
    parts += _mirror([each for each, _ in models], across)
    whole = drawing(title, int(floor) + 40, parts, leads, name=name)
    if leads and len(whole.encode()) > _HEAVIEST:
        return reliability(title, models, name=name, stated=stated)
    return whole


def _ends(bins: Sequence[Bin], across: Scale, up: Scale) -> tuple[list[Point], list[Point]]:
    spots = [(across.at(bin.confidence), up.at(bin.high), up.at(bin.low)) for bin in bins]
    return [(x, high) for x, high, _ in spots], [(x, low) for x, _, low in spots]


def _mirror(models: Sequence[Reliability], across: Scale) -> list[str]:
    """How many answers have each confidence: the first model's upwards, the second's downwards, on one scale."""
    # A single model has all the height for itself.
    half = _HALF if len(models) > 1 else 2 * _HALF
    middle = _BOTTOM + _GAP + half
    most = max((count for each in models for count in each.histogram), default=0)
    if not most:
        return []
    parts = []
    for each, sign in zip(models[:2], (-1.0, 1.0), strict=False):
        look = LOOKS[each.who]
        path = f"M{place(_LEFT)} {place(middle)}"
        for index, count in enumerate(each.histogram):
            right = across.at((index + 1) / len(each.histogram))
            path += f"V{place(middle + sign * half * count / most)}H{place(right)}"
        paint = f'fill="{look.colour}" fill-opacity="0.35"'
        parts.append(f'<path class="bars {look.kind}" d="{path}V{place(middle)}Z" {paint}/>')
    ends = f'x1="{place(_LEFT)}" y1="{place(middle)}" x2="{place(_RIGHT)}" y2="{place(middle)}"'
    parts.append(f'<line class="axis" {ends} stroke="#8a949e"/>')
    parts.append(words((_LEFT - 6, middle + 4.2), "n", anchor="end"))
    return parts
