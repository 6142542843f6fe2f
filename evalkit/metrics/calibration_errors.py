"""ECE in three forms: is the confidence in the top answer honest?

ECE is for reading, not for gating: it grows as samples shrink, even for a perfectly calibrated model. It is not
measured inside single classes, where "how often is it right" depends on the class by construction.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalkit.metrics import Family, Setting, undefined
from evalkit.metrics.accuracy import lost
from evalkit.metrics.calibration import applies, with_probabilities
from evalkit.metrics.confidences import MASS_BINS, Seen, Statistic, measured, of_both, seen
from evalkit.stats.binned_calibration import debiased_squares, ece
from evalkit.stats.calibration_bounds import ece_bounds
from evalkit.stats.smooth_calibration import smooth_ece
from evalkit.table import PairTable
from evalkit.types import Estimate, Measured, Undefined

# Two rows a bin.
LEAST = 2 * MASS_BINS


def _debiased(rows: Seen, weights: NDArray[np.float64] | None) -> Any:
    squared = debiased_squares(rows.confidence, rows.correct, rows.mass_bin, MASS_BINS, weights)
    values = np.sqrt(np.clip(squared, 0.0, 1.0))
    return float(values[0]) if weights is None else values


def of_ece(whose: str = "", how: str = "") -> Statistic:
    """ECE over 15 bins of equal width, of confidences as stated or as mapped; the method says `whose` and `how`."""
    return Statistic(
        of=lambda rows, weights: ece(rows.confidence, rows.correct, weights=weights),
        note=", ".join(filter(None, (whose, "15 equal-width bins (lo, hi]", how))),
    )


STATISTICS = {
    "calibration.ece": of_ece("top label"),
    "calibration.ece_debiased": Statistic(
        of=_debiased,
        note=f"top label, root of the debiased squared error, {MASS_BINS} equal-mass bins; at least chi-squared bounds",
        bounds=lambda rows, level, worth: ece_bounds(
            rows.confidence, rows.correct, rows.mass_bin, MASS_BINS, level, worth
        ),
    ),
    "calibration.smooth_ece": Statistic(
        of=lambda rows, weights: smooth_ece(rows.confidence, rows.correct, weights),
        note="smECE, reflected Gaussian kernel",
    ),
}


def measure(pairs: PairTable, setting: Setting) -> dict[str, Measured]:
    """Every statistic for teacher, student and student minus teacher, on the pairs that have a target."""
    pairs = pairs.with_target
    if pairs.n == 0:
        return undefined(FAMILY, "no example has a target")
    usable, reason = with_probabilities(pairs)
    sides = {role: seen(side.confidence, side.correct, pairs.ids) for role, side in usable.items()}
    found = undefined(FAMILY, reason) | measured(STATISTICS, sides, pairs, setting)
    if pairs.n < LEAST:
        # A bin of one row has no debiased error, and would read as 0.
        few = Undefined(reason=f"{pairs.n} examples are too few for {MASS_BINS} bins, {LEAST} are needed")
        found |= {name: few for name, each in found.items() if "ece_debiased" in name and isinstance(each, Estimate)}
    return found


FAMILY = Family(
    name="calibration_errors",
    measure=measure,
    applies=applies,
    against=lost,
    slices="declared",
    metrics=tuple(metric for name in STATISTICS for metric in of_both(name, "lower")),
)
