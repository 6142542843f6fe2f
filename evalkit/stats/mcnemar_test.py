"""McNemar's tests: is there any difference at all? They describe; a gate asks for non-inferiority instead."""

from __future__ import annotations

import math


def mcnemar(b: int, c: int) -> tuple[float, float]:
    """(exact, mid-p) two-sided p-values from the discordant counts; b + c = 0 gives (1, 1).

    b teacher only right, c student only right. Source: McNemar (1947); mid-p: Fagerland, Lydersen and Laake (2013).
    """
    if b + c == 0:
        return 1.0, 1.0
    smaller = min(b, c)
    below = _at_most(smaller, b + c)
    return min(1.0, 2.0 * below), min(1.0, max(0.0, 2.0 * below - _exactly(smaller, b + c)))


def mcnemar_worse(b: int, c: int) -> float:
    """One-sided exact p-value that the student is worse: P(Bin(b + c, 1/2) >= b), in (0, 1]; 1 when b = 0."""
    # P(X >= b) = P(X <= c) by the symmetry of the fair coin.
    return _at_most(c, b + c)


def _at_most(k: int, n: int) -> float:
    if min(k, n - k) < 0:
        raise ValueError(f"discordant counts are not negative: {k} of {n}")
    if k == n:
        return 1.0
    from scipy.special import betainc

    return float(betainc(n - k, k + 1, 0.5))


def _exactly(k: int, n: int) -> float:
    return math.exp(math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) - n * math.log(2.0))
