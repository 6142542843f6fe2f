"""What is measured of two joined runs: every metric with its paired interval, and what each run says on its own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from evalkit.compare.joining import Joined
from evalkit.estimate import Evidence
from evalkit.ledger import transitions
from evalkit.metrics import catalogue
from evalkit.store import Run
from evalkit.types import Direction, Estimate, Measured, MetricRow, Question, Undefined
from evalkit.types.over_time import Standing, SuiteCompared, ThreeWay

# What a suite is judged by: the first of these sets of which it has a row.
JUDGES = (
    ("accuracy.difference",),
    ("score.difference",),
    ("safety.refusal_rate.difference", "safety.over_refusal.difference"),
)
# How one student falls back on the other is nobody's question; the teacher's noise is not the first student's.
_NOT_ASKED = ("fallback.", "flips.unstable.", "flips.right_to_wrong_stable.", "flips.excess_rate", "agreement.noise_")
_SIDES = ("teacher", "student")
_CHANGES = ("difference", "ratio")
Rows = Mapping[Question, MetricRow]


def suite_compared(joined: Joined, rows: Rows, first: Run, second: Run) -> SuiteCompared:
    """One suite of both runs; `rows` are the evidence's, of all suites."""
    facts = joined.columns.facts
    whole = {
        row.question.metric: in_their_names(row)
        for row in rows.values()
        if row.question.suite == facts.name and row.question.slice is None and not _untold(row.question.metric)
    }
    runs = [_own(run, facts.name) for run in (first, second)]
    compared = tuple(_compared(whole, runs))
    judges = next((each for each in JUDGES if any(metric in whole for metric in each)), ())
    by = tuple(row for row in compared if row.change_metric in judges)
    standing, why = _standing_of(by)
    counts = transitions([joined.columns])
    return SuiteCompared(
        facts=facts,
        n=joined.columns.n // facts.samples,
        standing=standing,
        why=why,
        judged_by=tuple(row.change_metric for row in by),
        rows=compared,
        own=tuple(_apart(runs, {row.metric for row in compared})),
        against_first=tuple(
            row for row in whole.values() if _single(row.question.metric) and isinstance(row.measured, Estimate)
        ),
        slices=tuple(
            in_their_names(row)
            for row in rows.values()
            if row.question.suite == facts.name and row.question.slice is not None and row.question.metric in judges
        ),
        transition=counts.get(facts.name),
        lost=_measured(whole, "flips.right_to_wrong.rate"),
        gained=_measured(whole, "flips.wrong_to_right.rate"),
        teacher_differs=joined.teacher_differs,
    )


def models_compared(rows: Rows, first: Run, second: Run) -> tuple[ThreeWay, ...]:
    """What the models themselves are: sizes and prices, exact."""
    whole = {row.question.metric: in_their_names(row) for row in rows.values() if row.question.suite is None}
    return tuple(_compared(whole, [_own(run, None) for run in (first, second)]))


def standing(change: Measured, direction: Direction, neutral: float) -> Standing:
    """What the interval says of a change, and the metric's direction of which way is better."""
    if isinstance(change, Undefined) or change.low is None or change.high is None:
        return "not measured"
    if change.low <= neutral <= change.high:
        return "no clear difference"
    if direction == "neutral":
        return "differs"
    return "better" if (change.low > neutral) == (direction == "higher") else "worse"


def _standing_of(rows: Sequence[ThreeWay]) -> tuple[Standing, str]:
    """A suite's standing from those of its judges: one that is clear outweighs one that is not."""
    if (word := combined([row.standing for row in rows])) is not None:
        return word, ""
    reasons = [row.change.reason for row in rows if isinstance(row.change, Undefined)]
    return "not measured", reasons[0] if reasons else "nothing tells a right answer from a wrong one"


def combined(words: Iterable[Standing]) -> Standing | None:
    """One word for several measures; None where none of them says anything."""
    seen = set(words)
    for each, needs in (("mixed", {"better", "worse"}), ("worse", {"worse"}), ("better", {"better"})):
        if needs <= seen:
            return each  # type: ignore[return-value]
    return "no clear difference" if "no clear difference" in seen else None


def _compared(whole: Mapping[str, MetricRow], runs: Sequence[Mapping[str, MetricRow]]) -> Iterable[ThreeWay]:
    """The metrics of both models that have a row for the change from one to the other."""
    for metric, row in whole.items():
        base, _, last = metric.rpartition(".")
        sides = [whole.get(f"{base}.{side}") for side in _SIDES]
        if last not in _CHANGES or sides[0] is None or sides[1] is None:
            continue
        shown = [each.measured for each in sides if each is not None]
        if all(isinstance(each, Undefined) for each in (*shown, row.measured)):
            continue
        fact = catalogue()[metric][0]
        neutral = fact.identity if fact.identity is not None else 1.0 if last == "ratio" else 0.0
        yield ThreeWay(
            metric=base,
            unit=sides[0].unit,
            direction=row.direction,
            teacher=_of_either(runs, f"{base}.teacher"),
            first=shown[0],
            second=shown[1],
            change=row.measured,
            change_metric=metric,
            change_unit=row.unit,
            neutral=neutral,
            standing=standing(row.measured, row.direction, neutral),
        )


def _apart(runs: Sequence[Mapping[str, MetricRow]], compared: set[str]) -> Iterable[ThreeWay]:
    """What each run measured that no two answers to one example can be compared by: its student against its teacher,
    and everything with a clock."""
    done = set()
    for row in (row for run in runs for row in run.values()):
        metric = row.question.metric
        base, _, last = metric.rpartition(".")
        sided = last in _SIDES or last in _CHANGES
        name = base if sided and f"{base}.student" in {**runs[0], **runs[1]} else metric
        if name in compared or name in done or _untold(metric, own=True):
            continue
        done.add(name)
        student = f"{name}.student" if name != metric else metric
        shown = [_measured(run, student) for run in runs]
        if not any(isinstance(each, Estimate) for each in shown):
            continue
        known = next((run[student] for run in runs if student in run), row)
        yield ThreeWay(
            metric=name,
            unit=known.unit,
            direction=known.direction,
            teacher=_of_either(runs, f"{name}.teacher") if name != metric else None,
            first=shown[0],
            second=shown[1],
            change=None,
            change_metric="",
            change_unit="",
            neutral=0.0,
            standing="not measured",
        )


def _own(run: Run, suite: str | None) -> dict[str, MetricRow]:
    """What a run measured on a whole suite against its teacher."""
    return {
        row.question.metric: row
        for row in (*run.results, *run.timings)
        if row.question.suite == suite and row.question.slice is None and row.question.versus == "teacher"
    }


def _of_either(runs: Sequence[Mapping[str, MetricRow]], metric: str) -> Measured | None:
    """The second run's, or else the first's."""
    return next((row.measured for row in (run.get(metric) for run in reversed(runs)) if row is not None), None)


def _measured(rows: Mapping[str, MetricRow], metric: str) -> Measured | None:
    row = rows.get(metric)
    return None if row is None else row.measured


def _single(metric: str) -> bool:
    """A metric that is one number of two models, not one of the three of a base."""
    fact = catalogue()[metric][0]
    base, _, last = metric.rpartition(".")
    return fact.compares and not (last in _CHANGES and f"{base}.student" in catalogue())


def _untold(metric: str, *, own: bool = False) -> bool:
    return not own and metric.startswith(_NOT_ASKED)


def in_their_names(row: MetricRow) -> MetricRow:
    """The first student stands where the teacher stands; the words should say so."""
    if isinstance(row.measured, Estimate):
        return replace(row, measured=replace(row.measured, method=_renamed(row.measured.method)))
    return replace(row, measured=Undefined(reason=_renamed(row.measured.reason)))


_NAMES: Mapping[str, str] = {"student": "second student", "teacher": "first student"}


def _renamed(text: str) -> str:
    return re.sub(r"\b(?:student|teacher)\b", lambda found: _NAMES[found.group()], text)


def both_ways(evidence: Evidence) -> Evidence:
    """The same evidence with the two students in each other's place."""
    swapped = {"teacher_": "student_", "student_": "teacher_"}

    def name(column: str) -> str:
        prefix = next((each for each in swapped if column.startswith(each)), "")
        return swapped.get(prefix, "") + column.removeprefix(prefix)

    return Evidence(
        tuple(replace(each, data={name(key): data for key, data in each.data.items()}) for each in evidence.columns),
        evidence.models,
        evidence.level,
        evidence.seed,
    )
