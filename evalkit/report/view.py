"""What every sink shows: plain frozen data, prepared once from a run's record.

Numbers are already written (with the exact float beside them), rows are already sorted, texts are still raw:
each sink makes them safe in its own way. Nothing here knows HTML, XML or a terminal.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from evalkit.types import CriterionStatus, Effect, Flip, OnMissing, Severity, Transition, Verdict, VerdictWord, Waiver

MARKS: dict[str, str] = {
    "pass": "✓",
    "fail": "✗",
    "inconclusive": "?",
    "not_evaluated": "–",
    "waived": "⚑",
    "broken": "!",
    "empty": "∅",
    "ungated": "–",
}
STATUS_WORDS: dict[CriterionStatus, str] = {
    "pass": "pass",
    "fail": "fail",
    "inconclusive": "inconclusive",
    "not_evaluated": "not evaluated",
    "waived": "waived",
}
FLIP_WORDS: dict[Flip, str] = {
    "right_to_wrong": "right → wrong",
    "wrong_to_right": "wrong → right",
    "wrong_to_other_wrong": "wrong → other wrong",
    "both_right": "both right",
    "both_wrong_same": "both wrong, same answer",
    "graded": "other marks",
    "no_target": "no target",
}


_STANDING: tuple[tuple[CriterionStatus, str, str], ...] = (
    ("fail", "fails", "fail"),
    ("inconclusive", "is inconclusive", "are inconclusive"),
    ("not_evaluated", "could not be evaluated", "could not be evaluated"),
    ("pass", "holds", "hold"),
    ("waived", "is waived", "are waived"),
)
_BY_THE_CLOCK = ("latency.", "throughput.", "memory.", "energy.")
# How a reason begins its list of slices that are too small; it may name hundreds.
TOO_SMALL = ": too small to judge in "
# How a reason words what would settle a criterion: `… the interval holds the bound 97.5 %; about 240 more …`.
_SETTLES = re.compile(r": the interval holds the bound [^;]*; (.*?)(?:; n = [0-9,]+ can rule out .*)?$", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One measured number as written, or why there is none. `exact` holds value, low, high as a machine reads them."""

    value: str
    interval: str
    n: int
    level: float
    method: str
    exact: tuple[float, float | None, float | None] | None
    undefined: str | None = None

    @property
    def words(self) -> str:
        """Value, interval and n in one phrase, or the reason."""
        if self.undefined is not None:
            return f"undefined: {self.undefined}"
        return " ".join(filter(None, [self.value, self.interval, f"(n {self.n})"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class CriterionView:
    """One row of the verdict. `where` words the filter; `needs` is the bound with its sign, `≥ 97.0 %`.

    Rows with the same `scale` can be drawn on one axis: the same unit, written the same way.
    """

    id: str
    metric: str
    suite: str | None
    slice: str | None
    where: str
    champion: bool
    effect: Effect
    on_missing: OnMissing
    status: CriterionStatus
    reading: Reading
    unit: str
    scale: str
    at_least: bool
    bound: float | None
    needs: str
    by: str
    reason: str
    examples: tuple[str, ...]
    waiver: Waiver | None

    @property
    def skipped(self) -> bool:
        """Not evaluated, and by its own rule of no consequence."""
        return self.status == "not_evaluated" and self.on_missing == "skip"

    @property
    def settles(self) -> str:
        """What would settle an inconclusive row, as its reason words it; empty where it does not."""
        found = _SETTLES.search(self.reason) if self.status == "inconclusive" else None
        return found[1] if found is not None else ""

    @property
    def settles_by_examples(self) -> bool:
        """Whether its interval narrows with new examples alone; a clock may be asked again about the same ones."""
        return not self.metric.startswith(_BY_THE_CLOCK)

    @property
    def place(self) -> str:
        """Where the row applies: suite, slice, filter, and the champion if it is compared with that."""
        nowhere = "no suite" if self.status == "not_evaluated" else "whole run"
        parts = [self.suite or nowhere, self.slice, self.where, "versus champion" if self.champion else ""]
        return " · ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegressedView:
    """A slice that got worse: `class_slice` when it is a class of the suite rather than a declared slice."""

    suite: str
    slice: str
    class_slice: bool
    difference: str
    exact: float
    n: int
    lost: int
    gained: int
    p: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SideView:
    """A metric of both models: `difference` is student − teacher. Any of the three may be missing."""

    metric: str
    teacher: Reading | None
    student: Reading | None
    difference: Reading | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SingleView:
    """A metric that is one number: a ratio, a rate, an agreement."""

    metric: str
    reading: Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyView:
    """Metrics that share the first part of their names, such as `calibration`."""

    name: str
    sides: tuple[SideView, ...]
    singles: tuple[SingleView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusRow:
    """How many of one model's outputs went a way that is not a plain answer."""

    word: str
    teacher: str
    student: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceView:
    """One slice of a suite: how far the student is from its teacher there."""

    name: str
    difference: Reading | None
    retention: Reading | None
    lost: Reading | None
    regressed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteView:
    """Everything measured on one suite; `name` None is the run as a whole.

    `unmeasured` has what came out undefined on both sides, its metrics together under their reason.
    """

    name: str | None
    about: str
    families: tuple[FamilyView, ...]
    unmeasured: tuple[Gap, ...]
    statuses: tuple[StatusRow, ...]
    transition: Transition | None
    # What the transition counts.
    rows: str
    slices: tuple[SliceView, ...]
    class_slices: tuple[SliceView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerView:
    """What one model said to one example. `text` is empty when the answer is all there is."""

    who: str
    answer: str
    text: str
    judged: str
    confidence: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleView:
    """One changed example, both models side by side; `sensitive` texts are not shown unasked."""

    suite: str
    id: str
    flip: str
    mark: str
    severity: Severity
    slices: str
    input: str
    target: str | None
    answers: tuple[AnswerView, ...]
    sensitive: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Something that was not evaluated, and why."""

    what: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """A titled list of facts for the provenance section."""

    title: str
    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The whole report. `measured` is False for a broken or empty run, which has no numbers worth showing. `compressed`
    names the roles whose weights were made smaller, and how."""

    word: VerdictWord
    exit_code: int
    exit_words: str
    headline: str
    student: str
    teacher: str
    run_id: str
    policy: str
    level: float | None
    verdict: Verdict
    reasons: tuple[str, ...]
    waivers: tuple[Waiver, ...]
    criteria: tuple[CriterionView, ...]
    tally: str
    measured: bool
    regressed: tuple[RegressedView, ...]
    suites: tuple[SuiteView, ...]
    examples: tuple[ExampleView, ...]
    changed: int
    total: int
    gaps: tuple[Gap, ...]
    facts: tuple[Facts, ...]
    policy_text: str
    plan_text: str
    manifest: tuple[tuple[str, str], ...]
    compressed: tuple[tuple[str, str], ...] = ()

    @property
    def weighed(self) -> tuple[CriterionView, ...]:
        """The criteria that bear on the verdict or could have: those that had something to apply to."""
        return tuple(row for row in self.criteria if not row.skipped)

    @property
    def needs_new_examples(self) -> bool:
        """Whether something is open that only new examples settle, and no second look at the same ones."""
        return any(row.effect == "block" and row.settles and row.settles_by_examples for row in self.weighed)

    @property
    def skipped(self) -> tuple[str, ...]:
        """Ids of the criteria that had nothing to apply to and may be passed over."""
        return tuple(dict.fromkeys(row.id for row in self.criteria if row.skipped))

    @property
    def told(self) -> tuple[str, ...]:
        """The reasons, without those that only repeat why a criterion was skipped."""
        repeated = [row.reason for row in self.criteria if row.skipped and row.reason]
        return tuple(each for each in self.reasons if not any(reason in each for reason in repeated))


def tally_words(rows: Iterable[CriterionView]) -> str:
    """`1 of 4 blocking criteria fails, 3 hold; 1 warning`: what only warns is never counted with what fails.

    A skipped criterion is in neither number. Empty without criteria.
    """
    rows = [row for row in rows if not row.skipped]
    blocking = Counter(row.status for row in rows if row.effect == "block")
    of = blocking.total()
    said = [f"{some} {one if some == 1 else many}" for status, one, many in _STANDING if (some := blocking[status])]
    if said:
        # The first one says of how many.
        number, _, verb = said[0].partition(" ")
        said[0] = f"{number} of {of} blocking {'criterion' if of == 1 else 'criteria'} {verb}"
    raised = sum(row.effect == "warn" and row.status != "pass" for row in rows)
    parts = [", ".join(said)] if said else []
    parts += [f"{raised} {'warning' if raised == 1 else 'warnings'}"] if raised else []
    return "; ".join(parts)
