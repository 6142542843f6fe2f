"""Rows out of JSONL, CSV, Parquet and the hub, as plain dictionaries that remember their line.

CSV is read as text and nothing else: a reader that guesses types turns the label `NA` into nothing and
the id `007` into 7.
"""

from __future__ import annotations

import csv
import json
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.errors import Complaint, Place, UsageError, nearest
from evalkit.files import is_pointer

Row = dict[str, Any]
SUFFIXES = (".jsonl", ".csv", ".parquet")
# One malformed file must not print a thousand complaints.
SHOWN = 20
# What some programs put between the cells of a CSV file, instead of commas.
_OTHER_MARKS = {";": "semicolons", "\t": "tabs", "|": "upright bars"}


@dataclass(frozen=True, kw_only=True)
class Rows:
    """The rows of one source; `places[i]` says where row i stands. `digest_parts` identify the bytes."""

    rows: list[Row]
    source: str
    first_line: int
    lines: list[int] | None = None

    def place(self, index: int, key: str | None = None) -> Place:
        line = self.lines[index] if self.lines is not None else None
        shown = key if line is not None or key is None else f"row {index + self.first_line} › {key}"
        if line is None and key is None:
            shown = f"row {index + self.first_line}"
        return Place(file=self.source, line=line, key=shown)


def read_rows(path: Path) -> Rows:
    """All rows of a file, by its ending. Raises UsageError: absent, unknown ending, malformed lines."""
    if not path.is_file():
        beside = sorted(each.name for each in path.parent.iterdir()) if path.parent.is_dir() else []
        close = nearest(path.name, beside)
        raise UsageError(
            Complaint(
                problem=f"there is no data file {path}",
                remedy=close
                if close.startswith("did you mean")
                else "check the path; one in a file is relative to that file",
                place=Place(file=str(path)),
            )
        )
    if is_pointer(path):
        raise UsageError(
            Complaint(
                problem=f"{path.name} is a Git LFS pointer, not the file itself",
                remedy="run `git lfs pull` there",
                place=Place(file=str(path)),
            )
        )
    if path.suffix == ".jsonl":
        return _jsonl(path)
    if path.suffix == ".csv":
        return _csv(path)
    if path.suffix == ".parquet":
        return _parquet(path)
    raise UsageError(
        Complaint(
            problem=f"{path.name} ends in neither {', '.join(SUFFIXES[:-1])} nor {SUFFIXES[-1]}",
            remedy="convert it, or rename it if it is one of these",
            place=Place(file=str(path)),
        )
    )


def read_hub(name: str, split: str, revision: str) -> Rows:
    """All rows of a hub dataset at one revision. Raises UsageError when it cannot be had."""
    import datasets

    try:
        loaded = datasets.load_dataset(name, split=split, revision=revision)
    except (OSError, ValueError, ConnectionError, datasets.exceptions.DatasetsError) as error:
        raise UsageError(
            Complaint(
                problem=f"the hub dataset {name} (split {split}, revision {revision}) cannot be loaded: "
                + ((str(error).strip() or type(error).__name__).splitlines()[0][:200]),
                remedy="check the name, split and revision, and that the hub can be reached; or use a local file",
                place=Place(file=f"hub:{name}@{revision}/{split}"),
            )
        ) from None
    return Rows(rows=[dict(row) for row in loaded], source=f"hub:{name}@{revision}/{split}", first_line=1)


def text_of(value: Any) -> str | None:
    """A cell as text: None and the empty text are nothing; true is `true`; 3.0 stays `3.0`."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    return str(value)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"it holds {name}, which is not JSON")


def _text_lines(path: Path) -> Iterator[tuple[int, str]]:
    with path.open(encoding="utf-8-sig", newline="\n") as stream:
        yield from enumerate(stream, start=1)


def _jsonl(path: Path) -> Rows:
    rows, lines, complaints = [], [], []
    try:
        for number, line in _text_lines(path):
            if not line.strip():
                continue
            try:
                row = json.loads(line, parse_constant=_refuse_constant)
                if not isinstance(row, dict):
                    raise ValueError("it is not an object in braces")
                # Half of a surrogate pair can only come from an escape, and no file could hold it again.
                row = _valid(row) if "\\u" in line else row
            except RecursionError:
                complaints.append(_bad_line(path, number, ValueError("it is nested too deeply")))
                continue
            except ValueError as error:
                complaints.append(_bad_line(path, number, error))
                continue
            rows.append(row)
            lines.append(number)
    except UnicodeDecodeError as error:
        complaints.append(_not_utf8(path, error))
    except OSError as error:
        complaints.append(_unreadable(path, error))
    if complaints:
        more = len(complaints) - SHOWN
        if more > 0:
            complaints = [*complaints[:SHOWN], _more(path, more)]
        raise UsageError(complaints)
    return Rows(rows=rows, source=str(path), first_line=1, lines=lines)


def _valid(value: Any) -> Any:
    """The value with lone surrogates written out as escapes, so that what is scored is what can be stored."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, list):
        return [_valid(each) for each in value]
    if isinstance(value, dict):
        return {_valid(name): _valid(each) for name, each in value.items()}
    return value


def _csv(path: Path) -> Rows:
    rows: list[Row] = []
    lines: list[int] = []
    complaints: list[Complaint] = []
    header: list[str] | None = None
    before = 0
    # A cell may be a whole document; the csv module's own limit is 128 kB.
    csv.field_size_limit(2**31 - 1)
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            for cells in reader:
                # A quoted cell may span lines: a row stands where it begins.
                line, before = before + 1, reader.line_num
                if not cells:
                    continue
                if header is None:
                    header = cells
                    complaints += _repeated_names(path, header, line)
                    if complaints := complaints or _other_mark(path, header, line):
                        break
                elif len(cells) != len(header):
                    complaints.append(
                        Complaint(
                            problem=f"the row has {len(cells)} cells, the header {len(header)}",
                            remedy="quote cells that hold commas; every row needs as many cells as the header",
                            place=Place(file=str(path), line=line),
                        )
                    )
                else:
                    rows.append(dict(zip(header, cells, strict=True)))
                    lines.append(line)
    except UnicodeDecodeError as error:
        complaints.append(_not_utf8(path, error))
    except csv.Error as error:
        complaints.append(
            Complaint(
                problem=f"this is not CSV: {error}",
                remedy="check the quotes on that line; a quote within a quoted cell is written twice",
                place=Place(file=str(path), line=before + 1),
            )
        )
    except OSError as error:
        complaints.append(_unreadable(path, error))
    if complaints:
        raise UsageError(
            [*complaints[:SHOWN], *([_more(path, len(complaints) - SHOWN)] if len(complaints) > SHOWN else [])]
        )
    return Rows(rows=rows, source=str(path), first_line=2, lines=lines)


def _parquet(path: Path) -> Rows:
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.read_table(path)
    except (pyarrow.ArrowException, OSError) as error:
        raise UsageError(
            Complaint(
                problem=f"this is not a Parquet file: {str(error).splitlines()[0]}",
                remedy="was the file cut while being written?",
                place=Place(file=str(path)),
            )
        ) from None
    return Rows(rows=table.to_pylist(), source=str(path), first_line=1)


def _other_mark(path: Path, header: list[str], line: int) -> list[Complaint]:
    """A header that is one cell because its names are not parted by commas."""
    return [
        Complaint(
            problem=f"the header's names are parted by {name}, and CSV is read with commas",
            remedy="save it with commas between the cells, or as JSONL",
            place=Place(file=str(path), line=line),
        )
        for mark, name in _OTHER_MARKS.items()
        if len(header) == 1 and mark in header[0]
    ]


def _repeated_names(path: Path, header: list[str], line: int) -> list[Complaint]:
    return [
        Complaint(
            problem=f'two columns are called "{name}"',
            remedy="rename one: only one of them could be read",
            place=Place(file=str(path), line=line),
        )
        for name, count in Counter(header).items()
        if count > 1
    ]


def _bad_line(path: Path, number: int, error: ValueError) -> Complaint:
    message = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
    where = f" at column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
    said = message[0].lower() + message[1:]
    if "integer string conversion" in said:
        said = "it holds a number of thousands of digits"
    return Complaint(
        problem=f"line {number} is not a JSON object: {said}{where}",
        remedy="every line must be one complete object; was the file cut while being written?",
        place=Place(file=str(path), line=number),
    )


def _not_utf8(path: Path, error: UnicodeDecodeError) -> Complaint:
    # The decoder works in pieces and counts from the piece's start: only the whole file tells the line.
    whole, line = path.read_bytes(), None
    try:
        whole.decode("utf-8")
    except UnicodeDecodeError as found:
        line = whole.count(b"\n", 0, found.start) + 1
    return Complaint(
        problem=f"the file is not UTF-8: {error.reason}",
        remedy="save it as UTF-8",
        place=Place(file=str(path), line=line),
    )


def _unreadable(path: Path, error: OSError) -> Complaint:
    return Complaint(
        problem=f"the file cannot be read: {error.strerror or error}",
        remedy="check its permissions and the disk",
        place=Place(file=str(path)),
    )


def _more(path: Path, count: int) -> Complaint:
    return Complaint(
        problem=f"and {count} more lines like these",
        remedy="mend the first ones and try again",
        place=Place(file=str(path)),
    )
