"""Bootstrap weights: whole rows, whole groups, fixed strata, and draws that do not depend on the memory they take."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.stats.resample import centred_interval, weight_chunks


def _draw(n: int, resamples: int, **options) -> np.ndarray:
    return np.concatenate(list(weight_chunks(n, resamples, np.random.default_rng(11), **options)))


@given(n=st.integers(1, 40), resamples=st.integers(1, 30), cells=st.integers(1, 400), kind=st.integers(0, 3))
def test_the_draws_do_not_depend_on_the_chunks(n: int, resamples: int, cells: int, kind: int) -> None:
    options = {}
    if kind in (1, 3):
        options["groups"] = np.arange(n) % max(1, n // 3)
    if kind in (2, 3):
        options["strata"] = np.arange(n) % 2
    chunks = list(weight_chunks(n, resamples, np.random.default_rng(11), max_cells=cells, **options))
    assert all(chunk.size <= max(cells, n) for chunk in chunks)
    np.testing.assert_array_equal(np.concatenate(chunks), _draw(n, resamples, **options))


@given(n=st.integers(1, 50))
def test_every_resample_has_as_many_rows_as_the_sample(n: int) -> None:
    weights = _draw(n, 20)
    assert weights.shape == (20, n)
    assert weights.dtype == np.float64
    assert np.all(weights == np.floor(weights))
    assert np.all(weights.sum(axis=1) == n)


def test_rows_of_a_group_are_drawn_together_and_groups_are_counted() -> None:
    groups = np.array([7, 7, 3, 9, 3, 7])
    weights = _draw(6, 500, groups=groups)
    for group in (3, 7, 9):
        columns = weights[:, groups == group]
        assert np.all(columns == columns[:, :1])
    first_of_each = weights[:, [0, 2, 3]]
    assert np.all(first_of_each.sum(axis=1) == 3)


def test_a_stratum_keeps_its_size() -> None:
    strata = np.array([0, 1, 1, 0, 2, 1])
    weights = _draw(6, 500, strata=strata)
    for stratum, size in ((0, 2), (1, 3), (2, 1)):
        assert np.all(weights[:, strata == stratum].sum(axis=1) == size)


def test_groups_that_span_strata_are_drawn_among_themselves() -> None:
    groups = np.array([0, 0, 1, 1, 2, 3, 4])
    strata = np.array([0, 1, 0, 1, 0, 0, 1])
    weights = _draw(7, 500, groups=groups, strata=strata)
    assert np.all(weights[:, 0] + weights[:, 2] == 2)
    assert np.all(weights[:, 4] + weights[:, 5] == 2)
    assert np.all(weights[:, 6] == 1)


def test_a_row_is_drawn_as_often_as_chance_says() -> None:
    weights = _draw(20, 20_000)
    np.testing.assert_allclose(weights.mean(axis=0), 1.0, atol=0.04)
    # Binomial(20, 1 / 20), the law of one row's count.
    np.testing.assert_allclose(weights.var(axis=0), 0.95, atol=0.06)
    assert np.mean(weights == 0) == pytest.approx(0.95**20, abs=0.01)


def test_the_spread_of_a_resampled_mean_is_its_standard_error() -> None:
    values = np.random.default_rng(5).normal(size=200)
    means = np.concatenate([chunk @ values / 200 for chunk in weight_chunks(200, 5000, np.random.default_rng(1))])
    assert means.std() == pytest.approx(values.std() / np.sqrt(200), rel=0.05)


def test_another_seed_gives_other_draws_and_the_global_generator_is_left_alone() -> None:
    state = np.random.get_state()[1].copy()  # noqa: NPY002 - this is the generator that must not be touched
    first = _draw(10, 10)
    second = np.concatenate(list(weight_chunks(10, 10, np.random.default_rng(12))))
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(state, np.random.get_state()[1])  # noqa: NPY002


def test_codes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        list(weight_chunks(5, 3, np.random.default_rng(0), groups=[0, 1]))
    with pytest.raises(ValueError, match="no row"):
        list(weight_chunks(0, 3, np.random.default_rng(0)))


def test_a_bias_of_resampling_is_taken_out() -> None:
    resampled = np.linspace(0.2, 0.4, 1001)
    found = centred_interval(0.1, resampled, 0.9)
    assert found == pytest.approx((0.01, 0.19))


@given(
    value=st.floats(-5, 5),
    resampled=st.lists(st.floats(-5, 5), min_size=2, max_size=50),
    level=st.sampled_from([0.5, 0.9, 0.99]),
)
def test_a_centred_interval_holds_the_value_and_stays_in_its_bounds(
    value: float, resampled: list[float], level: float
) -> None:
    low, high = min(value, -1.0), max(value, 1.0)
    found = centred_interval(value, np.array(resampled), level, low=low, high=high)
    assert found is not None
    assert low <= found.low <= value <= found.high <= high


def test_too_many_undefined_resamples_make_the_interval_undefined() -> None:
    resampled = np.ones(1000)
    resampled[:10] = np.nan
    assert centred_interval(1.0, resampled, 0.95) == (1.0, 1.0)
    resampled[10] = np.inf
    assert centred_interval(1.0, resampled, 0.95) is None
    assert centred_interval(1.0, resampled, 0.95, max_undefined=0.5) == (1.0, 1.0)


def test_nothing_to_read_off_is_none() -> None:
    assert centred_interval(1.0, np.array([]), 0.95) is None
    assert centred_interval(1.0, np.array([1.0]), 0.95) is None
    assert centred_interval(float("nan"), np.ones(10), 0.95) is None
