"""Outputs → outputs with a judgement: what another model says of an answer, for suites whose scorer needs it.

An LLM is asked with the suite's own prompt, a sequence classifier labels that prompt, a sentence encoder compares the
answer with the target. What they say is stored with the output and scored like anything else (evalkit/scoring), so
that a finished run can be scored again without them. docs/judging.md says how to write one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import cached_property

from pydantic import TypeAdapter

from evalkit.backends import Backend, backend
from evalkit.columns import Columns
from evalkit.errors import Complaint, Place, UsageError
from evalkit.requests import build_requests, prompt_text
from evalkit.specs import ModelSpec, SpecField, TransformersSpec
from evalkit.types import ERRORED, Example, ModelFacts, Output, Request, Role, Suite, SuiteFacts, Task


def needs_judge(facts: SuiteFacts) -> bool:
    """Whether the suite's scorer reads a judgement."""
    return facts.scorer == "judge" or (
        facts.scorer == "text_similarity" and facts.settings.get("measure") == "embedding"
    )


def judge_of(suite: Suite, requests: Sequence[Request]) -> Judge | None:
    """Whoever judges this suite's answers; None where nobody has to. `requests` are the suite's, whole."""
    if not needs_judge(suite.facts):
        return None
    spec = TypeAdapter[ModelSpec](SpecField).validate_python(suite.facts.settings["model"])
    inputs = {each.example_id: prompt_text(each.prompt) for each in requests}
    return Asked(suite, spec, inputs) if suite.facts.scorer == "judge" else Compared(suite, spec)


class Judge(ABC):
    """Somebody who says something of each answer to one suite."""

    suite: Suite
    spec: ModelSpec
    backend: Backend

    @abstractmethod
    def check(self, asked: Mapping[Role, Collection[str]]) -> list[Complaint]:
        """What is wrong with the choice of this judge, found without running it. `asked` names the examples that
        each role is to answer."""

    @abstractmethod
    def questions(self, role: Role, outputs: Sequence[Output]) -> list[Request]:
        """A request for each output that says something, in order; their ids are `<role>:<example id>`."""

    def heard(self, role: Role, outputs: Sequence[Output], said: Mapping[str, Output]) -> tuple[Output, ...]:
        """The outputs with what was said of each; `said` by the questions' ids. None of those whose judge failed."""
        given = [(each, said.get(f"{role}:{each.example_id}")) for each in outputs]
        return tuple(replace(each, judgement=None if reply is None else self.words(reply)) for each, reply in given)

    def words(self, reply: Output) -> str | None:
        """What the judge said, None where it said nothing.

        Only who was asked to choose a label has it for a word: a service that holds an answer back gives a label of
        its own ("refused") and no text, and that is nobody's judgement.
        """
        if reply.status in ERRORED:
            return None
        said = reply.label if self.task == "classify" else reply.text
        return said if said is not None and said.strip() else None

    def notes(self, answers: Mapping[Role, Sequence[Output]]) -> list[str]:
        """What a reader must know about how the judge was asked of these answers."""
        return self.backend.notes([self.suite])

    def with_workers(self, pooled: Callable[[Backend, ModelSpec, Role], Backend]) -> Judge:
        """The same judge, asked through workers where it can be."""
        return self

    @cached_property
    def task(self) -> Task:
        """How it is asked."""
        return self.backend.answers_with()

    def _answers(self, outputs: Sequence[Output]) -> dict[str, str]:
        """What is to be judged, by example."""
        targets = {each.id: each.target for each in self.suite.examples}
        return {
            each.example_id: answer
            for each in outputs
            if (answer := owed(self.suite.facts, each.status, each.text, each.label, targets[each.example_id]))
            is not None
        }


class Asked(Judge):
    """A model that is asked about the answer in words: a language model, or a classifier of what it would be asked."""

    def __init__(self, suite: Suite, spec: ModelSpec, inputs: Mapping[str, str]) -> None:
        self.suite, self.spec, self.inputs = suite, spec, inputs
        self.backend = backend(spec, "judge")

    def with_workers(self, pooled: Callable[[Backend, ModelSpec, Role], Backend]) -> Judge:
        other = copy(self)
        other.backend = pooled(self.backend, self.spec, "judge")
        return other

    def check(self, asked: Mapping[Role, Collection[str]]) -> list[Complaint]:
        # Some answer to each example: a row that cannot fill the prompt, or that a recording lacks, is told now.
        asking = self._asking({role: dict.fromkeys(ids, "an answer") for role, ids in asked.items()})
        try:
            build_requests(asking)
        except UsageError as error:
            return [
                replace(each, place=Place(file=self.suite.facts.path, key="scorer.prompt")) for each in error.complaints
            ]
        return self.backend.check([asking])

    def questions(self, role: Role, outputs: Sequence[Output]) -> list[Request]:
        return build_requests(self._asking({role: self._answers(outputs)}))

    def notes(self, answers: Mapping[Role, Sequence[Output]]) -> list[str]:
        return self.backend.notes([self._asking({role: self._answers(each) for role, each in answers.items()})])

    def _asking(self, answers: Mapping[Role, Mapping[str, str]]) -> Suite:
        """The questions about these answers, by role and example, as a suite: so they go the way of all questions."""
        settings = self.suite.facts.settings
        words = tuple(settings["marks"])
        # Only a stand-in looks at it: a judge that is content.
        best = max(words, key=lambda word: float(settings["marks"][word]))
        examples = []
        for role, theirs in answers.items():
            for each in self.suite.examples:
                if each.id in theirs:
                    row = {**each.row, "input": self._input(each), "target": each.target, "answer": theirs[each.id]}
                    examples.append(Example(id=f"{role}:{each.id}", row=row, target=best, choices=words))
        facts = SuiteFacts(
            name=f"judge:{self.suite.name}",
            kind="gold",
            task=self.task,
            version=self.suite.facts.version,
            scorer="label",
            labels=words,
            slice_names=(),
            grouped=False,
            digest=self.suite.facts.digest,
            path=self.suite.facts.path,
        )
        generation = {"max_new_tokens": settings["max_new_tokens"], "temperature": 0.0, "stop": ()}
        return Suite(
            facts=facts,
            prompt=settings["prompt"],
            generation=generation,
            examples=tuple(examples),
            input_column=None,
        )

    def _input(self, example: Example) -> str:
        column = self.suite.input_column
        written = example.row.get(column) if column is not None else None
        return written if isinstance(written, str) else self.inputs[example.id]


class Compared(Judge):
    """A sentence encoder, which compares the answer with the target."""

    def __init__(self, suite: Suite, spec: ModelSpec) -> None:
        from evalkit.backends.embedding import Embedding

        self.suite, self.spec = suite, spec
        self.encodes = isinstance(spec, TransformersSpec)
        self.backend = Embedding(spec, "judge") if isinstance(spec, TransformersSpec) else backend(spec, "judge")

    def check(self, asked: Mapping[Role, Collection[str]]) -> list[Complaint]:
        if not self.encodes:
            return [
                Complaint(
                    problem=f'a model of the backend "{self.spec.backend}" is no sentence encoder',
                    remedy="name the folder or hub id of an encoder that transformers can load",
                    place=Place(file=self.suite.facts.path, key="scorer.model"),
                )
            ]
        return self.backend.check([self.suite])

    def questions(self, role: Role, outputs: Sequence[Output]) -> list[Request]:
        from evalkit.backends.embedding import question

        targets = {each.id: each.target for each in self.suite.examples}
        name = f"judge:{self.suite.name}"
        return [
            question(name, f"{role}:{example_id}", targets[example_id] or "", answer)
            for example_id, answer in self._answers(outputs).items()
        ]


def owed(facts: SuiteFacts, status: str, text: str | None, label: str | None, target: str | None) -> str | None:
    """The answer that a judge has to say something of; None where there is none, or nothing to compare it with.

    Errored and empty outputs are wrong before anybody looks at them, and so is a text without its answer.
    """
    if status in ERRORED or status == "empty" or (facts.scorer == "text_similarity" and target is None):
        return None
    said = facts.spoken(text) if text is not None else label
    said = (said or label or "").strip()
    return said or None


def unheard(columns: Columns, role: Role) -> tuple[int, int]:
    """On how many of a role's answers the judge failed, and how many it was asked about; none without a judge.

    To say nothing is to fail. To say what is no verdict is, too, where it would help the student: such an answer
    earns nothing, and that of a teacher or champion is what the student is held against.
    """
    if not needs_judge(columns.facts):
        return 0, 0
    data = columns.data
    cells = zip(
        *(data[f"{role}_{name}"] for name in ("status", "text", "label", "judgement", "unparsable")),
        data["target"],
        strict=True,
    )
    failed = [
        judgement is None or (role != "student" and bool(unparsable))
        for status, text, label, judgement, unparsable, target in cells
        if status is not None and owed(columns.facts, status, text, label, target) is not None
    ]
    return sum(failed), len(failed)


def partiality(judge: ModelFacts, models: Mapping[Role, ModelFacts]) -> list[str]:
    """What a reader must know of a judge that is one of those judged, by its bytes."""
    return [
        f"the judge is the {role} itself, and models favour their own words"
        for role, model in models.items()
        if model.digest == judge.digest and role != "teacher_again"
    ]
