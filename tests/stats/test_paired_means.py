"""Paired means: tests and intervals decide alike, and the ratio's interval is the set of ratios that may be true."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.weightstats import ttost_paired

from evalkit.stats.mean import mean_interval
from evalkit.stats.paired_means import equivalence, noninferiority_mean, ratio_fieller, ratio_log_delta

seeds = st.integers(0, 10_000)


def _scores(seed: int, n: int = 30) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    teacher = rng.uniform(0.3, 1.0, n)
    return teacher, teacher + rng.normal(-0.02, 0.1, n)


@given(seed=seeds, margin=st.floats(0.0, 0.2), alpha=st.sampled_from([0.025, 0.05, 0.1]))
def test_the_p_value_and_the_lower_end_decide_alike(seed: int, margin: float, alpha: float) -> None:
    teacher, student = _scores(seed)
    t, p = noninferiority_mean(teacher, student, margin)
    reference = stats.ttest_1samp(student - teacher, popmean=-margin, alternative="greater")
    assert (t, p) == pytest.approx((reference.statistic, reference.pvalue), rel=1e-9)
    interval = mean_interval(student - teacher, 1.0 - 2.0 * alpha)
    assert interval is not None
    if abs(interval.low + margin) > 1e-9:
        assert (interval.low > -margin) == (p < alpha)


@given(seed=seeds, low=st.floats(-0.2, 0.0), width=st.floats(0.01, 0.2), alpha=st.sampled_from([0.025, 0.05, 0.1]))
def test_equivalence_is_an_interval_inside_the_margins(seed: int, low: float, width: float, alpha: float) -> None:
    teacher, student = _scores(seed)
    above, below = equivalence(teacher, student, low, low + width)
    p, lower, upper = ttost_paired(student, teacher, low, low + width)
    assert (above, below, max(above, below)) == pytest.approx((lower[1], upper[1], p), rel=1e-9)
    interval = mean_interval(student - teacher, 1.0 - 2.0 * alpha)
    assert interval is not None
    if min(abs(interval.low - low), abs(interval.high - low - width)) > 1e-9:
        assert (low < interval.low and interval.high < low + width) == (max(above, below) < alpha)


def test_the_ends_of_fieller_are_ratios_that_the_data_just_do_not_exclude() -> None:
    teacher, student = _scores(1)
    found = ratio_fieller(teacher, student, 0.95)
    assert found is not None
    for ratio in found:
        rest = student - ratio * teacher
        assert abs(rest.mean()) / (rest.std(ddof=1) / math.sqrt(rest.size)) == pytest.approx(1.959964, abs=1e-6)
    assert found.low < student.mean() / teacher.mean() < found.high


def test_fieller_and_the_delta_method_meet_where_the_teacher_is_well_known() -> None:
    teacher, student = _scores(2, 4000)
    fieller, delta = ratio_fieller(teacher, student, 0.95), ratio_log_delta(teacher, student, 0.95)
    assert fieller == pytest.approx(delta, abs=1e-4)


def test_fieller_has_the_published_figures() -> None:
    student = [0.62, 0.71, 0.55, 0.8, 0.91, 0.4, 0.66, 0.73, 0.58, 0.85, 0.77, 0.69]
    teacher = [0.65, 0.7, 0.6, 0.82, 0.9, 0.48, 0.66, 0.75, 0.61, 0.88, 0.76, 0.74]
    assert ratio_fieller(teacher, student, 0.95) == pytest.approx((0.94121058, 0.99011595), abs=1e-8)


def test_a_teacher_near_zero_bounds_no_ratio() -> None:
    assert ratio_fieller([-1.0, 1.0, 0.1], [1.0, 2.0, 3.0], 0.95) is None
    assert ratio_log_delta([-1.0, 0.5, 0.1], [1.0, 2.0, 3.0], 0.95) is None


def test_without_spread_the_test_is_certain_and_on_the_margin_it_is_not() -> None:
    assert noninferiority_mean([1.0, 1.0], [0.5, 0.5], 1.0) == (math.inf, 0.0)
    assert noninferiority_mean([1.0, 1.0], [0.5, 0.5], 0.25) == (-math.inf, 1.0)
    assert noninferiority_mean([1.0, 1.0], [0.5, 0.5], 0.5) == (0.0, 0.5)


@pytest.mark.parametrize("function", [ratio_fieller, ratio_log_delta, noninferiority_mean])
def test_what_is_not_paired_is_refused(function) -> None:
    with pytest.raises(ValueError, match="pairs"):
        function([1.0], [1.0], 0.9)
    with pytest.raises(ValueError, match="pairs"):
        function([1.0, 2.0, 3.0], [1.0, 2.0], 0.9)


def test_margins_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(ValueError, match="nothing between"):
        equivalence([1.0, 2.0], [1.0, 2.5], 0.1, -0.1)
