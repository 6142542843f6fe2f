"""Exact numbers: read from plain decimal text, written back as one text for equal values, and compared.

Fractions, not floats: whether 0.1 + 0.2 is 0.3 must not depend on how a computer rounds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

# A longer number is a model that got stuck. Bounded, because exact arithmetic costs what the number is long.
MOST_DIGITS = 1000
_PLAIN = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE]([-+]?\d+))?", re.ASCII)


def exact(text: str) -> Fraction | None:
    """The value of plain decimal text such as "-12.50" or "1e6"; None if it is none, or would be
    longer than MOST_DIGITS when written out."""
    found = _PLAIN.fullmatch(text)
    if found is None or len(text) > MOST_DIGITS:
        return None
    power = found[1] or "0"
    if len(power) > 6 or len(text) + abs(int(power)) > MOST_DIGITS:
        return None
    return Fraction(text)


def canonical(value: Fraction) -> str:
    """The same text for equal values: decimal where that ends ("1.5", never "1.50" or "1e3"), else "1/3"."""
    twos = (value.denominator & -value.denominator).bit_length() - 1
    rest, fives = value.denominator >> twos, 0
    # Large steps first: one by one, 10^-999 would be divided a thousand times.
    for step in (512, 256, 128, 64, 32, 16, 8, 4, 2, 1):
        while rest >= 5**step and rest % 5**step == 0:
            rest, fives = rest // 5**step, fives + step
    if rest != 1:
        return f"{value.numerator}/{value.denominator}"
    places = max(twos, fives)
    digits = str(abs(value.numerator) * 10**places // value.denominator).rjust(places + 1, "0")
    sign = "-" if value < 0 else ""
    return f"{sign}{digits[:-places]}.{digits[-places:]}" if places else sign + digits


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far an answer may be from the target: absolute + relative · |target|. Without either it is falsy."""

    absolute: Fraction = Fraction(0)
    relative: Fraction = Fraction(0)

    def __call__(self, target: Fraction) -> Fraction:
        return self.absolute + self.relative * abs(target)

    def __bool__(self) -> bool:
        return bool(self.absolute or self.relative)


def tolerance(settings: Mapping[str, Any]) -> Tolerance:
    """The tolerance that a suite sets, none where it sets none."""
    # By their decimal text: a tolerance written 0.1 is a tenth, which the float is not.
    absolute, relative = (Fraction(str(settings.get(name, 0))) for name in ("tolerance", "relative_tolerance"))
    return Tolerance(absolute, relative)
