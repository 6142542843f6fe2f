"""Pairs as columns: what pairs.parquet holds, and the arrays that metrics are computed from.

`Columns` is the record, plain lists as they are stored. `PairTable` is a view of it with two sides, the
reference (teacher or champion) and the student. A metric sees a PairTable and nothing else, so a number
in a fresh run and one re-derived from a stored run come out of the same arrays.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalkit.types import ERRORED, Role, SuiteFacts

# Columns of every pair, and of every role under its prefix ("teacher_status", …).
PAIR_COLUMNS = (
    "suite",
    "id",
    "input",
    "target",
    "expect",
    "choices",
    "slices",
    "group",
    "severity",
    "row",
    "request_key",
)
ROLE_COLUMNS = (
    "status",
    "label",
    "text",
    "probs",
    "choice_logprobs",
    "tokens_in",
    "tokens_out",
    "latency_s",
    "ttft_s",
    "prompt_hash",
    "error",
    "answer",
    "correct",
    "unparsable",
    "confidence",
    "why",
)


@dataclass(frozen=True, kw_only=True)
class Columns:
    """One suite's pairs as stored. `roles` says whose outputs are there; lists are of equal length."""

    facts: SuiteFacts
    roles: tuple[Role, ...]
    data: Mapping[str, Sequence[Any]]

    @property
    def n(self) -> int:
        return len(self.data["id"])


@dataclass(frozen=True, kw_only=True)
class Side:
    """One model's scored outputs, row by row.

    `choice` is the index of the answer among the suite's labels, -1 for none of them. `probs` is
    (n, labels) with zeros where `has_probs` is False. `latency` is NaN where not measured: these arrays
    never leave the metrics, and a metric that reads them says how many there were.
    """

    status: NDArray[np.str_]
    answer: NDArray[np.object_]
    choice: NDArray[np.int64]
    correct: NDArray[np.bool_]
    unparsable: NDArray[np.bool_]
    probs: NDArray[np.float64] | None
    has_probs: NDArray[np.bool_]
    latency: NDArray[np.float64]

    @cached_property
    def errored(self) -> NDArray[np.bool_]:
        return np.isin(self.status, sorted(ERRORED))

    @cached_property
    def answered(self) -> NDArray[np.bool_]:
        return np.array([each is not None for each in self.answer], dtype=bool)

    @cached_property
    def confidence(self) -> NDArray[np.float64]:
        """Probability of the answer given. Where there are no probabilities: 1.0.

        An output without probabilities beside others that have them is a failure, and counts as fully
        confident in a wrong answer: leaving it out would let a student improve by failing.
        """
        assert self.probs is not None
        rows = np.arange(len(self.choice))
        picked = self.probs[rows, np.clip(self.choice, 0, None)]
        return np.where(self.has_probs & (self.choice >= 0), picked, 1.0)

    def take(self, index: NDArray[Any]) -> Side:
        return replace(
            self,
            status=self.status[index],
            answer=self.answer[index],
            choice=self.choice[index],
            correct=self.correct[index],
            unparsable=self.unparsable[index],
            probs=None if self.probs is None else self.probs[index],
            has_probs=self.has_probs[index],
            latency=self.latency[index],
        )


@dataclass(frozen=True, kw_only=True)
class PairTable:
    """Reference and student on the same examples, row by row. `teacher` is None when there is none.

    `again` is the teacher's second run, where there was one; rows it was not asked about have the status "None".
    """

    facts: SuiteFacts
    ids: NDArray[np.object_]
    target: NDArray[np.object_]
    target_index: NDArray[np.int64]
    severity: NDArray[np.str_]
    group: NDArray[np.int64] | None
    slices: Mapping[str, NDArray[np.object_]]
    rows: NDArray[np.object_] = field(repr=False)
    teacher: Side | None
    student: Side
    again: Side | None = None

    @property
    def n(self) -> int:
        return len(self.ids)

    @cached_property
    def has_target(self) -> NDArray[np.bool_]:
        return np.array([each is not None for each in self.target], dtype=bool)

    @cached_property
    def with_target(self) -> PairTable:
        """Only the examples that have a target: what accuracy is about."""
        return self if bool(self.has_target.all()) else self.take(self.has_target)

    def take(self, index: NDArray[Any]) -> PairTable:
        """The rows that `index` picks (a mask or positions)."""
        return replace(
            self,
            ids=self.ids[index],
            target=self.target[index],
            target_index=self.target_index[index],
            severity=self.severity[index],
            group=None if self.group is None else self.group[index],
            slices={name: values[index] for name, values in self.slices.items()},
            rows=self.rows[index],
            teacher=None if self.teacher is None else self.teacher.take(index),
            student=self.student.take(index),
            again=None if self.again is None else self.again.take(index),
        )

    def slice_mask(self, name: str) -> NDArray[np.bool_]:
        """Rows in a slice written as `column=value`; all False for a column or value that is not there."""
        column, _, value = name.partition("=")
        values = self.slices.get(column)
        if values is None:
            return np.zeros(self.n, dtype=bool)
        return np.asarray(values == value, dtype=bool)

    def where_mask(self, where: Sequence[tuple[str, tuple[str, ...]]]) -> NDArray[np.bool_]:
        """Rows whose columns have one of the wanted values, as text; all conditions together."""
        mask = np.ones(self.n, dtype=bool)
        for column, wanted in where:
            mask &= np.array([value in wanted for value in self.column(column)], dtype=bool)
        return mask

    def column(self, name: str) -> Sequence[str | None]:
        """A column's values as text. Severity, target and slices first, then the data's own columns."""
        if name == "severity":
            return [str(each) for each in self.severity]
        if name == "target":
            return list(self.target)
        if name == "id":
            return list(self.ids)
        if name in self.slices:
            return list(self.slices[name])
        return [row.get(name) for row in self.rows]


def column_names(columns: Columns) -> set[str]:
    """What `where` may name on this suite."""
    found = {"severity", "target", "id", *columns.facts.slice_names}
    for text in columns.data["row"]:
        found |= set(json.loads(text))
    return found


def slice_counts(columns: Columns) -> dict[str, dict[str, int]]:
    """How many examples each value of each slice has, declared slices and, for classify, the classes."""
    counts: dict[str, dict[str, int]] = {name: {} for name in slice_columns(columns.facts)}
    for text, target in zip(columns.data["slices"], columns.data["target"], strict=True):
        values = json.loads(text)
        if "target" in counts and target is not None:
            values["target"] = target
        for name, value in values.items():
            if name in counts:
                counts[name][value] = counts[name].get(value, 0) + 1
    return counts


def slice_columns(facts: SuiteFacts) -> tuple[str, ...]:
    """The slices of a suite: those it declares, and `target` where there are classes."""
    return (*facts.slice_names, "target") if facts.task == "classify" else facts.slice_names


def table(columns: Columns, reference: Role | None) -> PairTable:
    """The pairs of `reference` and student as arrays; `reference` None for a student on its own."""
    data, facts = columns.data, columns.facts
    index = {label: position for position, label in enumerate(facts.labels)}
    target = _objects(data["target"])
    slices = [json.loads(text) for text in data["slices"]]
    by_name = {name: _objects([each.get(name) for each in slices]) for name in facts.slice_names}
    if facts.task == "classify":
        by_name["target"] = target
    return PairTable(
        facts=facts,
        ids=_objects(data["id"]),
        target=target,
        target_index=np.array([index.get(each, -1) for each in target], dtype=np.int64),
        severity=np.array(data["severity"], dtype=np.str_),
        group=_codes(data["group"]) if facts.grouped else None,
        slices=by_name,
        rows=_objects([json.loads(text) for text in data["row"]]),
        teacher=_side(columns, reference, index) if reference is not None else None,
        student=_side(columns, "student", index),
        again=_side(columns, "teacher_again", index)
        if reference == "teacher" and "teacher_again" in columns.roles
        else None,
    )


def _side(columns: Columns, role: Role, index: Mapping[str, int]) -> Side:
    data, n, width = columns.data, columns.n, len(index)
    probs = data[f"{role}_probs"]
    has_probs = np.array([each is not None and len(each) == width for each in probs], dtype=bool)
    matrix: NDArray[np.float64] | None = None
    if has_probs.any() and columns.facts.task == "classify":
        matrix = np.zeros((n, width))
        matrix[has_probs] = np.array([each for each, there in zip(probs, has_probs, strict=True) if there])
    answer = _objects(data[f"{role}_answer"])
    return Side(
        status=np.array(data[f"{role}_status"], dtype=np.str_),
        answer=answer,
        choice=np.array([index.get(each, -1) for each in answer], dtype=np.int64),
        correct=np.array([each is True for each in data[f"{role}_correct"]], dtype=bool),
        unparsable=np.array(data[f"{role}_unparsable"], dtype=bool),
        probs=matrix,
        has_probs=has_probs,
        latency=np.array([np.nan if each is None else each for each in data[f"{role}_latency_s"]], dtype=np.float64),
    )


def _objects(values: Sequence[Any]) -> NDArray[np.object_]:
    # np.array of equal-length lists would become a matrix; filling keeps one object a cell.
    filled = np.empty(len(values), dtype=object)
    filled[:] = values
    return filled


def _codes(groups: Sequence[str | None]) -> NDArray[np.int64]:
    """Groups as numbers. An example without a group is a group of its own."""
    known: dict[Any, int] = {}
    keys = [each if each is not None else ("alone", position) for position, each in enumerate(groups)]
    return np.array([known.setdefault(key, len(known)) for key in keys], dtype=np.int64)
