"""`evalkit init`: a plan, a suite, a policy and CI workflows that run as they are, to be made one's own.

The files lie in `files/` as they are written, but for two things that are filled in at the time: the schemas, which
editors complete and check by, and the versions that a CI job installs. `scripts/make-starter` made the suite and the
recordings out of a run of `evalkit demo`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from evalkit.errors import BrokenError, Complaint, Place, UsageError
from evalkit.files import WriteError, told, write_whole

PLAN = "evalkit.yaml"
# What a student that fails answered.
LOST = "recordings/lost-rare-classes.jsonl"
# Where a file goes ← its name in files/. No name there begins with a dot: such files mean something to git and to tools
# wherever they lie. The plan is the last, so that a folder that has one has all the rest.
FILES = {
    "suites/mails/suite.yaml": "suite.yaml",
    "suites/mails/examples.jsonl": "examples.jsonl",
    "recordings/teacher.jsonl": "teacher.jsonl",
    "recordings/student.jsonl": "student.jsonl",
    LOST: "lost-rare-classes.jsonl",
    "policy.yaml": "policy.yaml",
    ".github/workflows/evalkit.yml": "github.yml",
    ".gitlab-ci.yml": "gitlab-ci.yml",
    ".gitignore": "gitignore",
    PLAN: "plan.yaml",
}
SCHEMAS = {f".evalkit/schemas/{file}.json": file for file in ("plan", "suite", "policy")}


@dataclass(frozen=True, kw_only=True)
class Begun:
    """What `begin` wrote and what it found and kept, as paths relative to the folder."""

    written: tuple[str, ...]
    kept: tuple[str, ...]


def begin(folder: Path) -> Begun:
    """Write the starter into a folder, which is made. Files that are there are kept as they are.

    Raises UsageError when the folder is a file or has a plan already, BrokenError when it cannot be written.
    """
    if _there(folder) and not folder.is_dir():
        raise UsageError(_complaint(folder, f"{folder} is a file", "name a folder: evalkit init DIR"))
    if _there(folder / PLAN):
        problem = f"there is a plan already in {folder.resolve()}, and init changes no file"
        remedy = f"run it with `evalkit gate {folder / PLAN}`, or name another folder: evalkit init DIR"
        raise UsageError(_complaint(folder / PLAN, problem, remedy))
    written, kept = [], []
    for name, text in contents().items():
        if _there(folder / name):
            kept.append(name)
            continue
        try:
            write_whole(folder / name, text)
        except WriteError as error:
            raise BrokenError(f"{folder / name} cannot be written: {error}") from None
        written.append(name)
    return Begun(written=tuple(written), kept=tuple(kept))


def contents() -> Mapping[str, str]:
    """Every file of the starter: its path and its text, in the order in which they are written."""
    from evalkit.schema import json_schema

    schemas = {
        path: json.dumps(json_schema(file), indent=1, ensure_ascii=False) + "\n" for path, file in SCHEMAS.items()
    }
    texts = {path: (_source() / name).read_text(encoding="utf-8") for path, name in FILES.items()}
    for path in (".github/workflows/evalkit.yml", ".gitlab-ci.yml"):
        for package, version in _versions().items():
            texts[path] = texts[path].replace(f"{{{package}}}", version)
    return {**schemas, **texts}


def _there(path: Path) -> bool:
    """Is there such a file or folder? Raises BrokenError where the system will not say: none can be written there."""
    try:
        return path.exists()
    except OSError as error:
        raise BrokenError(f"{path} cannot be written: {told(error)}") from None


def _source() -> Path:
    return Path(__file__).resolve().parent / "files"


def _versions() -> dict[str, str]:
    """What a CI job installs is what is installed here, in whichever build (+cpu, +cu130) its machine has."""
    from importlib.metadata import version

    from evalkit import __version__

    return {"evalkit": __version__, "torch": version("torch").partition("+")[0]}


def _complaint(path: Path, problem: str, remedy: str) -> Complaint:
    return Complaint(problem=problem, remedy=remedy, place=Place(file=str(path)))
