"""All points of one suite."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalkit.charts.fallback import fallback_curve
from evalkit.charts.refusals import refusals
from evalkit.charts.reliability import reliability
from evalkit.charts.risk_coverage import risk_coverage
from evalkit.charts.swaps import swaps
from evalkit.charts.times import times
from evalkit.columns import Columns
from evalkit.metrics import Setting
from evalkit.table import table
from evalkit.types import Terms
from evalkit.types.points import SuitePoints


def suite_points(
    columns: Columns, models: Mapping[str, Mapping[str, Any]], level: float, seed: int, terms: Terms
) -> SuitePoints:
    """Everything that can be drawn of one suite. Without a teacher it is the student that is drawn."""
    compared = "teacher" in columns.roles
    # As in the measurements a student on its own stands in the teacher's place; what compares is then left out.
    pairs = table(columns, "teacher" if compared else "student")
    setting = Setting(level, seed, ("teacher", columns.facts.name, ""), terms=terms)
    champion = table(columns, "champion") if "champion" in columns.roles else None
    return SuitePoints(
        reliability=reliability(pairs, setting, compared=compared),
        risk_coverage=risk_coverage(pairs, champion, compared=compared),
        fallback=fallback_curve(pairs, setting, compared=compared),
        times=times(pairs, models, compared=compared),
        refusals=refusals(pairs) if compared else {},
        swaps=swaps(pairs) if compared else (),
    )
