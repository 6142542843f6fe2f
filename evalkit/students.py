"""`students:` of a plan: several students that ask for one teacher's place, each with a name of its own.

A name is what a reader calls the student by and what its folder is called: the one that the plan gives, or else the
last part of its path, with as many parts before it as it takes to tell it from the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from evalkit.errors import Complaint
from evalkit.specs import (
    EnsembleSpec,
    FakeSpec,
    ModelSpec,
    OpenAISpec,
    RecordedSpec,
    TransformersSpec,
    _spec,
    absolute,
)
from evalkit.yamlfile import Document

# What the ranking is written to, beside the students' folders.
RANKING_FILES = ("ranking.json", "ranking.md", "ranking.html")
_LONGEST = 60


def plain(name: str, otherwise: str = "student") -> str:
    """A name that is safe in a path: letters, digits, `-`, `_` and `.`, at most 60; `otherwise` where nothing is
    left."""
    kept = "".join(each if each.isalnum() or each in "-_." else "-" for each in name)
    return kept.strip("-.")[:_LONGEST] or otherwise


def _folder_name(name: str) -> str:
    if plain(name, "") != name or name.casefold() in RANKING_FILES:
        raise ValueError(
            f'"{name:.80}" cannot name a folder here | write letters, digits, "-", "_" and ".", at most {_LONGEST}'
        )
    return name


Name = Annotated[str, AfterValidator(_folder_name)]


class NamedTransformers(TransformersSpec):
    """One of several students that runs here."""

    name: Name | None = None


class NamedOpenAI(OpenAISpec):
    """One of several students behind a server."""

    name: Name | None = None


class NamedRecorded(RecordedSpec):
    """One of several students that was recorded."""

    name: Name | None = None


# A stand-in and an ensemble have a name anyway.
NamedSpec = NamedTransformers | NamedOpenAI | NamedRecorded | FakeSpec | EnsembleSpec
StudentField = Annotated[
    NamedSpec,
    Field(discriminator="backend"),
    BeforeValidator(_spec, json_schema_input_type=str | NamedSpec),
]
_PLAIN_SPECS: Mapping[type[ModelSpec], type[ModelSpec]] = {
    NamedTransformers: TransformersSpec,
    NamedOpenAI: OpenAISpec,
    NamedRecorded: RecordedSpec,
}


@dataclass(frozen=True, kw_only=True)
class Student:
    """One of the students of a plan: its name, its model with every path absolute, its place in the list."""

    name: str
    spec: ModelSpec
    at: int


def named(
    written: Sequence[NamedSpec], base: Path, document: Document | None
) -> tuple[tuple[Student, ...], list[Complaint]]:
    """The students with their names, in the plan's order, and what is wrong with the list: a model that is named
    twice, a name that two of them are given. Paths are relative to `base`."""
    specs = [absolute(_plain_spec(each), base) for each in written]
    given = [_given(each) for each in written]
    complaints = [*_repeated(specs, document), *_same_names(given, document)]
    names = _names(given, [_parts(each) for each in specs])
    return (
        tuple(Student(name=name, spec=spec, at=at) for at, (name, spec) in enumerate(zip(names, specs, strict=True))),
        complaints,
    )


def _plain_spec(spec: NamedSpec) -> ModelSpec:
    """The model without its name: a model is the same whatever it is called."""
    if (kind := _PLAIN_SPECS.get(type(spec))) is None:
        return spec
    return kind(**spec.model_dump(exclude={"name"}))


def _given(spec: NamedSpec) -> str | None:
    """The name that the plan gives; None where it gives none."""
    if "name" not in spec.model_fields_set or spec.name is None:
        return None
    return plain(spec.name)


def _parts(spec: ModelSpec) -> tuple[str, ...]:
    """What a name is made of: the parts of a path or hub id, or the model's one name."""
    if isinstance(spec, RecordedSpec):
        path = Path(spec.path)
        return (*path.parts[1:-1], path.name if path.is_dir() else path.stem)
    if isinstance(spec, TransformersSpec):
        return tuple(each for each in Path(spec.model).parts if each != "/")
    return (spec.model if isinstance(spec, OpenAISpec) else spec.name,)


def _names(given: Sequence[str | None], parts: Sequence[tuple[str, ...]]) -> list[str]:
    """A name for each, no two alike even where capitals do not count, and none that of a file of the ranking."""
    depth = [1] * len(parts)

    def shown(at: int) -> str:
        return given[at] or plain("-".join(parts[at][-depth[at] :]))

    def clashes() -> list[int]:
        seen = [shown(at).casefold() for at in range(len(parts))]
        return [
            at
            for at, own in enumerate(seen)
            if given[at] is None
            and depth[at] < len(parts[at])
            and any(own == seen[other] and parts[at] != parts[other] for other in range(len(parts)) if other != at)
        ]

    while found := clashes():
        for at in found:
            depth[at] += 1
    taken = {*RANKING_FILES, *(each.casefold() for each in given if each is not None)}
    names = []
    for at, own in enumerate(given):
        name = shown(at)
        if own is None:
            count, first = 2, name
            while name.casefold() in taken:
                name, count = f"{first[: _LONGEST - 4]}-{count}", count + 1
            taken.add(name.casefold())
        names.append(name)
    return names


def _repeated(specs: Sequence[ModelSpec], document: Document | None) -> Iterator[Complaint]:
    for at, spec in enumerate(specs):
        first = specs.index(spec)
        if first < at:
            yield Complaint(
                problem=f"students[{at}] is students[{first}] again: the same model with the same settings",
                remedy="name each student once",
                place=_place(document, at),
            )


def _same_names(given: Sequence[str | None], document: Document | None) -> Iterator[Complaint]:
    folded = [None if each is None else each.casefold() for each in given]
    for at, name in enumerate(folded):
        if name is not None and folded.index(name) < at:
            yield Complaint(
                problem=f'two students are called "{given[at]}": students[{folded.index(name)}] and students[{at}]',
                remedy="give each a name of its own: results go by name",
                place=_place(document, at),
            )


def _place(document: Document | None, at: int) -> Any:
    return document.place("students", at) if document is not None else None
