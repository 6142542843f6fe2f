"""Means, clustered means and ratios of sums against scipy and statsmodels."""

from __future__ import annotations

import math

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from evalkit.stats.mean import cluster_mean, mean_interval, ratio_linearised

RNG = np.random.default_rng(3)
VALUES = RNG.normal(size=60)
GROUPS = np.repeat(np.arange(12), 5)


def test_the_mean_has_the_t_interval_of_scipy() -> None:
    reference = stats.ttest_1samp(VALUES, 0.0).confidence_interval(0.9)
    assert mean_interval(VALUES, 0.9) == pytest.approx((reference.low, reference.high), rel=1e-10)


def test_the_clustered_error_is_that_of_statsmodels_with_the_small_sample_factor() -> None:
    fit = sm.OLS(VALUES, np.ones(60)).fit(
        cov_type="cluster", cov_kwds={"groups": GROUPS, "use_correction": False}, use_t=True
    )
    half = stats.t.ppf(0.975, 11) * float(fit.bse[0]) * math.sqrt(12 / 11)
    found = cluster_mean(VALUES, GROUPS, 0.95)
    assert found == pytest.approx((VALUES.mean() - half, VALUES.mean() + half), rel=1e-9)


def test_groups_of_one_are_no_groups() -> None:
    assert cluster_mean(VALUES, np.arange(60), 0.95) == pytest.approx(mean_interval(VALUES, 0.95), rel=1e-12)
    alone = ratio_linearised(VALUES + 5, VALUES + 9, 0.95, groups=np.arange(60))
    assert alone == pytest.approx(ratio_linearised(VALUES + 5, VALUES + 9, 0.95), rel=1e-12)


def test_rows_that_are_copies_of_each_other_add_nothing() -> None:
    copied = np.repeat(VALUES, 7)
    found = cluster_mean(copied, np.repeat(np.arange(60), 7), 0.95)
    assert found == pytest.approx(mean_interval(VALUES, 0.95), rel=1e-9)


def test_a_ratio_of_sums_over_ones_is_a_mean() -> None:
    assert ratio_linearised(VALUES, np.ones(60), 0.95) == pytest.approx(mean_interval(VALUES, 0.95), rel=1e-12)


@given(seed=st.integers(0, 10_000))
def test_the_order_of_rows_and_the_names_of_groups_do_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    order, names = rng.permutation(60), rng.permutation(1000)[:12]
    found = cluster_mean(VALUES[order], names[GROUPS[order]], 0.95)
    assert found == pytest.approx(cluster_mean(VALUES, GROUPS, 0.95), rel=1e-9)


def test_what_cannot_be_known_is_none() -> None:
    assert mean_interval([1.0], 0.95) is None
    assert mean_interval([], 0.95) is None
    assert cluster_mean([], [], 0.95) is None
    assert cluster_mean([1.0, 2.0, 3.0], [4, 4, 4], 0.95) is None
    assert ratio_linearised([1.0, 2.0], [1.0, -1.0], 0.95) is None
    assert ratio_linearised([1.0], [1.0], 0.95) is None
    assert ratio_linearised([1.0, 2.0], [1.0, 1.0], 0.95, groups=[0, 0]) is None


def test_equal_rows_have_an_interval_of_no_width() -> None:
    assert mean_interval([0.25, 0.25, 0.25], 0.95) == (0.25, 0.25)


def test_codes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="group codes"):
        cluster_mean([1.0, 2.0, 3.0], [0, 1], 0.95)
