"""A teacher's hidden states on the disk, in exact form: a second student needs no forward pass of the teacher.

    <cache>/states/<model>/head.json                      how states become logits, or why that cannot be said
    <cache>/states/<model>/<batch>-<content>.safetensors  the states of one batch of answers

A batch's name is made of the model, of the requests and of the tokens of their answers; `content` is a digest of the
file, so that a file that is not whole, that was changed or that is another model's is not found.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evalkit.cache.keys import shelf_key
from evalkit.errors import BrokenError
from evalkit.files import digest_value, pretty_json, write_whole
from evalkit.types import ModelFacts
from evalkit.types.forced import Answered

FOLDER = "states"
SCHEMA = "evalkit/states/v1"
HEAD = "head.json"
STATES_FILE = re.compile(r"[0-9a-f]{32}-[0-9a-f]{32}\.safetensors")
_DIGITS = 32


class States:
    """The states of one model."""

    def __init__(self, cache: Path, facts: ModelFacts) -> None:
        self.folder = cache / FOLDER / shelf_key(facts)

    def get(self, answered: Sequence[Answered]) -> bytes | None:
        """The states of exactly this batch; None where they are not there."""
        for path in sorted(self.folder.glob(f"{self._key(answered)}-*.safetensors")):
            try:
                content = path.read_bytes()
            except OSError:
                continue
            if _is_named_after(path, content):
                with contextlib.suppress(OSError):
                    # When it was used last, for whoever clears up (evalkit/cache/keeping.py).
                    os.utime(path)
                return content
        return None

    def put(self, answered: Sequence[Answered], content: bytes) -> None:
        """Keep a batch. Raises BrokenError when the disk does not take it."""
        self._write(f"{self._key(answered)}-{_digest(content)}.safetensors", content)

    def head(self) -> Mapping[str, Any] | str | None:
        """How this model's states become logits, or why that cannot be said; None where nobody has looked."""
        try:
            return _head(self.folder / HEAD)
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None

    def put_head(self, head: Mapping[str, Any] | str) -> None:
        """Raises BrokenError when the disk does not take it."""
        body = dict(head) if isinstance(head, Mapping) else head
        self._write(HEAD, pretty_json({"schema": SCHEMA, "digest": _head_digest(self.folder, body), "head": body}))

    def _key(self, answered: Sequence[Answered]) -> str:
        asked = [[each.request.key, list(each.tokens)] for each in answered]
        return digest_value([SCHEMA, self.folder.name, asked])[7 : 7 + _DIGITS]

    def _write(self, name: str, content: str | bytes) -> None:
        try:
            try:
                write_whole(self.folder / name, content)
            except FileNotFoundError:
                # Somebody cleared the cache up just now, and took the empty folder away.
                write_whole(self.folder / name, content)
        except OSError as error:
            raise BrokenError(f"the cache cannot be written: {error}") from None


def is_whole(path: Path) -> bool:
    """Whether a file of states, or what says how they become logits, is what was written. Raises FileNotFoundError."""
    try:
        if path.name == HEAD:
            return _head(path) is not None
        return _is_named_after(path, path.read_bytes())
    except FileNotFoundError:
        raise
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False


def _is_named_after(path: Path, content: bytes) -> bool:
    return path.stem.rpartition("-")[2] == _digest(content)


def _head(path: Path) -> Mapping[str, Any] | str | None:
    """None for one that was changed, or that is another model's. Raises OSError, ValueError, KeyError, TypeError or
    RecursionError for what is no such file."""
    record = json.loads(path.read_text(encoding="utf-8"))
    body: Mapping[str, Any] | str = record["head"]
    whole = record["schema"] == SCHEMA and record["digest"] == _head_digest(path.parent, body)
    return body if whole else None


def _head_digest(folder: Path, body: Mapping[str, Any] | str) -> str:
    return digest_value([folder.name, body])


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:_DIGITS]
