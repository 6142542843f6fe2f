"""Text in fixed columns: display width, cutting and padding, and an interval bar of a few characters."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable

_BREAK = re.compile(r"(?<![≥≤])(?<!\(n) (?!(?:%|pts|ms|s|×)(?![0-9A-Za-z]))")


def width(text: str) -> int:
    """Columns that a terminal gives the text: two for wide East Asian characters, none for combining marks."""
    return sum(_cells(each) for each in text)


def _cells(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def clip(text: str, columns: int) -> str:
    """The text cut at the end, with an ellipsis, to at most that many columns."""
    if width(text) <= columns:
        return text
    return f"{_head(text, columns - 1)}…" if columns > 0 else ""


def middle(text: str, columns: int) -> str:
    """The text cut in the middle: names are told apart by both of their ends."""
    if width(text) <= columns:
        return text
    if columns < 3:
        return clip(text, columns)
    head = _head(text, columns // 2)
    tail = _head(text[::-1], columns - 1 - width(head))[::-1]
    return f"{head}…{tail}"


def _head(text: str, columns: int) -> str:
    used = 0
    for end, char in enumerate(text):
        used += _cells(char)
        if used > columns:
            return text[:end]
    return text


def pad(text: str, columns: int, *, right: bool = False) -> str:
    """The text filled with blanks to that many columns, on the left when it is to stand right."""
    blanks = " " * max(0, columns - width(text))
    return blanks + text if right else text + blanks


def fold(text: str, columns: int, *, first: str = "", rest: str = "") -> list[str]:
    """The text broken at blanks into lines of at most that many columns, led by `first` and `rest`.

    A number keeps its unit, and a bound its sign.
    """
    lines, line = [], first
    empty = True
    for word in _BREAK.split(" ".join(text.split())) if text.strip() else ():
        piece = word
        while piece:
            gap = "" if empty else " "
            room = columns - width(line) - len(gap)
            if width(piece) <= room:
                line, empty, piece = f"{line}{gap}{piece}", False, ""
            elif empty:  # a word longer than a line: broken, for a cut name would be another name
                head = _head(piece, max(2, room))
                lines.append(line + head)
                line, piece = rest, piece[len(head) :]
            else:
                lines.append(line)
                line, empty = rest, True
    return [*lines, line] if not empty or not lines else lines


def span(values: Iterable[float | None]) -> tuple[float, float]:
    """The ends of a scale that holds all of them."""
    finite = [each for each in values if each is not None and math.isfinite(each)] or [0.0]
    low, high = min(finite), max(finite)
    return (low, high) if high > low else (low - 1.0, high + 1.0)


def bar(
    ends: tuple[float, float], value: float, low: float, high: float, bound: float | None, *, columns: int = 17
) -> str:
    """An interval in that many columns: `├─●─┤`, the bound as `┆`, or as `┼` where the interval holds it.

    Rounding to columns never puts an end of the interval onto the bound or across it.
    """
    last = columns - 1

    def place(number: float) -> int:
        share = (number - ends[0]) / (ends[1] - ends[0])
        return max(0, min(last, round(share * last)))

    wall = None if bound is None or not math.isfinite(bound) else place(bound)
    if wall is not None and bound is not None:
        wall = max(wall, 1) if min(low, value) < bound else wall
        wall = min(wall, last - 1) if max(high, value) > bound else wall

    def beside(number: float) -> int:
        spot = place(number)
        if wall is None or bound is None:
            return spot
        return wall if number == bound else min(spot, wall - 1) if number < bound else max(spot, wall + 1)

    cells = [" "] * columns
    left, right = beside(low), beside(high)
    for column in range(left, right + 1):
        cells[column] = "─"
    cells[left], cells[right] = "├", "┤"
    if wall is not None:
        cells[wall] = "┼" if low < (bound or 0.0) < high else "┆"
    cells[beside(value)] = "●"
    return "".join(cells)
