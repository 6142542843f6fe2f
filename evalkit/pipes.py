"""Output whose reader has gone away (`evalkit gate | head`): there is nobody to tell, and the work goes on."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO


@contextmanager
def unless_closed(stream: TextIO | None = None) -> Iterator[None]:
    """Printing inside ends quietly where its reader is gone; whatever comes later on that stream goes nowhere.

    The exit code says what was decided, so it must not depend on who reads along.
    """
    to = stream if stream is not None else sys.stdout
    try:
        yield
        to.flush()
    except BrokenPipeError:
        _nowhere(to)


def _nowhere(stream: TextIO) -> None:
    # Text that is still buffered would raise again when the interpreter ends.
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
