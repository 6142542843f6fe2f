"""Agreement of written answers: how often both say the same, and how like each other their texts are.

Two models that both said nothing do not agree on anything.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evalkit.metrics import Family, Metric, Setting, undefined
from evalkit.metrics.intervals import mean, share
from evalkit.metrics.length import writes
from evalkit.stats.text import LONGEST, edit_similarity
from evalkit.table import PairTable, Side
from evalkit.types import Measured


def measure(pairs: PairTable, setting: Setting) -> dict[str, Measured]:
    """Over all examples: equal answers (extract: records; generate: texts), and similarity of texts in [0, 1]."""
    if pairs.n == 0:
        return undefined(FAMILY, "there are no examples to measure it on")
    if all(one is None and other is None for one, other in compared(pairs)):
        return undefined(FAMILY, "neither model said anything that could be compared")
    note = "equal records" if pairs.facts.task == "extract" else "equal texts, but for space around them"
    return {
        "agreement.exact": share(same(pairs), pairs, setting, note),
        "agreement.text_similarity": mean(
            similarity(pairs),
            pairs,
            setting,
            bounds=(0.0, 1.0),
            note=f"1 - edit distance / longer text, in the first {LONGEST} characters",
        ),
    }


def compared(pairs: PairTable) -> list[tuple[str | None, str | None]]:
    """What teacher and student said, to be compared whole: the record as parsed, or the text."""
    assert pairs.teacher is not None
    if pairs.facts.task == "extract":
        return list(zip(pairs.teacher.answer, pairs.student.answer, strict=True))
    return list(zip(texts(pairs.teacher), texts(pairs.student), strict=True))


def same(pairs: PairTable) -> NDArray[np.bool_]:
    """Both said the same."""
    return np.array([one is not None and one == other for one, other in compared(pairs)], dtype=bool)


def unlike(pairs: PairTable) -> NDArray[np.float64]:
    """How unlike the texts are in [0, 1], where what they say is not the same."""
    differs = np.array([one != other for one, other in compared(pairs)], dtype=bool)
    return np.where(differs, 1.0 - similarity(pairs), 0.0)


def similarity(pairs: PairTable) -> NDArray[np.float64]:
    """Edit similarity of the texts, row by row; 0 where one of them says nothing."""
    # Every slice asks for the same pairs again, and two long texts take a second.
    return pairs.once("edit similarity", _similarity)


def _similarity(pairs: PairTable) -> NDArray[np.float64]:
    assert pairs.teacher is not None
    both = zip(texts(pairs.teacher), texts(pairs.student), strict=True)
    return np.array(
        [
            0.0 if one is None or other is None else edit_similarity(one[:LONGEST], other[:LONGEST])
            for one, other in both
        ]
    )


def texts(side: Side) -> list[str | None]:
    """What was said, without the space around it; None for nothing."""
    return [(each or "").strip() or None for each in side.said]


FAMILY = Family(
    name="text",
    measure=measure,
    applies=writes,
    slices="declared",
    against=unlike,
    metrics=(
        Metric(name="agreement.exact", direction="higher", unit="share", bounds=(0, 1)),
        Metric(name="agreement.text_similarity", direction="higher", unit="score", bounds=(0, 1)),
    ),
)
