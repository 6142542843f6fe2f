"""The work folder: what is in it, what is kept, and what each step took."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

DATA_HELP = "--data names the folder that holds banking77, gsm8k and xstest"


class Stop(Exception):
    """The script cannot go on; the message says why and what to do."""


def say(text: str) -> None:
    """One line of progress."""
    print(f"real-pair: {text}", file=sys.stderr, flush=True)


def keep(path: Path, make: Callable[[Path], object]) -> Path:
    """`path`, made by `make` under another name and then renamed, so that it is whole or absent. Made once."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f"{path.name}.unfinished")
        if unfinished.is_dir():
            shutil.rmtree(unfinished)
        make(unfinished)
        os.replace(unfinished, path)
    return path


def keep_text(path: Path, text: str) -> Path:
    """A text file, whole or absent."""
    return keep(path, lambda unfinished: unfinished.write_text(text, encoding="utf-8"))


def keep_lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Rows as JSONL, whole or absent."""
    return keep_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def claim(work: Path, settings: dict[str, Any]) -> None:
    """Make the folder one of these settings. Raises Stop where it was made with others."""
    path = work / "settings.json"
    text = json.dumps(settings, indent=1) + "\n"
    work.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.read_text(encoding="utf-8") != text:
        raise Stop(f"{work} was made with other settings or data ({path}): name another --work, or remove that folder")
    keep_text(path, text)


def used() -> tuple[float, float]:
    """Seconds of the clock, and of processors: this process and those it started and waited for, in user mode."""
    spent = (resource.getrusage(each).ru_utime for each in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return time.monotonic(), sum(spent)


@contextlib.contextmanager
def timed(work: Path, step: str) -> Iterator[None]:
    """Adds what happens inside to the times of a step, also when it ends early: a step may take several goes."""
    wall, user = used()
    try:
        yield
    finally:
        wall, user = (now - then for now, then in zip(used(), (wall, user), strict=True))
        times = times_of(work)
        before = times.get(step, {"wall_s": 0.0, "user_s": 0.0})
        times[step] = {"wall_s": round(before["wall_s"] + wall, 1), "user_s": round(before["user_s"] + user, 1)}
        path = work / "times.json"
        unfinished = path.with_name("times.json.unfinished")
        unfinished.write_text(json.dumps(times, indent=1) + "\n", encoding="utf-8")
        os.replace(unfinished, path)


def times_of(work: Path) -> dict[str, dict[str, float]]:
    """Seconds of the clock and of processors by step, over all goes."""
    path = work / "times.json"
    found: dict[str, dict[str, float]] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return found
