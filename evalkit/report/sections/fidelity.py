"""How far the student says what its teacher says, read against how far the teacher repeats itself."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from evalkit import figures
from evalkit.report import origin
from evalkit.report.drawing.scale import Scale, scale, shares
from evalkit.report.drawing.sides import Sides
from evalkit.report.query import href
from evalkit.report.sections.whole import Whole, counted, gaps, listed, models, plain, without_interval
from evalkit.report.view import Gap, Reading, View
from evalkit.types.record import RunRecord

Ends = tuple[float, float]
_FLOOR, _EXCESS = "agreement.noise_floor", "agreement.excess_disagreement"
# Metric, and what it says. Rows of one unit in one block share an axis.
_AGREEMENT = (
    ("agreement.top1", "the same answer"),
    ("agreement.exact", "the same text or record, word for word"),
    ("agreement.text_similarity", "how like each other the texts are, 1 is equal"),
    ("agreement.topk_overlap", "likeliest answers that both share"),
    ("agreement.kappa", "the same answer, beyond what the frequencies alone give"),
    ("agreement.token_top1", "the same next token, as the student reads the teacher's answers"),
    ("agreement.first_divergence", "tokens before the two would part, median"),
)
_BEYOND = (
    (_EXCESS, "disagrees more often than the teacher with itself"),
    ("flips.excess_rate", "more outcomes change than in the teacher's second run"),
    ("agreement.excess_kl", "farther from the teacher's distribution than its second run, in KL"),
)
_DISTANCE = (
    ("agreement.kl", "KL, teacher‖student: 0 is the same distribution"),
    ("agreement.kl_reverse", "KL, student‖teacher"),
    ("agreement.js", "Jensen–Shannon"),
    ("agreement.total_variation", "total variation: probability that lies elsewhere"),
)
_ERRORS = (
    ("errors.inherited.rate", "inherited: both wrong with the same answer, of all examples"),
    ("errors.inherited.share", "inherited, of the student's errors"),
    ("errors.inherited.excess", "inherited beyond chance: 0 is chance, 1 is always the same"),
    ("errors.introduced.rate", "introduced: wrong only since the student answers, of all examples"),
    ("errors.consistency_kappa", "whether both are right and wrong on the same examples, beyond chance"),
)
# Answers are compared whole: what two runs of the teacher are compared by is what the student is compared by.
_WHOLE_ANSWERS = {"agreement.top1": ("classify", "choose"), "agreement.exact": ("extract",)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One number with its drawing."""

    what: str
    metric: str
    reading: Reading
    plot: Sides


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Rows that belong together under a heading."""

    title: str
    rows: tuple[Row, ...]


# What is counted in examples, and may be said as `0 of 120`.
_COUNTED = {
    *("agreement.top1", "agreement.exact", _FLOOR),
    *("errors.inherited.rate", "errors.inherited.share", "errors.introduced.rate"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """The student's disagreement beside the teacher's own, over the examples that the teacher was asked twice.

    `own` is their difference with its interval; `settled` says that the interval leaves chance no room.
    """

    student: Reading
    teacher: Reading
    own: Reading
    size: Reading
    settled: bool
    more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Unstable:
    """Examples on which the teacher itself came out differently."""

    count: Reading
    rate: Reading | None
    href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteFidelity:
    """One suite. `disagrees` is the share on which the answers differ, where no floor was measured to set beside it;
    `blocks` are about the answers, `further` about what lies behind them."""

    name: str
    about: str
    beside: Beside | None
    disagrees: Reading | None
    no_floor: str
    blocks: tuple[Block, ...]
    further: tuple[Block, ...]
    unstable: Unstable | None
    unmeasured: tuple[Gap, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fidelity:
    """Every suite on which something of this was measured."""

    suites: tuple[SuiteFidelity, ...]


def fidelity(view: View, record: RunRecord) -> Fidelity | None:
    """None without a teacher, without a result, and where nothing of it was measured."""
    if not view.measured or "teacher" not in models(record):
        return None
    whole = Whole(record)
    found = tuple(
        _suite(suite.name, suite.about, origin.text(listed(record, suite.name), "task"), whole)
        for suite in view.suites
        if suite.name is not None
    )
    found = tuple(each for each in found if each.blocks or each.further)
    return Fidelity(suites=found) if found else None


def _suite(name: str, about: str, task: str, whole: Whole) -> SuiteFidelity:
    beside = _beside(name, whole)
    told = [metric for block in (_AGREEMENT, _BEYOND, _DISTANCE, _ERRORS) for metric, _ in block]
    blocks = (
        Block(title="Agreement", rows=_agreement(name, task, whole)),
        Block(title="Beyond the teacher's own noise", rows=_drawn(list(_seen(name, _BEYOND, whole, told)), at=0.0)),
    )
    further = (
        Block(title="Distance between the two distributions", rows=_drawn(list(_seen(name, _DISTANCE, whole, ())))),
        Block(title="Errors, inherited and introduced", rows=_drawn(list(_seen(name, _ERRORS, whole, ())))),
    )
    no_floor = whole.why(name, (_FLOOR,))
    reasons = {metric: whole.why(name, (metric,)) for metric in told}
    # The reason that nothing is known of the teacher's noise stands above, once.
    reasons = {metric: why for metric, why in reasons.items() if why and why != no_floor}
    return SuiteFidelity(
        name=name,
        about=about,
        beside=beside,
        disagrees=_disagrees(name, task, whole) if beside is None else None,
        no_floor=no_floor,
        blocks=tuple(block for block in blocks if block.rows),
        further=tuple(block for block in further if block.rows),
        unstable=_unstable(name, whole),
        unmeasured=gaps(reasons),
    )


def _beside(suite: str, whole: Whole) -> Beside | None:
    floor, excess = whole.estimate(suite, _FLOOR), whole.estimate(suite, _EXCESS)
    noise, own = whole.reading(suite, _FLOOR), whole.reading(suite, _EXCESS)
    if floor is None or excess is None or noise is None or own is None or excess.low is None or excess.high is None:
        return None
    # Both are over the same examples, and the excess is the student's share less the teacher's.
    return Beside(
        student=counted(plain(min(1.0, max(0.0, floor.value + excess.value)), "share", excess.n)),
        teacher=counted(noise),
        own=own,
        size=replace(plain(abs(excess.value), "difference", excess.n), value=_points(excess.value)),
        settled=excess.low > 0 or excess.high < 0,
        more=excess.value > 0,
    )


def _points(difference: float) -> str:
    """`4.1 points`, for a sentence that says which way."""
    written = figures.number(abs(difference), "difference").removesuffix(" pts").lstrip("+")
    return f"{written} points"


def _disagrees(suite: str, task: str, whole: Whole) -> Reading | None:
    """The share of examples on which the answers differ; None where whole answers were not compared."""
    for metric, tasks in _WHOLE_ANSWERS.items():
        found = whole.estimate(suite, metric)
        if task in tasks and found is not None:
            return counted(plain(1.0 - found.value, "share", found.n))
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """A number to be drawn; `held` against the line of its block."""

    what: str
    metric: str
    reading: Reading
    unit: str
    held: bool


def _seen(suite: str, table: Iterable[tuple[str, str]], whole: Whole, held: Container[str]) -> Iterator[_Seen]:
    for metric, what in table:
        row, reading = whole.row(suite, metric), whole.reading(suite, metric)
        if row is not None and reading is not None and reading.exact is not None:
            reading = counted(reading) if metric in _COUNTED else reading
            yield _Seen(what=what, metric=metric, reading=reading, unit=row.unit, held=metric in held)


def _agreement(suite: str, task: str, whole: Whole) -> tuple[Row, ...]:
    """Agreement, with the teacher's agreement with itself as the line through what can be held against it."""
    held = {metric for metric, tasks in _WHOLE_ANSWERS.items() if task in tasks}
    seen = list(_seen(suite, _AGREEMENT, whole, held))
    floor, excess = whole.estimate(suite, _FLOOR), whole.estimate(suite, _EXCESS)
    if floor is None:
        return _drawn(seen, least=None)
    if task == "generate" and excess is not None:
        # Two runs of the teacher are compared by what the scorer reads in them, and that is no metric of its own.
        same = counted(plain(min(1.0, max(0.0, 1.0 - floor.value - excess.value)), "share", excess.n))
        what, metric = "the same answer, as its scorer reads it", f"1 − {_FLOOR} − {_EXCESS}"
        seen.insert(0, _Seen(what=what, metric=metric, reading=same, unit="share", held=True))
    around = None if floor.low is None or floor.high is None else (1.0 - floor.high, 1.0 - floor.low)
    return _drawn(seen, at=1.0 - floor.value, around=around, least=None)


def _drawn(
    seen: Sequence[_Seen], *, at: float | None = None, around: Ends | None = None, least: float | None = 0.0
) -> tuple[Row, ...]:
    """The rows with their drawings: those of one unit on one axis, which shows `least` too; those that are held against
    the line with it."""
    axes = {}
    for unit in dict.fromkeys(each.unit for each in seen):
        own = [each for each in seen if each.unit == unit]
        values = [end for each in own if each.reading.exact for end in each.reading.exact]
        values += [at, *(around or ())] if at is not None and any(each.held for each in own) else []
        axes[unit] = shares([least, *values], left=10.0, right=270.0) if unit == "share" else scale([0.0, *values])
    return tuple(
        Row(
            what=each.what,
            metric=each.metric,
            reading=each.reading,
            plot=_plot(each, axes[each.unit], at if each.held else None, around if each.held else None),
        )
        for each in seen
    )


def _plot(each: _Seen, axis: Scale, at: float | None, around: Ends | None) -> Sides:
    assert each.reading.exact is not None
    how = figures.style(each.unit, metric=each.metric)
    return Sides(
        axis=axis,
        marks=(("student", *each.reading.exact),),
        said=f"{each.what}: {each.reading.words}",
        shift=how.shift,
        suffix=" %" if how.suffix == " %" else "",
        at=at,
        around=around,
    )


def _unstable(suite: str, whole: Whole) -> Unstable | None:
    count, rate = whole.reading(suite, "flips.unstable.count"), whole.reading(suite, "flips.unstable.rate")
    if count is None or count.exact is None:
        return None
    link = href({"suite": suite, "unstable": "yes"}) if count.exact[0] else ""
    return Unstable(count=without_interval(count), rate=rate if rate is not None and rate.exact else None, href=link)
