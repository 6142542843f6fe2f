"""How the student of one run stands to that of another, suite by suite: what a suite is judged by, and no more.

The same join, formulas and words as the whole comparison, at a small part of its price.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from evalkit.compare.joining import Joined, join
from evalkit.compare.measuring import JUDGES, combined, in_their_names, standing
from evalkit.estimate import Evidence
from evalkit.metrics import catalogue
from evalkit.store import read_run
from evalkit.types import MetricRow, Question
from evalkit.types.ranking import SuiteStanding


def standings(first: Path, second: Path, level: float) -> tuple[SuiteStanding, ...]:
    """The second run's student against the first's on every suite that both asked in the same version, at the
    two-sided coverage `level`.

    Raises RecordError where a run cannot be read, UsageError where the two have no example to compare.
    """
    one, other = read_run(first), read_run(second)
    joined, _ = join(one, other)
    models: Mapping[str, Mapping[str, Any]] = {
        "teacher": one.manifest["models"].get("student") or {},
        "student": other.manifest["models"].get("student") or {},
    }
    seed = min(one.manifest["seed"], other.manifest["seed"])
    evidence = Evidence(tuple(each.columns for each in joined), models, level, seed)
    return tuple(_standing(each, evidence) for each in joined)


def _standing(joined: Joined, evidence: Evidence) -> SuiteStanding:
    rows = next((found for judges in JUDGES if (found := list(_rows(judges, joined, evidence)))), [])
    named = [in_their_names(row) for row in rows]
    words = [standing(row.measured, row.direction, 0.0) for row in named]
    return SuiteStanding(
        suite=joined.columns.facts.name,
        standing=combined(words) or "not measured",
        changes=tuple((row.question.metric, row.unit, row.measured) for row in named),
    )


def _rows(judges: Sequence[str], joined: Joined, evidence: Evidence) -> Iterator[MetricRow]:
    """The rows of the metrics that the suite has."""
    facts = joined.columns.facts
    for metric in judges:
        _, family = catalogue()[metric]
        if family is None or not family.applies(facts):
            continue
        if (row := evidence.answer(Question(metric=metric, suite=facts.name))) is not None:
            yield row
