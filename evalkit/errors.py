"""What can go wrong, and the exit code that each kind of failure ends in.

A user's own mistake is a list of complaints: what is wrong, where, what was seen, what to do. They are
gathered, never raised one by one, because a file with five mistakes should cost one run, not five.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where in a user's file something stands; every part but the file may be unknown."""

    file: str
    line: int | None = None
    key: str | None = None

    def __str__(self) -> str:
        text = self.file if self.line is None else f"{self.file}:{self.line}"
        return text if not self.key else f"{text} › {self.key}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """One thing that a user has to mend: `problem` in their words, `remedy` as an instruction."""

    problem: str
    remedy: str
    place: Place | None = None

    def __str__(self) -> str:
        lines = [f"error: {self.problem}"]
        if self.place is not None:
            lines.append(f"  --> {self.place}")
        lines.append(f"  help: {self.remedy}")
        return "\n".join(lines)


class EvalkitError(Exception):
    """Base of every error that evalkit raises on purpose."""

    exit_code = 4


class UsageError(EvalkitError):
    """Wrong usage, found before any model ran: exit 2, no verdict. Carries every complaint at once."""

    exit_code = 2

    def __init__(self, complaints: Complaint | Iterable[Complaint]) -> None:
        given = [complaints] if isinstance(complaints, Complaint) else list(complaints)
        # The same mistake on a thousand rows is one complaint with a count, made by whoever
        # gathers it; an exact repeat here is only noise.
        self.complaints: tuple[Complaint, ...] = tuple(dict.fromkeys(given))
        super().__init__("\n".join(str(each) for each in self.complaints))


class BrokenError(EvalkitError):
    """The world failed while the plan was right: a model, an endpoint, a disk. Exit 4, verdict `broken`."""

    exit_code = 4


class RecordError(EvalkitError):
    """A run directory does not say what it should: missing, damaged or from a newer program."""

    exit_code = 2


class NewerRecordError(RecordError):
    """A run directory was written by a newer program than this one."""


class MismatchError(EvalkitError):
    """`verify` found a record that does not follow from the others: exit 4."""

    exit_code = 4


def closest(seen: str, known: Sequence[str]) -> str | None:
    """The one that was most likely meant; None when none is near."""
    close = difflib.get_close_matches(seen, known, n=1, cutoff=0.6)
    return close[0] if close else None


def nearest(seen: str, known: Sequence[str], *, shown: int = 8) -> str:
    """A remedy for a name that does not exist: the nearest right one, or the list when none is near."""
    if (close := closest(seen, known)) is not None:
        return f'did you mean "{close}"?'
    if not known:
        return "there is none to choose from"
    listed = ", ".join(known[:shown])
    return f"known: {listed}" + (f", and {len(known) - shown} more" if len(known) > shown else "")
