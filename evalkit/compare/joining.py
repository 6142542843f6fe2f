"""Two runs joined by suite and example id: the first run's student in the teacher's place, the second's beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from evalkit.columns import FORCED_COLUMNS, PAIR_COLUMNS, ROLE_COLUMNS, Columns
from evalkit.errors import Complaint, UsageError
from evalkit.store import Run
from evalkit.types import Role, SuiteFacts
from evalkit.types.over_time import Uncompared

_NAMED = 3
# Two runs were not timed side by side, so no example has a pair of times.
_TIMES = frozenset({"latency_s", "ttft_s", "tpot_s", "fixed_latency_s"})


@dataclass(frozen=True, kw_only=True)
class Joined:
    """One suite of both runs. `columns` have the first student as teacher and the second as student, without times.

    `read` are the same with the teacher, where a run has one, in the champion's place: for readers, not for measuring.
    `teacher_differs` is None where one of the runs has no teacher."""

    columns: Columns
    read: Columns
    teacher_differs: int | None


def join(first: Run, second: Run) -> tuple[tuple[Joined, ...], tuple[Uncompared, ...]]:
    """The suites that both runs asked in the same version, in the first run's order, and the suites left out.

    Raises UsageError where no suite is the same, or where one is and its examples are not."""
    ours, theirs = ({each.facts.name: each for each in run.columns} for run in (first, second))
    same: list[tuple[Columns, Columns]] = []
    left: list[Uncompared] = []
    for name, one in ours.items():
        other = theirs.get(name)
        if other is None:
            left.append(Uncompared(suite=name, why="only the first run asked it"))
        elif one.facts.digest != other.facts.digest:
            left.append(Uncompared(suite=name, why=_how_unlike(one.facts, other.facts)))
        elif not one.n and not other.n:
            left.append(Uncompared(suite=name, why="neither run holds an example of it"))
        else:
            same.append((one, other))
    left += [Uncompared(suite=name, why="only the second run asked it") for name in theirs if name not in ours]
    if complaints := list(_unequal(same, first, second)):
        raise UsageError(complaints)
    if not same:
        raise UsageError(_nothing_in_common(first, second))
    return tuple(_joined(one, other) for one, other in same), tuple(left)


def _how_unlike(one: SuiteFacts, other: SuiteFacts) -> str:
    if one.version != other.version:
        return f"version {one.version} in the first run, version {other.version} in the second"
    return f"both runs call it version {one.version}, but its file or its data are not the same"


def _unequal(same: Sequence[tuple[Columns, Columns]], first: Run, second: Run) -> Iterator[Complaint]:
    for one, other in same:
        ours, theirs = set(one.data["id"]), set(other.data["id"])
        if ours == theirs:
            continue
        said = [
            f"{len(found)} only in {run.path} ({_listed(found)})"
            for run, found in (
                (first, [each for each in one.data["id"] if each not in theirs]),
                (second, [each for each in other.data["id"] if each not in ours]),
            )
            if found
        ]
        yield Complaint(
            problem=f"the runs asked other examples of {one.facts.name}: {'; '.join(said)}",
            remedy="compare runs of the whole suite, or of the same --limit",
        )


def _listed(ids: Sequence[str]) -> str:
    named = ", ".join(ids[:_NAMED])
    return f"{named}, …" if len(ids) > _NAMED else named


def _nothing_in_common(first: Run, second: Run) -> Complaint:
    def has(run: Run) -> str:
        suites = [f"{each.facts.name} version {each.facts.version}" for each in run.columns]
        return f"{run.path} has {', '.join(suites) or 'none'}"

    return Complaint(
        problem=f"the runs have no suite in common: {has(first)}; {has(second)}",
        remedy="run both students on the same suites: an example is compared with itself or not at all",
    )


def _joined(one: Columns, other: Columns) -> Joined:
    place = {each: row for row, each in enumerate(other.data["id"])}
    rows = [place[each] for each in one.data["id"]]
    # No student has read another's answers.
    unread = [None] * one.n
    pairs = {name: unread if name in FORCED_COLUMNS else one.data[name] for name in PAIR_COLUMNS}
    second = {name: _picked(values, rows) for name, values in other.data.items() if name not in pairs}
    data = {**pairs, **_role(one.data, "student", "teacher"), **_role(second, "student", "student")}
    columns = Columns(facts=one.facts, roles=("teacher", "student"), data=data)
    known = [source for source, run in ((second, other), (one.data, one)) if "teacher" in run.roles]
    read = columns
    if known:
        beside = {**data, **_role(known[0], "teacher", "champion")}
        read = replace(columns, roles=("teacher", "student", "champion"), data=beside)
    return Joined(columns=columns, read=read, teacher_differs=_differs(one.data, second) if len(known) == 2 else None)


def _picked(values: Sequence[Any], rows: Sequence[int]) -> list[Any]:
    return [values[row] for row in rows]


def _role(data: Mapping[str, Sequence[Any]], of: Role, to: Role) -> dict[str, Sequence[Any]]:
    """One model's columns under another role's name, without its times."""
    nothing = [None] * len(data[f"{of}_status"])
    return {f"{to}_{name}": nothing if name in _TIMES else data[f"{of}_{name}"] for name in ROLE_COLUMNS}


def _differs(one: Mapping[str, Sequence[Any]], other: Mapping[str, Sequence[Any]]) -> int:
    """On how many examples the two teachers said something else."""
    said = [
        list(zip(data["teacher_status"], data["teacher_answer"], data["teacher_refused"], strict=True))
        for data in (one, other)
    ]
    return sum(ours != theirs for ours, theirs in zip(*said, strict=True))
