"""Intervals in rows: a criterion against its bound, a slice against no difference, a ratio against 1×, a share."""

from __future__ import annotations

import math

from evalkit.report.drawing.scale import Scale
from evalkit.report.text import for_xml_name

_WIDTH = 280
# Labels nearer to each other than this would touch.
_LABEL = 30
_COLOURS = {"pass": "#0b6b3a", "fail": "#a4161a", "inconclusive": "#7a4d00"}


def forest(
    axis: Scale,
    *,
    words: str,
    value: float,
    low: float | None,
    high: float | None,
    bound: float | None,
    at_least: bool,
    status: str,
    labels: tuple[str, ...],
    suffix: str = "",
) -> str:
    """One criterion: its interval, its estimate, the bound as a dashed line, the passing side tinted."""
    height, middle = 43, 13
    parts = []
    if bound is not None and math.isfinite(bound):
        line = axis.at(bound)
        x, width = (line, _WIDTH - line) if at_least else (0, line)
        tint = f'x="{x:g}" y="0" width="{width:g}" height="26" fill="#0b6b3a" fill-opacity="0.09"'
        parts.append(f'<rect class="good-side" {tint}/>')
    parts.append(f'<line class="axis" x1="0" x2="{_WIDTH}" y1="26.5" y2="26.5" stroke="#8a949e" stroke-width="1"/>')
    for tick, label in zip(axis.ticks, labels, strict=True):
        x = axis.at(tick)
        parts.append(f'<line class="axis" x1="{x:g}" x2="{x:g}" y1="26" y2="29" stroke="#8a949e"/>')
        anchor = "start" if x < 24 else "end" if x > _WIDTH - 24 else "middle"
        place = f'x="{x:g}" y="39" font-size="10" text-anchor="{anchor}" fill="#57606a"'
        parts.append(f'<text class="tick" {place}>{for_xml_name(label + suffix)}</text>')
    if bound is not None and math.isfinite(bound):
        place = f'x1="{line:g}" x2="{line:g}" y1="0" y2="26" stroke="#24292f" stroke-width="1.5"'
        parts.append(f'<line class="bound" {place} stroke-dasharray="4 3"/>')
    parts += _interval(axis, value, low, high, middle, status)
    return _svg(words, height, parts)


def slice_row(axis: Scale, *, words: str, value: float, low: float | None, high: float | None, worse: bool) -> str:
    """One slice: its interval against a line at no difference."""
    zero = axis.at(0.0)
    parts = [f'<line class="bound" x1="{zero:g}" x2="{zero:g}" y1="0" y2="20" stroke="#57606a" stroke-width="1"/>']
    parts += _interval(axis, value, low, high, 10, "fail" if worse else "plain")
    return _svg(words, 20, parts)


def ruler(axis: Scale, *, labels: tuple[str, ...], suffix: str = "") -> str:
    """The scale that rows below it share. Decoration: each row says its numbers."""
    parts = [f'<line class="axis" x1="0" x2="{_WIDTH}" y1="17.5" y2="17.5" stroke="#8a949e"/>']
    for tick, label in zip(axis.ticks, labels, strict=True):
        x = axis.at(tick)
        parts.append(f'<line class="axis" x1="{x:g}" x2="{x:g}" y1="14" y2="18" stroke="#8a949e"/>')
        anchor = "start" if x < 24 else "end" if x > _WIDTH - 24 else "middle"
        place = f'x="{x:g}" y="10" font-size="10" text-anchor="{anchor}" fill="#57606a"'
        parts.append(f'<text class="tick" {place}>{for_xml_name(label + suffix)}</text>')
    size = f'viewBox="0 0 {_WIDTH} 18" width="{_WIDTH}" height="18"'
    return f'<svg class="plot" {size} aria-hidden="true">{"".join(parts)}</svg>'


def ratio_row(axis: Scale, *, words: str, value: float, low: float | None, high: float | None) -> str:
    """One ratio on a logarithmic axis: its interval against a line at 1×, where neither model has the better of it."""
    one = axis.at(1.0)
    parts = [f'<line class="axis" x1="0" x2="{_WIDTH}" y1="22.5" y2="22.5" stroke="#8a949e"/>']
    for tick in (1.0, *(each for each in axis.ticks if abs(axis.at(each) - one) > _LABEL)):
        x, label = axis.at(tick), f"{float(f'{tick:.6g}'):g}×"
        parts.append(f'<line class="axis" x1="{x:g}" x2="{x:g}" y1="22" y2="25" stroke="#8a949e"/>')
        anchor = "start" if x < 24 else "end" if x > _WIDTH - 24 else "middle"
        place = f'x="{x:g}" y="35" font-size="10" text-anchor="{anchor}" fill="#57606a"'
        parts.append(f'<text class="tick" {place}>{label}</text>')
    parts.append(
        f'<line class="bound" x1="{one:g}" x2="{one:g}" y1="0" y2="22" stroke="#24292f" stroke-dasharray="4 3"/>'
    )
    parts += _interval(axis, value, low, high, 11, "plain")
    return _svg(words, 39, parts)


def share_bar(share: float, kind: str) -> str:
    """A bar for a share between 0 and 1, beside its number: decoration, hence without words of its own."""
    width = round(min(1.0, max(0.0, share)) * 100, 2)
    fill = {"lost": "#a4161a", "gained": "#0b6b3a"}.get(kind, "#57606a")
    rail = '<rect class="rail" x="0" y="0" width="100" height="4" fill="#8a949e" fill-opacity="0.25"/>'
    bar = f'<rect class="bar {kind}" x="0" y="0" width="{width:g}" height="4" fill="{fill}"/>'
    return f'<svg class="share" viewBox="0 0 100 4" width="100" height="4" aria-hidden="true">{rail}{bar}</svg>'


def _interval(axis: Scale, value: float, low: float | None, high: float | None, y: int, status: str) -> list[str]:
    colour = _COLOURS.get(status, "#57606a")
    parts = []
    if low is not None and high is not None:
        left, right = axis.at(low), axis.at(high)
        ends = f"M{left:g} {y - 5}V{y + 5}M{left:g} {y}H{right:g}M{right:g} {y - 5}V{y + 5}"
        parts.append(f'<path class="range {status}" d="{ends}" fill="none" stroke="{colour}" stroke-width="2"/>')
    if math.isfinite(value):
        parts.append(f'<circle class="dot {status}" cx="{axis.at(value):g}" cy="{y}" r="4.5" fill="{colour}"/>')
    return parts


def _svg(words: str, height: int, parts: list[str]) -> str:
    title = for_xml_name(words, 500)
    size = f'viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
    return f'<svg class="plot" {size} role="img" aria-label="{title}">{"".join(parts)}</svg>'
