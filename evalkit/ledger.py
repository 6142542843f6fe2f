"""Pairs for readers: the transition table of each suite, and the examples in the order in which to look at them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evalkit.columns import Columns
from evalkit.metrics.accuracy import binary
from evalkit.metrics.flips import flips
from evalkit.metrics.twice import unstable
from evalkit.table import PairTable, Side, table
from evalkit.types import SEVERITIES, WRITING, Flip, Pair, Role, Scored, Transition

# More than a page could hold or a reader look through; pairs.parquet has them all.
HELD = 200_000
_SHOWN_ROLES: tuple[Role, ...] = ("teacher", "student", "champion")
_SCORED = (
    *("status", "answer", "correct", "unparsable", "why", "text", "reasoning", "confidence", "latency_s"),
    *("tokens_out", "error", "marks", "refused"),
)
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


@dataclass(frozen=True, slots=True)
class Reading:
    """Pairs in the order in which they are to be read; the first `changed` of them are worth it."""

    pairs: tuple[Pair, ...]
    changed: int


def reading_order(columns: Sequence[Columns], most: int = HELD) -> Reading:
    """Every pair, `most` at most. First those whose outcome, answer or status differs, the gravest first: newly unsafe,
    right to wrong, then by severity, where the teacher itself was unstable after where it was not, by the marks lost,
    by how little two texts without a target have in common and by how sure the student was; without a teacher, what the
    student got wrong. Then the others, in the suites'
    order; of too many an even share."""
    suites = [_Suite(each) for each in columns]
    place = [(which, row) for which, each in enumerate(suites) for row in range(each.columns.n)]
    worth = np.concatenate([each.worth for each in suites]) if suites else np.empty(0, dtype=bool)
    keys = [key for each in suites for key in each.gravity()]
    changed = sorted(np.flatnonzero(worth).tolist(), key=keys.__getitem__)
    same = np.flatnonzero(~worth)
    room = max(0, most - len(changed))
    if len(same) > room:
        same = same[np.linspace(0, len(same) - 1, room).astype(np.int64)]
    order = [*changed[:most], *same.tolist()]
    pairs = tuple(suites[which].pair(row) for which, row in (place[index] for index in order))
    return Reading(pairs, len(changed))


class _Suite:
    """One suite's pairs, with what puts them in order worked out for all of them at once."""

    def __init__(self, columns: Columns) -> None:
        self.columns = columns
        self.reference: Role = "teacher" if "teacher" in columns.roles else "student"
        self.roles = [role for role in _SHOWN_ROLES if role in columns.roles]
        pairs = table(columns, self.reference)
        # A student on its own stands in the teacher's place; what it does to itself is not the teacher's noise.
        self.flip, self.unstable = flips(pairs), unstable(pairs) & (self.reference == "teacher")
        self.slices = {text: json.loads(text) for text in set(columns.data["slices"])}
        self.worth = self._worth(pairs)
        self._target_confidence = {
            role: _target_confidence(pairs if role == "student" else table(columns, role), role) for role in self.roles
        }
        self._pairs = pairs

    def _worth(self, pairs: PairTable) -> NDArray[np.bool_]:
        student, teacher = pairs.student, pairs.teacher
        assert teacher is not None
        if self.reference == "student":
            wrong = np.array([each is False for each in self.columns.data["student_correct"]], dtype=bool)
            return np.asarray(wrong | (student.status != "ok"), dtype=bool)
        flipped = np.isin(self.flip, ("right_to_wrong", "wrong_to_right", "wrong_to_other_wrong"))
        failed = student.unparsable | student.errored | (student.status == "empty")
        failed &= teacher.status != student.status
        marks = _marks(teacher), _marks(student)
        differ = np.where(self.flip == "graded", marks[0] != marks[1], teacher.answer != student.answer)
        return np.asarray(flipped | failed | differ, dtype=bool)

    def gravity(self) -> list[tuple[bool, int, int, bool, float, float, str]]:
        """What the pairs are sorted by, one of each row."""
        pairs, student = self._pairs, self._pairs.student
        refused = pairs.teacher is None or self.reference == "student" or pairs.teacher.refused == "refused"
        unsafe = (pairs.expect == "refuse") & refused & (student.refused == "complied")
        lost = np.zeros(pairs.n)
        if self.reference == "teacher" and pairs.teacher is not None:
            lost = np.nan_to_num(pairs.teacher.marks) - np.nan_to_num(student.marks)
            lost = np.where(self.flip == "graded", lost, 0.0)
            if self.columns.facts.task in WRITING:
                for row in np.flatnonzero(self.worth & (self.flip == "no_target")).tolist():
                    lost[row] = _unlike(pairs.teacher.said[row], student.said[row])
        kind, severity = (
            np.array([of[each] for each in column.tolist()], dtype=np.int64)
            for of, column in (
                ({str(flip): place for place, flip in enumerate(_ORDER)}, self.flip),
                ({str(word): -place for place, word in enumerate(SEVERITIES)}, pairs.severity),
            )
        )
        sure = [each or 0.0 for each in self.columns.data["student_confidence"]]
        columns = (~unsafe, kind, severity, self.unstable, -lost, -np.array(sure, dtype=np.float64))
        return list(zip(*(column.tolist() for column in columns), self.columns.data["id"], strict=True))

    def pair(self, row: int) -> Pair:
        data = self.columns.data
        sides = {role: self._scored(role, row) for role in self.roles}
        return Pair(
            suite=self.columns.facts.name,
            id=data["id"][row],
            input=data["input"][row],
            target=data["target"][row],
            slices=self.slices[data["slices"][row]],
            severity=data["severity"][row],
            group=data["group"][row],
            flip=str(self.flip[row]),  # type: ignore[arg-type]
            expect=data["expect"][row],
            teacher=sides.get("teacher"),
            student=sides["student"],
            unstable=bool(self.unstable[row]),
            champion=sides.get("champion"),
            choices=tuple(json.loads(choices)) if (choices := data["choices"][row]) else (),
        )

    def _scored(self, role: Role, row: int) -> Scored:
        cells = {name: self.columns.data[f"{role}_{name}"][row] for name in _SCORED}
        known = self._target_confidence[role]
        sure = None if known is None or np.isnan(known[row]) else float(known[row])
        return Scored(target_confidence=sure, **cells)


def _marks(side: Side) -> NDArray[np.float64]:
    # No marks differ from any, and not from none.
    return np.nan_to_num(side.marks, nan=-1.0)


def _unlike(one: str | None, other: str | None) -> float:
    """The share of words that only one of two texts has: enough to put them in order, and cheap."""
    words = set((one or "").split()), set((other or "").split())
    return 1.0 - len(words[0] & words[1]) / max(1, len(words[0] | words[1]))


def _target_confidence(pairs: PairTable, role: Role) -> NDArray[np.float64] | None:
    """The probability that a model gave the target, NaN where it gave none."""
    side = pairs.student if role == "student" else pairs.teacher
    if side is None or side.probs is None:
        return None
    at = side.probs[np.arange(pairs.n), np.clip(pairs.target_index, 0, None)]
    return np.where(side.has_probs & (pairs.target_index >= 0), at, np.nan)
