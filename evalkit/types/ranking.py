"""Several students of one plan side by side, and in which order they stand. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from evalkit.types import Measured, Verdict, VerdictWord
from evalkit.types.over_time import Standing

# What a table of students has a column for.
Key = Literal["accuracy", "agreement", "unsafe", "calibration", "speed", "size"]
# By what students of one verdict stand in their order; `plan`: nothing was measured, so the plan's.
Order = Literal["speed", "bytes", "kept", "plan"]
# What a student and the one above it differ by, or do not.
By = Literal["verdict", "criteria", "speed", "bytes", "examples", "nothing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteStanding:
    """How the second of two students stands to the first on one suite, example by example. `change` is second − first
    by `metric`, one entry for each metric that the suite is judged by."""

    suite: str
    standing: Standing
    changes: tuple[tuple[str, str, Measured], ...]  # metric, unit, change


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One number of one student: of all suites that have it, the one that speaks most against the student. `suite` is
    None for what is measured of the model itself; `among` counts the suites."""

    metric: str
    suite: str | None
    unit: str
    measured: Measured
    among: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """From the student above down to this one. `told_apart`: the order of the two is shown and not by chance.

    `suites` holds this student against the one above, example by example; empty where `why` says what forbids it."""

    above: str
    by: By
    told_apart: bool
    suites: tuple[SuiteStanding, ...]
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One student of the ranking. `rank` counts from 1; students that nothing tells apart share one.

    `folder` is its run, relative to the ranking; `digest` that of its model, empty where the run does not say. `failed`
    and `open` count the blocking criteria that fail or are undecided. `step` is None for the first."""

    rank: int
    name: str
    folder: str
    digest: str
    verdict: Verdict
    report: bool
    failed: int
    open: int
    cells: Mapping[Key, Cell]
    order: Order
    step: Step | None
    units: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """The students of a plan, the first in line first. Texts are empty where the runs do not say.

    `level` is the two-sided coverage of every interval between two students. `best` names those that pass and
    share the first rank, each not told apart from the one above it; `may_replace` all that pass."""

    teacher: str
    teacher_digest: str
    policy: str
    policy_digest: str
    level: float
    suites: tuple[tuple[str, int, str], ...]  # name, version, digest
    candidates: tuple[Candidate, ...]

    @property
    def word(self) -> VerdictWord:
        """The worst verdict of all: what the command ends with."""
        seen = {each.verdict.word for each in self.candidates}
        return next(each for each in WORST_FIRST if each in seen)

    @property
    def may_replace(self) -> tuple[str, ...]:
        return tuple(each.name for each in self.candidates if each.verdict.word == "pass")

    @property
    def best(self) -> tuple[str, ...]:
        passing = [each for each in self.candidates if each.verdict.word == "pass"]
        return tuple(each.name for each in passing if each.rank == passing[0].rank)


WORST_FIRST: tuple[VerdictWord, ...] = ("broken", "empty", "fail", "inconclusive", "pass", "ungated")
