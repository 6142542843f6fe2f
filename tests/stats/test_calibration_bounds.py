"""Bounds of a binned calibration error: against scipy's non-central chi-squared, and against samples of known error."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import ncx2

from evalkit.stats.binned_calibration import equal_mass_bins
from evalkit.stats.calibration_bounds import ece_bounds
from evalkit.stats.interval import Interval

BINS = 15
seeds = st.integers(0, 10_000)
Sample = tuple[NDArray[np.float64], NDArray[np.float64]]


def some(seed: int, n: int, too_sure: float = 0.0) -> Sample:
    """Confidences, and right or wrong by chances that are `too_sure` less."""
    rng = np.random.default_rng(seed)
    at = rng.uniform(0.5, 1.0, n)
    return at, (rng.random(n) < at - too_sure).astype(float)


def bounds(sample: Sample, level: float = 0.95, worth: float = 1.0) -> Interval:
    at, right = sample
    return ece_bounds(at, right, equal_mass_bins(at, BINS), BINS, level, worth)


@given(right=st.integers(0, 60), wrong=st.integers(1, 60), said=st.floats(0.05, 0.95), level=st.floats(0.5, 0.99))
def test_of_one_bin_they_are_the_ends_of_a_noncentral_chi_squared(
    right: int, wrong: int, said: float, level: float
) -> None:
    n = right + wrong
    accuracy = right / n
    variance = max(accuracy * (1 - accuracy), said * (1 - said))
    seen = n * (accuracy - said) ** 2 / variance
    found = ece_bounds(np.full(n, said), np.arange(n) < right, np.zeros(n, dtype=np.int64), 1, level)
    for end, chance in ((found.low, (1 + level) / 2), (found.high, (1 - level) / 2)):
        # The probability of so small a number falls as the error grows.
        if end == 0.0:
            assert ncx2.cdf(seen, 1, 1e-12) <= chance + 1e-9
        elif end < 1.0:
            noncentrality = brentq(lambda at, chance=chance: ncx2.cdf(seen, 1, at) - chance, 1e-12, 1e5)
            assert end == pytest.approx(math.sqrt(noncentrality * variance / n), rel=1e-4)


@given(seed=seeds, n=st.integers(1, 300), too_sure=st.sampled_from([0.0, 0.1, 0.4]))
def test_they_lie_in_order_between_0_and_1_and_widen_with_the_level(seed: int, n: int, too_sure: float) -> None:
    narrow, wide = (bounds(some(seed, n, too_sure), level) for level in (0.8, 0.99))
    assert 0.0 <= wide.low <= narrow.low <= narrow.high <= wide.high <= 1.0


@given(seed=seeds, n=st.integers(100, 300))
def test_rows_that_count_for_less_leave_more_open_about_an_error_that_is_seen(seed: int, n: int) -> None:
    full, half = (bounds(some(seed, n, 0.4), worth=worth) for worth in (1.0, 0.5))
    assert half.low < full.low
    assert half.high - half.low > full.high - full.low


def test_less_error_than_chance_gives_leaves_nothing_open() -> None:
    # So the bounds never stand alone: the interval of the metric holds them and the bootstrap's.
    assert ece_bounds([0.5] * 40, [0.0, 1.0] * 20, np.zeros(40, dtype=np.int64), 1, 0.95).low == 0.0
    at = np.repeat([0.25, 0.5, 0.75], 40)
    right = np.concatenate([np.arange(40) % 4 == 0, np.arange(40) % 2 == 0, np.arange(40) % 4 > 0])
    assert ece_bounds(at, right, np.repeat([0, 1, 2], 40), 3, 0.95) == (0.0, 0.0)


@given(seed=seeds)
def test_neither_the_order_of_rows_nor_empty_bins_matter(seed: int) -> None:
    at, right = some(seed, 80)
    bins, order = equal_mass_bins(at, BINS), np.random.default_rng(seed).permutation(80)
    found = ece_bounds(at, right, bins, BINS, 0.95)
    assert ece_bounds(at[order], right[order], bins[order], BINS, 0.95) == pytest.approx(found)
    assert ece_bounds(at, right, 2 * bins, 2 * BINS, 0.95) == pytest.approx(found)


def test_whole_rows_repeated_count_as_their_worth_says() -> None:
    at, right = some(3, 90, 0.2)
    bins = equal_mass_bins(at, BINS)
    copies = (np.repeat(each, 4) for each in (at, right, bins))
    assert ece_bounds(*copies, BINS, 0.95, worth=0.25) == pytest.approx(ece_bounds(at, right, bins, BINS, 0.95))


@pytest.mark.parametrize("n", [60, 300])
def test_an_honest_model_is_held_for_honest_as_often_as_promised(n: int) -> None:
    held = sum(bounds(some(seed, n)).low == 0.0 for seed in range(400))
    # The low end is one-sided: 97.5 %, less three standard errors of 400 samples.
    assert held >= 400 * 0.975 - 3 * math.sqrt(400 * 0.975 * 0.025)


@pytest.mark.parametrize(("n", "too_sure"), [(60, 0.1), (300, 0.1), (300, 0.3)])
def test_a_known_error_is_inside_as_often_as_promised(n: int, too_sure: float) -> None:
    found = [bounds(some(seed, n, too_sure)) for seed in range(400)]
    held = sum(each.low <= too_sure <= each.high for each in found)
    assert held >= 400 * 0.95 - 3 * math.sqrt(400 * 0.95 * 0.05)


def test_many_rows_close_in_on_the_error_where_bins_vary_alike() -> None:
    rng = np.random.default_rng(0)
    at = rng.uniform(0.49, 0.51, 200_000)
    found = bounds((at, (rng.random(at.size) < at - 0.1).astype(float)))
    assert 0.095 < found.low < 0.1 < found.high < 0.105


def test_no_row_is_refused() -> None:
    with pytest.raises(ValueError, match="no row"):
        ece_bounds([], [], np.zeros(0, dtype=np.int64), BINS, 0.95)
