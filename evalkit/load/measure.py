"""What was kept of one model at one load, as estimates. Pure: the same times give the same numbers.

A request that failed was never answered, so it is slower than every answer: percentiles and shares are over all
requests that were sent, and a server that turns away what it cannot bear is no faster for it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from evalkit.load.drive import Piece, Sent
from evalkit.load.judged import NO_STREAM, NO_TOKENS, NOTHING, ClauseFound, judged
from evalkit.load.objective import Objective, Quantity
from evalkit.load.rows import Loop, Rows, Window, counted_s, ends, rows_of, trend, waiting_at
from evalkit.stats.in_time import quantile_in_time, quantile_or_never, worth_at
from evalkit.stats.mean import mean_interval
from evalkit.stats.quantile import smallest_n
from evalkit.stats.sustained import Held, kept_up
from evalkit.types import Estimate, Measured, Undefined

PERCENTILES = (0.5, 0.9, 0.95, 0.99)
# How late a client may be, at the 99th percentile: this, or a tenth of the median service time where that is more.
LATE_S, LATE_SHARE = 0.005, 0.1


@dataclass(frozen=True, kw_only=True)
class Found:
    """One model at one load. `seconds` is how long was counted; `waiting` how many were unanswered when that began and
    when it ended. `kept_up` is None in a closed loop, which offers nothing that a server could fall behind.

    `late_s` is the 99th percentile of how late the client itself was, which may be `late_limit_s`; `void` says why
    nothing follows from the times. `held` is of the objective, None where there is none.
    """

    sent: int
    answered: int
    failed: Mapping[str, int]
    empty: int
    seconds: float
    waiting: tuple[int, int]
    flooded: bool
    kept_up: Held | None
    late_s: float
    late_limit_s: float
    void: str | None
    measures: Mapping[str, Measured]
    clauses: tuple[ClauseFound, ...]
    met: Measured | None
    held: Held | None
    prompts: Counter[int] = field(default_factory=Counter)


def measure(
    pieces: Sequence[Piece], window: Window, loop: Loop, objective: Objective | None, level: float
) -> tuple[Found, Rows]:
    """Estimates with two-sided intervals at `level`, and the rows that they are made of."""
    rows = rows_of(pieces, window, loop)
    counted = [pieces[number].sent[place] for number, place in rows.places]
    seconds = sum(counted_s(each, window) for each in pieces)
    waiting = waiting_at(pieces, window)
    flooded = any(each.flooded for each in pieces)
    keeps: Held | None = None
    if loop == "open":
        keeps = "no" if flooded else kept_up(len(rows), *waiting, trend(rows, window))
    late_s, limit_s = _late(pieces, counted, rows)
    void = None
    if late_s > limit_s or any(each.choked for each in pieces):
        void = (
            f"the client itself was late: by {1000 * late_s:.1f} ms at the 99th percentile, where "
            f"{1000 * limit_s:.1f} ms would do; use a faster client machine, or several"
        )
    why = void if void is not None or keeps != "no" else _why_not(pieces, window, len(rows), seconds, waiting, flooded)
    measures: dict[str, Measured] = {}
    for name in ("response", "service", "ttft", "tpot") if loop == "open" else ("service", "ttft", "tpot"):
        for q in PERCENTILES:
            found = Undefined(reason=why) if why is not None else percentile(rows, name, q, level)
            measures[f"{name}.p{100 * q:g}"] = found
    measures |= _throughputs(pieces, window, level, void)
    clauses, met, held = judged(rows, objective, loop, level, why, never=keeps == "no" and void is None)
    if held == "yes" and keeps == "unclear":
        # Times may have been rising still.
        held = "unclear"
    if met is not None:
        measures["goodput"] = _per_second(met, len(rows), seconds)
    outcomes = Counter("unanswered" if each.heard is None else each.heard.failed for each in counted)
    return Found(
        sent=len(rows),
        answered=outcomes[None],
        failed={str(kind): count for kind, count in sorted(outcomes.items(), key=str) if kind is not None},
        empty=sum(each.heard is not None and each.heard.failed is None and each.heard.empty for each in counted),
        seconds=seconds,
        waiting=waiting,
        flooded=flooded,
        kept_up=keeps,
        late_s=late_s,
        late_limit_s=limit_s,
        void=void,
        measures=measures,
        clauses=clauses,
        met=met,
        held=held,
        prompts=Counter(each.prompt for piece in pieces for each in piece.sent),
    ), rows


def percentile(rows: Rows, name: Quantity, q: float, level: float) -> Measured:
    """One percentile of a time, in seconds. The time per token is over answers that have one."""
    values, blocks = rows.times[name], rows.blocks
    if np.isnan(values).any():
        return Undefined(reason=NO_STREAM if name != "tpot" else NO_TOKENS)
    if name == "tpot":
        has = np.isfinite(values)
        values, blocks = values[has], blocks[has]
    if values.size == 0:
        return Undefined(reason=NOTHING if name != "tpot" else "no answer has two tokens")
    value = quantile_or_never(values, q)
    unanswered = int(np.isinf(values).sum())
    never = Undefined(reason=f"{unanswered} of {values.size} requests have no answer")
    if math.isinf(value):
        return never
    interval = quantile_in_time(values, blocks, q, level)
    if interval is None:
        count = math.floor(worth_at(values, blocks, value, level))
        return Undefined(
            reason=f"{values.size} requests in a row tell as much as {count} independent ones, and p{100 * q:g} takes "
            f"{smallest_n(q, level)}"
        )
    if math.isinf(interval.high):
        return never
    return Estimate(
        value=value,
        low=interval.low,
        high=interval.high,
        level=level,
        n=int(values.size),
        method="order statistics, blocks in time",
    )


def _late(pieces: Sequence[Piece], counted: Sequence[Sent], rows: Rows) -> tuple[float, float]:
    """By how much the client was late at the 99th percentile, of what it sent or of its own beat, and the limit."""
    lags = [
        each.heard.sent - pieces[number].began - each.due
        for each, (number, _) in zip(counted, rows.places, strict=True)
        if each.heard is not None
    ]
    beats = [each for piece in pieces for each in piece.beats]
    late = max((float(np.quantile(each, 0.99)) for each in (lags, beats) if each), default=0.0)
    service = rows.times["service"]
    answered = service[np.isfinite(service)]
    usual = float(np.median(answered)) if answered.size else 0.0
    return max(0.0, late), max(LATE_S, LATE_SHARE * usual)


def _why_not(
    pieces: Sequence[Piece], window: Window, sent: int, seconds: float, waiting: tuple[int, int], flooded: bool
) -> str:
    if flooded:
        held = max(sum(one.heard is None for one in each.sent) for each in pieces)
        return f"the server did not keep up: {held} requests were unanswered at once, and sending ended there"
    ended = sum(1 for piece, _, _ in ends(pieces, window))
    return (
        f"the server did not keep up: {sent / seconds:.3g} requests per second came and {ended / seconds:.3g} went, "
        f"{waiting[1]} were unanswered at the end; a longer test would show longer times"
    )


# --- rates -------------------------------------------------------------------------------------------


def _throughputs(pieces: Sequence[Piece], window: Window, level: float, void: str | None) -> dict[str, Measured]:
    """Answers and their tokens per second: the mean of blocks of time, each of which counts what ended in it."""
    names = ("throughput.requests", "throughput.tokens")
    if void is not None:
        return dict.fromkeys(names, Undefined(reason=void))
    # Of a stretch that was cut short, only whole blocks.
    whole = [int(counted_s(each, window) / window.block_s + 1e-9) for each in pieces]
    sums = [np.zeros((each, 2)) for each in whole]
    numbers = {id(each): number for number, each in enumerate(pieces)}
    uncounted = False
    for piece, when, each in ends(pieces, window):
        number, index = numbers[id(piece)], int(when / window.block_s)
        if index < whole[number] and each.heard is not None:
            uncounted |= each.heard.tokens is None
            sums[number][index] += (1, each.heard.tokens or 0)
    rates = np.concatenate(sums) / window.block_s if sums else np.zeros((0, 2))
    found: dict[str, Measured] = {}
    for column, name in enumerate(names):
        interval = mean_interval(rates[:, column], level)
        if interval is None:
            found[name] = Undefined(reason="it was stopped before two blocks of time were over")
        elif column and uncounted:
            found[name] = Undefined(reason=NO_TOKENS)
        else:
            found[name] = Estimate(
                value=float(rates[:, column].mean()),
                low=max(0.0, interval.low),
                high=interval.high,
                level=level,
                n=len(rates),
                method="Student t over blocks in time",
            )
    return found


def _per_second(share: Measured, sent: int, seconds: float) -> Measured:
    """Requests per second that met the objective."""
    if isinstance(share, Undefined):
        return share
    rate = sent / seconds
    return Estimate(
        value=share.value * rate,
        low=None if share.low is None else share.low * rate,
        high=None if share.high is None else share.high * rate,
        level=share.level,
        n=share.n,
        method=share.method,
    )
