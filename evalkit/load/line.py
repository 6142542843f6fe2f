"""One server and one attempt per request: the questions of the gate, its client with nothing tried again."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any, Literal

from evalkit.backends.openai import OpenAI, chat, refusing
from evalkit.backends.openai.client import Client
from evalkit.backends.openai.secret import key_of
from evalkit.backends.openai.trouble import Failed, Passing, Refused
from evalkit.errors import BrokenError, Complaint, Place
from evalkit.load.drive import Heard
from evalkit.load.transport import wide_transport
from evalkit.specs import OpenAISpec
from evalkit.types import Request, Suite

Role = Literal["teacher", "student"]
# Kinds of failure, as they are counted: what a server or the way to it did in place of an answer.
KINDS: Mapping[str, str] = {
    "busy": "busy (429)",
    "server": "server error (5xx)",
    "timeout": "timeout",
    "connection": "connection broke",
    "unreachable": "not reachable",
    "malformed": "malformed reply",
}
FILTERED, OTHER_LENGTH = "held back by a filter", "another length"


def complaints_about(spec: OpenAISpec, role: Role, suites: Sequence[Suite]) -> list[Complaint]:
    """What is wrong with the address or the key, without asking anybody."""
    return OpenAI(spec, role).check(suites)


class Line:
    """Asks `requests` by their numbers, each once. `most` can be under way at the same time, and none waits for that.

    `refused` are the parameters that the server was found to refuse: all are asked without them.
    """

    def __init__(
        self, spec: OpenAISpec, role: Role, requests: Sequence[Request], fixed_tokens: int | None, most: int
    ) -> None:
        self.spec, self.role = spec, role
        self._requests, self._fixed = requests, fixed_tokens
        self._key, _ = key_of(spec.api_key_env, os.environ, Place(file=role, key="api_key_env"))
        self._clock = asyncio.get_running_loop().time
        # Beyond what a plan may ask for: here the number under way is what is studied.
        wide = spec.model_copy(update={"concurrency": most, "retries": 0})
        self._client = Client(
            wide, self._key, f"the {role} {spec.model}", clock=self._clock, transport=wide_transport(spec.base_url)
        )

    @property
    def refused(self) -> frozenset[str]:
        return self._client.refused

    async def ready(self) -> None:
        """Raises BrokenError where the server is not there, has no such model, or does not answer a first request."""
        with closing(OpenAI(self.spec, self.role)) as backend:
            backend.check([])
            await asyncio.to_thread(backend.identify)
        try:
            got = await self._client.ask(chat.PATH, self._body(self._requests[0]), chat.reader_of)
        except Refused as refusal:
            if refusal.said.filtered:
                return
            raise self._broken(self._client.meaning(refusal, chat.PATH)) from None
        except Failed as failure:
            raise self._broken(failure) from None
        self._client.recognise(got.reply.model)
        wrote = got.reply.tokens_out
        if self._fixed is not None and wrote is not None and wrote != self._fixed:
            raise self._client.broken(
                f"the server cannot be held to a length: it wrote {wrote} tokens where {self._fixed} were asked for; "
                "leave --fixed-tokens away"
            )

    async def ask(self, prompt: int) -> Heard:
        """One attempt. A failure is a kind; raises BrokenError where every other request would fail alike."""
        body = refusing.fitted(self._body(self._requests[prompt]), self._client.refused)
        first_seen: list[float] = []

        async def trace(_name: str, _about: Mapping[str, Any]) -> None:
            # Until then it waited for a connection in this client's own pool.
            if not first_seen:
                first_seen.append(self._clock())

        began = self._clock()
        failed: str | None = None
        try:
            got = await self._client.once(chat.PATH, body, chat.reader_of, trace)
        except Passing as trouble:
            failed = KINDS[trouble.kind]
        except Refused as refusal:
            failed = FILTERED
            if not refusal.said.filtered:
                self._client.meaning(refusal, chat.PATH)
                failed = f"refused ({refusal.status})"
        ended = self._clock()
        sent = first_seen[0] if first_seen else began
        if failed is not None:
            return Heard(sent=sent, ended=ended, failed=failed)
        reply = got.reply
        self._client.recognise(reply.model)
        other = self._fixed is not None and reply.tokens_out not in (None, self._fixed)
        return Heard(
            sent=sent,
            ended=ended,
            first=None if got.ttft_s is None else began + got.ttft_s,
            failed=OTHER_LENGTH if other else None,
            tokens=reply.tokens_out,
            empty=not reply.text.strip(),
        )

    async def close(self) -> None:
        await self._client.close()

    def _body(self, request: Request) -> dict[str, Any]:
        body = chat.body(request, self.spec, again=False)
        if self._fixed is not None:
            # What vLLM, SGLang and others take besides the protocol.
            body |= {"max_tokens": self._fixed, "min_tokens": self._fixed, "ignore_eos": True}
            body.pop("stop", None)
        return body

    def _broken(self, failure: Failed) -> BrokenError:
        return self._client.broken(f"asked once before the load, {failure.reason}")
