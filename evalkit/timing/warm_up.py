"""Warm-up: ask until the answers take as long as before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from evalkit.backends import Backend
from evalkit.types import Request

# As many prompts take turns as a window holds, so that any two windows compare the same prompts.
WINDOW = 3
TOLERANCE = 0.1
MOST = 21


@dataclass(frozen=True, kw_only=True)
class WarmUp:
    """How many requests it took; `stable` is False where the times still moved at the last that was allowed."""

    rounds: int
    stable: bool


def warm_up(backend: Backend, sample: Sequence[Request], clock: Callable[[], float]) -> WarmUp:
    """Ask one request after the other, and time none of them, until the median of the last three differs by at
    most a tenth from that of the three before; 21 requests at most."""
    seen: list[float] = []
    while len(seen) < MOST:
        request = sample[len(seen) % min(WINDOW, len(sample))]
        began = clock()
        backend.run([request])
        seen.append(clock() - began)
        if len(seen) >= 2 * WINDOW:
            before, last = median(seen[-2 * WINDOW : -WINDOW]), median(seen[-WINDOW:])
            if abs(last - before) <= TOLERANCE * before:
                return WarmUp(rounds=len(seen), stable=True)
    return WarmUp(rounds=len(seen), stable=False)
