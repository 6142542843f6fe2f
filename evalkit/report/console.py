"""The verdict as `evalkit gate` and `evalkit show` print it: plain lines that fit a terminal or a CI log."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from evalkit.figures import count
from evalkit.report.columns import bar, clip, fold, middle, pad, span, width
from evalkit.report.examples import examples_first, slice_of
from evalkit.report.headlines import headlines, most_of_the_loss
from evalkit.report.text import for_terminal, plain_ascii
from evalkit.report.view import MARKS, TOO_SMALL, CriterionView, ExampleView, RegressedView, View

_BAR = 17
_MOST_ROWS, _MOST_EXAMPLES, _MOST_REASONS, _MOST_NAMES = 12, 10, 12, 60
_MOST_SLICES, _MOST_SETTLED = 10, 6
# Characters of a shared beginning that two answers keep.
_LEAD = 8
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


def render(view: View, *, width: int = 80, colour: bool = False, ascii_only: bool = False, report: str = "") -> str:
    """The whole text, each line at most `width` columns (40 at least); escapes only with `colour`.

    `report` is where the page lies; it stands alone on its line, however long, so that it can be clicked and copied.
    """
    pen = _Pen(max(40, width), colour, ascii_only)
    lines = [*_head(view, pen), "", *_waivers(view, pen), *_criteria(view, pen)]
    lines += [*_headlines(view, pen), *_regressed(view, pen), *_examples(view, pen), *_end(view, pen, pen.safe(report))]
    shown = "\n".join(line.rstrip() for line in lines) + "\n"
    return shown.translate(_ASCII) if ascii_only else shown


def _head(view: View, pen: _Pen) -> list[str]:
    """Who was compared under which policy: on one line, or on one each before a name is cut; then what was done to
    their weights."""
    parts = [("student", view.student), ("teacher", view.teacher), ("policy", view.policy)]
    named = [(word, pen.safe(name)) for word, name in parts if name]
    line = "evalkit  " + "  ".join(f"{word} {name}" for word, name in named)
    weights = [
        line
        for role, how in view.compressed
        for line in pen.fold(pen.safe(f"weights of the {role}: {how}", 200), first=" " * 9, rest=" " * 13)
    ]
    if width(line) <= pen.columns:
        return [line, *weights]
    lines = [f"{pad(word, 7)} {middle(name, pen.columns - 17)}" for word, name in named]
    return [*(f"{'evalkit' if at == 0 else '':<9}{line}" for at, line in enumerate(lines)), *weights]


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


@dataclass(frozen=True, slots=True)
class _Table:
    """The widths of the columns that every row of criteria has, and one scale per unit."""

    needs: int
    seen: int
    ranges: int
    number: int
    label: int
    scales: dict[str, tuple[float, float]]

    @property
    def narrow(self) -> bool:
        return self.label < 9


def _criteria(view: View, pen: _Pen) -> list[str]:
    """What blocks first, the worst first; what only warns under a line of its own, for it decides nothing."""
    if not view.criteria:
        return []
    shown, hidden = _most(view.weighed)
    if not shown:
        return [*_skipped(view, pen), ""]
    table = _table(shown, view, pen)
    lines = []
    if not table.narrow:
        level = f"{view.level * 100:g} %" if view.level is not None else ""
        title = f"  {pad('criterion', table.label)} {pad('needs', table.needs)}  {pad('seen', table.seen, right=True)}"
        rest = pad(f"{level} interval", table.ranges + 1 + _BAR)
        lines.append(f"{title} {rest} {pad('n', table.number, right=True)}")
    blocking, warning = (
        [line for row in shown if row.effect == effect for line in (*_row(row, table, pen), *_about(row, pen))]
        for effect in ("block", "warn")
    )
    lines += [*blocking, *_skipped(view, pen)]
    lines += ["", "warning only, no part of the verdict:", *warning] if warning else []
    if hidden:
        lines.append(f"  … {count(hidden)} more rows:  evalkit show RUN --json")
    return [*lines, ""]


def _cells(row: CriterionView, pen: _Pen) -> tuple[str, str, str]:
    return pen.safe(row.needs), pen.safe(row.reading.value), pen.safe(row.reading.interval)


def _table(rows: list[CriterionView], view: View, pen: _Pen) -> _Table:
    cells = [_cells(row, pen) for row in rows]
    needs, seen, ranges = (max(least, *(width(row[at]) for row in cells)) for at, least in enumerate((5, 4, 10)))
    number = max(len(count(row.reading.n)) for row in rows)
    label = pen.columns - (2 + 1 + needs + 2 + seen + 1 + ranges + 1 + _BAR + 1 + number)
    return _Table(needs, seen, ranges, number, label, _scales(view.criteria))


def _row(row: CriterionView, table: _Table, pen: _Pen) -> list[str]:
    """One line; two where the name is too long for its column, for a cut name would be another name."""
    bound, value, interval = _cells(row, pen)
    n = count(row.reading.n) if row.reading.undefined is None else ""
    figures = f"{pad(bound, table.needs)}  {pad(value, table.seen, right=True)} {pad(interval, table.ranges)}"
    tail = f"{pad(_bar(row, table.scales[row.scale]), _BAR)} {pad(n, table.number, right=True)}"
    mark, name = pen.paint(MARKS[row.status], row.status), pen.safe(row.id)
    if not table.narrow and width(name) <= table.label:
        return [f"{mark} {pad(name, table.label)} {figures} {tail}"]
    named = f"{mark} {middle(name, pen.columns - 2)}"
    if table.narrow:
        return [named, *_fit([figures, tail], pen)]
    return [named, f"  {pad('', table.label)} {figures} {tail}"]


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
    """The line below a row: what was measured where, and the reason where there is no number."""
    kind = "by value · " if row.by == "value" and not row.metric.endswith(".count") else ""
    lines = pen.fold(pen.safe(f"{kind}{row.metric} · {row.place}", 300), first="    ")
    why = row.reading.undefined or (row.reason if row.status == "not_evaluated" else "")
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
    several = len({row.suite for row in view.regressed}) > 1

    def said(row: RegressedView) -> str:
        name = f"{row.suite} · {row.slice}" if several else row.slice
        return f"{name}, {row.lost} lost, {row.gained} gained of {count(row.n)} ({row.difference})"

    main = most_of_the_loss(view)
    lines = []
    if main is not None:
        where = f"{main.rows[0].suite}, " if several else ""
        lines += pen.fold(pen.safe(f"Most of the loss: {where}{main.words}"), first="", rest="  ")
    # One slice has been told whole; of several the parts are still to be seen.
    others = [row for row in view.regressed if main is None or main.rows != (row,)]
    lines += ["Got worse beyond chance (Holm-adjusted):"] if others else []
    for row in others[:_MOST_SLICES]:
        lines += pen.fold(pen.safe(said(row)), first="  ")
    rest = others[_MOST_SLICES:]
    if rest:
        named = ", ".join(pen.safe(row.slice) for row in rest[:_MOST_NAMES])
        more = f", … {len(rest) - _MOST_NAMES} more in verdict.json" if len(rest) > _MOST_NAMES else ""
        lines += pen.fold(f"and {named}{more}", first="  ")
    return [*lines, ""]


def _examples(view: View, pen: _Pen) -> list[str]:
    """What to read first: outcome and place on a line, both answers beside it or below it."""
    shown = examples_first(view, _MOST_EXAMPLES)
    if not shown:
        return []
    lines = ["Look at first:"]
    label = min(16, max(width(pen.safe(each.id, 60)) for each in shown))
    for each in shown:
        grave = [each.severity] if each.severity in ("high", "critical") else []
        lost = slice_of(view, each)
        head = " · ".join([each.flip, *grave, f"{each.suite}/{lost}" if lost else each.suite])
        first = f"  {pad(middle(pen.safe(each.id, 60), label), label)}  "
        placed = pen.safe(head, 300)
        said = " · ".join(_answers(each, pen, pen.columns - 4))
        if said and width(first) + width(placed) + 2 + width(said) <= pen.columns:
            lines.append(f"{first}{placed}  {said}")
        else:
            lines += pen.fold(placed, first=first)
            lines += [f"    {said}"] if said else []
    more = view.changed - len(shown)
    return [*lines, *([f"  … {count(more)} more:  report.html#examples, pairs.parquet"] if more > 0 else []), ""]


def _answers(each: ExampleView, pen: _Pen, room: int) -> list[str]:
    """What either model said, and how sure it was, in at most that many columns; long answers from where they differ.

    Nothing of a safety suite: a log may be read by anybody.
    """
    if each.sensitive:
        return []
    said = [pen.safe(answer.answer, 2000) for answer in each.answers]
    sure = [f" {pen.safe(answer.confidence)}" if answer.confidence else "" for answer in each.answers]
    who = [f"{answer.who} " for answer in each.answers]
    spent = sum(map(width, [*sure, *who])) + 3 * (len(said) - 1)
    if spent + sum(map(width, said)) > room:
        said = [clip(text, max(8, (room - spent) // len(said))) for text in _from_where_they_differ(said)]
    parts = [f"{name}{text}{confidence}" for name, text, confidence in zip(who, said, sure, strict=True)]
    return parts if width(" · ".join(parts)) <= room else [clip(" · ".join(parts), room)]


def _from_where_they_differ(texts: list[str]) -> list[str]:
    """The texts without the long beginning that all share, but for a few characters of it."""
    if len(texts) < 2:
        return texts
    start = next((at for at, chars in enumerate(zip(*texts, strict=False)) if len(set(chars)) > 1), 0) - _LEAD
    return [f"…{text[start:]}" for text in texts] if start > _LEAD else texts


def _end(view: View, pen: _Pen, report: str) -> list[str]:
    word = pen.paint(f"{MARKS[view.word]} {view.word}", view.word)
    lines = [word, *pen.fold(pen.safe(view.headline, 1000), first="  ", rest="  ")]
    lines += _settling(view, pen)
    reasons = [reason for reason in view.told if not _said_above(reason, view)]
    for reason in reasons[:_MOST_REASONS]:
        # A list of what is too small begins with its count; hundreds of names are for verdict.json.
        most = 160 if TOO_SMALL in reason else 600
        lines += pen.fold(pen.safe(reason, most), first="  · ", rest="    ")
    if len(reasons) > _MOST_REASONS:
        lines.append(f"  … {len(reasons) - _MOST_REASONS} more reasons:  verdict.json")
    if view.tally:
        lines += pen.fold(f"criteria: {view.tally}", first="  ", rest="  ")
    lines += [f"report  {report}"] if report else []
    return [*lines, *pen.fold(f"exit {view.exit_code} ({view.word}: {view.exit_words})", first="", rest="  ")]


def _settling(view: View, pen: _Pen) -> list[str]:
    """What it would take to settle what is open, and what would not help."""
    rows = [row for row in view.weighed if row.status == "inconclusive" and row.effect == "block"]
    lines: list[str] = []
    for row in rows[:_MOST_SETTLED]:
        where = " · ".join(part for part in (row.suite, row.slice, row.where) if part)
        said = f"{row.id}{f' ({where})' if where else ''}: {row.settles or row.reason}"
        lines += pen.fold(pen.safe(said, 600), first="  ? ", rest="    ")
    if len(rows) > _MOST_SETTLED:
        lines.append(f"  … {len(rows) - _MOST_SETTLED} more are inconclusive:  evalkit show RUN --json")
    if view.needs_new_examples:
        lines.append("  More seeds of the same examples will not help.")
    return lines


def _said_above(reason: str, view: View) -> bool:
    """A reason that a row of the table, a waiver line or the list of slices has given already."""
    if reason.startswith("waived: ") or (view.regressed and reason.startswith("worse beyond chance")):
        return True
    shown = [row for row in view.weighed if row.status in ("fail", "inconclusive", "not_evaluated")]
    return any(row.reason and row.reason in reason for row in shown)
