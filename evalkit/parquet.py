"""Columns of Python values ↔ Parquet: a column at a time, because a million rows are too many to look at one by one.

Floats are written byte by byte of equal rank (BYTE_STREAM_SPLIT), which compresses them best; everything else through
a dictionary. Equal tables are equal bytes.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow

# So many rows tell whether a column of texts repeats itself.
_FIRST = 1000


def to_array(values: Sequence[Any], kind: pyarrow.DataType) -> pyarrow.Array:
    """A column of values, or of lists of numbers, of the given type; None where there is none.

    Raises UnicodeEncodeError where a text is not valid Unicode.
    """
    import numpy as np
    import pyarrow as pa

    absent = values.count(None)
    if absent == len(values):
        return pa.nulls(len(values), kind)
    if not pa.types.is_list(kind) or pa.types.is_boolean(kind.value_type):
        return pa.array(values, type=kind)
    lengths = np.zeros(len(values) + 1, dtype=np.int64)
    mask = None
    if absent:
        mask = np.array([each is None for each in (*values, ())], dtype=bool)
        values = [() if each is None else each for each in values]
    lengths[1:] = np.fromiter(map(len, values), np.int64, len(values))
    ends = np.cumsum(lengths)
    numbers = np.fromiter(chain.from_iterable(values), kind.value_type.to_pandas_dtype(), int(ends[-1]))
    # A list begins where the one before it ends; one that is None has no beginning.
    return pa.ListArray.from_arrays(pa.array(ends, type=pa.int32(), mask=mask), pa.array(numbers), type=kind)


def to_values(column: pyarrow.ChunkedArray, lists: type[list[Any]] | type[tuple[Any, ...]] = tuple) -> list[Any]:
    """The column's values; lists of numbers as tuples, or as lists."""
    import pyarrow as pa

    if column.null_count == len(column):
        return [None] * len(column)
    with nothing_to_collect():
        if pa.types.is_list(column.type):
            return list(chain.from_iterable(_lists(chunk, lists) for chunk in column.chunks))
        if pa.types.is_string(column.type) and _repeats(column):
            return list(chain.from_iterable(map(_shared, column.dictionary_encode().chunks)))
        return list(column.to_pylist())


@contextlib.contextmanager
def nothing_to_collect() -> Iterator[None]:
    """While a million new objects come into being, all of them kept, Python looks for garbage again and again: it takes
    half of the time, and finds none."""
    paused = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if paused:
            gc.enable()


def _repeats(column: pyarrow.ChunkedArray) -> bool:
    """Are there few texts, over and over? As its first rows have it."""
    first = column.slice(0, _FIRST)
    return len(first.unique()) * 4 < len(first)


def _shared(texts: pyarrow.DictionaryArray) -> list[Any]:
    """Equal texts as one object."""
    known: dict[int | None, Any] = dict(enumerate(texts.dictionary.to_pylist()))
    known[None] = None
    return list(map(known.__getitem__, texts.indices.to_pylist()))


def _lists(column: pyarrow.ListArray, kind: type[list[Any]] | type[tuple[Any, ...]]) -> list[Any]:
    import numpy as np
    import pyarrow as pa

    inner = column.flatten()
    if pa.types.is_boolean(inner.type) or inner.null_count:
        return [None if each is None else kind(each) for each in column.to_pylist()]
    # By way of DLPack: Arrow's own to_numpy loads pandas first, a second's work.
    flat = np.from_dlpack(inner)
    lengths = column.value_lengths()
    if not column.null_count and len(column):
        size = len(flat) // len(column)
        if size and np.all(np.from_dlpack(lengths) == size):
            # Lists of one length, as probabilities of the same labels are: no row needs to be looked at.
            if kind is list:
                return list(flat.reshape(-1, size).tolist())
            return list(zip(*[iter(flat.tolist())] * size, strict=True))
    numbers = iter(flat.tolist())
    return [None if length is None else kind(islice(numbers, length)) for length in lengths.to_pylist()]


def opened(source: Any, columns: Sequence[str] | None = None) -> pyarrow.Table:
    """The table in a file (a path, an open file or a buffer), or some columns of it.

    Raises pyarrow.ArrowException or OSError. It is read without pyarrow.dataset, which loads pandas: a second's work.
    """
    import pyarrow.parquet as pq

    with pq.ParquetFile(source) as file:
        return file.read(columns=columns)


def written(tables: Sequence[pyarrow.Table], schema: pyarrow.Schema) -> bytes:
    """The tables, all of that schema, as one file: a row group or more each."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    floats = [leaf for field in schema if (leaf := _float_leaf(field)) is not None]
    leaves = [name for field in schema if (name := _leaf(field)) not in floats]
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(
        sink,
        schema,
        compression="zstd",
        use_dictionary=leaves,
        column_encoding=dict.fromkeys(floats, "BYTE_STREAM_SPLIT"),
    ) as writer:
        for each in tables:
            writer.write_table(each)
    found: bytes = sink.getvalue().to_pybytes()
    return found


def _leaf(field: pyarrow.Field) -> str:
    """What Parquet calls the column of a field's numbers or texts."""
    import pyarrow as pa

    return f"{field.name}.list.element" if pa.types.is_list(field.type) else str(field.name)


def _float_leaf(field: pyarrow.Field) -> str | None:
    import pyarrow as pa

    kind = field.type.value_type if pa.types.is_list(field.type) else field.type
    return _leaf(field) if pa.types.is_floating(kind) else None
