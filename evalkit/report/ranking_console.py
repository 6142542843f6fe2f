"""A ranking as `evalkit gate` and `evalkit audit` print it for several students: plain lines of 80 columns."""

from __future__ import annotations

from collections.abc import Sequence

from evalkit.report import ranking_view
from evalkit.report.columns import fold, middle, pad, width
from evalkit.report.ranking_view import CandidateView
from evalkit.report.text import for_terminal, plain_ascii
from evalkit.types import EXIT_CODES
from evalkit.types.ranking import Key, Ranking

_SGR = {"pass": "32", "fail": "31", "inconclusive": "33", "broken": "31", "empty": "31"}
# What the layout itself puts in where it cuts.
_DRAWN = str.maketrans("…", "~")
_LEAST_NAME = 8
# Columns of the table; the others stand in the lines below a student.
_TABLE: tuple[Key, ...] = ("accuracy", "agreement", "speed", "size")
_BELOW: tuple[Key, ...] = ("unsafe", "calibration")


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
        return fold(self.safe(text, 1000), self.columns, first=first, rest=rest)


def render(
    ranking: Ranking, *, columns: int = 80, colour: bool = False, ascii_only: bool = False, folder: str = ""
) -> str:
    """The whole text, each line at most `columns` wide (60 at least); escapes only with `colour`. `folder` is where
    the ranking lies."""
    pen = _Pen(max(60, columns), colour, ascii_only)
    shown = ranking_view.candidates(ranking)
    lines = [
        *pen.fold(ranking_view.headline(ranking)),
        *pen.fold(ranking_view.about(ranking), first="  ", rest="  "),
        "",
        *_table(shown, pen),
        "",
        *pen.fold(
            f"{ranking_view.order_words(ranking)}. Each number is of the suite that speaks most against the student; "
            f"intervals are {ranking_view.level(ranking)}.",
            rest="",
        ),
        f"exit {EXIT_CODES[ranking.word]} ({ranking.word}: the worst verdict of {len(shown)})",
        *([f"page  {pen.safe(folder)}/ranking.html"] if folder else []),
    ]
    text = "\n".join(line.rstrip() for line in lines) + "\n"
    return text.translate(_DRAWN) if ascii_only else text


def _table(shown: Sequence[CandidateView], pen: _Pen) -> list[str]:
    heads = [(key, title) for key, title in ranking_view.columns(shown) if key in _TABLE]
    cells = [[_cell(each, key, pen) for key, _ in heads] for each in shown]
    heads = heads[: _fitting(heads, cells, pen.columns)]
    widths = [max([width(title), *(width(row[at]) for row in cells)]) for at, (_, title) in enumerate(heads)]
    rank = max(width(each.rank) for each in shown)
    room = pen.columns - (rank + 2 + 2 + 14 + sum(each + 2 for each in widths))
    name = max(_LEAST_NAME, min(room, max(width(pen.safe(each.name)) for each in shown)))
    titles = "  ".join(pad(title, size) for (_, title), size in zip(heads, widths, strict=True))
    lines = [f"{pad('', rank)}  {pad('student', name)}  {pad('verdict', 14)}  {titles}"]
    for each, row in zip(shown, cells, strict=True):
        mark = pen.paint(pad(f"{pen.safe(each.mark)} {each.word}", 14), each.word)
        numbers = "  ".join(pad(text, size) for text, size in zip(row[: len(heads)], widths, strict=True))
        called = pad(middle(pen.safe(each.name), name), name)
        lines.append(f"{pad(each.rank, rank, right=True)}  {called}  {mark}  {numbers}")
        lines += _below(each, rank, pen)
    return lines


def _fitting(heads: Sequence[tuple[Key, str]], cells: Sequence[Sequence[str]], columns: int) -> int:
    """How many of the columns leave room for a name."""
    used = 2 + 2 + _LEAST_NAME + 2 + 14
    for at, (_, title) in enumerate(heads):
        used += 2 + max([width(title), *(width(row[at]) for row in cells)])
        if used > columns:
            return at
    return len(heads)


def _cell(each: CandidateView, key: Key, pen: _Pen) -> str:
    if key not in each.cells or (reading := each.cells[key].reading).undefined is not None:
        return pen.safe("–")
    # Of the others the interval stands on the page.
    interval = reading.interval if key == "accuracy" and reading.interval != "exact" else ""
    return pen.safe(f"{reading.value} {interval}".strip())


def _below(each: CandidateView, rank: int, pen: _Pen) -> list[str]:
    indent = " " * (rank + 2)
    more = [
        f"{cell.title} {cell.reading.value} {cell.reading.interval} · {cell.suite}"
        for key in _BELOW
        if (cell := each.cells.get(key)) is not None and cell.reading.undefined is None
    ]
    lines = []
    for said in (each.deciding, *more, each.step, each.against):
        if said:
            lines += pen.fold(said, first=indent, rest=f"{indent}  ")
    return lines
