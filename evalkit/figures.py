"""How numbers are written, once, so that every sink shows the same digits.

Readers compare an estimate with a bound by eye, so digits must not lie about which side it is on: precision
grows until two numbers that differ look different. Rounding is monotone, hence a number can never be shown
beyond a bound that it has not reached.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evalkit.types import Estimate

# A float takes at most 17 digits and 324 places; nothing here may round on the way.
_EXACT = Context(prec=1200, rounding=ROUND_HALF_EVEN)
_MOST_PLACES = 12
# Intervals that end a rounding error away from their estimate are one number to a reader; a bound never is.
_DUST = 1e-9

_RESOURCES = ("latency.", "throughput.", "size.", "flops.", "memory.", "energy.", "cost.", "outputs.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How one row of numbers is written: value × 10^shift, with `places` decimals at least, then the suffix."""

    shift: int
    places: int
    suffix: str
    signed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The strings of one row at one precision; `low`, `high`, `bound` are None where there is none.

    `value` and `bound` carry the unit, `low` and `high` do not: they stand inside `interval`, which reads
    `[93.0, 97.0]`, or `exact` for a number that is counted rather than estimated, or is empty for a p-value.
    """

    value: str
    low: str | None
    high: str | None
    bound: str | None
    interval: str


def style(unit: str, largest: float = 0.0, *, metric: str = "") -> Style:
    """The way numbers of a unit are written; `largest` picks ms or s, MB or GB for the whole row."""
    if unit == "share" or (unit == "ratio" and not metric.startswith(_RESOURCES)):
        return Style(shift=2, places=1, suffix=" %")
    if unit == "ratio":
        return Style(shift=0, places=2, suffix="×")
    if unit == "difference":
        return Style(shift=2, places=1, suffix=" pts", signed=True)
    if unit == "seconds":
        signed = metric.endswith(".difference")
        return Style(shift=3, places=1, suffix=" ms", signed=signed) if abs(largest) < 1 else _seconds(signed)
    if unit == "bytes":
        return _bytes(abs(largest))
    if unit == "FLOP":
        return _operations(abs(largest))
    suffix = {"nats": " nats", "per second": " /s", "months": " months"}.get(unit, "")
    # Somebody copies a threshold, and confidences crowd below 1.
    places = {"count": 0, "nats": 4, "per second": 1, "probability": 6, "money": 2, "months": 1}.get(unit, 3)
    return Style(shift=0, places=places, suffix=suffix, signed=metric.endswith(".difference"))


def _seconds(signed: bool) -> Style:
    return Style(shift=0, places=2, suffix=" s", signed=signed)


def _bytes(largest: float) -> Style:
    for power, name in ((12, "TB"), (9, "GB"), (6, "MB"), (3, "kB")):
        if largest >= 10**power:
            return Style(shift=-power, places=1, suffix=f" {name}")
    return Style(shift=0, places=0, suffix=" B")


def _operations(largest: float) -> Style:
    for power, name in ((15, "P"), (12, "T"), (9, "G"), (6, "M"), (3, "k")):
        if largest >= 10**power:
            return Style(shift=-power, places=2, suffix=f" {name}FLOP")
    return Style(shift=0, places=0, suffix=" FLOP")


def number(value: float, unit: str, *, metric: str = "") -> str:
    """One number with its unit: `97.2 %`, `−4.9 pts`, `84.0 ms`, `< 0.001` for a small p-value."""
    if unit == "p-value" and 0 <= value < 0.001:
        return "< 0.001"
    how = style(unit, value, metric=metric)
    return _write(value, how, _places([value], [], how)) + how.suffix


def exact(value: float) -> str:
    """The number as a machine reads it back, bit for bit."""
    return repr(float(value))


def against(estimate: Estimate, bound: float | None, unit: str, *, metric: str = "") -> Shown:
    """Value, interval and bound at one precision, at which none that differ look the same."""
    if unit == "p-value" and bound is None:
        return Shown(value=number(estimate.value, unit), low=None, high=None, bound=None, interval="")
    seen = [each for each in (estimate.value, estimate.low, estimate.high) if each is not None]
    bounds = [] if bound is None else [bound]
    finite = [abs(each) for each in (*seen, *bounds) if math.isfinite(each)]
    how = style(unit, max(finite, default=0.0), metric=metric)
    places = _places(seen, bounds, how)

    def write(value: float | None) -> str | None:
        return None if value is None else _write(value, how, places)

    low, high, shown_bound = write(estimate.low), write(estimate.high), write(bound)
    interval = "" if low is None or high is None else f"[{low}, {high}]"
    if estimate.low == estimate.value == estimate.high:
        interval = "exact"
    return Shown(
        value=f"{_write(estimate.value, how, places)}{how.suffix}",
        low=low,
        high=high,
        bound=None if shown_bound is None else f"{shown_bound}{how.suffix}",
        interval=interval,
    )


def together(values: Sequence[float | None], unit: str, *, metric: str = "") -> tuple[str | None, ...]:
    """Numbers that stand side by side, at one precision at which none that differ look the same; None stays None."""
    seen = [each for each in values if each is not None]
    how = style(unit, max((abs(each) for each in seen if math.isfinite(each)), default=0.0), metric=metric)
    places = _places(seen, [], how)
    return tuple(None if each is None else _write(each, how, places) + how.suffix for each in values)


def count(value: int) -> str:
    """A count, with commas from ten thousand on."""
    return f"{value:,}" if abs(value) >= 10_000 else str(value)


def _scaled(value: float, how: Style) -> Decimal:
    """What is printed before rounding: the shortest decimal of the float, moved by the unit, with nothing lost."""
    return Decimal(repr(float(value))).scaleb(how.shift, _EXACT)


def _places(seen: list[float], bounds: list[float], how: Style) -> int | None:
    """The fewest decimals that keep apart what differs and show each bound in full; None: as many as there are."""
    finite = [each for each in seen if math.isfinite(each)]
    limits = [each for each in bounds if math.isfinite(each)]
    if any(abs(_scaled(each, how)) >= Decimal(10) ** 15 for each in (*finite, *limits)):
        return None
    apart = [(one, limit) for one in finite for limit in limits if one != limit]
    apart += [(one, two) for one in finite for two in finite if one < two and not _dust(one, two)]
    for places in range(how.places, _MOST_PLACES + 1):
        whole = all(Decimal(_fixed(_scaled(limit, how), places)) == _scaled(limit, how) for limit in limits)
        # A small number that is not nought must not look like it.
        shown = all(one == 0 or abs(one) < _DUST or Decimal(_fixed(_scaled(one, how), places)) != 0 for one in finite)
        if whole and shown and all(_write(one, how, places) != _write(two, how, places) for one, two in apart):
            return places
    return None


def _dust(one: float, two: float) -> bool:
    return abs(one - two) <= _DUST * max(1.0, abs(one), abs(two))


def _fixed(scaled: Decimal, places: int) -> str:
    return f"{scaled.quantize(Decimal(1).scaleb(-places), context=_EXACT):f}"


def _write(value: float, how: Style, places: int | None) -> str:
    if not math.isfinite(value):
        return "not a number" if math.isnan(value) else "∞" if value > 0 else "−∞"
    scaled = _scaled(value, how)
    digits = str(scaled.normalize(_EXACT)) if places is None else _fixed(scaled, places)
    if Decimal(digits) == 0:
        return digits.lstrip("-")
    if digits.startswith("-"):
        return f"−{digits[1:]}"
    return f"+{digits}" if how.signed else digits
