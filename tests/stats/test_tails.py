"""Intervals of means: stretched where few rows carry the spread, and never narrower than what none shows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.stats.paired import difference_tango
from evalkit.stats.tails import tail_stretch, unseen_half, unseen_half_of_strata

Z2 = 3.841458820694124


@given(carriers=st.integers(1, 50), silent=st.integers(0, 50), scale=st.floats(1e-200, 1e100))
def test_rows_of_one_size_each_carry_the_same(carriers: int, silent: int, scale: float) -> None:
    residuals = np.concatenate([np.tile([scale, -scale], carriers), np.zeros(silent)])
    assert tail_stretch(residuals, 0.95) == pytest.approx(math.sqrt(1.0 + Z2 / (2 * carriers)), rel=1e-9)


def test_one_row_that_carries_all_stretches_most_and_a_normal_sample_hardly() -> None:
    assert tail_stretch([0.0, 0.0, 3.0], 0.95) == pytest.approx(math.sqrt(1.0 + Z2))
    normal = np.random.default_rng(0).normal(size=3000)
    assert 1.0 < tail_stretch(normal, 0.95) < 1.003
    assert tail_stretch(np.zeros(5), 0.95) == 1.0
    assert tail_stretch([], 0.95) == 1.0


@given(n=st.integers(1, 10**6), level=st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_what_none_shows_is_what_a_score_interval_leaves_open_where_no_pair_differs(n: int, level: float) -> None:
    assert unseen_half(n, level) == pytest.approx(difference_tango(n, 0, 0, 0, level).high, rel=1e-9)


@given(strata=st.integers(1, 80), rows=st.integers(1, 10**4), level=st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_strata_of_one_size_leave_open_what_all_their_rows_leave_open(strata: int, rows: int, level: float) -> None:
    found = unseen_half_of_strata([rows] * strata, level)
    assert found == pytest.approx(unseen_half(strata * rows, level), rel=1e-9)


@given(rows=st.lists(st.integers(1, 1000), min_size=1, max_size=50), level=st.sampled_from([0.8, 0.95]))
def test_the_more_unequal_strata_are_the_more_they_leave_open(rows: list[int], level: float) -> None:
    found = unseen_half_of_strata(rows, level)
    assert unseen_half(sum(rows), level) * (1 - 1e-9) <= found < 1.0
    # More rows anywhere leave less open.
    assert unseen_half_of_strata([*rows[:-1], rows[-1] + 1], level) < found
