"""What the batch-shape audit found: answers that were given in a batch, held against the same questions asked alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from evalkit.types import Role, Undefined

# What of two outputs can be held against each other number by number, and its unit.
Compared = Literal["choice log-likelihoods (nats)", "probabilities", "token log-probabilities (nats)"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchShape:
    """One model's audit on one suite: `asked` requests were asked once more, each alone, and answered both times.

    `changed` answers have another label or other words; `flipped` ones (`ids`, in the suite's order) are scored
    otherwise: right became wrong or wrong right, wrong became another wrong, or other marks were earned. `share` of the
    answers, in [0, 1], is `flipped` / `asked`, and where marks are given the mean of what they moved by. `largest` and
    `median` are absolute differences of the numbers that `compared` names, all None where there are none. `failed`
    requests have an error in place of one of the two answers, and are counted nowhere else.
    """

    asked: int
    changed: int
    flipped: int
    share: float
    ids: tuple[str, ...]
    failed: int
    largest: float | None
    median: float | None
    compared: Compared | None


# suite → role → what was found, or why nothing was looked for
BatchShapes = Mapping[str, Mapping[Role, BatchShape | Undefined]]
