"""One server, and how it is asked: so many requests at a time, each until it is answered or has failed for good."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from evalkit import __version__
from evalkit.backends.openai import backoff, refusing
from evalkit.backends.openai.complaining import said_by
from evalkit.backends.openai.naming import same_model
from evalkit.backends.openai.reading import LARGEST, Reader
from evalkit.backends.openai.secret import scrubbed
from evalkit.backends.openai.trouble import Failed, Malformed, Passing, Refused, Said
from evalkit.backends.wording import first_line
from evalkit.errors import BrokenError
from evalkit.specs import OpenAISpec

if TYPE_CHECKING:
    import httpx

Reply = TypeVar("Reply")
Body = Mapping[str, Any]
# By the reply's content type, so that a server that was asked for a stream may answer in one piece.
MakeReader = Callable[[str], Reader[Reply]]
# What happens on a connection, by name, with its particulars.
Trace = Callable[[str, Mapping[str, Any]], Awaitable[None]]
# Requests in a row that never reached the server, after which it is taken to be gone.
GONE_AFTER = 3
# The code of a 429 that no waiting mends.
QUOTA = "insufficient_quota"
# Longest wait for a connection, in seconds: a machine that is there takes no longer.
CONNECT_S = 10.0


@dataclass(frozen=True, slots=True)
class Timed(Generic[Reply]):
    """A reply; seconds from sending the request that succeeded to its last byte, and to the first of its answer."""

    reply: Reply
    latency_s: float
    ttft_s: float | None


class Client:
    """The connections to one server, all on one event loop.

    `refused` are the parameters that it was found to refuse, `answered_as` the names that it gave itself, `counts` what
    went wrong on the way to answers; `scores` once it gave log-probabilities of a prompt.
    """

    def __init__(
        self,
        spec: OpenAISpec,
        key: str | None,
        whose: str,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        import httpx

        self.spec, self.whose = spec, whose
        self.counts: Counter[str] = Counter()
        self.refused: frozenset[str] = frozenset()
        self.answered_as: set[str] = set()
        self.scores = False
        self._key, self._pause, self._clock = key, pause, clock
        self._rng = random.Random(f"back-off of {whose}")
        self._places = asyncio.Semaphore(spec.concurrency)
        self._heard, self._unreached = False, 0
        headers = {"User-Agent": f"evalkit/{__version__}", "Content-Type": "application/json"}
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        self._http = httpx.AsyncClient(
            headers=headers,
            transport=transport,
            # Where nothing is encrypted there is no certificate to look at, and loading them takes a while.
            verify=spec.base_url.lower().startswith("https:"),
            # The whole of an attempt has a limit of its own; this one tells who cannot be reached from who is slow.
            timeout=httpx.Timeout(None, connect=min(CONNECT_S, 0.9 * spec.timeout_s)),
            limits=httpx.Limits(max_connections=spec.concurrency, max_keepalive_connections=spec.concurrency),
        )

    async def close(self) -> None:
        await self._http.aclose()

    async def ask(self, path: str, body: Body, reader: MakeReader[Reply], *, spare: bool = True) -> Timed[Reply]:
        """What POST `path` is answered with. `spare`: an answer may do without parameters that the server refuses.

        Raises Refused for a request that it will not have, Failed for one that was tried often enough, BrokenError
        when the server is gone.
        """
        return await self._until_answered("POST", path, body, reader, spare)

    async def once(self, path: str, body: Body, reader: MakeReader[Reply], trace: Trace | None = None) -> Timed[Reply]:
        """One attempt to POST, without waiting for a place: for who counts what fails instead of asking again.

        `trace` is told what happens on the connection (httpx's extension of that name); the first it hears of is the
        connecting or the sending, once there is a connection to use. Raises Refused and Passing.
        """
        return await self._attempt("POST", path, body, reader, trace)

    async def get(self, path: str, reader: MakeReader[Reply]) -> Reply:
        """What GET `path` is answered with. Raises as `ask` does."""
        return (await self._until_answered("GET", path, None, reader, False)).reply

    def recognise(self, name: str | None) -> None:
        """Raises BrokenError where the server answers as another model than the one that was asked: no answer of it
        would be evidence. A server that does not say has said nothing wrong."""
        if not name:
            return
        if not same_model(self.spec.answers_as or self.spec.model, name):
            raise BrokenError(
                f'{self.whose}: the server answers as another model, "{self.scrubbed(name)}"; where that is the same '
                f"one under another name, add to the plan answers_as: {self.scrubbed(name)}"
            )
        self.answered_as.add(self.scrubbed(name))

    def meaning(self, refusal: Refused, path: str) -> Failed:
        """What a refusal means for its request. Raises BrokenError where it means the same for every other."""
        status, said = refusal.status, refusal.said
        words = f": {said.message}" if said.message else ""
        if status in (401, 403):
            named = self.spec.api_key_env
            what = f"refuses the key in {named}" if named else "asks for a key, and the plan names no api_key_env"
            raise self.broken(f"the server {what} ({status}{words})")
        if said.code == QUOTA:
            raise self.broken(f"the quota is used up ({status}{words})")
        if 300 <= status < 400:
            raise self.broken(f"the server sends on to another address ({status}{words}); name that one in the plan")
        if status in (404, 405):
            raise self.broken(f"the server has no such model, or no /{path} ({status}{words})")
        return Failed("error", f"the server refuses the request ({status}{words})")

    def broken(self, why: str) -> BrokenError:
        return BrokenError(f"{self.whose}: {why}")

    def scrubbed(self, text: str) -> str:
        return scrubbed(text, self._key)

    # --- one request ---------------------------------------------------------------------------------

    async def _until_answered(
        self, method: str, path: str, body: Body | None, reader: MakeReader[Reply], spare: bool
    ) -> Timed[Reply]:
        async with self._places:
            failures = 0
            while True:
                sent = refusing.fitted(body, self.refused) if spare and body is not None else body
                try:
                    return await self._attempt(method, path, sent, reader)
                except Refused as refusal:
                    if sent is None or not spare or not self._does_without(refusal, sent):
                        raise
                except Passing as trouble:
                    self.counts[trouble.kind] += 1
                    failures += 1
                    # A list is not worth waiting for; a server that cannot be reached is.
                    if failures > self.spec.retries or (body is None and trouble.kind != "unreachable"):
                        raise self._given_up(trouble, failures) from None
                    self.counts["retries"] += 1
                    await self._pause(backoff.pause_s(failures, trouble.retry_after_s, self._rng))

    async def _attempt(
        self, method: str, path: str, body: Body | None, reader: MakeReader[Reply], trace: Trace | None = None
    ) -> Timed[Reply]:
        import httpx

        content = None if body is None else json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
        url = f"{self.spec.base_url.rstrip('/')}/{path}"
        began = self._clock()
        try:
            async with (
                asyncio.timeout(self.spec.timeout_s),
                self._http.stream(
                    method, url, content=content, extensions=None if trace is None else {"trace": trace}
                ) as response,
            ):
                self._heard, self._unreached = True, 0
                if not response.is_success:
                    raise await self._not_answered(response)
                return await self._read(response, reader(response.headers.get("content-type", "")), began)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise Passing("unreachable", self.scrubbed(f"cannot be reached: {first_line(error)}")) from None
        except (TimeoutError, httpx.TimeoutException):
            raise Passing("timeout", f"no whole answer within {self.spec.timeout_s:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise Passing("connection", self.scrubbed(f"the connection broke: {first_line(error)}")) from None

    async def _read(self, response: httpx.Response, reader: Reader[Reply], began: float) -> Timed[Reply]:
        size, first = 0, None
        async for piece in response.aiter_bytes():
            size += len(piece)
            if size > LARGEST:
                raise Malformed(f"the reply is longer than {LARGEST >> 20} MiB")
            reader.feed(piece)
            if reader.begun and first is None:
                first = self._clock() - began
        took = self._clock() - began
        return Timed(reader.end(), took, first)

    async def _not_answered(self, response: httpx.Response) -> Passing | Refused:
        body = bytearray()
        async for piece in response.aiter_bytes():
            body += piece
            if len(body) > LARGEST:
                break
        said = said_by(bytes(body))
        said = Said(self.scrubbed(said.message), said.code, said.param, said.filtered)
        status = response.status_code
        if response.is_redirect:
            return Refused(status, Said(self.scrubbed(response.headers.get("location", ""))))
        if refusing.passes(status) and said.code != QUOTA:
            reason = f"it answered {status}" + (f" ({said.message})" if said.message else "")
            wish = backoff.wish_s(response.headers, datetime.now(UTC))
            return Passing("busy" if status == 429 else "server", reason, wish)
        return Refused(status, said)

    # --- what a failure means -------------------------------------------------------------------------

    def _does_without(self, refusal: Refused, sent: Body) -> bool:
        """Whether the same can be asked without a parameter: for the rest of the run, once it is known."""
        name = refusing.spare_parameter(refusal.status, refusal.said, sent)
        if name is None:
            return False
        # Requests that were under way together are all refused: it counts as one.
        self.counts["refused_parameters"] += name not in self.refused
        self.refused |= {name}
        return True

    def _given_up(self, trouble: Passing, attempts: int) -> Exception:
        if trouble.kind == "unreachable":
            self._unreached += 1
            if not self._heard or self._unreached >= GONE_AFTER:
                return self.broken(f"{self.spec.base_url} {trouble.reason}")
        tried = f", at the last of {attempts} attempts" if attempts > 1 else ""
        reason = f"the server gave no answer: {self.scrubbed(trouble.reason)}{tried}"
        return Failed("timeout" if trouble.kind == "timeout" else "error", reason)
