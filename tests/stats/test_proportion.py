"""Wilson and Clopper-Pearson against statsmodels, and their ends at no and all successes."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta
from statsmodels.stats.proportion import proportion_confint

from evalkit.stats.normal import two_sided_z
from evalkit.stats.proportion import bound_of_none, clopper_pearson, trials_to_exclude, wilson, wilson_at_z

counts = st.integers(1, 100_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
levels = st.sampled_from([0.5, 0.8, 0.9, 0.95, 0.99])


@given(count=counts, level=levels)
def test_both_agree_with_statsmodels(count: tuple[int, int], level: float) -> None:
    for function, method in ((wilson, "wilson"), (clopper_pearson, "beta")):
        reference = proportion_confint(*count, alpha=1.0 - level, method=method)
        assert function(*count, level) == pytest.approx(tuple(float(end) for end in reference), abs=1e-9)


@given(count=counts, level=levels)
def test_both_hold_the_proportion(count: tuple[int, int], level: float) -> None:
    k, n = count
    for function in (wilson, clopper_pearson):
        low, high = function(k, n, level)
        assert 0.0 <= low <= k / n <= high <= 1.0
        assert (low == 0.0) == (k == 0)
        assert (high == 1.0) == (k == n)


@given(count=counts)
def test_both_widen_with_the_level_and_mirror(count: tuple[int, int]) -> None:
    k, n = count
    for function in (wilson, clopper_pearson):
        narrow, wide = function(k, n, 0.8), function(k, n, 0.99)
        assert wide.low <= narrow.low
        assert narrow.high <= wide.high
        mirrored = function(n - k, n, 0.8)
        assert mirrored == pytest.approx((1.0 - narrow.high, 1.0 - narrow.low), abs=1e-12)


@given(count=counts, z=st.floats(0.1, 5.0))
def test_at_an_end_of_wilson_the_score_statistic_is_z(count: tuple[int, int], z: float) -> None:
    k, n = count
    for end in wilson_at_z(k, n, z):
        if 0.0 < end < 1.0:
            assert abs(k / n - end) == pytest.approx(z * math.sqrt(end * (1.0 - end) / n), rel=1e-6)
    assert wilson_at_z(k, n, two_sided_z(0.9)) == wilson(k, n, 0.9)


@given(k=st.floats(0.01, 400.0), more=st.floats(0.01, 400.0), level=levels)
def test_counts_need_not_be_whole(k: float, more: float, level: float) -> None:
    n, tail = k + more, (1.0 - level) / 2.0
    # Korn and Graubard's interval: beta quantiles at the counts that independent rows would have.
    expected = float(beta.ppf(tail, k, more + 1.0)), float(beta.isf(tail, k + 1.0, more))
    assert clopper_pearson(k, n, level) == pytest.approx(expected, rel=1e-6, abs=1e-12)


def test_no_trial_leaves_everything_possible() -> None:
    assert wilson(0, 0, 0.95) == (0.0, 1.0)
    assert clopper_pearson(0, 0, 0.95) == (0.0, 1.0)


@pytest.mark.parametrize("count", [(-1, 5), (6, 5)])
def test_impossible_counts_are_refused(count: tuple[int, int]) -> None:
    for function in (wilson, clopper_pearson):
        with pytest.raises(ValueError, match="do not fit"):
            function(*count, 0.95)


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0])
def test_impossible_levels_are_refused(level: float) -> None:
    for function in (wilson, clopper_pearson):
        with pytest.raises(ValueError, match="level"):
            function(1, 5, level)


@given(n=st.integers(1, 10**6), sure=st.sampled_from([0.8, 0.95, 0.99]))
def test_nothing_seen_leaves_what_clopper_and_pearson_leave(n: int, sure: float) -> None:
    assert bound_of_none(n, sure) == pytest.approx(clopper_pearson(0, n, 2 * sure - 1).high, rel=1e-9)


@given(limit=st.floats(1e-4, 0.9), sure=st.sampled_from([0.8, 0.95, 0.99]))
def test_a_limit_is_excluded_from_the_fewest_trials_on(limit: float, sure: float) -> None:
    n = trials_to_exclude(limit, sure)
    assert bound_of_none(n, sure) <= limit * (1 + 1e-12)
    assert n == 1 or bound_of_none(n - 1, sure) > limit * (1 - 1e-12)


def test_the_fewest_trials_are_those_of_the_textbooks() -> None:
    assert [trials_to_exclude(limit, 0.95) for limit in (0.05, 0.01, 0.001)] == [59, 299, 2995]
    assert bound_of_none(0, 0.95) == 1.0


def test_impossible_limits_and_trials_are_refused() -> None:
    for limit in (0.0, 1.0):
        with pytest.raises(ValueError, match="limit"):
            trials_to_exclude(limit, 0.95)
    for n, sure in ((-1, 0.95), (5, 1.0)):
        with pytest.raises(ValueError, match="trials"):
            bound_of_none(n, sure)
