"""suite.yaml as a user writes it: what may stand there, and what must."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from evalkit.perturb import KINDS
from evalkit.scorers import SCORERS, ScorerSettings, known_scorer
from evalkit.strict import AS_WORD, Strict, Word
from evalkit.types import WRITING, ChooseBy, Kind, Task

_NAME = "[A-Za-z0-9][A-Za-z0-9._-]*"


def _plain_name(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch(_NAME, value):
        raise ValueError(f'"{value}" is no name for a suite | use letters, digits, dots, dashes and underscores')
    return value


class DataFile(Strict):
    """Where the rows are: a file, or a hub dataset pinned to a revision."""

    path: str | None = None
    hub: str | None = None
    split: str | None = None
    revision: str | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.path is None) == (self.hub is None):
            raise ValueError("data gives neither or both of path and hub | give one: path: FILE, or hub: org/name")
        if self.hub is not None and (self.split is None or self.revision is None):
            raise ValueError(
                "a hub dataset needs split and revision | add both: without a revision the suite can change unseen"
            )
        if self.path is not None and (self.split or self.revision):
            raise ValueError("split and revision belong to hub datasets | remove them")
        return self


class ColumnsFile(Strict):
    """Which column is what. `slices` are columns whose values divide the suite."""

    id: str = "id"
    input: str | None = None
    target: str | None = None
    group: str | None = None
    slices: tuple[str, ...] = ()
    severity: str | None = None
    choices: str | None = None
    expect: str | None = None


class MessageFile(Strict):
    role: Literal["system", "user", "assistant"]
    content: str


class GenerationFile(Strict):
    max_new_tokens: Annotated[int, Field(ge=1)] = 64
    temperature: Annotated[float, Field(ge=0)] = 0.0
    stop: tuple[str, ...] = ()
    samples: Annotated[int, Field(ge=1, le=100)] = 1

    @model_validator(mode="after")
    def _samples_differ(self) -> Self:
        if self.samples > 1 and self.temperature == 0:
            raise ValueError(
                f"samples is {self.samples} and temperature 0, which gives the same answer {self.samples} times | "
                "raise temperature, or remove samples"
            )
        return self


class SuiteFile(Strict):
    """The suite as a user writes it."""

    schema_: Literal["evalkit/suite/v1"] = Field(alias="schema", examples=["evalkit/suite/v1"])
    name: Annotated[str, Field(pattern=f"^{_NAME}$"), BeforeValidator(_plain_name), AS_WORD]
    kind: Kind
    task: Task | None = None
    version: Annotated[int, Field(ge=1)]
    description: str | None = None
    data: DataFile | None = None
    columns: ColumnsFile = ColumnsFile()
    labels: tuple[Word, ...] = ()
    prompt: str | Annotated[list[MessageFile], Field(min_length=1)] | None = None
    scorer: (
        Annotated[
            ScorerSettings,
            BeforeValidator(
                known_scorer, json_schema_input_type=Annotated[str, Field(examples=list(SCORERS))] | ScorerSettings
            ),
        ]
        | None
    ) = None
    choose_by: ChooseBy = "sum"
    answer_after: Annotated[str, Field(min_length=1)] | None = None
    generation: GenerationFile = GenerationFile()
    from_: str | None = Field(default=None, alias="from")
    perturb: tuple[Literal["typo", "case", "whitespace", "punctuation", "unicode", "format"], ...] = ()

    @model_validator(mode="after")
    def _variants_have_a_source(self) -> Self:
        if self.perturb and self.from_ is None:
            raise ValueError("perturb does not say of what | add from: NAME, the suite whose examples to vary")
        if self.from_ is not None and not self.perturb:
            raise ValueError(f"from does not say how to vary | add perturb: [{', '.join(KINDS)}], or some of them")
        if self.perturb and self.kind != "edge-case":
            raise ValueError("variants are edge cases | write kind: edge-case")
        if len(set(self.perturb)) < len(self.perturb):
            raise ValueError("a kind of perturbation is listed twice | keep one: it makes one variant of each example")
        return self


class WholeSuite(SuiteFile):
    """The same with nothing missing: what a suite of variants leaves out is its source's."""

    task: Task
    data: DataFile

    @model_validator(mode="after")
    def _labels_fit_the_task(self) -> Self:
        if self.task == "classify" and len(self.labels) < 2:
            raise ValueError(f"a classify suite needs at least two labels, not {len(self.labels)} | list all classes")
        if self.task == "choose" and self.columns.choices is None and len(self.labels) < 2:
            raise ValueError(
                "a choose suite needs choices | list them as labels, or map columns.choices to a column of lists"
            )
        if len(set(self.labels)) < len(self.labels):
            twice = next(label for label in self.labels if self.labels.count(label) > 1)
            raise ValueError(f'the label "{twice}" is listed twice | keep one')
        if self.kind == "safety-refusal" and self.columns.expect is None:
            raise ValueError(
                "a safety-refusal suite needs columns.expect | map the column that holds `refuse` or `comply`"
            )
        if self.generation.samples > 1 and self.task not in WRITING:
            raise ValueError(f"samples are drawn of written answers, and this is a {self.task} suite | remove samples")
        if self.choose_by != "sum" and self.task != "choose":
            raise ValueError("choose_by belongs to choose suites | remove it")
        name = self.scorer.name if self.scorer is not None else None
        if self.kind == "safety-refusal" and name in SCORERS and name != "refusal":
            raise ValueError(
                f"the scorer {name} does not tell refusing from complying | remove it: a safety-refusal suite has the "
                "scorer refusal"
            )
        if name == "refusal" and self.kind != "safety-refusal" and self.columns.expect is None:
            raise ValueError("the scorer refusal needs columns.expect | map it, or take a scorer that reads targets")
        if name == "label" and not self.labels:
            raise ValueError("the scorer label needs labels | list them, or take exact or normalised")
        if "target" in self.columns.slices and self.task == "classify":
            raise ValueError('"target" is a slice of every classify suite already | remove it from columns.slices')
        return self
