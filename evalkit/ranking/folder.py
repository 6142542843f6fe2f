"""The folder of several students' runs: a run in a folder of its name for each, and the ranking beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evalkit.errors import Complaint, Place, UsageError
from evalkit.files import canonical_json, leftovers
from evalkit.gather import Known, identified
from evalkit.machine import versions
from evalkit.pipeline import asked_of
from evalkit.prepare import Job
from evalkit.store import STARTED, read_run
from evalkit.students import RANKING_FILES
from evalkit.types import Role

# What lies beside a run's records without saying what was asked, or says it twice.
_SAID_BY_DIGEST = frozenset({"path", "text", "name"})
_WORDS = {
    "suites": "a suite",
    "batch_shape_requests": "the batch-shape audit",
    "latency": "the timing protocol",
    "terms": "the prices or the fallback",
    "labelled": "the labels",
    "versions": "the versions of the programs",
}


def check_folder(out: Path) -> None:
    """Raises UsageError where `out` cannot hold the runs of several students: it is a file or a run, or holds something
    that is neither a run nor a ranking."""
    if out.exists() and not out.is_dir():
        raise UsageError(_complaint(out, f"{out} is a file", "name a folder for the students' runs"))
    if not out.is_dir():
        return
    if any((out / name).is_file() for name in ("manifest.json", "verdict.json", STARTED)):
        raise UsageError(
            _complaint(out, f"{out} holds a run, and this plan makes one for each student", "name another folder")
        )
    torn = {each.name for each in leftovers(out)}
    others = sorted(
        each.name
        for each in out.iterdir()
        if each.name not in torn and each.name not in RANKING_FILES and not (each.is_dir() and _holds_run(each))
    )
    if others:
        raise UsageError(_complaint(out, f"{out} holds other files ({others[0]}, …)", "name a new or empty folder"))


def _holds_run(folder: Path) -> bool:
    names = {each.name for each in folder.iterdir()}
    return not names or bool(names & {"manifest.json", "verdict.json", STARTED})


def is_complete(run: Path) -> bool:
    """Does a finished run lie there?"""
    return (run / "manifest.json").is_file()


def differences(job: Job, run: Path, known: Known) -> list[str]:
    """In what a finished run differs from what the job asks for, in words; nothing where it is the same again.

    Raises RecordError where the run cannot be read, BrokenError where a model cannot.
    """
    then = read_run(run).manifest
    asked = {**asked_of(job), "versions": versions()}
    found = [_word(key) for key, value in asked.items() if _bare(value) != _bare(then.get(key))]
    for role, backend in job.backends.items():
        record = (then.get("models") or {}).get(role)
        # A champion that could not be used then left no record, and may be another one now.
        if record is None or not _is(record, backend, role, job, known):
            found.append(f"the {role.replace('_again', '')}")
    before = {role for role in then.get("models") or {} if role not in job.backends}
    found += [f"the {role.replace('_again', '')}" for role in sorted(before)]
    return list(dict.fromkeys(found))


def _word(key: str) -> str:
    return _WORDS.get(key) or f"the {key.replace('_', ' ')}"


def _is(record: Mapping[str, Any], backend: Any, role: Role, job: Job, known: Known) -> bool:
    facts = identified(backend, role, job.plan.models[role], known)
    return record["digest"] == facts.digest and _bare(record["settings"]) == _bare(dict(facts.settings))


def _bare(value: Any) -> str:
    """The value as JSON, without what a digest beside it says better."""

    def stripped(each: Any) -> Any:
        if isinstance(each, dict):
            return {
                key: stripped(inner) for key, inner in each.items() if not (key in _SAID_BY_DIGEST and "digest" in each)
            }
        return [stripped(inner) for inner in each] if isinstance(each, list | tuple) else each

    return canonical_json(stripped(json.loads(canonical_json(value))))


def another(run: Path, differ: Sequence[str]) -> Complaint:
    """That a finished run is of another plan."""
    what = f"{', '.join(differ[:-1])} and {differ[-1]}" if len(differ) > 1 else differ[0]
    are = "are" if len(differ) > 1 or what.startswith(("the versions", "the labels", "the prices")) else "is"
    return _complaint(
        run,
        f"{run} holds a finished run of another plan ({what} {are} not the same), and a run is never changed",
        "name another folder, or leave --out away",
    )


def _complaint(out: Path, problem: str, remedy: str) -> Complaint:
    return Complaint(problem=problem, remedy=remedy, place=Place(file=str(out)))
