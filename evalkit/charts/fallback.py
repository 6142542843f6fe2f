"""What becomes of accuracy as the student answers more and whoever stands behind it less."""

from __future__ import annotations

import math

import numpy as np

from evalkit.charts.thinning import thinned
from evalkit.metrics import Setting
from evalkit.metrics.calibration import applies, with_probabilities
from evalkit.metrics.fallback import choose, chosen_on, confidence, others_right
from evalkit.metrics.intervals import share
from evalkit.stats.deferral import deferral_curve
from evalkit.table import PairTable
from evalkit.types import Estimate
from evalkit.types.points import FallbackCurve, Kept

MOST = 60


def fallback_curve(pairs: PairTable, setting: Setting, *, compared: bool) -> FallbackCurve | None:
    """The curve on the examples with a target that the threshold was not chosen on, with the point that was chosen.

    None where the student does not say of every answer how sure it is, where nobody stands behind it, or where there
    are no examples or too few groups for an interval. Where no threshold could be promised the curve is still there.
    """
    behind = setting.terms.fallback_to
    if not applies(pairs.facts) or not (compared or behind == "human"):
        return None
    pairs = pairs.with_target
    if pairs.n == 0 or "student" not in with_probabilities(pairs)[0]:
        return None
    other = pairs.take(~chosen_on(pairs, setting.seed))
    if other.n == 0:
        return None
    curve = deferral_curve(confidence(other), other.student.correct, others_right(other, setting))
    points = [_kept(other, float(curve.threshold[each]), setting) for each in thinned(curve.coverage, MOST)]
    choice = choose(pairs, setting)
    chosen = None if choice.why_not is not None else _kept(other, choice.threshold, setting)
    kept = tuple(each for each in points if each is not None)
    if not kept:
        return None
    return FallbackCurve(
        kept=kept,
        chosen=chosen,
        teacher=float(other.teacher.correct.mean()) if compared and other.teacher is not None else None,
        student=float(other.student.correct.mean()),
        behind=behind,
        n=other.n,
    )


def _kept(other: PairTable, threshold: float, setting: Setting) -> Kept | None:
    """What this threshold keeps and gets right, as the fallback metrics have it; None where it has no interval."""
    keeps = confidence(other) >= threshold if math.isfinite(threshold) else np.zeros(other.n, dtype=bool)
    right = np.where(keeps, other.student.correct, others_right(other, setting))
    accuracy = share(np.asarray(right, dtype=bool), other, setting)
    if not isinstance(accuracy, Estimate):
        return None
    assert accuracy.low is not None
    assert accuracy.high is not None
    return Kept(
        threshold=threshold,
        coverage=float(keeps.mean()),
        accuracy=accuracy.value,
        low=accuracy.low,
        high=accuracy.high,
    )
