"""evalkit.yaml → Plan: which models, which suites, which policy.

The command line's options are laid over the file before anything is checked, so a plan that comes
from options alone and one that comes from a file meet the same rules.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from evalkit.errors import Complaint, Place, UsageError, nearest
from evalkit.fields import Strict, Word
from evalkit.shipped import shipped
from evalkit.types import Role
from evalkit.yamlfile import Document, read, validated

SCHEMES = {"hf": "transformers", "recorded": "recorded", "fake": "fake"}


class TransformersSpec(Strict):
    """A model that runs here, through transformers."""

    backend: Literal["transformers"] = "transformers"
    model: str
    revision: str | None = None
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    device: str = "auto"
    batch_tokens: Annotated[int, Field(ge=1)] | None = None
    max_length: Annotated[int, Field(ge=1)] | None = None


class RecordedSpec(Strict):
    """Outputs recorded earlier: a JSONL or Parquet file, or a finished run (its student)."""

    backend: Literal["recorded"]
    path: str
    role: Literal["student", "teacher"] = "student"


class FakeSpec(Strict):
    """A deterministic stand-in for a model: for tests and dry runs, never for evidence."""

    backend: Literal["fake"]
    name: str = "fake"
    accuracy: Annotated[float, Field(ge=0, le=1)] = 0.9
    error_rate: Annotated[float, Field(ge=0, le=1)] = 0.0
    answer: Word | None = None
    batch_size: Annotated[int, Field(ge=1)] = 32
    delay_s: Annotated[float, Field(ge=0)] = 0.0
    broken: Literal["load", "run"] | None = None
    seed: int = 0


def spec_from_text(text: str) -> dict[str, Any]:
    """`recorded:FILE`, `hf:org/name` or a bare path or hub id, as the mapping that it stands for."""
    scheme, colon, rest = text.partition(":")
    if colon and re.fullmatch(r"[a-z]{2,}", scheme):
        if scheme not in SCHEMES:
            raise ValueError(f'there is no model scheme "{scheme}:" | {nearest(scheme, list(SCHEMES))}')
        if not rest and scheme != "fake":
            raise ValueError(f'"{text}" names no model | write {scheme}:PATH')
        if scheme == "recorded":
            return {"backend": "recorded", "path": rest}
        if scheme == "fake":
            return {"backend": "fake", **dict(pair.split("=", 1) for pair in rest.split(",") if "=" in pair)}
        return {"backend": "transformers", "model": rest}
    if not text.strip():
        raise ValueError("an empty text names no model | write a path, a hub id or recorded:FILE")
    return {"backend": "transformers", "model": text}


def _spec(value: Any) -> Any:
    if isinstance(value, str):
        return spec_from_text(value)
    if isinstance(value, dict) and "backend" not in value:
        return {"backend": "transformers", **value}
    return value


ModelSpec = TransformersSpec | RecordedSpec | FakeSpec
SpecField = Annotated[
    ModelSpec,
    Field(discriminator="backend"),
    # Editors should accept the short form too: the schema shows what may be written, not what comes of it.
    BeforeValidator(_spec, json_schema_input_type=str | ModelSpec),
]


class LatencySpec(Strict):
    """The timing protocol: how many prompts of each suite, each timed how often."""

    prompts: Annotated[int, Field(ge=1)] = 64
    repeats: Annotated[int, Field(ge=1)] = 5


class PlanFile(Strict):
    """The plan as a user writes it."""

    schema_: Literal["evalkit/plan/v1"] = Field(alias="schema", examples=["evalkit/plan/v1"])
    teacher: SpecField | None = None
    student: SpecField
    champion: SpecField | None = None
    suites: Annotated[list[str], Field(min_length=1)]
    policy: str | None = None
    noise_floor: Annotated[int, Field(ge=0)] | Literal["all"] = 0
    teacher_again: str | None = None
    latency: LatencySpec | None = None
    seed: Annotated[int, Field(ge=0)] = 0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to do, with every path absolute. `models` holds the roles that the plan names.

    `places` says where each thing was written, for complaints that only show later.
    """

    models: dict[Role, ModelSpec]
    suites: tuple[Path, ...]
    policy: str | None
    latency: LatencySpec | None
    seed: int
    limit: int | None
    text: str
    path: str | None
    document: Document | None = None
    base: Path = field(default_factory=Path.cwd)

    def place(self, *key: str | int) -> Place | None:
        """Where the plan says this; None when an option of the command line does."""
        return self.document.place(*key) if self.document is not None else None


@dataclass(frozen=True, kw_only=True)
class Overrides:
    """What the command line says over the plan. Paths are relative to the working directory."""

    teacher: str | None = None
    student: str | None = None
    champion: str | None = None
    policy: str | None = None
    suites: tuple[str, ...] = ()
    limit: int | None = None
    seed: int | None = None


def load_plan(path: Path | None, over: Overrides) -> Plan:
    """Read the plan at `path` (None: options only) and lay the options over it.

    Raises UsageError with every complaint of the file, or of the options when there is no file.
    """
    cwd = Path.cwd()
    document = read(path) if path is not None else None
    if document is not None:
        _fill_in(document, over)
        plan_file = validated(document, PlanFile)
    else:
        plan_file = _from_options(over)
    base = path.resolve().parent if path is not None else cwd
    if plan_file.noise_floor != 0 or plan_file.teacher_again is not None:
        key = "noise_floor" if plan_file.noise_floor != 0 else "teacher_again"
        raise UsageError(
            Complaint(
                problem=f'"{key}" asks for a second teacher run, which this version cannot make',
                remedy="remove the key or set noise_floor: 0",
                place=document.place(key) if document else None,
            )
        )
    models: dict[Role, ModelSpec] = {}
    complaints: list[Complaint] = []
    roles: tuple[tuple[Role, Any, str | None], ...] = (
        ("teacher", plan_file.teacher, over.teacher),
        ("student", plan_file.student, over.student),
        ("champion", plan_file.champion, over.champion),
    )
    for role, written, option in roles:
        if option is not None:
            try:
                models[role] = _absolute(_validated_option(role, option), cwd)
            except UsageError as error:
                complaints += error.complaints
        elif written is not None:
            models[role] = _absolute(written, base)
    suites = (
        tuple(_suite_path(name, cwd, plan_file, base, complaints) for name in over.suites)
        if over.suites
        else tuple(_plan_suite(name, base, document, i, complaints) for i, name in enumerate(plan_file.suites))
    )
    if complaints:
        raise UsageError(complaints)
    policy = (
        _policy_reference(over.policy, cwd) if over.policy is not None else _policy_reference(plan_file.policy, base)
    )
    return Plan(
        models=models,
        suites=suites,
        policy=policy,
        latency=plan_file.latency,
        seed=plan_file.seed if over.seed is None else over.seed,
        limit=over.limit,
        text=document.text if document is not None else "",
        path=str(path) if path is not None else None,
        document=document,
        base=base,
    )


def without(plan: Plan, role: Role) -> Plan:
    """The plan without one of its models."""
    return replace(plan, models={key: spec for key, spec in plan.models.items() if key != role})


def _fill_in(document: Document, over: Overrides) -> None:
    """Options stand in for required keys that the file leaves out, so a plan may be a mere template."""
    if over.student is not None:
        document.data.setdefault("student", over.student)
    if over.suites:
        document.data.setdefault("suites", list(over.suites))


def _from_options(over: Overrides) -> PlanFile:
    missing = [name for name, value in (("--student", over.student), ("--suite", over.suites)) if not value]
    if missing:
        raise UsageError(
            Complaint(
                problem=f"there is no plan, and {' and '.join(missing)} not given",
                remedy="name a plan file, write ./evalkit.yaml, or give the missing options",
            )
        )
    return PlanFile(
        schema="evalkit/plan/v1", student=_validated_option("student", over.student or ""), suites=list(over.suites)
    )


def _validated_option(role: str, text: str) -> ModelSpec:
    import pydantic

    try:
        return pydantic.TypeAdapter(Annotated[ModelSpec, Field(discriminator="backend")]).validate_python(
            spec_from_text(text)
        )
    except ValueError as error:
        if isinstance(error, pydantic.ValidationError):
            first = error.errors(include_url=False)[0]
            problem, remedy = f"{'.'.join(map(str, first['loc'][1:]))}: {first['msg']}", "correct the option"
        else:
            problem, _, remedy = str(error).partition(" | ")
        raise UsageError(
            Complaint(problem=f"--{role} {text}: {problem}", remedy=remedy, place=Place(file="command line"))
        ) from None


def _absolute(spec: Any, base: Path) -> ModelSpec:
    if isinstance(spec, RecordedSpec):
        return spec.model_copy(update={"path": str(_resolve(spec.path, base))})
    if isinstance(spec, TransformersSpec):
        here = _resolve(spec.model, base)
        if (here / "verdict.json").is_file():
            return RecordedSpec(backend="recorded", path=str(here))
        if here.exists() or looks_like_path(spec.model, base):
            return spec.model_copy(update={"model": str(here)})
    return spec  # type: ignore[no-any-return]


def looks_like_path(name: str, base: Path) -> bool:
    """A model that is not on disk: was it meant as a path (True) or as a hub id (False)?

    `org/name` is a hub id unless `org` is a folder here: then it is a path with a slip in it.
    """
    if name.startswith((".", "/", "~")) or name.count("/") > 1 or "\\" in name:
        return True
    return "/" in name and (base / name.split("/", 1)[0]).is_dir()


def _resolve(name: str, base: Path) -> Path:
    return Path(os.path.normpath(base / Path(name).expanduser()))


def _suite_path(name: str, cwd: Path, plan: PlanFile, base: Path, complaints: list[Complaint]) -> Path:
    """`--suite`: a path from here, the name of one of the plan's suites, or a shipped one."""
    if (found := _existing_suite(name, cwd)) is not None:
        return found
    by_name = {Path(written).name: written for written in plan.suites}
    if name in by_name and (found := _existing_suite(by_name[name], base)) is not None:
        return found
    complaints.append(
        Complaint(
            problem=f"--suite {name}: there is no such suite folder, and the plan has no suite of that name",
            remedy=nearest(name, [*by_name, *shipped("suites")]),
            place=Place(file="command line"),
        )
    )
    return Path(name)


def _plan_suite(name: str, base: Path, document: Document | None, index: int, complaints: list[Complaint]) -> Path:
    found = _existing_suite(name, base)
    if found is not None:
        return found
    parent = _resolve(name, base).parent
    known = sorted(each.name for each in parent.iterdir() if each.is_dir()) if parent.is_dir() else []
    complaints.append(
        Complaint(
            problem=f"there is no suite at {_resolve(name, base)} (a folder with a suite.yaml, or such a file)",
            remedy=nearest(Path(name).name, [*known, *shipped("suites")]),
            place=document.place("suites", index) if document else None,
        )
    )
    return Path(name)


def _existing_suite(name: str, base: Path) -> Path | None:
    path = _resolve(name, base)
    if path.is_file():
        return path
    if (path / "suite.yaml").is_file():
        return path / "suite.yaml"
    if "/" not in name and name in shipped("suites"):
        return shipped("suites")[name] / "suite.yaml"
    return None


def _policy_reference(name: str | None, base: Path) -> str | None:
    """A named policy stays a name; anything else becomes an absolute path."""
    if name is None or name in shipped("policies"):
        return name
    return str(_resolve(name, base))
