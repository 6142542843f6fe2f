"""Is confidence honest? Everything about calibration and the use of confidence (one import for callers)."""

from __future__ import annotations

from evalkit.stats.binned_calibration import debiased_squares, ece, ece_debiased, equal_mass_bins, equal_width_bins
from evalkit.stats.brier_decomposition import corp, murphy
from evalkit.stats.calibration_bounds import ece_bounds
from evalkit.stats.discrimination import aurc, auroc, overconfident_errors
from evalkit.stats.ece_consistency import ece_consistency, ece_of_noise
from evalkit.stats.other_calibration import ece_classwise, ece_l2, ece_sweep, mce, signed_gap
from evalkit.stats.platt import fit_platt, mapped
from evalkit.stats.proper_scores import brier_rows, nll_rows
from evalkit.stats.risk_coverage import coverage_at_risk, excess_aurc, risk_at_coverage, risk_coverage
from evalkit.stats.smooth_calibration import smooth_ece
from evalkit.stats.temperature import fit_temperature, logits, scaled

__all__ = [
    "aurc",
    "auroc",
    "brier_rows",
    "corp",
    "coverage_at_risk",
    "debiased_squares",
    "ece",
    "ece_bounds",
    "ece_classwise",
    "ece_consistency",
    "ece_debiased",
    "ece_l2",
    "ece_of_noise",
    "ece_sweep",
    "equal_mass_bins",
    "equal_width_bins",
    "excess_aurc",
    "fit_platt",
    "fit_temperature",
    "logits",
    "mapped",
    "mce",
    "murphy",
    "nll_rows",
    "overconfident_errors",
    "risk_at_coverage",
    "risk_coverage",
    "scaled",
    "signed_gap",
    "smooth_ece",
]
