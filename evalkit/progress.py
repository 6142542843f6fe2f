"""Progress on stderr: a bar on a terminal, a plain line now and then everywhere else."""

from __future__ import annotations

import math
import sys
import time
from types import TracebackType
from typing import Any, Self

from evalkit.pipes import unless_closed

_QUIET_SECONDS = 30.0


class Progress:
    """A callable `(what, done, total)`; use it as a context manager so that the bar ends with the work."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self.bar: Any = None
        self.tasks: dict[str, Any] = {}
        self.last: dict[str, tuple[int, float]] = {}

    def __enter__(self) -> Self:
        if not self.quiet and sys.stderr.isatty():
            # Imported here: a CI job, which has no terminal, need not pay for it.
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            what = TextColumn("{task.description}", markup=False)
            columns = (what, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            self.bar = Bar(*columns, console=Console(stderr=True))
            self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bar is not None:
            self.bar.stop()

    def __call__(self, what: str, done: int, total: int) -> None:
        if self.quiet:
            return
        if self.bar is not None:
            if what not in self.tasks:
                self.tasks[what] = self.bar.add_task(what, total=total)
            self.bar.update(self.tasks[what], completed=done)
            return
        if total == 1 and done == 0:
            # One step has no parts to tell of: its name says that it has begun, and nothing that it has ended.
            self.last[what] = (4, math.inf)
            self._say(what)
            return
        # Quarters, and a sign of life twice a minute: a log shows that something happens, not ten thousand lines.
        quarter, now = 4 * done // max(total, 1), time.monotonic()
        last_quarter, last_time = self.last.get(what, (-1, now))
        if quarter > last_quarter or now - last_time >= _QUIET_SECONDS:
            self.last[what] = (quarter, now)
            self._say(f"{what} {done}/{total}")

    def _say(self, line: str) -> None:
        with unless_closed(sys.stderr):
            print(line, file=sys.stderr)
