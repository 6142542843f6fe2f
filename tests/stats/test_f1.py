"""Macro F1 against sklearn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from evalkit.stats.f1 import macro_f1, macro_f1_influence
from tests.stats.derivative import by_weight


def _answers(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 4, 30), rng.integers(-1, 4, 30)


@given(seed=st.integers(0, 10_000))
def test_it_agrees_with_sklearn_on_the_counted_classes(seed: int) -> None:
    gold, predicted = _answers(seed)
    classes = [0, 1, 2, 5]
    expected = f1_score(gold, predicted, labels=classes, average="macro", zero_division=0)
    assert macro_f1(gold, predicted, classes) == pytest.approx(expected, abs=1e-12)


@given(seed=st.integers(0, 10_000))
def test_a_whole_number_weight_is_that_many_copies_of_the_row(seed: int) -> None:
    gold, predicted = _answers(seed)
    weights = np.random.default_rng(seed).integers(0, 4, (3, 30))
    found = macro_f1(gold, predicted, [0, 1, 2, 3], weights=weights.astype(float))
    copies = [macro_f1(np.repeat(gold, row), np.repeat(predicted, row), [0, 1, 2, 3]) for row in weights]
    np.testing.assert_allclose(found, copies, atol=1e-12)


@given(seed=st.integers(0, 10_000))
def test_the_order_of_rows_does_not_matter(seed: int) -> None:
    gold, predicted = _answers(seed)
    order = np.random.default_rng(seed).permutation(30)
    found = macro_f1(gold[order], predicted[order], [0, 1, 2, 3])
    assert found == pytest.approx(macro_f1(gold, predicted, [0, 1, 2, 3]), abs=1e-12)


@given(seed=st.integers(0, 10_000))
def test_the_influence_is_the_derivative_by_the_weight_of_a_row(seed: int) -> None:
    gold, predicted = _answers(seed)
    # Of class 5 there is nothing, and an answer of class 3 belongs to none that counts.
    classes = [0, 1, 2, 5]
    found = macro_f1_influence(gold, predicted, classes)
    expected = by_weight(lambda weights: macro_f1(gold, predicted, classes, weights), gold.size)
    assert found == pytest.approx(expected, abs=1e-5)
    assert found.sum() == pytest.approx(0.0, abs=1e-9)


def test_where_all_is_right_or_nothing_counts_no_row_moves_it() -> None:
    assert macro_f1_influence([0, 1, 1], [0, 1, 1], [0, 1]).tolist() == [0.0, 0.0, 0.0]
    assert macro_f1_influence([0, 1], [1, 0], []).tolist() == [0.0, 0.0]


def test_its_ends() -> None:
    assert macro_f1([0, 1, 2], [0, 1, 2], [0, 1, 2]) == 1.0
    assert macro_f1([0, 1, 2], [-1, -1, -1], [0, 1, 2]) == 0.0
    assert macro_f1([0, 0], [0, 0], [0, 1]) == 0.5


def test_no_row_or_no_class_is_undefined() -> None:
    assert macro_f1([], [], [0, 1]) is None
    assert macro_f1([0, 1], [0, 1], []) is None
    assert np.isnan(macro_f1([0, 1], [0, 1], [], weights=np.ones((3, 2)))).all()
