"""How often a model failed, said nothing, ran out of room or could not be understood."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from evalkit.metrics import Family, Metric, Setting, undefined
from evalkit.metrics.intervals import difference_of_shares, share
from evalkit.table import PairTable, Side
from evalkit.types import Measured

RATES: dict[str, Callable[[Side], NDArray[np.bool_]]] = {
    "error_rate": lambda side: side.errored,
    "empty_rate": lambda side: side.status == "empty",
    "truncated_rate": lambda side: side.status == "truncated",
    "unparsable_rate": lambda side: side.unparsable,
}


def silent(side: Side) -> NDArray[np.bool_]:
    """Outputs without an answer: they failed or are empty."""
    return np.asarray(side.errored | (side.status == "empty"))


def measure(pairs: PairTable, setting: Setting) -> dict[str, Measured]:
    """Shares of all examples, for both models and student minus teacher."""
    if pairs.n == 0:
        return undefined(FAMILY, "there are no examples to measure it on")
    assert pairs.teacher is not None
    found: dict[str, Measured] = {}
    for name, hits in RATES.items():
        teacher, student = hits(pairs.teacher), hits(pairs.student)
        found[f"outputs.{name}.teacher"] = share(teacher, pairs, setting)
        found[f"outputs.{name}.student"] = share(student, pairs, setting)
        found[f"outputs.{name}.difference"] = difference_of_shares(teacher, student, pairs, setting)
    return found


FAMILY = Family(
    name="outputs",
    measure=measure,
    # A class has too few failures of its own to speak of.
    slices="declared",
    metrics=tuple(
        Metric(
            name=f"outputs.{name}.{whose}",
            direction="lower",
            unit="difference" if whose == "difference" else "share",
            bounds=(-1, 1) if whose == "difference" else (0, 1),
            identity=0.0 if whose == "difference" else None,
            compares=whose == "difference",
            against=lambda pairs, hits=hits: hits(pairs.student),  # type: ignore[misc]
        )
        for name, hits in RATES.items()
        for whose in ("teacher", "student", "difference")
    ),
)
