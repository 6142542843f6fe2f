"""The compression scorecard: what the student costs beside its teacher, and what is left of the answers.

Answers and speed are never averaged: each quantity is a line of its own. A line says "faster" or "smaller" only where
its interval leaves no room for the contrary; otherwise it says that there is no clear difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from evalkit.report import origin, tables
from evalkit.report.drawing.factor import most
from evalkit.report.sections.comparison import Comparison, Quantity, compare, divided
from evalkit.report.sections.quantities import ANSWERS, AT_A_GLANCE, MODELS, RESOURCES, WITH_FALLBACK
from evalkit.report.sections.whole import Whole, counted, models
from evalkit.report.view import Gap, Reading, View
from evalkit.types import Estimate, Versus
from evalkit.types.record import RunRecord

_SHORTER, _EQUAL_LENGTH = "outputs.length_ratio", "latency.speedup.fixed_budget"
_CLAIMS_OF_SPEED = ("latency.p50", "latency.p95", "throughput.requests")
# Shares of examples, which may be said as `0 of 120`.
_COUNTED = ("accuracy", "safety.refusal_rate")
_PLANNED = "this version does not measure it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One quantity of both models and how they compare; `why` says why there is no comparison, `note` how it was
    measured. `length` and `equal` are what a claim of speed is read beside, `coverage` what a saving rests on."""

    what: str
    metric: str
    teacher: Reading | None
    student: Reading | None
    compared: Comparison | None
    why: str
    champion: Reading | None = None
    versus: Comparison | None = None
    note: str = ""
    length: Reading | None = None
    equal: Reading | None = None
    coverage: Reading | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Lines that may be looked at together."""

    title: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One table: of the models themselves (`name` None), or of a suite."""

    name: str | None
    about: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What is known of a model that no metric says."""

    name: str
    stored: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """How the student stands on each suite, a row each, in the few quantities that `columns` names."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Comparison | None, ...]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorecard:
    """All cards, the models by role, and what was not measured. `glance` where there are several suites."""

    cards: tuple[Card, ...]
    glance: Glance | None
    models: dict[str, Model]
    unmeasured: tuple[Gap, ...]
    level: float | None


def scorecard(view: View, record: RunRecord) -> Scorecard | None:
    """None where there is no result, or nothing to put on the card."""
    if not view.measured:
        return None
    whole, known = Whole(record), models(record)
    cards = [Card(name=None, about="", parts=_parts(_lines(None, MODELS, whole, record), ("", MODELS)))]
    reasons = list(_reasons(None, MODELS, whole))
    for suite in view.suites:
        if suite.name is None:
            continue
        lines = [*_lines(suite.name, (*ANSWERS, *RESOURCES), whole, record), *_fallback(suite.name, whole)]
        parts = _parts(lines, ("Answers", ANSWERS), ("Cost and speed", RESOURCES))
        cards.append(Card(name=suite.name, about=suite.about, parts=parts))
        reasons += _reasons(suite.name, (*ANSWERS, *RESOURCES), whole)
        reasons += _no_fallback(suite.name, whole)
    cards = [card for card in cards if card.parts]
    if not cards:
        return None
    levels = [
        line.compared.reading.level for card in cards for part in card.parts for line in part.lines if line.compared
    ]
    return Scorecard(
        cards=tuple(_with_bars(card) for card in cards),
        glance=_glance([card for card in cards if card.name is not None]),
        models={
            role: Model(name=origin.model_name(record, role), stored=_stored(known[role]))
            for role in ("teacher", "student", "champion")
            if role in known
        },
        unmeasured=_grouped(reasons),
        level=next((level for level in levels if level), None),
    )


def _stored(facts: Any) -> str:
    """How the weights are kept and where they ran: `float32, int8 dynamic, by torch, on cpu`."""
    device = origin.text(facts, "device")
    return ", ".join(filter(None, [origin.kept(facts), f"on {device}" if device else ""]))


# --- lines ---------------------------------------------------------------------------------------


def _lines(suite: str | None, quantities: Iterable[Quantity], whole: Whole, record: RunRecord) -> list[Line]:
    return [found for each in quantities if (found := _line(suite, each, whole, record)) is not None]


def _line(suite: str | None, quantity: Quantity, whole: Whole, record: RunRecord) -> Line | None:
    """The line of a quantity; None where nothing of it was measured."""
    teacher, student = (whole.reading(suite, f"{quantity.base}.{role}") for role in ("teacher", "student"))
    seen = [each for each in (teacher, student) if each is not None and each.exact is not None]
    compared = (
        _measured(suite, quantity, whole) if quantity.against else divided(*_both(suite, quantity, whole), quantity)
    )
    if not seen and compared is None:
        return None
    own, versus = _champion(suite, quantity, whole, record)
    length, equal = _length(suite, quantity, whole, compared)
    return Line(
        what=quantity.what,
        metric=quantity.base if quantity.against != _SHORTER else _SHORTER,
        teacher=_shown(teacher, quantity),
        student=_shown(student, quantity),
        compared=compared,
        why="" if compared is not None else whole.why(suite, _metrics(quantity)),
        champion=own,
        versus=versus,
        note=seen[0].method if quantity.base == "memory.peak" and seen else "",
        length=length,
        equal=equal,
    )


def _both(suite: str | None, quantity: Quantity, whole: Whole) -> tuple[Estimate | None, Estimate | None]:
    return whole.estimate(suite, f"{quantity.base}.teacher"), whole.estimate(suite, f"{quantity.base}.student")


def _shown(reading: Reading | None, quantity: Quantity) -> Reading | None:
    return counted(reading) if reading is not None and quantity.base in _COUNTED else reading


def _metrics(quantity: Quantity) -> tuple[str, ...]:
    sides = (f"{quantity.base}.teacher", f"{quantity.base}.student")
    return (*sides, quantity.against) if quantity.against else sides


def _measured(suite: str | None, quantity: Quantity, whole: Whole, versus: Versus = "teacher") -> Comparison | None:
    """The comparison that the run measured."""
    row, found = whole.row(suite, quantity.against, versus), whole.estimate(suite, quantity.against, versus)
    if row is None or found is None:
        return None
    return compare(found, quantity, row.unit, versus)


def _champion(
    suite: str | None, quantity: Quantity, whole: Whole, record: RunRecord
) -> tuple[Reading | None, Comparison | None]:
    """The champion's own number where the run has one, and how the student stands to it."""
    measured = _measured(suite, quantity, whole, "champion") if quantity.against else None
    known = models(record)
    name = quantity.base.removeprefix("size.")
    own, mine = (known.get(role, {}).get(name) for role in ("champion", "student"))
    if not quantity.base.startswith("size.") or not isinstance(own, int) or own <= 0:
        return None, measured
    unit = "count" if name == "parameters" else "bytes"
    level = 0.0
    exact = Estimate(value=float(own), low=float(own), high=float(own), level=level, n=1, method="exact")
    reading, _ = tables.reading(exact, unit, quantity.base)
    if not isinstance(mine, int):
        return reading, None
    ratio = Estimate(value=mine / own, low=mine / own, high=mine / own, level=level, n=1, method="exact")
    return reading, compare(ratio, quantity, "ratio", "champion")


def _length(
    suite: str | None, quantity: Quantity, whole: Whole, compared: Comparison | None
) -> tuple[Reading | None, Reading | None]:
    """What a claim of speed must be read beside: how long the student's answers are where that may explain it, and the
    speed-up at equal length, if measured."""
    length = whole.estimate(suite, _SHORTER)
    if quantity.base not in _CLAIMS_OF_SPEED or compared is None or not compared.clear or length is None:
        return None, None
    if length.low is None or length.high is None:
        return None, None
    explains = length.high < 1 if compared.word == quantity.more else length.low > 1
    if not explains:
        return None, None
    equal = whole.reading(suite, _EQUAL_LENGTH, bound=1.0)
    return whole.reading(suite, _SHORTER, bound=1.0), equal if equal is not None and equal.exact else None


def _fallback(suite: str, whole: Whole) -> list[Line]:
    """What a thousand requests cost where somebody else answers what the student is not sure of."""
    cost, saving = whole.reading(suite, "fallback.cost_per_thousand"), whole.estimate(suite, "fallback.saving")
    if cost is None or cost.exact is None or saving is None or saving.low is None or saving.high is None:
        return []
    # What is saved is 1 − the cost of both together over the teacher's price.
    left = replace(saving, value=1.0 - saving.value, low=1.0 - saving.high, high=1.0 - saving.low)
    saved, _ = tables.reading(saving, "share", "fallback.saving", 0.0)
    found = compare(left, WITH_FALLBACK, "ratio")
    coverage = whole.reading(suite, "fallback.coverage")
    return [
        Line(
            what=WITH_FALLBACK.what,
            metric=WITH_FALLBACK.base,
            teacher=whole.reading(None, "cost.per_thousand.teacher"),
            student=cost,
            compared=replace(found, reading=saved, like="saved of the teacher’s"),
            why="",
            coverage=coverage if coverage is not None and coverage.exact else None,
        )
    ]


def _parts(lines: Sequence[Line], *parts: tuple[str, tuple[Quantity, ...]]) -> tuple[Part, ...]:
    """The lines under their headings; a line that no heading knows goes under the last."""
    found = []
    left = list(lines)
    for place, (title, quantities) in enumerate(parts):
        names = {quantity.what for quantity in quantities}
        last = place == len(parts) - 1
        own = tuple(line for line in left if last or line.what in names)
        left = [line for line in left if line not in own]
        if own:
            found.append(Part(title=title, lines=own))
    return tuple(found)


def _glance(cards: Sequence[Card]) -> Glance | None:
    """None for one suite, whose card is as short, and where nothing was compared."""
    compared = {
        card.name: {line.metric: line.compared for part in card.parts for line in part.lines if line.compared}
        for card in cards
    }
    columns = [
        (what, bases) for what, bases in AT_A_GLANCE if any(set(bases) & set(each) for each in compared.values())
    ]
    if len(cards) < 2 or not columns:
        return None
    rows = tuple(
        (str(name), tuple(next((lines[base] for base in bases if base in lines), None) for _, bases in columns))
        for name, lines in compared.items()
    )
    return Glance(columns=tuple(what for what, _ in columns), rows=rows)


def _with_bars(card: Card) -> Card:
    """The card with the bars of each part on one axis: a loss of 5 % must show beside others of its kind, and would
    not beside a speed-up of 4×."""
    parts = []
    for part in card.parts:
        bars = [line.compared.bar for line in part.lines if line.compared and line.compared.bar]
        end = most([each for bar in bars for each in (bar.value, bar.low, bar.high) if each is not None])
        lines = tuple(
            replace(line, compared=replace(line.compared, bar=replace(line.compared.bar, end=end)))
            if line.compared and line.compared.bar
            else line
            for line in part.lines
        )
        parts.append(replace(part, lines=lines))
    return replace(card, parts=tuple(parts))


# --- what is missing -----------------------------------------------------------------------------


def _reasons(suite: str | None, quantities: Iterable[Quantity], whole: Whole) -> list[tuple[str, str | None, str]]:
    """(what, suite, why) of each quantity of which a number is missing; quantities that a suite does not have are
    left out."""
    found: list[tuple[str, str | None, str]] = []
    for each in quantities:
        metrics = _metrics(each)
        if each.base.startswith("energy.") and all(whole.row(suite, metric) is None for metric in metrics):
            found.append((each.what, None, _PLANNED))
        elif why := whole.why(suite, metrics):
            found.append((each.what, suite, why))
    return found


def _no_fallback(suite: str, whole: Whole) -> list[tuple[str, str | None, str]]:
    why = whole.why(suite, ("fallback.saving",))
    return [("cost with fallback", suite, why)] if why else []


def _grouped(reasons: Iterable[tuple[str, str | None, str]]) -> tuple[Gap, ...]:
    """One gap for each reason, with what lacks and on which suites."""
    by_reason: dict[str, dict[str, dict[str, None]]] = {}
    for what, suite, why in reasons:
        by_reason.setdefault(why, {}).setdefault(what, {}).update({suite: None} if suite is not None else {})
    gaps = []
    for why, lacking in by_reason.items():
        by_places: dict[tuple[str, ...], list[str]] = {}
        for what, suites in lacking.items():
            by_places.setdefault(tuple(suites), []).append(what)
        said_so = [
            ", ".join(whats) + (f" on {', '.join(places)}" if places else "") for places, whats in by_places.items()
        ]
        gaps.append(Gap(what="; ".join(said_so), why=why))
    return tuple(gaps)
