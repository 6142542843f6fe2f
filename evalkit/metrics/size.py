"""What each model weighs: parameters and bytes of its weight files. Of the run, not of a suite."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evalkit.metrics import Metric
from evalkit.types import Estimate, Measured, Terms, Undefined

QUANTITIES = {"parameters": "count", "bytes": "bytes"}


@dataclass(frozen=True, kw_only=True)
class RunFamily:
    """Metrics of the models themselves, from what the run recorded of them."""

    metrics: tuple[Metric, ...]

    def measure(self, models: Mapping[str, Mapping[str, Any]], level: float, terms: Terms) -> dict[str, Measured]:
        """Each model's size, exact, and student / teacher; whatever the terms."""
        found: dict[str, Measured] = {}
        for name in QUANTITIES:
            teacher, student = (models.get(role, {}).get(name) for role in ("teacher", "student"))
            for role, value in (("teacher", teacher), ("student", student)):
                found[f"size.{name}.{role}"] = (
                    _exact(float(value), level)
                    if value is not None
                    else Undefined(reason=f"the {role}'s size is not known")
                )
            found[f"size.{name}.ratio"] = (
                _exact(student / teacher, level)
                if student is not None and teacher
                else Undefined(reason="the sizes of both models are not known")
            )
        return found


def _exact(value: float, level: float) -> Estimate:
    return Estimate(value=value, low=value, high=value, level=level, n=1, method="exact, from the weight files")


FAMILY = RunFamily(
    metrics=tuple(
        Metric(
            name=f"size.{name}.{whose}",
            direction="lower",
            unit="ratio" if whose == "ratio" else unit,
            bounds=(0, float("inf")),
            identity=1.0 if whose == "ratio" else None,
            compares=whose == "ratio",
        )
        for name, unit in QUANTITIES.items()
        for whose in ("teacher", "student", "ratio")
    )
)
