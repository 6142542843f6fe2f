"""A comparison as one JSON object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from evalkit.records import criterion_record, measured_cells, metric_record
from evalkit.report.compare_view import headline, standing_of
from evalkit.types import CriterionRow, Measured, RegressedSlice
from evalkit.types.over_time import Compared, CriterionPair, RunFacts, SuiteCompared, ThreeWay

SCHEMA = "evalkit/compare/v1"


def compared_record(compared: Compared) -> dict[str, Any]:
    """Everything that was compared; an example that changed by its suite, id and flip."""
    return {
        "schema": SCHEMA,
        "standing": standing_of(compared),
        "headline": headline(compared),
        "first": _run(compared.first),
        "second": _run(compared.second),
        "level": compared.level,
        "same_teacher": compared.same_teacher,
        "notes": list(compared.notes),
        "suites": [_suite(each) for each in compared.suites],
        "uncompared": [asdict(each) for each in compared.uncompared],
        "models": [_row(each) for each in compared.run_rows],
        "criteria": [_criterion(each) for each in compared.criteria],
        "worse_slices": [_slice(each) for each in compared.worse_slices],
        "better_slices": [_slice(each) for each in compared.better_slices],
        "changed_examples": compared.changed,
        "examples": [
            {"suite": pair.suite, "id": pair.id, "flip": pair.flip} for pair in compared.pairs[: compared.changed]
        ],
    }


def _run(facts: RunFacts) -> dict[str, Any]:
    policy = {"name": facts.policy, "digest": facts.policy_digest} if facts.policy_digest else None
    return {
        "student": facts.label,
        "teacher": facts.teacher or None,
        "path": facts.path,
        "run_id": facts.run_id,
        "started": facts.started,
        "policy": policy,
        "verdict": facts.verdict,
        "digests": dict(facts.digests),
    }


def _suite(suite: SuiteCompared) -> dict[str, Any]:
    return {
        "suite": suite.facts.name,
        "kind": suite.facts.kind,
        "task": suite.facts.task,
        "version": suite.facts.version,
        "digest": suite.facts.digest,
        "n": suite.n,
        "standing": suite.standing,
        "why": suite.why or None,
        "judged_by": list(suite.judged_by),
        "metrics": [_row(each) for each in suite.rows],
        "each_run_alone": [_row(each) for each in suite.own],
        "against_first": [metric_record(each) for each in suite.against_first],
        "slices": [metric_record(each) for each in suite.slices],
        "transition": None if suite.transition is None else asdict(suite.transition),
        "lost": _measured(suite.lost),
        "gained": _measured(suite.gained),
        "teacher_differs": suite.teacher_differs,
    }


def _row(row: ThreeWay) -> dict[str, Any]:
    return {
        "metric": row.metric,
        "unit": row.unit,
        "direction": row.direction,
        "teacher": _measured(row.teacher),
        "first": _measured(row.first),
        "second": _measured(row.second),
        "change": None if row.change is None else {"metric": row.change_metric, **measured_cells(row.change)},
        "standing": None if row.change is None else row.standing,
    }


def _measured(measured: Measured | None) -> Mapping[str, Any] | None:
    return None if measured is None else measured_cells(measured)


def _criterion(pair: CriterionPair) -> dict[str, Any]:
    return {
        "id": pair.id,
        "changed": pair.changed,
        "bound_changed": pair.moved,
        "first": _verdict_row(pair.first),
        "second": _verdict_row(pair.second),
    }


def _verdict_row(row: CriterionRow | None) -> dict[str, Any] | None:
    return None if row is None else criterion_record(row)


def _slice(row: RegressedSlice) -> dict[str, Any]:
    return asdict(row)
