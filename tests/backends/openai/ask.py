"""Questions, and a backend over a fake server to put them to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from evalkit.backends.openai import OpenAI
from evalkit.files import digest_value
from evalkit.specs import OpenAISpec
from evalkit.types import Output, Request, Role
from tests.backends.openai.server import MODEL, Server


def question(index: int = 0, text: str | None = None, **generation: Any) -> Request:
    """One to be answered in writing."""
    asked = {"max_new_tokens": 16, "temperature": 0.0, "stop": (), **generation}
    prompt = f"question {index}" if text is None else text
    return Request(
        key=digest_value([prompt, {**asked, "stop": list(asked["stop"])}]),
        suite="asked",
        example_id=f"e{index}",
        task="generate",
        prompt=prompt,
        choices=(),
        generation=asked,
    )


def choice(
    index: int = 0, text: str | None = None, choices: tuple[str, ...] = ("yes", "no sir"), **more: Any
) -> Request:
    prompt = f"question {index}:" if text is None else text
    return Request(
        key=digest_value([prompt, list(choices)]),
        suite="asked",
        example_id=f"e{index}",
        task="choose",
        prompt=prompt,
        choices=choices,
        generation={},
        **more,
    )


def spec(server: Server | str, **over: Any) -> OpenAISpec:
    url = server if isinstance(server, str) else server.url
    return OpenAISpec(**{"backend": "openai", "base_url": url, "model": MODEL, "retries": 3, "timeout_s": 5.0, **over})


class Pauses(list[float]):
    """Waits no moment, and remembers for how long it should have."""

    async def __call__(self, seconds: float) -> None:
        self.append(seconds)


@contextmanager
def asking(server: Server | str, role: Role = "student", pauses: Pauses | None = None, **over: Any) -> Iterator[OpenAI]:
    """A backend past its check, closed at the end."""
    with closing(OpenAI(spec(server, **over), role, pause=Pauses() if pauses is None else pauses)) as built:
        assert built.check([]) == []
        yield built


def one(server: Server, request: Request | None = None, **over: Any) -> Output:
    """The output of one request."""
    with asking(server, **over) as built:
        return built.run([request or question()])[0]
