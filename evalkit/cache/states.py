"""A teacher's hidden states on the disk, in exact form: a second student needs no forward pass of the teacher.

    <cache>/states/<model>/head.json                      how states become logits, or why that cannot be said
    <cache>/states/<model>/<batch>-<content>.safetensors  the states of one batch of answers

A batch's name is made of the requests and of the tokens of their answers; `content` is a digest of the file, so that a
file that is not whole, or that was changed, is not found.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
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
_DIGITS = 32


class States:
    """The states of one model."""

    def __init__(self, cache: Path, facts: ModelFacts) -> None:
        self.folder = cache / FOLDER / shelf_key(facts)

    def get(self, answered: Sequence[Answered]) -> bytes | None:
        """The states of exactly this batch; None where they are not there."""
        for path in sorted(self.folder.glob(f"{_key(answered)}-*.safetensors")):
            try:
                content = path.read_bytes()
            except OSError:
                continue
            if path.stem.rpartition("-")[2] == _digest(content):
                with contextlib.suppress(OSError):
                    # When it was used last, for whoever clears up (evalkit/cache/keeping.py).
                    os.utime(path)
                return content
        return None

    def put(self, answered: Sequence[Answered], content: bytes) -> None:
        """Keep a batch. Raises BrokenError when the disk does not take it."""
        self._write(f"{_key(answered)}-{_digest(content)}.safetensors", content)

    def head(self) -> Mapping[str, Any] | str | None:
        """How this model's states become logits, or why that cannot be said; None where nobody has looked."""
        try:
            record = json.loads((self.folder / "head.json").read_text(encoding="utf-8"))
            body: Mapping[str, Any] | str = record["head"]
            whole = record["schema"] == SCHEMA and record["digest"] == digest_value(body)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return body if whole else None

    def put_head(self, head: Mapping[str, Any] | str) -> None:
        """Raises BrokenError when the disk does not take it."""
        body = dict(head) if isinstance(head, Mapping) else head
        self._write("head.json", pretty_json({"schema": SCHEMA, "digest": digest_value(body), "head": body}))

    def _write(self, name: str, content: str | bytes) -> None:
        try:
            write_whole(self.folder / name, content)
        except OSError as error:
            raise BrokenError(f"the cache cannot be written: {error}") from None


def _key(answered: Sequence[Answered]) -> str:
    return digest_value([SCHEMA, [[each.request.key, list(each.tokens)] for each in answered]])[7 : 7 + _DIGITS]


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:_DIGITS]
