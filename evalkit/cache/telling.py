"""What `evalkit cache` reads and prints: spans and sizes as people write them, a line per model, JSON for programs."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evalkit.cache.keeping import Contents, Kept, Removed, ShelfFacts, Verified
from evalkit.errors import Complaint, Place, UsageError
from evalkit.figures import count, number

_SPANS = {"h": dt.timedelta(hours=1), "d": dt.timedelta(days=1), "w": dt.timedelta(weeks=1)}
_SIZES = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_AMOUNT = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)\s*([A-Za-z]+)")
_SHOWN = 12


def span(text: str) -> dt.timedelta:
    """`12h`, `30d`, `2w`. Raises UsageError."""
    unit, amount = _amount(text, _SPANS, "--unused-for", "30d (h hours, d days, w weeks)")
    try:
        return amount * _SPANS[unit]
    except OverflowError:
        raise UsageError(_complaint("--unused-for", f'"{text}" is longer than time goes', "as in 30d")) from None


def size(text: str) -> int:
    """`500MB`, `1.5GB`, in bytes. Raises UsageError."""
    unit, amount = _amount(text, _SIZES, "--keep", "5GB (B, kB, MB, GB, TB)")
    return int(amount * _SIZES[unit])


def _amount(text: str, units: dict[str, Any], option: str, example: str) -> tuple[str, float]:
    found = _AMOUNT.fullmatch(text.strip())
    known = {each.lower(): each for each in units}
    if found is None or found[2].lower() not in known:
        raise UsageError(_complaint(option, f'"{text}" is not a number with a unit', f"write it as {example}"))
    return known[found[2].lower()], float(found[1])


def _complaint(option: str, problem: str, remedy: str) -> Complaint:
    return Complaint(problem=problem, remedy=remedy, place=Place(file="command line", key=option))


def listed(found: Contents, cache: Path) -> list[str]:
    """A line per model, the one used last first; then what else there is, and all of it."""
    rows = [
        ("model", "digest", "dtype", "batches", "outputs", "size", "last used"),
        *map(_row, _by_use(found.shelves)),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    right = {3, 4, 5}
    lines = [
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    if not found.shelves:
        lines = [f"no model's outputs in {cache}"]
    for files, what in (
        (found.states, "hidden states of teachers"),
        (found.older, "entries of an earlier version, which nothing reads (evalkit cache gc removes them)"),
        (found.unfinished, "unfinished files"),
    ):
        if files:
            lines.append(f"{_files(len(files))}, {_size(files)}: {what}")
    return [*lines, f"{number(found.bytes, 'bytes')} in all"]


def _row(shelf: ShelfFacts) -> tuple[str, ...]:
    return (
        " ".join((shelf.name or "(unknown)").split()),
        _digest(shelf),
        shelf.dtype or "",
        count(shelf.batches),
        count(shelf.outputs),
        number(shelf.bytes, "bytes"),
        f"{shelf.used:%Y-%m-%d %H:%M} UTC" if shelf.used is not None else "",
    )


def _digest(shelf: ShelfFacts) -> str:
    return (shelf.digest or "").removeprefix("sha256:")[:_SHOWN]


def _by_use(shelves: Sequence[ShelfFacts]) -> list[ShelfFacts]:
    never = dt.datetime.min.replace(tzinfo=dt.UTC)
    return sorted(sorted(shelves, key=lambda each: each.key), key=lambda each: each.used or never, reverse=True)


def listed_record(found: Contents, cache: Path) -> dict[str, Any]:
    """The same for a program. Times are UTC; sizes are bytes."""
    return {
        "cache": str(cache),
        "models": [
            {
                "key": each.key,
                "name": each.name,
                "backend": each.backend,
                "digest": each.digest,
                "dtype": each.dtype,
                "batches": each.batches,
                "outputs": each.outputs,
                "parts": len(each.parts),
                "bytes": each.bytes,
                "last_used": each.used.isoformat(timespec="seconds") if each.used is not None else None,
            }
            for each in _by_use(found.shelves)
        ],
        "states": _counted(found.states),
        "earlier_versions": _counted(found.older),
        "unfinished": _counted(found.unfinished),
        "bytes": found.bytes,
    }


def _counted(files: Sequence[Kept]) -> dict[str, int]:
    return {"files": len(files), "bytes": sum(each.bytes for each in files)}


def cleared(removed: Sequence[Removed], left: int, *, dry_run: bool) -> list[str]:
    """What went and why, a line per reason, and what is left."""
    would = "would remove" if dry_run else "removed"
    lines = []
    for why in sorted({each.why for each in removed}):
        files = [each.file for each in removed if each.why == why]
        lines.append(f"{would}  {_files(len(files))}, {_size(files)}: {why}")
    freed = _size([each.file for each in removed])
    return [*lines, f"{'would free' if dry_run else 'freed'} {freed}; {number(left, 'bytes')} left"]


def verified_lines(found: Verified, cache: Path) -> list[str]:
    """What is damaged, a line each, or that nothing is."""
    if not found.damaged:
        return [f"verified: {_files(found.files)} in {cache} are what was written"]
    lines = [f"damaged  {each.path}: {each.problem}" for each in found.damaged]
    return [*lines, f"{len(found.damaged)} of {_files(found.files)} damaged; evalkit cache gc removes them"]


def verified_record(found: Verified) -> dict[str, Any]:
    """The same for a program."""
    damaged = [{"path": str(each.path), "problem": each.problem} for each in found.damaged]
    return {"files": found.files, "damaged": damaged}


def _files(n: int) -> str:
    return f"{count(n)} file" if n == 1 else f"{count(n)} files"


def _size(files: Sequence[Kept]) -> str:
    return number(sum(each.bytes for each in files), "bytes")
