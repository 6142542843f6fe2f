"""Teacher forcing, as a run goes on: the student reads what the teacher wrote, beside the teacher where it can.

    the teacher has answered  →  its hidden states at its own answers, kept beside the cache
    the student has answered  →  it reads the same answers; both are compared token by token

What comes of it stands in the pairs (evalkit.columns.FORCED_COLUMNS), and the metrics are made of that alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evalkit.backends import Backend
from evalkit.backends.reading import Reader, ReadingError, TeacherHead
from evalkit.cache.states import States
from evalkit.columns import FORCED_COLUMNS, Columns
from evalkit.environment import Environment
from evalkit.types import ERRORED, WRITING, ModelFacts, Output, Request, Role, Suite
from evalkit.types.forced import NOTHING_WRITTEN, Answered, Reading

NOT_ASKED_FOR = "the plan has token_fidelity: 0"


@dataclass(frozen=True, kw_only=True)
class _Text:
    """What is read of one suite: requests with the teacher's tokens; why there is no KL, None where there is one."""

    answered: list[Answered]
    without_kl: str | None


class Forcing:
    """Told of each model's answers before its backend is closed; `filled` adds what came of it to the pairs.

    `drawn` names the examples of each suite whose answers are read. `account` says for the manifest how many batches
    of the teacher's states there are and how many of them were there already, and how many answers were read.
    """

    def __init__(
        self,
        suites: Sequence[Suite],
        requests: Mapping[str, Sequence[Request]],
        backends: Mapping[Role, Backend],
        drawn: Mapping[str, frozenset[str]],
        cache: Path,
        env: Environment,
    ) -> None:
        self.suites = [each for each in suites if each.facts.task in WRITING]
        self.requests, self.backends, self.drawn = requests, backends, drawn
        self.cache, self.env = cache, env
        self.account: dict[str, dict[str, int]] = {}
        self._facts: ModelFacts | None = None
        self._states_failed: dict[str, str] = {}
        # By suite and example.
        self._found: dict[str, dict[str, Reading]] = {}

    def heard(self, role: Role, facts: ModelFacts, answers: Mapping[str, Mapping[Role, Sequence[Output]]]) -> None:
        """What `role` answered is in `answers`, by suite. Raises BrokenError when a model cannot run or the disk does
        not take the teacher's states."""
        if role == "teacher":
            self._facts = facts
        if role not in ("teacher", "student") or "teacher" not in self.backends or self._facts is None:
            return
        for suite in self.suites:
            if not self.drawn[suite.name]:
                if role == "student":
                    self._note(suite, NOT_ASKED_FOR)
                continue
            outputs = answers[suite.name]["teacher"]
            student = self.backends["student"].reader()
            if isinstance(student, str):
                if role == "student":
                    self._note(suite, f"the student cannot read the teacher's answers: it {student}")
                continue
            text = self._text(suite, outputs, student)
            if role == "teacher":
                if text.without_kl is None:
                    self._keep(suite, text.answered)
            else:
                self._read(suite, text, student)

    def filled(self, columns: Columns) -> Columns:
        """The pairs of a suite with what was read of it."""
        if (found := self._found.get(columns.facts.name)) is None:
            return columns
        rows = [found.get(each) for each in columns.data["id"]]
        read = {name: [_cell(row, name) for row in rows] for name in FORCED_COLUMNS}
        return replace(columns, data={**columns.data, **read})

    # --- what is read ------------------------------------------------------------------------------

    def _text(self, suite: Suite, outputs: Sequence[Output], student: Reader) -> _Text:
        """The teacher's answers in tokens: its own where the student has the same, else the student's of its text."""
        drawn = self.drawn[suite.name]
        pairs = [
            (request, output)
            for request, output in zip(self.requests[suite.name], outputs, strict=True)
            if request.example_id in drawn and output.status not in ERRORED and output.text
        ]
        why = self._foreign(student, [output for _, output in pairs])
        if why is None:
            tokens = [output.written or () for _, output in pairs]
            head = self._head()
            if isinstance(head, str):
                why = f"the teacher's own distribution is not known: {head}"
            why = why or self._states_failed.get(suite.name)
        else:
            tokens = student.encoded([output.text or "" for _, output in pairs])
        answered = [
            Answered(request=request, tokens=tuple(each))
            for (request, _), each in zip(pairs, tokens, strict=True)
            if each
        ]
        return _Text(answered=answered, without_kl=why)

    def _foreign(self, student: Reader, outputs: Sequence[Output]) -> str | None:
        """Why the teacher's own tokens are not there or not the student's; None where they are both."""
        teacher = self.backends["teacher"].reader()
        if isinstance(teacher, str):
            return f"the teacher {teacher}: its text is read in the student's tokens"
        if any(each.written is None for each in outputs):
            return "the teacher's own tokens are not kept: its text is read in the student's tokens"
        if teacher.vocabulary() != student.vocabulary():
            return "the models have different vocabularies: the teacher's text is read in the student's tokens"
        return None

    # --- the teacher -------------------------------------------------------------------------------

    def _keep(self, suite: Suite, answered: Sequence[Answered]) -> None:
        """The teacher's states at these answers are on the disk afterwards, unless it cannot make them."""
        teacher, states = self._teacher(), self._states()
        batches = [[answered[index] for index in each] for each in teacher.batches(answered)]
        done = there = 0
        for batch in batches:
            if states.get(batch) is not None:
                there += 1
            else:
                try:
                    states.put(batch, teacher.states(batch))
                except ReadingError as error:
                    self._states_failed[suite.name] = f"the teacher's own distribution is not known: {error}"
                    return
            done += len(batch)
            self.env.progress(f"reading answers of {suite.name}, teacher", done, len(answered))
        self.account[f"teacher {suite.name}, reading"] = {"batches": len(batches), "from_cache": there}

    # --- the student -------------------------------------------------------------------------------

    def _read(self, suite: Suite, text: _Text, student: Reader) -> None:
        answered, why = text.answered, text.without_kl
        teacher: TeacherHead | None = None
        if why is None:
            reader, head = self._teacher(), self._head()
            assert not isinstance(head, str)
            teacher = TeacherHead(folder=reader.folder, described=head)
            batches = [[answered[index] for index in each] for each in reader.batches(answered)]
        else:
            batches = [[answered[index] for index in each] for each in student.batches(answered)]
        found = self._note(suite, NOTHING_WRITTEN)
        done = 0
        for batch, readings in zip(batches, student.read(self._given(batches, teacher), teacher), strict=True):
            for each, reading in zip(batch, readings, strict=True):
                noted = reading if reading.note is not None else replace(reading, note=why)
                found[each.request.example_id] = noted
            done += len(batch)
            self.env.progress(f"reading answers of {suite.name}, student", done, len(answered))
        self.account[f"student {suite.name}, reading"] = {"batches": len(batches), "answers": done}

    def _given(
        self, batches: Sequence[Sequence[Answered]], teacher: TeacherHead | None
    ) -> Iterator[tuple[Sequence[Answered], bytes | None]]:
        for each in batches:
            content: bytes | None = None
            if teacher is not None:
                content = self._states().get(each)
                if content is None:
                    # Somebody has cleared the cache since.
                    content = self._teacher().states(each)
            yield each, content

    def _note(self, suite: Suite, why: str) -> dict[str, Reading]:
        """Every answer that is to be read has this reason for not being read, until it is."""
        asked = self.drawn[suite.name] or {each.example_id for each in self.requests[suite.name]}
        self._found[suite.name] = {
            each.example_id: Reading(note=why) for each in self.requests[suite.name] if each.example_id in asked
        }
        return self._found[suite.name]

    def _teacher(self) -> Reader:
        reader = self.backends["teacher"].reader()
        assert not isinstance(reader, str)
        return reader

    def _head(self) -> Mapping[str, Any] | str:
        """How the teacher's states become logits: looked up where nobody has, or where it was cleared away since."""
        states = self._states()
        if (head := states.head()) is None:
            head = self._teacher().head()
            states.put_head(head)
        return head

    def _states(self) -> States:
        assert self._facts is not None
        return States(self.cache, self._facts)


def _cell(reading: Reading | None, name: str) -> Any:
    value = getattr(reading, name.removeprefix("forced_")) if reading is not None else None
    return list(value) if isinstance(value, tuple) else value
