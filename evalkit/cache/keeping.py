"""Looking after a cache: what is in it, what may go, what is damaged.

Only what evalkit put there is looked at or removed: shelves and their parts, hidden states, entries of earlier versions
and files that a killed process left half-written. Links are never followed, and anything else is left alone.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from evalkit.cache.keys import SCHEMA, key_of
from evalkit.cache.parts import DamagedError, batches_of, read
from evalkit.cache.states import FOLDER as STATES
from evalkit.cache.states import HEAD, STATES_FILE, is_whole
from evalkit.errors import BrokenError, Complaint, Place, UsageError
from evalkit.files import leftovers, told

RECORD = "model.json"
_KEY = re.compile(r"[0-9a-f]{64}")
_PART = re.compile(r"[0-9a-f]{64}\.parquet")
_OLDER_FOLDER, _OLDER = re.compile(r"[0-9a-f]{2}"), re.compile(r"[0-9a-f]{64}\.json")
_OLDER_ENDS = b'"schema":"evalkit/cache/v1"}'
# A file that is younger may still be being written, and a shelf that is younger may be about to get its first part.
_WRITING = dt.timedelta(hours=1)

Why = Literal["damaged", "unfinished", "of an earlier version", "of the model", "not used since", "beyond the size"]


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A file of the cache. `used` is when it was last written or served."""

    path: Path
    bytes: int
    used: dt.datetime


@dataclass(frozen=True, kw_only=True)
class ShelfFacts:
    """What one model's shelf holds. `name`, `backend`, `digest` and `dtype` are None where its record is
    damaged or gone; its parts are still served, because they say themselves whose they are.

    `batches` and `outputs` count what is there once or more, as its parts say of themselves.
    """

    key: str
    name: str | None
    backend: str | None
    digest: str | None
    dtype: str | None
    batches: int
    outputs: int
    record: Kept | None
    parts: tuple[Kept, ...]

    @property
    def bytes(self) -> int:
        return sum(each.bytes for each in self.files)

    @property
    def files(self) -> tuple[Kept, ...]:
        return self.parts if self.record is None else (self.record, *self.parts)

    @property
    def used(self) -> dt.datetime | None:
        return max((each.used for each in self.files), default=None)


@dataclass(frozen=True, kw_only=True)
class Contents:
    """Everything of evalkit's in a cache. `states` are batches of hidden states, `heads` say of each model how its
    states become logits. `older` are entries of earlier versions, which nothing reads any more."""

    shelves: tuple[ShelfFacts, ...]
    states: tuple[Kept, ...]
    heads: tuple[Kept, ...]
    older: tuple[Kept, ...]
    unfinished: tuple[Kept, ...]

    @property
    def bytes(self) -> int:
        files = chain(self.states, self.heads, self.older, self.unfinished, *(each.files for each in self.shelves))
        return sum(each.bytes for each in files)


@dataclass(frozen=True, kw_only=True)
class Damage:
    """A file that is not what was written, and in what way."""

    path: Path
    problem: str


@dataclass(frozen=True, kw_only=True)
class Verified:
    """How many files were held against what they should be, and which are not that."""

    files: int
    damaged: tuple[Damage, ...]


@dataclass(frozen=True, kw_only=True)
class Removed:
    """A file that went, or would go, and why."""

    file: Kept
    why: Why


def contents(cache: Path) -> Contents:
    """What is in a cache. Raises UsageError when there is none."""
    if not cache.is_dir():
        raise UsageError(
            Complaint(
                problem=f"there is no cache at {cache}",
                remedy="name the folder that was given to --cache; a gate or an audit makes it",
                place=Place(file="command line", key="--cache"),
            )
        )
    try:
        folders = _folders(cache)
        shelves = [each for each in folders if _KEY.fullmatch(each.name)]
        states = [
            model for each in folders if each.name == STATES for model in _folders(each) if _KEY.fullmatch(model.name)
        ]
        older = [each for each in folders if _OLDER_FOLDER.fullmatch(each.name)]
        return Contents(
            shelves=tuple(map(_shelf, shelves)),
            states=tuple(kept for each in states for kept in _files(each) if STATES_FILE.fullmatch(kept.path.name)),
            heads=tuple(kept for each in states for kept in _files(each) if kept.path.name == HEAD),
            older=tuple(kept for each in older for kept in _files(each) if _is_older(kept.path)),
            unfinished=tuple(kept for each in (*shelves, *states, *older) for kept in _unfinished(each)),
        )
    except OSError as error:
        raise BrokenError(f"the cache cannot be read: {told(error)}") from None


def verify(cache: Path) -> Verified:
    """Hold every file against its name and its contents. Raises UsageError when there is no cache."""
    found = contents(cache)
    damaged: list[Damage] = []
    files = 0
    for shelf in found.shelves:
        files += len(shelf.files)
        damaged += _damaged_record(shelf)
        damaged += _damaged_parts(shelf)
    files += len(found.states) + len(found.heads)
    damaged += _damaged_states(found)
    return Verified(files=files, damaged=tuple(damaged))


def clear(
    cache: Path,
    now: dt.datetime,
    *,
    unused_for: dt.timedelta | None = None,
    model: str | None = None,
    keep: int | None = None,
    dry_run: bool = False,
) -> tuple[list[Removed], int]:
    """Remove what is damaged, unfinished or of an earlier version, and what the options name: what was not used for so
    long, all of the model whose digest begins so, and what was used longest ago until at most `keep` bytes are left.

    Returns what went and how many bytes are left. With `dry_run` nothing is touched. Raises UsageError when there is no
    cache or no such model, BrokenError when a file cannot be removed.
    """
    found = contents(cache)
    going: dict[Path, Removed] = {}

    def go(files: Sequence[Kept], why: Why) -> None:
        for each in files:
            going.setdefault(each.path, Removed(file=each, why=why))

    parts = [kept for shelf in found.shelves for kept in shelf.parts]
    unsound = {each.path for shelf in found.shelves for each in _damaged_parts(shelf)}
    unsound |= {each.path for each in _damaged_states(found)}
    unsound |= {each.path for shelf in found.shelves for each in _damaged_record(shelf)}
    records = [shelf.record for shelf in found.shelves if shelf.record is not None]
    go([each for each in (*parts, *records, *found.states, *found.heads) if each.path in unsound], "damaged")
    go([each for each in found.unfinished if now - each.used >= _WRITING], "unfinished")
    go(found.older, "of an earlier version")
    if model is not None:
        named = _of_model(found.shelves, model)
        go([kept for shelf in named for kept in shelf.parts], "of the model")
        keys = {shelf.key for shelf in named}
        go([each for each in found.states if each.path.parent.name in keys], "of the model")
    usable = [*parts, *found.states]
    if unused_for is not None:
        go([each for each in usable if now - each.used >= unused_for], "not used since")
    if keep is not None:
        left = found.bytes - sum(each.file.bytes for each in going.values())
        for each in sorted(usable, key=lambda kept: (kept.used, str(kept.path))):
            if left <= keep:
                break
            if each.path not in going:
                go([each], "beyond the size")
                left -= each.bytes
    # A shelf without parts is a name without anything behind it, unless a run has only just begun.
    for shelf in found.shelves:
        emptied = all(each.path in going for each in shelf.parts)
        if emptied and shelf.record is not None and (shelf.parts or now - shelf.record.used >= _WRITING):
            reasons = [going[each.path].why for each in shelf.parts] or ["unfinished"]
            go([shelf.record], reasons[0])
    # The same of what says how states become logits.
    for head in found.heads:
        beside = [each.path for each in found.states if each.path.parent == head.path.parent]
        if all(each in going for each in beside) and (beside or now - head.used >= _WRITING):
            go([head], going[beside[0]].why if beside else "unfinished")
    if not dry_run:
        _unlink(going)
        emptied_folders = [
            *(cache / shelf.key for shelf in found.shelves),
            *{each.path.parent for each in (*found.older, *found.states, *found.heads)},
            cache / STATES,
        ]
        for folder in emptied_folders:
            # One that still holds something stays, as does one in which a run has begun again.
            with contextlib.suppress(OSError):
                folder.rmdir()
    return list(going.values()), found.bytes - sum(each.file.bytes for each in going.values())


def _unlink(going: Iterator[Path] | dict[Path, Removed]) -> None:
    for path in going:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise BrokenError(f"the cache cannot be cleared: {told(error)}") from None


def _of_model(shelves: Sequence[ShelfFacts], prefix: str) -> list[ShelfFacts]:
    """The shelves of the one model whose digest begins so, in whatever precision. Raises UsageError."""
    wanted = prefix.removeprefix("sha256:")
    found = [each for each in shelves if each.digest is not None and _bare(each.digest).startswith(wanted)]
    digests = sorted({_bare(each.digest) for each in found if each.digest is not None})
    place = Place(file="command line", key="--model")
    if not wanted or len(digests) > 1:
        named = ", ".join(each[:12] for each in digests[:5])
        raise UsageError(
            Complaint(problem=f'"{prefix}" is the beginning of several digests', remedy=f"one of {named}", place=place)
        )
    if not found:
        raise UsageError(
            Complaint(
                problem=f'no model in the cache has a digest that begins with "{prefix}"',
                remedy="evalkit cache ls lists the digests",
                place=place,
            )
        )
    return found


def _bare(digest: str) -> str:
    return digest.removeprefix("sha256:")


def _shelf(folder: Path) -> ShelfFacts:
    files = {each.path.name: each for each in _files(folder)}
    record = _record(folder) if RECORD in files else {}
    parts = tuple(each for name, each in files.items() if _PART.fullmatch(name))
    batches: dict[str, int] = {}
    for each in parts:
        with contextlib.suppress(DamagedError, FileNotFoundError):
            shelf, held = batches_of(each.path)
            batches |= held if shelf == folder.name else {}
    return ShelfFacts(
        key=folder.name,
        name=record.get("name"),
        backend=record.get("backend"),
        digest=record.get("digest"),
        dtype=record.get("dtype"),
        batches=len(batches),
        outputs=sum(batches.values()),
        record=files.get(RECORD),
        parts=parts,
    )


def _record(folder: Path) -> dict[str, Any]:
    """What a shelf says of its model; nothing when that is not what its key was made of."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        if record["schema"] == SCHEMA and key_of(record["digest"], record["settings"]) == folder.name:
            return dict(record)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass
    return {}


def _damaged_record(shelf: ShelfFacts) -> list[Damage]:
    if shelf.record is None or shelf.name is not None:
        return []
    return [Damage(path=shelf.record.path, problem="it does not say whose shelf this is")]


def _damaged_parts(shelf: ShelfFacts) -> list[Damage]:
    found = []
    for each in shelf.parts:
        try:
            if read(each.path).shelf != shelf.key:
                found.append(Damage(path=each.path, problem="it belongs to another model"))
        except DamagedError as error:
            found.append(Damage(path=each.path, problem=str(error)))
        except FileNotFoundError:
            # Somebody cleared it away in the meantime.
            continue
    return found


def _damaged_states(found: Contents) -> list[Damage]:
    """Batches of states, and heads, that would not be served."""
    damaged = []
    for each in (*found.states, *found.heads):
        # Somebody may clear it away in the meantime.
        with contextlib.suppress(FileNotFoundError):
            if not is_whole(each.path):
                damaged.append(Damage(path=each.path, problem="it is not what was written"))
    return damaged


def _folders(folder: Path) -> list[Path]:
    """The folders in a folder by name, links apart."""
    return [each for each in sorted(folder.iterdir()) if stat.S_ISDIR(each.lstat().st_mode)]


def _files(folder: Path) -> list[Kept]:
    """The plain files of a folder by name; links, folders and half-written files apart."""
    found = []
    for each in sorted(folder.iterdir()):
        with contextlib.suppress(FileNotFoundError):
            status = each.lstat()
            if stat.S_ISREG(status.st_mode) and not each.name.startswith("."):
                found.append(_kept(each, status))
    return found


def _unfinished(folder: Path) -> list[Kept]:
    found = []
    for each in leftovers(folder):
        with contextlib.suppress(FileNotFoundError):
            found.append(_kept(each, each.lstat()))
    return found


def _kept(path: Path, status: os.stat_result) -> Kept:
    return Kept(path=path, bytes=status.st_size, used=dt.datetime.fromtimestamp(status.st_mtime, dt.UTC))


def _is_older(path: Path) -> bool:
    """Is this an entry that an earlier version wrote? By its name, and by how it ends."""
    if not (_OLDER.fullmatch(path.name) and path.name.startswith(path.parent.name)):
        return False
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - len(_OLDER_ENDS)))
        return stream.read() == _OLDER_ENDS
