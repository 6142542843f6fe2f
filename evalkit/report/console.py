"""The verdict as `evalkit gate` and `evalkit show` print it: plain lines that fit a terminal or a CI log."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from evalkit.figures import count
from evalkit.report.columns import bar, clip, fold, middle, pad, span, width
from evalkit.report.examples import examples_first
from evalkit.report.headlines import headlines
from evalkit.report.text import for_terminal, one_line, plain_ascii
from evalkit.report.view import MARKS, CriterionView, View, tally_words

_BAR = 17
_MOST_ROWS, _MOST_EXAMPLES, _MOST_REASONS, _MOST_NAMES = 12, 10, 12, 60
_SGR = {"pass": "32", "fail": "31", "inconclusive": "33", "broken": "31", "empty": "31", "waived": "35"}
# What the layout itself draws, one column each; texts become ASCII before they are laid out, so widths hold.
_ASCII = str.maketrans("├┤─●┆┼✓✗⚑∅–·…", "[]-o|++xw0-|~")


@dataclass(frozen=True, slots=True)
class _Pen:
    """How wide and in which characters to write."""

    columns: int
    colour: bool
    ascii_only: bool

    def safe(self, text: str, limit: int | None = None) -> str:
        """The text on one line, harmless, in characters that the output can carry."""
        shown = for_terminal(text, limit)
        return plain_ascii(shown) if self.ascii_only else shown

    def paint(self, text: str, word: str) -> str:
        return f"\x1b[{_SGR[word]}m{text}\x1b[0m" if self.colour and word in _SGR else text

    def fold(self, text: str, first: str, rest: str = "    ") -> list[str]:
        return fold(text, self.columns, first=first, rest=rest)


def render(view: View, *, width: int = 80, colour: bool = False, ascii_only: bool = False) -> str:
    """The whole text, each line at most `width` columns (40 at least); escapes only with `colour`."""
    pen = _Pen(max(40, width), colour, ascii_only)
    lines = [*_head(view, pen), "", *_waivers(view, pen), *_criteria(view, pen)]
    lines += [*_headlines(view, pen), *_regressed(view, pen), *_examples(view, pen), *_end(view, pen)]
    shown = "\n".join(line.rstrip() for line in lines) + "\n"
    return shown.translate(_ASCII) if ascii_only else shown


def _head(view: View, pen: _Pen) -> list[str]:
    parts = [("student", view.student), ("teacher", view.teacher), ("policy", view.policy)]
    named = [(word, pen.safe(name)) for word, name in parts if name]
    room = (pen.columns - 9 - sum(len(word) + 3 for word, _ in named)) // len(named)
    return ["evalkit  " + "  ".join(f"{word} {middle(name, max(8, room))}" for word, name in named)]


def _waivers(view: View, pen: _Pen) -> list[str]:
    lines: list[str] = []
    for waiver in view.waivers[:_MOST_REASONS]:
        said = f"waived by {waiver.owner} until {waiver.expires}: {waiver.reason}"
        first = f"{MARKS['waived']} {middle(pen.safe(waiver.criterion), 24)}  "
        folded = pen.fold(pen.safe(said, 400), first=first, rest="    ")
        lines += [pen.paint(line, "waived") for line in folded]
    more = len(view.waivers) - _MOST_REASONS
    lines += [f"  … {more} more waivers:  verdict.json"] if more > 0 else []
    return [*lines, ""] if lines else []


def _criteria(view: View, pen: _Pen) -> list[str]:
    if not view.criteria:
        return []
    shown, hidden = _most(view.weighed)
    if not shown:
        return [*_skipped(view, pen), ""]
    cells = [[pen.safe(each) for each in (row.needs, row.reading.value, row.reading.interval)] for row in shown]
    needs, seen, ranges = (max(least, *(width(row[at]) for row in cells)) for at, least in enumerate((5, 4, 10)))
    number = max(len(count(row.reading.n)) for row in shown)
    label = pen.columns - (2 + 1 + needs + 2 + seen + 1 + ranges + 1 + _BAR + 1 + number)
    narrow = label < 9
    scales = _scales(view.criteria)
    lines = []
    if not narrow:
        level = f"{view.level * 100:g} %" if view.level is not None else ""
        title = f"  {pad('criterion', label)} {pad('needs', needs)}  {pad('seen', seen, right=True)}"
        lines.append(f"{title} {pad(f'{level} interval', ranges + 1 + _BAR)} {pad('n', number, right=True)}")
    for row, (bound, value, interval) in zip(shown, cells, strict=True):
        n = count(row.reading.n) if row.reading.undefined is None else ""
        figures = f"{pad(bound, needs)}  {pad(value, seen, right=True)} {pad(interval, ranges)}"
        tail = f"{pad(_bar(row, scales[row.scale]), _BAR)} {pad(n, number, right=True)}"
        mark = pen.paint(MARKS[row.status], row.status)
        name = pen.safe(row.id)
        if narrow:
            lines.append(f"{mark} {middle(name, pen.columns - 2)}")
            lines += _fit([figures, tail], pen)
        else:
            lines.append(f"{mark} {pad(middle(name, label), label)} {figures} {tail}")
        lines += _about(row, pen)
    if hidden:
        lines.append(f"  … {hidden} more rows:  evalkit show RUN --json")
    return [*lines, *_skipped(view, pen), ""]


def _skipped(view: View, pen: _Pen) -> list[str]:
    """Criteria that had nothing to apply to and may be passed over, in one line: named, and not in the way."""
    if not view.skipped:
        return []
    names = ", ".join(pen.safe(name) for name in view.skipped)
    return pen.fold(f"skipped, nothing to apply to: {names}", first=f"{MARKS['not_evaluated']} ", rest="  ")


def _most(rows: tuple[CriterionView, ...]) -> tuple[list[CriterionView], int]:
    """At most a dozen rows of each outcome: what failed is never pushed out by what passed."""
    seen: dict[tuple[str, str], int] = {}
    shown = []
    for row in rows:
        seen[row.effect, row.status] = seen.get((row.effect, row.status), 0) + 1
        if seen[row.effect, row.status] <= _MOST_ROWS:
            shown.append(row)
    return shown, len(rows) - len(shown)


def _fit(parts: list[str], pen: _Pen) -> list[str]:
    """The parts indented, each cut rather than wrapped: a broken table is harder to read than a short one."""
    joined = "  ".join(parts)
    if width(joined) + 4 <= pen.columns:
        return [f"    {joined}"]
    return [f"    {clip(part, pen.columns - 4)}" for part in parts if part.strip()]


def _about(row: CriterionView, pen: _Pen) -> list[str]:
    """The line below a row: what was measured where, and the reason where the outcome is not plain."""
    kind = "warning only · " if row.effect == "warn" else ""
    kind += "by value · " if row.by == "value" and not row.metric.endswith(".count") else ""
    said = pen.safe(f"{kind}{row.metric} · {row.place}", 300)
    lines = pen.fold(said, first="    ")
    why = row.reading.undefined or (row.reason if row.status in ("inconclusive", "not_evaluated") else "")
    return lines + (pen.fold(pen.safe(why, 400), first="    ") if why else [])


def _scales(rows: Iterable[CriterionView]) -> dict[str, tuple[float, float]]:
    """One scale per unit, from every row of it and its bounds."""
    values: dict[str, list[float | None]] = {}
    for row in rows:
        values.setdefault(row.scale, []).extend([*(row.reading.exact or ()), row.bound])
    return {key: span(found) for key, found in values.items()}


def _bar(row: CriterionView, ends: tuple[float, float]) -> str:
    if row.reading.exact is None:
        return ""
    value, low, high = row.reading.exact
    low, high = (value if low is None else low), (value if high is None else high)
    return bar(ends, value, low, high, row.bound) if all(map(math.isfinite, (value, low, high))) else ""


def _headlines(view: View, pen: _Pen) -> list[str]:
    lines: list[str] = []
    for title, rows in headlines(view):
        lines += pen.fold(pen.safe(title, 200), first="", rest="  ")
        label = max((width(name) for name, _ in rows), default=0)
        for name, said in rows:
            lines += pen.fold(pen.safe(said), first=f"  {pad(name, label)}  ", rest=" " * (label + 4))
        lines.append("")
    return lines


def _regressed(view: View, pen: _Pen) -> list[str]:
    """The deepest falls a line each, the others by name: a lost class must be named wherever the verdict is."""
    if not view.regressed:
        return []
    lines = ["Got worse (Holm-adjusted):"]
    several = len({row.suite for row in view.regressed}) > 1
    for row in view.regressed[:_MOST_EXAMPLES]:
        name = f"{row.suite} · {row.slice}" if several else row.slice
        said = f"{row.difference}, {row.lost} lost, {row.gained} gained of {count(row.n)}"
        lines += pen.fold(f"{pen.safe(name)}: {pen.safe(said)}", first="  ")
    rest = view.regressed[_MOST_EXAMPLES:]
    if rest:
        named = ", ".join(pen.safe(row.slice) for row in rest[:_MOST_NAMES])
        more = f", … {len(rest) - _MOST_NAMES} more in verdict.json" if len(rest) > _MOST_NAMES else ""
        lines += pen.fold(f"and {named}{more}", first="  ")
    return [*lines, ""]


def _examples(view: View, pen: _Pen) -> list[str]:
    shown = examples_first(view, _MOST_EXAMPLES)
    if not shown:
        return []
    lines = ["Look at first:"]
    several = len({each.suite for each in view.examples}) > 1
    for each in shown:
        parts: list[str] = [each.severity] if each.severity in ("high", "critical") else []
        parts += [each.suite] if several else []
        # A safety answer is not for a log that anybody may read.
        parts += [] if each.sensitive else [" → ".join(one_line(answer.answer, 60) for answer in each.answers)]
        said = " · ".join([each.flip, *parts])
        lines.append(f"  {pad(middle(pen.safe(each.id), 16), 16)} {clip(pen.safe(said, 300), pen.columns - 19)}")
    more = view.changed - len(shown)
    return [*lines, *([f"  … {count(more)} more:  report.html, pairs.parquet"] if more > 0 else []), ""]


def _end(view: View, pen: _Pen) -> list[str]:
    word = pen.paint(f"{MARKS[view.word]} {view.word}", view.word)
    lines = [word, *pen.fold(pen.safe(view.headline, 1000), first="  ", rest="  ")]
    reasons = [reason for reason in view.told if not _said_above(reason, view)]
    for reason in reasons[:_MOST_REASONS]:
        lines += pen.fold(pen.safe(reason, 600), first="  · ", rest="    ")
    if len(reasons) > _MOST_REASONS:
        lines.append(f"  … {len(reasons) - _MOST_REASONS} more reasons:  verdict.json")
    if view.tally:
        lines += pen.fold(f"criteria: {tally_words(view.tally)}", first="  ", rest="  ")
    return [*lines, *pen.fold(f"exit {view.exit_code} ({view.word}: {view.exit_words})", first="", rest="  ")]


def _said_above(reason: str, view: View) -> bool:
    """A reason that a row of the table, a waiver line or the list of slices has given already."""
    if reason.startswith("waived: ") or (view.regressed and reason.startswith("worse beyond chance")):
        return True
    shown = [row for row in view.weighed if row.status in ("fail", "inconclusive", "not_evaluated")]
    return any(row.reason and row.reason in reason for row in shown)
