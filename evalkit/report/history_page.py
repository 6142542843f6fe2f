"""The page of `evalkit history --out`: an index of runs, and each criterion against its bound, run by run."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from evalkit import figures
from evalkit.report import alone, history_view
from evalkit.report.drawing import trend as drawing
from evalkit.report.history_view import PointView, WorstView
from evalkit.report.view import MARKS, STATUS_WORDS
from evalkit.types.over_time import Entry, History, Lineage, Trend

# Trends that stand open; the others are a click away.
_OPEN = 24
_LOOKS = {"pass": "pass", "fail": "fail", "broken": "broken", "inconclusive": "inconclusive", "empty": "empty"}
_RANK = ("fail", "inconclusive", "not_evaluated", "waived", "pass", "")
_LEGEND = (
    ("pass", "pass"),
    ("fail", "fail"),
    ("inconclusive", "inconclusive"),
    ("waived", "waived"),
    ("not_evaluated", "not evaluated"),
    ("broken", "the run broke"),
    ("turned", "policy, teacher or suite changed"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """One run of the index; `href` is empty where it left no report."""

    entry: Entry
    day: str
    href: str
    worst: WorstView | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendPart:
    """One criterion: its drawing of the latest runs, and the table of all of them."""

    trend: Trend
    place: str
    now: str
    drawn: object
    left_out: int
    points: tuple[tuple[RunRow, PointView], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LinePart:
    """Runs of one teacher and one policy; the latest run first in the index."""

    title: str
    runs: tuple[RunRow, ...]
    trends: tuple[TrendPart, ...]

    @property
    def shown(self) -> tuple[TrendPart, ...]:
        return self.trends[:_OPEN]

    @property
    def folded(self) -> tuple[TrendPart, ...]:
        return self.trends[_OPEN:]


def render(found: History, page: Path) -> str:
    """The page as text. `page` is where it will lie: links to reports are relative to that."""
    latest = max(
        (line.entries[-1] for line in found.lines if line.entries), key=lambda entry: entry.started, default=None
    )
    word = latest.verdict.word if latest is not None else "empty"
    return alone.render(
        "history.html.j2",
        found=found,
        summary=history_view.summary(found),
        latest=latest,
        word=word,
        look=_LOOKS.get(word, "none"),
        latest_day=history_view.day(latest) if latest is not None else "",
        parts=[_line(line, Path(found.folder), page) for line in found.lines],
        legend=[(status, said, alone.markup(drawing.sample(status))) for status, said in _LEGEND],
        status_words=STATUS_WORDS,
        verdicts=MARKS,
        most=drawing.MOST,
    )


def _line(line: Lineage, folder: Path, page: Path) -> LinePart:
    runs = [
        RunRow(
            entry=entry,
            day=history_view.day(entry),
            href=_href(folder / entry.path / "report.html", page) if entry.report else "",
            worst=history_view.worst(entry, line.units),
        )
        for entry in line.entries
    ]
    trends = [_trend(trend, runs) for trend in line.trends]
    order = sorted(range(len(trends)), key=lambda at: (_rank(trends[at]), at))
    return LinePart(
        title=history_view.title(line), runs=tuple(reversed(runs)), trends=tuple(trends[at] for at in order)
    )


def _rank(part: TrendPart) -> int:
    """By the latest outcome, the worst first; what the latest verdict no longer asks comes last."""
    last = [point.status for run, point in part.points if run.entry.verdict.word != "broken"]
    return _RANK.index(last[-1]) if last else len(_RANK)


def _href(report: Path, page: Path) -> str:
    """A relative link from the page; empty where there is no way from one to the other."""
    try:
        way = os.fsencode("./" + Path(os.path.relpath(report, page.parent)).as_posix())
    except ValueError:
        return ""
    # A name may hold anything: all but the grammar of paths becomes %XX.
    return quote(way, safe="/.")


def _trend(trend: Trend, runs: Sequence[RunRow]) -> TrendPart:
    points = history_view.points(trend)
    both = tuple(zip(runs, points, strict=True))
    drawn = both[-drawing.MOST :]
    asked = _asked(both)
    last = asked[-1] if asked else None
    now = ""
    if last is not None and last.status:
        said = filter(None, [last.value, last.interval, f"needs {last.needs}" if last.needs else ""])
        now = f"{STATUS_WORDS[last.status]}: {' '.join(said)}"
    return TrendPart(
        trend=trend,
        place=history_view.trend_place(trend),
        now=now,
        drawn=alone.markup(_drawn(trend, drawn)) if _asked(drawn) else "",
        left_out=len(both) - len(drawn),
        points=tuple(reversed(both)),
    )


def _asked(both: Sequence[tuple[RunRow, PointView]]) -> list[PointView]:
    """The points of runs whose verdict has the criterion."""
    return [point for _, point in both if point.status]


def _drawn(trend: Trend, both: Sequence[tuple[RunRow, PointView]]) -> str:
    values = [each for _, point in both for each in (*point.exact, point.bound)]
    count = trend.unit == "count"
    axis = drawing.upright(values, least=1.0 if count else 0.01)
    largest = max((abs(each) for each in values if each is not None), default=0.0)
    how = figures.style(trend.unit, largest, metric=trend.question.metric)
    marks = [
        drawing.Mark(
            value=point.exact[0],
            low=point.exact[1],
            high=point.exact[2],
            bound=point.bound,
            status="broken" if run.entry.verdict.word == "broken" else point.status,
            label=run.day[2:10],
            moved=point.moved,
            turned=bool(run.entry.changes),
        )
        for run, point in both
    ]
    asked = _asked(both)
    first, last = asked[0], asked[-1]
    title = (
        f"{trend.id} over {len(both)} runs: {first.value or 'undefined'} in the first, {last.value or 'undefined'} in "
        f"the last, which needs {last.needs}: {STATUS_WORDS[last.status] if last.status else ''}"
    )
    return drawing.trend(
        title,
        marks,
        axis,
        shift=how.shift,
        suffix=how.suffix if how.suffix in (" %", "×") else "",
        at_least=last.at_least,
        said=f"{trend.question.metric}{'' if how.suffix in (' %', '×', '') else f', in{how.suffix}'}",
    )
