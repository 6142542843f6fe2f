"""Stretches of sending as if they had been sent, and a test of load as if it had been asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evalkit.load.asked import Asked
from evalkit.load.drive import Heard, Piece, Sent
from evalkit.load.objective import read_objective
from evalkit.specs import OpenAISpec
from evalkit.types import Request

BEGAN = 1000.0


def sent(due: float, takes: float | None, *, late: float = 0.0, first: float | None = None, **more: Any) -> Sent:
    """One that was answered so many seconds after it was sent; None: never."""
    begun = BEGAN + due + late
    heard = (
        None
        if takes is None
        else Heard(
            sent=begun, ended=begun + takes, first=None if first is None else begun + first, **{"tokens": 5, **more}
        )
    )
    return Sent(due=due, prompt=0, heard=heard)


def piece(each: Sequence[Sent], seconds: float, **more: Any) -> Piece:
    return Piece(began=BEGAN, sending_s=seconds, sent=list(each), **more)


def asked(**over: Any) -> Asked:
    """An open loop with one model, but for what is said."""
    spec = OpenAISpec(backend="openai", base_url="http://localhost:1/v1", model="small", logprobs="none")
    requests = tuple(
        Request(key=str(at), suite="s", example_id=str(at), task="generate", prompt=f"q{at}", choices=(), generation={})
        for at in range(10)
    )
    objective = over.pop("objective", None)
    roles = over.pop("roles", ("student",))
    return Asked(
        **{
            "models": dict.fromkeys(roles, spec),
            "suites": (),
            "requests": requests,
            "loop": "open",
            "levels": (0.5,),
            "arrivals": "poisson",
            "pieces": 1,
            "warm_up_s": 40.0,
            "window_s": 400.0,
            "objective": None if objective is None else read_objective(objective),
            "fixed_tokens": None,
            "once_each": False,
            "seed": 0,
            "level": 0.9,
            "most": 1000,
            **over,
        }
    )
