"""Drawings as SVG text: points in, marks out. Standard library only.

Templates call them by the names of DRAWINGS. Colours are presentation attributes, so that marks survive a server that
blocks the page's style sheet; the sheet overrides them by class.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from evalkit.report.drawing.factor import factor
from evalkit.report.drawing.fallback import fallback_curve
from evalkit.report.drawing.forest import forest as criterion_row
from evalkit.report.drawing.forest import ratio_row, ruler, slice_row
from evalkit.report.drawing.reliability import reliability
from evalkit.report.drawing.risk import risk_coverage
from evalkit.report.drawing.sides import sides
from evalkit.report.drawing.times import ecdf

DRAWINGS: Mapping[str, Callable[..., str]] = {
    "reliability": reliability,
    "risk_coverage": risk_coverage,
    "fallback_curve": fallback_curve,
    "ecdf": ecdf,
    "criterion_row": criterion_row,
    "slice_row": slice_row,
    "ruler": ruler,
    "ratio_row": ratio_row,
    "sides": sides,
    "factor": factor,
}
