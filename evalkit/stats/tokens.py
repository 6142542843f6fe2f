"""Two language models on the same text, token by token: the statistics that llama.cpp prints with --kl-divergence.

Both models read the same tokens, and each position compares what they would have written next. Tokens of one text go
together, so each error is given with tokens as what is independent, as llama.cpp has it, and with texts beside it.
Source of the definitions: llama.cpp, tools/perplexity/perplexity.cpp. Fractions here, where it prints per cent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evalkit.stats.arrays import Floats, floats, quotient, weight_rows
from evalkit.stats.distance import log_softmax_rows
from evalkit.stats.groups import group_sums

# Of ten tokens and fewer llama.cpp prints an error of 0, which is none; here it is None.
MOST_WITHOUT_ERROR = 10
KL_LEVELS = (0.0, 0.001, 0.01, 0.05, 0.1, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0)
CHANGE_LEVELS = (0.0, 0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0)


class TokenRows(NamedTuple):
    """What is compared, token by token, (n,) each.

    Surprise of both models at the token that came (nats), KL(teacher || student) of the two distributions (nats), how
    much likelier the student held the token (probability, in [-1, 1]), and whether both would have written the same.
    """

    teacher_surprise: Floats
    student_surprise: Floats
    kl: Floats
    change: Floats
    same_top: NDArray[np.bool_]


class Figure(NamedTuple):
    """A statistic and its standard error: with tokens as independent, as llama.cpp has it, and with texts."""

    value: float | None
    error: float | None
    clustered: float | None


class TokenStatistics(NamedTuple):
    """The block that llama.cpp prints: `figures` by name, quantiles by level (None where infinite), and n.

    The names of the figures are those of `token_means`.
    """

    figures: Mapping[str, Figure]
    kl_quantiles: Mapping[float, float | None]
    change_quantiles: Mapping[float, float | None]
    correlation: float | None
    infinite: int
    n: int


def token_rows(
    teacher: ArrayLike,
    student: ArrayLike,
    tokens: ArrayLike,
    *,
    size: int | None = None,
    least_log: float = -math.inf,
) -> TokenRows:
    """Rows from logits (n, V) of both models at the same positions, and the tokens (n,) that came.

    `size` is the length of the tokenizer, to which padded vocabularies are cut. `least_log` leaves terms out of the KL
    that the teacher holds no likelier than exp(least_log): llama.cpp has -16. ValueError for different vocabularies.
    """
    log_p, log_q = log_softmax_rows(teacher, size=size), log_softmax_rows(student, size=size)
    if log_p.shape != log_q.shape:
        raise ValueError(f"different vocabularies have no distance: shapes {log_p.shape} and {log_q.shape}")
    came = np.asarray(tokens, dtype=np.int64)
    if came.shape != log_p.shape[:1] or (came.size and not 0 <= came.min() <= came.max() < log_p.shape[1]):
        raise ValueError(f"{came.size} tokens do not fit logits of shape {log_p.shape}")
    counted = log_p > least_log
    ratio = np.where(counted, log_p, 0.0) - np.where(counted, log_q, 0.0)
    at = np.arange(came.size), came
    kl = (np.exp(log_p) * ratio).sum(axis=1)
    return TokenRows(
        teacher_surprise=-log_p[at],
        student_surprise=-log_q[at],
        # Without a cut it cannot be negative but by rounding.
        kl=kl if math.isfinite(least_log) else np.maximum(kl, 0.0),
        change=np.exp(log_q[at]) - np.exp(log_p[at]),
        same_top=log_p.argmax(axis=1) == log_q.argmax(axis=1),
    )


def token_means(rows: TokenRows, weights: ArrayLike | None = None) -> dict[str, Floats]:
    """Each statistic for each row of weights (B, n), (B,); nan where a row of weights is all zero.

    perplexity.teacher and .student, perplexity.log_ratio, .ratio and .difference (student against teacher), kl,
    change and change.rms (probability of the token that came), same_top.
    """
    weighed = weight_rows(weights, rows.kl.size)
    total = weighed.sum(axis=1)

    def mean(values: ArrayLike) -> Floats:
        return quotient(weighed @ floats(values), total)

    # An infinite surprise (a token of probability 0) makes what it enters infinite or nan, without a warning.
    with np.errstate(invalid="ignore", over="ignore"):
        teacher, student = mean(rows.teacher_surprise), mean(rows.student_surprise)
        return {
            "perplexity.teacher": np.exp(teacher),
            "perplexity.student": np.exp(student),
            "perplexity.log_ratio": student - teacher,
            "perplexity.ratio": np.exp(student - teacher),
            "perplexity.difference": np.exp(student) - np.exp(teacher),
            "kl": mean(rows.kl),
            "change": mean(rows.change),
            "change.rms": np.sqrt(mean(rows.change**2)),
            "same_top": mean(rows.same_top),
        }


def token_statistics(rows: TokenRows, documents: ArrayLike | None = None) -> TokenStatistics:
    """All of llama.cpp's statistics, and beside its errors those with `documents` (n,) as what is independent.

    A figure that infinite rows make infinite has no value (`infinite` counts them). ValueError for no tokens.
    """
    n = rows.kl.size
    finite = np.isfinite(rows.kl) & np.isfinite(rows.student_surprise) & np.isfinite(rows.teacher_surprise)
    values = {name: float(each[0]) for name, each in token_means(rows).items()}
    with np.errstate(invalid="ignore", over="ignore"):
        moved = _influences(rows, values)
    figures = {name: _figure(values[name], moved[name], documents) for name in values}
    return TokenStatistics(
        figures=figures,
        kl_quantiles=_quantiles(rows.kl, KL_LEVELS),
        change_quantiles=_quantiles(rows.change, CHANGE_LEVELS),
        correlation=_correlation(rows.teacher_surprise, rows.student_surprise),
        infinite=int((~finite).sum()),
        n=n,
    )


def _influences(rows: TokenRows, values: Mapping[str, float]) -> dict[str, Floats | None]:
    """How each token moves each statistic (the delta method): of sum 0, and None where it cannot be said."""

    def off(x: ArrayLike) -> Floats:
        return floats(x) - np.mean(floats(x))

    teacher, student = off(rows.teacher_surprise), off(rows.student_surprise)
    rms = values["change.rms"]
    return {
        "perplexity.teacher": values["perplexity.teacher"] * teacher,
        "perplexity.student": values["perplexity.student"] * student,
        "perplexity.log_ratio": student - teacher,
        "perplexity.ratio": values["perplexity.ratio"] * (student - teacher),
        "perplexity.difference": values["perplexity.student"] * student - values["perplexity.teacher"] * teacher,
        "kl": off(rows.kl),
        "change": off(rows.change),
        "change.rms": off(rows.change**2) * (0.5 / rms) if rms > 0.0 else None,
        "same_top": off(rows.same_top),
    }


def _figure(value: float, moved: Floats | None, documents: ArrayLike | None) -> Figure:
    if not math.isfinite(value):
        return Figure(None, None, None)
    if moved is None or moved.size <= MOST_WITHOUT_ERROR:
        return Figure(value, None, None)
    clustered = None if documents is None else _error(group_sums(moved, documents), moved.size)
    return Figure(value, _error(moved, moved.size), clustered)


def _error(sums: Floats, n: int) -> float | None:
    units = sums.size
    return math.sqrt(float(np.sum(sums**2)) * units / (units - 1)) / n if units > 1 else None


def _quantiles(values: Floats, levels: tuple[float, ...]) -> dict[float, float | None]:
    with np.errstate(invalid="ignore"):
        found = np.quantile(values, levels)
    return {level: float(each) if math.isfinite(each) else None for level, each in zip(levels, found, strict=True)}


def _correlation(one: Floats, other: Floats) -> float | None:
    if not np.isfinite(one).all() or not np.isfinite(other).all() or np.ptp(one) == 0.0 or np.ptp(other) == 0.0:
        return None
    return float(np.corrcoef(one, other)[0, 1])
