"""Numbers as short text that never lies about which side of a bound they are on. Standard library only."""

from __future__ import annotations


def plain(value: float) -> str:
    """Four significant digits, without an exponent where a reader would not expect one; whole numbers whole."""
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return f"{value:.4g}" if 1e-4 <= abs(value) < 1e6 else f"{value:.3e}"


def apart(value: float, bound: float) -> tuple[str, str]:
    """`value` and `bound` with as many digits as it takes to tell them apart and keep their order.

    Equal numbers print alike; different ones never do.
    """
    if value == bound:
        return plain(value), plain(bound)
    for digits in range(4, 18):
        shown, against = f"{value:.{digits}g}", f"{bound:.{digits}g}"
        if shown != against and (float(shown) < float(against)) == (value < bound):
            return (plain(value) if digits == 4 else shown), (plain(bound) if digits == 4 else against)
    return repr(value), repr(bound)
