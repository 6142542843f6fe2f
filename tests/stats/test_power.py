"""Sample sizes, what a suite can show, and the exact power they are checked against."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, multinomial

from evalkit.stats.paired import difference_tango
from evalkit.stats.power import (
    exact_power,
    examples_to_settle,
    minimum_detectable_drop,
    most_events,
    sample_size,
    sample_size_quick,
)


@pytest.mark.parametrize(
    ("n", "margin", "discordance", "difference"),
    [(1, 0.5, 0.3, 0.0), (12, 0.1, 0.3, -0.1), (25, 0.2, 0.2, 0.05), (30, 0.3, 0.5, -0.5), (30, 0.1, 0.0, 0.0)],
)
def test_the_power_is_the_summed_probability_of_every_passing_table(
    n: int, margin: float, discordance: float, difference: float
) -> None:
    b_share, c_share = (discordance - difference) / 2, (discordance + difference) / 2
    law = multinomial(n, [b_share, c_share, 1.0 - discordance])
    expected = 0.0
    for b in range(n + 1):
        for c in range(n + 1 - b):
            if difference_tango(n - b - c, b, c, 0, 0.90).low > -margin:
                expected += float(law.pmf([b, c, n - b - c]))
    assert exact_power(n, margin, discordance, difference, 0.95) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("margin", "discordance", "difference"),
    [(0.02, 0.10, 0.0), (0.02, 0.05, 0.0), (0.02, 0.10, -0.005), (0.01, 0.03, 0.0), (0.05, 0.2, 0.0)],
)
def test_the_sample_size_reaches_the_power_it_promises(margin: float, discordance: float, difference: float) -> None:
    n = sample_size(margin, discordance, difference)
    assert exact_power(n, margin, discordance, difference) == pytest.approx(0.8, abs=0.02)


@pytest.mark.parametrize("n", [200, 1000])
def test_at_a_drop_of_the_margin_the_gate_passes_as_rarely_as_its_level_says(n: int) -> None:
    assert exact_power(n, 0.05, 0.15, -0.05) == pytest.approx(0.05, abs=0.012)


@settings(max_examples=25)
@given(
    n=st.integers(20, 400),
    margin=st.floats(0.02, 0.3),
    discordance=st.floats(0.02, 0.4),
    part=st.floats(-1.0, 1.0),
)
def test_power_lies_in_its_range_and_grows_with_the_margin(
    n: int, margin: float, discordance: float, part: float
) -> None:
    difference = part * discordance
    small, large = (exact_power(n, m, discordance, difference) for m in (margin, margin * 1.5))
    assert 0.0 <= small <= large + 1e-9 <= 1.0 + 1e-9


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


def test_impossible_suites_are_refused() -> None:
    with pytest.raises(ValueError, match="no gate"):
        minimum_detectable_drop(0, 0.1)
    with pytest.raises(ValueError, match="no such gate"):
        exact_power(0, 0.02, 0.1)


def test_four_times_the_examples_halve_the_interval() -> None:
    assert examples_to_settle(100, value=0.0, low=-0.04, high=0.04, bound=-0.02) == 400
    assert examples_to_settle(100, value=-0.06, low=-0.10, high=-0.02, bound=-0.04) == 400


def test_what_is_settled_already_needs_no_more() -> None:
    assert examples_to_settle(100, value=0.0, low=-0.01, high=0.01, bound=-0.02) == 100


def test_more_data_is_no_answer_on_the_bound_or_very_near_it() -> None:
    assert examples_to_settle(100, value=-0.02, low=-0.04, high=0.0, bound=-0.02) is None
    assert examples_to_settle(100, value=-0.0199999, low=-0.04, high=0.0, bound=-0.02) is None
    assert examples_to_settle(100, value=1.0, low=0.5, high=math.inf, bound=1.2) is None
    assert examples_to_settle(10**6, value=0.0, low=-0.04, high=0.04, bound=-0.01) == 16 * 10**6


def test_as_many_as_named_settle_it_indeed() -> None:
    low, high = difference_tango(450, 20, 20, 10, 0.90)
    total = examples_to_settle(500, 0.0, low, high, -0.015)
    assert total is not None
    scale = total / 500
    settled = difference_tango(*(round(scale * cell) for cell in (450, 20, 20, 10)), 0.90)
    assert settled.low == pytest.approx(-0.015, abs=0.0005)


@given(st.integers(1, 500), st.floats(0.001, 0.999), st.floats(0.51, 0.999))
def test_most_events_are_the_last_whose_binomial_tail_is_still_too_likely(n: int, bound: float, level: float) -> None:
    most = most_events(n, bound, level)
    # The upper bound of k lies below p exactly where seeing k or fewer of p has a probability below 1 - level.
    tails = binom.cdf(np.arange(n + 1), n, bound)
    clear = np.abs(tails - (1 - level)) > 1e-9
    assert all((tails[k] < 1 - level) == (k <= most) for k in range(n) if clear[k])
