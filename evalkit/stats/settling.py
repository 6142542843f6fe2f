"""About how many examples would bring an interval clear of a bound, if what was seen stays as it is.

Most intervals narrow with the square root of the examples. Those that are exact or score intervals of counts do not,
where the counts are small: with no event at all they narrow as fast as the examples grow. So each kind is scaled in its
own way.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from evalkit.stats.normal import two_sided_z
from evalkit.stats.paired_difference import tango_z
from evalkit.stats.proportion import clopper_pearson, wilson
from evalkit.stats.search import falling_root
from evalkit.stats.tails import unseen_half

# More data is no answer where it takes both as many times what there is and as many examples.
_MOST_TIMES = 50
_MOST = 1_000_000


def examples_to_settle(n: int, value: float, low: float, high: float, bound: float) -> int | None:
    """About how many examples in total bring the interval's end nearest `bound` to it, if `value` stays; at least n.

    For an interval that narrows with the square root of n: n (half width / distance)^2. None when `value` lies on the
    bound, when that end is infinite, or when the number is above both 50 n and a million: more data is then no answer.
    """
    distance = abs(value - bound)
    half = value - low if value > bound else high - value
    if distance == 0.0 or not math.isfinite(half):
        return None
    # Far beyond the cap the product may leave the range of floats, so the cap is tested before the rounding.
    total = n * (half / distance) * (half / distance)
    if total > _most(n):
        return None
    return max(n, math.ceil(total))


def trials_to_settle(k: float, n: int, level: float, bound: float, *, exact: bool, few: float = 0.0) -> int | None:
    """Trials in total with which the interval of k / n lies clear of `bound`, if that share stays; at least n.

    `exact` for Clopper and Pearson's interval of two-sided coverage `level`, else Wilson's, and where fewer than `few`
    hit or miss the wider of both. None as above.
    """
    share = k / n

    def clear(total: float) -> bool:
        # Counts need not be whole: both intervals go on between them.
        count = min(share * total, total)
        intervals = [] if exact else [wilson(count, total, level)]
        if exact or min(count, total - count) < few:
            intervals.append(clopper_pearson(count, total, level))
        return all(each.high < bound if share < bound else each.low > bound for each in intervals)

    return None if share == bound else _first(n, clear)


def rows_to_settle(
    n: int, value: float, low: float, high: float, level: float, bound: float, unit: float = 1.0
) -> int | None:
    """As `examples_to_settle`, for an interval that is never narrower than `unit` z^2 / (n + z^2) either way.

    What it is wider than that narrows with the square root of n; the rest does as fast as n grows. None as above.
    """
    distance = abs(value - bound)
    half = value - low if value > bound else high - value
    if distance == 0.0 or not math.isfinite(half):
        return None
    beyond = max(0.0, half**2 - (unit * unseen_half(n, level)) ** 2)
    return _first(n, lambda total: beyond * n / total + (unit * unseen_half(total, level)) ** 2 < distance**2)


def pairs_to_settle(n: int, value: float, low: float, level: float, bound: float) -> int | None:
    """The same for Tango's interval of a difference `value` whose lower end is `low`.

    How many pairs are discordant is found from that end: the more, the lower it lies. None as above.
    """
    if value == bound:
        return None
    z = two_sided_z(level)
    least, most = abs(value) * n, float(n)

    def at_low(discordant: float) -> float:
        return tango_z(*_discordant(discordant, value * n), n, low) - z

    discordant = least if at_low(least) <= 0.0 else most if at_low(most) >= 0.0 else falling_root(at_low, least, most)

    def clear(total: float) -> bool:
        lost, gained = _discordant(discordant * total / n, value * total)
        # The statistic at the bound says on which side of it the whole interval lies.
        statistic = tango_z(lost, gained, total, bound)
        return statistic > z if value > bound else statistic < -z

    return _first(n, clear)


def _discordant(discordant: float, net: float) -> tuple[float, float]:
    """Teacher-only and student-only pairs with this sum and this difference."""
    return max(0.0, (discordant - net) / 2.0), max(0.0, (discordant + net) / 2.0)


def _first(n: int, clear: Callable[[float], bool]) -> int | None:
    """The first whole number from `n` on that is clear, where all above it are; None if none is that makes sense."""
    low, high = n, n
    while not clear(float(high)):
        if high >= _most(n):
            return None
        low, high = high, min(2 * high, math.ceil(_most(n)))
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if clear(float(middle)) else (middle, high)
    return high


def _most(n: int) -> float:
    return max(float(_MOST_TIMES * n), float(_MOST))
