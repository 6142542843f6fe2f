"""How often a non-inferiority gate on paired correctness passes, summed over the tables that can come out.

Shares of the true table: `discordance` is the share of examples on which exactly one model is right, `difference` the
true student - teacher, `teacher` the teacher's accuracy. `level` is the ONE-SIDED confidence of the gate.

No normal approximation: the gate's own statistic decides every table, and tables have their multinomial probabilities.
What is left out: counts further from their mean than `REACH` standard deviations and `PAD`, and where a count takes
more values than `NODES`, all but every k-th (a sum over an even grid of what is all but smooth there). That moves the
power by less than 0.0001 for the difference and 0.0005 for the ratio.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from evalkit.stats.arrays import Floats
from evalkit.stats.normal import one_sided_z

# Values of one count that are looked at, and of two counts at once: fewer of MANY, where the power is smoother. How far
# from their mean they reach, in standard deviations, and by how many counts more.
NODES = 2000
NODES_OF_TWO = (300, 150)
NODES_OF_TWO_IN_MANY = (100, 60)
MANY = 10_000
REACH = 7.5
REACH_OF_TWO = 5.5
PAD = 12.0
# With more examples the logarithms of the probabilities no longer keep enough digits.
MOST = 5_000_000

Passes = Callable[[Floats], NDArray[np.bool_]]


def exact_power(
    n: int, margin: float, discordance: float, difference: float = 0.0, level: float = 0.95, *, nodes: int = NODES
) -> float:
    """Probability, in [0, 1], that the lower end of Tango's interval of the difference lies above -margin.

    ValueError unless 1 <= n <= MOST, 0 < margin <= 1 and the difference lies within plus and minus the discordance.
    """
    if not 1 <= n <= MOST or not 0.0 < margin <= 1.0 or not 0.0 <= abs(difference) <= discordance <= 1.0:
        raise ValueError(f"no such gate: n {n}, margin {margin}, discordance {discordance}, difference {difference}")
    z2 = one_sided_z(level) ** 2
    pairs = _counts(float(n), discordance, nodes, REACH)
    most = _most_passing(pairs, lambda lost: _tango_passes(lost, pairs - lost, float(n), margin, z2))
    chance = _at_most(most, pairs, _lost_among_discordant(discordance, difference))
    return _mean(_binomial(pairs, float(n), discordance), chance)


def exact_retention_power(
    n: int,
    min_retention: float,
    teacher: float,
    discordance: float,
    difference: float = 0.0,
    level: float = 0.95,
    *,
    nodes: tuple[int, int] | None = None,
) -> float:
    """Probability, in [0, 1], that the lower end of Tang's interval of student / teacher lies above `min_retention`.

    ValueError unless 1 <= n <= MOST, 0 < min_retention <= 1 and no share of the paired table is negative.
    """
    lost = (discordance - difference) / 2.0
    both, neither = teacher - lost, 1.0 - teacher - (discordance - lost)
    # Shares that meet exactly may miss 0 by a rounding error.
    if not 1 <= n <= MOST or not 0.0 < min_retention <= 1.0 or min(both, neither, lost, discordance - lost) < -1e-12:
        raise ValueError(
            f"no such gate: n {n}, retention {min_retention}, teacher {teacher}, discordance {discordance}, "
            f"difference {difference}"
        )
    of_first, of_second = nodes or (NODES_OF_TWO if n <= MANY else NODES_OF_TWO_IN_MANY)
    z2 = one_sided_z(level) ** 2
    same = max(both, 0.0) + max(neither, 0.0)
    right = max(both, 0.0) / same if same > 0.0 else 0.0
    # A row for each number of discordant pairs; in it, how often both are right among the others.
    pairs = _counts(float(n), discordance, of_first, REACH_OF_TWO)[:, None]
    around = _around(float(n) * max(0.0, 1.0 - discordance), right, of_second)
    agreed = np.round((n - pairs) * right) + around[None, :]
    possible = (agreed >= 0.0) & (agreed <= n - pairs)
    agreed = np.clip(agreed, 0.0, n - pairs)
    weight = np.where(possible, _binomial(agreed, n - pairs, right), 0.0)
    most = _most_passing(
        np.broadcast_to(pairs, agreed.shape),
        lambda lost: _tang_passes(agreed, lost, pairs - lost, float(n), min_retention, z2),
    )
    chance = _at_most(most, pairs, _lost_among_discordant(discordance, difference))
    by_pairs = np.sum(weight * chance, axis=1) / np.sum(weight, axis=1)
    return _mean(_binomial(pairs[:, 0], float(n), discordance), by_pairs)


def _tango_passes(lost: Floats, gained: Floats, n: float, margin: float, z2: float) -> NDArray[np.bool_]:
    """Where Tango's statistic at -margin exceeds z: `paired_difference.tango_z` for arrays."""
    ahead = gained - lost + n * margin
    linear = -(lost + gained) - (2.0 * n - gained + lost) * margin
    root = np.sqrt(np.maximum(0.0, linear * linear - 8.0 * n * lost * margin * (1.0 + margin)))
    share = np.clip((root - linear) / (4.0 * n), margin, (1.0 + margin) / 2.0)
    variance = n * (2.0 * share - margin * (1.0 + margin))
    return np.asarray((ahead > 0.0) & (ahead * ahead > z2 * variance))


def _tang_passes(both: Floats, lost: Floats, gained: Floats, n: float, ratio: float, z2: float) -> NDArray[np.bool_]:
    """Where Tang's statistic at `ratio` <= 1 exceeds z: `paired_ratio.tang_z` for arrays."""
    ahead = (both + gained) - (both + lost) * ratio
    either = both + lost + gained
    quadratic = n * (1.0 + ratio)
    linear = (both + lost) * ratio * ratio - (both + gained + 2.0 * lost)
    root = np.sqrt(np.maximum(0.0, linear * linear - 4.0 * quadratic * lost * (1.0 - ratio) * either / n))
    share = either / n
    only = np.clip((root - linear) / (2.0 * quadratic), (1.0 - ratio) * share, share / (1.0 + ratio))
    variance = n * (1.0 + ratio) * only - either * (1.0 - ratio)
    return np.asarray((ahead > 0.0) & (ahead * ahead > z2 * variance))


def _most_passing(pairs: Floats, passes: Passes) -> Floats:
    """The most teacher-only pairs among `pairs` with which the gate passes, -1 where none will do."""
    passing, failing = np.full(pairs.shape, -1.0), pairs + 1.0
    for _ in range(int(np.max(pairs) + 2.0).bit_length()):
        middle = np.floor((passing + failing) / 2.0)
        # Where the two have met, `middle` is `passing`, and nothing is asked of it any more.
        good = (middle == passing) | passes(np.clip(middle, 0.0, pairs))
        passing, failing = np.where(good, middle, passing), np.where(good, failing, middle)
    return passing


def _lost_among_discordant(discordance: float, difference: float) -> float:
    return (discordance - difference) / (2.0 * discordance) if discordance > 0.0 else 0.5


def _counts(n: float, share: float, nodes: int, reach: float) -> Floats:
    """The values that a binomial count takes for all practical purposes; every k-th where they are over `nodes`."""
    far = reach * np.sqrt(n * share * (1.0 - share)) + PAD
    low, high = max(0.0, np.floor(n * share - far)), min(n, np.ceil(n * share + far))
    return np.arange(low, high + 1.0, _step(high - low + 1.0, nodes))


def _around(n: float, share: float, nodes: int) -> Floats:
    """How far from its mean a second count lies for all practical purposes, in steps of one or of several."""
    far = np.ceil(REACH_OF_TWO * np.sqrt(n * share * (1.0 - share)) + PAD)
    step = _step(2.0 * min(far, n) + 1.0, nodes)
    return np.arange(-far, far + 1.0, step)


def _step(values: float, nodes: int) -> float:
    """An odd step meets even and odd counts in turn: whether a tie passes hangs on which it is."""
    step = float(np.ceil(values / nodes))
    return step + (step % 2.0 == 0.0)


def _binomial(count: Floats, n: Floats | float, share: float) -> Floats:
    """Probability of `count` among `n`."""
    from scipy.special import gammaln, xlog1py, xlogy

    ways = gammaln(n + 1.0) - gammaln(count + 1.0) - gammaln(n - count + 1.0)
    return np.asarray(np.exp(ways + xlogy(count, share) + xlog1py(n - count, -share)), dtype=np.float64)


def _at_most(most: Floats, pairs: Floats, share: float) -> Floats:
    """Probability of `most` or fewer among `pairs`; 0 for -1."""
    from scipy.special import betaincc

    most, pairs = np.broadcast_arrays(most, pairs)
    # Nine standard deviations out it is 0 or 1 to the last digit, and the function is dear.
    far = 9.0 * np.sqrt(pairs * share * (1.0 - share)) + PAD
    chance = np.where((most >= pairs) | (most > pairs * share), 1.0, 0.0)
    near = (most >= 0.0) & (most < pairs) & (np.abs(most - pairs * share) < far)
    chance[near] = betaincc(most[near] + 1.0, pairs[near] - most[near], share)
    return chance


def _mean(weight: Floats, chance: Floats) -> float:
    # Over every k-th value the weights do not add up to 1.
    return float(min(1.0, np.sum(weight * chance) / np.sum(weight)))
