"""Where two language models part: the student reads what the teacher wrote, and says at each place what it would write.

`same` holds, token by token, whether it would have written the teacher's token. Prompt, padding and what follows the
end of a text are not among the tokens.
"""

from __future__ import annotations

import math
from typing import overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evalkit.stats.arrays import Floats, floats, in_shape_of, number_or_none, quotient, weight_rows


def predicted(logits: ArrayLike, tokens: ArrayLike, start: int) -> tuple[Floats, NDArray[np.int64]]:
    """(rows of logits, tokens) that belong together, for the tokens from position `start` on of one text.

    The logits at a position predict the next token. `start` is the length of the prompt, whose tokens are not scored;
    llama.cpp scores a context of c tokens from c // 2 + 1 on. ValueError where nothing predicts the first of them.
    """
    rows, text = floats(logits), np.asarray(tokens, dtype=np.int64)
    if rows.ndim != 2 or text.shape != rows.shape[:1]:
        raise ValueError(f"{text.size} tokens do not fit logits of shape {rows.shape}")
    if not 1 <= start < text.size:
        raise ValueError(f"of {text.size} tokens none from position {start} on is predicted")
    return rows[start - 1 : -1], text[start:]


@overload
def token_agreement(same: ArrayLike, weights: None = None) -> float: ...
@overload
def token_agreement(same: ArrayLike, weights: ArrayLike) -> Floats: ...
def token_agreement(same: ArrayLike, weights: ArrayLike | None = None) -> float | Floats:
    """Share of tokens on which both agree, in [0, 1]; with weights (see evalkit.stats.arrays) nan for none.

    Tokens of a text go together: resample texts, or make the interval over them (stats.mean.ratio_linearised).
    """
    hits = floats(same)
    weighed = weight_rows(weights, hits.size)
    values = quotient(weighed @ hits, weighed.sum(axis=1))
    return float(values[0]) if weights is None else in_shape_of(values, weights)


def first_divergence(same: ArrayLike, documents: ArrayLike) -> Floats:
    """How many tokens of each text (G,) come before the first on which the two part; inf for a text without one.

    `documents` (n,) says which text a token belongs to; the tokens of a text stand in their order, the texts come back
    in the order of their codes. A text that ends in agreement never parts, however short it is.
    """
    hits, codes = np.asarray(same, dtype=bool), np.asarray(documents)
    if hits.ndim != 1 or codes.shape != hits.shape:
        raise ValueError(f"{codes.size} documents do not fit {hits.size} tokens")
    order = np.argsort(codes, kind="stable")
    _, first, sizes = np.unique(codes[order], return_index=True, return_counts=True)
    if not hits.size:
        return np.empty(0)
    place = np.arange(hits.size) - np.repeat(first, sizes)
    return floats(np.minimum.reduceat(np.where(hits[order], math.inf, place), first))


@overload
def undiverged(first: ArrayLike, tokens: int, weights: None = None) -> float: ...
@overload
def undiverged(first: ArrayLike, tokens: int, weights: ArrayLike) -> Floats: ...
def undiverged(first: ArrayLike, tokens: int, weights: ArrayLike | None = None) -> float | Floats:
    """Share of texts whose first `tokens` tokens hold no divergence, in [0, 1] and falling with `tokens`.

    `first` comes from `first_divergence`; weights (see evalkit.stats.arrays) are of texts, and nan marks none.
    """
    held = floats(first) >= tokens
    return token_agreement(held) if weights is None else token_agreement(held, weights)


@overload
def median_divergence(first: ArrayLike, weights: None = None) -> float | None: ...
@overload
def median_divergence(first: ArrayLike, weights: ArrayLike) -> Floats: ...
def median_divergence(first: ArrayLike, weights: ArrayLike | None = None) -> float | Floats | None:
    """Median of `first_divergence` over texts, in tokens; of an even number the mean of the middle two.

    None where half of the texts never part, so that there is no such place; with weights (whole numbers, of texts)
    nan marks such a resample.
    """
    places = np.sort(floats(first))
    weighed = weight_rows(weights, places.size)[:, np.argsort(floats(first), kind="stable")]
    held = weighed.cumsum(axis=1)
    total = held[:, -1:]
    # The middle two of that many copies: the first text whose copies reach as far.
    middle = np.stack([(held <= np.floor((total - 1) / 2)).sum(axis=1), (held <= np.floor(total / 2)).sum(axis=1)])
    found = places[np.minimum(middle, places.size - 1)].mean(axis=0)
    values = np.where(np.isfinite(found) & (total[:, 0] > 0), found, np.nan)
    return number_or_none(float(values[0])) if weights is None else in_shape_of(values, weights)
