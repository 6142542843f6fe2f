"""Metrics: families of named quantities, each computed from pairs by one function.

To add a family, write a module with a `FAMILY` (its metrics with their declared facts, and a function from a
PairTable and a Setting to one Estimate or Undefined per metric) and add a line to the table; another package
adds an entry point `evalkit.metrics`. tests/metrics/test_laws.py puts every declared fact to the test.

A family is a file of the table below. What several families need:

    intervals     from counts and rows to Estimates: the interval of each kind of quantity
    confidences   from confidences to Estimates, of both models on the same resamples
    times         from seconds to Estimates
    texts_read    which texts of the teacher's the student has read, and ratios over their tokens
    twice         what the teacher's second run, or its other samples, changed
    change        what became of each example, for the comparison of slices
    folds         seeded parts of a suite
    planned       names that the contract reserves
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from evalkit.metrics.planned import PLANNED
from evalkit.registry import names, resolve
from evalkit.stats.kinds import Kinds, spread
from evalkit.streams import stream
from evalkit.table import PairTable
from evalkit.types import Direction, Measured, SuiteFacts, Terms, Undefined

# Resamples where kinds of rows can be counted (evalkit/stats/kinds.py), and where every row must be weighed.
RESAMPLES, ROW_RESAMPLES = 10_000, 1000
# With ever more kinds fewer resamples, down to those of rows.
_KIND_CELLS = 20_000_000
# More rows than this are drawn in random blocks, of which there are so many.
LARGE, BLOCKS = 20_000, 2000
# What weights of some resamples may take at a time (32 MB).
_CHUNK_CELLS = 4_000_000
# Weights of all resamples are kept while they fit here (400 MB), and drawn again for every use beyond it.
_KEPT_CELLS = 200_000_000

GROUP = "evalkit.metrics"
TABLE = {
    # Right, wrong and in between.
    "accuracy": "evalkit.metrics.accuracy:FAMILY",
    "f1": "evalkit.metrics.f1:FAMILY",
    "fields": "evalkit.metrics.fields:FAMILY",
    "score": "evalkit.metrics.score:FAMILY",
    # What changed, and whose errors.
    "flips": "evalkit.metrics.flips:FAMILY",
    "unstable": "evalkit.metrics.unstable:FAMILY",
    "errors": "evalkit.metrics.errors:FAMILY",
    # Agreement with the teacher, beside the teacher with itself.
    "agreement": "evalkit.metrics.agreement:FAMILY",
    "divergence": "evalkit.metrics.divergence:FAMILY",
    "kl": "evalkit.metrics.kl:FAMILY",
    "forced": "evalkit.metrics.forced:FAMILY",
    "text": "evalkit.metrics.text:FAMILY",
    "noise": "evalkit.metrics.noise:FAMILY",
    "noise_kl": "evalkit.metrics.noise_kl:FAMILY",
    # Confidence, as it is and as it could be; handing over where there is little.
    "calibration": "evalkit.metrics.calibration:FAMILY",
    "calibration_errors": "evalkit.metrics.calibration_errors:FAMILY",
    "ece_consistency": "evalkit.metrics.ece_consistency:FAMILY",
    "overconfidence": "evalkit.metrics.overconfidence:FAMILY",
    "selective": "evalkit.metrics.selective:FAMILY",
    "temperature": "evalkit.metrics.temperature:FAMILY",
    "mapped": "evalkit.metrics.mapped:FAMILY",
    "fallback": "evalkit.metrics.fallback:FAMILY",
    # What comes back, and how much of it.
    "outputs": "evalkit.metrics.outputs:FAMILY",
    "length": "evalkit.metrics.length:FAMILY",
    # Safety suites, as detected and as people see them.
    "safety": "evalkit.metrics.safety:FAMILY",
    "safety_corrected": "evalkit.metrics.corrected:FAMILY",
    # Times, memory and operations.
    "latency": "evalkit.metrics.latency:FAMILY",
    "tokens_in_time": "evalkit.metrics.tokens_in_time:FAMILY",
    "fixed_budget": "evalkit.metrics.fixed_budget:FAMILY",
    "throughput": "evalkit.metrics.throughput:FAMILY",
    "memory": "evalkit.metrics.memory:FAMILY",
    "flops": "evalkit.metrics.flops:FAMILY",
}
# Quantities of the models themselves, which no suite has: rows with suite null.
RUN_TABLE = {"size": "evalkit.metrics.size:FAMILY", "cost": "evalkit.metrics.cost:FAMILY"}


# How much each example speaks against the student, for a reader who wants to see some: 0 or False, not at all.
Against = Callable[[PairTable], NDArray[Any]]


def nothing(pairs: PairTable) -> NDArray[Any]:
    """No example speaks against the student."""
    return np.zeros(pairs.n, dtype=bool)


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A named quantity and what is true of it whatever the data.

    `identity` is its value when the student is the teacher (None: it depends on the data). `bounds`
    are closed. `compares` says that it speaks of teacher and student together: only such metrics are
    measured against a champion, and none of them without a teacher. `against` where it is not its family's.
    """

    name: str
    direction: Direction
    unit: str
    bounds: tuple[float, float]
    identity: float | None = None
    compares: bool = True
    against: Against | None = None


@dataclass(frozen=True, kw_only=True)
class Family:
    """Metrics that share their work. `slices` says where besides whole suites they are measured.

    `timed` ones belong into timings.json; `champion` says whether they mean anything against one; `against`
    finds the examples that speak against the student.
    """

    name: str
    metrics: tuple[Metric, ...]
    measure: Callable[[PairTable, Setting], Mapping[str, Measured]]
    applies: Callable[[SuiteFacts], bool] = lambda facts: True
    slices: Literal["all", "declared", "none"] = "all"
    timed: bool = False
    champion: bool = True
    against: Against = nothing


@dataclass(frozen=True)
class Setting:
    """How to measure: two-sided coverage of the intervals, and the named stream that draws come from."""

    level: float
    seed: int
    names: tuple[str, ...]
    resamples: int = RESAMPLES
    _kept: dict[str, NDArray[np.uint16]] = field(default_factory=dict, repr=False, compare=False)
    terms: Terms = field(default_factory=Terms)

    def weights(
        self, pairs: PairTable, strata: NDArray[np.int64] | None = None, kinds: Kinds | None = None
    ) -> Iterator[NDArray[np.float64]]:
        """Bootstrap weights for these pairs, (some, n) each; the same for every metric of a slice, so paired.

        With `kinds` of rows: the weights of each kind, (some, k). `strata` are drawn inside themselves, and must then
        be the same for all rows of a kind.
        """
        # Groups of one example each are no groups.
        alone = pairs.group is None or len(np.unique(pairs.group)) == pairs.n
        if kinds is not None and alone:
            from evalkit.stats.resample import kind_chunks

            inside = None if strata is None else strata[kinds.first]
            many = max(min(self.resamples, ROW_RESAMPLES), min(self.resamples, _KIND_CELLS // kinds.first.size))
            yield from kind_chunks(
                kinds.rows, many, stream(self.seed, "bootstrap", "kinds", *self.names), strata=inside
            )
            return
        unit_of_row, chunks = self.units(pairs, strata, pairs.n if kinds is None else kinds.first.size)
        if kinds is not None:
            of_kinds = spread(kinds, unit_of_row)
            yield from (of_kinds(chunk) for chunk in chunks)
            return
        for chunk in chunks:
            yield chunk if chunk.shape[1] == pairs.n and pairs.group is None else chunk[:, unit_of_row]

    def units(
        self, pairs: PairTable, strata: NDArray[np.int64] | None, width: int
    ) -> tuple[NDArray[np.int64], Iterator[NDArray[np.float64]]]:
        """What is drawn as a whole (rows, groups, or random blocks of very many rows): the unit of each row, and
        weights of the units, (some, units) each, few enough at a time that (some, width) needs no more room."""
        from evalkit.stats.resample import blocks, grouped

        unit_of_row = np.arange(pairs.n, dtype=np.int64) if pairs.group is None else pairs.group
        if pairs.group is None and strata is None and pairs.n > LARGE:
            unit_of_row = blocks(pairs.n, BLOCKS, stream(self.seed, "bootstrap", "blocks", *self.names))
        unit_of_row, units, stratum = grouped(unit_of_row, strata)
        step = max(1, _CHUNK_CELLS // max(width, units))
        # The count is part of the name: with_target may drop rows, and weights must fit the rows.
        key = f"{'plain' if strata is None else 'stratified'}/{pairs.n}"
        return unit_of_row, self._unit_chunks(key, units, None if strata is None else stratum, step)

    def _unit_chunks(
        self, key: str, units: int, strata: NDArray[np.int64] | None, step: int
    ) -> Iterator[NDArray[np.float64]]:
        from evalkit.stats.resample import unit_chunks

        many = min(self.resamples, ROW_RESAMPLES)
        if key not in self._kept:
            rng = stream(self.seed, "bootstrap", key.partition("/")[0], *self.names)
            drawn = unit_chunks(units, many, rng, strata=strata, max_cells=step * units)
            if units * many > _KEPT_CELLS:
                yield from drawn
                return
            # A row is hardly ever drawn ten times: two bytes are plenty, and a quarter of the room.
            self._kept[key] = np.concatenate([chunk.astype(np.uint16) for chunk in drawn])
        kept = self._kept[key]
        yield from (kept[start : start + step].astype(np.float64) for start in range(0, len(kept), step))


@cache
def families() -> tuple[Family, ...]:
    """Every family that is measured on suites, evalkit's own first."""
    return tuple(resolve(GROUP, TABLE, name) for name in names(GROUP, TABLE))


@cache
def run_families() -> tuple[object, ...]:
    """Families of the models themselves."""
    return tuple(resolve(GROUP, RUN_TABLE, name) for name in RUN_TABLE)


@cache
def catalogue() -> Mapping[str, tuple[Metric, Family | None]]:
    """Metric name → its facts and its family; a family of None means: of the run, not of a suite."""
    found: dict[str, tuple[Metric, Family | None]] = {}
    for family in families():
        found.update({metric.name: (metric, family) for metric in family.metrics})
    for each in run_families():
        found.update({metric.name: (metric, None) for metric in each.metrics})  # type: ignore[attr-defined]
    return found


def known_names() -> list[str]:
    """Every metric name that a policy may use: those measured here, and those of the contract still to come."""
    return sorted({*catalogue(), *PLANNED})


def undefined(family: Family, reason: str) -> dict[str, Measured]:
    """The same reason for every metric of a family."""
    return {metric.name: Undefined(reason=reason) for metric in family.metrics}
