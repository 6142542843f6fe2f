"""The backend for served models: what it checks, who the model is, and asking it."""

from __future__ import annotations

import os
import weakref
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from evalkit.backends import Backend
from evalkit.backends.openai import chat, likelihood
from evalkit.backends.openai.background import Background, together
from evalkit.backends.openai.client import Client
from evalkit.backends.openai.naming import listed
from evalkit.backends.openai.reading import Names
from evalkit.backends.openai.secret import key_of
from evalkit.backends.openai.trouble import Failed, Refused
from evalkit.errors import BrokenError, Complaint, Place, nearest
from evalkit.files import digest_value
from evalkit.specs import OpenAISpec
from evalkit.types import WRITING, ModelFacts, Output, Request, Role, Suite

Result = TypeVar("Result")
# Requests in a batch. Not a multiple of `concurrency`: who lowers that because the server is busy should find again
# what was answered before. A batch in which something failed is asked again whole, so it should not be large either.
BATCH, LARGE_BATCH = 64, 256
# A name that no server has: one that answers to it does not look at names.
NOBODY = "evalkit-asks-for-a-model-that-is-not-there"


class OpenAI(Backend):
    """One model behind one server, for all suites of a role. `connection` is passed on to `Client`."""

    def __init__(self, spec: OpenAISpec, role: Role, **connection: Any) -> None:
        self.spec, self.role = spec, role
        self._connection = connection
        self._key: str | None = None
        self._line: tuple[Background, Client] | None = None
        self._hang_up: weakref.finalize[..., OpenAI] | None = None
        self._counts: dict[str, int] = {}
        self._answered_as: set[str] = set()
        self._refused: frozenset[str] = frozenset()

    # --- before anything runs ----------------------------------------------------------------------

    def check(self, suites: Sequence[Suite]) -> list[Complaint]:
        """Everything but the server itself: one that is down is no mistake in the plan."""
        self._key, unset = key_of(self.spec.api_key_env, os.environ, self._place("api_key_env"))
        found = [self._address(), unset, *(self._turns(each) for each in suites)]
        return [each for each in found if each is not None]

    def identify(self) -> ModelFacts:
        """Asks the server for its models, and the model itself for a word where the list does not have it."""
        self._run(self._is_there())
        again = self.role == "teacher_again"
        settings = {
            "base_url": self.spec.base_url.rstrip("/"),
            "model": self.spec.model,
            "revision": self.spec.revision,
            "logprobs": self.spec.logprobs,
            "seed": chat.SEED_AGAIN if again else chat.SEED,
            "order": "backwards" if again else "forwards",
        }
        named = {name: settings[name] for name in ("base_url", "model", "revision")}
        return ModelFacts(
            name=self.spec.model,
            backend="openai",
            digest=digest_value({"backend": "openai", **named}),
            live=True,
            revision=self.spec.revision,
            settings=settings,
        )

    def batches(self, requests: Sequence[Request]) -> list[list[int]]:
        size = BATCH if self.spec.concurrency <= BATCH else LARGE_BATCH
        order = list(range(len(requests)))
        if self.role == "teacher_again":
            # The second run meets the server's own batches in another company.
            order.reverse()
        return [order[start : start + size] for start in range(0, len(order), size)]

    # --- running -----------------------------------------------------------------------------------

    def run(self, requests: Sequence[Request]) -> list[Output]:
        if not requests:
            return []
        return self._run(self._answers(requests))

    def close(self) -> None:
        if self._line is not None and self._hang_up is not None:
            self._remember()
            self._line = None
            self._hang_up()

    def counts(self) -> Mapping[str, int]:
        self._remember()
        return dict(self._counts)

    def notes(self, suites: Sequence[Suite]) -> list[str]:
        self._remember()
        return list(self._notes())

    # --- on the loop -------------------------------------------------------------------------------

    async def _answers(self, requests: Sequence[Request]) -> list[Output]:
        _, client = self._connected()
        return await together([self._answer(client, each) for each in requests])

    async def _answer(self, client: Client, request: Request) -> Output:
        if request.task in WRITING:
            return await chat.answer(client, request, self._key, again=self.role == "teacher_again")
        return await likelihood.answer(client, request)

    async def _is_there(self) -> None:
        """Raises BrokenError when the server cannot be reached or does not have the model.

        A list without the model proves nothing (a gateway's names are patterns, and `transformers serve` lists what
        is in a cache of downloads), and neither does a missing list: then the model is asked for one token. Where it
        answers, the list is still believed if the server answers to any name.
        """
        _, client = self._connected()
        names = await self._listed(client)
        if listed(self.spec.model, names):
            return
        answered = await self._one_token(client, self.spec.model)
        client.recognise(answered)
        if names and not self.spec.answers_as and answered == self.spec.model and await self._answers_to_nobody(client):
            raise client.broken(
                f'the server answers to any name, and "{self.spec.model}" is not among its models: '
                + client.scrubbed(nearest(self.spec.model, names))
            )

    async def _listed(self, client: Client) -> tuple[str, ...]:
        try:
            return await client.get("models", lambda _: Names())
        except Refused as refusal:
            if refusal.status == 401 or 300 <= refusal.status < 400:
                raise client.meaning(refusal, "models") from None
        except Failed:
            # It may list badly and answer well.
            pass
        return ()

    async def _one_token(self, client: Client, name: str) -> str | None:
        """The name that the server answers with. Raises BrokenError where it does not answer."""
        request = Request(
            key="",
            suite="",
            example_id="",
            task="generate",
            prompt="Hello",
            choices=(),
            generation={"max_new_tokens": 1, "temperature": 0.0},
        )
        asked = {**chat.body(request, self.spec, again=False), "model": name}
        try:
            return (await client.ask(chat.PATH, asked, chat.reader_of)).reply.model
        except Refused as refusal:
            raise client.broken(f"asked for one token, {client.meaning(refusal, chat.PATH).reason}") from None
        except Failed as failure:
            raise client.broken(f"asked for one token, {failure.reason}") from None

    async def _answers_to_nobody(self, client: Client) -> bool:
        try:
            await self._one_token(client, NOBODY)
        except BrokenError:
            return False
        return True

    # --- the line ----------------------------------------------------------------------------------

    def _run(self, work: Coroutine[Any, Any, Result]) -> Result:
        background, _ = self._connected()
        return background.run(work)

    def _connected(self) -> tuple[Background, Client]:
        if self._line is None:
            background = Background()
            client = Client(self.spec, self._key, f"the {self.role} {self.spec.model}", **self._connection)
            client.refused = self._refused
            self._line = background, client
            # A backend that nobody closes still ends its thread and its connections.
            self._hang_up = weakref.finalize(self, _close, background, client)
        return self._line

    def _remember(self) -> None:
        """What the client found out, before it goes."""
        if self._line is None:
            return
        client = self._line[1]
        for name, count in client.counts.items():
            self._counts[name] = self._counts.get(name, 0) + count
        client.counts.clear()
        self._answered_as |= client.answered_as
        self._refused |= client.refused

    # --- words -------------------------------------------------------------------------------------

    def _notes(self) -> list[str]:
        whose = f"{self.role} {self.spec.model}"
        found = []
        if self.spec.revision is None:
            found.append(
                f"{whose} is served by {self.spec.base_url}, and no revision is named: what answers there can change "
                "unseen"
            )
        if other := sorted(self._answered_as - {self.spec.model}):
            found.append(f"{whose} says that it answered as {', '.join(other)}")
        if self._refused:
            found.append(f"{whose}: the server refuses {', '.join(sorted(self._refused))}, and is asked without")
        if withheld := self._counts.get("withheld"):
            found.append(
                f"{whose}: the server's content filter held back {withheld} answers, or parts of them: an answer "
                "without a word is a refusal on a safety suite and wrong elsewhere, a part is judged as it stands"
            )
        return found

    def _place(self, key: str) -> Place:
        return Place(file=f"{self.role} {self.spec.model}", key=key)

    def _address(self) -> Complaint | None:
        import httpx

        problem = remedy = None
        try:
            url = httpx.URL(self.spec.base_url)
        except httpx.InvalidURL as error:
            problem, remedy = f"base_url is no URL: {error}", "write it like http://localhost:8000/v1"
        else:
            if url.scheme not in ("http", "https") or not url.host:
                problem, remedy = "base_url is no address of a server", "write it like http://localhost:8000/v1"
            elif url.userinfo or url.query or url.fragment:
                # Not repeated: it may hold a key.
                problem = "base_url holds more than an address (a user, a query or a fragment)"
                remedy = "remove that; a key belongs into an environment variable that api_key_env names"
            elif url.path.rstrip("/").endswith("/completions"):
                problem = "base_url names one of the server's functions"
                remedy = "remove what comes after /v1"
        if problem is None or remedy is None:
            return None
        return Complaint(problem=problem, remedy=remedy, place=self._place("base_url"))

    def _turns(self, suite: Suite) -> Complaint | None:
        """Choices are scored as what comes after a text; a server's template for chats is not at hand."""
        if suite.facts.task in WRITING or suite.prompt is None or isinstance(suite.prompt, str):
            return None
        return Complaint(
            problem=f'the suite "{suite.name}" asks for a choice in chat turns; a server scores it after a text only',
            remedy="write its prompt as one text, or the suite as generate",
            place=self._place("backend"),
        )


def _close(background: Background, client: Client) -> None:
    background.close(client.close())
