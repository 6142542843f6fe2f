"""The demo's folder: taken once, taken up again where the demo was interrupted, never written to once it is done."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from evalkit import __version__
from evalkit.errors import Complaint, Place, UsageError
from evalkit.files import digest_text, leftovers, pretty_json, write_whole

SCHEMA = "evalkit/demo/v1"
RECORD = "demo.json"


def claim(out: Path, seed: int, sizes: object) -> None:
    """Take `out` for the demo: a new or empty folder, or one in which the same demo was interrupted.

    Raises UsageError for any other, and where nothing can be written.
    """
    try:
        if out.exists() and not out.is_dir():
            raise _wrong(out, f"{out} is a file", "name a folder for the demo: --out DIR")
        begun = _begun(out)
        if begun is not None:
            _check_same(out, begun, _stamp(seed, sizes))
            return
        if out.is_dir() and set(out.iterdir()) - set(leftovers(out)):
            raise _wrong(out, f"{out} holds other files", "name a new or empty folder: --out DIR")
        write_whole(out / RECORD, pretty_json({**_stamp(seed, sizes), "finished": False}))
    except OSError as error:
        why = error.strerror or str(error)
        raise _wrong(out, f"{out} cannot be written: {why}", "name a folder that you may write: --out DIR") from None


def finish(out: Path, seed: int, sizes: object) -> None:
    """Mark the demo as done. Raises OSError."""
    write_whole(out / RECORD, pretty_json({**_stamp(seed, sizes), "finished": True}))


def kept(folder: Path, make: Callable[[Path], None]) -> None:
    """`folder` as `make` fills it: all of it or nothing, and only if it is not there yet. Raises OSError."""
    if folder.is_dir():
        return
    unfinished = folder.with_name(f".{folder.name}-unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    make(unfinished)
    os.replace(unfinished, folder)


def _stamp(seed: int, sizes: object) -> dict[str, Any]:
    """What the same demo has in common with itself: a change of its phrases or its training makes another."""
    code = "".join(path.read_text(encoding="utf-8") for path in sorted(Path(__file__).parent.rglob("*.py")))
    return {"schema": SCHEMA, "evalkit": __version__, "seed": seed, "recipe": digest_text(repr(sizes) + code)}


def _begun(out: Path) -> dict[str, Any] | None:
    """What an earlier demo left word of here; None where there was none."""
    try:
        record = json.loads((out / RECORD).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise _wrong(out, f"{out / RECORD} cannot be read: {error}", "delete the folder, or name another") from None
    if not isinstance(record, dict) or record.get("schema") != SCHEMA:
        raise _wrong(out, f"{out / RECORD} is no record of a demo", "name a new or empty folder: --out DIR")
    return record


def _check_same(out: Path, begun: dict[str, Any], wanted: dict[str, Any]) -> None:
    if begun.get("finished"):
        remedy = f"look at it (evalkit show {out / 'runs' / 'good'}), name another with --out, or delete it"
        raise _wrong(out, f"{out} holds a finished demo", remedy)
    if begun.get("seed") != wanted["seed"]:
        remedy = f"go on with --seed {begun.get('seed')}, or name another folder with --out"
        raise _wrong(out, f"the demo in {out} began with seed {begun.get('seed')}", remedy)
    if {**wanted, "finished": False} != begun:
        raise _wrong(out, f"the demo in {out} was begun by another version of evalkit", "delete it, or name another")


def _wrong(out: Path, problem: str, remedy: str) -> UsageError:
    return UsageError(Complaint(problem=problem, remedy=remedy, place=Place(file=str(out))))
