"""An objective as it is written, `ttft.p90 <= 300ms and p95 <= 2s`, and durations and lists of numbers likewise."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

Quantity = Literal["response", "service", "ttft", "tpot"]
QUANTITIES: tuple[Quantity, ...] = ("response", "service", "ttft", "tpot")
_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*(us|ms|s|min|m|h)")
_CLAUSE = re.compile(r"(?:([a-z_]+)\.)?p([0-9]{1,2}(?:\.[0-9]+)?)\s*(<=|≤|<)\s*(.+)")
HOW = 'write it like "p95 <= 0.8s" or "ttft.p90 <= 300ms and p95 <= 2s"; before the dot: ' + ", ".join(QUANTITIES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """At least the share `q` of all requests takes at most `limit_s` seconds."""

    quantity: Quantity
    q: float
    limit_s: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """A request meets it that is answered within the limits of all clauses; it is kept where each clause is."""

    clauses: tuple[Clause, ...]

    @property
    def text(self) -> str:
        return " and ".join(each.text for each in self.clauses)


def read_objective(text: str) -> Objective:
    """Raises ValueError with what is wrong about it."""
    return Objective(clauses=tuple(_clause(each.strip()) for each in re.split(r"\band\b|,|&&?", text)))


def _clause(text: str) -> Clause:
    match = _CLAUSE.fullmatch(text)
    if match is None:
        raise ValueError(f'"{text}" is no objective' if text else "an objective is empty")
    name, percentile, _, limit = match.groups()
    quantity = next((each for each in QUANTITIES if each == (name or "response")), None)
    if quantity is None:
        raise ValueError(f'"{name}" is not a time that a request has')
    q = float(percentile) / 100
    if not 0 < q < 1:
        raise ValueError(f"p{percentile} is no percentile: it lies between p0 and p100")
    seconds = read_seconds(limit.strip())
    shown = "" if quantity == "response" else f"{quantity}."
    return Clause(quantity=quantity, q=q, limit_s=seconds, text=f"{shown}p{percentile} <= {limit.strip()}")


def read_seconds(text: str) -> float:
    """Seconds above nought of `60s`, `1.5 m` or `800ms`. Raises ValueError where it is something else."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError(f'"{text}" is no time: it takes a number and a unit, like 800ms, 60s or 2m')
    value = float(match[1]) * _UNITS[match[2]]
    if not 0 < value < math.inf:
        raise ValueError(f'"{text}" is not above nought')
    return value


def read_rates(text: str) -> tuple[float, ...]:
    """Numbers above nought, none of them twice, separated by commas. Raises ValueError where they are not."""
    found: list[float] = []
    for each in text.split(","):
        try:
            value = float(each)
        except ValueError:
            raise ValueError(f'"{each.strip()}" is not a number') from None
        if not 0 < value < math.inf:
            raise ValueError(f"{each.strip()} is not a number above nought")
        found.append(value)
    if len(set(found)) < len(found):
        raise ValueError("a number is there twice")
    return tuple(found)


def read_counts(text: str) -> tuple[int, ...]:
    """The same of whole numbers."""
    found = read_rates(text)
    if odd := [each for each in found if each != int(each)]:
        raise ValueError(f"{odd[0]:g} is not a whole number")
    return tuple(int(each) for each in found)
