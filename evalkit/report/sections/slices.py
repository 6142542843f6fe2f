"""Slices as rows of a forest: how far the student is from its teacher in each, the most harm first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from evalkit import figures
from evalkit.report.drawing import scale
from evalkit.report.query import href
from evalkit.report.tables import CLASS_SLICE, DRAWN
from evalkit.report.view import Reading, RegressedView, SliceView, SuiteView, View
from evalkit.types.record import RunRecord

# Rows of one table, and of what got worse, that are shown at once.
SHOWN, WORSE = 15, 6
# A slice of fewer examples says nothing on its own: its interval is wider than most bounds.
FEW = DRAWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """One slice. `few` is how many examples it has where those are too few to judge, else None: what got worse beyond
    chance was judged all the same. `lost` leads to the
    examples that were lost in it; `plot` are the arguments of its drawing, None without a number."""

    row: SliceView
    name: str
    few: int | None
    lost: str
    plot: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Slices of one suite; `rest` are those beyond what is shown at once. `ticks` label the scale they share."""

    caption: str
    what: str
    rows: tuple[Slice, ...]
    rest: tuple[Slice, ...]
    axis: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Worse:
    """A slice that got worse beyond chance, with the examples that were lost in it."""

    row: RegressedView
    lost: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Slices:
    """`worse` come in the verdict's order, the deepest fall first. `drawn` is how many examples of the whole suite a
    slice is taken to bring along when slices are put in order."""

    worse: tuple[Worse, ...]
    worse_rest: tuple[Worse, ...]
    tables: tuple[Table, ...]
    several: bool
    drawn: int = DRAWN


def slices(view: View, record: RunRecord) -> Slices | None:
    """None where no suite has slices."""
    held = {pair.suite for pair in record.pairs}
    tables = tuple(table for suite in view.suites for table in _tables(suite, held))
    worse = [Worse(row=row, lost=_lost(row.suite, row.slice, row.lost, held)) for row in view.regressed]
    if not tables and not worse:
        return None
    return Slices(
        worse=tuple(worse[:WORSE]),
        worse_rest=tuple(worse[WORSE:]),
        tables=tables,
        several=len({row.suite for row in view.regressed}) > 1,
    )


def _tables(suite: SuiteView, held: set[str]) -> Iterator[Table]:
    """The slices of a suite and its classes, all on one scale."""
    every = [*suite.slices, *suite.class_slices]
    graded = not _in_points(every)
    seen = [each.exact for each in _differences(every) if each.exact is not None]
    axis = scale.scale([0.0, *(value for exact in seen for value in exact)])
    for what, found in (("Slices", suite.slices), ("Classes", suite.class_slices)):
        rows = [_slice(each, str(suite.name), axis, held) for each in found]
        if rows:
            yield Table(
                caption=f"{what} of {suite.name}: difference in {'score' if graded else 'accuracy'}, student − teacher",
                what="classes" if what == "Classes" else "slices",
                rows=tuple(rows[:SHOWN]),
                rest=tuple(rows[SHOWN:]),
                axis=_labelled(axis, graded) if seen else None,
            )


def _differences(rows: Iterable[SliceView]) -> list[Reading]:
    """The differences that are numbers."""
    found = [each.difference for each in rows if each.difference is not None]
    return [each for each in found if each.exact is not None]


def _in_points(rows: Iterable[SliceView]) -> bool:
    """Whether the differences are between shares, written as points, rather than between marks."""
    shown = [each.value for each in _differences(rows)]
    return not shown or shown[0].endswith(figures.style("difference").suffix)


def _labelled(axis: scale.Scale, graded: bool) -> Mapping[str, Any]:
    how = figures.style("score" if graded else "difference")
    return {"axis": axis, "labels": scale.tick_words(axis, how.shift), "suffix": how.suffix}


def _slice(each: SliceView, suite: str, axis: scale.Scale, held: set[str]) -> Slice:
    n = max((part.n for part in (each.difference, each.retention, each.lost) if part is not None), default=0)
    lost = 0 if each.lost is None or each.lost.exact is None else round(each.lost.exact[0])
    return Slice(
        row=each,
        name=each.name.removeprefix(CLASS_SLICE),
        few=n if n < FEW and not each.regressed else None,
        lost=_lost(suite, each.name, lost, held),
        plot=_plot(each, axis),
    )


def _plot(each: SliceView, axis: scale.Scale) -> Mapping[str, Any] | None:
    if each.difference is None or each.difference.exact is None:
        return None
    value, low, high = each.difference.exact
    said = f"{each.name}: {each.difference.words}"
    return {"axis": axis, "words": said, "value": value, "low": low, "high": high, "worse": each.regressed}


def _lost(suite: str, name: str, lost: int, held: set[str]) -> str:
    """A link to the lost examples of a slice; empty where the page has none. A class is its target."""
    if not lost or suite not in held:
        return ""
    if name.startswith(CLASS_SLICE):
        return href({"suite": suite, "target": name.removeprefix(CLASS_SLICE), "flip": "lost"})
    return href({"suite": suite, "slice": name, "flip": "lost"})
