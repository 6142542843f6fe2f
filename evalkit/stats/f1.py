"""F1 over classes."""

from __future__ import annotations

from typing import overload

import numpy as np
from numpy.typing import ArrayLike

from evalkit.stats.arrays import Floats, floats, in_shape_of, number_or_none, quotient, undefined, weight_rows


@overload
def macro_f1(gold: ArrayLike, predicted: ArrayLike, classes: ArrayLike, weights: None = None) -> float | None: ...
@overload
def macro_f1(gold: ArrayLike, predicted: ArrayLike, classes: ArrayLike, weights: ArrayLike) -> Floats: ...
def macro_f1(
    gold: ArrayLike, predicted: ArrayLike, classes: ArrayLike, weights: ArrayLike | None = None
) -> float | Floats | None:
    """Mean over the class ids in `classes` of F1 = 2 TP / (predicted + gold), in [0, 1], higher is better.

    A class that neither occurs nor is predicted scores 0. A prediction of -1 (no answer), or of any id that is not in
    `classes`, is a miss of the gold class and a false alarm of none. None for no rows or no classes; with weights (see
    evalkit.stats.arrays) an array. Source: scikit-learn f1_score(average="macro", zero_division=0).
    """
    truth, answer = np.asarray(gold, dtype=np.int64), np.asarray(predicted, dtype=np.int64)
    counted = np.asarray(classes, dtype=np.int64)
    if truth.size == 0 or counted.size == 0:
        return undefined(weights)
    rows = weight_rows(weights, truth.size)
    is_gold = (truth[:, None] == counted).astype(np.float64)
    is_answer = (answer[:, None] == counted).astype(np.float64)
    both = rows @ (is_gold * is_answer)
    either = rows @ is_gold + rows @ is_answer
    values = np.nan_to_num(quotient(2.0 * both, either)).mean(axis=1)
    return number_or_none(values[0]) if weights is None else in_shape_of(values, weights)


def macro_f1_influence(gold: ArrayLike, predicted: ArrayLike, classes: ArrayLike) -> Floats:
    """By how much each row moves `macro_f1`, times n: shape (n,), mean 0. The derivative by the weight of a row."""
    truth, answer = np.asarray(gold, dtype=np.int64), np.asarray(predicted, dtype=np.int64)
    counted = np.asarray(classes, dtype=np.int64)
    found = np.zeros(truth.size)
    for each in counted:
        is_gold, is_answer = truth == each, answer == each
        either = int(is_gold.sum()) + int(is_answer.sum())
        if either:
            right = is_gold & is_answer
            f1 = 2.0 * int(right.sum()) / either
            found += (2.0 * right - f1 * (is_gold.astype(np.float64) + is_answer)) / either
    return floats(found * truth.size / max(1, counted.size))
