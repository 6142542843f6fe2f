"""Is confidence honest? Everything about calibration and the use of confidence (one import for callers)."""

from __future__ import annotations

from evalkit.stats.binned_calibration import debiased_squares, ece, ece_debiased, equal_mass_bins
from evalkit.stats.discrimination import aurc, auroc, overconfident_errors
from evalkit.stats.proper_scores import brier_rows, nll_rows
from evalkit.stats.smooth_calibration import smooth_ece

__all__ = [
    "aurc",
    "auroc",
    "brier_rows",
    "debiased_squares",
    "ece",
    "ece_debiased",
    "equal_mass_bins",
    "nll_rows",
    "overconfident_errors",
    "smooth_ece",
]
