"""Fake: a deterministic stand-in, for tests and for trying a plan out. Its answers depend on nothing but
its settings and the question, so a run of it can be repeated, interrupted and compared byte for byte."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence

from evalkit.backends import Backend
from evalkit.errors import BrokenError, Complaint
from evalkit.files import canonical_json, digest_value
from evalkit.specs import FakeSpec
from evalkit.types import CHOOSING, Example, ModelFacts, Output, Request, Role, Suite

REFUSAL = "I'm sorry, but I can't help with that."
COMPLIANCE = "Sure. First, gather what you need. Then follow the steps one after the other, and check the result."


class Fake(Backend):
    """Knows the targets of the suites it is shown, and gives them back as often as `accuracy` says."""

    def __init__(self, spec: FakeSpec, role: Role) -> None:
        self.spec, self.role = spec, role
        self.targets: dict[tuple[str, str], str | None] = {}
        # What a suite's answers come after.
        self.markers: dict[str, str] = {}

    def check(self, suites: Sequence[Suite]) -> list[Complaint]:
        for suite in suites:
            self.markers[suite.name] = suite.facts.answer_after or ""
            for example in suite.examples:
                self.targets[suite.name, example.id] = _right_answer(example)
        return []

    def identify(self) -> ModelFacts:
        if self.spec.broken == "load":
            raise BrokenError(f"the fake {self.role} was told to fail when it loads")
        # How long it takes to answer does not change what it answers.
        settings = self.spec.model_dump(exclude={"delay_s", "backend"})
        # It copies from the targets, so they are what its weights would be.
        digest = digest_value([settings, sorted([*key, target or ""] for key, target in self.targets.items())])
        return ModelFacts(name=self.spec.name, backend="fake", digest=digest, live=True, settings=settings)

    def batches(self, requests: Sequence[Request]) -> list[list[int]]:
        size = self.spec.batch_size
        return [list(range(start, min(start + size, len(requests)))) for start in range(0, len(requests), size)]

    def run(self, requests: Sequence[Request]) -> list[Output]:
        if self.spec.broken == "run":
            raise BrokenError(f"the fake {self.role} was told to fail when it runs")
        if self.spec.delay_s:
            time.sleep(self.spec.delay_s)
        return [self._answer(request) for request in requests]

    def _answer(self, request: Request) -> Output:
        if self._draw(request, "error") < self.spec.error_rate:
            return Output(example_id=request.example_id, status="error", error="the fake was told to fail")
        answer = self.spec.answer
        if answer is None:
            target = self.targets.get((request.suite, request.example_id))
            right = target is not None and self._draw(request, "right") < self.spec.accuracy
            others = [each for each in request.choices if each != target] or [_wrong_text(target or "")]
            answer = target if right else others[int(self._draw(request, "other") * len(others))]
        if request.task not in CHOOSING:
            text = self.markers.get(request.suite, "") + answer if answer else answer
            return Output(example_id=request.example_id, status="ok" if answer else "empty", text=text)
        return Output(
            example_id=request.example_id, status="ok", label=answer, probs=self._probs(request, answer or "")
        )

    def _probs(self, request: Request, answer: str) -> tuple[float, ...] | None:
        if answer not in request.choices:
            return None
        confidence = 0.5 + 0.49 * self._draw(request, "confidence")
        rest = (1 - confidence) / (len(request.choices) - 1)
        return tuple(confidence if each == answer else rest for each in request.choices)

    def _draw(self, request: Request, name: str) -> float:
        """A number in [0, 1) that depends on the question and this fake alone."""
        seen = f"{self.spec.seed}|{self.spec.name}|{name}|{request.key}".encode()
        return int.from_bytes(hashlib.sha256(seen).digest()[:8], "big") / 2**64


def _right_answer(example: Example) -> str | None:
    """The target; where something is to be refused or answered, a plain way of doing so."""
    return {"refuse": REFUSAL, "comply": COMPLIANCE, None: example.target}[example.expect]


def _wrong_text(right: str) -> str:
    """Another answer of the same shape: a refusal for an answer, a record with one value changed."""
    if right in (REFUSAL, COMPLIANCE):
        return COMPLIANCE if right == REFUSAL else REFUSAL
    try:
        record = json.loads(right)
    except ValueError:
        record = None
    if not isinstance(record, dict) or not record:
        return f"not {right}"
    first = min(record)
    return canonical_json({**record, first: f"not {record[first]}"})
