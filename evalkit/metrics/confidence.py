"""What the confidence in the top answer is worth: ECE in three forms, and AUROC.

ECE is for reading, not for gating: it grows as samples shrink, even for a perfectly calibrated model. It is not
measured inside single classes, where "how often is it right" depends on the class by construction.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalkit.metrics import Family, Metric, Setting, undefined
from evalkit.metrics.accuracy import lost
from evalkit.metrics.calibration import applies, with_probabilities
from evalkit.metrics.intervals import resampled
from evalkit.stats.calibration import auroc, ece, ece_debiased, smooth_ece
from evalkit.table import PairTable, Side
from evalkit.types import Direction, Measured

STATISTICS: dict[str, tuple[Callable[..., Any], str]] = {
    "ece": (ece, "top label, 15 equal-width bins (lo, hi]"),
    "ece_debiased": (ece_debiased, "top label, root of the debiased squared error, 15 equal-mass bins"),
    "smooth_ece": (smooth_ece, "smECE, reflected Gaussian kernel"),
    "auroc": (auroc, "confidence for being right"),
}
_OTHERWISE = "all answers are right, or all wrong"


def measure(pairs: PairTable, setting: Setting) -> dict[str, Measured]:
    """Every statistic for teacher, student and student minus teacher, on the pairs that have a target."""
    pairs = pairs.with_target
    if pairs.n == 0:
        return undefined(FAMILY, "no example has a target")
    usable, reason = with_probabilities(pairs)
    found = undefined(FAMILY, reason)
    for name in STATISTICS:
        found.update(_measured(name, usable, pairs, setting))
    return found


def _measured(name: str, sides: dict[str, Side], pairs: PairTable, setting: Setting) -> dict[str, Measured]:
    statistic, note = STATISTICS[name]
    seen = {role: (side.confidence, side.correct.astype(float)) for role, side in sides.items()}
    values = {role: statistic(*each) for role, each in seen.items()}
    # Both models on the same resamples, so that their difference is a paired one.
    drawn = {
        role: [np.asarray(statistic(*each, weights=weights)) for weights in setting.weights(pairs)]
        for role, each in seen.items()
    }
    found = {
        f"calibration.{name}.{role}": resampled(
            values[role],
            _given(drawn[role]),
            pairs,
            setting,
            bounds=(0.0, 1.0),
            otherwise=_OTHERWISE,
            note=note,
        )
        for role in sides
    }
    if len(sides) == 2:
        teacher, student = values["teacher"], values["student"]
        found[f"calibration.{name}.difference"] = resampled(
            None if teacher is None or student is None else student - teacher,
            _given([after - before for after, before in zip(drawn["student"], drawn["teacher"], strict=True)]),
            pairs,
            setting,
            bounds=(-1.0, 1.0),
            otherwise=_OTHERWISE,
            note="paired",
        )
    return found


def _given(chunks: list[NDArray[np.float64]]) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """The statistic on chunks that were computed already, in the order in which they are asked for."""
    waiting = iter(chunks)
    return lambda _: next(waiting)


def _metrics(name: str) -> tuple[Metric, ...]:
    better: Direction = "higher" if name == "auroc" else "lower"
    return (
        *(
            Metric(name=f"calibration.{name}.{role}", direction=better, unit="score", bounds=(0, 1), compares=False)
            for role in ("teacher", "student")
        ),
        Metric(name=f"calibration.{name}.difference", direction=better, unit="score", bounds=(-1, 1), identity=0.0),
    )


FAMILY = Family(
    name="confidence",
    measure=measure,
    applies=applies,
    against=lost,
    slices="declared",
    metrics=tuple(metric for name in STATISTICS for metric in _metrics(name)),
)
