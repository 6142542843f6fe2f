"""A share as a detector counted it, corrected by how often the detector errs.

Sensitivity and specificity must be those on the outputs of the model at hand: a detector that misses one model's way
of refusing more often than another's makes a difference of its own, which no number of prompts averages out.
"""

from __future__ import annotations

import math

from evalkit.stats.interval import Interval
from evalkit.stats.normal import two_sided_z


def rogan_gladen(
    hits: int, n: int, true_hits: float, positives: int, true_misses: float, negatives: int
) -> tuple[float, float] | None:
    """(share, standard error): (hits / n + specificity - 1) / (sensitivity + specificity - 1), in [0, 1].

    `true_hits` of `positives` and `true_misses` of `negatives` are the detector's right words on a sample of which the
    truth is known. The error counts all three samples (delta method). None where one of them is empty or the detector
    is no better than chance. Source: Rogan and Gladen (1978), American Journal of Epidemiology 107.
    """
    _check((hits, n), (true_hits, positives), (true_misses, negatives))
    if not n or not positives or not negatives:
        return None
    q, sensitivity, specificity = hits / n, true_hits / positives, true_misses / negatives
    slope = sensitivity + specificity - 1.0
    if slope <= 0.0:
        return None
    share = min(1.0, max(0.0, (q + specificity - 1.0) / slope))
    variance = (
        q * (1.0 - q) / n
        + (1.0 - share) ** 2 * specificity * (1.0 - specificity) / negatives
        + share**2 * sensitivity * (1.0 - sensitivity) / positives
    )
    return share, math.sqrt(variance) / slope


def lang_reiczigel(
    hits: int, n: int, true_hits: float, positives: int, true_misses: float, negatives: int, level: float
) -> Interval | None:
    """Interval of the share that `rogan_gladen` estimates, two-sided coverage `level`; inside [0, 1].

    The sample of known truth may be another one than the n, of the same model's outputs; it counts one right and one
    wrong word more of each kind than it holds. None where `rogan_gladen` has none.
    Source: Lang and Reiczigel (2014), Preventive Veterinary Medicine 113.
    """
    if rogan_gladen(hits, n, true_hits, positives, true_misses, negatives) is None:
        return None
    z = two_sided_z(level)
    wide = n + z * z
    q = (hits + z * z / 2.0) / wide
    sensitivity, specificity = (true_hits + 1) / (positives + 2), (true_misses + 1) / (negatives + 2)
    slope = sensitivity + specificity - 1.0
    if slope <= 0.0:
        return None
    share = min(1.0, max(0.0, (q + specificity - 1.0) / slope))
    missed = sensitivity * (1.0 - sensitivity) / (positives + 2)
    alarmed = specificity * (1.0 - specificity) / (negatives + 2)
    shift = 2.0 * z * z * (share * missed - (1.0 - share) * alarmed)
    half = z * math.sqrt(q * (1.0 - q) / wide + share**2 * missed + (1.0 - share) ** 2 * alarmed) / slope
    low, high = share + shift - half, share + shift + half
    return Interval(min(1.0, max(0.0, low)), min(1.0, max(0.0, high)))


def _check(*counts: tuple[float, int]) -> None:
    for k, n in counts:
        if not 0 <= k <= n:
            raise ValueError(f"{k} successes do not fit {n} trials")
