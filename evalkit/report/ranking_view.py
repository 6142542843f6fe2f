"""Several students in words and in rows: what the page, the Markdown, the terminal and the JSON say alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from evalkit import figures
from evalkit.report import prepare, tables
from evalkit.report.view import MARKS, CriterionView, Reading
from evalkit.types import CriterionRow, VerdictWord
from evalkit.types.over_time import Standing
from evalkit.types.ranking import Candidate, Cell, Key, Order, Ranking
from evalkit.types.record import RunRecord

KEYS: tuple[Key, ...] = ("accuracy", "agreement", "unsafe", "calibration", "speed", "size")
_TITLES: Mapping[Key, str] = {
    "accuracy": "accuracy",
    "agreement": "agreement",
    "unsafe": "newly unsafe",
    "calibration": "Brier change",
    "speed": "speed-up",
    "size": "size",
}
_ORDERS: Mapping[Order, str] = {
    "speed": "the fastest first",
    "bytes": "the smallest first",
    "kept": "what kept most first",
    "plan": "in the plan’s order",
}
_VERDICTS: Mapping[VerdictWord, str] = {
    "pass": "pass",
    "ungated": "were not gated",
    "inconclusive": "are inconclusive",
    "fail": "fail",
    "empty": "had nothing to answer",
    "broken": "broke",
}
_ONE: Mapping[VerdictWord, str] = {
    "pass": "passes",
    "ungated": "was not gated",
    "inconclusive": "is inconclusive",
    "fail": "fails",
    "empty": "had nothing to answer",
    "broken": "broke",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CellView:
    """One number as written, and the suite that it is of; empty where it is of the model itself."""

    title: str
    metric: str
    suite: str
    reading: Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateView:
    """One student as written. `rank` ends in `=` where it is shared; `deciding` is the criterion that speaks most
    against it, or its first reason; `step` and `against` say how it stands to the student above. `href` leads to its
    report, and is empty where there is none."""

    rank: str
    name: str
    mark: str
    word: VerdictWord
    deciding: str
    cells: Mapping[Key, CellView]
    step: str
    against: str
    tied: bool
    href: str


def candidates(ranking: Ranking) -> tuple[CandidateView, ...]:
    """The students in their order, as every report writes them."""
    shared = [each.rank for each in ranking.candidates]
    return tuple(
        CandidateView(
            rank=f"{each.rank}{'=' if shared.count(each.rank) > 1 else ''}",
            name=each.name,
            mark=MARKS[each.verdict.word],
            word=each.verdict.word,
            deciding=deciding_words(each),
            cells={key: _cell(key, cell) for key, cell in each.cells.items()},
            step=step_words(each),
            against=against_words(each),
            tied=each.step is not None and not each.step.told_apart,
            href=_href(each.folder) if each.report else "",
        )
        for each in ranking.candidates
    )


def _href(folder: str) -> str:
    """A relative link to a student's report: all but the grammar of paths becomes %XX."""
    return f"./{quote(folder, safe='', errors='backslashreplace')}/report.html"


def columns(shown: Sequence[CandidateView]) -> tuple[tuple[Key, str], ...]:
    """The columns in which somebody has a number, with their titles."""
    found = []
    for key in KEYS:
        cells = [each.cells[key] for each in shown if key in each.cells and each.cells[key].reading.undefined is None]
        if cells:
            found.append((key, cells[0].title))
    return tuple(found)


def _cell(key: Key, cell: Cell) -> CellView:
    title = "retention" if cell.metric.endswith(".retention") else _TITLES[key]
    reading, _ = tables.reading(cell.measured, cell.unit, cell.metric)
    return CellView(title=title, metric=cell.metric, suite=cell.suite or "", reading=reading)


# --- what decides ------------------------------------------------------------------------------------


def deciding(each: Candidate) -> CriterionRow | None:
    """The criterion that speaks most against a student: of the worst outcome that it has, the one furthest beyond its
    bound or nearest to it. None where no criterion was asked."""
    view = _deciding(each)
    if view is None:
        return None
    return next(
        row
        for row in each.verdict.criteria
        if (row.id, row.question.metric, row.question.suite, row.question.slice, row.question.versus == "champion")
        == (view.id, view.metric, view.suite, view.slice, view.champion)
    )


def _deciding(each: Candidate) -> CriterionView | None:
    record = RunRecord(
        manifest={},
        verdict=each.verdict,
        results=(),
        timings=(),
        transitions={},
        pairs=(),
        changed=0,
        pairs_total=0,
    )
    rows = [row for row in prepare.criteria_of(record, dict(each.units)) if not row.skipped]
    return rows[0] if rows else None


def deciding_words(each: Candidate) -> str:
    """`accuracy: 99.1 % [97.8, 100.4], needs ≥ 95.0 % · intents`, or the first reason of a verdict without
    criteria."""
    row = _deciding(each)
    if row is None:
        return each.verdict.reasons[0] if each.verdict.word != "ungated" and each.verdict.reasons else ""
    seen = f"{row.reading.value} {row.reading.interval}".strip()
    said = f"undefined: {row.reading.undefined}" if row.reading.undefined is not None else seen
    needs = f", needs {row.needs}" if row.needs else ""
    waived = ", waived" if row.status == "waived" else ""
    return f"{row.id}: {said}{needs}{waived} · {row.place}"


# --- order -------------------------------------------------------------------------------------------


def headline(ranking: Ranking) -> str:
    """Which students may replace the teacher, and which of them is the best buy."""
    n = len(ranking.candidates)
    passing, best = ranking.may_replace, ranking.best
    teacher = ranking.teacher or "the teacher"
    if measured := sum(each.verdict.word == "ungated" for each in ranking.candidates):
        some = f"{figures.count(measured)} of {_students(n)}" if measured < n else _students(n)
        return f"{some} measured; nothing was decided, for an audit has no policy."
    if not passing:
        return f"No student may replace {teacher}: of {_students(n)} none passes."
    lead = f"{_listed(passing)} may replace {teacher}"
    if len(passing) == 1:
        return f"{lead}: it is the one of {_students(n)} that passes." if n > 1 else f"{lead}."
    if len(best) > 1:
        return f"{lead}. Nothing here tells {_listed(best)} apart: none of them is shown to be the better buy."
    order = next(each.order for each in ranking.candidates if each.verdict.word == "pass")
    if order == "kept":
        return f"{lead}. {best[0]} kept most; what they cost is not known of all of them."
    return f"{lead}. The best buy is {best[0]}, the {'fastest' if order == 'speed' else 'smallest'} of them."


def order_words(ranking: Ranking) -> str:
    """How many students came to each verdict, and by what they stand: `2 pass (the fastest first), 1 fails`."""
    said = []
    for word in dict.fromkeys(each.verdict.word for each in ranking.candidates):
        own = [each for each in ranking.candidates if each.verdict.word == word]
        order = f" ({_ORDERS[own[0].order]})" if len(own) > 1 else ""
        said.append(f"{len(own)} {_ONE[word] if len(own) == 1 else _VERDICTS[word]}{order}")
    return ", ".join(said)


def step_words(each: Candidate) -> str:
    """What tells a student from the one above it, or that nothing does; empty for the first."""
    step = each.step
    if step is None:
        return ""
    if step.by == "verdict":
        return f"below {step.above} by its verdict"
    told = {
        "criteria": f"below {step.above}: more criteria fail or are undecided",
        "speed": f"slower than {step.above}: their speed-ups have intervals that do not overlap",
        "bytes": f"larger than {step.above}",
        "examples": f"below {step.above}: it keeps less",
    }
    open_ = {
        "speed": f"not told apart from {step.above}: their speed-ups have intervals that overlap",
        "bytes": f"not told apart from {step.above}: they are of one size",
        "examples": f"not told apart from {step.above}",
        "nothing": f"not told apart from {step.above}: neither was measured",
    }
    return told[step.by] if step.told_apart else open_[step.by]


def against_words(each: Candidate) -> str:
    """How a student stands to the one above it, suite by suite: `against v1, example by example: worse on mails
    (accuracy.difference −9.3 pts [−12.0, −6.8]); no clear difference on tickets`."""
    step = each.step
    if step is None or not (step.suites or step.why):
        return ""
    if step.why:
        return f"not compared with {step.above}: {step.why}"
    said = [f"{word} on {_listed(names)}" for word, names in _by_word(each)]
    return f"against {step.above}, example by example: {'; '.join(said)}"


def _by_word(each: Candidate) -> Iterator[tuple[Standing, list[str]]]:
    order: tuple[Standing, ...] = ("worse", "mixed", "better", "no clear difference", "not measured")
    suites = each.step.suites if each.step is not None else ()
    for word in order:
        named = []
        for suite in (suite for suite in suites if suite.standing == word):
            clear = word in ("worse", "better", "mixed")
            changes = [
                f"{metric} {reading.value} {reading.interval}".strip()
                for metric, unit, change in suite.changes
                for reading in (tables.reading(change, unit, metric)[0],)
                if reading.undefined is None
            ]
            named.append(f"{suite.suite} ({', '.join(changes)})" if clear and changes else suite.suite)
        if named:
            yield word, named


def about(ranking: Ranking) -> str:
    """The teacher, the policy and the suites."""
    suites = ", ".join(f"{name} version {version}" for name, version, _ in ranking.suites)
    parts = [
        f"teacher {ranking.teacher}" if ranking.teacher else "no teacher",
        f"policy {ranking.policy}" if ranking.policy else "no policy",
        *([f"{'suites' if len(ranking.suites) > 1 else 'suite'} {suites}"] if suites else []),
    ]
    return " · ".join(parts)


def level(ranking: Ranking) -> str:
    return figures.number(ranking.level, "share").replace(".0 %", " %")


def _students(n: int) -> str:
    return f"{figures.count(n)} {'student' if n == 1 else 'students'}"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
