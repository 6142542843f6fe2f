"""A history as one JSON object."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from evalkit.records import measured_cells
from evalkit.types import CriterionRow
from evalkit.types.over_time import Entry, History, Lineage, Trend

SCHEMA = "evalkit/history/v1"


def history_record(found: History) -> dict[str, Any]:
    """Runs and trends by line; the points of a trend stand in the order of its line's runs."""
    return {
        "schema": SCHEMA,
        "folder": found.folder,
        "runs_found": found.found,
        "runs_left_out": found.left_out,
        "lines": [_line(each) for each in found.lines],
        "skipped": [asdict(each) for each in found.skipped],
    }


def _line(line: Lineage) -> dict[str, Any]:
    return {
        "teacher": line.teacher or None,
        "policy": line.policy or None,
        "runs": [_entry(each) for each in line.entries],
        "trends": [_trend(each) for each in line.trends],
    }


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "path": entry.path,
        "run_id": entry.run_id or None,
        "started": entry.started or None,
        "student": entry.student or None,
        "teacher_digest": entry.teacher_digest or None,
        "policy_digest": entry.policy_digest or None,
        "suites": {name: {"version": version, "digest": digest} for name, (version, digest) in entry.suites.items()},
        "verdict": entry.verdict.word,
        "exit_code": entry.verdict.exit_code,
        "changes": list(entry.changes),
    }


def _trend(trend: Trend) -> dict[str, Any]:
    asked = trend.question
    return {
        "id": trend.id,
        "metric": asked.metric,
        "suite": asked.suite,
        "slice": asked.slice,
        "where": {name: list(values) for name, values in asked.where} or None,
        "versus": asked.versus,
        "unit": trend.unit,
        "points": [_point(each.row) for each in trend.points],
    }


def _point(row: CriterionRow | None) -> dict[str, Any] | None:
    if row is None:
        return None
    bound = {"at_least": row.at_least} if row.at_least is not None else {"at_most": row.at_most}
    return {"status": row.status, **measured_cells(row.measured), "bound": bound}
