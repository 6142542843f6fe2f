"""The bootstrap as row weights, and the interval read off it.

A statistic that understands weights (see evalkit.stats.arrays) is resampled by handing it chunks of weights:

    resampled = np.concatenate([statistic(chunk) for chunk in weight_chunks(n, 2000, rng)])
    interval = centred_interval(value, resampled, 0.95)
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from evalkit.stats.arrays import Floats, Ints, floats
from evalkit.stats.interval import Interval


def weight_chunks(
    n: int,
    resamples: int,
    rng: np.random.Generator,
    *,
    groups: ArrayLike | None = None,
    strata: ArrayLike | None = None,
    max_cells: int = 4_000_000,
) -> Iterator[Floats]:
    """Bootstrap weights in chunks of shape (some, n), `resamples` rows in all; whole numbers as float64.

    `groups` (n,): the rows of a group are drawn together, as many groups as there are. `strata` (n,): drawn inside
    each stratum, whose number of rows (or of groups) stays what it is; groups that span several strata are drawn among
    themselves. The rows depend on `rng` and the arguments only, not on `max_cells`, which bounds the memory of a chunk.
    Source: Efron (1979); the cluster and stratified forms are in Davison and Hinkley (1997), ch. 3.
    """
    if n < 1:
        raise ValueError("there is no row to draw from")
    unit_of_row, units = _coded(groups, n)
    step_cells = max_cells * units // max(n, units)
    for counts in unit_chunks(
        units, resamples, rng, strata=_stratum_of_unit(unit_of_row, units, strata, n), max_cells=step_cells
    ):
        yield counts if groups is None else counts[:, unit_of_row]


def unit_chunks(
    units: int,
    resamples: int,
    rng: np.random.Generator,
    *,
    strata: ArrayLike | None = None,
    max_cells: int = 4_000_000,
) -> Iterator[Floats]:
    """As `weight_chunks`, of the units that are drawn as wholes: chunks of shape (some, units)."""
    stratum = np.zeros(units, dtype=np.int64) if strata is None else np.asarray(strata, dtype=np.int64)
    order, first, size = _strata(stratum)
    step = max(1, max_cells // units)
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        # A draw u picks the place floor(u * size) of its own stratum; a row takes `units` draws in order, which is
        # why cutting the rows into other chunks cannot change them.
        place = np.minimum((rng.random((rows, units)) * size).astype(np.int64), size - 1)
        picked = order[first + place]
        flat = picked + units * np.arange(rows, dtype=np.int64)[:, None]
        yield np.bincount(flat.ravel(), minlength=rows * units).reshape(rows, units).astype(np.float64)


def kind_chunks(
    count: ArrayLike,
    resamples: int,
    rng: np.random.Generator,
    *,
    strata: ArrayLike | None = None,
    max_cells: int = 4_000_000,
) -> Iterator[Floats]:
    """Bootstrap weights of kinds of rows (see evalkit.stats.kinds), chunks of shape (some, k).

    Each kind's weight is how many of its `count` (k,) rows are drawn, in all and with `strata` (k,) inside each
    stratum: multinomial, as if row by row. The draws do not depend on `max_cells`.
    """
    counts = np.asarray(count, dtype=np.int64)
    if counts.size == 0 or counts.min() < 1:
        raise ValueError("a kind without rows cannot be drawn")
    stratum = np.zeros(counts.size, dtype=np.int64) if strata is None else np.asarray(strata, dtype=np.int64)
    members = [np.flatnonzero(stratum == each) for each in np.unique(stratum)]
    # A stream for each stratum: taken in turns from one, the draws would depend on where a chunk ends.
    streams = rng.spawn(len(members))
    step = max(1, max_cells // counts.size)
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        drawn = np.empty((rows, counts.size))
        for inside, own in zip(members, streams, strict=True):
            size = int(counts[inside].sum())
            drawn[:, inside] = own.multinomial(size, counts[inside] / size, size=rows)
        yield drawn


def blocks(n: int, most: int, rng: np.random.Generator) -> Ints:
    """The block (0 .. most - 1) of each of n rows: at random, their sizes equal but for one row.

    Sums over random blocks of independent rows are independent, too, so drawing whole blocks shows the spread that
    drawing rows shows, known as well as `most` values know it: the random groups of Wolter (2007), Introduction to
    Variance Estimation, ch. 2.
    """
    return (rng.permutation(n) % most).astype(np.int64)


def grouped(groups: ArrayLike, strata: ArrayLike | None = None) -> tuple[Ints, int, Ints]:
    """(unit of each row, number of units, stratum of each unit) where rows of a group are drawn together.

    Units that span several strata share one of their own.
    """
    unit_of_row, units = _coded(groups, np.size(groups))
    return unit_of_row, units, _stratum_of_unit(unit_of_row, units, strata, np.size(groups))


def centred_interval(
    value: float,
    resampled: ArrayLike,
    level: float,
    *,
    low: float = -math.inf,
    high: float = math.inf,
    max_undefined: float = 0.01,
) -> Interval | None:
    """Percentile interval of the resampled values, moved by value - mean(resampled); holds `value`, in [low, high].

    The move takes out the bias that resampling adds to statistics with an absolute value or a maximum in them (an
    expected calibration error grows when rows are repeated). Entries that are not finite are undefined resamples:
    None when they are more than `max_undefined` of all, when fewer than 2 are left, or when `value` is not finite.
    Source: Efron and Tibshirani (1993), ch. 10 (bootstrap estimate of bias) and ch. 13 (percentile interval).
    """
    draws = floats(resampled).ravel()
    defined = draws[np.isfinite(draws)]
    if not math.isfinite(value) or defined.size < 2 or draws.size - defined.size > max_undefined * draws.size:
        return None
    ends = np.quantile(defined, [(1.0 - level) / 2.0, (1.0 + level) / 2.0]) + (value - float(np.mean(defined)))
    return Interval(min(max(float(ends[0]), low), value), max(min(float(ends[1]), high), value))


def _coded(groups: ArrayLike | None, n: int) -> tuple[Ints, int]:
    if groups is None:
        return np.arange(n, dtype=np.int64), n
    _, index = np.unique(_of_length(groups, n), return_inverse=True)
    return index.astype(np.int64), int(index.max()) + 1


def _stratum_of_unit(unit_of_row: Ints, units: int, strata: ArrayLike | None, n: int) -> Ints:
    if strata is None:
        return np.zeros(units, dtype=np.int64)
    _, index = np.unique(_of_length(strata, n), return_inverse=True)
    stratum = index.astype(np.int64)
    lowest = np.full(units, np.iinfo(np.int64).max)
    highest = np.full(units, -1, dtype=np.int64)
    np.minimum.at(lowest, unit_of_row, stratum)
    np.maximum.at(highest, unit_of_row, stratum)
    return np.where(lowest == highest, lowest, -1)


def _strata(stratum: Ints) -> tuple[Ints, Ints, Ints]:
    """Units sorted by stratum; and, place by place, where the stratum starts and how many units it has."""
    order = np.argsort(stratum, kind="stable").astype(np.int64)
    _, starts, sizes = np.unique(stratum[order], return_index=True, return_counts=True)
    return order, np.repeat(starts, sizes).astype(np.int64), np.repeat(sizes, sizes).astype(np.int64)


def _of_length(codes: ArrayLike, n: int) -> Ints:
    array = np.asarray(codes)
    if array.shape != (n,):
        raise ValueError(f"codes of shape {array.shape} do not fit {n} rows")
    return array
