"""A ranking as one JSON object: ranking.json."""

from __future__ import annotations

from typing import Any

from evalkit.records import criterion_record, measured_cells
from evalkit.report.ranking_view import deciding, headline, step_words
from evalkit.types import EXIT_CODES
from evalkit.types.ranking import Candidate, Cell, Ranking, Step, SuiteStanding

SCHEMA = "evalkit/ranking/v1"


def ranking_record(ranking: Ranking) -> dict[str, Any]:
    """Everything that the table shows, exact; no time, no path from outside the folder."""
    return {
        "schema": SCHEMA,
        "verdict": ranking.word,
        "exit_code": EXIT_CODES[ranking.word],
        "headline": headline(ranking),
        "may_replace": list(ranking.may_replace),
        "best": list(ranking.best),
        "teacher": {"name": ranking.teacher, "digest": ranking.teacher_digest or None} if ranking.teacher else None,
        "policy": {"name": ranking.policy, "digest": ranking.policy_digest or None} if ranking.policy else None,
        "level": ranking.level,
        "suites": [{"name": name, "version": version, "digest": digest} for name, version, digest in ranking.suites],
        "students": [_candidate(each) for each in ranking.candidates],
    }


def _candidate(each: Candidate) -> dict[str, Any]:
    row = deciding(each)
    return {
        "rank": each.rank,
        "student": each.name,
        "digest": each.digest or None,
        "run": each.folder,
        "report": f"{each.folder}/report.html" if each.report else None,
        "verdict": each.verdict.word,
        "exit_code": each.verdict.exit_code,
        "reasons": list(each.verdict.reasons),
        "ordered_by": each.order,
        "failing_criteria": each.failed,
        "undecided_criteria": each.open,
        "deciding": None if row is None else criterion_record(row),
        "columns": {key: _cell(cell) for key, cell in each.cells.items()},
        "above": None if each.step is None else _step(each.step, each),
    }


def _cell(cell: Cell) -> dict[str, Any]:
    """The suite that speaks most against the student, of as many as have the number."""
    return {"metric": cell.metric, "suite": cell.suite, "of_suites": cell.among, "unit": cell.unit} | measured_cells(
        cell.measured
    )


def _step(step: Step, each: Candidate) -> dict[str, Any]:
    return {
        "student": step.above,
        "told_apart": step.told_apart,
        "by": step.by,
        "words": step_words(each),
        "why_not_compared": step.why or None,
        "suites": [_suite(suite) for suite in step.suites],
    }


def _suite(suite: SuiteStanding) -> dict[str, Any]:
    return {
        "suite": suite.suite,
        "standing": suite.standing,
        "changes": [
            {"metric": metric, "unit": unit, **measured_cells(change)} for metric, unit, change in suite.changes
        ],
    }
