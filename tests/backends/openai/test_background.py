"""The loop in a thread: that it ends, whatever is still going on in it."""

from __future__ import annotations

import asyncio
import threading

import pytest

from evalkit.backends.openai.background import Background

# Seconds: no test waits for longer than a few of these.
SHORT = 0.05


async def nothing() -> None:
    """A goodbye that takes no time."""


async def forever() -> None:
    await asyncio.Event().wait()


async def stubborn(let_go: threading.Event) -> None:
    """Does not end when it is told to."""
    while not let_go.is_set():
        try:
            await asyncio.sleep(SHORT / 10)
        except asyncio.CancelledError:
            continue


def test_it_runs_one_after_the_other_and_ends() -> None:
    async def said(word: str) -> str:
        return word

    background = Background()
    assert [background.run(said("a")), background.run(said("b"))] == ["a", "b"]
    background.close(nothing())
    assert not background.thread.is_alive()
    assert background.loop.is_closed()


def test_a_goodbye_that_hangs_ends_all_the_same() -> None:
    background = Background(patience_s=SHORT)
    background.close(forever())
    assert not background.thread.is_alive()


def test_a_goodbye_is_said_though_what_is_under_way_does_not_end() -> None:
    let_go, told = threading.Event(), threading.Event()

    async def goodbye() -> None:
        told.set()
        let_go.set()
        await asyncio.sleep(SHORT / 2)

    background = Background(patience_s=SHORT)
    under_way = asyncio.run_coroutine_threadsafe(stubborn(let_go), background.loop)
    background.close(goodbye())
    assert told.is_set()
    assert not background.thread.is_alive()
    # What should have stopped when it was cancelled went on, and came to its own end.
    assert under_way.done()


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
def test_a_loop_that_is_stuck_does_not_hold_up_who_closes_it() -> None:
    let_go = threading.Event()

    async def stuck() -> None:
        # Not for ever, so that whoever waits for the end of it is found out.
        let_go.wait(200 * SHORT)

    background = Background(patience_s=SHORT)
    asyncio.run_coroutine_threadsafe(stuck(), background.loop)
    background.close(nothing())
    assert background.thread.is_alive()
    let_go.set()
    background.thread.join()
