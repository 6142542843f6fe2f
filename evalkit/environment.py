"""What is not pure, passed in: the clock, the time of day, where progress goes."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

# (what is being done, done, in all)
Progress = Callable[[str, int, int], None]


def silent(what: str, done: int, total: int) -> None:
    """No progress is shown."""


def _utc() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@dataclass(frozen=True, kw_only=True)
class Environment:
    """`now` is the UTC time of day; `clock` counts seconds from anywhere. `pooled` makes another of a backend, its spec
    and its role: one that asks workers (evalkit/backends/pool); None where there are none."""

    now: Callable[[], dt.datetime] = _utc
    clock: Callable[[], float] = time.perf_counter
    progress: Progress = silent
    command: str = ""
    pooled: Callable[[Any, Any, Any], Any] | None = None
