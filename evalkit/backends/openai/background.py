"""An event loop in a thread of its own, so that `run` works wherever it is called from, a notebook's loop included,
and connections stay open from one batch to the next."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Coroutine, Sequence
from typing import Any, TypeVar

Result = TypeVar("Result")
# How long what is under way may take to end, and the goodbye after it. A server that does not let go of a connection
# must not hold up the end of a run.
PATIENCE_S = 5.0


class Background:
    """Runs one coroutine after the other. An interruption of the caller cancels what is under way."""

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self.patience_s = patience_s
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._serve, name="evalkit-openai", daemon=True)
        self.thread.start()

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """What the coroutine returns or raises."""
        future = asyncio.run_coroutine_threadsafe(work, self.loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def close(self, last: Coroutine[Any, Any, None]) -> None:
        """Run one more, and end the thread: after some seconds in any case, if need be without waiting for it."""
        asyncio.run_coroutine_threadsafe(self._end(last), self.loop)
        # Whoever forgets to close leaves it to the garbage collector, which may call from any thread.
        if threading.current_thread() is not self.thread:
            # Both waits of `_end`, and a little: where the loop itself is stuck, the thread goes with the process.
            self.thread.join(3 * self.patience_s)

    def _serve(self) -> None:
        try:
            self.loop.run_forever()
        finally:
            self.loop.close()

    async def _end(self, last: Coroutine[Any, Any, None]) -> None:
        under_way = asyncio.all_tasks() - {asyncio.current_task()}
        for each in under_way:
            each.cancel()
        if under_way:
            await asyncio.wait(under_way, timeout=self.patience_s)
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.patience_s):
                    await last
                    await self.loop.shutdown_asyncgens()
        finally:
            self.loop.stop()


async def together(works: Sequence[Coroutine[Any, Any, Result]]) -> list[Result]:
    """Their results in order. The first exception cancels the others and is raised as itself."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks: list[Awaitable[Result]] = [group.create_task(each) for each in works]
    except BaseExceptionGroup as found:
        raise found.exceptions[0] from None
    return [await each for each in tasks]
