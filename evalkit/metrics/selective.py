"""AUROC and AURC: does confidence tell right answers from wrong ones, and what is risked when only the surest are kept?

Both look at the order of confidences alone, so they are at home where a confidence is a score and not a probability:
on written answers it is the probability of the text, length-normalised. That is no probability of being right.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from evalkit.metrics import Family, Setting, undefined
from evalkit.metrics.accuracy import binary, lost
from evalkit.metrics.calibration import applies as gives_probabilities
from evalkit.metrics.calibration import with_probabilities
from evalkit.metrics.confidences import Seen, Statistic, measured, of_both, seen
from evalkit.metrics.outputs import silent
from evalkit.stats.discrimination import aurc, auroc
from evalkit.table import PairTable
from evalkit.types import CHOOSING, WRITING, Measured, SuiteFacts

A_SCORE = "length-normalised probability of the text, a score and not a probability of being right"


def writes_answers(facts: SuiteFacts) -> bool:
    """Suites whose models write answers that are right or wrong."""
    return facts.task in WRITING and binary(facts)


def statistics(note: str) -> dict[str, Statistic]:
    tail = f"; {note}" if note else ""
    return {
        "calibration.auroc": Statistic(
            of=lambda rows, weights: auroc(rows.confidence, rows.correct, weights),
            note=f"confidence for being right{tail}",
            otherwise="all answers are right, or all wrong",
            carried=True,
            # One answer of the rarer outcome is compared with all of the other.
            unit=lambda rows: rows.correct.size / max(1.0, min(rows.correct.sum(), (1.0 - rows.correct).sum())),
        ),
        "calibration.aurc": Statistic(
            of=lambda rows, weights: partial(aurc, ties="average")(rows.confidence, rows.correct, weights),
            note=f"mean error of the k surest over k, equal confidences in every order{tail}",
            carried=True,
        ),
    }


def with_sureness(pairs: PairTable) -> tuple[dict[str, Seen], str]:
    """The sides whose every text has log-probabilities, and why the first of the others is not among them.

    A failed or empty output counts as most sure and wrong: leaving it out would let a student improve by failing.
    """
    assert pairs.teacher is not None
    usable: dict[str, Seen] = {}
    reasons: list[str] = []
    for role, side in (("teacher", pairs.teacher), ("student", pairs.student)):
        said = ~silent(side)
        lacking = int((said & np.isnan(side.sureness)).sum())
        if not said.any() or lacking == int(said.sum()):
            reasons.append(f"the {role} gives no log-probabilities of what it wrote")
        elif lacking:
            reasons.append(f"the {role} gives no log-probabilities for {lacking} of its answers")
        else:
            usable[role] = seen(np.where(said, side.sureness, 1.0), side.correct, pairs.ids)
    return usable, reasons[0] if reasons else ""


def with_confidence(pairs: PairTable) -> tuple[dict[str, Seen], str]:
    """The sides that say of every answer how sure they are, and why the first of the others is not among them."""
    if pairs.facts.task not in CHOOSING:
        return with_sureness(pairs)
    usable, reason = with_probabilities(pairs)
    return {role: seen(side.confidence, side.correct, pairs.ids) for role, side in usable.items()}, reason


def applies(facts: SuiteFacts) -> bool:
    """Suites whose models may say how sure they are of a right answer."""
    return gives_probabilities(facts) or writes_answers(facts)


def measure(pairs: PairTable, setting: Setting) -> dict[str, Measured]:
    """AUROC and AURC of teacher, student and student minus teacher, on the pairs that have a target."""
    pairs = pairs.with_target
    if pairs.n == 0:
        return undefined(FAMILY, "no example has a target")
    sides, reason = with_confidence(pairs)
    note = "" if pairs.facts.task in CHOOSING else A_SCORE
    return undefined(FAMILY, reason) | measured(statistics(note), sides, pairs, setting)


FAMILY = Family(
    name="selective",
    measure=measure,
    applies=applies,
    against=lost,
    # Inside one class, how often an answer is right depends on the class by construction.
    slices="declared",
    metrics=(*of_both("calibration.auroc", "higher"), *of_both("calibration.aurc", "lower")),
)
