"""Whether a service kept up with what it was offered, and the largest rate at which it did."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from evalkit.stats.interval import Interval

Held = Literal["yes", "no", "unclear"]
# A backlog that grew by less of what was sent is not held against a service by itself.
SHARE_LEFT = 0.05
# One-sided significance of a trend.
RISING = 0.01


def rising(positions: ArrayLike, values: ArrayLike) -> float:
    """p-value, one-sided, of no trend against values that rise with their position: Mann and Kendall's test.

    1 for fewer than 4 values, and where all are the same. Infinite values are above all others.
    Source: Mann (1945), Econometrica 13; Kendall's tau with ties.
    """
    where, rows = np.asarray(positions, dtype=np.float64), np.asarray(values, dtype=np.float64)
    if where.shape != rows.shape:
        raise ValueError(f"{where.size} positions do not fit {rows.size} values")
    if rows.size < 4 or np.unique(rows).size < 2 or np.unique(where).size < 2:
        return 1.0
    from scipy.stats import kendalltau, rankdata

    # By ranks, among which an infinite value is one like any other.
    return float(kendalltau(where, rankdata(rows), alternative="greater").pvalue)


def kept_up(sent: int, waiting_before: int, waiting_after: int, trend: float) -> Held:
    """Whether what was sent was also answered, of the requests that waited for an answer before and after, and the
    p-value of `rising` of their response times.

    "no": more wait than before, by a twentieth of what was sent at least, and response times rose: had it gone on,
    they would have been longer still. "unclear": only one of the two. ValueError for a negative count.
    """
    if min(sent, waiting_before, waiting_after) < 0:
        raise ValueError(f"counts are not negative: {sent}, {waiting_before}, {waiting_after}")
    grown = waiting_after - waiting_before > SHARE_LEFT * sent
    rose = trend < RISING
    if grown and rose:
        return "no"
    return "unclear" if grown or rose else "yes"


def holds(share: Interval, needed: float) -> Held:
    """Whether a share is shown to be at least `needed`, shown to be below it, or neither."""
    if share.low >= needed:
        return "yes"
    return "no" if share.high < needed else "unclear"


def largest_held(levels: Sequence[tuple[float, Held]]) -> tuple[float | None, float | None]:
    """(the largest rate that is held, the smallest that is not), of rates with what was found at each.

    Rates are gone through from the smallest, and the first that is not held ends it, so a rate counts only where all
    below it do. Tests in an order that was fixed before need no correction for their number: the chance that the first
    answer is too large is that of one test. Source: Maurer, Hothorn and Lehmacher (1995); Westfall and Krishen (2001).
    None for no such rate. ValueError for a rate that is there twice.
    """
    ordered = sorted(levels, key=lambda each: each[0])
    if any(one[0] == two[0] for one, two in pairwise(ordered)):
        raise ValueError("a rate is there twice")
    largest = None
    for rate, found in ordered:
        if found != "yes":
            break
        largest = rate
    return largest, next((rate for rate, found in ordered if found == "no"), None)
