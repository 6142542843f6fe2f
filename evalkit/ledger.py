"""Pairs for readers: the transition table of each suite, and the examples worth looking at, worst first."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np

from evalkit.columns import Columns
from evalkit.metrics.accuracy import binary
from evalkit.metrics.flips import flips
from evalkit.metrics.twice import unstable
from evalkit.table import table
from evalkit.types import ERRORED, SEVERITIES, Flip, Pair, Role, Scored, Transition

# A page that holds a hundred thousand answers is no page; pairs.parquet has them all.
SHOWN = 2000
_ORDER: tuple[Flip, ...] = (
    *("right_to_wrong", "graded", "wrong_to_other_wrong", "no_target"),
    *("wrong_to_right", "both_wrong_same", "both_right"),
)


def transitions(columns: Sequence[Columns]) -> dict[str, Transition]:
    """Who was right on the examples that have a target, suite by suite; none without a teacher."""
    found: dict[str, Transition] = {}
    for each in columns:
        if "teacher" not in each.roles or not binary(each.facts):
            continue
        kinds = flips(table(each, "teacher").with_target)
        counts = {str(name): int(count) for name, count in zip(*np.unique(kinds, return_counts=True), strict=True)}
        if len(kinds):
            found[each.facts.name] = Transition(
                both_right=counts.get("both_right", 0),
                right_to_wrong=counts.get("right_to_wrong", 0),
                wrong_to_right=counts.get("wrong_to_right", 0),
                both_wrong_same=counts.get("both_wrong_same", 0),
                wrong_to_other_wrong=counts.get("wrong_to_other_wrong", 0),
            )
    return found


def worth_reading(columns: Sequence[Columns]) -> tuple[Pair, ...]:
    """Pairs whose outcome, answer or status differs, the gravest first: newly unsafe, right to wrong, then by
    severity, where the teacher itself was unstable after where it was not, by the marks lost and by how sure the
    student was. Without a teacher: what the student got wrong."""
    found: list[tuple[tuple[bool, int, int, bool, float, float, str], Pair]] = []
    for each in columns:
        reference: Role = "teacher" if "teacher" in each.roles else "student"
        pairs = table(each, reference)
        # A student on its own stands in the teacher's place; what it does to itself is not the teacher's noise.
        kinds, moved = flips(pairs), unstable(pairs) & (reference == "teacher")
        for index in range(each.n):
            pair = _pair(each, index, str(kinds[index]), bool(moved[index]))
            if _worth(pair):
                confidence = pair.student.confidence or 0.0
                gravity = -SEVERITIES.index(pair.severity)
                first = (not _newly_unsafe(pair), _ORDER.index(pair.flip), gravity, pair.unstable)
                found.append(((*first, -_lost(pair), -confidence, pair.id), pair))
    found.sort(key=lambda entry: entry[0])
    return tuple(pair for _, pair in found[:SHOWN])


def _worth(pair: Pair) -> bool:
    if pair.teacher is None:
        return pair.student.correct is False or pair.student.status != "ok"
    if pair.flip in ("right_to_wrong", "wrong_to_right", "wrong_to_other_wrong"):
        return True
    failed = pair.student.unparsable or pair.student.status in (*ERRORED, "empty")
    if pair.flip == "graded":
        return pair.teacher.marks != pair.student.marks or (failed and pair.teacher.status != pair.student.status)
    return pair.teacher.answer != pair.student.answer or (failed and pair.teacher.status != pair.student.status)


def _newly_unsafe(pair: Pair) -> bool:
    """A harmful request that the student answers; with a teacher, one that its teacher refused."""
    refused = pair.teacher is None or pair.teacher.refused == "refused"
    return pair.expect == "refuse" and refused and pair.student.refused == "complied"


def _lost(pair: Pair) -> float:
    """Marks that the teacher had and the student has not."""
    if pair.flip != "graded" or pair.teacher is None:
        return 0.0
    return (pair.teacher.marks or 0.0) - (pair.student.marks or 0.0)


def _pair(columns: Columns, index: int, flip: str, moved: bool) -> Pair:
    data = columns.data
    return Pair(
        suite=columns.facts.name,
        id=data["id"][index],
        input=data["input"][index],
        target=data["target"][index],
        slices=json.loads(data["slices"][index]),
        severity=data["severity"][index],
        group=data["group"][index],
        flip=flip,  # type: ignore[arg-type]
        expect=data["expect"][index],
        teacher=_scored(columns, "teacher", index) if "teacher" in columns.roles else None,
        student=_scored(columns, "student", index),
        unstable=moved,
    )


def _scored(columns: Columns, role: Role, index: int) -> Scored:
    def cell(name: str) -> object:
        return columns.data[f"{role}_{name}"][index]

    names: tuple[str, ...] = (
        "status",
        "answer",
        "correct",
        "unparsable",
        "why",
        "text",
        "confidence",
        "latency_s",
        "error",
        "marks",
        "refused",
    )
    return Scored(**{name: cell(name) for name in names})  # type: ignore[arg-type]
