"""The cache: finished batches, under a key made of the model and of every question in them.

A model's batches stand on a shelf of their own, in parts of many batches each (evalkit/cache/parts.py). What is found
there is what was put there, or is not found: a part that is not whole, or that was moved, is asked for again.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path

from evalkit.cache.keys import SCHEMA, batch_key, shelf_key
from evalkit.cache.parts import SUFFIX, DamagedError, Part, batches_of, content_of, encoded, merged, name_of, renamed
from evalkit.cache.parts import read as read_part
from evalkit.errors import BrokenError
from evalkit.files import pretty_json, write_whole
from evalkit.types import ModelFacts, Output, Request

RECORD = "model.json"
# A batch that took longer is written at once; quicker ones wait for each other. An interruption loses no more.
_PATIENCE_S = 1.0
# So many outputs are written without waiting for more, and so many parts are kept in memory while they are read.
_MOST_OUTPUTS, _MOST_OPEN = 131_072, 8
# So many parts of less than this are put together: an hour of slow batches would leave thousands of files.
_MANY, _SMALL = 64, 1_000_000


class Shelf:
    """What one model has answered: `get` and `put` whole batches. Several processes may use one shelf at once."""

    def __init__(self, cache: Path, facts: ModelFacts, clock: Callable[[], float] = time.monotonic) -> None:
        self.key = shelf_key(facts)
        self.folder = cache / self.key
        self._facts, self._clock = facts, clock
        self._since = clock()
        # Batches that were put and are not written yet; how many outputs that is; what was written, and the
        # small parts that it is in.
        self._waiting: dict[str, Sequence[Output]] = {}
        self._many = 0
        self._written: set[str] = set()
        self._small: list[Path] = []
        # The parts in which a batch is, by its key, once the folder was looked at; parts read lately, None for damaged.
        self._places: dict[str, list[Path]] | None = None
        self._open: OrderedDict[Path, Part | None] = OrderedDict()

    def claim(self) -> None:
        """Make sure that the shelf can be written, and say whose it is. Raises BrokenError when it cannot."""
        self._write(self.folder / RECORD, pretty_json(_record(self._facts)))
        self._since = self._clock()

    def get(self, requests: Sequence[Request]) -> list[Output] | None:
        """The outputs of exactly this batch, under the ids that ask now; None when they are not there."""
        key = batch_key(requests)
        if (waiting := self._waiting.get(key)) is not None:
            return renamed(waiting, requests)
        try:
            return self._found(key, requests)
        except FileNotFoundError:
            # Somebody put parts together, or cleared up: what is there now?
            self._places = None
        try:
            return self._found(key, requests)
        except FileNotFoundError:
            return None

    def put(self, requests: Sequence[Request], outputs: Sequence[Output]) -> None:
        """Keep a batch: on the disk within about a second's work. Raises BrokenError when the disk does not take it."""
        key = batch_key(requests)
        if key not in self._waiting and key not in self._written:
            self._waiting[key] = outputs
            self._many += len(outputs)
        if self._clock() - self._since >= _PATIENCE_S or self._many >= _MOST_OUTPUTS:
            self._flush()

    def close(self) -> None:
        """Whatever was put is on the disk when this returns. Raises BrokenError when the disk does not take it."""
        self._flush()
        self._put_together()
        self._open.clear()

    def _found(self, key: str, requests: Sequence[Request]) -> list[Output] | None:
        if self._places is None:
            self._places = _places(self.folder, self.key)
        for path in self._places.get(key, ()):
            part = self._opened(path)
            outputs = part.serve(key, requests) if part is not None else None
            if outputs is not None:
                return outputs
        return None

    def _opened(self, path: Path) -> Part | None:
        """A part of this shelf; None for one that is not what it should be. Raises FileNotFoundError."""
        if path not in self._open:
            try:
                part = read_part(path)
                # The same bytes on another shelf would be another model's answers.
                self._open[path] = part if part.shelf == self.key else None
                with contextlib.suppress(OSError):
                    os.utime(path)
            except DamagedError:
                self._open[path] = None
            if len(self._open) > _MOST_OPEN:
                self._open.popitem(last=False)
        self._open.move_to_end(path)
        return self._open[path]

    def _flush(self) -> None:
        if self._waiting:
            path = self._store(encoded(self.key, self._waiting))
            if self._places is not None:
                for key in self._waiting:
                    self._places.setdefault(key, []).insert(0, path)
            self._written |= self._waiting.keys()
            self._waiting, self._many = {}, 0
            if len(self._small) >= _MANY:
                self._put_together()
        self._since = self._clock()

    def _store(self, content: bytes) -> Path:
        path = self.folder / name_of(content)
        if not (self.folder / RECORD).is_file():
            self.claim()
        self._write(path, content)
        if len(content) < _SMALL and path not in self._small:
            self._small.append(path)
        return path

    def _put_together(self) -> None:
        """One part of the small ones that were written here. What fails costs nothing: they are all there."""
        small, self._small = self._small, []
        if len(small) < 2:
            return
        with contextlib.suppress(DamagedError, FileNotFoundError, BrokenError):
            whole = self._store(merged([content_of(each) for each in small]))
            self._places = None
            for each in small:
                if each != whole:
                    self._open.pop(each, None)
                    with contextlib.suppress(OSError):
                        each.unlink()

    def _write(self, path: Path, content: str | bytes) -> None:
        try:
            try:
                write_whole(path, content)
            except OSError as error:
                if error.errno != errno.ENOENT:
                    raise
                # Somebody cleared the cache up just now, and took the empty shelf away.
                write_whole(path, content)
        except OSError as error:
            raise BrokenError(f"the cache cannot be written: {error}") from None


def _places(folder: Path, shelf: str) -> dict[str, list[Path]]:
    """In which parts each batch is. Parts that cannot be read, or that say they belong elsewhere, are passed over."""
    found: dict[str, list[Path]] = {}
    with contextlib.suppress(OSError):
        for path in sorted(folder.glob(f"*{SUFFIX}")):
            with contextlib.suppress(DamagedError, FileNotFoundError):
                named, batches = batches_of(path)
                for key in batches if named == shelf else ():
                    found.setdefault(key, []).append(path)
    return found


def _record(facts: ModelFacts) -> dict[str, object]:
    """Whose shelf it is, for whoever looks at the cache."""
    return {
        "schema": SCHEMA,
        "name": facts.name,
        "backend": facts.backend,
        "digest": facts.digest,
        "dtype": facts.dtype,
        "settings": dict(facts.settings),
    }
