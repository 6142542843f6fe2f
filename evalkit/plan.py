"""evalkit.yaml → Plan: which models, which suites, which policy.

The command line's options are laid over the file before anything is checked, so a plan that comes
from options alone and one that comes from a file meet the same rules.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, ValidationInfo, field_validator

from evalkit.data import SUFFIXES
from evalkit.errors import Complaint, Place, UsageError, nearest
from evalkit.shipped import shipped
from evalkit.specs import (
    FakeSpec,
    ModelSpec,
    RecordedSpec,
    SpecField,
    TransformersSpec,
    absolute,
    resolved,
    spec_from_text,
)
from evalkit.strict import AS_NUMBER, Strict
from evalkit.students import Student, StudentField, named
from evalkit.types import Costs, Fallback, Role, Terms
from evalkit.yamlfile import Document, must, read, validated


class LatencySpec(Strict):
    """The timing protocol: how many prompts of each suite, each timed how often.

    Prompts that are answered with text are also timed with an answer of `fixed_tokens` tokens (or the suite's
    max_new_tokens, if that is less), so that no model is faster by saying less.
    """

    prompts: Annotated[int, Field(ge=1)] = 64
    repeats: Annotated[int, Field(ge=1)] = 5
    fixed_tokens: Annotated[int, Field(ge=1)] = 32


class FallbackSpec(Strict):
    """Who answers where the student is not sure, and how much it may get wrong that they would have got right."""

    to: Fallback = "teacher"
    risk: Annotated[float, Field(gt=0, lt=1), AS_NUMBER] = 0.02
    level: Annotated[float, Field(gt=0.5, lt=1), AS_NUMBER] | None = None


Amount = Annotated[float, Field(ge=0), AS_NUMBER]
Price = Annotated[float, Field(gt=0), AS_NUMBER]


class CostsSpec(Strict):
    """Prices per thousand requests and what else a change costs, in one currency."""

    teacher: Price | None = None
    student: Amount | None = None
    human: Amount | None = None
    requests_per_month: Annotated[int, Field(ge=1)] | None = None
    one_off: Amount | None = None
    horizon_months: Annotated[int, Field(ge=1)] = 12
    fixed_per_month: Amount = 0.0


class PlanFile(Strict):
    """The plan as a user writes it."""

    schema_: Literal["evalkit/plan/v1"] = Field(alias="schema", examples=["evalkit/plan/v1"])
    teacher: SpecField | None = None
    # Before `student`, whose validator looks at it.
    students: Annotated[list[StudentField], Field(min_length=1)] | None = None
    student: Annotated[SpecField | None, Field(validate_default=True)] = None
    champion: SpecField | None = None
    suites: Annotated[list[str], Field(min_length=1)]
    policy: str | None = None
    noise_floor: Annotated[int, Field(ge=0)] | Literal["all"] = 0
    teacher_again: str | None = None
    token_fidelity: Annotated[int, Field(ge=0)] | Literal["all"] = "all"
    latency: LatencySpec | None = None
    labelled: str | None = None
    batch_shape_audit: Annotated[int, Field(ge=0)] = 32
    fallback: FallbackSpec = FallbackSpec()
    costs: CostsSpec = CostsSpec()
    seed: Annotated[int, Field(ge=0)] = 0

    @field_validator("student")
    @classmethod
    def _one_or_several(cls, student: ModelSpec | None, info: ValidationInfo) -> ModelSpec | None:
        """One student or a list of them, and never both."""
        from pydantic_core import PydanticCustomError

        # A list that is wrong in itself is not among the data.
        if student is None and info.data.get("students", ...) is None:
            raise PydanticCustomError("missing", "Field required")
        if student is not None and info.data.get("students") is not None:
            raise ValueError(
                "the plan names both `student` and `students` | keep one of the two; a list may hold a single student"
            )
        return student


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to do, with every path absolute. `models` holds the roles that the plan names.

    `places` says where each thing was written, for complaints that only show later. A plan of several `students` has
    none in `models`: `of` makes it the plan of one of them.
    """

    models: dict[Role, ModelSpec]
    suites: tuple[Path, ...]
    policy: str | None
    latency: LatencySpec | None
    # What people say of some answers (evalkit/labelled.py).
    labelled: Path | None
    noise_floor: int | Literal["all"]
    # On how many examples of a suite the student reads the teacher's written answer (evalkit/forced.py).
    token_fidelity: int | Literal["all"] = "all"
    terms: Terms
    seed: int
    limit: int | None
    text: str
    path: str | None
    document: Document | None = None
    # Roles whose models were named on the command line.
    options: frozenset[str] = frozenset()
    students: tuple[Student, ...] = ()
    # So many requests of each suite are asked once more, each alone (evalkit/batch_shape.py); 0: none.
    batch_shape_audit: int = 32
    # Which of several students this is the plan of.
    one_of: Student | None = None

    def of(self, student: Student) -> Plan:
        """The plan of one of its students alone."""
        found = {**self.models, "student": student.spec}
        models = {role: found[role] for role in get_args(Role) if role in found}
        return replace(self, models=models, students=(), one_of=student)

    def place(self, *key: str | int) -> Place | None:
        """Where the plan, or an option in its stead, says this; None when there is no plan."""
        if key and key[0] in self.options:
            return Place(file="command line", key=f"--{key[0]}")
        if key[:1] == ("student",) and self.one_of is not None:
            key = ("students", self.one_of.at, *key[1:])
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
    options, complaints = _model_options(over)
    document = _read(path) if path is not None else None
    if complaints:
        raise UsageError(complaints)
    if document is not None:
        _fill_in(document, over)
        plan_file = validated(document, PlanFile)
    else:
        plan_file = _from_options(over, options)
    base = path.resolve().parent if path is not None else cwd
    models: dict[Role, ModelSpec] = {}
    roles: tuple[tuple[Role, Any], ...] = (
        ("teacher", plan_file.teacher),
        ("student", plan_file.student),
        ("champion", plan_file.champion),
    )
    for role, written in roles:
        if role in options:
            models[role] = absolute(options[role], cwd)
        elif written is not None:
            models[role] = absolute(written, base)
    _champion_is_a_path(models, over.champion or (document.data.get("champion") if document else None), over, base)
    # --student stands in place of them all.
    several = plan_file.students if over.student is None else None
    students, wrong = named(several or (), base, document)
    complaints += wrong
    noise_floor = _add_second_run(models, plan_file, base, document, again=over.teacher is None, complaints=complaints)
    suites = (
        tuple(_suite_path(name, over, cwd, plan_file, base, complaints) for name in over.suites)
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
        batch_shape_audit=plan_file.batch_shape_audit,
        labelled=resolved(plan_file.labelled, base) if plan_file.labelled is not None else None,
        noise_floor=noise_floor,
        token_fidelity=plan_file.token_fidelity,
        terms=_terms(plan_file),
        seed=plan_file.seed if over.seed is None else over.seed,
        limit=over.limit,
        text=document.text if document is not None else "",
        path=str(path) if path is not None else None,
        document=document,
        options=frozenset(options),
        students=students,
    )


def _terms(plan_file: PlanFile) -> Terms:
    fallback = plan_file.fallback
    return Terms(
        fallback_to=fallback.to,
        risk=fallback.risk,
        level=fallback.level,
        costs=Costs(**plan_file.costs.model_dump()),
    )


def _read(path: Path) -> Document:
    """A plan's file. Raises UsageError, which says what it is where it is something else of evalkit's."""
    if (said := _no_plan(path)) is not None:
        raise UsageError(Complaint(problem=said[0], remedy=said[1], place=Place(file=str(path))))
    document = read(path)
    seen = document.data.get("schema")
    kind = seen.split("/")[1] if isinstance(seen, str) and seen.startswith("evalkit/") and seen.count("/") == 2 else ""
    remedies = {
        "suite": f"this is a suite: name it with --suite {path.parent}, or in a plan under `suites:`",
        "policy": f"this is a policy: name it with --policy {path}, or in a plan under `policy:`",
    }
    if kind in remedies:
        problem = f'the file says "{seen}", where evalkit/plan/v1 is expected'
        raise UsageError(Complaint(problem=problem, remedy=remedies[kind], place=document.place("schema")))
    return document


def _no_plan(path: Path) -> tuple[str, str] | None:
    """What was named instead of a plan, and how it is used; None for what may be a plan."""
    folder = path.parent
    if path.suffix in SUFFIXES and path.is_file():
        remedy = "a suite's folder is named with --suite, recorded outputs with --student recorded:FILE"
        return f"{path} holds rows, and is no plan", remedy
    if path.exists() or not folder.is_dir():
        return None
    if (folder / "suite.yaml").is_file():
        return f"{folder} is a suite, and no plan", f"name it with --suite {folder}, or in a plan under `suites:`"
    if (folder / "verdict.json").is_file():
        return f"{folder} is a run, and no plan", f"evalkit show {folder}, or evalkit regate {folder} --policy …"
    if (folder / "config.json").is_file():
        return f"{folder} is a model, and no plan", f"name it with --student {folder} or --teacher {folder}"
    return None


def _champion_is_a_path(models: dict[Role, ModelSpec], written: Any, over: Overrides, base: Path) -> None:
    """`champion: runs/in-service` is a run, there or not: only `hf:org/name` asks the hub for a champion."""
    spec = models.get("champion")
    if isinstance(spec, TransformersSpec) and isinstance(written, str) and not written.startswith("hf:"):
        here = resolved(written, Path.cwd() if over.champion is not None else base)
        models["champion"] = spec.model_copy(update={"model": str(here)})


def _add_second_run(
    models: dict[Role, ModelSpec],
    plan_file: PlanFile,
    base: Path,
    document: Document | None,
    *,
    again: bool,
    complaints: list[Complaint],
) -> int | Literal["all"]:
    """Name the teacher's second run among the models, if the plan asks for one; returns on how many examples.

    A recording cannot run twice, so its second run is a recording too: of the plan's teacher, hence not `again`
    when the command line names another one.
    """
    wanted = plan_file.noise_floor
    if plan_file.teacher_again is not None and again:
        models["teacher_again"] = absolute(RecordedSpec(backend="recorded", path=plan_file.teacher_again), base)
        return wanted or "all"
    teacher = models.get("teacher")
    if wanted == 0 or teacher is None:
        return 0
    if isinstance(teacher, RecordedSpec):
        complaints.append(
            Complaint(
                problem="the noise floor needs a second run of the teacher, and a recording cannot run again",
                remedy="record the teacher twice and name the second file as teacher_again, or set noise_floor: 0",
                place=document.place("noise_floor") if document else None,
            )
        )
        return 0
    models["teacher_again"] = teacher
    return wanted


def _fill_in(document: Document, over: Overrides) -> None:
    """Options stand in for required keys that the file leaves out, so a plan may be a mere template."""
    if over.student is not None and "students" not in document.data:
        document.data.setdefault("student", over.student)
    if over.suites:
        document.data.setdefault("suites", list(over.suites))


def _from_options(over: Overrides, options: dict[Role, ModelSpec]) -> PlanFile:
    missing = [name for name, value in (("--student", over.student), ("--suite", over.suites)) if not value]
    if missing:
        raise UsageError(
            Complaint(
                problem="there is no plan here: no evalkit.yaml, and no "
                + " and no ".join(missing)
                + " that could do without one",
                remedy=_plan_elsewhere()
                or "`evalkit init` writes one that runs; or name one (evalkit gate PLAN), or give --student, --suite",
                place=Place(file=str(Path.cwd() / "evalkit.yaml")),
            )
        )
    return PlanFile(schema="evalkit/plan/v1", student=options["student"], suites=list(over.suites))


def _plan_elsewhere() -> str | None:
    """Where a plan lies that was perhaps meant."""
    here = Path.cwd()
    for above in (here, *here.parents[:3]):
        for name in ("evalkit.yaml", "evalkit.yml"):
            if (above / name).is_file():
                return f"did you mean this one? evalkit gate {os.path.relpath(above / name)}"
    return None


def _model_options(over: Overrides) -> tuple[dict[Role, ModelSpec], list[Complaint]]:
    """The models that options name, and what is wrong with them."""
    found: dict[Role, ModelSpec] = {}
    complaints: list[Complaint] = []
    named: tuple[tuple[Role, str | None], ...] = (
        ("teacher", over.teacher),
        ("student", over.student),
        ("champion", over.champion),
    )
    for role, text in named:
        if text is not None:
            try:
                found[role] = _validated_option(role, text)
            except UsageError as error:
                complaints += error.complaints
    return found, complaints


def _validated_option(role: str, text: str) -> ModelSpec:
    import pydantic

    try:
        return pydantic.TypeAdapter(Annotated[ModelSpec, Field(discriminator="backend")]).validate_python(
            spec_from_text(text)
        )
    except ValueError as error:
        if isinstance(error, pydantic.ValidationError):
            first = error.errors(include_url=False)[0]
            name = str(first["loc"][-1])
            problem, remedy = f"{name} must be {must(first)}", "correct the option"
            if first["type"] == "extra_forbidden":
                problem, remedy = f'there is no setting "{name}"', nearest(name, list(FakeSpec.model_fields))
        else:
            problem, _, remedy = str(error).partition(" | ")
        raise UsageError(
            Complaint(problem=f"--{role} {text}: {problem}", remedy=remedy, place=Place(file="command line"))
        ) from None


def _suite_path(name: str, over: Overrides, cwd: Path, plan: PlanFile, base: Path, complaints: list[Complaint]) -> Path:
    """`--suite`: a path from here, the name of one of the plan's suites, or a shipped one."""
    if (found := _existing_suite(name, cwd)) is not None:
        return found
    by_name = {Path(written).name: written for written in plan.suites}
    if name in by_name and (found := _existing_suite(by_name[name], base)) is not None:
        return found
    mine = [] if plan.suites == list(over.suites) else list(by_name)
    complaints.append(
        Complaint(
            problem=f"--suite {name}: there is no such suite folder"
            + (", and the plan has no suite of that name" if mine else ""),
            remedy=nearest(name, list(dict.fromkeys([*mine, *_suites_beside(name, cwd), *shipped("suites")]))),
            place=Place(file="command line"),
        )
    )
    return Path(name)


def _suites_beside(name: str, base: Path) -> list[str]:
    """The suites in the folder where `name` would be, written as `name` is."""
    parent = resolved(name, base).parent
    return sorted(str(Path(name).parent / each.parent.name) for each in parent.glob("*/suite.yaml"))


def _plan_suite(name: str, base: Path, document: Document | None, index: int, complaints: list[Complaint]) -> Path:
    found = _existing_suite(name, base)
    if found is not None:
        return found
    complaints.append(
        Complaint(
            problem=f"there is no suite at {resolved(name, base)} (a folder with a suite.yaml, or such a file)",
            remedy=nearest(name, [*_suites_beside(name, base), *shipped("suites")]),
            place=document.place("suites", index) if document else None,
        )
    )
    return Path(name)


def _existing_suite(name: str, base: Path) -> Path | None:
    path = resolved(name, base)
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
    return str(resolved(name, base))
