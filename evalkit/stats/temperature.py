"""One temperature for all of a model's logits: how much too sure it is, in one number that changes no answer."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evalkit.stats.arrays import Floats, Ints, floats, weight_rows

# A fit beyond these is none: below, every answer is right and more certainty is always better; above, hardly
# anything is left of the probabilities.
LOWEST, HIGHEST = 0.05, 20.0
# Rows are worked on in blocks of this many cells, which stay in the processor's cache.
_CELLS = 200_000
_STEPS = 100


class Temperature(NamedTuple):
    """The minimum `value` of the NLL, and `influence` (n,) of each row on log(value): their sum is 0, and the root of
    the sum of their squares is its standard error. `inside` is False where the minimum lies at LOWEST or HIGHEST, or
    nowhere, and then nothing is known of its error."""

    value: float
    inside: bool
    influence: Floats


def logits(probs: ArrayLike, offered: NDArray[np.bool_] | None = None, clip: float = 1e-15) -> tuple[Floats, int]:
    """log(probs), (n, K), and how many were below `clip` and count as `clip`; -inf where `offered` (n, K) is False.

    Logarithms of probabilities do for logits: both give the same probabilities at every temperature. A probability of
    0 has no finite logarithm, and without the clip no temperature could ever raise it again.
    """
    given = floats(probs)
    held = np.ones(given.shape, dtype=bool) if offered is None else offered
    clipped = int(((given < clip) & held).sum())
    return floats(np.where(held, np.log(np.clip(given, clip, None)), -np.inf)), clipped


def scaled(logit_rows: ArrayLike, temperature: ArrayLike) -> Floats:
    """softmax(logits / temperature), (n, K); one temperature > 0 for all rows, or (n,) one for each."""
    rows = floats(logit_rows)
    warmth = np.broadcast_to(floats(temperature), rows.shape[:1])
    raised = np.exp((rows - rows.max(axis=1, keepdims=True)) / warmth[:, None])
    return floats(raised / raised.sum(axis=1, keepdims=True))


def fit_temperature(logit_rows: ArrayLike, target_index: ArrayLike, weights: ArrayLike | None = None) -> Temperature:
    """The temperature in [LOWEST, HIGHEST] at which the mean NLL of the targets is least.

    The NLL is convex in 1 / temperature: Newton steps, kept inside a shrinking bracket. Rows with -inf logits offer
    fewer choices; a target must have a finite logit. `weights` (n,) as in evalkit.stats.arrays, for one fit.
    ValueError for no rows. Source: Guo et al. (2017), arXiv 1706.04599; influence: Huber (1967), M-estimators.
    """
    rows = _Rows(logit_rows, target_index)
    (weight,) = weight_rows(weights, rows.n)
    low, high = 1.0 / HIGHEST, 1.0 / LOWEST
    at = 1.0
    for _ in range(_STEPS):
        slope, bend = rows.derivatives(at)
        total, curve = float(weight @ slope), float(weight @ bend)
        if total > 0.0:
            high = at
        else:
            low = at
        step = at - total / curve if curve > 0.0 else math.nan
        # Newton's step, unless it leaves the bracket; at the bottom it leaves it by a rounding error only.
        before, at = at, step if low <= step <= high else 0.5 * (low + high)
        if abs(at - before) <= 1e-13 * before:
            break
    slope, bend = rows.derivatives(at)
    curve = float(weight @ bend)
    # The bracket closes on an end that it began with only where no slope changed its sign.
    inside = curve > 0.0 and 1.0 / HIGHEST * (1 + 1e-9) < at < 1.0 / LOWEST * (1 - 1e-9)
    influence = weight * slope / (curve * at) if inside else np.zeros(rows.n)
    return Temperature(1.0 / at, inside, influence)


class _Rows:
    """Logits less the target's own, ready to be raised to any 1 / temperature."""

    def __init__(self, logit_rows: ArrayLike, target_index: ArrayLike) -> None:
        rows = floats(logit_rows)
        target: Ints = np.asarray(target_index, dtype=np.int64).reshape(-1)
        if rows.ndim != 2 or rows.shape[0] != target.size:
            raise ValueError(f"{target.size} targets do not fit logits of shape {rows.shape}")
        if target.size and (target.min() < 0 or target.max() >= rows.shape[1]):
            raise ValueError(f"a target lies outside the classes 0 .. {rows.shape[1] - 1}")
        self.n = target.size
        if not np.isfinite(rows[np.arange(self.n), target]).all():
            raise ValueError("a target is none of its row's choices")
        self._rows, self._target = rows, target

    def derivatives(self, inverse: float) -> tuple[Floats, Floats]:
        """First and second derivative of each row's NLL by 1 / temperature: E[z] - z_target and Var[z], both (n,)."""
        slope, bend = np.empty(self.n), np.empty(self.n)
        step = max(1, _CELLS // max(1, self._rows.shape[1]))
        for start in range(0, self.n, step):
            part = slice(start, start + step)
            rows = self._rows[part]
            away = rows - rows.max(axis=1, keepdims=True)
            mass = np.exp(inverse * away)
            away[np.isneginf(away)] = 0.0
            size = mass.sum(axis=1)
            mean = (mass * away).sum(axis=1) / size
            slope[part] = mean - away[np.arange(away.shape[0]), self._target[part]]
            bend[part] = (mass * (away - mean[:, None]) ** 2).sum(axis=1) / size
        return slope, bend
