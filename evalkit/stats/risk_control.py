"""Choosing a threshold with a promise: p-values for "the risk is above alpha", and the rules that choose by them.

A risk is the expected loss of one example, for losses in [0, 1]. A p-value is small when the risk is shown to be at
most alpha. Settings are tried in an order that was fixed before, the most careful first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from evalkit.stats.arrays import Floats, Ints, floats

# Stakes of the betting test, as shares of the largest that cannot ruin it.
STAKES = np.arange(1, 9) / 8


def binomial_risk_p(losses: ArrayLike, n: int, alpha: float) -> Floats:
    """P(Bin(n, alpha) <= losses), in [0, 1] and in the shape of `losses`: exact where a loss is 0 or 1.

    `losses` is how many of the `n` examples were lost, of which each is independent. ValueError for counts outside
    [0, n], for n < 1 and for alpha outside (0, 1).
    """
    counts = floats(losses)
    _check(alpha, n)
    if np.any((counts < 0) | (counts > n)):
        raise ValueError(f"losses are counts from 0 to {n}")
    from scipy.special import bdtr

    return np.asarray(bdtr(counts, n, alpha), dtype=np.float64)


def hoeffding_bentkus_p(mean_loss: float, n: int, alpha: float) -> float:
    """p-value in [0, 1] for losses anywhere in [0, 1], from their mean over `n` independent examples.

    The smaller of Hoeffding's bound and Bentkus' (1 or e times a binomial tail); wider than `binomial_risk_p` where
    losses are 0 or 1. ValueError as there. Source: Bates et al. (2021), JACM 68; the same number as MAPIE's.
    """
    _check(alpha, n)
    if not 0.0 <= mean_loss <= 1.0:
        raise ValueError(f"a mean of losses lies between 0 and 1, not at {mean_loss}")
    least = min(mean_loss, alpha)
    divergence = (1.0 - least) * math.log((1.0 - least) / (1.0 - alpha))
    divergence += least * math.log(least / alpha) if least > 0.0 else 0.0
    # A mean of 15 / 500 times 500 may come out a rounding error above 15, and is 15 all the same.
    bentkus = math.e * float(binomial_risk_p(math.ceil(round(n * mean_loss, 9)), n, alpha))
    return min(1.0, math.exp(-n * divergence), bentkus)


def group_risk_p(losses: ArrayLike, sizes: ArrayLike, largest: int, alpha: float) -> float:
    """p-value in (0, 1] for losses of 0 or 1 that are independent between groups only.

    `losses` (groups,) lost of `sizes` (groups,) examples; no group, here or elsewhere, has more than `largest`. The
    risk is that of an example: expected losses of a group over its expected size. A gambler who stakes on small losses
    has, if the risk is above alpha, an expected wealth of at most 1, so 1 / wealth is a p-value; the wealth is a mean
    over eight stakes. Source: Waudby-Smith and Ramdas (2024), JRSS B 86, with stakes that are the same for all rows.
    """
    lost, size = floats(losses), floats(sizes)
    _check(alpha, size.size)
    if np.any((lost < 0) | (lost > size)) or np.any((size < 1) | (size > largest)):
        raise ValueError(f"groups have 1 to {largest} examples, and lose no more than they have")
    return _betting_p(_log_left(_stakes(largest, alpha)[:, None] * (lost - alpha * size)).sum(axis=1))


def fixed_sequence(p_values: ArrayLike, delta: float) -> int | None:
    """Position of the last setting that is accepted, None if not even the first is.

    `p_values` (m,) stand in the order fixed before; testing stops at the first above `delta`. With probability at least
    1 - delta no accepted setting has a risk above the alpha of the p-values, for any number of settings.
    Source: Angelopoulos et al. (2021), Learn then Test, arXiv 2110.01052.
    """
    if not 0.0 < delta < 1.0:
        raise ValueError(f"an error probability lies between 0 and 1, not at {delta}")
    return _last_of_run(floats(p_values) <= delta)


def conformal_bound(mean_losses: ArrayLike, n: int, largest: float = 1.0) -> Floats:
    """n / (n + 1) of each mean loss plus `largest` / (n + 1): what conformal risk control holds against alpha."""
    if n < 1:
        raise ValueError("there is no example to choose by")
    return np.asarray(n / (n + 1) * floats(mean_losses) + largest / (n + 1), dtype=np.float64)


def conformal_risk_control(mean_losses: ArrayLike, n: int, alpha: float, largest: float = 1.0) -> int | None:
    """Position of the least careful setting whose `conformal_bound` is at most alpha, None if there is none.

    `mean_losses` (m,) over `n` examples, most careful setting first; losses in [0, largest] that never fall from one
    setting to the next. The EXPECTED risk of the choice is at most alpha: half of all choices may lie above it.
    Source: Angelopoulos et al. (2022), Conformal Risk Control, arXiv 2208.02814.
    """
    means = floats(mean_losses)
    if np.any(np.diff(means) < 0.0):
        raise ValueError("conformal risk control needs losses that never fall from one setting to the next")
    return _last_of_run(conformal_bound(means, n, largest) <= alpha)


def lowest_threshold(
    confidence: ArrayLike, lost: ArrayLike, alpha: float, delta: float, groups: Ints | None = None, largest: int = 1
) -> float | None:
    """The lowest threshold accepted by `fixed_sequence`: 0.0 where every one is, None where none that was seen is.

    Row by row: how confident (in [0, 1]; -inf is never kept), and whether keeping the row loses it. A row is kept at
    confidence >= threshold, and the risk is P(kept and lost), over all rows. Every confidence seen is a setting: what
    is lost at a threshold is lost at all lower ones, so the choice is as safe as on a grid fixed before (Bates et al.
    2021, JACM 68, theorem 1). Rows of one group (any integers) depend on each other; no group, here or elsewhere, has
    more than `largest` rows. ValueError if there is no row.
    """
    at, bad = floats(confidence), np.asarray(lost, dtype=bool)
    offered = np.unique(at[at > -np.inf])[::-1]
    settings = offered if 0.0 in offered else np.append(offered, 0.0)
    order = np.argsort(-at[bad], kind="stable")
    lost_at = -at[bad][order]
    by_count = (
        binomial_risk_p(np.arange(lost_at.size + 1), at.size, alpha)
        if groups is None or largest == 1
        else _grouped_p(groups, np.flatnonzero(bad)[order], largest, alpha)
    )
    found = fixed_sequence(by_count[np.searchsorted(lost_at, -settings, side="right")], delta)
    return None if found is None else float(settings[found])


def units_needed(alpha: float, delta: float, sizes: Sequence[int] | Ints = (1,), largest: int = 1) -> int:
    """How many independent rows it takes to accept a setting that loses none; of groups with such sizes, how many."""
    _check(alpha, len(sizes))
    if largest == 1:
        return math.ceil(math.log(delta) / math.log1p(-alpha))
    growth = np.log1p(_stakes(largest, alpha)[:, None] * alpha * floats(sizes)).sum(axis=1)
    few, many = 0.0, 1.0
    while _betting_p(many * growth) > delta:
        few, many = many, 2.0 * many
    for _ in range(60):
        middle = 0.5 * (few + many)
        few, many = (middle, many) if _betting_p(middle * growth) > delta else (few, middle)
    return math.ceil(many * len(sizes) - 1e-9)


def _grouped_p(groups: Ints, lost_rows: Ints, largest: int, alpha: float) -> Floats:
    """`group_risk_p` with the first 0, 1, … of `lost_rows` lost."""
    _, group, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    _check(alpha, sizes.size)
    if sizes.max() > largest:
        raise ValueError(f"a group has {sizes.max()} rows, more than the largest of {largest}")
    stakes = _stakes(largest, alpha)[:, None]
    hit = group[lost_rows]
    # How many of its group were lost before each row: its place among the lost rows of its own group.
    by_group = np.argsort(hit, kind="stable")
    starts = np.searchsorted(hit[by_group], hit[by_group], side="left")
    before = np.empty(hit.size)
    before[by_group] = np.arange(hit.size) - starts
    owed = alpha * sizes[hit]
    start = np.log1p(stakes * alpha * sizes).sum(axis=1)
    steps = _log_left(stakes * (before + 1.0 - owed)) - _log_left(stakes * (before - owed))
    wealth = start[:, None] + np.concatenate([np.zeros((stakes.size, 1)), np.cumsum(steps, axis=1)], axis=1)
    return np.array([_betting_p(each) for each in wealth.T])


def _stakes(largest: int, alpha: float) -> Floats:
    return STAKES / ((1.0 - alpha) * largest)


def _log_left(at_stake: Floats) -> Floats:
    """log(1 - at_stake): -inf where all is lost, of which rounding may make a little more than all."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.log1p(-np.minimum(at_stake, 1.0)), dtype=np.float64)


def _betting_p(log_wealth: Floats) -> float:
    return float(np.exp(-max(0.0, np.logaddexp.reduce(log_wealth) - math.log(log_wealth.size))))


def _last_of_run(accepted: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> int | None:
    run = int(accepted.size if accepted.all() else accepted.argmin())
    return run - 1 if run else None


def _check(alpha: float, n: int) -> None:
    if n < 1:
        raise ValueError("there is no example to choose by")
    if not 0.0 < alpha < 1.0:
        raise ValueError(f"a risk lies between 0 and 1, not at {alpha}")
