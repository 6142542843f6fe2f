"""Verify: derive a finished run's numbers and verdict again from its pairs, and hash its models again.

Any laptop can do this: no model runs. What it cannot show is that the pairs are what the models answered; only
a run of the models can.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.backends import weights
from evalkit.conclude import Conclusion, broken_by_errors, conclude, premises_of
from evalkit.errors import (
    Complaint,
    EvalkitError,
    MismatchError,
    NewerRecordError,
    Place,
    RecordError,
    UsageError,
)
from evalkit.files import digest_file, digest_text
from evalkit.gate import undecided
from evalkit.pairing import reflipped, rescored
from evalkit.policy import policy_from_text
from evalkit.records import metric_record, opened, verdict_record
from evalkit.store import RECORDS, Run, read_run
from evalkit.types import MetricRow

# The same formulas on another processor or library version may differ in the last digits.
TOLERANCE = 1e-9


@dataclass(frozen=True, kw_only=True)
class Verified:
    """What was checked and holds, and what could not be checked and why."""

    checked: tuple[str, ...]
    unchecked: tuple[str, ...]


def verify(path: Path, student: Path | None = None) -> Verified:
    """Check a run from its records outwards. `student` is a model folder to hold against the record.

    Raises MismatchError at the first difference, naming it; RecordError when the run cannot be read.
    """
    if student is not None and not student.exists():
        raise UsageError(
            Complaint(
                problem=f"there is no model at {student}",
                remedy="name the folder of the student's weights",
                place=Place(file="--student"),
            )
        )
    if not (path / "manifest.json").is_file():
        read_run(path)
    try:
        return _verified(read_run(path), student)
    except NewerRecordError:
        raise
    except RecordError as error:
        # The run was complete once, or it would have no manifest: what cannot be read now has been changed.
        raise MismatchError(str(error)) from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise MismatchError(f"the records in {path} are damaged: {error!r}") from None


def _verified(run: Run, student: Path | None) -> Verified:
    checked = [_records(run), _policy(run), _scores(run), *_numbers(run)]
    unchecked: list[str] = []
    for name, digest in run.manifest.get("reports", {}).items():
        if not (run.path / name).is_file():
            unchecked.append(f"{name} is gone")
        elif digest_file(run.path / name) != digest:
            raise MismatchError(f"{name} is not the report that the run wrote; `evalkit report` renders one again")
        else:
            checked.append(name)
    for each in run.columns:
        if lacking := [role for role in each.roles if role not in run.manifest["models"]]:
            raise MismatchError(f"the manifest does not say which model the {lacking[0]} was")
    named = list(_with_members(run.manifest["models"]))
    if student is not None and "student" not in dict(named):
        raise MismatchError(f"{student} cannot be held against this run: its student is not one model")
    for role, model in named:
        override = student if role == "student" else None
        said = _model(role, model, override)
        (checked if said[0] else unchecked).append(said[1])
    for name, model in run.manifest.get("judges", {}).items():
        said = _model(f"judge of {name}", model, None)
        (checked if said[0] else unchecked).append(said[1])
    for suite in run.manifest["suites"]:
        said = _suite(suite)
        (checked if said[0] else unchecked).append(said[1])
    return Verified(checked=tuple(checked), unchecked=tuple(unchecked))


def _records(run: Run) -> str:
    for name in RECORDS:
        now, recorded = digest_file(run.path / name), run.manifest["records"].get(name)
        if now != recorded:
            raise MismatchError(f"{name} is not the file that the manifest recorded{_what_changed(run)}")
    return f"the digests of {', '.join(RECORDS)}"


def _what_changed(run: Run) -> str:
    """The first thing in the records that no longer fits: a reader wants to know what, not only that."""
    try:
        _scores(run)
        _compare_all(run)
    except MismatchError as error:
        return f": {error}"
    except (EvalkitError, KeyError, TypeError, ValueError, AttributeError) as error:
        return f", and what follows from it cannot be derived: {error!r}"
    return "; what it says still follows from the pairs"


def _policy(run: Run) -> str:
    policy = run.manifest["policy"]
    if policy is None:
        return "no policy was applied"
    if digest_text(policy["text"]) != policy["digest"]:
        raise MismatchError("the policy text in manifest.json does not have the digest recorded beside it")
    read = policy_from_text(policy["text"], policy["name"])
    for key in ("level", "max_error_rate"):
        if policy[key] != getattr(read, key):
            raise MismatchError(
                f"the policy's {key} in manifest.json is {policy[key]!r}, its text says {getattr(read, key)!r}"
            )
    return f"the policy {policy['name']}"


def _scores(run: Run) -> str:
    for each in run.columns:
        for example, role, column in rescored(each):
            raise MismatchError(
                f"pairs.parquet: {role}_{column} of {example} in {each.facts.name} is not what its output scores"
            )
        for example in reflipped(each):
            raise MismatchError(f"pairs.parquet: the flip of {example} in {each.facts.name} is not what its scores say")
    return f"the scores of {sum(each.n for each in run.columns)} pairs"


def _numbers(run: Run) -> list[str]:
    _compare_all(run)
    return [f"{len(run.results)} results and {len(run.timings)} timings", f"the verdict {run.verdict.word}"]


def _compare_all(run: Run) -> None:
    again = _again(run)
    for name, stored, derived in (
        ("results.json", run.results, again.results),
        ("timings.json", run.timings, again.timings),
    ):
        for difference in _rows_differ(stored, derived):
            raise MismatchError(f"{name}: {difference}")
        # And as it lies there: in this order, with these keys and no others.
        raw = json.loads((run.path / name).read_text(encoding="utf-8"))["metrics"]
        for difference in _differ(raw, [metric_record(row) for row in derived], name):
            raise MismatchError(difference)
    # As it lies there, with the exit code and whatever else a reader of the file would see.
    path = run.path / "verdict.json"
    written = opened(json.loads(path.read_text(encoding="utf-8")), "verdict", str(path))
    for difference in _differ(written, verdict_record(again.verdict), "verdict.json"):
        raise MismatchError(difference)


def _again(run: Run) -> Conclusion:
    manifest = run.manifest
    started = dt.datetime.fromisoformat(manifest["started"].replace("Z", "+00:00"))
    text = manifest["policy"]["text"] if manifest["policy"] is not None else None
    if not any(each.n for each in run.columns):
        policy = policy_from_text(text, manifest["policy"]["name"]) if text is not None else None
        # Why nothing was left is not in the pairs; that nothing was is.
        verdict = undecided(policy, now=started, empty=next(iter(run.verdict.reasons), "there are no pairs"))
        return Conclusion(verdict=verdict, results=(), timings=())
    premises = premises_of(manifest, text, started)
    if broken := broken_by_errors(run.columns, premises.policy):
        raise MismatchError(f"the pairs are those of a broken run, yet it has a manifest: {broken[0]}")
    return conclude(run.columns, premises)


def _rows_differ(stored: Sequence[MetricRow], derived: Sequence[MetricRow]) -> Iterator[str]:
    by_question = {row.question: metric_record(row) for row in derived}
    for row in stored:
        name = " ".join(filter(None, (row.question.metric, row.question.suite, row.question.slice)))
        again = by_question.pop(row.question, None)
        if again is None:
            yield f"{name} does not follow from the pairs"
        else:
            yield from _differ(metric_record(row), again, name)
    for question in by_question:
        yield f"{question.metric} of {question.suite} {question.slice or ''} is missing"


def _differ(stored: Any, derived: Any, where: str) -> Iterator[str]:
    if isinstance(stored, Mapping) and isinstance(derived, Mapping):
        for key in [*stored, *(key for key in derived if key not in stored)]:
            yield from _differ(stored.get(key), derived.get(key), f"{where} › {key}")
    elif isinstance(stored, list) and isinstance(derived, list):
        if len(stored) != len(derived):
            yield f"{where} has {len(stored)} entries, the pairs give {len(derived)}"
        for index, (one, other) in enumerate(zip(stored, derived, strict=False)):
            yield from _differ(one, other, f"{where}[{index}]")
    elif isinstance(stored, bool) != isinstance(derived, bool):
        yield f"{where} says {stored!r}, the pairs give {derived!r}"
    elif isinstance(stored, float) and isinstance(derived, (int, float)):
        if abs(stored - derived) > TOLERANCE * max(1.0, abs(stored)):
            yield f"{where} says {stored!r}, the pairs give {derived!r}"
    elif stored != derived:
        yield f"{where} says {stored!r}, the pairs give {derived!r}"


def _with_members(models: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every model of the run under its role; of an ensemble, its members."""
    for role, model in models.items():
        if not model.get("members"):
            yield role, model
        for member in model.get("members", ()):
            yield f"{role}'s member {member['name']}", member


def _model(role: str, model: Mapping[str, Any], override: Path | None) -> tuple[bool, str]:
    """Hash a model's bytes again: at `override`, else where the run found them."""
    path = override if override is not None else Path(model["path"]) if model.get("path") else None
    if path is None:
        return False, f"the {role} {model['name']} has no files to hash"
    if not path.exists():
        return False, f"the {role} is no longer at {path}"
    if path.is_dir() and weights.weight_files(path):
        recorded, now = model.get("weights_digest"), weights.weights_digest(path)
        if recorded is None:
            if override is not None:
                raise MismatchError(f"the run recorded no weights of the {role}, so {path} cannot be held against it")
            return False, f"the run recorded no weights of the {role}"
        if now != recorded:
            raise MismatchError(f"the {role}'s weights at {path} are {now}, the run recorded {recorded}")
        tokenizer = weights.tokenizer_digest(path)
        if model.get("tokenizer_digest") is not None and tokenizer != model["tokenizer_digest"]:
            raise MismatchError(f"the {role}'s tokenizer at {path} is not the one that the run recorded")
        if weights.template_digest(path) != model.get("template_digest") and model["live"]:
            raise MismatchError(f"the {role}'s chat template at {path} is not the one that the run recorded")
        return True, f"the {role}'s weights and tokenizer at {path}"
    if override is not None:
        raise MismatchError(f"{path} holds no safetensors weights to hold against the run's student")
    recording = path / "pairs.parquet" if path.is_dir() else path
    if not recording.is_file() or digest_file(recording) != model["digest"]:
        raise MismatchError(f"the {role}'s recording {recording} is not the one that the run read")
    return True, f"the {role}'s recording {recording.name}"


def _suite(suite: Mapping[str, Any]) -> tuple[bool, str]:
    from evalkit.suite import load_suite

    path = Path(suite["path"])
    if not path.is_file():
        return False, f"the suite {suite['name']} is no longer at {path}"
    try:
        now = load_suite(path).facts.digest
    except UsageError as error:
        raise MismatchError(f"the suite {suite['name']} has changed since the run: {error.complaints[0]}") from None
    if now != suite["digest"]:
        raise MismatchError(f"the suite {suite['name']} at {path} has changed since the run: it was {suite['digest']}")
    return True, f"the suite {suite['name']}"
