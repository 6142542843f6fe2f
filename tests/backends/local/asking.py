"""Suites and backends for the tests of this folder: what is asked, of whom, and in batches or not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evalkit.backends.local import Local
from evalkit.requests import build_requests
from evalkit.specs import TransformersSpec
from evalkit.types import ChooseBy, Example, Message, Output, Request, Role, Suite, SuiteFacts, Task

CHOICES = ("a refund of the fee", "no", "the card", "Größe, 東京 and the exchange rate of the other currency")


def prompts(count: int, longest: int = 40) -> list[str]:
    """Questions of very different lengths, all different: from one word to more than a sliding window."""
    words = re.findall(
        r"\w+", "my card was declined twice and the money is pending where is refund please help transfer pin"
    )
    found = []
    for index in range(count):
        length = 1 + (index * 11) % longest
        found.append(
            " ".join(words[(index + step * (1 + index % 3)) % len(words)] for step in range(length)) + f" {index}?"
        )
    return found


def suite(
    texts: Sequence[str],
    task: Task,
    *,
    choices: Sequence[str] = (),
    choose_by: ChooseBy = "sum",
    prompt: tuple[Message, ...] | None = None,
    name: str = "questions",
    **generation: Any,
) -> Suite:
    """A suite of these texts. `prompt` makes chat turns of each, in which `{{ text }}` stands for it."""
    facts = SuiteFacts(
        name=name,
        kind="gold",
        task=task,
        version=1,
        scorer="label",
        labels=tuple(choices) if task == "classify" else (),
        slice_names=(),
        grouped=False,
        digest=f"sha256:{name}",
        path=f"{name}/suite.yaml",
        choose_by=choose_by,
    )
    examples = tuple(
        Example(id=f"e{index}", row={"text": text}, target=None, choices=tuple(choices))
        for index, text in enumerate(texts)
    )
    settings = {"max_new_tokens": 12, "temperature": 0.0, "stop": (), **generation}
    return Suite(facts=facts, prompt=prompt, generation=settings, examples=examples, input_column="text")


def chat(*turns: tuple[str, str]) -> tuple[Message, ...]:
    return tuple(Message(role=role, content=content) for role, content in turns)


def local(folder: Path, role: Role = "student", **spec: Any) -> Local:
    """The backend over a saved model, in float32 on the CPU unless `spec` says otherwise."""
    return Local(TransformersSpec(model=str(folder), **{"dtype": "float32", "device": "cpu", **spec}), role)


def answers(built: Local, asked: Suite) -> list[Output]:
    """As `collect` runs them: in the backend's own batches."""
    requests = build_requests(asked)
    return in_batches(built, requests)


def in_batches(built: Local, requests: Sequence[Request]) -> list[Output]:
    found: dict[int, Output] = {}
    for batch in built.batches(requests):
        found.update(zip(batch, built.run([requests[index] for index in batch]), strict=True))
    return [found[index] for index in range(len(requests))]


def one_by_one(built: Local, asked: Suite) -> list[Output]:
    return [built.run([each])[0] for each in build_requests(asked)]


def complaints(built: Local, *suites: Suite) -> str:
    return "\n".join(str(each) for each in built.check(list(suites)))


def loaded(built: Local) -> Any:
    """The model, which a test may look at or change."""
    assert built.tools is not None
    return built.tools.model
