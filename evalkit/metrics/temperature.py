"""Is one temperature all that a model's confidence needs? The temperature, and the scores after it.

Logits divided by a temperature give the same answers with less (above 1) or more certainty. It is fitted to the
targets, so scores after it are cross-fitted: each example is scaled by the temperature of the other folds, and none is
judged by a number that has seen its own target (Guo et al. 2017; folds are seeded and keep groups whole).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evalkit.metrics import Family, Metric, Setting, undefined
from evalkit.metrics.accuracy import lost
from evalkit.metrics.calibration import (
    CLIP,
    WORST_BRIER,
    WORST_NLL,
    applies,
    counted_as_wrong,
    means,
    of_score,
    with_probabilities,
)
from evalkit.metrics.calibration_errors import of_ece
from evalkit.metrics.confidences import measured, of_both, seen
from evalkit.metrics.folds import FOLDS, MIN_FITTED, folds
from evalkit.metrics.intervals import clustered, mean
from evalkit.stats.mean import cluster_mean, mean_interval
from evalkit.stats.proper_scores import brier_rows, nll_rows
from evalkit.stats.temperature import HIGHEST, LOWEST, Temperature, fit_temperature, logits, scaled
from evalkit.table import PairTable, Side
from evalkit.types import Estimate, Measured, Undefined

_NAME = "calibration.temperature"
_ECE = {f"{_NAME}.ece": of_ece("top label", f"cross-fitted over {FOLDS} folds, not fitted anew on resamples")}


@dataclass(frozen=True)
class _Fit:
    """The fit on all rows with probabilities, and what became of each row: `probs` as in Side, scaled by the
    temperature of the other folds. `said` is what a reader must know of the fits."""

    rows: NDArray[np.bool_]
    whole: Temperature
    probs: NDArray[np.float64]
    said: str


def measure(pairs: PairTable, setting: Setting) -> dict[str, Measured]:
    """Temperatures fitted on all examples; Brier, NLL and ECE after cross-fitted ones, and by how much the NLL fell.

    A failed output has no probabilities to scale: it stays certain and wrong, and teaches no temperature.
    """
    pairs = pairs.with_target
    if pairs.n == 0:
        return undefined(FAMILY, "no example has a target")
    usable, reason = with_probabilities(pairs)
    fits: dict[str, _Fit] = {}
    whys: dict[str, str] = {}
    for role, side in usable.items():
        fit = _fit(pairs, side, setting.seed)
        if isinstance(fit, _Fit):
            fits[role] = fit
        else:
            whys[role] = fit
    found = undefined(FAMILY, reason)
    for role, why in whys.items():
        mine = {metric.name for metric in FAMILY.metrics if metric.name.endswith((f".{role}", ".difference"))}
        found |= dict.fromkeys(mine, Undefined(reason=f"the {role} has no temperature: {why}"))
    for role, fit in fits.items():
        found[f"{_NAME}.{role}"] = _temperature(fit, pairs, setting)
        found[f"{_NAME}.nll.gain.{role}"] = _gain(fit, usable[role], pairs, setting)
    return found | _after({role: (usable[role], fit) for role, fit in fits.items()}, pairs, setting)


def rescaled(pairs: PairTable, side: Side, seed: int) -> NDArray[np.float64] | None:
    """The confidence of each answer, (n,), at the temperature of the other folds; None where the model has none.

    `pairs` have targets, and `side` is one of `with_probabilities`. A failed output stays certain.
    """
    fit = _fit(pairs, side, seed)
    return _confidence(side, fit) if isinstance(fit, _Fit) else None


def _fit(pairs: PairTable, side: Side, seed: int) -> _Fit | str:
    """The fits of one model, or why there are none."""
    assert side.probs is not None
    rows = side.has_probs
    if int(rows.sum()) < MIN_FITTED:
        return f"{int(rows.sum())} examples with probabilities are too few, it needs {MIN_FITTED}"
    if int(pairs.choices[rows].max()) < 2:
        return "there is only one label to choose from"
    offered = np.arange(side.probs.shape[1]) < pairs.choices[rows][:, None]
    held, clipped = logits(side.probs[rows], offered, CLIP)
    if not (np.where(offered, held, np.inf).min(axis=1) < held.max(axis=1)).any():
        return "all probabilities are equal, and stay so at every temperature"
    target = pairs.target_index[rows]
    whole = fit_temperature(held, target)
    if not whole.inside:
        return (
            f"it falls below {LOWEST:g}, for the likeliest answer is right wherever it matters"
            if whole.value < 1.0
            else f"it rises above {HIGHEST:g}, for the probabilities say next to nothing about the targets"
        )
    fold = folds(pairs, seed)[rows]
    others = {int(each): fit_temperature(held, target, fold != each) for each in np.unique(fold)}
    probs = np.zeros_like(side.probs)
    probs[rows] = scaled(held, np.array([others[int(each)].value for each in fold]))
    stopped = sum(not each.inside for each in others.values())
    said = f"; stopped at {LOWEST:g} or {HIGHEST:g} on {stopped} of {len(others)} folds" if stopped else ""
    said += f"; {clipped} probabilities below {CLIP:g} taken as {CLIP:g}" if clipped else ""
    return _Fit(rows, whole, probs, said)


def _temperature(fit: _Fit, pairs: PairTable, setting: Setting) -> Measured:
    """The fit on all examples; its interval is that of an M-estimator, on the logarithm."""
    n = int(fit.rows.sum())
    at = math.log(fit.whole.value)
    # Their mean is the logarithm, and their spread what each example does to it.
    values = at + n * fit.whole.influence
    interval = mean_interval(values, setting.level)
    assert interval is not None
    failed = f"; {pairs.n - n} failed outputs left out" if n < pairs.n else ""
    estimate = Estimate(
        value=at,
        low=min(interval.low, at),
        high=max(interval.high, at),
        level=setting.level,
        n=n,
        method=f"least NLL on all examples, linearised on its logarithm, Student t{failed}{fit.said}",
    )
    taken = pairs.take(fit.rows)
    on_log = clustered(estimate, taken, lambda group: cluster_mean(values, group, setting.level), (-math.inf, math.inf))
    if isinstance(on_log, Undefined):
        return on_log
    assert on_log.low is not None
    assert on_log.high is not None
    low, high = math.exp(on_log.low), math.exp(on_log.high)
    return Estimate(
        value=fit.whole.value,
        low=min(low, fit.whole.value),
        high=max(high, fit.whole.value),
        level=on_log.level,
        n=n,
        method=on_log.method,
    )


def _gain(fit: _Fit, side: Side, pairs: PairTable, setting: Setting) -> Measured:
    """NLL before less NLL after, example by example: above 0 the temperature helped."""
    assert side.probs is not None
    before, after = (nll_rows(probs, pairs.target_index, CLIP) for probs in (side.probs, fit.probs))
    rows = np.where(fit.rows, before - after, 0.0)
    return mean(rows, pairs, setting, bounds=(-WORST_NLL, WORST_NLL), note=f"paired, before less after{fit.said}")


def _after(fitted: dict[str, tuple[Side, _Fit]], pairs: PairTable, setting: Setting) -> dict[str, Measured]:
    found: dict[str, Measured] = {}
    notes = {}
    for role, (_, fit) in fitted.items():
        failed = counted_as_wrong(int((~fit.rows).sum()))
        notes[role] = f"cross-fitted over {FOLDS} folds{'; ' if failed else ''}{failed}{fit.said}"
    for name, of, top in (("brier", brier_rows, WORST_BRIER), ("nll", nll_rows, WORST_NLL)):
        rows = {role: np.where(fit.rows, of(fit.probs, pairs.target_index), top) for role, (_, fit) in fitted.items()}
        found |= means(f"{_NAME}.{name}", rows, notes, pairs, setting, top)
    sides = {role: seen(_confidence(side, fit), side.correct, pairs.ids) for role, (side, fit) in fitted.items()}
    return found | measured(_ECE, sides, pairs, setting)


def _confidence(side: Side, fit: _Fit) -> NDArray[np.float64]:
    """As Side.confidence, of the answer that the model gave before: no temperature changes it."""
    picked = fit.probs[np.arange(len(side.choice)), np.clip(side.choice, 0, None)]
    return np.where(fit.rows & (side.choice >= 0), picked, 1.0)


FAMILY = Family(
    name="temperature",
    measure=measure,
    applies=applies,
    against=lost,
    slices="declared",
    metrics=(
        *(
            Metric(name=f"{_NAME}.{role}", direction="neutral", unit="score", bounds=(0, math.inf), compares=False)
            for role in ("teacher", "student")
        ),
        *of_score(f"{_NAME}.brier", "score", WORST_BRIER),
        *of_score(f"{_NAME}.nll", "nats", WORST_NLL),
        *of_both(f"{_NAME}.ece", "lower"),
        *(
            Metric(
                name=f"{_NAME}.nll.gain.{role}",
                direction="neutral",
                unit="nats",
                bounds=(-WORST_NLL, WORST_NLL),
                compares=False,
            )
            for role in ("teacher", "student")
        ),
    ),
)
