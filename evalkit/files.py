"""Bytes on disk: canonical JSON, digests, writes that are whole or absent. Standard library only."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

# Part of the name of a file that is still being written.
_UNFINISHED = "evalkit-"
# What stands in a repository where a large file should be, until it is pulled.
_POINTER = b"version https://git-lfs.github.com/spec/"
# What to do when a disk does not take what is written.
REMEDIES = {
    errno.ENOSPC: "free some space and run the same command again",
    errno.EDQUOT: "free some space and run the same command again",
    errno.EFBIG: "raise the limit on the size of files (ulimit -f) and run the same command again",
    errno.EACCES: "change the permissions there, or name another folder",
    errno.EPERM: "change the permissions there, or name another folder",
    errno.EROFS: "name a folder on a file system that can be written",
    errno.ENOTDIR: "a part of that path is a file: name another folder",
    errno.EEXIST: "a part of that path is a file: name another folder",
    errno.ENAMETOOLONG: "a name there is longer than the file system takes: name another one",
    errno.ENOENT: "no folder can be made there: name another one",
}


class WriteError(OSError):
    """A write that failed: what the system said, of which file, and what to do."""

    def __str__(self) -> str:
        return told(self)


def told(error: OSError) -> str:
    """What the system said of a file, and what to do about it where that is known."""
    said = error.strerror or OSError.__str__(error)
    where = f" ({os.fspath(error.filename)})" if isinstance(error.filename, str | Path) else ""
    remedy = REMEDIES.get(error.errno or 0)
    return f"{said}{where}" + (f"; {remedy}" if remedy else "")


def canonical_json(value: Any) -> str:
    """One text for equal values: sorted keys, no spaces, NaN refused. What digests are made of."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def pretty_json(value: Any) -> str:
    """The JSON that run directories hold: readable, in the order given, never NaN."""
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def digest_text(text: str) -> str:
    """sha256 of the UTF-8 bytes, with its name in front. Lone surrogates are kept apart, not refused."""
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def digest_value(value: Any) -> str:
    """Digest of a JSON value by its canonical text."""
    return digest_text(canonical_json(value))


def digest_file(path: Path) -> str:
    """sha256 of a file's bytes. Raises OSError when it cannot be read."""
    with path.open("rb") as stream:
        return "sha256:" + hashlib.file_digest(stream, "sha256").hexdigest()


def digest_tree(root: Path, names: Iterable[str] | None = None) -> str:
    """One digest for files under `root` (all of them, or the relative `names`).

    Each file's digest is concatenated in alphabetical order of its path, as model signing tools do, so
    that moving the folder changes nothing and any byte or name changes everything. Version-control
    folders are left out.
    """
    found = sorted(names) if names is not None else sorted(_relative_files(root))
    whole = hashlib.sha256()
    for name in found:
        whole.update(name.encode("utf-8", "surrogatepass") + b"\0")
        whole.update(bytes.fromhex(digest_file(root / name).removeprefix("sha256:")))
    return "sha256:" + whole.hexdigest()


def _relative_files(root: Path) -> list[str]:
    if root.is_file():
        return [""]
    return [
        path.relative_to(root).as_posix()
        for path in root.rglob("*")
        if path.is_file() and not any(part.startswith(".git") for part in path.relative_to(root).parts)
    ]


def is_pointer(path: Path) -> bool:
    """Is this what Git LFS leaves in place of a file that was not pulled? False for what cannot be read."""
    try:
        with path.open("rb") as stream:
            return stream.read(len(_POINTER)) == _POINTER
    except OSError:
        return False


def settle(folder: Path) -> None:
    """Make the names in a folder as durable as the files: what was renamed so far survives a power cut."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def leftovers(folder: Path) -> list[Path]:
    """Files that `write_whole` was writing into a folder when something killed it."""
    return sorted(path for path in folder.glob(f".*.{_UNFINISHED}*") if path.is_file())


def write_whole(path: Path, content: str | bytes) -> None:
    """Write so that a reader sees all of it or nothing, whatever kills this process. Parents are made.

    Raises WriteError when the disk does not take it.
    """
    try:
        _write_whole(path, content)
    except OSError as error:
        raise WriteError(error.errno, error.strerror, str(path)) from error


def _write_whole(path: Path, content: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.{_UNFINISHED}")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        # mkstemp makes files that only their owner can read; a run is there to be shared.
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
