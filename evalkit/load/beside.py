"""Two models under the same load, side by side: the same prompts at the same offsets, in turns."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evalkit.load.drive import Piece
from evalkit.load.judged import NO_STREAM, excess
from evalkit.load.line import Role
from evalkit.load.measure import Found
from evalkit.load.objective import Objective
from evalkit.load.rows import Floats, Loop, Rows, Window, counted_s, ends
from evalkit.stats.mean import cluster_mean, mean_interval
from evalkit.types import Estimate, Measured, Undefined

NOT_PAIRED = "fewer than two blocks of time hold requests of both"


@dataclass(frozen=True, kw_only=True)
class Beside:
    """The student minus the teacher: the mean response time (open loop), and the share that met the objective, where
    there is one. In a closed loop, the student's answers per second over the teacher's."""

    measures: Mapping[str, Measured]


def beside(
    found: Mapping[Role, Found],
    rows: Mapping[Role, Rows],
    pieces: Mapping[Role, Sequence[Piece]],
    window: Window,
    loop: Loop,
    objective: Objective | None,
    level: float,
) -> Beside:
    why = next(
        (f"the {role}: {each.void}" for role, each in found.items() if each.void is not None),
        next((f"the {role} did not keep up" for role, each in found.items() if each.kept_up == "no"), None),
    )
    if loop == "closed":
        return Beside(measures={"throughput.ratio": _ratio(pieces, window, level, why)})
    measures: dict[str, Measured] = {"response.difference": _responses(rows, level, why)}
    if objective is not None:
        measures["met.difference"] = _met(rows, objective, loop, level, why)
    return Beside(measures=measures)


def _paired(rows: Mapping[Role, Rows], values: Mapping[Role, Floats]) -> tuple[Floats, Floats]:
    """Student minus teacher of the requests that both were sent, and the block of each."""
    teacher = dict(zip(rows["teacher"].places, values["teacher"], strict=True))
    kept = [
        (float(value - teacher[place]), float(block))
        for place, value, block in zip(rows["student"].places, values["student"], rows["student"].blocks, strict=True)
        if place in teacher
    ]
    return np.asarray([each for each, _ in kept]), np.asarray([block for _, block in kept])


def _responses(rows: Mapping[Role, Rows], level: float, why: str | None) -> Measured:
    if why is not None:
        return Undefined(reason=why)
    values = {role: each.times["response"] for role, each in rows.items()}
    if lost := sum(int(np.isinf(each).sum()) for each in values.values()):
        return Undefined(reason=f"{lost} requests have no answer, so there is no mean")
    return _mean(*_paired(rows, values), level)


def _met(rows: Mapping[Role, Rows], objective: Objective, loop: Loop, level: float, why: str | None) -> Measured:
    if why is not None:
        return Undefined(reason=why)
    worst = {role: excess(each, objective, loop) for role, each in rows.items()}
    met = {role: (each <= 1.0).astype(np.float64) for role, each in worst.items() if each is not None}
    if len(met) < 2:
        return Undefined(reason=NO_STREAM)
    return _mean(*_paired(rows, met), level)


def _mean(differences: Floats, blocks: Floats, level: float) -> Measured:
    interval = cluster_mean(differences, blocks, level) if differences.size else None
    if interval is None:
        return Undefined(reason=NOT_PAIRED)
    return Estimate(
        value=float(differences.mean()),
        low=interval.low,
        high=interval.high,
        level=level,
        n=int(differences.size),
        method="Student t, paired, by blocks in time",
    )


def _ratio(pieces: Mapping[Role, Sequence[Piece]], window: Window, level: float, why: str | None) -> Measured:
    """Geometric mean over stretches, each of which both were asked in."""
    if why is not None:
        return Undefined(reason=why)
    counts = {
        role: [sum(1 for _ in ends([one], window)) / window.window_s for one in each if whole(one, window)]
        for role, each in pieces.items()
    }
    logs = [
        math.log(student / teacher)
        for student, teacher in zip(counts["student"], counts["teacher"], strict=False)
        if student > 0 and teacher > 0
    ]
    interval = mean_interval(logs, level)
    if interval is None:
        return Undefined(reason="it takes two whole stretches in which both answered")
    return Estimate(
        value=math.exp(sum(logs) / len(logs)),
        low=math.exp(interval.low),
        high=math.exp(interval.high),
        level=level,
        n=len(logs),
        method="Student t on logarithms, by stretches",
    )


def whole(piece: Piece, window: Window) -> bool:
    """Whether a stretch was not cut short."""
    return counted_s(piece, window) >= window.window_s
