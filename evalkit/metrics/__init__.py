"""Metrics: families of named quantities, each computed from pairs by one function.

To add a family, write a module with a `FAMILY` (its metrics with their declared facts, and a function from a
PairTable and a Setting to one Estimate or Undefined per metric) and add a line to the table; another package
adds an entry point `evalkit.metrics`. tests/metrics/test_laws.py puts every declared fact to the test.
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
from evalkit.streams import stream
from evalkit.table import PairTable
from evalkit.types import Direction, Measured, SuiteFacts, Undefined

RESAMPLES = 1000
# Weights of all resamples are kept while they fit here (400 MB), and drawn again for every use beyond it.
_KEPT_CELLS = 200_000_000

GROUP = "evalkit.metrics"
TABLE = {
    "accuracy": "evalkit.metrics.accuracy:FAMILY",
    "f1": "evalkit.metrics.f1:FAMILY",
    "flips": "evalkit.metrics.flips:FAMILY",
    "errors": "evalkit.metrics.errors:FAMILY",
    "agreement": "evalkit.metrics.agreement:FAMILY",
    "noise": "evalkit.metrics.noise:FAMILY",
    "divergence": "evalkit.metrics.divergence:FAMILY",
    "calibration": "evalkit.metrics.calibration:FAMILY",
    "confidence": "evalkit.metrics.confidence:FAMILY",
    "outputs": "evalkit.metrics.outputs:FAMILY",
    "length": "evalkit.metrics.length:FAMILY",
    "text": "evalkit.metrics.text:FAMILY",
    "fields": "evalkit.metrics.fields:FAMILY",
    "score": "evalkit.metrics.score:FAMILY",
    "safety": "evalkit.metrics.safety:FAMILY",
    "latency": "evalkit.metrics.latency:FAMILY",
    "tokens_in_time": "evalkit.metrics.tokens_in_time:FAMILY",
    "fixed_budget": "evalkit.metrics.fixed_budget:FAMILY",
    "throughput": "evalkit.metrics.throughput:FAMILY",
    "memory": "evalkit.metrics.memory:FAMILY",
    "flops": "evalkit.metrics.flops:FAMILY",
}
# Quantities of the models themselves, which no suite has: rows with suite null.
RUN_TABLE = {"size": "evalkit.metrics.size:FAMILY"}


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
    _kept: dict[str, list[NDArray[np.uint16]]] = field(default_factory=dict, repr=False, compare=False)

    def weights(self, pairs: PairTable, strata: NDArray[np.int64] | None = None) -> Iterator[NDArray[np.float64]]:
        """Bootstrap weights for these pairs, (some, n) each; the same for every metric of a slice, so paired."""
        from evalkit.stats.resample import weight_chunks

        kind = "plain" if strata is None else "stratified"
        # The count is part of the name: with_target may drop rows, and weights must fit the rows.
        key = f"{kind}/{pairs.n}"
        if key not in self._kept:
            rng = stream(self.seed, "bootstrap", kind, *self.names)
            drawn = weight_chunks(pairs.n, self.resamples, rng, groups=pairs.group, strata=strata)
            if pairs.n * self.resamples > _KEPT_CELLS:
                yield from drawn
                return
            # A row is hardly ever drawn ten times: two bytes are plenty, and a quarter of the room.
            self._kept[key] = [chunk.astype(np.uint16) for chunk in drawn]
        yield from (chunk.astype(np.float64) for chunk in self._kept[key])


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
