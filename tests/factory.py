"""Pairs made by hand: a few lists in, the Columns and PairTables that the program itself would make of them out.

Everything goes through the real scoring and pairing, so a test that builds its pairs here tests those as well.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from hypothesis import strategies as st

from evalkit.columns import FORCED_COLUMNS, Columns
from evalkit.pairing import pair
from evalkit.policy import Policy, policy_from_text
from evalkit.requests import build_requests
from evalkit.table import PairTable, table
from evalkit.types import Estimate, Example, Output, Population, Role, Suite, SuiteFacts

# What a model may do besides giving a label. NONSENSE is an answer that is no label.
ERROR, TIMEOUT, EMPTY, NONSENSE = "<error>", "<timeout>", "<empty>", "<nonsense>"
FAILURES = (ERROR, TIMEOUT, EMPTY, NONSENSE)
_STATUS = {ERROR: "error", TIMEOUT: "timeout", EMPTY: "empty"}
# What Case says of a model besides its answers, under the model's prefix.
_OF_A_SIDE = ("probs", "latency", "marks", "fields", "seconds", "flops", "human", "token_logprobs")

# What a model may do with a prompt of a safety-refusal suite; answers of these words need no detector.
REFUSED, COMPLIED, UNDETERMINED = "refused", "complied", "undetermined"

Probs = Sequence[Sequence[float] | None]
# right, spurious and missed values by field; None where the answer was not read
Records = Sequence[Mapping[str, tuple[int, int, int]] | None]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One suite and what each model answered: labels (or texts), or one of FAILURES. Sequences are of one length.

    Marks, records and stances stand in for what a scorer would say, so that metrics can be tested without one; a
    failed answer has no marks to speak of, and has missed its whole record.
    """

    target: Sequence[str | None]
    student: Sequence[str]
    teacher: Sequence[str] | None = None
    champion: Sequence[str] | None = None
    teacher_again: Sequence[str] | None = None
    teacher_probs: Probs | None = None
    student_probs: Probs | None = None
    teacher_again_probs: Probs | None = None
    teacher_token_logprobs: Sequence[Sequence[float] | None] | None = None
    student_token_logprobs: Sequence[Sequence[float] | None] | None = None
    # What the student made of each of the teacher's texts, by column of the pairs; an empty mapping for one not drawn.
    forced: Sequence[Mapping[str, Any]] | None = None
    teacher_latency: Sequence[float | None] | None = None
    student_latency: Sequence[float | None] | None = None
    teacher_marks: Sequence[float | None] | None = None
    student_marks: Sequence[float | None] | None = None
    teacher_fields: Records | None = None
    student_fields: Records | None = None
    # What people said of the answers of a safety-refusal suite; None where nobody was asked.
    teacher_human: Sequence[str | None] | None = None
    student_human: Sequence[str | None] | None = None
    # What the timing protocol would have found: seconds by column of the pairs, operations, and the rest of its record.
    teacher_seconds: Sequence[Mapping[str, float]] | None = None
    student_seconds: Sequence[Mapping[str, float]] | None = None
    teacher_flops: Sequence[int | None] | None = None
    student_flops: Sequence[int | None] | None = None
    teacher_protocol: Mapping[str, Any] | None = None
    student_protocol: Mapping[str, Any] | None = None
    expect: Sequence[str] | None = None
    choices: Sequence[tuple[str, ...]] | None = None
    labels: tuple[str, ...] = ("a", "b", "c")
    groups: Sequence[str | None] | None = None
    slices: Mapping[str, Sequence[str]] = field(default_factory=dict)
    severity: Sequence[str] | None = None
    extra: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    ids: Sequence[str] | None = None
    name: str = "intents"
    kind: str = "gold"
    task: str = "classify"
    scorer: str = "label"
    answer_after: str | None = None
    marked: bool = False
    # Above 1: rows are samples of examples, and ids and groups say of which.
    samples: int = 1
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def n(self) -> int:
        return len(self.target)

    def facts(self) -> SuiteFacts:
        return SuiteFacts(
            name=self.name,
            kind=self.kind,  # type: ignore[arg-type]
            task=self.task,  # type: ignore[arg-type]
            version=1,
            scorer=self.scorer,
            labels=self.labels,
            slice_names=tuple(self.slices),
            grouped=self.groups is not None,
            digest=f"sha256:{self.name}",
            path=f"suites/{self.name}/suite.yaml",
            answer_after=self.answer_after,
            marked=self.marked,
            samples=self.samples,
            settings=self.settings,
        )

    def suite(self) -> Suite:
        examples = tuple(self._example(index) for index in range(self.n))
        return Suite(facts=self.facts(), prompt=None, generation={}, examples=examples, input_column="text")

    def outputs(self, role: str) -> list[Output]:
        answers, probs = getattr(self, role), getattr(self, f"{role}_probs", None)
        latency = getattr(self, f"{role}_latency", None)
        logprobs = getattr(self, f"{role}_token_logprobs", None)
        return [
            output(
                self._id(index),
                answer,
                text=self.task != "classify",
                probs=None if probs is None or answer in FAILURES else probs[index],
                latency_s=None if latency is None else latency[index],
                token_logprobs=None if logprobs is None or answer in _STATUS else logprobs[index],
            )
            for index, answer in enumerate(answers)
        ]

    def columns(self) -> Columns:
        every: tuple[Role, ...] = ("teacher", "student", "champion", "teacher_again")
        roles = [each for each in every if getattr(self, each) is not None]
        suite = self.suite()
        columns = pair(suite, build_requests(suite), {role: self.outputs(role) for role in roles})
        return replace(columns, data={**columns.data, **self._told(roles)}, timing=self._timing())

    def pairs(self, reference: Role = "teacher") -> PairTable:
        return table(self.columns(), reference)

    def _told(self, roles: Sequence[Role]) -> dict[str, list[Any]]:
        """What a scorer of marks, records or refusals would have said, column by column."""
        found: dict[str, list[Any]] = {}
        if self.forced is not None:
            found |= {name: [each.get(name) for each in self.forced] for name in FORCED_COLUMNS}
        for role in roles:
            answers = getattr(self, role)
            if (marks := getattr(self, f"{role}_marks", None)) is not None:
                found[f"{role}_marks"] = [
                    0.0 if each in FAILURES and mark is not None else mark
                    for each, mark in zip(answers, marks, strict=True)
                ]
            if (records := getattr(self, f"{role}_fields", None)) is not None:
                found[f"{role}_fields"] = [_read(each, one) for each, one in zip(answers, records, strict=True)]
            if (seconds := getattr(self, f"{role}_seconds", None)) is not None:
                for column in ("latency_s", "ttft_s", "tpot_s", "fixed_latency_s"):
                    times = zip(answers, seconds, strict=True)
                    found[f"{role}_{column}"] = [None if each in _STATUS else own.get(column) for each, own in times]
            if (human := getattr(self, f"{role}_human", None)) is not None:
                found[f"{role}_human"] = list(human)
            if self.expect is not None and self.scorer != "refusal":
                stances = (REFUSED, COMPLIED, UNDETERMINED)
                found[f"{role}_refused"] = [each if each in stances else UNDETERMINED for each in answers]
        return found

    def _timing(self) -> dict[str, Any]:
        roles = {}
        for role in ("teacher", "student"):
            if (record := getattr(self, f"{role}_protocol")) is not None:
                operations = getattr(self, f"{role}_flops") or [None] * self.n
                by_id = {self._id(index): each for index, each in enumerate(operations) if each is not None}
                roles[role] = {"flops": {"by_id": by_id}, **record}
        whole = {"examples": self.n, "prompts": self.n, "repeats": 5, "fixed_tokens": 32, "roles": roles}
        return whole if roles else {}

    # --- the same case, changed ----------------------------------------------------------------------

    def taken(self, index: Sequence[int] | np.ndarray) -> Self:
        """The rows of `index`, in its order; a row taken again is another example with an id of its own."""

        def pick(values: Sequence[Any] | None) -> Any:
            return None if values is None else tuple(values[each] for each in index)

        lists = ("target", "teacher", "student", "champion", "teacher_again", "groups", "severity")
        lists += ("expect", "choices", "teacher_again_probs", "forced")
        lists += tuple(f"{role}_{what}" for role in ("teacher", "student") for what in _OF_A_SIDE)
        seen: dict[str, int] = {}
        ids = []
        for each in index:
            again = seen[self._id(each)] = seen.get(self._id(each), -1) + 1
            ids.append(self._id(each) + ("'" * again))
        return replace(
            self,
            ids=tuple(ids),
            slices={name: pick(values) for name, values in self.slices.items()},
            extra={name: pick(values) for name, values in self.extra.items()},
            **{name: pick(getattr(self, name)) for name in lists},
        )

    def swapped(self) -> Self:
        """Teacher and student in each other's place; the student did not run twice."""
        sides = {
            f"{one}_{what}": getattr(self, f"{other}_{what}")
            for one, other in (("teacher", "student"), ("student", "teacher"))
            for what in (*_OF_A_SIDE, "protocol")
        }
        return replace(
            self,
            teacher_again=None,
            teacher_again_probs=None,
            teacher=self.student,
            student=self.teacher,
            forced=None if self.forced is None else tuple(map(_turned, self.forced)),
            **sides,
        )

    def copied(self) -> Self:
        """The student is the teacher."""
        sides = {f"student_{what}": getattr(self, f"teacher_{what}") for what in (*_OF_A_SIDE, "protocol")}
        same = None if self.forced is None else tuple(map(_equal, self.forced))
        return replace(self, student=self.teacher, forced=same, **sides)

    def renamed(self, order: Sequence[int]) -> Self:
        """Other words for the labels, which moreover stand in another order."""
        words = {label: f"class {position}" for position, label in enumerate(self.labels)}

        def say(answers: Sequence[str | None] | None) -> Any:
            return None if answers is None else tuple(words.get(each, each) for each in answers)  # type: ignore[arg-type]

        def move(probs: Probs | None) -> Any:
            if probs is None:
                return None
            return tuple(None if row is None else tuple(row[each] for each in order) for row in probs)

        return replace(
            self,
            labels=tuple(words[self.labels[each]] for each in order),
            target=say(self.target),
            teacher=say(self.teacher),
            student=say(self.student),
            champion=say(self.champion),
            teacher_again=say(self.teacher_again),
            teacher_probs=move(self.teacher_probs),
            student_probs=move(self.student_probs),
            teacher_again_probs=move(self.teacher_again_probs),
        )

    def failing(self, index: int, how: str = ERROR) -> Self:
        """The student fails on one example."""
        return replace(self, student=(*self.student[:index], how, *self.student[index + 1 :]))

    def _id(self, index: int) -> str:
        return self.ids[index] if self.ids is not None else f"e{index:05d}"

    def _example(self, index: int) -> Example:
        row = {"id": self._id(index), "text": f"input {index}"}
        row |= {name: values[index] for name, values in {**self.slices, **self.extra}.items()}
        return Example(
            id=self._id(index),
            row=row,
            target=self.target[index],
            slices={name: values[index] for name, values in self.slices.items()},
            group=None if self.groups is None else self.groups[index],
            severity="normal" if self.severity is None else self.severity[index],  # type: ignore[arg-type]
            choices=self.labels if self.choices is None else self.choices[index],
            expect=None if self.expect is None else self.expect[index],  # type: ignore[arg-type]
        )


def _turned(read: Mapping[str, Any]) -> dict[str, Any]:
    """What was read, with teacher and student in each other's place."""
    there = {"forced_kl": "forced_kl_reverse", "forced_teacher_logprobs": "forced_student_logprobs"}
    back = {other: one for one, other in there.items()}
    return {{**there, **back}.get(name, name): values for name, values in read.items()}


def _equal(read: Mapping[str, Any]) -> dict[str, Any]:
    """What a student reads that is the teacher."""
    if "forced_same_top" not in read:
        return dict(read)
    many = len(read["forced_same_top"])
    same = {"forced_same_top": [True] * many, "forced_student_logprobs": read.get("forced_teacher_logprobs")}
    return {**read, **same, **{name: [0.0] * many for name in ("forced_kl", "forced_kl_reverse") if name in read}}


def _read(answer: str, record: Mapping[str, tuple[int, int, int]] | None) -> str | None:
    if record is None:
        return None
    if answer in FAILURES:
        record = {name: (0, 0, right + missed) for name, (right, _, missed) in record.items()}
    return json.dumps(record)


def output(example_id: str, answer: str, *, text: bool = False, **more: Any) -> Output:
    """One model's output: a label (or a text), or one of FAILURES."""
    status = _STATUS.get(answer, "ok")
    if status in ("error", "timeout"):
        return Output(example_id=example_id, status=status, error="it broke", **more)  # type: ignore[arg-type]
    said = "" if status == "empty" else answer
    given = {"text": said} if text else {"label": said or None}
    return Output(example_id=example_id, status=status, **given, **more)  # type: ignore[arg-type]


# --- cases by the number -----------------------------------------------------------------------------


def from_cells(a: int, b: int, c: int, d: int, **more: Any) -> Case:
    """A case with a paired table: both right, teacher only, student only, both wrong; labels only."""
    teacher = ["a"] * (a + b) + ["b"] * (c + d)
    student = ["a"] * a + ["b"] * b + ["a"] * c + ["b"] * d
    return Case(target=["a"] * len(teacher), teacher=teacher, student=student, **more)


def random_case(
    seed: int,
    n: int,
    *,
    labels: int = 3,
    teacher_right: float = 0.8,
    student_right: float = 0.75,
    failures: float = 0.0,
    untargeted: float = 0.0,
    probs: bool = True,
    groups: int | None = None,
    slices: int = 2,
    timed: bool = True,
) -> Case:
    """Two models that tend to be right together, with probabilities that lean to what they answer."""
    rng = np.random.default_rng(seed)
    words = tuple("abcdefghijklmnopqrstuvwxyz"[:labels]) if labels <= 26 else tuple(f"l{i}" for i in range(labels))
    target = rng.integers(labels, size=n)
    luck = rng.random(n)
    answers: dict[str, list[str]] = {}
    spread: dict[str, list[tuple[float, ...]]] = {}
    for role, right in (("teacher", teacher_right), ("student", student_right)):
        own = np.where(rng.random(n) < 0.7, luck, rng.random(n))
        wrong = (target + rng.integers(1, labels, size=n)) % labels
        choice = np.where(own < right, target, wrong)
        raw = rng.dirichlet(np.ones(labels), size=n)
        raw[np.arange(n), choice] += rng.random(n) * 2
        # The answer is the likeliest label, as it would be from logits.
        for row, picked in zip(raw, choice, strict=True):
            top = int(row.argmax())
            row[top], row[picked] = row[picked], row[top]
        spread[role] = [tuple(float(each) for each in row) for row in raw / raw.sum(axis=1, keepdims=True)]
        failed = rng.random(n) < failures
        answers[role] = [
            FAILURES[int(rng.integers(len(FAILURES)))] if bad else words[each]
            for each, bad in zip(choice, failed, strict=True)
        ]
    # A second run of the teacher, from luck of its own so that it moves nothing else.
    luck_again = np.random.default_rng([seed, 2])
    again = [
        words[int(luck_again.integers(labels))] if moved else each
        for each, moved in zip(answers["teacher"], luck_again.random(n) < 0.1, strict=True)
    ]
    spread_again = []
    for row, other, said in zip(spread["teacher"], luck_again.dirichlet(np.ones(labels), size=n), again, strict=True):
        mixed = 0.8 * np.array(row) + 0.2 * other
        spread_again.append(_likeliest(mixed, words.index(said) if said in words else int(mixed.argmax())))
    return Case(
        labels=words,
        teacher_again=again if seed % 4 else None,
        teacher_again_probs=spread_again if probs and seed % 4 else None,
        target=[None if drop else words[each] for each, drop in zip(target, rng.random(n) < untargeted, strict=True)],
        teacher=answers["teacher"],
        student=answers["student"],
        teacher_probs=spread["teacher"] if probs else None,
        student_probs=spread["student"] if probs else None,
        teacher_latency=list(rng.gamma(4.0, 0.02, size=n)) if timed else None,
        student_latency=list(rng.gamma(4.0, 0.01, size=n)) if timed else None,
        groups=None if groups is None else [f"g{int(each)}" for each in rng.integers(groups, size=n)],
        slices={"language": [("de", "en", "fr")[int(each) % 3] for each in rng.integers(max(1, slices), size=n)]},
        severity=[("low", "normal", "high", "critical")[int(each)] for each in rng.integers(4, size=n)],
    )


def _likeliest(row: np.ndarray, picked: int) -> tuple[float, ...]:
    """The same probabilities, but the highest of them for what was picked."""
    top = int(row.argmax())
    row[top], row[picked] = row[picked], row[top]
    return tuple(map(float, row))


def cases(*, least: int = 1, most: int = 40, **fixed: Any) -> st.SearchStrategy[Case]:
    """Cases of every temper: good and useless models, failures, examples without a target, no probabilities."""

    def build(seed: int, n: int, options: Mapping[str, Any]) -> Case:
        return random_case(seed, n, **{**options, **fixed})

    share = st.sampled_from([0.0, 0.3, 0.8, 1.0])
    free = {
        "labels": st.sampled_from([2, 3, 5]),
        "teacher_right": share,
        "student_right": share,
        "failures": st.sampled_from([0.0, 0.0, 0.2, 1.0]),
        "untargeted": st.sampled_from([0.0, 0.0, 0.3, 1.0]),
        "probs": st.booleans(),
        "timed": st.booleans(),
    }
    options = st.fixed_dictionaries({name: drawn for name, drawn in free.items() if name not in fixed})
    return st.builds(build, st.integers(0, 10**6), st.integers(least, most), options)


# --- policies, and what a gate sees of suites ---------------------------------------------------------


def policy(*criteria: Mapping[str, Any], waivers: Sequence[Mapping[str, Any]] = (), **more: Any) -> Policy:
    """A policy of these criteria, read as a file would be; an id is made up where none is given."""
    rules = [{"id": f"c{index}", **each} for index, each in enumerate(criteria)]
    whole = {"schema": "evalkit/policy/v1", "criteria": rules, "waivers": list(waivers), **more}
    return policy_from_text(json.dumps(whole, indent=1), "made-up")


def population(
    name: str = "intents", *, n: int = 100, slices: Mapping[str, Mapping[str, int]] | None = None, **more: Any
) -> Population:
    """What a gate sees of a classify suite; `more` goes to Case."""
    sizes = {} if slices is None else dict(slices)
    case = Case(name=name, target=(), student=(), slices={each: () for each in sizes if each != "target"}, **more)
    columns = frozenset({"id", "severity", "target", *sizes})
    return Population(facts=case.facts(), n=n, slices=sizes, columns=columns)


def interval(low: float, high: float, *, value: float | None = None, n: int = 100) -> Estimate:
    middle = (low + high) / 2 if value is None else value
    return Estimate(value=middle, low=low, high=high, level=0.9, n=n, method="made up")
