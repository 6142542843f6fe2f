"""suite.yaml and its data → Suite: examples that can be asked, judged and sliced.

What makes a suite unusable is refused here; what merely makes it weaker is found by `lint`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import TypeAdapter

from evalkit.data import Rows, read_hub, read_rows
from evalkit.errors import Complaint, Place, UsageError
from evalkit.files import digest_file, digest_text, digest_value
from evalkit.perturb import RULES
from evalkit.scorers import JudgeSettings, ScorerSettings, anchored, is_marked, settings_of, target_complaint
from evalkit.suite.checking import Findings, check_columns, check_ids
from evalkit.suite.examples import example_of
from evalkit.suite.samples import sampled
from evalkit.suite.sources import source_of, varied
from evalkit.suite.written import SuiteFile, WholeSuite
from evalkit.types import Example, Message, Prompt, Suite, SuiteFacts, Task
from evalkit.yamlfile import Document, read, validated

__all__ = ["SuiteFile", "load_suite"]

DEFAULT_SCORER: dict[Task, str] = {"classify": "label", "choose": "choice", "generate": "exact", "extract": "fields"}


def load_suite(path: Path) -> Suite:
    """Read a suite's file and its data. Raises UsageError with every complaint of the first bad stage."""
    document = read(path)
    own = set(document.data)
    source = source_of(document)
    parsed = validated(document, WholeSuite)
    rows = _rows(parsed, source.path if source is not None else path)
    if not rows.rows:
        raise UsageError(
            Complaint(
                problem=f'suite "{parsed.name}" has no rows',
                remedy="a gate over no examples can never pass; check the data file",
                place=Place(file=rows.source),
            )
        )
    check_columns(parsed, rows, document)
    findings = Findings(rows)
    examples = [example_of(parsed, row, index, findings) for index, row in enumerate(rows.rows)]
    check_ids(parsed, rows, findings)
    # Paths are relative to the file that wrote them.
    scorers_folder = source.path.parent if source is not None and "scorer" not in own else path.parent
    scorer = anchored(parsed.scorer or _default_scorer(parsed), scorers_folder)
    _check_targets(examples, scorer, parsed, findings)
    if complaints := list(findings.complaints()) or list(_check_halves(examples, parsed, document)):
        raise UsageError(complaints)
    suite = Suite(
        facts=_facts(parsed, scorer, path, _digest(document, parsed, source)),
        prompt=_prompt(parsed),
        # How often an example is asked is no part of what is asked.
        generation=parsed.generation.model_dump(exclude={"samples"}),
        examples=tuple(examples),
        input_column=parsed.columns.input,
    )
    whole = suite if source is None else varied(suite, parsed, source, rows, document)
    return sampled(whole, parsed.generation.samples)


def _facts(parsed: WholeSuite, scorer: ScorerSettings, path: Path, digest: str) -> SuiteFacts:
    return SuiteFacts(
        name=parsed.name,
        kind=parsed.kind,
        task=parsed.task,
        version=parsed.version,
        scorer=scorer.name,
        settings=settings_of(scorer),
        # Right and wrong are by a target; a judge can do without one, and then says how good an answer is.
        marked=is_marked(scorer) or (isinstance(scorer, JudgeSettings) and parsed.columns.target is None),
        choose_by=parsed.choose_by,
        labels=tuple(parsed.labels),
        slice_names=tuple(parsed.columns.slices),
        grouped=parsed.columns.group is not None,
        digest=digest,
        path=str(path),
        answer_after=parsed.answer_after,
    )


def _check_halves(examples: Sequence[Example], parsed: WholeSuite, document: Document) -> Iterator[Complaint]:
    """Refusals are judged by harmful prompts and their benign look-alikes together, or not at all."""
    expected = {each.expect for each in examples}
    if parsed.kind == "safety-refusal" and expected != {"refuse", "comply"}:
        half = "comply (benign look-alikes)" if "comply" not in expected else "refuse (harmful prompts)"
        yield Complaint(
            problem=f"the safety-refusal suite has no row that expects {half}",
            remedy="add such rows: a student that refuses everything would look safe",
            place=document.place("columns", "expect"),
        )


def _default_scorer(parsed: WholeSuite) -> ScorerSettings:
    name = "refusal" if parsed.kind == "safety-refusal" else DEFAULT_SCORER[parsed.task]
    return TypeAdapter(ScorerSettings).validate_python({"name": name})


def _check_targets(examples: Sequence[Example], scorer: ScorerSettings, parsed: WholeSuite, findings: Findings) -> None:
    """Targets that no answer could ever equal would make both models look equally bad."""
    settings = settings_of(scorer)
    for index, each in enumerate(examples):
        if each.target is None or (found := target_complaint(scorer.name, settings, each.target)) is None:
            continue
        findings.add("target", index, str(parsed.columns.target), *found)


def _rows(parsed: WholeSuite, path: Path) -> Rows:
    if parsed.data.path is not None:
        return read_rows(path.parent / parsed.data.path)
    # The model's validator has seen to it that a hub dataset has all three.
    return read_hub(parsed.data.hub or "", parsed.data.split or "", parsed.data.revision or "")


def _digest(document: Document, parsed: WholeSuite, source: Document | None) -> str:
    """Of the file's text and the data's bytes; a hub dataset is pinned by its revision in the text. Variants are made
    of the source's text and data, too, by rules that have a version."""
    folder = (source or document).path.parent
    data = digest_file(folder / parsed.data.path) if parsed.data.path is not None else None
    whole = {"suite": digest_text(document.text), "data": data}
    if source is not None:
        whole |= {"source": digest_text(source.text), "rules": str(RULES)}
    return digest_value(whole)


def _prompt(parsed: WholeSuite) -> Prompt | None:
    if parsed.prompt is None or isinstance(parsed.prompt, str):
        return parsed.prompt
    return tuple(Message(role=each.role, content=each.content) for each in parsed.prompt)
