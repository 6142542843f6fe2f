"""The one table of a load test, and what stands above it, as texts."""

from __future__ import annotations

from collections import Counter

from evalkit import figures
from evalkit.load.levels import Session
from evalkit.load.line import Role
from evalkit.load.words import load_words, outcome
from evalkit.types import Estimate

HEADS = ("load", "p50", "p95", "p99", "service p95", "first p95", "done/s", "good/s", "failed", "")
# Heads of columns that a narrow terminal does without, the first of them first.
SPARE = ("first p95", "service p95")
_MEASURES = (
    "response.p50",
    "response.p95",
    "response.p99",
    "service.p95",
    "ttft.p95",
    "throughput.requests",
    "goodput",
)


def rows(session: Session, role: Role) -> list[tuple[str, ...]]:
    """A row for each load, cells in the order of `HEADS`; a dash where something is undefined, nothing where it was not
    asked for."""
    found = []
    for level in session.levels:
        each = level.found.get(role)
        if each is None:
            continue
        cells = [load_words(level.load, session)]
        for name in _MEASURES:
            measured = each.measures.get(name)
            cells.append(
                "" if measured is None else _cell(measured.value, name) if isinstance(measured, Estimate) else "–"
            )
        failed = Counter(each.failed).total()
        found.append((*cells, figures.count(failed), outcome(level, role)))
    return found


def _cell(value: float, name: str) -> str:
    if name in ("throughput.requests", "goodput"):
        return figures.number(value, "per second").removesuffix(" /s")
    return figures.number(value, "seconds")


def about(session: Session) -> list[str]:
    """What was sent and how, a fact a line."""
    asked = session.asked
    suites = ", ".join(f"{each.name} version {each.version}" for each in asked.suites)
    how = f"open loop, {asked.arrivals} arrivals" if asked.loop == "open" else "closed loop"
    lines = [f"{suites} ({figures.count(len(asked.requests))} prompts)"]
    times = f"{asked.window_s:g} s counted after {asked.warm_up_s:g} s of warm-up"
    if asked.pieces > 1:
        times = f"{asked.pieces} stretches of {times}, the models in turns"
    lines.append(f"{how}; at each load {times}; seed {asked.seed}")
    if asked.objective is not None:
        lines.append(f"objective {asked.objective.text}")
    if asked.fixed_tokens is not None:
        lines.append(f"every answer {asked.fixed_tokens} tokens long")
    return lines
