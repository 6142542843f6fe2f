"""Distances between two distributions over the same support, row by row, in float64 and natural logarithms."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from evalkit.stats.arrays import Floats, floats


def softmax_rows(logits: ArrayLike) -> Floats:
    """Probabilities (n, K) of rows of logits; a logit of -inf gives probability 0. Finite logits never overflow."""
    rows = floats(logits)
    # Taking the largest off changes nothing in the quotient and keeps exp below 1.
    lifted = np.exp(rows - rows.max(axis=-1, keepdims=True))
    return floats(lifted / lifted.sum(axis=-1, keepdims=True))


def kl_rows(p: ArrayLike, q: ArrayLike) -> Floats:
    """Kullback-Leibler divergence KL(p || q) of each row, (n,) nats in [0, inf]; 0 only for equal rows.

    A term with p = 0 is 0; q = 0 where p > 0 makes the row inf. For teacher || student p is the teacher.
    Source: Kullback and Leibler (1951).
    """
    rows_p, rows_q = _same_support(p, q)
    return floats(np.maximum(_relative_entropy(rows_p, rows_q), 0.0))


def js_rows(p: ArrayLike, q: ArrayLike) -> Floats:
    """Jensen-Shannon divergence of each row, (n,) nats in [0, ln 2]; symmetric, always finite.

    It is the divergence, the square of scipy's `jensenshannon` distance. Source: Lin (1991).
    """
    rows_p, rows_q = _same_support(p, q)
    middle = 0.5 * (rows_p + rows_q)
    both = 0.5 * (_relative_entropy(rows_p, middle) + _relative_entropy(rows_q, middle))
    return floats(np.clip(both, 0.0, math.log(2.0)))


def total_variation_rows(p: ArrayLike, q: ArrayLike) -> Floats:
    """Half the summed absolute difference of each row, (n,) in [0, 1]; 1 - it is the chance that both could agree."""
    rows_p, rows_q = _same_support(p, q)
    return floats(np.minimum(0.5 * np.abs(rows_p - rows_q).sum(axis=-1), 1.0))


def topk_overlap_rows(p: ArrayLike, q: ArrayLike, k: int) -> Floats:
    """Share of the k likeliest classes that both rows name, (n,) in [0, 1]; ties go to the lowest index.

    ValueError unless 1 <= k <= K.
    """
    rows_p, rows_q = _same_support(p, q)
    if not 1 <= k <= rows_p.shape[-1]:
        raise ValueError(f"the top {k} of {rows_p.shape[-1]} classes do not exist")
    top_p = np.argsort(-rows_p, axis=-1, kind="stable")[..., :k]
    top_q = np.argsort(-rows_q, axis=-1, kind="stable")[..., :k]
    named = np.zeros(rows_p.shape, dtype=bool)
    np.put_along_axis(named, top_p, True, axis=-1)
    return floats(np.take_along_axis(named, top_q, axis=-1).mean(axis=-1))


def _relative_entropy(p: Floats, q: Floats) -> Floats:
    present = p > 0.0
    with np.errstate(divide="ignore"):
        log_ratio = np.log(np.where(present, p, 1.0)) - np.log(np.where(present, q, 1.0))
    return floats((p * log_ratio).sum(axis=-1))


def _same_support(p: ArrayLike, q: ArrayLike) -> tuple[Floats, Floats]:
    rows_p, rows_q = floats(p), floats(q)
    if rows_p.shape != rows_q.shape:
        raise ValueError(f"rows over different supports have no distance: shapes {rows_p.shape} and {rows_q.shape}")
    return rows_p, rows_q
