"""How many requests a percentile takes, against the binomial itself and the counts that LoadGen prints."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from evalkit.stats.early_stopping import (
    early_stopping,
    fewest,
    h_min,
    query_count,
    rounded_query_count,
    without_omission,
)

shares = st.sampled_from([0.5, 0.9, 0.95, 0.97, 0.99])
sure = st.sampled_from([0.9, 0.95, 0.99])


@given(t=st.integers(0, 60), p=shares, confidence=sure)
def test_h_min_is_the_first_that_makes_so_few_unlikely(t: int, p: float, confidence: float) -> None:
    h = h_min(t, p, confidence)
    assert binom.cdf(t, h + t, 1 - p) <= 1 - confidence
    assert h == 1 or binom.cdf(t, h - 1 + t, 1 - p) > 1 - confidence


def test_the_fewest_are_those_that_loadgen_asks_for() -> None:
    assert [fewest(0.9), fewest(0.99)] == [64, 662]
    assert rounded_query_count(0.99) == 33 * 8192


@given(n=st.integers(1, 3000), p=st.sampled_from([0.5, 0.9, 0.99]), confidence=sure)
def test_the_estimate_stands_where_h_min_allows(n: int, p: float, confidence: float) -> None:
    found = early_stopping(np.arange(n)[::-1], p, confidence)
    if found is None:
        assert n < fewest(p, confidence)
        return
    value, t = found
    assert value == n - t
    assert h_min(t, p, confidence) + t <= n < h_min(t + 1, p, confidence) + t + 1


@given(n=st.integers(700, 5000), p=st.sampled_from([0.5, 0.9, 0.99]), seed=st.integers(0, 99))
def test_the_estimate_is_not_below_the_percentile_of_the_values(n: int, p: float, seed: int) -> None:
    values = np.random.default_rng(seed).lognormal(size=n)
    found = early_stopping(values, p)
    assert found is not None
    assert found[0] >= np.quantile(values, p)
    assert found[0] in values


def test_the_estimate_is_hardly_ever_below_the_true_percentile() -> None:
    rng = np.random.default_rng(3)
    runs, n = 4000, 130
    below = sum(early_stopping(rng.random(n), 0.95)[0] < 0.95 for _ in range(runs))  # type: ignore[index]
    # At t = 1 the slowest of all is the estimate: below with probability 0.95 ** 130.
    assert below / runs == pytest.approx(0.95**n, abs=0.002)
    assert 0.95**n <= 0.01


@given(p=st.sampled_from([0.5, 0.9, 0.99]), confidence=sure)
def test_the_fixed_count_bounds_the_share_by_its_margin(p: float, confidence: float) -> None:
    n = query_count(p, confidence)
    margin = (1 - p) / 20
    # The normal approximation is close at such counts.
    inside = binom.cdf(n * (p + margin), n, p) - binom.cdf(n * (p - margin), n, p)
    assert inside == pytest.approx(confidence, abs=0.003)
    assert query_count(p, confidence, 2 * margin) == pytest.approx(n / 4, abs=1)


def test_impossible_questions_are_refused() -> None:
    for p, confidence in ((0.0, 0.9), (1.0, 0.9), (0.9, 1.0)):
        for function in (query_count, fewest):
            with pytest.raises(ValueError, match="between 0 and 1"):
                function(p, confidence)
    with pytest.raises(ValueError, match="margin"):
        query_count(0.9, 0.9, 0.0)
    with pytest.raises(ValueError, match="not negative"):
        h_min(-1, 0.9)
    with pytest.raises(ValueError, match="above 0"):
        without_omission([1.0], 0.0)


@given(st.lists(st.integers(1, 400), max_size=30), st.integers(1, 50))
def test_what_a_closed_loop_hid_is_what_hdrhistogram_records(values: list[int], interval: int) -> None:
    expected: list[int] = []
    for value in values:
        expected.append(value)
        missing = value - interval
        while missing >= interval:
            expected.append(missing)
            missing -= interval
    assert without_omission(values, interval).tolist() == sorted(expected)
