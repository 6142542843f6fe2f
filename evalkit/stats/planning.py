"""How many examples a gate needs, and what a given number can show, by the exact power of stats/exact_power.py.

Power does not grow evenly with the number of examples: where a few counts more or less decide, one example more can
lower it. So a number is one from which on the power stays at what is asked for, over as many further examples as make
the margin two whole counts; beyond that it has climbed too far to fall back.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from evalkit.stats.exact_power import MOST, exact_power, exact_retention_power
from evalkit.stats.normal import one_sided_z
from evalkit.stats.power_formulas import minimum_detectable_drop, sample_size

# How many of the further examples are looked at, of a few and of MANY: the more there are, the evener is the power, and
# the dearer each look.
_MANY = 10_000
_LOOKS = (100, 20)
_LOOKS_AT_A_RATIO = (15, 5)
# To what part of itself a smallest margin is found, and to what share of examples where a part of it is nothing.
_PRECISION = 1e-4
_SMALLEST = 1e-7


@dataclass(frozen=True, slots=True)
class Needed:
    """Examples needed, at least 1. Above MOST the number is the normal approximation's, and `exact` is False."""

    examples: int
    exact: bool


def needed_for_difference(
    margin: float, discordance: float, difference: float = 0.0, level: float = 0.95, power: float = 0.8
) -> Needed:
    """Examples from which on the Tango gate passes with at least `power`. ValueError as `sample_size`."""
    about = sample_size(margin, discordance, difference, level, power)
    if about > MOST:
        return Needed(about, False)
    window = math.ceil(2.0 / margin)

    def chance(n: int) -> float:
        return exact_power(n, margin, discordance, difference, level)

    return Needed(least_examples(chance, about, window, _LOOKS[about > _MANY], power), True)


def needed_for_retention(
    min_retention: float,
    teacher: float,
    discordance: float,
    difference: float = 0.0,
    level: float = 0.95,
    power: float = 0.8,
) -> Needed:
    """Examples from which on the Tang gate on student / teacher passes with at least `power`.

    ValueError when the true ratio is at or below `min_retention`, or no paired table has these shares.
    """
    about = _wald_retention(min_retention, teacher, discordance, difference, level, power)
    if about > MOST:
        return Needed(about, False)
    window = math.ceil(2.0 / ((1.0 - min_retention) * teacher))

    def chance(n: int) -> float:
        return exact_retention_power(n, min_retention, teacher, discordance, difference, level)

    return Needed(least_examples(chance, about, window, _LOOKS_AT_A_RATIO[about > _MANY], power), True)


def smallest_margin(
    n: int, discordance: float, difference: float = 0.0, level: float = 0.95, power: float = 0.8
) -> float:
    """Smallest margin, in (0, 1], that the Tango gate passes with at least `power` on `n` examples; 1 if none does.

    With no true difference: the smallest drop that `n` examples can show an equally good student to stay below.
    """
    least = max(0.0, -difference)

    def passes(margin: float) -> bool:
        return exact_power(n, margin, discordance, difference, level) >= power

    if not passes(1.0):
        return 1.0
    about = min(1.0, least + minimum_detectable_drop(n, discordance, level, power))
    return _crossing(passes, least, 1.0, about)


def largest_retention(
    n: int, teacher: float, discordance: float, difference: float = 0.0, level: float = 0.95, power: float = 0.8
) -> float:
    """Largest least ratio, in [0, 1), that the Tang gate passes with at least `power` on `n` examples; 0 if none."""

    def passes(loss: float) -> bool:
        return exact_retention_power(n, 1.0 - loss, teacher, discordance, difference, level) >= power

    least = max(0.0, -difference / teacher)
    most = 1.0 - 1e-9
    if not passes(most):
        return 0.0
    about = min(most, least + minimum_detectable_drop(n, discordance, level, power) / teacher)
    return 1.0 - _crossing(passes, least, most, about)


def least_examples(chance: Callable[[int], float], about: int, window: int, looks: int, power: float) -> int:
    """The first number whose chance is at least `power`, as are those of `looks` numbers in the `window` above it.

    `about` is where the search begins. Numbers above MOST are not looked at once one has the power.
    """
    low, high = 0, about
    step = max(1, about // 20)
    if chance(about) < power:
        low = about
        while chance(low + step) < power:
            low, step = low + step, 2 * step
        high = low + step
    else:
        while high - step >= 1 and chance(high - step) >= power:
            high, step = high - step, 2 * step
        low = max(0, high - step)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if chance(middle) >= power else (middle, high)
    stride = max(1, window // looks)
    while True:
        again = [n for n in range(high + stride, high + window + 1, stride) if n <= MOST and chance(n) < power]
        if not again:
            return high
        high = again[-1] + 1
        while chance(high) < power:
            high += 1


def _crossing(passes: Callable[[float], bool], least: float, most: float, about: float) -> float:
    """The smallest argument in (least, most] that passes, from the side that does; `most` does."""
    low, high = least, most
    for factor in (0.8, 1.25):
        tried = least + (about - least) * factor
        if low < tried < high:
            low, high = (low, tried) if passes(tried) else (tried, high)
    while high - low > max(_SMALLEST, _PRECISION * (high - least) / 2.0):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if passes(middle) else (middle, high)
    return high


def _wald_retention(
    min_retention: float, teacher: float, discordance: float, difference: float, level: float, power: float
) -> int:
    """Examples by the normal approximation to student - min_retention * teacher: where the search begins."""
    lost = (discordance - difference) / 2.0
    both, gained = teacher - lost, discordance - lost
    distance = teacher + difference - min_retention * teacher
    if not 0.0 < min_retention < 1.0 or distance <= 0.0:
        raise ValueError(f"no number of examples shows that a retention is above {min_retention} where it is not")
    spread = (1.0 - min_retention) ** 2 * both + min_retention**2 * lost + gained - distance**2
    z = one_sided_z(level) + one_sided_z(power)
    return max(1, math.ceil(z * z * max(0.0, spread) / distance**2))
