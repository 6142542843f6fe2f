"""Distances between two distributions over the same support, row by row, in float64 and natural logarithms."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evalkit.stats.arrays import Floats, Ints, floats


def softmax_rows(logits: ArrayLike, *, size: int | None = None) -> Floats:
    """Probabilities (n, K) of rows of logits; a logit of -inf gives probability 0. Finite logits never overflow.

    `size` is how many columns mean something: a vocabulary padded for the hardware is cut to its tokenizer's length
    before the softmax, so that padding takes no probability. ValueError where there are fewer columns than that, or
    where a row has no largest finite logit.
    """
    lifted = np.exp(_lowered(logits, size))
    return floats(lifted / lifted.sum(axis=-1, keepdims=True))


def log_softmax_rows(logits: ArrayLike, *, size: int | None = None) -> Floats:
    """Logarithms of `softmax_rows`, (n, K) nats in [-inf, 0], which keep what a tiny probability would round away."""
    rows = _lowered(logits, size)
    return floats(rows - np.log(np.exp(rows).sum(axis=-1, keepdims=True)))


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


def acceptance_rows(p: ArrayLike, q: ArrayLike) -> Floats:
    """The chance that a draw from q may stand for one from p, sum(min(p, q)) of each row, (n,) in [0, 1].

    It is 1 - total variation, and the acceptance probability of speculative decoding. Source: Leviathan et al. (2023),
    arXiv 2211.17192.
    """
    rows_p, rows_q = _same_support(p, q)
    return floats(np.minimum(np.minimum(rows_p, rows_q).sum(axis=-1), 1.0))


def topk_overlap_rows(p: ArrayLike, q: ArrayLike, k: int | ArrayLike) -> Floats:
    """Share of the k likeliest classes that both rows name, (n,) in [0, 1]; ties go to the lowest index.

    `k` is one number, or one for each row. ValueError unless 1 <= k <= K.
    """
    rows_p, rows_q = _same_support(p, q)
    many = np.broadcast_to(np.asarray(k, dtype=np.int64), rows_p.shape[:-1])
    if many.size and not 1 <= many.min() <= many.max() <= rows_p.shape[-1]:
        raise ValueError(f"the top {np.unique(many).tolist()} of {rows_p.shape[-1]} classes do not exist")
    both = _top(rows_p, many) & _top(rows_q, many)
    return floats(both.sum(axis=-1) / many)


def _top(rows: Floats, many: Ints) -> NDArray[np.bool_]:
    """Where the `many` likeliest classes of each row stand."""
    named = np.zeros(rows.shape, dtype=bool)
    among = np.arange(rows.shape[-1]) < many[..., None]
    np.put_along_axis(named, np.argsort(-rows, axis=-1, kind="stable"), among, axis=-1)
    return named


def _lowered(logits: ArrayLike, size: int | None) -> Floats:
    """Rows of which the largest logit is 0: that changes nothing in a softmax, and keeps exp at most 1."""
    rows = floats(logits)
    if size is not None and not 1 <= size <= rows.shape[-1]:
        raise ValueError(f"{rows.shape[-1]} logits a row cannot be cut to {size}")
    rows = rows[..., :size]
    largest = rows.max(axis=-1, keepdims=True)
    if not np.isfinite(largest).all():
        raise ValueError("a row of logits has no largest finite one, so no probabilities")
    return floats(rows - largest)


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
