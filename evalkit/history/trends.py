"""From runs to lines that can be read as one story each, and to the trend of every criterion."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from evalkit.types import CriterionRow, Question
from evalkit.types.over_time import Entry, Lineage, Trend, TrendPoint

Key = tuple[str, str]


def lines(entries: Sequence[Entry], units: Mapping[str, str]) -> tuple[Lineage, ...]:
    """The entries, oldest first, by teacher and policy name: the line with the latest run first."""
    found: dict[Key, list[Entry]] = {}
    unknown = [each for each in entries if _unknown(each)]
    for each in (each for each in entries if not _unknown(each)):
        found.setdefault((each.teacher, each.policy), []).append(each)
    for each in unknown:
        found.setdefault(_belongs(each, found), []).append(each)
    place = {id(each): at for at, each in enumerate(entries)}
    ordered = [
        (key, _marked(sorted(own, key=lambda each: place[id(each)])), max(place[id(each)] for each in own))
        for key, own in found.items()
    ]
    ordered.sort(key=lambda each: -each[2])
    return tuple(
        Lineage(teacher=key[0], policy=key[1], entries=own, trends=tuple(_trends(own, units)), units=_named(own, units))
        for key, own, _ in ordered
    )


def latest(line: Lineage, kept: set[str], units: Mapping[str, str]) -> Lineage:
    """A line of fewer runs: those at the paths kept, with their trends."""
    own = tuple(each for each in line.entries if each.path in kept)
    return replace(line, entries=own, trends=tuple(_trends(own, units)))


def _unknown(entry: Entry) -> bool:
    """A broken run says which bytes its policy had, and not what it was called."""
    return entry.verdict.word == "broken" and not entry.policy


def _belongs(entry: Entry, found: Mapping[Key, Sequence[Entry]]) -> Key:
    """The line of a broken run: of the same teacher and policy, or else of the same teacher, or one of its own."""
    same = [
        key
        for key, own in found.items()
        if key[0] == entry.teacher and any(each.policy_digest == entry.policy_digest for each in own)
    ]
    like = [key for key in found if key[0] == entry.teacher]
    return next(iter([*same, *like]), (entry.teacher, ""))


def _marked(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """The entries with what changed at each, since the run before it that left something to compare with."""
    before: Entry | None = None
    marked = []
    for each in entries:
        if each.verdict.word == "broken" and not each.suites:
            marked.append(each)
            continue
        marked.append(replace(each, changes=() if before is None else tuple(_changes(before, each))))
        before = each
    return tuple(marked)


def _changes(before: Entry, entry: Entry) -> Iterator[str]:
    if before.policy_digest != entry.policy_digest:
        yield "policy changed here"
    if before.teacher_digest != entry.teacher_digest:
        yield "teacher changed here"
    for name, (version, digest) in entry.suites.items():
        if name not in before.suites:
            yield f"suite {name} is new here"
        elif before.suites[name][0] != version:
            yield f"suite {name} version {before.suites[name][0]} → {version}"
        elif before.suites[name][1] != digest:
            yield f"suite {name} changed here, and is still called version {version}"
    for name in before.suites:
        if name not in entry.suites:
            yield f"suite {name} is gone here"


def _trends(entries: Sequence[Entry], units: Mapping[str, str]) -> Iterator[Trend]:
    """A trend for each criterion, suite and slice, in the order of the latest verdict that has it."""
    rows = [{(row.id, row.question): row for row in each.verdict.criteria} for each in entries]
    keys: dict[tuple[str, Question], None] = {}
    for found in reversed(rows):
        keys.update(dict.fromkeys(found))
    for key in keys:
        before: CriterionRow | None = None
        points = []
        for at, found in enumerate(rows):
            row = found.get(key)
            moved = row is not None and before is not None and _bound(row) != _bound(before)
            points.append(TrendPoint(at=at, row=row, moved=moved))
            before = row or before
        name, question = key
        yield Trend(id=name, question=question, unit=units.get(question.metric, "number"), points=tuple(points))


def _named(entries: Iterable[Entry], units: Mapping[str, str]) -> dict[str, str]:
    """The units of the metrics that these verdicts name."""
    metrics = {row.question.metric for each in entries for row in each.verdict.criteria}
    return {name: units[name] for name in sorted(metrics) if name in units}


def _bound(row: CriterionRow) -> tuple[float | None, float | None]:
    return row.at_least, row.at_most
