"""How many requests are done by when: the times that latency.p50 and its like are read from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalkit.charts.thinning import thinned
from evalkit.metrics.times import protocol
from evalkit.table import PairTable, Side
from evalkit.types import Role
from evalkit.types.points import Line, Times

MOST = 300


def times(pairs: PairTable, models: Mapping[str, Mapping[str, Any]], *, compared: bool) -> tuple[Times, ...]:
    """A line for each model that has times: of the timing protocol where it was timed here, otherwise as recorded.

    A champion has none: its times are from another day, and maybe from another machine.
    """
    sides: list[tuple[Role, Side]] = [("student", pairs.student)]
    if compared and pairs.teacher is not None:
        sides.insert(0, ("teacher", pairs.teacher))
    found = (_times(pairs, role, side, models.get(role) or {}) for role, side in sides)
    return tuple(each for each in found if each is not None)


def done_by(seconds: NDArray[np.float64], requests: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Each time seen, rising, and the share of the `requests` that were done by then, (m,) each. NaN are not done."""
    at, count = np.unique(seconds[np.isfinite(seconds)], return_counts=True)
    return at, np.cumsum(count) / requests


def _times(pairs: PairTable, role: Role, side: Side, model: Mapping[str, Any]) -> Times | None:
    timed = np.isfinite(side.latency)
    done = int(timed.sum())
    if done == 0:
        return None
    if (record := protocol(pairs, role)) is not None:
        requests, how = int(pairs.timing["prompts"]), _protocol(pairs.timing, record, model)
    else:
        # A failure has no time of its own, and would have been the slowest; a time that nobody recorded is unknown.
        requests, how = done + int((side.errored & ~timed).sum()), "as recorded"
        unknown = pairs.n - requests
        how += f", without {unknown} of {pairs.n} that have no time" if unknown else ""
    at, share = done_by(side.latency, requests)
    some = thinned(share, MOST)
    line: Line = tuple(zip(at[some].tolist(), share[some].tolist(), strict=True))
    return Times(who=_WHO[role], line=line, n=requests, unfinished=requests - done, how=how)


_WHO: Mapping[Role, Any] = {"teacher": "teacher", "student": "student"}


def _protocol(timing: Mapping[str, Any], record: Mapping[str, Any], model: Mapping[str, Any]) -> str:
    warm, device = record["warm_up"], model.get("device")
    where = f" on {device}" if device else ""
    settled = "" if warm["stable"] else ", which did not settle"
    repeats = timing["repeats"]
    each = f"median of {repeats} times each" if repeats > 1 else "once each"
    prompts = f"{timing['prompts']} prompt{'s' * (timing['prompts'] != 1)}"
    return f"{prompts}{where}, one at a time, {each}, after {warm['rounds']} warm-ups{settled}"
