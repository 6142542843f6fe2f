"""The closed forms of sample size and detectable drop, held against the exact power."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from evalkit.stats.exact_power import exact_power
from evalkit.stats.paired import difference_tango
from evalkit.stats.planning import smallest_margin
from evalkit.stats.power_formulas import (
    detectable_drop,
    minimum_detectable_drop,
    most_events,
    sample_size,
    sample_size_quick,
)


@pytest.mark.parametrize(
    ("margin", "discordance", "difference"),
    [(0.02, 0.10, 0.0), (0.02, 0.05, 0.0), (0.02, 0.10, -0.005), (0.01, 0.03, 0.0), (0.05, 0.2, 0.0)],
)
def test_the_sample_size_reaches_the_power_it_promises(margin: float, discordance: float, difference: float) -> None:
    n = sample_size(margin, discordance, difference)
    assert exact_power(n, margin, discordance, difference) == pytest.approx(0.8, abs=0.02)


@given(margin=st.floats(0.005, 0.2), discordance=st.floats(0.01, 0.5))
def test_more_is_needed_for_a_finer_margin_a_higher_level_and_more_power(margin: float, discordance: float) -> None:
    for size in (sample_size, sample_size_quick):
        n = size(margin, discordance)
        assert n >= 1
        assert size(margin / 2, discordance) >= n
        assert size(margin, discordance, level=0.99) >= n
        assert size(margin, discordance, power=0.95) >= n
        assert size(margin, discordance, difference=-0.4 * min(margin, discordance)) >= n


def test_no_number_of_examples_shows_what_is_not_so() -> None:
    for size in (sample_size, sample_size_quick):
        with pytest.raises(ValueError, match="no number"):
            size(0.02, 0.1, difference=-0.02)
        with pytest.raises(ValueError, match="more discordance"):
            size(0.02, 0.01, difference=0.05)


@given(discordance=st.floats(0.001, 0.5), n=st.integers(10, 100_000))
def test_the_detectable_drop_is_the_margin_of_the_quick_sample_size(discordance: float, n: int) -> None:
    margin = minimum_detectable_drop(n, discordance)
    if margin <= 1.0:
        assert abs(sample_size_quick(margin, discordance) - n) <= 1
    assert minimum_detectable_drop(4 * n, discordance) == pytest.approx(margin / 2)


@pytest.mark.parametrize(
    ("n", "discordant"), [(20, 0), (100, 0), (300, 0), (50, 1), (100, 2), (100, 5), (300, 6), (1000, 20), (1000, 100)]
)
def test_what_few_discordant_pairs_can_show_is_hardly_more_than_the_exact_margin(n: int, discordant: int) -> None:
    discordance = (discordant + 0.5) / n
    told, exact = detectable_drop(n, discordance), smallest_margin(n, discordance)
    assert exact <= told <= 1.13 * exact
    # The quick one is too small, and by half where no pair is discordant.
    assert minimum_detectable_drop(n, discordance) < (0.6 if discordant == 0 else 1.0) * exact


@given(discordance=st.floats(0.0, 0.5), n=st.integers(1, 100_000))
def test_what_can_be_shown_is_the_margin_of_the_sample_size_and_no_less_than_no_flip_leaves_open(
    discordance: float, n: int
) -> None:
    margin = detectable_drop(n, discordance)
    assert 0.0 < margin <= 1.0
    assert margin >= -difference_tango(n, 0, 0, 0, 0.9).low - 1e-12
    assert detectable_drop(2 * n, discordance) <= margin
    if margin < 1.0 and discordance > 0.0:
        assert abs(sample_size(margin, discordance) - n) <= 1


def test_impossible_suites_are_refused() -> None:
    for detectable in (minimum_detectable_drop, detectable_drop):
        with pytest.raises(ValueError, match="no gate"):
            detectable(0, 0.1)


@given(st.integers(1, 500), st.floats(0.001, 0.999), st.floats(0.51, 0.999))
def test_most_events_are_the_last_whose_binomial_tail_is_still_too_likely(n: int, bound: float, level: float) -> None:
    most = most_events(n, bound, level)
    # The upper bound of k lies below p exactly where seeing k or fewer of p has a probability below 1 - level.
    tails = binom.cdf(np.arange(n + 1), n, bound)
    clear = np.abs(tails - (1 - level)) > 1e-9
    assert all((tails[k] < 1 - level) == (k <= most) for k in range(n) if clear[k])
