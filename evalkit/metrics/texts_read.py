"""Which texts of the teacher's the student has read, and the interval of what is counted by their tokens.

Tokens of a text go together: a text is what is independent, and a ratio of sums over texts is what is bounded.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evalkit.metrics import Setting
from evalkit.metrics.intervals import ratio
from evalkit.table import Forced, PairTable
from evalkit.types import Measured, Undefined
from evalkit.types.forced import NOTHING_WRITTEN

NOT_READ = "no text of the teacher's was read token by token"


@dataclass(frozen=True, kw_only=True)
class TextsRead:
    """The pairs whose texts were read, what came of it, and what the method says of the others."""

    pairs: PairTable
    forced: Forced
    note: str

    @property
    def tokens(self) -> int:
        return int(self.forced.tokens.sum())

    def per_token(
        self, sums: NDArray[np.float64], setting: Setting, *, bounds: tuple[float, float] = (0.0, math.inf), note: str
    ) -> Measured:
        """The sum of `sums` (one a text) over the number of all tokens."""
        said = f"{note}; {self.tokens} tokens of {self.pairs.n} texts" + (f"; {self.note}" if self.note else "")
        return ratio(sums, self.forced.tokens.astype(float), self.pairs, setting, bounds=bounds, note=said)


def texts_read(pairs: PairTable) -> TextsRead | Undefined:
    """Undefined where none was read, and where one was not read though there is something to read: that a student
    cannot be compared on a text must not speak for it."""
    forced = pairs.forced
    if forced is None:
        return Undefined(reason=NOT_READ)
    read = forced.tokens > 0
    noted = np.array([each is not None for each in forced.note], dtype=bool)
    silent = np.array([each == NOTHING_WRITTEN for each in forced.note], dtype=bool) & ~read
    unread = noted & ~read & ~silent
    if unread.any():
        return Undefined(reason=most_told(forced.note[unread], pairs.n))
    if not read.any():
        return Undefined(reason=f"{NOT_READ}: {NOTHING_WRITTEN}" if silent.any() else NOT_READ)
    notes = []
    if silent.any():
        notes.append(f"{int(silent.sum())} without an answer of the teacher's left out")
    if drawn_out := pairs.n - int((read | silent).sum()):
        notes.append(f"a seeded draw, {drawn_out} not drawn")
    return TextsRead(pairs=pairs.take(read), forced=forced.take(read), note="; ".join(notes))


def most_told(notes: NDArray[np.object_], n: int) -> str:
    """The commonest of these reasons, with a count where it is not that of all `n`."""
    why, _ = max(Counter(notes.tolist()).items(), key=lambda item: (item[1], item[0]))
    return str(why) if len(notes) == n else f"{len(notes)} of {n} texts: {why}"


def kl_per_text(pairs: PairTable) -> NDArray[np.float64]:
    """Mean KL(teacher || student) of each text's tokens in nats; 0 where it is not known."""
    if pairs.forced is None:
        return np.zeros(pairs.n)
    return np.where(pairs.forced.beside, pairs.forced.kl / np.maximum(pairs.forced.tokens, 1), 0.0)


def parted(pairs: PairTable) -> NDArray[np.float64]:
    """The share of each text's tokens on which the two would have written something else; 0 where none was read."""
    if pairs.forced is None:
        return np.zeros(pairs.n)
    forced = pairs.forced
    return (forced.tokens - forced.same) / np.maximum(forced.tokens, 1)
