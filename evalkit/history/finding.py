"""Runs below a folder, found by their records alone: verdict.json and manifest.json, never a pair.

A broken run has no manifest; what little is known of it stands in its junit.xml.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import re
from collections.abc import Iterator, Mapping
from html import unescape
from pathlib import Path
from typing import Any

from evalkit.errors import Complaint, NewerRecordError, Place, RecordError, UsageError
from evalkit.records import opened, verdict_from
from evalkit.types.over_time import Entry, Skipped

# Deeper than any layout of runs that a person would make.
DEPTH = 6
_RECORDS = frozenset({"manifest.json", "verdict.json"})
_STARTED = ".started"
# As much of a junit.xml as its properties can take.
_HEAD = 64_000
_PROPERTY = re.compile(r'<property name="([^"]*)" value="([^"]*)"')
_TIMESTAMP = re.compile(r'<testsuite [^>]*timestamp="([^"]*)"')


def find(folder: Path) -> tuple[list[Entry], list[Skipped]]:
    """Every run below a folder, the oldest first, and what was passed over.

    Raises UsageError where the folder is not there or holds no run."""
    if not folder.is_dir():
        problem = f"{folder} is a file" if folder.exists() else f"there is no folder {folder}"
        raise UsageError(_complaint(folder, problem, "name the folder that holds the runs, such as runs"))
    entries: list[Entry] = []
    skipped: list[Skipped] = []
    for seen in _walk(folder, folder, DEPTH):
        if isinstance(seen, Entry):
            entries.append(seen)
        else:
            skipped.append(seen)
    once, again = _once(sorted(entries, key=_order))
    skipped = sorted([*skipped, *again], key=lambda each: each.path)
    if not once:
        unread = f"; {len(skipped)} were passed over, the first because {skipped[0].why}" if skipped else ""
        problem = f"no run lies in {folder}{unread}"
        raise UsageError(_complaint(folder, problem, "evalkit gate --out RUN writes one; name the folder above it"))
    return once, skipped


def _complaint(folder: Path, problem: str, remedy: str) -> Complaint:
    return Complaint(problem=problem, remedy=remedy, place=Place(file=str(folder)))


def _order(entry: Entry) -> tuple[bool, dt.datetime, str, str]:
    """By the time recorded; what has none comes last. Where it lies only settles what nothing else does."""
    when = time_of(entry.started)
    return when is None, when or dt.datetime.min.replace(tzinfo=dt.UTC), entry.run_id, entry.path


def time_of(text: str) -> dt.datetime | None:
    """A recorded time; None for what is none."""
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.replace(tzinfo=dt.UTC) if found.tzinfo is None else found.astimezone(dt.UTC)


def _once(entries: list[Entry]) -> tuple[list[Entry], list[Skipped]]:
    """The entries without copies of a run that is there already."""
    known: dict[tuple[str, str], str] = {}
    kept, again = [], []
    for each in entries:
        key = each.run_id, each.started
        if each.run_id and key in known:
            again.append(Skipped(path=each.path, why=f"a copy of the run in {known[key]}"))
        else:
            known.setdefault(key, each.path)
            kept.append(each)
    return kept, again


def _walk(folder: Path, root: Path, depth: int) -> Iterator[Entry | Skipped]:
    """What is in a folder, by name: a run, or the folders below. Links are not followed, hidden folders not entered."""
    name = folder.relative_to(root).as_posix()
    try:
        with os.scandir(folder) as found:
            inside = sorted(found, key=lambda each: each.name)
        held = {each.name for each in inside if each.is_file()}
    except OSError as error:
        yield Skipped(path=name, why=f"the folder cannot be read: {error.strerror or error}")
        return
    if held & _RECORDS:
        yield (seen := _read(folder, name, held))
        if isinstance(seen, Entry):
            return
    elif _STARTED in held:
        yield Skipped(path=name, why="a run began here and has not finished")
    for each in inside:
        below = Path(each.path)
        shown = below.relative_to(root).as_posix()
        if each.is_symlink():
            if below.is_dir():
                yield Skipped(path=shown, why="a link is not followed")
        elif each.is_dir() and not each.name.startswith("."):
            if depth:
                yield from _walk(below, root, depth - 1)
            else:
                yield Skipped(path=shown, why=f"more than {DEPTH} folders deep")


def _read(folder: Path, name: str, held: set[str]) -> Entry | Skipped:
    try:
        return _entry(folder, name, held)
    except NewerRecordError as error:
        return Skipped(path=name, why=f"unreadable: {error}")
    except RecordError as error:
        return Skipped(path=name, why=f"no run that can be read: {error}")
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        return Skipped(path=name, why=f"damaged: its records lack or misname {error}")


def _entry(folder: Path, name: str, held: set[str]) -> Entry:
    """One run. Raises RecordError, or what odd records raise."""
    manifest = {}
    if "manifest.json" in held:
        manifest = opened(_json(folder / "manifest.json"), "manifest", "manifest.json")
    if "verdict.json" not in held:
        raise RecordError("it has no verdict.json")
    verdict = verdict_from(opened(_json(folder / "verdict.json"), "verdict", "verdict.json"))
    if manifest:
        return Entry(path=name, verdict=verdict, report="report.html" in held, **_of_manifest(manifest))
    if verdict.word != "broken":
        raise RecordError("it has a verdict and no manifest.json, so its run never finished")
    known = _of_junit(folder / "junit.xml") if "junit.xml" in held else {}
    empty: dict[str, Any] = dict.fromkeys(
        ("run_id", "started", "student", "teacher", "teacher_digest", "policy", "policy_digest"), ""
    )
    return Entry(path=name, verdict=verdict, report="report.html" in held, suites={}, **{**empty, **known})


def _of_manifest(manifest: Mapping[str, Any]) -> dict[str, Any]:
    models, policy = manifest["models"], manifest["policy"] or {}
    teacher, student = models.get("teacher") or {}, models.get("student") or {}
    return {
        "run_id": str(manifest["run_id"]),
        "started": str(manifest["started"]),
        "student": str(student.get("name") or ""),
        "teacher": str(teacher.get("name") or ""),
        "teacher_digest": str(teacher.get("digest") or ""),
        "policy": str(policy.get("name") or ""),
        "policy_digest": str(policy.get("digest") or ""),
        "suites": {str(each["name"]): (int(each["version"]), str(each["digest"])) for each in manifest["suites"]},
    }


def _of_junit(path: Path) -> dict[str, Any]:
    """What a broken run's junit.xml says of it; nothing where it cannot be read."""
    try:
        with path.open(encoding="utf-8", errors="replace") as stream:
            head = stream.read(_HEAD)
    except OSError:
        return {}
    found = {unescape(name): unescape(value) for name, value in _PROPERTY.findall(head)}
    stamp = _TIMESTAMP.search(head)
    keys = {
        "run_id": "run",
        "student": "student.name",
        "teacher": "teacher.name",
        "teacher_digest": "teacher.digest",
        "policy_digest": "policy.digest",
    }
    known = {field: found.get(key, "") for field, key in keys.items()}
    # The stamp of a test suite is in UTC, without saying so.
    return {**known, "started": f"{unescape(stamp.group(1))}Z" if stamp else ""}


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise RecordError(f"{path.name} cannot be read: {error}") from None
