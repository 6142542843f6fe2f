"""Backends on a clock of their own: time passes only when a model works, so a test knows every second."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evalkit.backends import Backend
from evalkit.errors import Complaint
from evalkit.plan import LatencySpec
from evalkit.requests import build_requests
from evalkit.specs import FakeSpec, ModelSpec, TransformersSpec
from evalkit.timing import TimedModel, Timing, time_models
from evalkit.types import ModelFacts, Output, Request, Role, Suite
from tests import factory

TEXTS = build_requests(factory.Case(target=["a"] * 30, student=["a"] * 30).suite())


def oracle(name: str) -> dict[str, Any]:
    """Inputs and expected numbers that another program computed."""
    known = json.loads((Path(__file__).parent.parent / "oracles" / "statistics.json").read_text("utf-8"))["oracles"]
    found: dict[str, Any] = next(each for each in known if each["name"] == name)
    return found


def written(count: int = 30, max_new_tokens: int = 64) -> list[Request]:
    """Requests that are answered with text."""
    case = factory.Case(target=["a"] * count, student=["a"] * count, task="generate", labels=(), name="texts")
    generation = {"max_new_tokens": max_new_tokens, "temperature": 0.0, "stop": ("\n",)}
    return [
        Request(**{**{name: getattr(each, name) for name in each.__slots__}, "generation": generation})
        for each in build_requests(case.suite())
    ]


@dataclass
class Clock:
    """Seconds, and who was asked what in which order."""

    now: float = 100.0
    log: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now


# (request, how often it was asked before) → seconds
Pace = Callable[[Request, int], float]


class Worker(Backend):
    """Takes the seconds that `pace` says; a batch takes as long as its slowest request. `here`: as a model of this
    machine, which may be looked at while it works."""

    def __init__(
        self,
        name: str,
        clock: Clock,
        pace: Pace,
        *,
        failing: frozenset[str] = frozenset(),
        tokens: int | None = None,
        first: float | None = None,
        keeps_to: Callable[[int], int | None] = lambda budget: budget,
        here: bool = True,
    ) -> None:
        self.spec: ModelSpec = TransformersSpec(model=name) if here else FakeSpec(backend="fake")
        self.name, self.clock, self.pace, self.failing = name, clock, pace, failing
        self.tokens, self.first, self.keeps_to = tokens, first, keeps_to
        self.asked: dict[str, int] = {}
        self.closed = 0

    def check(self, suites: Sequence[Suite]) -> list[Complaint]:
        return []

    def identify(self) -> ModelFacts:
        return ModelFacts(name=self.name, backend="worker", digest=self.name, live=True)

    def batches(self, requests: Sequence[Request]) -> list[list[int]]:
        return [list(range(start, min(start + 4, len(requests)))) for start in range(0, len(requests), 4)]

    def run(self, requests: Sequence[Request]) -> list[Output]:
        self.clock.log.append((self.name, tuple(each.example_id for each in requests)))
        took = [self.pace(each, self.asked.get(each.key, 0)) for each in requests]
        self.clock.now += max(took)
        for each in requests:
            self.asked[each.key] = self.asked.get(each.key, 0) + 1
        return [self._answer(each) for each in requests]

    def _answer(self, request: Request) -> Output:
        name = request.example_id
        if name in self.failing:
            return Output(example_id=name, status="error", error="it broke")
        tokens = self.tokens
        if "min_new_tokens" in request.generation:
            tokens = self.keeps_to(request.generation["min_new_tokens"])
            if tokens is None:
                return Output(example_id=name, status="error", error="a length cannot be asked for here")
        return Output(example_id=name, status="ok", text="said", tokens_out=tokens, ttft_s=self.first)

    def close(self) -> None:
        self.closed += 1


def steady(seconds: float) -> Pace:
    """Slow when cold, then always the same."""
    return lambda request, before: seconds * (50 if before == 0 else 1)


def model(worker: Worker) -> TimedModel:
    return TimedModel(backend=worker, spec=worker.spec, facts=worker.identify())


def pair_of(clock: Clock, **student: Any) -> dict[Role, Worker]:
    """A teacher that takes 0.4 seconds and a student that takes 0.1."""
    return {
        "teacher": Worker("teacher", clock, steady(0.4)),
        "student": Worker("student", clock, steady(0.1), **student),
    }


def protocol(
    workers: Mapping[Role, Worker],
    requests: Sequence[Request] = TEXTS,
    *,
    seed: int = 0,
    progress: Callable[[str, int, int], None] = lambda what, done, total: None,
    **spec: int,
) -> Timing:
    """The whole protocol over one suite."""
    clock = next(iter(workers.values())).clock
    models = {role: model(each) for role, each in workers.items()}
    suite = requests[0].suite
    return time_models(models, {suite: requests}, LatencySpec(**spec), seed, clock, progress)[suite]
