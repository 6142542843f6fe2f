"""What a suite may say about its scorer: `scorer: numeric`, or a mapping with the scorer's own settings.

The scorers themselves are workers (evalkit/scoring); here is only what a user writes and how it is checked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, Discriminator, Field, Tag, model_validator

from evalkit.errors import nearest
from evalkit.fields import AS_NUMBER, Number, Strict
from evalkit.plan import SpecField
from evalkit.registry import names

GROUP = "evalkit.scorers"


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"{text!r} is no regular expression: {error} | mend the pattern") from None
    return text


class Plain(Strict):
    """A scorer without settings."""

    name: Literal["label", "choice", "exact", "normalised"]


class Numeric(Strict):
    """The last number of the answer against the target; right within either tolerance."""

    name: Literal["numeric"]
    tolerance: Annotated[float, Field(ge=0), AS_NUMBER] = 0.0
    relative_tolerance: Annotated[float, Field(ge=0), AS_NUMBER] = 0.0


class Regex(Strict):
    """What the pattern finds (its first group, where it has one) against the target; without a pattern, the target
    itself is the pattern."""

    name: Literal["regex"]
    pattern: Annotated[str, Field(min_length=1), AfterValidator(_pattern)] | None = None
    ignore_case: bool = False


class Fields(Strict):
    """A JSON record against the target record, field by field."""

    name: Literal["fields"]
    tolerance: Annotated[float, Field(ge=0), AS_NUMBER] = 0.0
    relative_tolerance: Annotated[float, Field(ge=0), AS_NUMBER] = 0.0
    ignore: tuple[str, ...] = ()


class TextSimilarity(Strict):
    """How like the target the text is, in [0, 1]; `model` is the sentence encoder that `embedding` needs."""

    name: Literal["text_similarity"]
    measure: Literal["chrf", "rouge_l", "edit", "embedding"] = "chrf"
    model: SpecField | None = None

    @model_validator(mode="after")
    def _a_model_only_for_embedding(self) -> Self:
        if (self.measure == "embedding") != (self.model is not None):
            raise ValueError(
                "measure: embedding needs a model, and only it | name a sentence encoder's folder, or remove model"
            )
        return self


class RefusalSettings(Strict):
    """Refused, complied or undetermined, by the phrases of one language."""

    name: Literal["refusal"]
    language: str = "en"


class Judge(Strict):
    """Marks by a model that reads the answer: an LLM asked with `prompt`, or a classifier of the rendered prompt.

    `marks` says what each word of the judge is worth, in [0, 1]. In the prompt `input`, `target` and `answer` stand
    for themselves, beside the row's columns.
    """

    name: Literal["judge"]
    model: SpecField
    prompt: Annotated[str, Field(min_length=1)]
    marks: Annotated[dict[str, Annotated[Number, Field(ge=0, le=1)]], Field(min_length=2)]
    max_new_tokens: Annotated[int, Field(ge=1)] = 256


SCORERS = (
    "label",
    "choice",
    "exact",
    "normalised",
    "numeric",
    "regex",
    "fields",
    "text_similarity",
    "refusal",
    "judge",
)


class Foreign(Strict):
    """A scorer of another package: its settings are its own business. `marked`: it gives marks, not right or wrong."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: str
    marked: bool = False


def _tag(value: Any) -> str:
    name = value.get("name") if isinstance(value, Mapping) else value.name
    if name in ("label", "choice", "exact", "normalised"):
        return "plain"
    return name if name in SCORERS else "foreign"


ScorerSettings = Annotated[
    Annotated[Plain, Tag("plain")]
    | Annotated[Numeric, Tag("numeric")]
    | Annotated[Regex, Tag("regex")]
    | Annotated[Fields, Tag("fields")]
    | Annotated[TextSimilarity, Tag("text_similarity")]
    | Annotated[RefusalSettings, Tag("refusal")]
    | Annotated[Judge, Tag("judge")]
    | Annotated[Foreign, Tag("foreign")],
    Discriminator(_tag),
]


def known_scorer(value: Any) -> Any:
    """A name as the mapping it stands for. Raises ValueError for a name that nobody has."""
    written = {"name": value} if isinstance(value, str) else value
    name = written.get("name") if isinstance(written, Mapping) else None
    if name is None and not isinstance(value, Strict):
        raise ValueError("a scorer is a name, or a mapping with a name and settings | write scorer: exact")
    if isinstance(name, str) and name not in (known := names(GROUP, dict.fromkeys(SCORERS, ""))):
        raise ValueError(f'"{name}" is not a value of "scorer" | {nearest(name, known)}')
    return written


def settings_of(scorer: Strict) -> dict[str, Any]:
    """Settings as a run records them, those left at their default among them."""
    return scorer.model_dump(exclude={"name"}, mode="json")


def is_marked(scorer: Strict) -> bool:
    """Whether answers get marks instead of right or wrong."""
    if isinstance(scorer, Judge):
        return any(each not in (0, 1) for each in scorer.marks.values())
    return isinstance(scorer, TextSimilarity) or (isinstance(scorer, Foreign) and scorer.marked)
