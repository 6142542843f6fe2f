"""Rows in groups: counted as independent ones, and the design effect against published numbers and standard errors."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st

from evalkit.stats.groups import (
    design_effect,
    group_size,
    group_sums,
    independent_rows,
    intraclass_correlation,
    planned_rows,
)
from evalkit.stats.mean import cluster_mean, mean_interval

seeds = st.integers(0, 10_000)


def _grouped(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(20), rng.integers(1, 9, 20))
    return (rng.random(groups.size) < rng.beta(1, 4, 20)[groups]).astype(float), groups


@given(seed=seeds)
def test_there_are_never_more_independent_rows_than_rows(seed: int) -> None:
    rows, groups = _grouped(seed)
    assert 0.0 < independent_rows(rows, groups) <= rows.size


@given(seed=seeds)
def test_neither_the_order_nor_the_names_nor_a_shift_nor_the_sign_matter(seed: int) -> None:
    rows, groups = _grouped(seed)
    rng = np.random.default_rng(seed)
    order, names = rng.permutation(rows.size), rng.permutation(1000)[:20]
    found = independent_rows(2.0 - rows[order], names[groups[order]])
    assert found == pytest.approx(independent_rows(rows, groups), rel=1e-9)


@given(size=st.integers(1, 30), groups=st.integers(2, 60))
def test_where_no_row_differs_each_group_is_one_observation(size: int, groups: int) -> None:
    found = independent_rows(np.zeros(size * groups), np.repeat(np.arange(groups), size))
    assert found == pytest.approx(groups)


@given(seed=seeds, size=st.integers(2, 20))
def test_groups_of_copies_are_one_observation_each(seed: int, size: int) -> None:
    each = np.random.default_rng(seed).integers(0, 2, 40).astype(float)
    found = independent_rows(np.repeat(each, size), np.repeat(np.arange(40), size))
    assert found == pytest.approx(40, rel=0.03)
    assert found <= 40 * (1 + 1e-9)


@given(seed=seeds)
def test_groups_of_one_are_nearly_all_there_are(seed: int) -> None:
    rows = np.random.default_rng(seed).integers(0, 2, 60).astype(float)
    assert 58.9 < independent_rows(rows, np.arange(60)) <= 60


def test_with_many_rows_that_differ_the_effect_is_the_estimated_one() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(400), 5)
    rows = (rng.random(2000) < rng.beta(2, 2, 400)[groups]).astype(float)
    plain = sm.OLS(rows, np.ones(2000)).fit()
    robust = sm.OLS(rows, np.ones(2000)).fit(cov_type="cluster", cov_kwds={"groups": groups})
    effect = float(robust.bse[0] / plain.bse[0]) ** 2
    assert independent_rows(rows, groups) == pytest.approx(2000 / effect, rel=0.05)


def test_few_groups_that_differ_are_doubted() -> None:
    rows = np.zeros(400)
    rows[:3] = 1.0
    scattered = independent_rows(rows, np.arange(400) % 20)
    assert 20 <= scattered < 30


def test_one_group_and_misfitting_codes_are_refused() -> None:
    with pytest.raises(ValueError, match="one group"):
        independent_rows([0.0, 1.0], [3, 3])
    with pytest.raises(ValueError, match="group codes"):
        group_sums([1.0, 2.0, 3.0], [0, 1])


# Six targets judged by four judges: table 2 of Shrout and Fleiss (1979), who give ICC(1) = 0.17.
JUDGED = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]


def test_the_correlation_is_that_of_shrout_and_fleiss() -> None:
    groups = np.repeat(np.arange(6), 4)
    found = intraclass_correlation(np.ravel(JUDGED), groups)
    assert found == pytest.approx(0.1657, abs=1e-4)


def test_groups_that_are_all_alike_inside_correlate_fully() -> None:
    assert intraclass_correlation([0, 0, 1, 1, 1], [0, 0, 1, 1, 1]) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("values", "groups"), [([1.0, 1.0, 1.0], [0, 0, 1]), ([1.0, 2.0], [0, 0]), ([1.0, 2.0, 3.0], [0, 1, 2])]
)
def test_where_nothing_can_be_said_nothing_is(values: list[float], groups: list[int]) -> None:
    assert intraclass_correlation(values, groups) is None


def test_a_row_is_more_often_in_a_large_group() -> None:
    assert group_size([0, 1, 1, 1]) == pytest.approx(10 / 4)
    assert group_size([3, 3, 4, 4]) == 2
    with pytest.raises(ValueError, match="no row"):
        group_size([])


def test_the_design_effect_is_how_much_the_clustered_variance_is_larger() -> None:
    rng = np.random.default_rng(5)
    sizes = rng.integers(1, 6, 600)
    groups = np.repeat(np.arange(600), sizes)
    shared = rng.normal(size=600)[groups]
    values = np.round(0.7 * shared + rng.normal(size=len(groups)))
    plain, robust = mean_interval(values, 0.9), cluster_mean(values, groups, 0.9)
    assert plain is not None
    assert robust is not None
    correlation = intraclass_correlation(values, groups)
    assert correlation is not None
    ratio = ((robust.high - robust.low) / (plain.high - plain.low)) ** 2
    assert design_effect(group_size(groups), correlation) == pytest.approx(ratio, rel=0.1)


def test_independent_rows_count_one_each() -> None:
    assert design_effect(4.0, 0.0) == design_effect(4.0, -0.2) == design_effect(1.0, 0.7) == 1.0
    assert design_effect(4.0, 1.0) == 4.0


@given(
    n=st.integers(20, 5000), variance=st.floats(0.0, 1.0), size=st.floats(1.0, 40.0), correlation=st.floats(0.0, 1.0)
)
def test_more_planned_rows_are_worth_more_and_never_more_than_the_design_effect_says(
    n: int, variance: float, size: float, correlation: float
) -> None:
    found = planned_rows(n, variance, size, correlation)
    assert 0.0 < found <= n / design_effect(size, correlation) * (1 + 1e-12)
    assert found <= planned_rows(n + 1, variance, size, correlation)
    assert planned_rows(10**9, 0.1, size, correlation) == pytest.approx(
        10**9 / design_effect(size, correlation), rel=1e-4
    )


@pytest.mark.parametrize(("size", "alike", "differ"), [(20, 0.0, 0.1), (20, 0.05, 0.1), (10, 0.2, 0.02), (4, 0.5, 0.3)])
def test_rows_are_planned_for_what_measured_ones_come_to(size: int, alike: float, differ: float) -> None:
    rng, count, found = np.random.default_rng(size), 200, []
    groups = np.repeat(np.arange(count), size)
    for _ in range(100):
        rows = (rng.random((count, size)) < differ) * rng.choice([-1.0, 1.0], (count, size))
        shared = rng.random((count, size)) < np.sqrt(alike)
        rows = np.where(shared, (rng.random(count) < differ)[:, None] * rng.choice([-1.0, 1.0], count)[:, None], rows)
        found.append(independent_rows(rows.ravel(), groups))
    assert np.mean(found) == pytest.approx(planned_rows(count * size, differ, size, alike), rel=0.05)
