"""A history as `evalkit history` prints it: the oldest run first, so that the latest stands at the prompt."""

from __future__ import annotations

import math
from collections.abc import Mapping

from evalkit import figures
from evalkit.report import history_view
from evalkit.report.columns import bar, fold, middle, pad, span, width
from evalkit.report.history_view import PointView
from evalkit.report.text import for_terminal, plain_ascii
from evalkit.report.view import MARKS
from evalkit.types.over_time import Entry, History, Lineage, Skipped, Trend

_MOST_SKIPPED = 10
# What the layout itself draws, one column each.
_ASCII = str.maketrans("├┤─●┆┼…", "[]-o|+~")
_SGR = {"pass": "32", "fail": "31", "inconclusive": "33", "broken": "31", "empty": "31"}


class _Pen:
    """How wide and in which characters to write."""

    def __init__(self, columns: int, colour: bool, ascii_only: bool) -> None:
        self.columns, self._colour, self._ascii = columns, colour, ascii_only

    def safe(self, text: str, limit: int | None = None) -> str:
        """The text on one line, harmless, in characters that the output can carry."""
        shown = for_terminal(text, limit)
        return plain_ascii(shown) if self._ascii else shown

    def paint(self, text: str, word: str) -> str:
        return f"\x1b[{_SGR[word]}m{text}\x1b[0m" if self._colour and word in _SGR else text

    def fold(self, text: str, first: str = "", rest: str = "  ") -> list[str]:
        return fold(self.safe(text, 600), self.columns, first=first, rest=rest)


def render(found: History, *, columns: int = 80, colour: bool = False, ascii_only: bool = False) -> str:
    """The whole text, each line at most `columns` wide (60 at least); escapes only with `colour`."""
    pen = _Pen(max(60, columns), colour, ascii_only)
    lines = pen.fold(f"{found.folder}: {history_view.summary(found)}")
    for line in reversed(found.lines):
        lines += ["", *_line(line, pen, trends=bool(found.criteria))]
    lines += _skipped(found.skipped, pen)
    shown = "\n".join(line.rstrip() for line in lines) + "\n"
    return shown.translate(_ASCII) if ascii_only else shown


def _line(line: Lineage, pen: _Pen, *, trends: bool) -> list[str]:
    lines = pen.fold(history_view.title(line))
    name = max([7, *(min(24, width(pen.safe(each.student or history_view.UNKNOWN))) for each in line.entries)])
    for entry in line.entries:
        lines += _entry(entry, line.units, name, pen, trends=trends)
    if trends:
        for trend in line.trends:
            lines += _trend(line, trend, pen)
    return lines


def _entry(entry: Entry, units: Mapping[str, str], name: int, pen: _Pen, *, trends: bool) -> list[str]:
    word = entry.verdict.word
    lines = [each for change in entry.changes for each in pen.fold(change, first=f"  {pen.safe('→')} ", rest="    ")]
    mark = pen.paint(pad(f"{pen.safe(MARKS[word])} {word}", 14), word)
    student = pad(middle(pen.safe(entry.student or history_view.UNKNOWN), name), name)
    head = f"  {pad(history_view.day(entry), 16)}  {student}  {mark}"
    room = pen.columns - (2 + 16 + 2 + name + 2 + 14) - 2
    lines.append(f"{head}  {middle(pen.safe(entry.path), room)}")
    if trends:
        return lines
    worst = history_view.worst(entry, units)
    if worst is not None:
        lines += pen.fold(f"{worst.id}: {worst.said} · {worst.place}", first="    ", rest="      ")
    elif entry.verdict.reasons:
        lines += pen.fold(entry.verdict.reasons[0], first="    ", rest="      ")[:2]
    return lines


def _trend(line: Lineage, trend: Trend, pen: _Pen) -> list[str]:
    """One criterion over the runs of a line, a row a run, with its interval against the bound."""
    lines = ["", *pen.fold(f"{trend.id}: {trend.question.metric} · {history_view.trend_place(trend)}")]
    points = history_view.points(trend)
    cells = [[pen.safe(each) for each in (point.needs, point.value, point.interval)] for point in points]
    needs, seen, ranges = (max([least, *(width(row[at]) for row in cells)]) for at, least in enumerate((5, 4, 8)))
    ends = span([each for point in points for each in (*point.exact, point.bound)])
    for point, (bound, value, interval) in zip(points, cells, strict=True):
        entry = line.entries[point.at]
        status = "broken" if entry.verdict.word == "broken" else point.status
        mark = pen.paint(pen.safe(MARKS[status]) if status else " ", status)
        drawn = _bar(point, ends)
        said = {"broken": "the run broke", "": "not asked"}.get(status, "")
        tail = f"{pad(bound, needs)}  {pad(value, seen, right=True)} {pad(interval, ranges)} {drawn}"
        told = pad(said, width(tail)) if said else tail
        room = pen.columns - (2 + 1 + 1 + 16 + 2 + width(told))
        moved = "  moved" if point.moved and room >= 7 else ""
        lines.append(f"  {mark} {pad(history_view.day(entry), 16)}  {told}{moved}")
    return lines


def _bar(point: PointView, ends: tuple[float, float]) -> str:
    value, low, high = point.exact
    if value is None or not math.isfinite(value):
        return " " * 17
    return bar(ends, value, value if low is None else low, value if high is None else high, point.bound)


def _skipped(skipped: tuple[Skipped, ...], pen: _Pen) -> list[str]:
    if not skipped:
        return []
    lines = ["", "not in the history:"]
    for each in skipped[:_MOST_SKIPPED]:
        lines += pen.fold(f"{each.path}: {each.why}", first="  ", rest="    ")
    more = len(skipped) - _MOST_SKIPPED
    return [*lines, *(pen.fold(f"… {figures.count(more)} more:  --json", first="  ") if more > 0 else [])]
