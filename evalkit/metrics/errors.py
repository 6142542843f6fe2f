"""Whose errors: inherited from the teacher, or introduced by the student.

And whether the two err together more than their accuracies explain (Geirhos et al. 2020, arXiv 2006.16736), and give
the same wrong answer more often than chance lets two wrong answers meet (evalkit/stats/coincidence.py).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from evalkit.metrics import Family, Metric, Setting, undefined
from evalkit.metrics.accuracy import binary, lost
from evalkit.metrics.flips import same_wrong
from evalkit.metrics.intervals import cells, mean, p_value, resampled, share, share_among
from evalkit.stats.agreement import error_consistency, kappa_influence, kappa_unit
from evalkit.stats.coincidence import beyond_chance, coincidence, grouped_p, known_chance_p, permutation_p
from evalkit.stats.kinds import kinds
from evalkit.table import PairTable
from evalkit.types import CHOOSING, Estimate, Measured, Undefined

# Both right, teacher only, student only, both wrong.
_CELLS = ((True, True), (True, False), (False, True), (False, False))


def measure(pairs: PairTable, setting: Setting) -> dict[str, Measured]:
    """Rates are over all examples with a target. A high inherited rate is what distillation does; it marks
    the examples on which agreeing with the teacher hides an error."""
    pairs = pairs.with_target
    if pairs.n == 0:
        return undefined(FAMILY, "no example has a target")
    assert pairs.teacher is not None
    teacher, student = pairs.teacher.correct, pairs.student.correct
    a, b, c, d = cells(teacher, student)
    each = kinds(teacher, student)
    outcomes = teacher.astype(np.int64), student.astype(np.int64)
    right = [of[each.first] for of in (teacher, student)]
    table = np.stack([(right[0] == t) & (right[1] == s) for t, s in _CELLS], axis=1).astype(float)
    return {
        **_inherited(pairs, setting),
        "errors.introduced.rate": share(teacher & ~student, pairs, setting),
        "errors.consistency_kappa": resampled(
            error_consistency(a, b, c, d),
            lambda weights: error_consistency(*(weights @ table).T),
            pairs,
            setting,
            bounds=(-1.0, 1.0),
            otherwise="both models are always right or always wrong",
            kinds=each,
            # It is Cohen's kappa of being right, and moves as that does.
            influence=kappa_influence(*outcomes, 2),
            unit=kappa_unit(*outcomes, 2),
        ),
    }


@dataclass(frozen=True)
class _Met:
    """Two wrong answers meeting: the rows it is about, the chance of each, p-value, and pseudo-values of the excess
    where the chance itself is in doubt."""

    rows: NDArray[np.bool_]
    chance: NDArray[np.float64]
    p: float
    how: str
    pseudo: NDArray[np.float64] | None = None


def _inherited(pairs: PairTable, setting: Setting) -> dict[str, Measured]:
    """The same wrong answer of both: its share, and how much that is more than chance lets two wrong answers meet."""
    same, met = same_wrong(pairs), _met(pairs)
    note = "" if isinstance(met, Undefined) else f"{met.chance.sum() / pairs.n:.4f} expected by chance"
    found: dict[str, Measured] = {
        "errors.inherited.rate": share(same, pairs, setting, note),
        "errors.inherited.share": share_among(same, ~pairs.student.correct, pairs, setting, "the student's errors"),
    }
    if isinstance(met, Undefined):
        return {**found, _EXCESS: met, _P: met}
    told = int(met.rows.sum())
    observed = share_among(same, met.rows, pairs, setting, f"the {told} examples that both got wrong")
    if isinstance(observed, Undefined):
        return {**found, _EXCESS: observed, _P: observed}
    excess, p = _excess(observed, met, pairs, setting), met.p
    if pairs.group is not None:
        p = max(p, grouped_p(same[met.rows], met.chance[met.rows], pairs.group[met.rows]))
    return {**found, _EXCESS: excess, _P: p_value(p, told, setting, f"{met.how}, one-sided")}


def _excess(observed: Estimate, met: _Met, pairs: PairTable, setting: Setting) -> Measured:
    """What is above chance, as a part of what could be: 0 is what chance gives, 1 is always the same answer."""
    chance = float(met.chance[met.rows].mean())
    assert observed.low is not None
    assert observed.high is not None
    value, low, high = (beyond_chance(each, chance) for each in (observed.value, observed.low, observed.high))
    if value is None or low is None or high is None:
        return _ALWAYS
    method = f"{observed.method}; {observed.value:.4f} beyond {chance:.4f} by chance"
    if met.pseudo is None:
        return replace(observed, value=value, low=low, high=high, method=method)
    doubt = mean(met.pseudo, pairs, setting)
    if isinstance(doubt, Undefined):
        return doubt
    assert doubt.low is not None
    assert doubt.high is not None
    # The jackknife's middle is a little off the value; its width is what counts.
    low, high = min(low, value - (doubt.value - doubt.low)), max(high, min(1.0, value + (doubt.high - doubt.value)))
    return replace(observed, value=value, low=low, high=high, method=f"{method}; at least as wide as by jackknife")


def _met(pairs: PairTable) -> _Met | Undefined:
    assert pairs.teacher is not None
    teacher, student = pairs.teacher, pairs.student
    wrong = ~teacher.correct & ~student.correct
    if pairs.facts.task not in CHOOSING:
        return Undefined(reason="nothing is chosen from, so how often two wrong answers meet by chance is not known")
    if not wrong.any():
        return Undefined(reason="no example got a wrong answer of both models")
    if pairs.facts.task == "choose":
        # Choices of an example's own have no shares to go by: any of its wrong ones is as likely.
        chance = np.asarray((wrong & teacher.answered & student.answered) / np.maximum(1, pairs.choices - 1))
        p = known_chance_p(same_wrong(pairs)[wrong], chance[wrong])
        assert p is not None
        return _Met(wrong, chance, p, "binomial, any wrong choice as likely")
    if len(pairs.facts.labels) == 2:
        return _ALWAYS
    choices = teacher.choice, student.choice, pairs.target_index
    found, p = coincidence(*choices), permutation_p(*choices)
    if found is None or p is None:
        return Undefined(reason="no class holds enough wrong answers to tell how often two meet by chance")
    return _Met(found.used, found.expected, p, "wrong answers of a class dealt out anew", found.pseudo)


_ALWAYS = Undefined(reason="there is only one wrong answer to give, so two wrong answers always meet")
_EXCESS, _P = "errors.inherited.excess", "errors.inherited.p"

FAMILY = Family(
    name="errors",
    measure=measure,
    applies=binary,
    against=lost,
    metrics=(
        Metric(name="errors.inherited.rate", direction="neutral", unit="share", bounds=(0, 1)),
        Metric(name=_EXCESS, direction="neutral", unit="score", bounds=(-math.inf, 1)),
        Metric(name=_P, direction="neutral", unit="p-value", bounds=(0, 1)),
        Metric(name="errors.inherited.share", direction="neutral", unit="share", bounds=(0, 1)),
        Metric(name="errors.introduced.rate", direction="lower", unit="share", bounds=(0, 1), identity=0.0),
        Metric(name="errors.consistency_kappa", direction="neutral", unit="score", bounds=(-1, 1), identity=1.0),
    ),
)
