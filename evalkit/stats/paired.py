"""Two models on the same examples: everything that is computed from the paired 2x2 table (one import for callers)."""

from __future__ import annotations

from evalkit.stats.mcnemar_test import mcnemar, mcnemar_worse
from evalkit.stats.paired_difference import (
    difference_agresti_min,
    difference_newcombe,
    difference_tango,
    noninferiority_difference,
)
from evalkit.stats.paired_ratio import noninferiority_ratio, ratio_bonett_price, ratio_tang, ratio_wald_log

__all__ = [
    "difference_agresti_min",
    "difference_newcombe",
    "difference_tango",
    "mcnemar",
    "mcnemar_worse",
    "noninferiority_difference",
    "noninferiority_ratio",
    "ratio_bonett_price",
    "ratio_tang",
    "ratio_wald_log",
]
