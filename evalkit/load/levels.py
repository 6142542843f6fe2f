"""The whole of a load test: the servers looked for, every load sent to every model, estimates made of it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from evalkit.load.arrivals import due
from evalkit.load.asked import Asked
from evalkit.load.beside import Beside, beside
from evalkit.load.drive import Heard, Piece, Stop, closed_loop, open_loop
from evalkit.load.line import Line, Role
from evalkit.load.measure import Found, measure
from evalkit.load.rows import Rows, Window
from evalkit.streams import stream

Progress = Callable[[str, int, int], None]


class Asker(Protocol):
    """What is asked: a `Line`, or what stands in for one."""

    async def ask(self, prompt: int) -> Heard: ...


@dataclass(frozen=True, kw_only=True)
class Level:
    """One load and what came of it for each model; `beside` holds the two against each other, where there are two."""

    load: float
    found: Mapping[Role, Found]
    beside: Beside | None


@dataclass(frozen=True, kw_only=True)
class Session:
    """Every load that was sent, in the order asked. `interrupted`: not all of it; the last load may be cut short.

    `refused` are the parameters that a server refused, and was then asked without; `dead` the models of which a whole
    load was not answered, after which nobody was asked any more.
    """

    asked: Asked
    levels: tuple[Level, ...]
    interrupted: bool
    refused: Mapping[Role, tuple[str, ...]]
    dead: tuple[Role, ...]


def under_load(asked: Asked, progress: Progress) -> Session:
    """Runs the test. An interruption ends it with what was measured until then; a second one ends it at once.

    Raises BrokenError where a server is not there, or answers as no load can be measured.
    """
    return asyncio.run(_session(asked, progress))


async def _session(asked: Asked, progress: Progress) -> Session:
    stop = Stop()
    async with AsyncExitStack() as stack:
        lines: dict[Role, Line] = {}
        for role, spec in asked.models.items():
            lines[role] = Line(spec, role, asked.requests, asked.fixed_tokens, asked.most)
            stack.push_async_callback(lines[role].close)
        for line in lines.values():
            await line.ready()
        stack.enter_context(_interruptible(stop))
        levels, dead = await send(asked, lines, stop, progress)
        refused = {role: tuple(sorted(line.refused)) for role, line in lines.items()}
    return Session(asked=asked, levels=levels, interrupted=stop.asked, refused=refused, dead=dead)


async def send(
    asked: Asked, lines: Mapping[Role, Asker], stop: Stop, progress: Progress
) -> tuple[tuple[Level, ...], tuple[Role, ...]]:
    """Every load to every model, and the models that answered nothing of one.

    Two models take turns in short stretches, first one and then the other in front, so that a machine or a network
    that slows down slows both. A stretch begins when all of the one before it is answered.
    """
    window = Window(warm_up_s=asked.warm_up_s, window_s=asked.window_s, pieces=asked.pieces)
    deck = _Deck(asked)
    levels: list[Level] = []
    for number, load in enumerate(asked.levels):
        pieces: dict[Role, list[Piece]] = {role: [] for role in lines}
        for turn in range(asked.pieces):
            arrivals = _arrivals(asked, load, turn)
            prompts = deck.deal(load, turn, len(arrivals))
            arrivals = arrivals[: len(prompts)]
            order = list(lines) if (turn + number) % 2 == 0 else list(lines)[::-1]
            for role in order:
                if not stop.asked:
                    pieces[role].append(await _stretch(asked, lines[role], load, turn, arrivals, prompts, stop))
            progress(f"load {load:g}{'' if asked.loop == 'closed' else '/s'}", turn + 1, asked.pieces)
        level = _level(asked, load, pieces, window)
        if level is not None:
            levels.append(level)
            dead = tuple(role for role, each in level.found.items() if each.sent and not each.answered)
            if dead and not stop.asked:
                return tuple(levels), dead
        if stop.asked:
            break
    return tuple(levels), ()


async def _stretch(
    asked: Asked, line: Asker, load: float, turn: int, arrivals: list[float], prompts: list[int], stop: Stop
) -> Piece:
    seconds = asked.warm_up_s + asked.window_s
    if asked.loop == "open":
        return await open_loop(line.ask, arrivals, prompts, seconds, stop, asked.most)
    # Drawn again for each model: both meet the same prompts in the same order, as far as each gets.
    rng = stream(asked.seed, "load", "prompts", f"{load:g}", str(turn))
    return await closed_loop(line.ask, _endless(rng, len(asked.requests)), int(load), seconds, stop)


def _level(asked: Asked, load: float, pieces: Mapping[Role, list[Piece]], window: Window) -> Level | None:
    """None where nothing of it was counted."""
    found: dict[Role, Found] = {}
    rows: dict[Role, Rows] = {}
    for role, sent in pieces.items():
        each, of_it = measure(sent, window, asked.loop, asked.objective, asked.level)
        if each.seconds > 0 or any(one.flooded or one.choked for one in sent):
            found[role], rows[role] = each, of_it
    if not found:
        return None
    both = None
    if len(found) == 2:
        both = beside(found, rows, pieces, window, asked.loop, asked.objective, asked.level)
    return Level(load=load, found=found, beside=both)


def _arrivals(asked: Asked, load: float, turn: int) -> list[float]:
    """The same for every model. A closed loop has none."""
    if asked.loop == "closed":
        return []
    rng = stream(asked.seed, "load", "arrivals", f"{load:g}", str(turn))
    return due(load, asked.warm_up_s + asked.window_s, asked.arrivals, rng)


class _Deck:
    """Prompts by number: drawn with replacement, or each at most once in the whole test."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        order = stream(asked.seed, "load", "each prompt once").permutation(len(asked.requests))
        self._left = [int(each) for each in order] if asked.once_each else None

    def deal(self, load: float, turn: int, count: int) -> list[int]:
        """So many; fewer where none are left."""
        if self._left is not None:
            dealt, self._left = self._left[:count], self._left[count:]
            return dealt
        rng = stream(self._asked.seed, "load", "prompts", f"{load:g}", str(turn))
        return [int(each) for each in rng.integers(0, len(self._asked.requests), size=count)]


def _endless(rng: np.random.Generator, count: int) -> Iterator[int]:
    while True:
        yield from (int(each) for each in rng.integers(0, count, size=256))


@contextlib.contextmanager
def _interruptible(stop: Stop) -> Iterator[None]:
    """An interruption asks to stop; the next one is as usual."""
    loop = asyncio.get_running_loop()

    def asked() -> None:
        loop.remove_signal_handler(signal.SIGINT)
        stop.now()

    try:
        loop.add_signal_handler(signal.SIGINT, asked)
    except (NotImplementedError, RuntimeError, ValueError):
        # No such thing on this system, or not in this thread: then it is as usual from the beginning.
        yield
        return
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)
