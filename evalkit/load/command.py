"""`evalkit load`: options in, a finished test out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.environment import Environment
from evalkit.errors import BrokenError
from evalkit.files import WriteError, pretty_json, write_whole
from evalkit.load import console, markdown
from evalkit.load.asked import read_asked
from evalkit.load.levels import Session, under_load
from evalkit.load.record import load_record
from evalkit.machine import hardware
from evalkit.types import Suite


@dataclass(frozen=True, kw_only=True)
class Told:
    """A finished test, and what to print of it."""

    session: Session
    record: dict[str, Any]

    def json(self) -> str:
        return pretty_json(self.record)

    def text(self, *, ascii_only: bool = False) -> str:
        return console.render(self.session, ascii_only=ascii_only)


def run_load(read_suite: Callable[[str], Suite], env: Environment, *, out: Path | None, **options: Any) -> Told:
    """Raises UsageError before any server is asked, BrokenError where one is not there or `out` cannot be written."""
    asked = read_asked(read_suite, out=out, **options)
    started = env.now()
    session = under_load(asked, env.progress)
    told = Told(session=session, record=load_record(session, started, env.command, hardware()))
    if out is not None:
        try:
            write_whole(out, told.json() if out.suffix == ".json" else markdown.render(session))
        except WriteError as error:
            raise BrokenError(f"{out} cannot be written: {error}") from None
    return told


def ended_badly(session: Session) -> bool:
    """Whether nothing follows from any of it: no load was counted, all were void, or a server answered nothing."""
    found = [each for level in session.levels for each in level.found.values()]
    return bool(session.dead) or all(each.void is not None for each in found)
