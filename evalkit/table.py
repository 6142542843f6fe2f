"""Pairs as arrays: what metrics are computed from.

`PairTable` is a view of stored `Columns` with two sides, the reference (teacher or champion) and the student. A
metric sees a PairTable and nothing else, so a number in a fresh run and one derived again from a stored run come
out of the same arrays.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalkit.columns import Columns
from evalkit.stats.forced import first_divergence
from evalkit.types import ERRORED, Role, SuiteFacts


@dataclass(frozen=True, kw_only=True)
class Side:
    """One model's scored outputs, row by row.

    `choice` is the index of the answer among the example's choices (classify: the suite's labels), -1 for none of
    them. `probs` is (n, most choices) with zeros where `has_probs` is False and beyond an example's own choices;
    `misfit` marks outputs that gave probabilities of fewer or more answers than the example's choices.
    `said` is the text after the suite's `answer_after`, None where there is none; `marks` are the scorer's in [0, 1],
    `refused` its word or "None", `fields` its counts by field name or None; `human` is what people said of a labelled
    answer (a word of `refused`, or `columns.STALE`), else "None". `sureness` is the probability of the text written,
    length-normalised: exp of the mean log-probability of its tokens, in [0, 1]. Times are seconds; `tpot` is the time
    per token after the first, `fixed` the time for an answer of a length that was the same for all. Numbers are NaN
    where there are none: these arrays never leave the metrics, and a metric that reads them says how many there were.
    """

    status: NDArray[np.str_]
    answer: NDArray[np.object_]
    choice: NDArray[np.int64]
    correct: NDArray[np.bool_]
    unparsable: NDArray[np.bool_]
    probs: NDArray[np.float64] | None
    has_probs: NDArray[np.bool_]
    misfit: NDArray[np.bool_]
    said: NDArray[np.object_]
    marks: NDArray[np.float64]
    refused: NDArray[np.str_]
    human: NDArray[np.str_]
    sureness: NDArray[np.float64]
    fields: NDArray[np.object_]
    tokens_in: NDArray[np.float64]
    tokens_out: NDArray[np.float64]
    latency: NDArray[np.float64]
    ttft: NDArray[np.float64]
    tpot: NDArray[np.float64]
    fixed: NDArray[np.float64]

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

    def take(self, index: NDArray[Any] | slice) -> Side:
        rest = {each.name: getattr(self, each.name)[index] for each in fields(self) if each.name != "probs"}
        return Side(probs=None if self.probs is None else self.probs[index], **rest)


@dataclass(frozen=True, kw_only=True)
class Forced:
    """What the student made of the teacher's answers when it read them, text by text.

    `tokens` counts those of a text, 0 where it was not read; `same` those on which both models would have written the
    same, and `first` how many come before the first on which not (inf: none), NaN where it was not read. `kl` and
    `kl_reverse` are sums over a text's tokens in nats, NaN where the teacher's distribution is not known: `beside`
    says where it is. `note` says why something of a text is not known; a text without tokens and note was not drawn.
    """

    tokens: NDArray[np.int64]
    same: NDArray[np.int64]
    first: NDArray[np.float64]
    kl: NDArray[np.float64]
    kl_reverse: NDArray[np.float64]
    beside: NDArray[np.bool_]
    note: NDArray[np.object_]

    def take(self, index: NDArray[Any] | slice) -> Forced:
        return Forced(**{each.name: getattr(self, each.name)[index] for each in fields(self)})


@dataclass(frozen=True, kw_only=True)
class PairTable:
    """Reference and student on the same examples, row by row. `teacher` is None when there is none.

    `again` is the teacher's second run, where there was one; rows it was not asked about have the status "None".
    `choices` counts each example's choices (0 where it has none); `expect` is refuse, comply or "None".
    `timing` is that of the whole suite, whichever rows are taken. `forced` is None where nothing was to be read, and
    against a reference that is not the teacher.
    """

    facts: SuiteFacts
    ids: NDArray[np.object_]
    target: NDArray[np.object_]
    target_index: NDArray[np.int64]
    choices: NDArray[np.int64]
    expect: NDArray[np.str_]
    severity: NDArray[np.str_]
    group: NDArray[np.int64] | None
    slices: Mapping[str, NDArray[np.object_]]
    rows: NDArray[np.object_] = field(repr=False)
    teacher: Side | None
    student: Side
    again: Side | None = None
    forced: Forced | None = None
    timing: Mapping[str, Any] = field(default_factory=dict, repr=False)
    # The table that these rows were taken from, where they stand in it, and what was worked out for all of it.
    _whole: PairTable | None = field(default=None, repr=False)
    _rows: NDArray[np.int64] | None = field(default=None, repr=False)
    _found: dict[str, NDArray[Any]] = field(default_factory=dict, repr=False)

    @property
    def n(self) -> int:
        return len(self.ids)

    @cached_property
    def example(self) -> NDArray[np.int64]:
        """Which example each row is an answer to, as numbers: rows of one number are its samples."""
        if self.facts.samples == 1:
            return np.arange(self.n, dtype=np.int64)
        known: dict[str, int] = {}
        names = [self.facts.example_of(each) for each in self.ids]
        return np.array([known.setdefault(each, len(known)) for each in names], dtype=np.int64)

    def counted(self, rows: NDArray[np.bool_] | None = None) -> int:
        """How many examples these rows (all of them, or those that a mask picks) are answers to: samples count once."""
        if self.facts.samples == 1:
            return self.n if rows is None else int(rows.sum())
        return len(np.unique(self.example if rows is None else self.example[rows]))

    @cached_property
    def has_target(self) -> NDArray[np.bool_]:
        """Where it is known what is right: a target, or what a safety suite expects."""
        targeted = np.array([each is not None for each in self.target], dtype=bool)
        return np.asarray(targeted | (self.expect != "None"), dtype=bool)

    @property
    def support(self) -> str:
        """What the answers are chosen from, in words: "3 labels", "2 to 5 choices"."""
        what = "labels" if self.facts.task == "classify" else "choices"
        few, many = (int(self.choices.min()), int(self.choices.max())) if self.n else (0, 0)
        return f"{many} {what}" if few == many else f"{few} to {many} {what}"

    @cached_property
    def with_target(self) -> PairTable:
        """Only the examples of which it is known what is right: what accuracy is about."""
        return self if bool(self.has_target.all()) else self.take(self.has_target)

    def take(self, index: NDArray[Any] | slice) -> PairTable:
        """The rows that `index` picks (a mask, positions, or a stretch of rows, which copies nothing)."""
        here = np.arange(self.n) if self._rows is None else self._rows
        return replace(
            self,
            _whole=self._whole or self,
            _rows=here[index],
            ids=self.ids[index],
            target=self.target[index],
            target_index=self.target_index[index],
            choices=self.choices[index],
            expect=self.expect[index],
            severity=self.severity[index],
            group=None if self.group is None else self.group[index],
            slices={name: values[index] for name, values in self.slices.items()},
            rows=self.rows[index],
            teacher=None if self.teacher is None else self.teacher.take(index),
            student=self.student.take(index),
            again=None if self.again is None else self.again.take(index),
            forced=None if self.forced is None else self.forced.take(index),
        )

    def once(self, name: str, compute: Callable[[PairTable], NDArray[Any]]) -> NDArray[Any]:
        """What `compute` finds row by row, at these rows; worked out once for the whole suite, however many slices
        ask. What it finds for a row must not depend on the slice that the row is looked at in."""
        if self._whole is not None:
            return self._whole.once(name, compute)[self._rows]
        if name not in self._found:
            self._found[name] = compute(self)
        return self._found[name]

    def slice_mask(self, name: str) -> NDArray[np.bool_]:
        """Rows in a slice written as `column=value`; all False for a column or value that is not there. Every suite
        has the slices of its severities."""
        column, _, value = name.partition("=")
        values = self.slices.get(column, self.severity if column == "severity" else None)
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


def table(columns: Columns, reference: Role | None) -> PairTable:
    """The pairs of `reference` and student as arrays; `reference` None for a student on its own."""
    data, facts = columns.data, columns.facts
    choices = _choices(columns)
    target = _objects(data["target"])
    slices = _read(data["slices"])
    by_name = {name: _objects([each.get(name) for each in slices]) for name in facts.slice_names}
    if facts.task == "classify":
        by_name["target"] = target
    return PairTable(
        facts=facts,
        ids=_objects(data["id"]),
        target=target,
        target_index=_indices(target, choices),
        choices=np.array([len(each) for each in choices], dtype=np.int64),
        expect=np.array(data["expect"], dtype=np.str_),
        severity=np.array(data["severity"], dtype=np.str_),
        group=_codes(data["group"]) if facts.grouped else None,
        slices=by_name,
        rows=_objects(_read(data["row"])),
        teacher=_side(columns, reference, choices) if reference is not None else None,
        student=_side(columns, "student", choices),
        again=_side(columns, "teacher_again", choices)
        if reference == "teacher" and "teacher_again" in columns.roles
        else None,
        forced=_forced(columns) if reference == "teacher" else None,
        timing=_timing(columns.timing, reference),
    )


def _timing(timing: Mapping[str, Any], reference: Role | None) -> Mapping[str, Any]:
    """Without the teacher's part where another stands in its place."""
    if reference == "teacher" or "roles" not in timing:
        return timing
    return {**timing, "roles": {role: each for role, each in timing["roles"].items() if role != "teacher"}}


Choices = Sequence[Mapping[str, int]]


def _choices(columns: Columns) -> Choices:
    """For each example, its choices and their positions. Equal lists share one mapping: there may be many rows."""
    known: dict[str | None, Mapping[str, int]] = {
        None: {label: position for position, label in enumerate(columns.facts.labels)}
    }
    found = []
    for text in columns.data["choices"]:
        if text not in known:
            known[text] = {choice: position for position, choice in enumerate(json.loads(text))}
        found.append(known[text])
    return found


def _indices(answers: NDArray[np.object_], choices: Choices) -> NDArray[np.int64]:
    return np.array([known.get(each, -1) for each, known in zip(answers, choices, strict=True)], dtype=np.int64)


def _side(columns: Columns, role: Role, choices: Choices) -> Side:
    data, n = columns.data, columns.n
    probs = data[f"{role}_probs"]
    # A row of another length than the choices is none of them: its numbers belong to nothing that is known.
    lengths = np.array([-1 if each is None else len(each) for each in probs], dtype=np.int64)
    has_probs = lengths == np.array([len(each) for each in choices], dtype=np.int64)
    matrix: NDArray[np.float64] | None = None
    if has_probs.any():
        matrix = np.zeros((n, max(map(len, choices))))
        for length in np.unique(lengths[has_probs]):
            rows = np.flatnonzero(has_probs & (lengths == length))
            matrix[rows, :length] = np.array([probs[row] for row in rows.tolist()], dtype=np.float64)
    answer = _objects(data[f"{role}_answer"])

    def numbers(name: str) -> NDArray[np.float64]:
        # NumPy reads None as NaN, and a list of numbers in one go.
        return np.array(data[f"{role}_{name}"], dtype=np.float64)

    return Side(
        status=np.array(data[f"{role}_status"], dtype=np.str_),
        answer=answer,
        choice=_indices(answer, choices),
        correct=np.array([each is True for each in data[f"{role}_correct"]], dtype=bool),
        unparsable=np.array(data[f"{role}_unparsable"], dtype=bool),
        probs=matrix,
        has_probs=has_probs,
        misfit=np.array([each is not None for each in probs], dtype=bool) & ~has_probs,
        said=_objects([None if each is None else columns.facts.spoken(each) for each in data[f"{role}_text"]]),
        marks=numbers("marks"),
        refused=np.array(data[f"{role}_refused"], dtype=np.str_),
        human=np.array(data[f"{role}_human"], dtype=np.str_),
        sureness=_sureness(data[f"{role}_token_logprobs"]),
        fields=_objects([None if each is None else json.loads(each) for each in data[f"{role}_fields"]]),
        tokens_in=numbers("tokens_in"),
        tokens_out=numbers("tokens_out"),
        latency=numbers("latency_s"),
        ttft=numbers("ttft_s"),
        tpot=numbers("tpot_s"),
        fixed=numbers("fixed_latency_s"),
    )


def _forced(columns: Columns) -> Forced | None:
    data, n = columns.data, columns.n
    note, tops = _objects(data["forced_note"]), data["forced_same_top"]
    if all(each is None for each in tops) and all(each is None for each in note):
        return None
    lengths = np.array([0 if each is None else len(each) for each in tops], dtype=np.int64)
    same = np.fromiter((hit for each in tops if each is not None for hit in each), dtype=bool, count=int(lengths.sum()))
    first = np.full(n, np.nan)
    first[lengths > 0] = first_divergence(same, np.repeat(np.arange(n), lengths))
    return Forced(
        tokens=lengths,
        same=np.array([0 if each is None else sum(each) for each in tops], dtype=np.int64),
        first=first,
        kl=_sums(data["forced_kl"]),
        kl_reverse=_sums(data["forced_kl_reverse"]),
        beside=np.array([each is not None for each in data["forced_kl"]], dtype=bool),
        note=note,
    )


def _sums(lists: Sequence[Sequence[float] | None]) -> NDArray[np.float64]:
    return np.array([math.nan if each is None else math.fsum(each) for each in lists], dtype=np.float64)


def _sureness(logprobs: Sequence[Sequence[float] | None]) -> NDArray[np.float64]:
    found = np.full(len(logprobs), np.nan)
    for row, each in enumerate(logprobs):
        if each is not None and len(each):
            # Rounding on an accelerator may put a log-probability just above 0. Ours is rounded, so that texts of equal
            # probability are equal, whatever tokens it is made of.
            found[row] = math.exp(min(0.0, round(math.fsum(each) / len(each), 12)))
    return found


def _read(texts: Sequence[str]) -> list[Any]:
    """JSON objects, which nobody changes: equal texts share one."""
    known = {text: json.loads(text) for text in set(texts)}
    return [known[text] for text in texts]


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
