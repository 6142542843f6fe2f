"""From confidences to Estimates: statistics of how sure a model was and whether it was right.

Both models are seen on the same resamples. Of very many examples, those of nearly the same confidence are counted
together for the interval (never for the value).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalkit.metrics import LARGE, Metric, Setting
from evalkit.metrics.intervals import from_resamples, worth_of
from evalkit.stats.binned_calibration import equal_mass_bins
from evalkit.stats.interval import Interval
from evalkit.stats.kinds import Kinds, kinds, spread
from evalkit.stats.square_and_add import square_and_add
from evalkit.table import PairTable
from evalkit.types import Direction, Estimate, Measured

MASS_BINS = 15
# Under so many rows a bin of equal mass, resampled differences are surer than they may be (scripts/simulate).
FEW_A_BIN = 20
# Confidences of very many rows are told apart to this fraction: a multiple of the bins of ECE, so that no row changes
# its bin.
_STEPS = 15 * 256


@dataclass(frozen=True)
class Seen:
    """One model's rows as a statistic reads them: confidence and whether it was right, (n,) each, and the row's bin of
    equal mass. `kinds` says which rows these stand for, where they are very many."""

    confidence: NDArray[np.float64]
    correct: NDArray[np.float64]
    mass_bin: NDArray[np.int64]
    kinds: Kinds | None = None


@dataclass(frozen=True, kw_only=True)
class Statistic:
    """`of` maps rows and weights, (resamples, n) or None, to values (resamples,), NaN where a resample has none, or to
    one value or None. `otherwise` is why it may have none. With `carried` its spread is that of the few errors (or the
    few right answers), and its interval is stretched as theirs would be; `unit` is what one row more is worth, times n.
    `bounds` gives an interval of its own from all
    rows, a level and how many independent rows each counts for; the wider one counts."""

    of: Callable[[Seen, NDArray[np.float64] | None], Any]
    note: str
    otherwise: str = "there is nothing to measure it on"
    carried: bool = False
    unit: Callable[[Seen], float] = lambda rows: 1.0
    bounds: Callable[[Seen, float, float], Interval] | None = None


def seen(confidence: NDArray[np.float64], correct: NDArray[np.bool_], ids: NDArray[np.object_]) -> Seen:
    """One model's rows with their bins, from how sure it was of each, in [0, 1], and whether it was right.

    Where a bin ends among equal confidences, the order of `ids` says who is in it: an order that means nothing, and
    stays when rows are shuffled.
    """
    bins = np.empty(confidence.size, dtype=np.int64)
    order = np.argsort(ids.astype(str), kind="stable")
    bins[order] = equal_mass_bins(confidence[order], MASS_BINS)
    return Seen(confidence, correct.astype(float), bins)


def measured(
    statistics: Mapping[str, Statistic], sides: Mapping[str, Seen], pairs: PairTable, setting: Setting
) -> dict[str, Measured]:
    """Statistic `name` of each role as `name.role`, in [0, 1], and where both are there student minus teacher as
    `name.difference`, in [-1, 1]: bootstrap, both models on the same resamples."""
    drawn = _drawn(statistics, {role: _of_kinds(each) for role, each in sides.items()}, pairs, setting)
    errors = {role: each.correct - each.correct.mean() for role, each in sides.items()}
    found: dict[str, Measured] = {}
    for name, statistic in statistics.items():
        values = {role: statistic.of(each, None) for role, each in sides.items()}
        for role, value in values.items():
            estimate = from_resamples(
                value,
                drawn[name, role],
                pairs,
                setting,
                bounds=(0.0, 1.0),
                otherwise=statistic.otherwise,
                influence=errors[role] if statistic.carried else None,
                unit=statistic.unit(sides[role]),
                note=statistic.note,
            )
            if statistic.bounds is not None and isinstance(estimate, Estimate):
                # Little error of few rows may look like less than chance gives, so the plain bounds count, too.
                for worth in (1.0, worth_of(errors[role], pairs.group)):
                    estimate = _holding(estimate, statistic.bounds(sides[role], setting.level, worth))
            found[f"{name}.{role}"] = estimate
        if len(values) == 2:
            teacher, student = values["teacher"], values["student"]
            change = from_resamples(
                None if teacher is None or student is None else student - teacher,
                drawn[name, "student"] - drawn[name, "teacher"],
                pairs,
                setting,
                bounds=(-1.0, 1.0),
                otherwise=statistic.otherwise,
                influence=errors["student"] + errors["teacher"] if statistic.carried else None,
                unit=max(statistic.unit(each) for each in sides.values()),
                note="paired",
            )
            both = found[f"{name}.teacher"], found[f"{name}.student"]
            if statistic.bounds is not None and pairs.n < FEW_A_BIN * MASS_BINS:
                change = _of_the_two(change, *both)
            found[f"{name}.difference"] = change
    return found


def _holding(estimate: Estimate, bounds: Interval) -> Estimate:
    """The estimate with an interval that holds both its own and `bounds`."""
    assert estimate.low is not None
    assert estimate.high is not None
    return replace(estimate, low=min(estimate.low, bounds.low), high=max(estimate.high, bounds.high))


def _of_the_two(change: Measured, teacher: Measured, student: Measured) -> Measured:
    """A difference that is no surer than the two are for themselves."""
    if not (isinstance(change, Estimate) and isinstance(teacher, Estimate) and isinstance(student, Estimate)):
        return change
    assert change.low is not None
    assert change.high is not None
    apart = square_and_add(teacher.value, _interval(teacher), student.value, _interval(student))
    low, high = min(change.low, max(-1.0, apart.low)), max(change.high, min(1.0, apart.high))
    return replace(change, low=low, high=high, method=f"{change.method}; few a bin, so no surer than both apart")


def _interval(estimate: Estimate) -> Interval:
    assert estimate.low is not None
    assert estimate.high is not None
    return Interval(estimate.low, estimate.high)


def of_both(name: str, better: Direction, unit: str = "score") -> tuple[Metric, ...]:
    """The facts of such a statistic, of both roles and their difference."""
    return (
        *(
            Metric(name=f"{name}.{role}", direction=better, unit=unit, bounds=(0, 1), compares=False)
            for role in ("teacher", "student")
        ),
        Metric(name=f"{name}.difference", direction=better, unit=unit, bounds=(-1, 1), identity=0.0),
    )


def _of_kinds(rows: Seen) -> Seen:
    if rows.confidence.size <= LARGE:
        return rows
    step = np.ceil(rows.confidence * _STEPS).astype(np.int64)
    each = kinds(np.clip(step, 1, _STEPS), rows.correct)
    mean = np.bincount(each.of_row, weights=rows.confidence) / each.rows
    return Seen(mean, rows.correct[each.first], rows.mass_bin[each.first], each)


def _drawn(
    statistics: Mapping[str, Statistic], sides: Mapping[str, Seen], pairs: PairTable, setting: Setting
) -> dict[tuple[str, str], NDArray[np.float64]]:
    """Every statistic of every model on every resample."""
    if not sides:
        return {}
    widest = max(each.confidence.size for each in sides.values())
    unit_of_row, chunks = setting.units(pairs, None, widest)
    weigh = {
        role: (lambda chunk: chunk[:, unit_of_row]) if each.kinds is None else spread(each.kinds, unit_of_row)
        for role, each in sides.items()
    }
    parts: dict[tuple[str, str], list[NDArray[np.float64]]] = {}
    for chunk in chunks:
        for role, each in sides.items():
            weights = weigh[role](chunk)
            for name, statistic in statistics.items():
                parts.setdefault((name, role), []).append(np.asarray(statistic.of(each, weights)))
    return {which: np.concatenate(values) for which, values in parts.items()}
