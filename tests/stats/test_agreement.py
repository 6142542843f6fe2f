"""Agreement beyond chance against sklearn and statsmodels, and silence."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.inter_rater import aggregate_raters, cohens_kappa, fleiss_kappa

from evalkit.stats.agreement import (
    error_consistency,
    kappa,
    kappa_influence,
    kappa_unit,
    krippendorff_alpha,
    scott_pi,
)
from tests.stats.derivative import by_weight

METRICS = [kappa, scott_pi, krippendorff_alpha]
seeds = st.integers(0, 10_000)


def _answers(seed: int, n: int = 40, silent: bool = False) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    teacher = rng.integers(0, 4, n)
    student = np.where(rng.random(n) < 0.6, teacher, rng.integers(0, 4, n))
    if silent:
        teacher, student = teacher.copy(), student.copy()
        teacher[rng.random(n) < 0.2] = -1
        student[rng.random(n) < 0.2] = -1
    return teacher, student


@given(seed=seeds)
def test_kappa_agrees_with_sklearn_and_pi_with_statsmodels(seed: int) -> None:
    t, s = _answers(seed)
    assert kappa(t, s, 4) == pytest.approx(cohen_kappa_score(t, s), abs=1e-12)
    table, _ = aggregate_raters(np.stack([t, s], axis=1))
    assert scott_pi(t, s, 4) == pytest.approx(float(fleiss_kappa(table)), abs=1e-12)


@given(seed=seeds)
def test_silence_is_a_class_of_its_own_on_each_side(seed: int) -> None:
    t, s = _answers(seed, silent=True)
    apart_t, apart_s = np.where(t < 0, 4, t), np.where(s < 0, 5, s)
    for metric in METRICS:
        assert metric(t, s, 4) == pytest.approx(metric(apart_t, apart_s, 6), abs=1e-12)


@pytest.mark.parametrize("metric", METRICS)
@given(seed=seeds)
def test_a_whole_number_weight_is_that_many_copies_of_the_row(metric, seed: int) -> None:
    t, s = _answers(seed, silent=True)
    weights = np.random.default_rng(seed).integers(0, 4, (2, t.size))
    found = metric(t, s, 4, weights=weights.astype(float))
    copies = [metric(np.repeat(t, row), np.repeat(s, row), 4) for row in weights]
    np.testing.assert_allclose(found, copies, atol=1e-12)


@pytest.mark.parametrize("metric", METRICS)
@given(seed=seeds)
def test_neither_the_order_of_rows_nor_of_models_nor_the_class_names_matter(metric, seed: int) -> None:
    t, s = _answers(seed)
    order, names = np.random.default_rng(seed).permutation(40), np.array([7, 2, 9, 0])
    value = metric(t, s, 4)
    assert metric(t[order], s[order], 4) == pytest.approx(value, abs=1e-12)
    assert metric(s, t, 4) == pytest.approx(value, abs=1e-12)
    assert metric(names[t], names[s], 10) == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize("metric", METRICS)
def test_full_agreement_is_one_unless_there_was_no_choice(metric) -> None:
    assert metric([0, 1, 2], [0, 1, 2], 3) == pytest.approx(1.0)
    assert metric([1, 1, 1], [1, 1, 1], 3) is None
    batched = metric([0, 1], [0, 1], 2, weights=np.array([[2.0, 0.0], [1.0, 1.0]]))
    assert np.isnan(batched[0])
    assert batched[1] == pytest.approx(1.0)


@pytest.mark.parametrize("metric", METRICS)
def test_two_silences_are_no_agreement(metric) -> None:
    found = metric([-1, -1, -1], [-1, -1, -1], 3)
    assert found is not None
    assert found <= 0.0


def test_answers_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="outside"):
        kappa([0, 3], [0, 1], 3)
    with pytest.raises(ValueError, match="paired"):
        kappa([0, 1, 1], [0, 1], 3)
    with pytest.raises(ValueError, match="no row"):
        kappa([], [], 3)


@given(seed=seeds, silent=st.booleans())
def test_the_influence_is_the_derivative_by_the_weight_of_a_row(seed: int, silent: bool) -> None:
    t, s = _answers(seed, silent=silent)
    found = kappa_influence(t, s, 4)
    assert found == pytest.approx(by_weight(lambda weights: kappa(t, s, 4, weights), t.size), abs=1e-5)
    assert found.sum() == pytest.approx(0.0, abs=1e-9)


@given(seed=seeds)
def test_the_influence_gives_the_standard_error_of_statsmodels(seed: int) -> None:
    t, s = _answers(seed)
    table = np.zeros((4, 4))
    np.add.at(table, (t, s), 1)
    # The delta method of Fleiss, Cohen and Everitt is the root mean square of the influences over n.
    error = np.sqrt(np.mean(kappa_influence(t, s, 4) ** 2) / t.size)
    assert error == pytest.approx(float(np.sqrt(cohens_kappa(table).var_kappa)), rel=1e-9)


@given(seed=seeds, silent=st.booleans())
def test_the_unit_turns_agreement_beyond_chance_into_kappa(seed: int, silent: bool) -> None:
    t, s = _answers(seed, silent=silent)
    chance = sum(np.mean(t == each) * np.mean(s == each) for each in range(4))
    unit = kappa_unit(t, s, 4)
    assert unit >= 1.0
    assert kappa(t, s, 4) == pytest.approx((np.mean((t == s) & (t >= 0)) - chance) * unit, abs=1e-12)


def test_where_kappa_is_undefined_no_row_moves_it() -> None:
    assert kappa_influence([1, 1, 1], [1, 1, 1], 3).tolist() == [0.0, 0.0, 0.0]
    assert kappa_unit([1, 1, 1], [1, 1, 1], 3) == 1.0


@given(cells=st.tuples(*[st.integers(0, 50)] * 4).filter(lambda cells: sum(cells) > 0))
def test_error_consistency_is_kappa_of_correctness(cells: tuple[int, int, int, int]) -> None:
    t = np.repeat([1, 1, 0, 0], cells)
    s = np.repeat([1, 0, 1, 0], cells)
    expected = kappa(t, s, 2)
    found = error_consistency(*cells)
    assert found == (None if expected is None else pytest.approx(expected, abs=1e-12))
    batched = error_consistency(*(np.array([cell, cell + 1.0]) for cell in cells))
    assert batched.shape == (2,)
    assert np.isnan(batched[0]) == (found is None)
    assert found is None or batched[0] == pytest.approx(found, abs=1e-12)


def test_models_that_are_always_right_have_no_error_consistency() -> None:
    assert error_consistency(10, 0, 0, 0) is None
    assert error_consistency(0, 0, 0, 10) is None
    assert error_consistency(0, 0, 0, 0) is None
