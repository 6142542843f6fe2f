"""What is known of several runs together: two compared, or all below a folder. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from evalkit.types import (
    CriterionRow,
    Direction,
    Measured,
    MetricRow,
    Pair,
    Question,
    RegressedSlice,
    SuiteFacts,
    Transition,
    Verdict,
    VerdictWord,
)

# How the second student stands to the first. `mixed`: better by one measure and worse by another; `differs`: of a
# metric of which neither direction is better; `not measured`: there is nothing to tell it by.
Standing = Literal["better", "worse", "mixed", "differs", "no clear difference", "not measured"]


# --- two runs ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """One of the two runs. `label` is its student's name, told apart from the other's where they are the same;
    texts are empty where the run does not say."""

    label: str
    path: str
    run_id: str
    started: str
    teacher: str
    policy: str
    policy_digest: str
    verdict: VerdictWord
    digests: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreeWay:
    """One metric of the teacher and both students; None where a run has no such row.

    `change` is how the second student differs from the first, as `change_metric` has it, and `neutral` its value where
    they do not. It is None for what each run measured on its own, and what therefore has no interval of the difference.
    """

    metric: str
    unit: str
    direction: Direction
    teacher: Measured | None
    first: Measured | None
    second: Measured | None
    change: Measured | None
    change_metric: str
    change_unit: str
    neutral: float
    standing: Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteCompared:
    """A suite that both runs asked. `judged_by` names the rows whose standing is the suite's.

    `rows` are measured example by example; `own` are each run's own; `against_first` has what is measured of the second
    student with the first in the teacher's place. `lost` and `gained` are the shares of the first student's right and
    wrong answers that the second got wrong and right; None where nothing is right or wrong. `teacher_differs` counts
    the examples that the teacher of the one run answered otherwise than that of the other, None where one has none.
    """

    facts: SuiteFacts
    n: int
    standing: Standing
    why: str
    judged_by: tuple[str, ...]
    rows: tuple[ThreeWay, ...]
    own: tuple[ThreeWay, ...]
    against_first: tuple[MetricRow, ...]
    slices: tuple[MetricRow, ...]
    transition: Transition | None
    lost: Measured | None
    gained: Measured | None
    teacher_differs: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncompared:
    """A suite that was not compared, and why."""

    suite: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CriterionPair:
    """One criterion in both verdicts; None in the one that does not have it."""

    id: str
    question: Question
    unit: str
    first: CriterionRow | None
    second: CriterionRow | None

    @property
    def changed(self) -> bool:
        """Is its status another than it was? A criterion of only one verdict did not change: it came or went."""
        return self.first is not None and self.second is not None and self.first.status != self.second.status

    @property
    def moved(self) -> bool:
        """Does it ask for something else than it did?"""
        if self.first is None or self.second is None:
            return False
        return (self.first.at_least, self.first.at_most, self.first.by, self.first.effect) != (
            self.second.at_least,
            self.second.at_most,
            self.second.by,
            self.second.effect,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Two finished runs on the same examples. `level` is the two-sided coverage of every interval of a difference.

    `run_rows` are of the models themselves. `pairs` are the examples to be read, as in `RunRecord`, with the first
    student in the teacher's place and the teacher, where there is one, in the champion's. `same_teacher` says whether
    both runs had the same bytes for a teacher, None where one had none. `notes` say what a reader must know.
    """

    first: RunFacts
    second: RunFacts
    level: float
    suites: tuple[SuiteCompared, ...]
    uncompared: tuple[Uncompared, ...]
    run_rows: tuple[ThreeWay, ...]
    criteria: tuple[CriterionPair, ...]
    worse_slices: tuple[RegressedSlice, ...]
    better_slices: tuple[RegressedSlice, ...]
    pairs: tuple[Pair, ...]
    changed: int
    pairs_total: int
    same_teacher: bool | None
    notes: tuple[str, ...]


# --- many runs -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One run of a history. Times are ISO 8601 in UTC, as recorded; texts are empty where nothing says.

    `path` is relative to the folder that was searched. `teacher_digest` and `suites` (digests by name and version)
    identify what the run was measured against; `report` says whether a report.html lies beside its records."""

    path: str
    run_id: str
    started: str
    student: str
    teacher: str
    teacher_digest: str
    policy: str
    policy_digest: str
    suites: Mapping[str, tuple[int, str]]
    verdict: Verdict
    report: bool
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """Something below the folder that is not in the history, and why."""

    path: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendPoint:
    """What one run says of a criterion. `at` is the run's place in its line of runs; `row` is None where the run broke
    or its verdict has no such row. `moved` says that the bound is another than it was in the point before."""

    at: int
    row: CriterionRow | None
    moved: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """One criterion on one suite and slice, over the runs of a line: a point for every run."""

    id: str
    question: Question
    unit: str
    points: tuple[TrendPoint, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """Runs that can be read as one story, the oldest first: of the same teacher and the same policy, by their names.
    `units` are those of the metrics that their verdicts name."""

    teacher: str
    policy: str
    entries: tuple[Entry, ...]
    trends: tuple[Trend, ...]
    units: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The runs below a folder. `found` counts them all, `left_out` those before the ones that are shown."""

    folder: str
    lines: tuple[Lineage, ...]
    skipped: tuple[Skipped, ...]
    found: int
    left_out: int = 0
    criteria: tuple[str, ...] = field(default=())
