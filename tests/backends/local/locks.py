"""Folders that may not be read, for tests that may run as root, to whom every folder is open."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

NOBODY = 65534


@contextlib.contextmanager
def lockable() -> Iterator[Path]:
    """An empty folder that everybody may go through; pytest's own are closed to all but the one who runs it."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        yield Path(name)


@contextlib.contextmanager
def as_a_user() -> Iterator[None]:
    """What root does here is done as somebody without rights; another user stays who they are."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
