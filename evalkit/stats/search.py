"""Root search for functions that fall; pure Python, because the functions are cheap and the intervals many."""

from __future__ import annotations

from collections.abc import Callable


def falling_root(function: Callable[[float], float], low: float, high: float) -> float:
    """The point of [low, high] where a falling `function` passes 0, to the last bit or so; `low` if low == high.

    Bisection: the function may be infinite at an end, and it is never evaluated at `low` or `high` themselves.
    Needs function > 0 just above `low` and < 0 just below `high`; otherwise an end comes back.
    """
    for _ in range(200):
        middle = 0.5 * (low + high)
        if middle <= low or middle >= high:
            break
        if function(middle) > 0.0:
            low = middle
        else:
            high = middle
        # Beyond this the function's own rounding decides, not the search.
        if high - low <= 1e-15 * max(abs(low), abs(high)):
            break
    return 0.5 * (low + high)
