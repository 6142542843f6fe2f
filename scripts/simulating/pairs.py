"""Pairs whose arrays are drawn: made once by the doors that a run goes through, then filled with numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalkit.columns import Columns
from evalkit.pairing import pair
from evalkit.requests import build_requests
from evalkit.table import PairTable, table
from evalkit.types import Example, Output, Role, Suite, SuiteFacts, Task

ROLES: tuple[Role, ...] = ("teacher", "student")
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


def labels(classes: int) -> tuple[str, ...]:
    """The labels of the simulated suites."""
    return tuple(f"c{index}" for index in range(classes))


@cache
def columns(n: int, classes: int = 2, *, marked: bool = False) -> Columns:
    """A suite of n examples that both models answer alike: labels, or with `marked` texts that a scorer gives marks."""
    task: Task = "generate" if marked else "classify"
    facts = SuiteFacts(
        name="simulated",
        kind="gold",
        task=task,
        version=1,
        scorer="exact" if marked else "label",
        labels=() if marked else labels(classes),
        slice_names=(),
        grouped=False,
        digest="sha256:simulated",
        path="simulated/suite.yaml",
        marked=marked,
    )
    examples = tuple(
        Example(
            id=f"e{index:06d}",
            row={"id": f"e{index:06d}", "text": "x"},
            target="c0",
            choices=facts.labels,
        )
        for index in range(n)
    )
    suite = Suite(facts=facts, prompt=None, generation={}, examples=examples, input_column="text")
    said = {"text": "c0"} if marked else {"label": "c0", "probs": (1.0, *(0.0,) * (classes - 1))}
    outputs = [Output(example_id=each.id, status="ok", **said) for each in examples]
    return pair(suite, build_requests(suite), dict.fromkeys(ROLES, outputs))


@cache
def blank(n: int, classes: int = 2, *, marked: bool = False) -> PairTable:
    """The pairs of `columns`, to be filled."""
    return table(columns(n, classes, marked=marked), "teacher")


def filled(pairs: PairTable, *, group: Ints | None = None, target: Ints | None = None, **sides: Any) -> PairTable:
    """The same pairs with other arrays: `teacher_correct`, `student_marks`, …; a choice brings its answer along."""
    assert pairs.teacher is not None
    names = np.array(pairs.facts.labels, dtype=object)
    changed: dict[str, Any] = {}
    for role in ROLES:
        own = {name.removeprefix(f"{role}_"): each for name, each in sides.items() if name.startswith(role)}
        if "choice" in own:
            own["answer"] = names[own["choice"]]
        changed[role] = replace(getattr(pairs, role), **own)
    if target is not None:
        changed |= {"target_index": target, "target": names[target]}
    # What was worked out for the rows as they were is not true of them any more.
    return replace(pairs, group=group, _found={}, **changed)


def of_cells(cells: Sequence[int], classes: int = 2) -> PairTable:
    """Pairs with this paired table: both right, teacher only, student only, both wrong."""
    a, b, c, d = cells
    teacher = np.repeat([True, True, False, False], [a, b, c, d])
    student = np.repeat([True, False, True, False], [a, b, c, d])
    return filled(blank(a + b + c + d, classes), teacher_correct=teacher, student_correct=student)
