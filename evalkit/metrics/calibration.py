"""Brier and NLL: proper scores of the stated probabilities, and what a gate on calibration should use.

Is the student as honest about its doubt as the teacher was? Both are means over examples, lower is better.

A failed output counts as fully confident in a wrong answer: leaving it out would let a student improve by failing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from evalkit.metrics import Family, Metric, Setting, undefined
from evalkit.metrics.accuracy import lost
from evalkit.metrics.intervals import mean
from evalkit.stats.calibration import brier_rows, nll_rows
from evalkit.table import PairTable, Side
from evalkit.types import CHOOSING, Measured, SuiteFacts

# What an output without probabilities costs: certainty in a wrong label, at the clip where NLL stops growing.
WORST_BRIER, CLIP = 2.0, 1e-15
WORST_NLL = -math.log(CLIP)


def applies(facts: SuiteFacts) -> bool:
    """Suites whose models give probabilities of a right answer."""
    return facts.task in CHOOSING and facts.kind != "safety-refusal"


def with_probabilities(pairs: PairTable) -> tuple[dict[str, Side], str]:
    """The sides whose every answer has probabilities, and why the first of the others is not among them."""
    assert pairs.teacher is not None
    usable: dict[str, Side] = {}
    reasons: list[str] = []
    for role, side in (("teacher", pairs.teacher), ("student", pairs.student)):
        lacking = int((~side.has_probs & ~side.errored & side.answered).sum())
        if side.probs is None:
            reasons.append(f"the {role} gives no probabilities")
        elif lacking:
            reasons.append(f"the {role} gives no probabilities for {lacking} of its answers")
        else:
            usable[role] = side
    return usable, reasons[0] if reasons else ""


def measure(pairs: PairTable, setting: Setting) -> dict[str, Measured]:
    """Brier (summed over classes) and NLL (nats) of both models, and student minus teacher, example by example."""
    pairs = pairs.with_target
    if pairs.n == 0:
        return undefined(FAMILY, "no example has a target")
    usable, reason = with_probabilities(pairs)
    notes = {role: counted_as_wrong(int((~side.has_probs).sum())) for role, side in usable.items()}
    target = pairs.target_index
    found = undefined(FAMILY, reason)
    for name, of, top in (("brier", _brier, WORST_BRIER), ("nll", _nll, WORST_NLL)):
        rows = {role: of(side, target) for role, side in usable.items()}
        found |= means(f"calibration.{name}", rows, notes, pairs, setting, top)
    return found


def means(
    name: str,
    rows: Mapping[str, NDArray[np.float64]],
    notes: Mapping[str, str],
    pairs: PairTable,
    setting: Setting,
    top: float,
) -> dict[str, Measured]:
    """Means of a score per row (n,), as `name.role` for each role, and where both are there as `name.difference`,
    paired. `top` is the worst score that a row can have; 0 is the best."""
    found = {
        # What one row more may cost, as far as that has an end: an NLL of 34 is too far off to wait for.
        f"{name}.{role}": mean(values, pairs, setting, bounds=(0.0, top), unit=min(top, WORST_BRIER), note=notes[role])
        for role, values in rows.items()
    }
    if len(rows) == 2:
        change = rows["student"] - rows["teacher"]
        found[f"{name}.difference"] = mean(change, pairs, setting, bounds=(-top, top), note="paired")
    return found


def counted_as_wrong(failed: int) -> str:
    return f"{failed} failed outputs counted as certain and wrong" if failed else ""


def _brier(side: Side, target: NDArray[np.int64]) -> NDArray[np.float64]:
    assert side.probs is not None
    return np.where(side.has_probs, brier_rows(side.probs, target), WORST_BRIER)


def _nll(side: Side, target: NDArray[np.int64]) -> NDArray[np.float64]:
    assert side.probs is not None
    return np.where(side.has_probs, nll_rows(side.probs, target, CLIP), WORST_NLL)


def of_score(name: str, unit: str, top: float) -> tuple[Metric, ...]:
    """The facts of such a mean, of both roles and their difference."""
    return (
        *(
            Metric(name=f"{name}.{role}", direction="lower", unit=unit, bounds=(0, top), compares=False)
            for role in ("teacher", "student")
        ),
        Metric(name=f"{name}.difference", direction="lower", unit=unit, bounds=(-top, top), identity=0.0),
    )


FAMILY = Family(
    name="calibration",
    measure=measure,
    applies=applies,
    against=lost,
    metrics=(*of_score("calibration.brier", "score", WORST_BRIER), *of_score("calibration.nll", "nats", WORST_NLL)),
)
