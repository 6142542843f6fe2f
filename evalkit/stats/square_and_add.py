"""The interval of a difference from the intervals of its two parts (MOVER), which need not be symmetric."""

from __future__ import annotations

import math

from evalkit.stats.interval import Interval


def square_and_add(first: float, first_in: Interval, second: float, second_in: Interval) -> Interval:
    """Interval of second - first, for independent estimates `first` and `second` inside intervals of one level.

    Down it reaches the root of the summed squares of what `second` may be less and `first` more, and up the mirror
    image. Where the two are positively correlated it is too wide. With Wilson's intervals it is Newcombe's for unpaired
    shares. Source: Zou and Donner (2008), Statistics in Medicine 27.
    """
    down = math.hypot(second - second_in.low, first_in.high - first)
    up = math.hypot(second_in.high - second, first - first_in.low)
    return Interval(second - first - down, second - first + up)
