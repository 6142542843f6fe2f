"""Sending requests and keeping their times; all of it on the clock of the running event loop.

Open loop: each request has the time at which it is due, and is sent then, however many are unanswered. Its response
time counts from when it was due. A client that waited for answers would send fewer requests while the server is slow,
and so leave out just the times that matter (coordinated omission). Closed loop: so many at a time, the next as soon as
one is answered; it says how much a server gets done, and not how long users would wait.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

# How often the client looks whether it is late itself.
BEAT_S = 0.02
# A client that is so late will not catch up: sending on would measure nothing but that.
CHOKED_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What came of one attempt, in seconds on the loop's clock: `sent` when the client first touched the network for
    it. `failed` is the kind of failure, None where it was answered."""

    sent: float
    ended: float
    first: float | None = None
    failed: str | None = None
    tokens: int | None = None
    empty: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A request that was due `due` seconds after the beginning; `heard` is None where nothing came before all was
    stopped. `prompt` is the number of its prompt."""

    due: float
    prompt: int
    heard: Heard | None


@dataclass(kw_only=True)
class Piece:
    """One stretch of sending: what was sent, in the order in which it was due. `began` is on the loop's clock.

    `sending_s` is how long it sent: less than was asked for where it was stopped, or `flooded`, with more unanswered
    than the client can hold, or `choked`, with the client itself far too late. `beats` says by how many seconds the
    client's own clock was late.
    """

    began: float
    sending_s: float = 0.0
    sent: list[Sent] = field(default_factory=list)
    beats: list[float] = field(default_factory=list)
    flooded: bool = False
    choked: bool = False
    stopped: bool = False


# The number of a prompt → what came of asking it. Whatever it raises ends the piece, and is raised there.
Ask = Callable[[int], Coroutine[Any, Any, Heard]]


class Stop:
    """Ends what is under way: once, and for all that comes after."""

    def __init__(self) -> None:
        self.asked = False
        self._waiting: set[asyncio.Future[None]] = set()

    def now(self) -> None:
        self.asked = True
        for each in self._waiting:
            if not each.done():
                each.set_result(None)

    async def wait(self) -> None:
        """Until it is asked to stop."""
        while not self.asked:
            await self.sleep_until(asyncio.get_running_loop().time() + 3600.0)

    async def sleep_until(self, when: float) -> None:
        """Until that time on the loop's clock, or until it is asked to stop. Lets others run in any case."""
        loop = asyncio.get_running_loop()
        if self.asked or when <= loop.time():
            await asyncio.sleep(0)
            return
        waiter = loop.create_future()
        self._waiting.add(waiter)
        handle = loop.call_at(when, lambda: None if waiter.done() else waiter.set_result(None))
        try:
            await waiter
        finally:
            handle.cancel()
            self._waiting.discard(waiter)


async def open_loop(
    ask: Ask, due: Sequence[float], prompts: Sequence[int], sending_s: float, stop: Stop, most: int
) -> Piece:
    """Send each prompt when it is due, for `sending_s` seconds, and wait for all answers.

    `due` rises, in seconds from now. Where `most` are unanswered when another is due, sending ends: what is unanswered
    then stays so. It ends as well where the client itself is seconds late. Raises what `ask` raises.
    """
    loop = asyncio.get_running_loop()
    piece, crew = Piece(began=loop.time()), _Crew(stop)
    async with _beating(piece):
        for each, prompt in zip(due, prompts, strict=True):
            await stop.sleep_until(piece.began + each)
            piece.choked = loop.time() - piece.began - each > CHOKED_S
            piece.flooded = len(crew.tasks) >= most
            if stop.asked or piece.choked or piece.flooded:
                break
            crew.start(_ask(ask, piece, each, prompt))
        else:
            await stop.sleep_until(piece.began + sending_s)
        whole = not (piece.flooded or piece.choked or stop.asked)
        piece.sending_s = sending_s if whole else loop.time() - piece.began
        await crew.ended(at_once=piece.flooded)
    return _closed(piece, stop)


async def closed_loop(ask: Ask, prompts: Iterator[int], in_flight: int, sending_s: float, stop: Stop) -> Piece:
    """Keep so many requests under way for `sending_s` seconds, and wait for the last answers. Raises what `ask` raises.

    A request is due when one before it is answered, so it is never late, and no wait is in its times.
    """
    loop = asyncio.get_running_loop()
    piece, crew = Piece(began=loop.time()), _Crew(stop)

    async def work() -> None:
        while not stop.asked and loop.time() < piece.began + sending_s:
            await _ask(ask, piece, loop.time() - piece.began, next(prompts))

    async with _beating(piece):
        for _ in range(in_flight):
            crew.start(work())
        await stop.sleep_until(piece.began + sending_s)
        piece.sending_s = loop.time() - piece.began if stop.asked else sending_s
        await crew.ended(at_once=False)
    return _closed(piece, stop)


async def _ask(ask: Ask, piece: Piece, due: float, prompt: int) -> None:
    heard = None
    try:
        heard = await ask(prompt)
    finally:
        piece.sent.append(Sent(due=due, prompt=prompt, heard=heard))


def _closed(piece: Piece, stop: Stop) -> Piece:
    piece.stopped = stop.asked
    # Kept as they ended; of those due at the same time the order does not matter.
    piece.sent.sort(key=lambda each: (each.due, each.prompt))
    return piece


class _Crew:
    """The tasks of a piece. The first of them that raises asks all to stop."""

    def __init__(self, stop: Stop) -> None:
        self.tasks: set[asyncio.Task[None]] = set()
        self._stop, self._failure = stop, None

    _failure: BaseException | None

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and (failure := task.exception()) is not None:
            self._failure = self._failure or failure
            self._stop.now()

    async def ended(self, *, at_once: bool) -> None:
        """Every task has ended: by itself, or cancelled, at once or when a stop is asked for. Raises what one did."""
        asked = asyncio.ensure_future(self._stop.wait())
        while self.tasks and not at_once and not self._stop.asked:
            await asyncio.wait({asked, *self.tasks}, return_when=asyncio.FIRST_COMPLETED)
        left = {asked, *self.tasks}
        for each in left:
            each.cancel()
        await asyncio.wait(left)
        # The callbacks of those that have just ended.
        await asyncio.sleep(0)
        if self._failure is not None:
            raise self._failure


@contextlib.asynccontextmanager
async def _beating(piece: Piece) -> AsyncIterator[None]:
    """Notes how late the loop is: a client that is late reads answers late, and would blame the server for it."""
    loop = asyncio.get_running_loop()

    async def beat() -> None:
        while True:
            due = loop.time() + BEAT_S
            await asyncio.sleep(BEAT_S)
            piece.beats.append(max(0.0, loop.time() - due))

    task = asyncio.ensure_future(beat())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})
