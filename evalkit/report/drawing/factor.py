"""A factor as a bar on a logarithmic axis around 1×, by which the student is ahead (right) or behind (left)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from evalkit.report.drawing.marks import INK, MUTED, place, words
from evalkit.report.text import for_xml_name

_WIDTH, _PAD, _FLOOR = 190, 16, 16


def most(factors: list[float]) -> float:
    """The largest factor, either way, that an axis must hold: a round one, 1.1 at the least."""
    largest = max((abs(math.log(each)) for each in factors if 0 < each < math.inf), default=0.0)
    for step in (1.1, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0):
        if largest <= math.log(step) * 1.0001:
            return step
    return float(10 ** math.ceil(largest / math.log(10) - 1e-9))


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """A factor above 0, and its interval where it has one, on an axis from 1/`end` to `end`; `clear` fills its bar."""

    value: float
    low: float | None
    high: float | None
    said: str
    clear: bool
    end: float = 10.0


def factor(bar: Factor) -> str:
    """The bar from 1× to the factor, its interval as a line, and both ends of the axis."""
    value, low, high, end = bar.value, bar.low, bar.high, bar.end

    def at(each: float) -> float:
        share = math.log(each) / math.log(end) if each > 0 else -1.0
        return _WIDTH / 2 + max(-1.0, min(1.0, share)) * (_WIDTH / 2 - _PAD)

    middle, x = _WIDTH / 2, at(value)
    left, width = min(middle, x), max(abs(x - middle), 0.5)
    box = f'x="{place(left)}" y="3" width="{place(width)}" height="10"'
    look = 'fill="#b35900"' if bar.clear else 'fill="#b35900" fill-opacity="0.25" stroke="#b35900"'
    parts = [
        f'<line class="axis" x1="0" x2="{_WIDTH}" y1="{_FLOOR}" y2="{_FLOOR}" stroke="#8a949e"/>',
        f'<rect class="factor {"clear" if bar.clear else "unclear"}" {box} {look}/>',
    ]
    if low is not None and high is not None and low < high:
        ends = f"M{place(at(low))} 4v8M{place(at(low))} 8H{place(at(high))}M{place(at(high))} 4v8"
        parts.append(f'<path class="ink" d="{ends}" fill="none" stroke="{INK}" stroke-width="1.3"/>')
    parts.append(f'<line class="bound" x1="{place(middle)}" x2="{place(middle)}" y1="0" y2="{_FLOOR}" stroke="{INK}"/>')
    for place_at, label in ((at(1 / end), f"{end:g}×"), (middle, "1×"), (at(end), f"{end:g}×")):
        parts.append(f'<path class="axis" d="M{place(place_at)} {_FLOOR}v3" stroke="#8a949e"/>')
        parts.append(words((place_at, _FLOOR + 12), label, anchor="middle", size=10, colour=MUTED))
    title = for_xml_name(bar.said, 500)
    size = f'viewBox="0 0 {_WIDTH} 31" width="{_WIDTH}" height="31"'
    return f'<svg class="plot" {size} role="img" aria-label="{title}">{"".join(parts)}</svg>'
