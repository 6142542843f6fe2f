"""A run as its reports see it: plain records, no model and no file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from evalkit.types import MetricRow, Pair, Transition, Verdict
from evalkit.types.points import SuitePoints


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """`manifest` is the JSON object of manifest.json; `points` are by suite.

    `pairs` are the examples to be read: first the `changed` ones, whose outcome or answer changed or that failed, worst
    first, then the others as the suites have them. Of very many only some are held; `pairs_total` counts all."""

    manifest: Mapping[str, Any]
    verdict: Verdict
    results: tuple[MetricRow, ...]
    timings: tuple[MetricRow, ...]
    transitions: Mapping[str, Transition]
    pairs: tuple[Pair, ...]
    changed: int
    pairs_total: int
    points: Mapping[str, SuitePoints] = field(default_factory=dict)
