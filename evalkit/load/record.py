"""A load test as one JSON object, `evalkit/load/v1`, its keys in a fixed order."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from typing import Any

from evalkit import __version__
from evalkit.load.beside import Beside
from evalkit.load.levels import Level, Session
from evalkit.load.line import Role
from evalkit.load.measure import Found
from evalkit.load.rows import Window
from evalkit.load.words import comparisons, largest, notes, unit
from evalkit.records import measured_cells
from evalkit.types import Measured

SCHEMA = "evalkit/load/v1"


def load_record(session: Session, started: dt.datetime, command: str, hardware: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that was asked and measured. Values are null or undefined where there is none, never NaN."""
    asked = session.asked
    window = Window(warm_up_s=asked.warm_up_s, window_s=asked.window_s, pieces=asked.pieces)
    return {
        "schema": SCHEMA,
        "evalkit": __version__,
        "command": command,
        "started": started.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "client": dict(hardware),
        "interrupted": session.interrupted,
        "models": [
            {
                "role": role,
                "model": spec.model,
                "base_url": spec.base_url,
                "refused_parameters": list(session.refused[role]),
            }
            for role, spec in asked.models.items()
        ],
        "suites": [
            {"suite": each.name, "version": each.version, "digest": each.digest, "task": each.task}
            for each in asked.suites
        ],
        "settings": {
            "loop": asked.loop,
            "arrivals": asked.arrivals if asked.loop == "open" else None,
            "loads": list(asked.levels),
            "stretches": asked.pieces,
            "warm_up_s": asked.warm_up_s,
            "counted_s": asked.window_s,
            "block_s": window.block_s,
            "timeout_s": next(iter(asked.models.values())).timeout_s,
            "fixed_tokens": asked.fixed_tokens,
            "token_log_probabilities": next(iter(asked.models.values())).logprobs == "auto",
            "seed": asked.seed,
            "level": asked.level,
            "objective": None if asked.objective is None else asked.objective.text,
            "most_in_flight": asked.most,
        },
        "levels": [_level(each, session) for each in session.levels],
        "largest_rate": {role: dict(zip(("held", "not_held"), each, strict=True)) for role, each in largest(session)},
        "comparisons": comparisons(session),
        "notes": notes(session),
    }


def _level(level: Level, session: Session) -> dict[str, Any]:
    open_loop = session.asked.loop == "open"
    return {
        "rate": level.load if open_loop else None,
        "in_flight": None if open_loop else int(level.load),
        "models": [_found(role, each, len(session.asked.requests)) for role, each in level.found.items()],
        "student_against_teacher": None if level.beside is None else _beside(level.beside),
    }


def _found(role: Role, found: Found, prompts: int) -> dict[str, Any]:
    return {
        "role": role,
        "seconds": found.seconds,
        "sent": found.sent,
        "answered": found.answered,
        "failed": dict(found.failed),
        "empty_answers": found.empty,
        "waiting": {"before": found.waiting[0], "after": found.waiting[1]},
        "flooded": found.flooded,
        "kept_up": found.kept_up,
        "client": {"late_p99_s": found.late_s, "limit_s": found.late_limit_s, "void": found.void},
        "prompts": {"at_hand": prompts, **_repeats(found.prompts)},
        "objective": None
        if found.held is None
        else {
            "held": found.held,
            "clauses": [
                {"clause": each.clause.text, "needed": each.clause.q, "held": each.held, **measured_cells(each.share)}
                for each in found.clauses
            ],
            "met": None if found.met is None else measured_cells(found.met),
        },
        "measures": [_row(name, each) for name, each in found.measures.items()],
    }


def _repeats(prompts: Counter[int]) -> dict[str, int]:
    """Warm-up included: it fills a server's cache of prefixes as well."""
    return {"sent": prompts.total(), "distinct": len(prompts), "most_repeated": max(prompts.values(), default=0)}


def _beside(found: Beside) -> list[dict[str, Any]]:
    return [_row(name, each) for name, each in found.measures.items()]


def _row(name: str, measured: Measured) -> dict[str, Any]:
    direction = "higher" if name.partition(".")[0] in ("throughput", "goodput", "met") else "lower"
    return {"measure": name, **measured_cells(measured), "direction": direction, "unit": unit(name)}
