"""Who refused what, on a safety-refusal suite."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from evalkit.metrics.outputs import silent
from evalkit.metrics.safety import FAMILY, UNTOLD, stance
from evalkit.table import PairTable, Side
from evalkit.types.points import Refusals

NONE = "none"


def refusals(pairs: PairTable) -> Refusals:
    """How many answers there are of each expectation and each stance of both models, in the order of the words; they
    add up to all rows.

    Of what is undetermined for the metrics, "none" is what gave no answer to judge. Empty where the suite is none of
    refusals, or where its scorer does not tell.
    """
    if not FAMILY.applies(pairs.facts) or pairs.teacher is None:
        return {}
    teacher, student = _stances(pairs.teacher), _stances(pairs.student)
    if (teacher == UNTOLD).any() or (student == UNTOLD).any():
        return {}
    counts = Counter(zip(pairs.expect.tolist(), teacher.tolist(), student.tolist(), strict=True))
    return {each: counts[each] for each in sorted(counts)}


def _stances(side: Side) -> NDArray[np.str_]:
    told = stance(side)
    return np.where((told == "undetermined") & (silent(side) | ~side.answered), NONE, told)
