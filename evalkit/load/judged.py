"""An objective held against the requests of one load."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evalkit.load.objective import Clause, Objective, Quantity
from evalkit.load.rows import Floats, Loop, Rows
from evalkit.stats.in_time import share_in_time
from evalkit.stats.interval import Interval
from evalkit.stats.sustained import Held, holds
from evalkit.types import Estimate, Measured, Undefined

NOTHING = "no request was counted"
NO_STREAM = "the server does not stream: nothing is known before the whole answer"
NO_TOKENS = "the server does not stream, or does not say how many tokens it wrote"


@dataclass(frozen=True, kw_only=True)
class ClauseFound:
    """How one clause fared: the share of requests within its limit, held against the share that it asks for."""

    clause: Clause
    share: Measured
    held: Held


def limited(clause: Clause, loop: Loop) -> Quantity:
    """The time that a clause limits: nothing is due in a closed loop, so a response is a service there."""
    return "service" if loop == "closed" and clause.quantity == "response" else clause.quantity


def excess(rows: Rows, objective: Objective, loop: Loop) -> Floats | None:
    """For each request the largest of its times over their limits: at most 1 where it met the objective. None where a
    time that is limited was never measured."""
    worst = np.zeros(len(rows))
    for clause in objective.clauses:
        values = rows.times[limited(clause, loop)]
        if np.isnan(values).any():
            return None
        worst = np.maximum(worst, values / clause.limit_s)
    return worst


def judged(
    rows: Rows, objective: Objective | None, loop: Loop, level: float, why: str | None, *, never: bool
) -> tuple[tuple[ClauseFound, ...], Measured | None, Held | None]:
    """Each clause, the share that met all of them, and whether the objective is kept."""
    if objective is None:
        return (), None, None

    def share(of: Objective) -> Measured:
        worst = excess(rows, of, loop)
        if why is not None or len(rows) == 0:
            return Undefined(reason=why or NOTHING)
        if worst is None:
            return Undefined(reason=NO_TOKENS if any(each.quantity == "tpot" for each in of.clauses) else NO_STREAM)
        found = share_in_time(worst, rows.blocks, 1.0, level)
        return Estimate(
            value=float(np.mean(worst <= 1.0)),
            low=found.low,
            high=found.high,
            level=level,
            n=len(rows),
            method="Wilson, blocks in time",
        )

    clauses = []
    for clause in objective.clauses:
        found = share(Objective(clauses=(clause,)))
        held: Held = "no" if never else "unclear"
        if isinstance(found, Estimate) and found.low is not None and found.high is not None:
            held = holds(Interval(found.low, found.high), clause.q)
        clauses.append(ClauseFound(clause=clause, share=found, held=held))
    words = {each.held for each in clauses}
    together: Held = "no" if "no" in words else "unclear" if "unclear" in words else "yes"
    return tuple(clauses), share(objective), together
