"""What a suite may say about its scorer: `scorer: numeric`, or a mapping with the scorer's own settings.

The scorers themselves are workers (evalkit/scoring); here is only what a user writes and how it is checked.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, Discriminator, Field, Tag, model_validator

from evalkit.errors import nearest
from evalkit.registry import names
from evalkit.specs import SpecField, absolute
from evalkit.strict import AS_NUMBER, Number, Strict

GROUP = "evalkit.scorers"


def _pattern(text: str) -> str:
    if (problem := pattern_problem(text)) is not None:
        raise ValueError(f"{problem} | mend the pattern")
    return text


# Characters. Preparing a search takes the cube of a repetitive pattern's length, and no time limit stops it.
LONGEST_PATTERN = 1000


def pattern_problem(text: str) -> str | None:
    """Why the regex scorer cannot search for this, in words; None where it can. It reads patterns with the `regex`
    package, which takes what Python's `re` does and more."""
    import regex

    if len(text) > LONGEST_PATTERN:
        return f"{text[:40]!r}… is a regular expression of {len(text)} characters, and {LONGEST_PATTERN} are allowed"
    try:
        regex.compile(text)
    except (regex.error, RecursionError) as error:
        return f"{text!r} is no regular expression: {error}"
    return None


class PlainSettings(Strict):
    """A scorer without settings."""

    name: Literal["label", "choice", "exact", "normalised"]


class NumericSettings(Strict):
    """The final number of the answer against the target's; right within tolerance + relative_tolerance · |target|."""

    name: Literal["numeric"]
    tolerance: Annotated[float, Field(ge=0), AS_NUMBER] = 0.0
    relative_tolerance: Annotated[float, Field(ge=0), AS_NUMBER] = 0.0


class RegexSettings(Strict):
    """What the pattern finds last (its first group, where it has one) against the target; without a pattern, the
    target itself is the pattern."""

    name: Literal["regex"]
    pattern: Annotated[str, Field(min_length=1), AfterValidator(_pattern)] | None = None
    ignore_case: bool = False


class FieldsSettings(Strict):
    """A JSON record against the target record, field by field."""

    name: Literal["fields"]
    tolerance: Annotated[float, Field(ge=0), AS_NUMBER] = 0.0
    relative_tolerance: Annotated[float, Field(ge=0), AS_NUMBER] = 0.0
    ignore: tuple[str, ...] = ()


class TextSimilaritySettings(Strict):
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


# What a judge's prompt may name besides the row's columns; they stand for themselves where a column has the same name.
JUDGED = ("input", "target", "answer")


class JudgeSettings(Strict):
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


class ForeignSettings(Strict):
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
    Annotated[PlainSettings, Tag("plain")]
    | Annotated[NumericSettings, Tag("numeric")]
    | Annotated[RegexSettings, Tag("regex")]
    | Annotated[FieldsSettings, Tag("fields")]
    | Annotated[TextSimilaritySettings, Tag("text_similarity")]
    | Annotated[RefusalSettings, Tag("refusal")]
    | Annotated[JudgeSettings, Tag("judge")]
    | Annotated[ForeignSettings, Tag("foreign")],
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


def anchored(scorer: ScorerSettings, folder: Path) -> ScorerSettings:
    """The same scorer, with the paths of a model that it names resolved against the suite's folder."""
    if isinstance(scorer, (JudgeSettings, TextSimilaritySettings)) and scorer.model is not None:
        return scorer.model_copy(update={"model": absolute(scorer.model, folder)})
    return scorer


def target_complaint(name: str, settings: Mapping[str, Any], target: str) -> tuple[str, str] | None:
    """What is wrong with a target that this scorer could never find an answer equal to: problem and remedy."""
    if name == "regex" and settings.get("pattern") is None and (problem := pattern_problem(target)) is not None:
        return f"the target {problem}", "mend it, or give the scorer a pattern that finds what should equal the target"
    # NFKC, for ½ and ５ are numbers, too.
    if name == "numeric" and not any(each.isdecimal() for each in unicodedata.normalize("NFKC", target)):
        return f'the target "{target[:80]}" holds no number', "write the number, or use another scorer"
    if name == "fields":
        try:
            found = json.loads(target)
        except (ValueError, RecursionError) as error:
            return f"the target is not JSON: {error}", "give an object, or a text that holds one as JSON"
        if not isinstance(found, dict):
            return f'the target "{target[:80]}" is no JSON object', 'give named fields, such as {"total": 12}'
    return None


def is_marked(scorer: Strict) -> bool:
    """Whether answers get marks instead of right or wrong."""
    if isinstance(scorer, JudgeSettings):
        return any(each not in (0, 1) for each in scorer.marks.values())
    return isinstance(scorer, TextSimilaritySettings) or (isinstance(scorer, ForeignSettings) and scorer.marked)
