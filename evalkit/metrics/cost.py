"""What a thousand requests cost by the prices that the plan names. Of the run, not of a suite."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evalkit.metrics import Metric
from evalkit.types import Estimate, Measured, Terms, Undefined

_NAME = "cost.per_thousand"


@dataclass(frozen=True, kw_only=True)
class RunFamily:
    """Metrics of the models themselves, from what the plan says they cost."""

    metrics: tuple[Metric, ...]

    def measure(self, models: Mapping[str, Mapping[str, Any]], level: float, terms: Terms) -> dict[str, Measured]:
        """Each model's price, as it was given, and student / teacher."""
        prices = {"teacher": terms.costs.teacher, "student": terms.costs.student}
        teacher, student = prices.values()
        found = {f"{_NAME}.{role}": _given(price, level) or no_price(role) for role, price in prices.items()}
        found[f"{_NAME}.ratio"] = no_price(*(role for role, price in prices.items() if price is None))
        if teacher is not None and student is not None:
            found[f"{_NAME}.ratio"] = _exact(student / teacher, level)
        return found


def no_price(*whose: str) -> Undefined:
    """Why there is nothing to reckon with, and which keys of the plan would change that."""
    keys = ", ".join(f"{each}: …" for each in whose)
    return Undefined(reason=f"the plan does not say what a thousand requests cost: `costs: {{{keys}}}`")


def _given(price: float | None, level: float) -> Estimate | None:
    return None if price is None else _exact(price, level)


def _exact(value: float, level: float) -> Estimate:
    return Estimate(value=value, low=value, high=value, level=level, n=1, method="exact, from the plan's prices")


FAMILY = RunFamily(
    metrics=tuple(
        Metric(
            name=f"{_NAME}.{whose}",
            direction="lower",
            unit="ratio" if whose == "ratio" else "money",
            bounds=(0, float("inf")),
            compares=whose == "ratio",
        )
        for whose in ("teacher", "student", "ratio")
    )
)
