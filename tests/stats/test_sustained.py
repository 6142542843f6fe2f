"""Whether a service kept up, and the largest rate at which it did."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau

from evalkit.stats.interval import Interval
from evalkit.stats.sustained import Held, holds, kept_up, largest_held, rising
from tests.stats.test_in_time import queued

RATES = st.lists(
    st.tuples(st.integers(1, 100).map(float), st.sampled_from(["yes", "no", "unclear"])),
    unique_by=lambda each: each[0],
    max_size=8,
)


def test_the_trend_is_kendalls() -> None:
    values = [3.0, 1.0, 4.0, 1.5, 5.0, 9.0, 2.0, 6.0]
    assert rising(range(8), values) == pytest.approx(kendalltau(range(8), values, alternative="greater").pvalue)


@given(st.lists(st.floats(0, 10), min_size=4, max_size=20, unique=True))
def test_a_trend_knows_only_the_order(values: list[float]) -> None:
    places = range(len(values))
    assert rising(places, values) == pytest.approx(rising(places, np.argsort(np.argsort(values))))
    assert rising(places, sorted(values)) <= rising(places, values)


def test_what_never_came_is_above_everything() -> None:
    assert rising(range(6), [1, 2, 3, 4, 5, np.inf]) == rising(range(6), [1, 2, 3, 4, 5, 6]) < 0.01


def test_too_little_shows_no_trend() -> None:
    assert rising(range(3), [1, 2, 3]) == 1.0
    assert rising(range(9), [2.0] * 9) == 1.0
    with pytest.raises(ValueError, match="do not fit"):
        rising([1, 2], [1.0])


@pytest.mark.parametrize(
    ("before", "after", "trend", "word"),
    [(0, 30, 0.001, "no"), (0, 30, 0.5, "unclear"), (0, 2, 0.001, "unclear"), (0, 2, 0.5, "yes"), (30, 0, 0.5, "yes")],
)
def test_it_takes_a_backlog_and_a_trend_to_say_no(before: int, after: int, trend: float, word: Held) -> None:
    assert kept_up(100, before, after, trend) == word


@pytest.mark.parametrize(("rho", "word", "least"), [(0.5, "yes", 38), (0.7, "yes", 38), (1.5, "no", 38)])
def test_queues_are_told_apart(rho: float, word: Held, least: int) -> None:
    rng, found = np.random.default_rng(3), []
    for _ in range(40):
        arrivals, times = queued(rng, rho, 1000.0)
        blocks = (arrivals / 50).astype(int)
        ends = arrivals + times
        medians = [np.median(times[blocks == each]) for each in np.unique(blocks)]
        found.append(kept_up(len(times), 0, int((ends > 1000).sum()), rising(np.unique(blocks), medians)))
    assert found.count(word) >= least


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0.01, 0.99))
def test_a_share_is_held_by_its_whole_interval(one: float, two: float, needed: float) -> None:
    low, high = min(one, two), max(one, two)
    word = holds(Interval(low, high), needed)
    assert (word == "yes") == (low >= needed)
    assert (word == "no") == (high < needed)


@given(RATES)
def test_a_rate_counts_only_where_all_below_it_are_held(levels: list[tuple[float, Held]]) -> None:
    largest, failing = largest_held(levels)
    below = [word for rate, word in levels if largest is not None and rate <= largest]
    assert set(below) <= {"yes"}
    assert largest is None or largest in [rate for rate, _ in levels]
    beyond = sorted((rate, word) for rate, word in levels if largest is None or rate > largest)
    assert not beyond or beyond[0][1] != "yes"
    assert failing == min((rate for rate, word in levels if word == "no"), default=None)


def test_the_order_in_which_rates_were_tried_does_not_matter() -> None:
    levels: list[tuple[float, Held]] = [(8.0, "yes"), (4.0, "unclear"), (1.0, "yes"), (2.0, "yes"), (16.0, "no")]
    assert largest_held(levels) == largest_held(sorted(levels)) == (2.0, 16.0)
    with pytest.raises(ValueError, match="twice"):
        largest_held([(1.0, "yes"), (1.0, "no")])
