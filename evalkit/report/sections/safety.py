"""Refusals: what became of the teacher's under the student, and the rates that follow from it. Never a text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from evalkit.report import origin
from evalkit.report.drawing.scale import shares
from evalkit.report.drawing.sides import Mark, Sides
from evalkit.report.query import href
from evalkit.report.sections.whole import Whole, counted, gaps, listed, models
from evalkit.report.view import Gap, Reading, View
from evalkit.types import ERRORED
from evalkit.types.points import Refusals
from evalkit.types.record import RunRecord

NEWLY_UNSAFE, NEWLY_OVER_CAUTIOUS = "newly unsafe", "newly over-cautious"
# What a prompt should get, in words, and the cell that hurts: what the teacher did and the student does instead.
_EXPECT = {
    "refuse": ("must be refused", NEWLY_UNSAFE, ("refused", "complied")),
    "comply": ("must be answered", NEWLY_OVER_CAUTIOUS, ("complied", "refused")),
}
STANCES = ("refused", "complied", "undetermined", "none")
STANCE_WORDS = {
    "refused": "refused",
    "complied": "complied",
    "undetermined": "undetermined",
    "none": "no answer",
}
_SILENT = ERRORED | {"empty"}
# Shown even where nothing fell into them.
_ALWAYS = ("refused", "complied")
_RATES = (
    ("safety.refusal_rate", "refused, of what must be refused"),
    ("safety.refusal_rate_corrected", "the same, corrected for the detector's errors"),
    ("safety.over_refusal", "not answered, of what must be answered"),
    ("safety.over_refusal_corrected", "the same, corrected for the detector's errors"),
    ("safety.undetermined.rate", "undetermined or no answer, of all prompts"),
)
_EVENTS = (
    ("safety.newly_unsafe.rate", "newly unsafe, of what the teacher refused"),
    ("safety.newly_unsafe_corrected.rate", "the same, corrected for the detector's errors"),
)
_SIDES = ("teacher", "student", "difference")
_DETECTOR = "refusal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """Prompts that went one way: `named` is the cell's name where it is one of the two that hurt."""

    n: int
    named: str
    href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What the student did where the teacher did `teacher`; empty for a student on its own."""

    teacher: str
    cells: tuple[Cell, ...]
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """The prompts that should get the same."""

    expect: str
    rows: tuple[Row, ...]
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Danger:
    """One of the two cells in a sentence: `n` of the `of` prompts on which the teacher did right. `rate` is what was
    measured of it: of the first the rate itself, of the second the change in all that is not answered."""

    name: str
    expect: str
    n: int
    of: int
    rate: Reading | None
    href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A rate of both models, with its drawing."""

    what: str
    metric: str
    teacher: Reading | None
    student: Reading | None
    difference: Reading | None
    plot: Sides | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteSafety:
    """The refusals of one suite. `columns` are what the student did, `detector` who told so."""

    name: str
    about: str
    rows: str
    blocks: tuple[Block, ...]
    columns: tuple[str, ...]
    dangers: tuple[Danger, ...]
    rates: tuple[Rate, ...]
    events: tuple[Rate, ...]
    detector: str
    unmeasured: tuple[Gap, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Safety:
    """Every suite that tests refusals; `alone` without a teacher."""

    suites: tuple[SuiteSafety, ...]
    alone: bool
    level: float | None
    expect: Mapping[str, str] = field(default_factory=lambda: {key: words for key, (words, _, _) in _EXPECT.items()})
    names: Mapping[str, str] = field(default_factory=lambda: {key: name for key, (_, name, _) in _EXPECT.items()})
    stances: Mapping[str, str] = field(default_factory=lambda: STANCE_WORDS)


def safety(view: View, record: RunRecord) -> Safety | None:
    """The suites with refusals; None where there are none, or no result at all."""
    if not view.measured:
        return None
    whole, alone = Whole(record), "teacher" not in models(record)
    told = {name for name, points in record.points.items() if any(points.refusals.values())}
    told |= {name for name in whole.suites() if any(whole.measured(name, "safety."))}
    order = [suite.name for suite in view.suites if suite.name is not None]
    names = [name for name in order if name in told] + sorted(told - set(order))
    abouts = {suite.name: (suite.about, suite.rows) for suite in view.suites}
    found = tuple(_suite(name, *abouts.get(name, ("", "examples")), record, whole, alone=alone) for name in names)
    levels = [rate.student.level for each in found for rate in each.rates if rate.student and rate.student.exact]
    return Safety(suites=found, alone=alone, level=next(iter(levels), None)) if found else None


def _suite(name: str, about: str, rows: str, record: RunRecord, whole: Whole, *, alone: bool) -> SuiteSafety:
    points, scorer = record.points.get(name), origin.text(listed(record, name), "scorer")
    counts: Refusals = {key: n for key, n in points.refusals.items() if n} if points is not None else {}
    counts = counts or (_counted_alone(record, name) if alone else {})
    columns = tuple(each for each in STANCES if each in _ALWAYS or any(student == each for _, _, student in counts))
    blocks = tuple(
        found
        for expect in _EXPECT
        if (found := _block(name, expect, counts, columns, scorer=scorer, alone=alone)) is not None
    )
    rates = tuple(rate for metric, what in _RATES if (rate := _rate(whole, name, metric, what)) is not None)
    events = tuple(rate for metric, what in _EVENTS if (rate := _event(whole, name, metric, what)) is not None)
    return SuiteSafety(
        name=name,
        about=about,
        rows=rows,
        blocks=blocks,
        columns=columns,
        dangers=() if alone else tuple(_danger(name, expect, counts, whole, scorer) for expect in _EXPECT if counts),
        rates=_drawn(rates),
        events=_drawn(events),
        detector=scorer,
        unmeasured=_unmeasured(whole, name),
    )


def _counted_alone(record: RunRecord, suite: str) -> Refusals:
    """What a student did on its own, counted from the examples; empty where not every example is held."""
    if len(record.pairs) < record.pairs_total:
        return {}
    own = [pair for pair in record.pairs if pair.suite == suite and pair.expect is not None]
    return Counter(
        (str(pair.expect), "none", "none" if pair.student.status in _SILENT else pair.student.refused or "none")
        for pair in own
    )


def _block(
    suite: str, expect: str, counts: Refusals, columns: tuple[str, ...], *, scorer: str, alone: bool
) -> Block | None:
    own = {(teacher, student): n for (what, teacher, student), n in counts.items() if what == expect}
    if not own:
        return None
    _, name, hurts = _EXPECT[expect]
    rows = []
    for stance in ("",) if alone else STANCES:
        cells = []
        for student in columns:
            n = sum(many for (was, does), many in own.items() if does == student and (alone or was == stance))
            named = name if (stance, student) == hurts else ""
            cells.append(Cell(n=n, named=named, href=_link(suite, expect, stance, student, scorer=scorer) if n else ""))
        total = sum(cell.n for cell in cells)
        if total or alone or stance in _ALWAYS:
            rows.append(Row(teacher=stance, cells=tuple(cells), n=total))
    return Block(expect=expect, rows=tuple(rows), n=sum(row.n for row in rows))


def _danger(suite: str, expect: str, counts: Refusals, whole: Whole, scorer: str) -> Danger:
    _, name, (did, does) = _EXPECT[expect]
    n = counts.get((expect, did, does), 0)
    unsafe = name == NEWLY_UNSAFE
    rate = whole.reading(suite, "safety.newly_unsafe.rate" if unsafe else "safety.over_refusal.difference")
    if rate is not None and unsafe:
        rate = counted(rate)
    return Danger(
        name=name,
        expect=expect,
        n=n,
        of=sum(many for (what, teacher, _), many in counts.items() if (what, teacher) == (expect, did)),
        rate=rate if rate is not None and rate.exact is not None else None,
        href=_link(suite, expect, did, does, scorer=scorer) if n else "",
    )


def _link(suite: str, expect: str, teacher: str, student: str, *, scorer: str) -> str:
    """To the examples of a cell; empty where the list cannot be asked for just those."""
    if _EXPECT[expect][1:] == (NEWLY_UNSAFE, (teacher, student)):
        return href({"suite": suite, "unsafe": "newly"})
    terms = {"suite": suite, "expect": expect, "refused": student}
    if "none" in (teacher, student):
        return ""
    if not teacher:
        return href(terms)
    # What the detector says of an answer is the answer, as far as a suite of refusals goes.
    return href({**terms, "teacher": teacher}) if scorer == _DETECTOR else ""


def _rate(whole: Whole, suite: str, metric: str, what: str) -> Rate | None:
    """The rate of each model; None where neither has a number."""
    teacher, student, difference = (whole.reading(suite, f"{metric}.{side}") for side in _SIDES)
    if all(each is None or each.exact is None for each in (teacher, student, difference)):
        return None
    return Rate(what=what, metric=metric, teacher=_of(teacher), student=_of(student), difference=difference)


def _of(share: Reading | None) -> Reading | None:
    return None if share is None else counted(share)


def _event(whole: Whole, suite: str, metric: str, what: str) -> Rate | None:
    found = whole.reading(suite, metric)
    if found is None or found.exact is None:
        return None
    return Rate(what=what, metric=metric, teacher=None, student=counted(found), difference=None)


def _drawn(rates: Sequence[Rate]) -> tuple[Rate, ...]:
    """The rates with their drawings, on one axis that begins at nothing."""
    seen = [(rate, _marks(rate)) for rate in rates]
    axis = shares([0.0, *(end for _, marks in seen for mark in marks for end in mark[1:])], left=10.0, right=270.0)
    return tuple(
        replace(rate, plot=Sides(axis=axis, marks=marks, said=_said(rate), shift=2, suffix=" %"))
        for rate, marks in seen
    )


def _marks(rate: Rate) -> tuple[Mark, ...]:
    sides = (("teacher", rate.teacher), ("student", rate.student))
    return tuple((who, *each.exact) for who, each in sides if each is not None and each.exact is not None)


def _said(rate: Rate) -> str:
    sides = (("teacher", rate.teacher), ("student", rate.student))
    return f"{rate.what}: " + ", ".join(f"{who} {each.words}" for who, each in sides if each is not None)


def _unmeasured(whole: Whole, suite: str) -> tuple[Gap, ...]:
    reasons: dict[str, str] = {}
    for metric, _ in _RATES:
        sides = tuple(f"{metric}.{side}" for side in _SIDES)
        if not any(whole.estimate(suite, side) for side in sides) and (why := whole.why(suite, sides)):
            reasons[metric] = why
    for metric, _ in _EVENTS:
        if whole.estimate(suite, metric) is None and (why := whole.why(suite, (metric,))):
            reasons[metric] = why
    return gaps(reasons)
