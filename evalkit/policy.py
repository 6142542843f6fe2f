"""policy.yaml → Policy: the rules that turn intervals into a verdict.

Only the file's own sense is checked here. Whether its metrics, suites and slices exist is asked later,
when the suites are known (`gate.check_names`).
"""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from evalkit.errors import Complaint, Place, UsageError, nearest
from evalkit.files import digest_text
from evalkit.shipped import shipped
from evalkit.strict import AS_NUMBER, Number, Strict, Word
from evalkit.types import Effect, OnMissing, Versus, Waiver
from evalkit.yamlfile import Document, parse, read, validated


def _many(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


def _column_and_value(value: Any) -> Any:
    if not isinstance(value, str) or not value.partition("=")[0] or "=" not in value:
        raise ValueError(f'"{value}" names no slice | write column=value, such as language=de')
    return value


def _day(value: Any) -> Any:
    try:
        day = dt.date.fromisoformat(str(value))
    except ValueError:
        day = None
    if day is None or day.isoformat() != value:
        raise ValueError(f'"{value}" is not a day | write YYYY-MM-DD, such as 2026-12-31')
    return value


Words = Annotated[list[Word], BeforeValidator(_many, json_schema_input_type=Word | list[Word]), Field(min_length=1)]


class EachSlice(Strict):
    """One row for every value of the named slices that has enough examples."""

    by: Literal["declared"] | Annotated[list[Word], Field(min_length=1)]
    min_n: Annotated[int, Field(ge=1)] = 1


class CriterionFile(Strict):
    """One rule. Exactly one of `at_least` and `at_most`."""

    id: Word
    metric: Annotated[Words, Field(description="a metric, or several: the first that a suite's task defines")]
    suite: Word | None = None
    slice: Annotated[str, Field(pattern=r"^[^=]+="), BeforeValidator(_column_and_value)] | None = None
    each_slice: EachSlice | None = None
    where: dict[str, Words] = Field(default_factory=dict)
    at_least: Number | None = None
    at_most: Number | None = None
    by: Literal["interval", "value"] = "interval"
    effect: Effect = "block"
    versus: Versus = "teacher"
    on_missing: OnMissing = "inconclusive"

    @model_validator(mode="after")
    def _one_bound(self) -> Self:
        if (self.at_least is None) == (self.at_most is None):
            seen = "both" if self.at_least is not None else "neither"
            raise ValueError(f'criterion "{self.id}" gives {seen} of at_least and at_most | give exactly one bound')
        if self.slice is not None and self.each_slice is not None:
            raise ValueError(f'criterion "{self.id}" gives both slice and each_slice | keep one of them')
        return self


class WaiverFile(Strict):
    """A named person lets one criterion go until a day."""

    criterion: Word
    owner: Annotated[str, Field(min_length=1)]
    reason: Annotated[str, Field(min_length=1)]
    expires: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$"), BeforeValidator(_day)]


class PolicyFile(Strict):
    """The policy as a user writes it."""

    schema_: Literal["evalkit/policy/v1"] = Field(alias="schema", examples=["evalkit/policy/v1"])
    level: Annotated[float, Field(gt=0.5, lt=1), AS_NUMBER] = 0.95
    max_error_rate: Annotated[float, Field(ge=0, le=1), AS_NUMBER] = 0.01
    criteria: list[CriterionFile]
    waivers: tuple[WaiverFile, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Policy:
    """A policy that has been read. `level` is one-sided; `coverage` is that of its two-sided intervals."""

    name: str
    level: float
    max_error_rate: float
    criteria: tuple[CriterionFile, ...]
    waivers: tuple[Waiver, ...]
    text: str
    digest: str
    document: Document

    @property
    def coverage(self) -> float:
        # 2L - 1 in binary floating point is 0.8999999999999999 for 0.95; a reader wants 0.9.
        return round(2 * self.level - 1, 12)

    def place(self, *key: str | int) -> Place:
        return self.document.place(*key)


def load_policy(reference: str) -> Policy:
    """Read a named policy or a file. Raises UsageError with every complaint."""
    named = shipped("policies")
    if reference in named:
        return _policy(read(named[reference]), reference)
    path = Path(reference)
    if not path.is_file():
        raise UsageError(
            Complaint(
                problem=f"there is no policy {path.name}: neither a named one nor a file at {path}",
                remedy=nearest(path.name, [*named, *_yaml_beside(path)]),
                place=Place(file=str(path)),
            )
        )
    return _policy(read(path), path.stem)


def policy_from_text(text: str, name: str) -> Policy:
    """A policy from the text that a run keeps of it. Raises UsageError as `load_policy` does."""
    return _policy(parse(text, Path(f"{name}.yaml")), name)


def unexpired(waivers: tuple[Waiver, ...], now: dt.datetime) -> tuple[Waiver, ...]:
    """Those still valid at `now` (UTC): a waiver holds through the end of the day it names."""
    today = now.astimezone(dt.UTC).date()
    return tuple(each for each in waivers if dt.date.fromisoformat(each.expires) >= today)


def _policy(document: Document, name: str) -> Policy:
    parsed = validated(document, PolicyFile)
    complaints: list[Complaint] = []
    if not parsed.criteria:
        complaints.append(
            Complaint(
                problem="the policy has no criteria, so nothing could ever fail",
                remedy="add a criterion, or use `evalkit audit` to measure without deciding",
                place=document.place("criteria"),
            )
        )
    counts = Counter(each.id for each in parsed.criteria)
    for index, each in enumerate(parsed.criteria):
        if counts[each.id] > 1:
            complaints.append(
                Complaint(
                    problem=f'the criterion id "{each.id}" is used {counts[each.id]} times',
                    remedy="give every criterion an id of its own: waivers and CI tests name it",
                    place=document.place("criteria", index, "id"),
                )
            )
    for index, waiver in enumerate(parsed.waivers):
        if waiver.criterion not in counts:
            complaints.append(
                Complaint(
                    problem=f'a waiver names the criterion "{waiver.criterion}", which the policy does not have',
                    remedy=nearest(waiver.criterion, list(counts)),
                    place=document.place("waivers", index, "criterion"),
                )
            )
    if complaints:
        raise UsageError(complaints)
    assert math.isfinite(parsed.level)
    return Policy(
        name=name,
        level=parsed.level,
        max_error_rate=parsed.max_error_rate,
        criteria=tuple(parsed.criteria),
        waivers=tuple(
            Waiver(criterion=each.criterion, owner=each.owner, reason=each.reason, expires=each.expires)
            for each in parsed.waivers
        ),
        text=document.text,
        digest=digest_text(document.text),
        document=document,
    )


def _yaml_beside(path: Path) -> list[str]:
    return sorted(each.name for each in path.parent.glob("*.yaml")) if path.parent.is_dir() else []
