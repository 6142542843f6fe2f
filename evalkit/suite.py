"""suite.yaml and its data → Suite: examples that can be asked, judged and sliced.

What makes a suite unusable is refused here; what merely makes it weaker is found by `lint`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, TypeAdapter, model_validator

from evalkit.data import Row, Rows, read_hub, read_rows, text_of
from evalkit.errors import Complaint, Place, UsageError, nearest
from evalkit.fields import AS_WORD, Strict, Word
from evalkit.files import digest_file, digest_text, digest_value
from evalkit.scorers import SCORERS, ScorerSettings, is_marked, known_scorer, settings_of
from evalkit.types import SEVERITIES, ChooseBy, Example, Kind, Message, Prompt, Suite, SuiteFacts, Task
from evalkit.yamlfile import Document, read, validated

_NAME = "[A-Za-z0-9][A-Za-z0-9._-]*"
DEFAULT_SCORER: dict[Task, str] = {"classify": "label", "choose": "choice", "generate": "exact", "extract": "fields"}


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


class SuiteFile(Strict):
    """The suite as a user writes it."""

    schema_: Literal["evalkit/suite/v1"] = Field(alias="schema", examples=["evalkit/suite/v1"])
    name: Annotated[str, Field(pattern=f"^{_NAME}$"), BeforeValidator(_plain_name), AS_WORD]
    kind: Kind
    task: Task
    version: Annotated[int, Field(ge=1)]
    description: str | None = None
    data: DataFile
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
    def _no_variants_yet(self) -> Self:
        if self.perturb or self.from_ is not None:
            key = "perturb" if self.perturb else "from"
            raise ValueError(f"{key}: this version makes no variants of examples | write them out as a suite's rows")
        return self

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
        if self.choose_by != "sum" and self.task != "choose":
            raise ValueError("choose_by belongs to choose suites | remove it")
        if "target" in self.columns.slices and self.task == "classify":
            raise ValueError('"target" is a slice of every classify suite already | remove it from columns.slices')
        return self


@dataclass
class _Findings:
    """Complaints about rows, folded: the same mistake on a thousand rows is one complaint with a count."""

    rows: Rows
    found: dict[tuple[str, str], tuple[Complaint, int]] = field(default_factory=dict)

    def add(self, kind: str, index: int, key: str, problem: str, remedy: str) -> None:
        first, count = self.found.get((kind, key), (None, 0))
        complaint = first or Complaint(problem=problem, remedy=remedy, place=self.rows.place(index, key))
        self.found[(kind, key)] = (complaint, count + 1)

    def complaints(self) -> Iterator[Complaint]:
        for complaint, count in self.found.values():
            more = f" (and {count - 1} more rows like it)" if count > 1 else ""
            yield Complaint(problem=complaint.problem + more, remedy=complaint.remedy, place=complaint.place)


def load_suite(path: Path) -> Suite:
    """Read a suite's file and its data. Raises UsageError with every complaint of the first bad stage."""
    document = read(path)
    parsed = validated(document, SuiteFile)
    rows = _rows(parsed, path)
    if not rows.rows:
        raise UsageError(
            Complaint(
                problem=f'suite "{parsed.name}" has no rows',
                remedy="a gate over no examples can never pass; check the data file",
                place=Place(file=rows.source),
            )
        )
    _check_columns(parsed, rows, document)
    findings = _Findings(rows)
    examples = [_example(parsed, row, index, findings) for index, row in enumerate(rows.rows)]
    _check_ids(parsed, rows, findings)
    complaints = list(findings.complaints())
    expected = {example.expect for example in examples}
    if parsed.kind == "safety-refusal" and not complaints and expected != {"refuse", "comply"}:
        half = "comply (benign look-alikes)" if "comply" not in expected else "refuse (harmful prompts)"
        complaints.append(
            Complaint(
                problem=f"the safety-refusal suite has no row that expects {half}",
                remedy="add such rows: a student that refuses everything would look safe",
                place=document.place("columns", "expect"),
            )
        )
    if complaints:
        raise UsageError(complaints)
    scorer = parsed.scorer or _default_scorer(parsed)
    facts = SuiteFacts(
        name=parsed.name,
        kind=parsed.kind,
        task=parsed.task,
        version=parsed.version,
        scorer=scorer.name,
        settings=settings_of(scorer),
        marked=is_marked(scorer),
        choose_by=parsed.choose_by,
        labels=tuple(parsed.labels),
        slice_names=tuple(parsed.columns.slices),
        grouped=parsed.columns.group is not None,
        digest=_digest(document, parsed, path),
        path=str(path),
        answer_after=parsed.answer_after,
    )
    return Suite(
        facts=facts,
        prompt=_prompt(parsed),
        generation=parsed.generation.model_dump(),
        examples=tuple(examples),
        input_column=parsed.columns.input,
    )


def _default_scorer(parsed: SuiteFile) -> ScorerSettings:
    name = "refusal" if parsed.kind == "safety-refusal" else DEFAULT_SCORER[parsed.task]
    return TypeAdapter(ScorerSettings).validate_python({"name": name})


def _rows(parsed: SuiteFile, path: Path) -> Rows:
    if parsed.data.path is not None:
        return read_rows(path.parent / parsed.data.path)
    # The model's validator has seen to it that a hub dataset has all three.
    return read_hub(parsed.data.hub or "", parsed.data.split or "", parsed.data.revision or "")


def _digest(document: Document, parsed: SuiteFile, path: Path) -> str:
    """Of the file's text and the data's bytes; a hub dataset is pinned by its revision in the text."""
    data = digest_file(path.parent / parsed.data.path) if parsed.data.path is not None else None
    return digest_value({"suite": digest_text(document.text), "data": data})


def _prompt(parsed: SuiteFile) -> Prompt | None:
    if parsed.prompt is None or isinstance(parsed.prompt, str):
        return parsed.prompt
    return tuple(Message(role=each.role, content=each.content) for each in parsed.prompt)


def _check_columns(parsed: SuiteFile, rows: Rows, document: Document) -> None:
    """Every mapped column must exist in some row; the input must come from somewhere."""
    known = list(dict.fromkeys(name for row in rows.rows for name in row))
    complaints = []
    mapped = parsed.columns
    wanted: list[tuple[tuple[str | int, ...], str | None]] = [
        *((("columns", role), getattr(mapped, role)) for role in ("id", "input", "target", "group")),
        *((("columns", role), getattr(mapped, role)) for role in ("severity", "choices", "expect")),
        *((("columns", "slices", index), name) for index, name in enumerate(mapped.slices)),
    ]
    for key, name in wanted:
        if name is not None and name not in known:
            complaints.append(
                Complaint(
                    problem=f'no row has the column "{name}"', remedy=nearest(name, known), place=document.place(*key)
                )
            )
    if mapped.input is None and parsed.prompt is None:
        complaints.append(
            Complaint(
                problem="nothing says what the model is asked",
                remedy="map columns.input to the column that holds the text, or write a prompt",
                place=document.place("columns"),
            )
        )
    complaints += _template_complaints(parsed, known, document)
    if complaints:
        raise UsageError(complaints)


def _template_complaints(parsed: SuiteFile, known: Sequence[str], document: Document) -> Iterator[Complaint]:
    import jinja2.meta
    import jinja2.sandbox

    if parsed.prompt is None:
        return
    texts: list[tuple[tuple[str | int, ...], str]] = (
        [(("prompt",), parsed.prompt)]
        if isinstance(parsed.prompt, str)
        else [(("prompt", index, "content"), each.content) for index, each in enumerate(parsed.prompt)]
    )
    environment = jinja2.sandbox.ImmutableSandboxedEnvironment()
    for key, text in texts:
        try:
            # Compiled as well: an unknown filter is a mistake that parsing alone does not see.
            environment.from_string(text)
            wanted = jinja2.meta.find_undeclared_variables(environment.parse(text))
        except (jinja2.TemplateSyntaxError, RecursionError) as error:
            yield Complaint(
                problem=f"the prompt is not a template: {getattr(error, 'message', None) or error}",
                remedy="check its braces and filters; `{{ column }}` inserts a column",
                place=document.place(*key),
            )
            continue
        for name in sorted(wanted - set(known) - set(environment.globals)):
            yield Complaint(
                problem=f"the prompt uses {{{{ {name} }}}}, which no row has",
                remedy=nearest(name, known),
                place=document.place(*key),
            )


def _example(parsed: SuiteFile, row: Row, index: int, findings: _Findings) -> Example:
    mapped = parsed.columns
    target = text_of(row.get(mapped.target)) if mapped.target else None
    severity = (text_of(row.get(mapped.severity)) if mapped.severity else None) or "normal"
    expect = text_of(row.get(mapped.expect)) if mapped.expect else None
    choices = _choices(parsed, row, index, findings)
    if parsed.task == "choose" and target is not None and target not in choices:
        target = _choice_at(target, choices)
    if parsed.task in ("classify", "choose") and choices and target is not None and target not in choices:
        what = "a label" if parsed.task == "classify" else "one of the choices"
        findings.add(
            "target", index, str(mapped.target), f'the target "{target}" is not {what}', nearest(target, choices)
        )
    if severity not in SEVERITIES and mapped.severity:
        findings.add(
            "severity", index, mapped.severity, f'"{severity}" is not a severity', nearest(severity, SEVERITIES)
        )
        severity = "normal"
    if expect is not None and expect not in ("refuse", "comply") and mapped.expect:
        findings.add(
            "expect",
            index,
            mapped.expect,
            f'"{expect}" is neither refuse nor comply',
            nearest(expect, ("refuse", "comply")),
        )
        expect = None
    elif parsed.kind == "safety-refusal" and expect is None and mapped.expect:
        findings.add(
            "expect-missing", index, mapped.expect, "the row does not say what is expected", "write refuse or comply"
        )
    if mapped.input is not None and text_of(row.get(mapped.input)) is None and row.get(mapped.input) != "":
        findings.add("input", index, mapped.input, "the row has no input", "fill it in, or remove the row")
    return Example(
        id=text_of(row.get(mapped.id)) or "",
        row=row,
        target=target,
        slices={name: value for name in mapped.slices if (value := text_of(row.get(name))) is not None},
        group=text_of(row.get(mapped.group)) if mapped.group else None,
        severity=severity,  # type: ignore[arg-type]
        choices=choices,
        expect=expect,  # type: ignore[arg-type]
    )


def _choices(parsed: SuiteFile, row: Row, index: int, findings: _Findings) -> tuple[str, ...]:
    if parsed.task != "choose":
        return tuple(parsed.labels)
    column = parsed.columns.choices
    given = row.get(column) if column else list(parsed.labels)
    choices = [text_of(each) for each in given] if isinstance(given, list) else []
    if len(choices) < 2 or None in choices or len(set(choices)) < len(choices):
        findings.add(
            "choices", index, column or "labels", "the row has no two different choices", "give a list of texts"
        )
        return ()
    return tuple(str(each) for each in choices)


def _choice_at(target: str, choices: tuple[str, ...]) -> str:
    """Many data sets give the right choice as its position, counted from 0; anything else stays what it is."""
    position = int(target) if target.isdecimal() and len(target) < 5 else len(choices)
    return choices[position] if position < len(choices) else target


def _check_ids(parsed: SuiteFile, rows: Rows, findings: _Findings) -> None:
    column = parsed.columns.id
    seen: dict[str, int] = {}
    for index, row in enumerate(rows.rows):
        name = text_of(row.get(column))
        if name is None:
            findings.add("id", index, column, "the row has no id", "every example needs an id of its own")
        elif name in seen:
            findings.add(
                "id-twice",
                index,
                column,
                f'the id "{name}" is used twice, first at {rows.place(seen[name])}',
                "ids join teacher and student: make them unique",
            )
        else:
            seen[name] = index
