"""A load test as `evalkit load` prints it: plain lines that fit a terminal or a CI log."""

from __future__ import annotations

from collections.abc import Iterator

from evalkit.load.levels import Session
from evalkit.load.line import Role
from evalkit.load.table import HEADS, SPARE, about, rows
from evalkit.load.words import comparisons, largest_sentences, load_words, notes, shown
from evalkit.report.columns import fold, pad, width
from evalkit.report.text import for_terminal, plain_ascii

# With more models and loads than that, every number of them is too much to read.
_MOST_DETAILS = 2


def render(session: Session, *, columns: int = 80, ascii_only: bool = False) -> str:
    """The whole text, each line at most `columns` wide (60 at least) but for a table that needs more."""
    lines = list(_lines(session, max(60, columns)))
    text = "\n".join(line.rstrip() for line in lines) + "\n"
    return plain_ascii(text) if ascii_only else text


def _lines(session: Session, columns: int) -> Iterator[str]:
    def folded(text: str, first: str = "", rest: str = "  ") -> list[str]:
        return fold(for_terminal(text, 1000), columns, first=first, rest=rest)

    for role, spec in session.asked.models.items():
        yield from folded(f"{spec.model} at {spec.base_url}", first=f"{pad(role, 9)}", rest=" " * 9)
    for each in about(session):
        yield from folded(each, first=" " * 9, rest=" " * 9)
    yield ""
    if not session.levels:
        yield "Nothing was counted: it was stopped before the warm-up of the first load was over."
    for role in session.asked.models if session.levels else ():
        yield from _table(session, role, columns)
        yield ""
    details = [(level, role, found) for level in session.levels for role, found in level.found.items()]
    for level, role, found in details if len(details) <= _MOST_DETAILS else ():
        yield f"{role} at {load_words(level.load, session)}"
        for name, measured in found.measures.items():
            value, interval = shown(measured, name)
            yield from folded(f"{value}  {interval}".strip(), first=f"  {pad(name, 20)}", rest=" " * 22)
        yield ""
    for each in [*largest_sentences(session), *comparisons(session)]:
        yield from folded(each)
    for each in notes(session):
        yield from folded(each, first="· ")
    if session.levels:
        yield from folded(
            f"Intervals are {100 * session.asked.level:g} %, made of blocks of time: requests in a row fare alike."
        )


def _table(session: Session, role: Role, columns: int) -> Iterator[str]:
    """Without columns that are empty, and without those that can best be missed where it is too wide."""
    found = rows(session, role)
    yield f"{role}: p50, p95 and p99 of response times, from when a request was due"
    wide = [max(width(head), *(width(row[at]) for row in found)) for at, head in enumerate(HEADS)]
    kept = [at for at, head in enumerate(HEADS) if not head or any(row[at] for row in found)]
    for spare in SPARE:
        if 1 + sum(wide[at] + 1 for at in kept) > columns:
            kept = [at for at in kept if HEADS[at] != spare]
    for row in [HEADS, *found]:
        yield "  " + " ".join(pad(row[at], wide[at], right=at > 0) for at in kept)
