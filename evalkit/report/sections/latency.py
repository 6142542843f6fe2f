"""How long requests take: both distributions, how much faster the student is, and every time that was measured."""

from __future__ import annotations

from dataclasses import dataclass

from evalkit import figures
from evalkit.report.drawing.scale import Scale, decades
from evalkit.report.drawing.times import Percentile
from evalkit.report.sections.compare import Compared, level_of, level_words, several, word_of
from evalkit.report.sections.whole import Whole
from evalkit.report.view import Reading, View
from evalkit.types.points import Line, Times
from evalkit.types.record import RunRecord

_MARKED = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
_SPEEDUPS = (
    ("latency.speedup.typical", "typical request"),
    ("latency.speedup.p50", "p50"),
    ("latency.speedup.p95", "p95"),
    ("latency.speedup.fixed_budget", "answers of one length"),
)
_PERCENTILES = ("p50", "p90", "p95", "p99")
_TABLE = (
    *((f"latency.{each}", f"request, {each}", "") for each in _PERCENTILES),
    *((f"latency.early_stopping.{each}", f"request, {each}, early stopping", "a bound") for each in _PERCENTILES[1:]),
    *((f"latency.ttft.{each}", f"first token, {each}", "") for each in _PERCENTILES),
    *((f"latency.tpot.{each}", f"each further token, {each}", "") for each in _PERCENTILES),
    ("latency.fixed.p50", "answer of one length, p50", ""),
    ("throughput.requests", "requests a second, in batches", "higher is better"),
    ("throughput.tokens", "tokens a second, in batches", "higher is better"),
)
_SHARES = (0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0)
# Left and right of a row's drawing, as in a forest.
_ROW = (10.0, 270.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Speedup:
    """Teacher's time over student's: above 1 the student is faster. All rows of a suite share `axis`."""

    label: str
    reading: Reading
    word: str
    axis: Scale
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Times of one model for the table: how many were done by when, and how many never."""

    who: str
    points: tuple[tuple[float, float, str], ...]
    unfinished: int
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """One suite that was timed. `how` says of each model in which way."""

    name: str
    told: tuple[str, ...]
    title: str
    models: tuple[tuple[Times, str, tuple[Percentile, ...]], ...]
    how: tuple[tuple[str, str], ...]
    rows: tuple[Row, ...]
    speedups: tuple[Speedup, ...]
    metrics: tuple[Compared, ...]
    level: str


def latency(view: View, record: RunRecord) -> tuple[Timed, ...] | None:
    """The suites that have times."""
    whole = Whole(record)
    found = [_suite(each.name, whole, record) for each in view.suites]
    return tuple(each for each in found if each is not None) or None


def _suite(suite: str | None, whole: Whole, record: RunRecord) -> Timed | None:
    points = None if suite is None else record.points.get(suite)
    times = tuple(each for each in (() if points is None else points.times) if each.line)
    metrics = several(whole, suite, _TABLE)
    speedups = _speedups(suite, whole)
    if not (times or metrics or speedups):
        return None
    name = "the whole run" if suite is None else suite
    how = tuple((str(each.who), each.how) for each in times)
    # Both in one way is said once.
    together = (("teacher and student", how[0][1]),) if len(how) == 2 and how[0][1] == how[1][1] else how
    return Timed(
        name=name,
        told=_told(suite, whole, times),
        title=_title(name, suite, whole, times, together),
        models=tuple((each, str(each.who), _percentiles(suite, whole, each)) for each in times),
        how=together,
        rows=tuple(_row(each) for each in times),
        speedups=speedups,
        metrics=metrics,
        level=level_words(level_of(whole, suite)),
    )


def _percentiles(suite: str | None, whole: Whole, times: Times) -> tuple[Percentile, ...]:
    """The percentiles of those that finished, at the height of the line: it counts those that never did."""
    done = (times.n - times.unfinished) / times.n if times.n else 0.0
    found = []
    for name, q in _MARKED:
        each = whole.estimate(suite, f"latency.{name}.{times.who}")
        if each is not None:
            found.append(Percentile(value=each.value, low=each.low, high=each.high, share=q * done))
    return tuple(found)


def _speedups(suite: str | None, whole: Whole) -> tuple[Speedup, ...]:
    """The rows that have a number, on one logarithmic axis that has 1× in it."""
    found = []
    for metric, label in _SPEEDUPS:
        row, reading = whole.row(suite, metric), whole.reading(suite, metric, bound=1.0)
        if row is not None and reading is not None and reading.exact is not None:
            found.append((label, reading, word_of(row, 1.0, ("faster", "slower"))))
    ends = [end for _, reading, _ in found if reading.exact for end in reading.exact]
    axis = decades([1.0, *ends], left=_ROW[0], right=_ROW[1])
    return tuple(
        Speedup(label=label, reading=each, word=word, axis=axis, said=f"{label}: {each.words}, {word}")
        for label, each, word in found
    )


def _told(suite: str | None, whole: Whole, times: tuple[Times, ...]) -> tuple[str, ...]:
    said = []
    for metric, what in (("latency.speedup.typical", "On a typical request"), ("latency.speedup.p50", "At the median")):
        row, reading = whole.row(suite, metric), whole.reading(suite, metric, bound=1.0)
        if row is not None and reading is not None and reading.exact is not None:
            word = word_of(row, 1.0, ("the student is faster", "the student is slower"))
            said.append(f"{what} {word}: {reading.value} {reading.interval} its teacher's speed.")
            break
    late = [
        f"{each.who} {figures.count(each.unfinished)} of {figures.count(each.n)}" for each in times if each.unfinished
    ]
    if late:
        said.append(f"Never finished: {', '.join(late)}.")
    return tuple(said)


def _of(times: Times) -> str:
    return f"{figures.count(times.unfinished)} of {figures.count(times.n)}"


def _title(
    name: str,
    suite: str | None,
    whole: Whole,
    times: tuple[Times, ...],
    how: tuple[tuple[str, str], ...],
) -> str:
    said = []
    for each in times:
        p50 = whole.reading(suite, f"latency.p50.{each.who}")
        half = f"median {p50.value} {p50.interval}" if p50 is not None and p50.exact is not None else ""
        late = f"{figures.count(each.unfinished)} never finished" if each.unfinished else ""
        told = ", ".join(filter(None, [half, late])) or f"{figures.count(each.n)} requests"
        said.append(f"{each.who} {told}")
    ways = "; ".join(f"{who}: {way}" for who, way in how)
    return f"Time per request on {name}. {'; '.join(said)}. {ways}."


def _row(times: Times) -> Row:
    points: list[tuple[float, float, str]] = []
    for wanted in _SHARES:
        at = _by(times.line, wanted)
        if at is not None and (not points or points[-1][:2] != at):
            points.append((*at, figures.number(at[0], "seconds")))
    return Row(who=str(times.who), points=tuple(points), unfinished=times.unfinished, n=times.n)


def _by(line: Line, share: float) -> tuple[float, float] | None:
    """The first point of the line at which so many are done; None where they never are."""
    return next((point for point in line if point[1] >= share), None)
