"""From a score to a probability: the logistic curve that fits best what was right."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from evalkit.stats.arrays import Floats, floats

_STEPS = 100


class Platt(NamedTuple):
    """P(right) = 1 / (1 + exp(-(intercept + slope * score))); a slope above 0 means that surer is better."""

    intercept: float
    slope: float


def fit_platt(scores: ArrayLike, correct: ArrayLike) -> Platt:
    """The curve of least NLL against targets that are moved a little from 0 and 1, which keeps it finite even where one
    score separates right from wrong, or all are right. `correct` holds 0 or 1. ValueError for no rows.

    Newton steps, halved while they do not help. Source: Platt (1999); Lin, Lin and Weng (2007), Machine Learning 68.
    """
    at, right = floats(scores), floats(correct)
    if at.size == 0:
        raise ValueError("there is no row to compute from")
    good = float(right.sum())
    wanted = np.where(right == 1.0, (good + 1.0) / (good + 2.0), 1.0 / (at.size - good + 2.0))
    # Standardised, so that both steps are of one size; equal scores have no slope to find.
    middle, spread = float(at.mean()), float(at.std())
    if spread <= 1e-12 * max(1.0, abs(middle)):
        mean = float(wanted.mean())
        return Platt(float(np.log(mean / (1.0 - mean))), 0.0)
    design = np.stack([np.ones(at.size), (at - middle) / spread], axis=1)
    beta = np.zeros(2)
    loss = _loss(design @ beta, wanted)
    for _ in range(_STEPS):
        said = _logistic(design @ beta)
        slope = design.T @ (said - wanted)
        bend = (design * (said * (1.0 - said))[:, None]).T @ design
        step = np.linalg.solve(bend + 1e-12 * np.eye(2), slope)
        while (new := _loss(design @ (beta - step), wanted)) > loss and np.abs(step).max() > 1e-12:
            step = step / 2
        if new > loss or np.abs(step).max() <= 1e-12:
            break
        beta, loss = beta - step, new
    return Platt(float(beta[0] - beta[1] * middle / spread), float(beta[1] / spread))


def mapped(curve: Platt, scores: ArrayLike) -> Floats:
    """P(right) of each score, in the shape of `scores`, in (0, 1)."""
    return _logistic(curve.intercept + curve.slope * floats(scores))


def _logistic(at: Floats) -> Floats:
    from scipy.special import expit

    return floats(expit(at))


def _loss(at: Floats, wanted: Floats) -> float:
    return float((np.logaddexp(0.0, at) - wanted * at).sum())
