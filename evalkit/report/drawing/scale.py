"""From values to places in a drawing: linear and logarithmic axes with 1-2-5 ticks. Standard library only."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

# Values closer than this share of themselves are one value to an axis.
_ALIKE = 1e-9
_DECADE = (1, 2, 5)
# Beyond it there would be no room for air: what is larger is drawn at the edge.
_MOST = 9e307


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """An axis from `start` to `stop`, drawn from `left` to `right`; `ticks` are 1-2-5 steps inside it.

    An upright axis has its `left` at the bottom. With `log`, equal ratios are equally far apart.
    """

    start: float
    stop: float
    ticks: tuple[float, ...]
    left: float = 10.0
    right: float = 270.0
    log: bool = False

    def at(self, value: float) -> float:
        """The place of a value in the drawing, kept inside it."""
        start, stop = self.start, self.stop
        if self.log:
            start, stop = math.log10(start), math.log10(stop)
            value = math.log10(value) if value > 0 else start
        # In quarters: a difference of huge numbers would be infinite.
        share = (value / 4 - start / 4) / (stop / 4 - start / 4)
        return round(self.left + min(1.0, max(0.0, share)) * (self.right - self.left), 2)


def scale(
    values: Iterable[float | None], ticks: int = 4, *, least: float = 0.05, left: float = 10.0, right: float = 270.0
) -> Scale:
    """An axis that holds every value given, with some air; it never zooms one of them away.

    Where all values are one, the axis still spans `least` on either side, or 5 % of the value.
    """
    finite = [each for each in values if each is not None and math.isfinite(each)] or [0.0, 1.0]
    low, high = (min(max(each, -_MOST), _MOST) for each in (min(finite), max(finite)))
    spread = high / 4 - low / 4
    alike = spread <= _ALIKE * max(abs(low), abs(high)) / 4
    air = max(abs(high) * 0.05, least) if alike else spread * 4 * 0.06 if spread < 1e300 else 0.0
    return _linear(max(low - air, -1e308), min(high + air, 1e308), ticks, left, right)


def shares(
    values: Iterable[float | None] = (0.0, 1.0), ticks: int = 4, *, left: float, right: float, least: float = 0.01
) -> Scale:
    """An axis of shares: as `scale`, but never beyond nothing and everything."""
    whole = scale(values, ticks, least=least)
    start, stop = max(0.0, min(whole.start, 0.99)), min(1.0, max(whole.stop, 0.01))
    axis = _linear(start, stop, ticks, left, right)
    # One tick alone tells no distance.
    return axis if len(axis.ticks) > 2 else _linear(start, stop, 2 * ticks, left, right)


def decades(values: Iterable[float | None], *, left: float, right: float, most: int = 6) -> Scale:
    """A logarithmic axis that holds every positive value given, with some air, and `most` ticks at most."""
    finite = [each for each in values if each is not None and 0 < each < math.inf] or [0.1, 1.0]
    low, high = math.log10(min(finite)), math.log10(max(finite))
    # Less than a factor of two is drawn as one: a hair's breadth must not look like a gulf.
    missing = max(0.0, 0.3 - (high - low)) / 2
    air = 0.03 * max(high - low, 0.3) + missing
    low, high = max(low - air, -320.0), min(high + air, 308.0)
    start, stop = max(10.0**low, 5e-324), 10.0**high
    first, last = math.floor(low), math.ceil(high)
    whole = [power for power in range(first, last + 1) if low <= power <= high]
    if len(whole) >= 3:
        every = math.ceil(len(whole) / most)
        marks = [10.0**power for power in whole if (power - whole[0]) % every == 0]
    else:
        fine = [factor * 10.0**power for power in range(first, last + 1) for factor in _DECADE]
        marks = [each for each in fine if start <= each <= stop]
        if len(marks) < 2:
            return _logged(_linear(start, stop, 4, left, right))
    return Scale(start=start, stop=stop, ticks=tuple(marks[:most]), left=left, right=right, log=True)


def _logged(axis: Scale) -> Scale:
    return Scale(start=axis.start, stop=axis.stop, ticks=axis.ticks, left=axis.left, right=axis.right, log=True)


def _linear(start: float, stop: float, ticks: int, left: float, right: float) -> Scale:
    step = _step(max(stop / ticks - start / ticks, 1e-306))
    first = math.ceil(start / step - 1e-9)
    marks = tuple(float(f"{index * step:.12g}") for index in range(first, math.floor(stop / step + 1e-9) + 1))
    return Scale(start=start, stop=stop, ticks=marks, left=left, right=right)


def _step(rough: float) -> float:
    """The smallest 1-2-5 step that is not below the rough one."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next((factor * power for factor in _DECADE if factor * power >= rough * 0.999), 10 * power)


def tick_words(axis: Scale, shift: int) -> tuple[str, ...]:
    """The labels of the ticks, multiplied by 10^shift, all with the same decimals."""
    scaled = [Decimal(repr(tick)).scaleb(shift).normalize() for tick in axis.ticks]
    places = max((-int(each.as_tuple().exponent) for each in scaled), default=0)
    return tuple(f"{each:.{max(0, places)}f}".replace("-", "−") for each in scaled)
