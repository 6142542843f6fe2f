"""Rows of one kind counted together: nothing is lost, and a bootstrap of kinds is the bootstrap of rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import ks_2samp

from evalkit.stats.agreement import kappa
from evalkit.stats.kinds import kinds, spread
from evalkit.stats.resample import blocks, grouped, kind_chunks, unit_chunks, weight_chunks

WIDE = st.sampled_from([-1, 0, 1, 2, 10**12, -(10**15)])


def columns(values: st.SearchStrategy[int]) -> st.SearchStrategy[list[np.ndarray]]:
    return st.integers(1, 40).flatmap(
        lambda n: st.lists(arrays(np.int64, n, elements=values), min_size=1, max_size=5).map(list)
    )


@given(columns(WIDE))
def test_the_kinds_are_the_distinct_rows_as_they_come(each: list[np.ndarray]) -> None:
    found = kinds(*each)
    rows = list(zip(*(column.tolist() for column in each), strict=True))
    distinct = list(dict.fromkeys(rows))
    assert [rows[at] for at in found.first] == distinct
    assert found.first.tolist() == [rows.index(row) for row in distinct]
    assert found.of_row.tolist() == [distinct.index(row) for row in rows]
    assert found.rows.tolist() == [rows.count(row) for row in distinct]


def test_truth_values_are_columns_too() -> None:
    found = kinds(np.array([True, False, True]), np.array([1, 1, 1]))
    assert found.rows.tolist() == [2, 1]


@pytest.mark.parametrize("wrong", [(), (np.array([], dtype=int),), (np.arange(2), np.arange(3))])
def test_columns_that_are_no_rows_are_refused(wrong: tuple[np.ndarray, ...]) -> None:
    with pytest.raises(ValueError, match="row"):
        kinds(*wrong)


@given(columns(st.integers(-1, 2)), st.integers(1, 6), st.integers(0, 9))
def test_a_statistic_of_kinds_is_that_of_their_rows(each: list[np.ndarray], units: int, seed: int) -> None:
    teacher, student = each[0], each[-1]
    rng = np.random.default_rng(seed)
    unit_of_row = np.unique(rng.integers(0, units, teacher.size), return_inverse=True)[1]
    found = kinds(teacher, student)
    weights = rng.integers(1, 4, size=(3, unit_of_row.max() + 1)).astype(float)
    of_kinds = spread(found, unit_of_row)(weights)
    by_row = np.asarray(kappa(teacher, student, 3, weights[:, unit_of_row]))
    by_kind = np.asarray(kappa(teacher[found.first], student[found.first], 3, of_kinds))
    np.testing.assert_allclose(by_kind, by_row, atol=1e-12)


@given(
    count=st.lists(st.integers(1, 30), min_size=1, max_size=8),
    strata=st.booleans(),
    cells=st.integers(1, 100),
    resamples=st.integers(1, 20),
)
def test_draws_of_kinds_keep_the_size_and_do_not_depend_on_the_chunks(
    count: list[int], strata: bool, cells: int, resamples: int
) -> None:
    inside = np.arange(len(count)) % 2 if strata else np.zeros(len(count), dtype=int)

    def drawn(most: int) -> np.ndarray:
        rng = np.random.default_rng(5)
        return np.concatenate(list(kind_chunks(count, resamples, rng, strata=inside, max_cells=most)))

    weights = drawn(10**6)
    np.testing.assert_array_equal(drawn(cells), weights)
    for stratum in np.unique(inside):
        assert np.all(weights[:, inside == stratum].sum(axis=1) == np.array(count)[inside == stratum].sum())


def test_a_kind_without_rows_is_refused() -> None:
    with pytest.raises(ValueError, match="without rows"):
        list(kind_chunks([3, 0], 2, np.random.default_rng(0)))


def test_drawing_kinds_spreads_a_statistic_as_drawing_rows_does() -> None:
    rng = np.random.default_rng(1)
    teacher = rng.integers(0, 3, 300)
    student = np.where(rng.random(300) < 0.8, teacher, rng.integers(0, 3, 300))
    found = kinds(teacher, student)
    rows = [np.asarray(kappa(teacher, student, 3, chunk)) for chunk in weight_chunks(300, 2000, rng)]
    counted = [
        np.asarray(kappa(teacher[found.first], student[found.first], 3, chunk))
        for chunk in kind_chunks(found.rows, 2000, rng)
    ]
    assert ks_2samp(np.concatenate(rows), np.concatenate(counted)).pvalue > 0.001


def test_drawing_random_blocks_spreads_a_mean_as_drawing_rows_does() -> None:
    rng = np.random.default_rng(2)
    values = rng.exponential(size=30_000)
    unit_of_row, units, _ = grouped(blocks(values.size, 2000, rng))
    sums = np.bincount(unit_of_row, weights=values)
    sizes = np.bincount(unit_of_row)
    assert units == 2000
    assert sizes.max() - sizes.min() <= 1
    drawn = np.concatenate([chunk @ sums / (chunk @ sizes) for chunk in unit_chunks(units, 4000, rng)])
    # 2000 blocks know a spread to about 1.6 %, and 4000 draws to about 1.1 %.
    assert np.std(drawn) == pytest.approx(values.std() / np.sqrt(values.size), rel=0.08)
