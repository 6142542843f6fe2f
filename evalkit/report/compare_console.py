"""A comparison as `evalkit compare` prints it: plain lines that fit a terminal or a CI log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from evalkit import figures
from evalkit.report import compare_view
from evalkit.report.columns import clip, fold, middle, pad, width
from evalkit.report.compare_view import MARKS, RowView
from evalkit.report.text import for_terminal, one_line, plain_ascii
from evalkit.report.view import FLIP_WORDS
from evalkit.types import Pair, RegressedSlice
from evalkit.types.over_time import Compared, SuiteCompared

_MOST_ROWS, _MOST_SLICES, _MOST_EXAMPLES, _MOST_CRITERIA = 12, 8, 8, 12
_SGR = {"better": "32", "worse": "31", "mixed": "33"}
_ASCII = str.maketrans({"≈": "~", "≠": "!"})
# What the layout itself puts in where it cuts.
_DRAWN = str.maketrans("…", "~")
_SIDES = ("teacher", "first", "second")


class _Pen:
    """How wide and in which characters to write."""

    def __init__(self, columns: int, colour: bool, ascii_only: bool) -> None:
        self.columns, self._colour, self._ascii = columns, colour, ascii_only

    def safe(self, text: str, limit: int | None = None) -> str:
        """The text on one line, harmless, in characters that the output can carry."""
        shown = for_terminal(text, limit)
        return plain_ascii(shown.translate(_ASCII)) if self._ascii else shown

    def paint(self, text: str, word: str) -> str:
        return f"\x1b[{_SGR[word]}m{text}\x1b[0m" if self._colour and word in _SGR else text

    def fold(self, text: str, first: str = "", rest: str = "  ") -> list[str]:
        return fold(self.safe(text, 1000), self.columns, first=first, rest=rest)


def render(compared: Compared, *, columns: int = 80, colour: bool = False, ascii_only: bool = False) -> str:
    """The whole text, each line at most `columns` wide (60 at least); escapes only with `colour`."""
    pen = _Pen(max(60, columns), colour, ascii_only)
    lines = [*_head(compared, pen), ""]
    for suite in compared.suites:
        lines += [*_suite(suite, pen), ""]
    lines += [*_models(compared, pen), *_criteria(compared, pen)]
    lines += _slices("Got worse (Holm-adjusted):", compared.worse_slices, pen)
    lines += _slices("Got better (Holm-adjusted):", compared.better_slices, pen)
    lines += [*_examples(compared, pen), *_end(compared, pen)]
    shown = "\n".join(line.rstrip() for line in lines) + "\n"
    return shown.translate(_DRAWN) if ascii_only else shown


def _head(compared: Compared, pen: _Pen) -> list[str]:
    word = compare_view.standing_of(compared)
    said = pen.fold(compare_view.headline(compared), first=f"{pen.safe(MARKS[word])} ", rest="  ")
    lines = [pen.paint(line, word) for line in said]
    for name, run in (("first", compared.first), ("second", compared.second)):
        policy = f"policy {run.policy}" if run.policy else "no policy"
        parts = [run.label, f"verdict {run.verdict}", policy, f"run {run.run_id}"]
        lines += pen.fold(" · ".join(parts), first=f"  {pad(name, 8)}", rest=" " * 10)
    teachers = list(dict.fromkeys(each.teacher for each in (compared.second, compared.first) if each.teacher))
    lines += pen.fold(" / ".join(teachers) or "none", first=f"  {pad('teacher', 8)}", rest=" " * 10)
    for note in compared.notes:
        lines += pen.fold(note, first="  · ", rest="    ")
    for left in compared.uncompared:
        lines += pen.fold(f"{left.suite} is not compared: {left.why}", first="  · ", rest="    ")
    return lines


def _suite(suite: SuiteCompared, pen: _Pen) -> list[str]:
    mark = pen.paint(f"{pen.safe(MARKS[suite.standing])} {suite.standing}", suite.standing)
    title = middle(pen.safe(suite.facts.name), pen.columns - 24)
    lines = [f"{title}: {mark}", *pen.fold(compare_view.about(suite), first="  ")]
    lines += pen.fold(suite.why, first="  ") if suite.why else []
    found = compare_view.rows(suite)
    judged = [row for row in found if row.judge]
    clear = [row for row in found if not row.judge and row.standing in ("better", "worse", "differs")]
    rest = [row for row in found if not row.judge and row not in clear]
    shown = [*judged, *clear[:_MOST_ROWS]]
    # What is not clear is worth a line each only while there are few.
    shown += rest if len(shown) + len(rest) <= 6 else []
    lines += _table(shown, pen)
    hidden = [row for row in found if row not in shown]
    if hidden:
        unclear = sum(row.standing == "no clear difference" for row in hidden)
        some = f", {unclear} of them with no clear difference" if 0 < unclear < len(hidden) else ""
        some = " with no clear difference" if unclear == len(hidden) else some
        lines += pen.fold(f"… {len(hidden)} more metrics{some}:  --out PAGE, --json", first="  ")
    return lines + [line for said in _flips(suite) for line in pen.fold(said, first="  ")]


def _flips(suite: SuiteCompared) -> Iterator[str]:
    words = compare_view.flips_words(suite)
    if not words:
        return
    rates = [
        f"{word} {reading.value} {reading.interval} of what the first had {had}"
        for word, had, reading in (
            ("lost", "right", compare_view.measured(suite.lost, "share")),
            ("gained", "wrong", compare_view.measured(suite.gained, "share")),
        )
        if reading is not None and reading.exact is not None
    ]
    yield "; ".join([words, *rates])


def _table(rows: Sequence[RowView], pen: _Pen) -> list[str]:
    """A line for each metric: mark, name, three numbers, the change with its interval, its word; two lines each where
    one is too narrow for any of them."""
    if not rows:
        return []
    cells = [[pen.safe(each) for each in (*row.shown, _change(row))] for row in rows]
    wide = [max(width(title), *(width(row[at]) for row in cells)) for at, title in enumerate(_SIDES)]
    label = max(width(row.metric) for row in rows)
    numbers = ["  ".join(pad(each, size, right=True) for each, size in zip(row, wide, strict=False)) for row in cells]
    heads = "  ".join(pad(title, size, right=True) for title, size in zip(_SIDES, wide, strict=True))
    heads += "  " + pen.safe("second − first")
    change = max(width(row[3]) for row in cells)
    words = max(width(row.standing) for row in rows)
    if 4 + label + 2 + width(numbers[0]) + 2 + change + 2 + words <= pen.columns:
        lines = [f"    {pad('', label)}  {heads}"]
        for row, said, shown in zip(rows, cells, numbers, strict=True):
            line = f"  {_mark(row, pen)} {pad(pen.safe(row.metric), label)}  {shown}  {pad(said[3], change)}"
            lines.append(f"{line}  {pen.paint(row.standing, row.standing)}")
        return lines
    lines = [f"    {heads}"]
    for row, said, shown in zip(rows, cells, numbers, strict=True):
        lines.append(f"  {_mark(row, pen)} {pen.safe(row.metric)}: {pen.paint(row.standing, row.standing)}")
        lines.append(clip(f"    {shown}  {said[3]}", pen.columns))
    return lines


def _mark(row: RowView, pen: _Pen) -> str:
    return pen.paint(pen.safe(MARKS[row.standing]), row.standing)


def _change(row: RowView) -> str:
    if row.change is None:
        return ""
    if row.change.undefined is not None:
        return f"undefined: {row.change.undefined}"
    return f"{row.change.value} {row.change.interval}".strip()


def _models(compared: Compared, pen: _Pen) -> list[str]:
    rows = compare_view.plain_rows(compared.run_rows)
    return ["the models themselves", *_table(rows, pen), ""] if rows else []


def _criteria(compared: Compared, pen: _Pen) -> list[str]:
    lines = pen.fold(compare_view.criteria_words(compared))
    shown = [row for row in compare_view.criteria(compared) if row.came != "same" or row.moved]
    for row in shown[:_MOST_CRITERIA]:
        words = [compare_view.status_words(each) for each in (row.first, row.second)]
        said = [each.value if each is not None and each.exact is not None else "" for each in row.readings]
        sides = [f"{word} {value}".strip() for word, value in zip(words, said, strict=True)]
        needs = f" (needs {row.moved or row.needs})" if row.moved or row.needs else ""
        warning = ", warning only" if row.warn else ""
        told = f"{row.id}: {' → '.join(sides)}{needs} · {row.metric} · {row.place}{warning}"
        lines += pen.fold(told, first="  ", rest="    ")
    more = len(shown) - _MOST_CRITERIA
    lines += pen.fold(f"… {more} more:  --out PAGE, --json", first="  ") if more > 0 else []
    return [*lines, ""]


def _slices(title: str, rows: Sequence[RegressedSlice], pen: _Pen) -> list[str]:
    if not rows:
        return []
    lines = [title]
    several = len({row.suite for row in rows}) > 1
    for row in rows[:_MOST_SLICES]:
        name = f"{row.suite} · {row.slice}" if several else row.slice
        change = figures.number(row.difference, "difference")
        said = f"{name}: {change}, {row.lost} lost, {row.gained} gained of {figures.count(row.n)}"
        lines += pen.fold(said, first="  ", rest="    ")
    if len(rows) > _MOST_SLICES:
        lines += pen.fold(f"and {len(rows) - _MOST_SLICES} more:  --out PAGE, --json", first="  ")
    return [*lines, ""]


def _examples(compared: Compared, pen: _Pen) -> list[str]:
    lost = [pair for pair in compared.pairs[: compared.changed] if pair.flip != "wrong_to_right"]
    shown = lost[:_MOST_EXAMPLES]
    if not shown:
        return []
    kinds = {suite.facts.name: suite.facts.kind for suite in compared.suites}
    several = len({pair.suite for pair in lost}) > 1
    lines = [pen.safe("Look at first (first → second):")]
    for pair in shown:
        parts: list[str] = [pair.severity] if pair.severity in ("high", "critical") else []
        parts += [pair.suite] if several else []
        # A safety answer is not for a log that anybody may read.
        parts += [] if kinds.get(pair.suite) == "safety-refusal" else [_answers(pair)]
        said = " · ".join([_became(pair), *parts])
        name = middle(pen.safe(pair.id), 16)
        lines.append(f"  {pad(name, 16)} {clip(pen.safe(said, 300), pen.columns - 19)}")
    more = compared.changed - len(shown)
    return [*lines, *(pen.fold(f"… {figures.count(more)} more:  --out PAGE, --json", first="  ") if more else []), ""]


def _became(pair: Pair) -> str:
    if pair.teacher is not None and pair.teacher.refused and pair.student.refused:
        return f"{pair.teacher.refused} → {pair.student.refused}"
    return FLIP_WORDS[pair.flip]


def _answers(pair: Pair) -> str:
    sides: Iterable[str | None] = (None if pair.teacher is None else pair.teacher.answer, pair.student.answer)
    return " → ".join(one_line("no answer" if each is None else each, 60) for each in sides)


def _end(compared: Compared, pen: _Pen) -> list[str]:
    level = f"{compared.level * 100:g} %"
    return pen.fold(
        f"Intervals are {level}, each for itself: of many metrics that did not change, a few look as if they had. "
        "exit 0 (compared; nothing is decided)"
    )
