"""Parts: files of whole batches, one model's outputs as columns.

A part says which shelf it belongs to, and its name is the hash of its bytes: whatever was cut off, changed or moved is
seen before anything of it is served.
"""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache
from itertools import chain, repeat
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalkit.cache.keys import SCHEMA
from evalkit.files import canonical_json
from evalkit.parquet import nothing_to_collect, opened, to_array, to_values, written
from evalkit.types import Output, Request

if TYPE_CHECKING:
    import pyarrow

SUFFIX = ".parquet"
_ABOUT = b"evalkit"
_BATCH = "batch"
# Who asks is not part of an answer: the id is that of the request which it is served for.
_FIELDS = tuple(each.name for each in fields(Output) if each.name != "example_id")
_TEXTS = ("status", "label", "text", "reasoning", "prompt_hash", "judgement", "error")
_COUNTS = ("tokens_in", "tokens_out")
_SECONDS = ("latency_s", "ttft_s")
_LISTS_OF_COUNTS = ("choice_tokens", "written")
_LISTS_OF_NUMBERS = ("probs", "choice_logprobs", "token_logprobs")


class DamagedError(Exception):
    """A part that is not what was written, in words."""


@dataclass
class Part:
    """What a part holds: its shelf's key, and the outputs of each of its batches by the batch's key."""

    shelf: str
    batches: dict[str, list[Output]]

    def __post_init__(self) -> None:
        self._served: set[str] = set()

    def serve(self, key: str, requests: Sequence[Request]) -> list[Output] | None:
        """A batch's outputs under the ids that ask now; None when there are not as many as that."""
        outputs = self.batches.get(key)
        if outputs is None or len(outputs) != len(requests):
            return None
        if key in self._served:
            return renamed(outputs, requests)
        # Nobody has seen these yet, so that they can still be given their ids without another copy.
        self._served.add(key)
        _fill(outputs, "example_id", [each.example_id for each in requests])
        return outputs


def renamed(outputs: Sequence[Output], requests: Sequence[Request]) -> list[Output]:
    """Copies of the outputs under the ids that ask now."""
    return [replace(output, example_id=request.example_id) for output, request in zip(outputs, requests, strict=True)]


def name_of(content: bytes) -> str:
    """What a part with these bytes is called."""
    return hashlib.sha256(content).hexdigest() + SUFFIX


def encoded(shelf: str, batches: Mapping[str, Sequence[Output]]) -> bytes:
    """The bytes of a part. Columns in which nothing stands are left out."""
    import numpy as np
    import pyarrow as pa

    outputs = list(chain.from_iterable(batches.values()))
    codes = np.repeat(np.arange(len(batches), dtype=np.int32), [len(each) for each in batches.values()])
    columns = {_BATCH: pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(list(batches), type=pa.string()))}
    for name in _FIELDS:
        values = list(map(attrgetter(name), outputs))
        if values.count(None) < len(values):
            columns[name] = _column(values, _kinds()[name])
    return _bytes(pa.table(columns), shelf)


def _column(values: Sequence[Any], kind: pyarrow.DataType) -> pyarrow.Array:
    import pyarrow as pa

    try:
        return to_array(values, kind)
    except UnicodeEncodeError:
        # Half a character, as a server may send: not a text to Parquet, but bytes all the same.
        return pa.array(
            [None if each is None else each.encode("utf-8", "surrogatepass") for each in values], type=pa.binary()
        )


def merged(contents: Iterable[bytes]) -> bytes:
    """One part that holds what several of one shelf hold. Raises DamagedError when they are not that."""
    import pyarrow as pa

    parts = [_opened(each) for each in contents]
    (shelf,) = {each for each, _ in parts}
    tables = [table for _, table in parts]
    kinds: dict[str, pyarrow.DataType] = {}
    for each in tables:
        for field in each.schema:
            if field.name not in kinds or field.type == pa.binary():
                kinds[field.name] = field.type
    schema = pa.schema([(name, kinds[name]) for name in (_BATCH, *_FIELDS) if name in kinds])
    alike = [
        pa.table(
            [
                each[field.name].cast(field.type)
                if field.name in each.column_names
                else pa.nulls(each.num_rows, field.type)
                for field in schema
            ],
            schema=schema,
        )
        for each in tables
    ]
    whole = pa.concat_tables(alike).unify_dictionaries().combine_chunks()
    return _bytes(whole, shelf)


def decoded(content: bytes) -> Part:
    """A part from its bytes. Raises DamagedError."""
    shelf, table = _opened(content)
    with nothing_to_collect():
        outputs: list[Output] = list(map(object.__new__, repeat(Output, table.num_rows)))
        _fill(outputs, "example_id", repeat(""))
        for name in _FIELDS:
            _fill(outputs, name, _values(table[name]) if name in table.column_names else repeat(None))
    names, ends = _runs(table)
    starts = [0, *ends[:-1]]
    return Part(shelf, {name: outputs[start:end] for name, start, end in zip(names, starts, ends, strict=True)})


def _fill(outputs: Sequence[Output], name: str, values: Iterable[Any]) -> None:
    """Set one field of outputs that nobody has seen yet: a column at a time, a million of them take a third of the time
    that their constructor takes."""
    deque(map(vars(Output)[name].__set__, outputs, values), maxlen=0)


def _values(column: pyarrow.ChunkedArray) -> list[Any]:
    import pyarrow as pa

    if column.type == pa.binary():
        return [None if each is None else each.decode("utf-8", "surrogatepass") for each in column.to_pylist()]
    return to_values(column)


def batches_of(path: Path) -> tuple[str, dict[str, int]]:
    """Which shelf a part says it belongs to, and how many outputs each of its batches has.

    It is read from one column, so that it is not known yet whether the part is whole. Raises DamagedError, or
    FileNotFoundError when the part is gone.
    """
    import pyarrow as pa

    try:
        with path.open("rb") as stream:
            table = opened(stream, [_BATCH])
        shelf = _shelf_of(table.schema)
        names, ends = _runs(table)
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise DamagedError(_said(error)) from None
    return shelf, {name: end - start for name, start, end in zip(names, [0, *ends[:-1]], ends, strict=True)}


def read(path: Path) -> Part:
    """A part that is what its name says. Raises DamagedError, or FileNotFoundError when it is gone."""
    return decoded(content_of(path))


def content_of(path: Path) -> bytes:
    """The bytes of a part, held against its name. Raises DamagedError, or FileNotFoundError when it is gone."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise DamagedError(f"it cannot be read: {error.strerror}") from None
    if name_of(content) != path.name:
        raise DamagedError("its bytes are not those that it was named after")
    return content


def _opened(content: bytes) -> tuple[str, pyarrow.Table]:
    import pyarrow as pa

    try:
        table = opened(pa.BufferReader(content))
        shelf = _shelf_of(table.schema)
        _runs(table)
        kinds = _kinds()
        for field in table.schema:
            if field.name == _BATCH:
                continue
            also = pa.binary() if field.name in _TEXTS else kinds[field.name]
            if field.type not in (kinds[field.name], also):
                raise DamagedError(f"its column {field.name} is of another type")
        if table["status"].null_count:
            raise DamagedError("it has outputs without a status")
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise DamagedError(_said(error)) from None
    return shelf, table


def _said(error: Exception) -> str:
    return f"it cannot be read: {str(error).splitlines()[0] if str(error) else type(error).__name__}"


def _shelf_of(schema: pyarrow.Schema) -> str:
    about = json.loads((schema.metadata or {})[_ABOUT])
    if about["schema"] != SCHEMA:
        raise DamagedError(f"it is of another version ({about['schema']})")
    return str(about["shelf"])


def _runs(table: pyarrow.Table) -> tuple[list[str], list[int]]:
    """The keys of a part's batches, and where each ends."""
    import numpy as np
    import pyarrow as pa

    if not pa.types.is_dictionary(table.schema.field(_BATCH).type):
        raise DamagedError("its batches are not named")
    column = table[_BATCH].unify_dictionaries().combine_chunks()
    if column.null_count:
        raise DamagedError("it has outputs of no batch")
    codes = np.from_dlpack(column.indices)
    ends = [*(np.flatnonzero(np.diff(codes)) + 1).tolist(), len(codes)] if len(codes) else []
    names = column.dictionary.to_pylist()
    found = [names[codes[end - 1]] for end in ends]
    if len(set(found)) < len(found):
        raise DamagedError("it has a batch in pieces")
    return found, ends


def _bytes(table: pyarrow.Table, shelf: str) -> bytes:
    table = table.replace_schema_metadata({_ABOUT: canonical_json({"schema": SCHEMA, "shelf": shelf}).encode()})
    return written([table], table.schema)


@cache
def _kinds() -> Mapping[str, pyarrow.DataType]:
    import pyarrow as pa

    return {
        **dict.fromkeys(_TEXTS, pa.string()),
        **dict.fromkeys(_COUNTS, pa.int64()),
        **dict.fromkeys(_SECONDS, pa.float64()),
        **dict.fromkeys(_LISTS_OF_COUNTS, pa.list_(pa.int64())),
        **dict.fromkeys(_LISTS_OF_NUMBERS, pa.list_(pa.float64())),
    }
