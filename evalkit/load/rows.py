"""Which requests count, their times, and who waited when: what the estimates are made of."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from evalkit.load.drive import Piece, Sent
from evalkit.load.objective import QUANTITIES, Quantity
from evalkit.stats.in_time import quantile_or_never
from evalkit.stats.per_token import time_per_token
from evalkit.stats.sustained import rising

Loop = Literal["open", "closed"]
Floats = NDArray[np.float64]
# Blocks of time at each level, over all stretches; in one stretch at least so many.
BLOCKS, LEAST_BLOCKS = 20, 4


@dataclass(frozen=True, kw_only=True)
class Window:
    """What counts of each stretch: `window_s` seconds after the first `warm_up_s`; `pieces` of them were asked for."""

    warm_up_s: float
    window_s: float
    pieces: int

    @property
    def blocks(self) -> int:
        return max(LEAST_BLOCKS, BLOCKS // self.pieces)

    @property
    def block_s(self) -> float:
        return self.window_s / self.blocks


@dataclass(frozen=True, kw_only=True)
class Rows:
    """The requests that count, in the order in which they were due; `places` are (stretch, place in it).

    Times in seconds, infinite for what was not answered, not a number where the server did not let it be known. An
    answer of one token has no further token to share a time among: minus infinity.
    """

    times: Mapping[Quantity, Floats]
    blocks: NDArray[np.int64]
    places: tuple[tuple[int, int], ...]

    def __len__(self) -> int:
        return len(self.places)


def rows_of(pieces: Sequence[Piece], window: Window, loop: Loop) -> Rows:
    """The requests that were due while it counted."""
    times: dict[Quantity, list[float]] = {name: [] for name in QUANTITIES}
    blocks: list[int] = []
    places: list[tuple[int, int]] = []
    for number, piece in enumerate(pieces):
        for place, each in enumerate(piece.sent):
            if not _counts(each.due, piece, window):
                continue
            index = min(window.blocks - 1, int((each.due - window.warm_up_s) / window.block_s))
            blocks.append(number * window.blocks + index)
            places.append((number, place))
            for name, value in _times(each, piece, loop):
                times[name].append(value)
    return Rows(
        times={name: np.asarray(values, dtype=np.float64) for name, values in times.items()},
        blocks=np.asarray(blocks, dtype=np.int64),
        places=tuple(places),
    )


def counted_s(piece: Piece, window: Window) -> float:
    return min(window.window_s, max(0.0, piece.sending_s - window.warm_up_s))


def _counts(due: float, piece: Piece, window: Window) -> bool:
    return window.warm_up_s <= due < window.warm_up_s + counted_s(piece, window)


def _times(sent: Sent, piece: Piece, loop: Loop) -> Iterator[tuple[Quantity, float]]:
    heard = sent.heard
    if heard is None or heard.failed is not None:
        yield from ((name, math.inf) for name in QUANTITIES)
        return
    due = piece.began + sent.due
    service = heard.ended - heard.sent
    first = None if heard.first is None else heard.first - heard.sent
    yield "response", heard.ended - due
    yield "service", service
    yield "ttft", math.nan if heard.first is None else heard.first - (due if loop == "open" else heard.sent)
    if heard.tokens is not None and heard.tokens < 2:
        yield "tpot", -math.inf
    else:
        per_token = time_per_token(service, first, heard.tokens)
        yield "tpot", math.nan if per_token is None else per_token


def waiting_at(pieces: Sequence[Piece], window: Window) -> tuple[int, int]:
    """How many were due and unanswered when it began to count, and when that ended; over all stretches."""

    def at(piece: Piece, when: float) -> int:
        return sum(
            each.due < when and (each.heard is None or each.heard.ended > piece.began + when) for each in piece.sent
        )

    before = sum(at(each, min(window.warm_up_s, each.sending_s)) for each in pieces)
    return before, sum(at(each, min(window.warm_up_s + window.window_s, each.sending_s)) for each in pieces)


def trend(rows: Rows, window: Window) -> float:
    """p-value of response times that do not rise from block to block of a stretch."""
    blocks = np.unique(rows.blocks)
    medians = [quantile_or_never(rows.times["response"][rows.blocks == each], 0.5) for each in blocks]
    # Less than a microsecond is rounding, and rounding has trends.
    return rising(blocks % window.blocks, np.round(medians, 6))


def ends(pieces: Sequence[Piece], window: Window) -> Iterator[tuple[Piece, float, Sent]]:
    """What was answered while it counted, with when: seconds after counting began."""
    for piece in pieces:
        for each in piece.sent:
            if each.heard is not None and each.heard.failed is None:
                when = each.heard.ended - piece.began - window.warm_up_s
                if 0 <= when < counted_s(piece, window):
                    yield piece, when, each
