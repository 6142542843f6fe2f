"""Time that passes only when nothing is left to do, and a server whose times are known."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from evalkit.load.drive import Heard

Result = TypeVar("Result")


class _Jumping(selectors.SelectSelector):
    """Where a loop would sleep, its clock is put forward instead."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[Any]:
        ready = super().select(0)
        if not ready:
            assert timeout is not None, "everything waits for something that never comes"
            self.loop.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop on a clock of its own, which begins at 1000 seconds."""

    def __init__(self) -> None:
        self.now = 1000.0
        jumping = _Jumping()
        super().__init__(jumping)
        jumping.loop = self
        self._clock_resolution = 1e-9

    def time(self) -> float:
        return self.now


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """What it returns, as fast as this machine computes."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)


class Queue:
    """A server that works on `servers` requests at a time, first come first served, each for `takes()` seconds.

    With `own` it is the client that holds requests back, until the server is free: nothing is sent before.
    """

    def __init__(self, takes: Callable[[], float], servers: int = 1, *, own: bool = False) -> None:
        self.takes, self.own = takes, own
        self.free = asyncio.Semaphore(servers)
        self.now = self.most = 0
        self.asked: list[tuple[float, int]] = []

    async def ask(self, prompt: int) -> Heard:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        self.asked.append((begun, prompt))
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            async with self.free:
                sent = loop.time() if self.own else begun
                first = loop.time()
                await asyncio.sleep(self.takes())
        finally:
            self.now -= 1
        return Heard(sent=sent, ended=loop.time(), first=first, tokens=5)
