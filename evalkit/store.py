"""The run directory: written once, manifest last; read back as what it was.

The records are manifest.json, verdict.json, results.json, timings.json and pairs.parquet. The reports beside
them are renderings, which can be made again from the records.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalkit.columns import ADDED_COLUMNS, FORCED_COLUMNS, PAIR_COLUMNS, ROLE_COLUMNS, Columns
from evalkit.errors import BrokenError, Complaint, MismatchError, Place, RecordError, UsageError
from evalkit.files import digest_file, leftovers, pretty_json, settle, told, write_whole
from evalkit.parquet import opened as parquet
from evalkit.parquet import to_array, to_values, written
from evalkit.records import (
    SCHEMAS,
    metric_from,
    metric_record,
    opened,
    suite_from,
    verdict_from,
    verdict_record,
)
from evalkit.types import MetricRow, Role, Verdict

if TYPE_CHECKING:
    import pyarrow

STARTED = ".started"
RECORDS = ("verdict.json", "results.json", "timings.json", "pairs.parquet")
_ROLES: tuple[Role, ...] = ("teacher", "student", "champion", "teacher_again")


@dataclass(frozen=True, kw_only=True)
class Run:
    """A finished run as read from its directory. `columns` are its pairs, a suite each."""

    path: Path
    manifest: Mapping[str, Any]
    verdict: Verdict
    results: tuple[MetricRow, ...]
    timings: tuple[MetricRow, ...]
    columns: tuple[Columns, ...]


def claim(out: Path) -> None:
    """Take a directory for a run: a new one, or one whose run did not finish.

    Raises UsageError when it holds a finished run or something else, BrokenError when it cannot be written.
    """
    if out.exists() and not out.is_dir():
        raise UsageError(_complaint(out, f"{out} is a file", "name a folder for the run"))
    if (out / "manifest.json").is_file():
        raise UsageError(
            _complaint(
                out,
                f"{out} holds a finished run, and a run is never changed",
                "name another folder, or leave --out away",
            )
        )
    # A process that was killed while it wrote leaves half a file under a name of its own; it says nothing.
    torn = leftovers(out) if out.is_dir() else []
    held = {each.name for each in out.iterdir()} - {each.name for each in torn} if out.is_dir() else set()
    if held and STARTED not in held and "verdict.json" not in held:
        raise UsageError(_complaint(out, f"{out} holds other files ({min(held)}, …)", "name a new or empty folder"))
    try:
        out.mkdir(parents=True, exist_ok=True)
        for each in torn:
            each.unlink(missing_ok=True)
        write_whole(out / STARTED, "a run began here and has not finished; the same command resumes it\n")
    except OSError as error:
        raise BrokenError(f"the run directory {out} cannot be written: {told(error)}") from None


def write_records(
    out: Path,
    verdict: Verdict,
    rows: Sequence[MetricRow],
    timed: Sequence[MetricRow],
    columns: Sequence[Columns],
) -> dict[str, str]:
    """Write everything but the manifest. Returns each record's digest. Raises BrokenError when a write fails."""
    texts = {
        "results.json": {"schema": SCHEMAS["results"], "metrics": [metric_record(row) for row in rows]},
        "timings.json": {"schema": SCHEMAS["timings"], "metrics": [metric_record(row) for row in timed]},
        "verdict.json": verdict_record(verdict),
    }
    try:
        _write_pairs(out / "pairs.parquet", columns)
        for name, value in texts.items():
            write_whole(out / name, pretty_json(value))
        return {name: digest_file(out / name) for name in RECORDS}
    except OSError as error:
        raise BrokenError(f"the run directory {out} cannot be written: {told(error)}") from None


def write_texts(out: Path, texts: Mapping[str, str]) -> None:
    """Write renderings. Raises BrokenError when a write fails."""
    try:
        for name, text in texts.items():
            write_whole(out / name, text)
    except OSError as error:
        raise BrokenError(f"the run directory {out} cannot be written: {told(error)}") from None


def withdraw(out: Path) -> None:
    """Take back the verdict of a run that could not be written to its end."""
    try:
        for name in ("manifest.json", "verdict.json"):
            (out / name).unlink(missing_ok=True)
    except OSError as error:
        raise BrokenError(f"the run directory {out} cannot be written: {told(error)}") from None


def finish(out: Path, manifest: Mapping[str, Any]) -> None:
    """Write the manifest: from here on the run is complete."""
    try:
        # A power cut must not leave the manifest without what it speaks of: their names first, then its own.
        settle(out)
        write_whole(out / "manifest.json", pretty_json({"schema": SCHEMAS["manifest"], **manifest}))
        settle(out)
        (out / STARTED).unlink(missing_ok=True)
    except OSError as error:
        raise BrokenError(f"the run directory {out} cannot be written: {told(error)}") from None


def read_run(path: Path) -> Run:
    """A complete run. Raises RecordError with what is missing or damaged."""
    if not path.is_dir():
        raise RecordError(f"there is no run directory {path}")
    if not (path / "manifest.json").is_file():
        if (path / "verdict.json").is_file() and read_verdict(path).word == "broken":
            raise RecordError(f"the run in {path} broke and left no manifest.json; its verdict.json says why")
        raise RecordError(f"{path} holds no finished run: it has no manifest.json")
    manifest = opened(_json(path / "manifest.json"), "manifest", str(path / "manifest.json"))
    try:
        verdict = verdict_from(opened(_json(path / "verdict.json"), "verdict", str(path / "verdict.json")))
        results = opened(_json(path / "results.json"), "results", str(path / "results.json"))
        timings = opened(_json(path / "timings.json"), "timings", str(path / "timings.json"))
        facts = {each["name"]: suite_from(each) for each in manifest["suites"]}
        return Run(
            path=path,
            manifest=manifest,
            verdict=verdict,
            results=tuple(metric_from(each) for each in results["metrics"]),
            timings=tuple(metric_from(each) for each in timings["metrics"]),
            columns=_read_pairs(path / "pairs.parquet", facts, manifest.get("timing", {})),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise RecordError(f"the records in {path} lack or misname {error}") from None


def check_untouched(run: Run) -> None:
    """Raises MismatchError when a record is not the file that the manifest recorded: nothing may be built on it."""
    for name in RECORDS:
        if digest_file(run.path / name) != run.manifest["records"].get(name):
            raise MismatchError(f"{run.path / name} is not the file that the manifest beside it recorded")


def read_verdict(path: Path) -> Verdict:
    """The verdict alone, of any run that has one, broken ones too. Raises RecordError."""
    if not (path / "verdict.json").is_file():
        raise RecordError(f"{path} holds no verdict.json" if path.is_dir() else f"there is no run directory {path}")
    try:
        return verdict_from(opened(_json(path / "verdict.json"), "verdict", str(path / "verdict.json")))
    except (KeyError, TypeError, AttributeError) as error:
        raise RecordError(f"{path / 'verdict.json'} lacks or misnames {error}") from None


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
    except FileNotFoundError:
        raise RecordError(f"{path} is missing") from None
    except (OSError, ValueError, RecursionError) as error:
        raise RecordError(f"{path} cannot be read: {error}") from None


def _complaint(out: Path, problem: str, remedy: str) -> Complaint:
    return Complaint(problem=problem, remedy=remedy, place=Place(file=str(out)))


def _schema(roles: Sequence[Role]) -> pyarrow.Schema:
    import pyarrow as pa

    numbers, text = pa.list_(pa.float64()), pa.string()
    kinds = {
        "probs": numbers,
        "choice_logprobs": numbers,
        "choice_tokens": pa.list_(pa.int64()),
        "token_logprobs": numbers,
        "tokens_in": pa.int64(),
        "tokens_out": pa.int64(),
        "latency_s": pa.float64(),
        "ttft_s": pa.float64(),
        "tpot_s": pa.float64(),
        "fixed_latency_s": pa.float64(),
        "marks": pa.float64(),
        "correct": pa.bool_(),
        "unparsable": pa.bool_(),
        "confidence": pa.float64(),
    }
    forced = {**dict.fromkeys(FORCED_COLUMNS, numbers), "forced_same_top": pa.list_(pa.bool_()), "forced_note": text}
    fields = [(name, forced.get(name, text)) for name in PAIR_COLUMNS]
    fields += [(f"{role}_{name}", kinds.get(name, text)) for role in roles for name in ROLE_COLUMNS]
    return pa.schema(fields)


def _write_pairs(path: Path, columns: Sequence[Columns]) -> None:
    """One table of all suites, a row group each. Text that is not valid Unicode is escaped, not lost."""
    import pyarrow as pa

    roles = tuple(role for role in _ROLES if any(role in each.roles for each in columns))
    schema = _schema(roles)
    tables = [
        pa.Table.from_arrays([_array(each, field.name, field.type) for field in schema], schema=schema)
        for each in columns
    ]
    write_whole(path, written(tables, schema))


def _array(columns: Columns, name: str, kind: pyarrow.DataType) -> pyarrow.Array:
    values = columns.data.get(name, [None] * columns.n)
    try:
        return to_array(values, kind)
    except UnicodeEncodeError:
        return to_array(
            [each.encode("utf-8", "backslashreplace").decode("utf-8") if each is not None else None for each in values],
            kind,
        )


def _read_pairs(path: Path, facts: Mapping[str, Any], timing: Mapping[str, Any]) -> tuple[Columns, ...]:
    import pyarrow

    try:
        whole = parquet(path)
    except (pyarrow.ArrowException, OSError) as error:
        raise RecordError(f"{path} cannot be read: {error}") from None
    roles = tuple(role for role in _ROLES if f"{role}_status" in whole.column_names)
    older = ["flip", *FORCED_COLUMNS, *(f"{role}_{name}" for role in roles for name in ADDED_COLUMNS)]
    for name in [name for name in older if name not in whole.column_names]:
        whole = whole.append_column(name, pyarrow.nulls(whole.num_rows, _schema(roles).field(name).type))
    lacking = [name for name in _schema(roles).names if name not in whole.column_names]
    # A run that had nothing to ask has no role's columns either.
    if lacking or (whole.num_rows and "student" not in roles):
        raise RecordError(f"{path} lacks the column {lacking[0] if lacking else 'student_status'}")
    suites = to_values(whole["suite"])
    unknown = sorted(set(suites) - set(facts))
    if unknown:
        raise RecordError(f"{path} holds pairs of {unknown[0]}, which the manifest does not name")
    found = []
    for name, each in facts.items():
        part = _rows_of(whole, suites, name)
        present = tuple(
            role for role in roles if part[f"{role}_status"].null_count < part.num_rows or not part.num_rows
        )
        absent = {f"{role}_{name}" for role in roles if role not in present for name in ROLE_COLUMNS}
        data = {column: to_values(part[column], list) for column in part.column_names if column not in absent}
        found.append(Columns(facts=each, roles=present, data=data, timing=timing.get(name, {})))
    return tuple(found)


def _rows_of(whole: pyarrow.Table, suites: Sequence[str], name: str) -> pyarrow.Table:
    """A suite's rows, which stand together unless somebody else wrote the file."""
    import pyarrow

    n = suites.count(name)
    first = suites.index(name) if n else 0
    if suites[first : first + n].count(name) == n:
        return whole.slice(first, n)
    return whole.take(pyarrow.array([row for row, each in enumerate(suites) if each == name]))
