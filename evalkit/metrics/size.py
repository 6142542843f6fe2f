"""What each model weighs: parameters and bytes of its weights. Of the run, not of a suite.

Bytes are those of the weight files. Where a model is quantised as it is loaded its files are not what is served; then
the bytes of both models are those of their loaded weights, so that like stands against like.
"""

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
        sides = [models.get(role, {}) for role in ("teacher", "student")]
        loaded = any(quantized_on_loading(each) for each in sides)
        for name in QUANTITIES:
            in_memory = loaded and name == "bytes"
            where = "from the loaded weights" if in_memory else "from the weight files"
            teacher, student = (each.get("loaded_bytes" if in_memory else name) for each in sides)
            for role, value in (("teacher", teacher), ("student", student)):
                found[f"size.{name}.{role}"] = (
                    _exact(float(value), level, where)
                    if value is not None
                    else Undefined(reason=f"the {role}'s size is not known")
                )
            found[f"size.{name}.ratio"] = (
                _exact(student / teacher, level, where)
                if student is not None and teacher
                else Undefined(reason="the sizes of both models are not known")
            )
        return found


def quantized_on_loading(model: Mapping[str, Any]) -> bool:
    """Whether a model's record says that it, or a member of it, was quantised while it was loaded."""
    settings = model.get("settings") or {}
    return bool(settings.get("quantize")) or any(quantized_on_loading(each) for each in model.get("members") or ())


def _exact(value: float, level: float, where: str) -> Estimate:
    return Estimate(value=value, low=value, high=value, level=level, n=1, method=f"exact, {where}")


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
