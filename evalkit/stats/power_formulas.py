"""What a gate on paired correctness needs, and what a number of examples can show, in closed form.

These are the field's formulas: normal approximations, which miss the power that they promise by a point or two
(stats/planning.py searches by the exact power).

`discordance` is the share of examples on which exactly one model is right, (b + c) / n; `difference` the true
student - teacher; `margin` > 0 the allowed drop. `level` is the ONE-SIDED confidence of the gate (0.95 goes with the
two-sided 90% interval).
"""

from __future__ import annotations

import math

from evalkit.stats.normal import one_sided_z
from evalkit.stats.paired_difference import constrained_teacher_only
from evalkit.stats.proportion import clopper_pearson
from evalkit.stats.search import falling_root
from evalkit.stats.tails import unseen_half


def sample_size(
    margin: float, discordance: float, difference: float = 0.0, level: float = 0.95, power: float = 0.8
) -> int:
    """Examples for which the score gate passes with probability `power`, at least 1.

    The variance under the null is taken at Tango's constrained estimate, which keeps the promise where
    `sample_size_quick` is too small (few discordant pairs). ValueError if the difference is at or
    below -margin: no number is enough. Source: the test of Tango (1998), normal approximation of its power.
    """
    return max(1, math.ceil(_examples(margin, discordance, difference, level, power)))


def sample_size_quick(
    margin: float, discordance: float, difference: float = 0.0, level: float = 0.95, power: float = 0.8
) -> int:
    """As `sample_size` with one variance for both hypotheses, at least 1: the textbook formula, too small at times.

    Source: Lu and Bean (1995), Statistics in Medicine 14; Liu et al. (2002).
    """
    distance = _distance(margin, discordance, difference)
    spread = (one_sided_z(level) + one_sided_z(power)) ** 2 * (discordance - difference**2)
    return max(1, math.ceil(spread / distance**2))


def minimum_detectable_drop(n: float, discordance: float, level: float = 0.95, power: float = 0.8) -> float:
    """Smallest margin that an equally good student meets with probability `power` on `n` examples; a share >= 0."""
    if n < 1 or not 0.0 <= discordance <= 1.0:
        raise ValueError(f"no gate has {n} examples and a discordance of {discordance}")
    return (one_sided_z(level) + one_sided_z(power)) * math.sqrt(discordance / n)


def detectable_drop(n: float, discordance: float, level: float = 0.95, power: float = 0.8) -> float:
    """The margin, in (0, 1], for which `sample_size` is `n`, of an equally good student; 1 where no margin is.

    `minimum_detectable_drop` is up to half as large where few pairs are discordant: it takes the variance under the
    null for that of equally good models. Never below the half-width of Tango's interval when no pair differs.
    ValueError as there. `planning.smallest_margin` is the exact one, and dearer.
    """
    if n < 1 or not 0.0 <= discordance <= 1.0:
        raise ValueError(f"no gate has {n} examples and a discordance of {discordance}")
    found = falling_root(lambda margin: _examples(margin, discordance, 0.0, level, power) - n, 0.0, 1.0)
    return max(found, unseen_half(n, 2.0 * level - 1.0))


def most_events(n: int, bound: float, level: float = 0.95) -> int:
    """The most events among `n` whose exact upper bound at one-sided `level` is below `bound`; -1 if not even none is.

    Source: Clopper and Pearson (1934), as `clopper_pearson`.
    """
    passing, failing = -1, n + 1
    while failing - passing > 1:
        middle = (passing + failing) // 2
        if clopper_pearson(middle, n, 2.0 * level - 1.0).high < bound:
            passing = middle
        else:
            failing = middle
    return passing


def _examples(margin: float, discordance: float, difference: float, level: float, power: float) -> float:
    """`sample_size` before it is rounded."""
    distance = _distance(margin, discordance, difference)
    b, c = (discordance - difference) / 2.0, (discordance + difference) / 2.0
    null_variance = 2.0 * constrained_teacher_only(b, c, 1.0, margin) - margin * (1.0 + margin)
    true_variance = discordance - difference**2
    spread = one_sided_z(level) * math.sqrt(max(null_variance, 0.0)) + one_sided_z(power) * math.sqrt(true_variance)
    return (spread / distance) ** 2


def _distance(margin: float, discordance: float, difference: float) -> float:
    if not abs(difference) <= discordance <= 1.0:
        raise ValueError(f"a difference of {difference} needs more discordance than {discordance}")
    if not 0.0 < margin <= 1.0 or difference + margin <= 0.0:
        raise ValueError(f"no number of examples shows that a difference of {difference} is above {-margin}")
    return difference + margin
