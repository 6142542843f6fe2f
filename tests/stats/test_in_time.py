"""Intervals for requests in a row: on independent rows they are the usual ones, in a queue they are honest."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.stats.in_time import quantile_in_time, quantile_or_never, share_in_time, worth, worth_at
from evalkit.stats.proportion import wilson
from evalkit.stats.quantile import quantile, quantile_interval, smallest_n

HITS = st.lists(st.integers(0, 1), min_size=1, max_size=80)
VALUES = st.lists(st.one_of(st.floats(0, 100), st.just(math.inf)), min_size=1, max_size=80)


@given(HITS, st.integers(1, 12))
def test_rows_are_worth_no_more_than_they_are(hits: list[int], blocks: int) -> None:
    found = worth(hits, [at * blocks // len(hits) for at in range(len(hits))], 0.9)
    assert 0 < found <= len(hits)


@given(HITS)
def test_one_block_shows_nothing_and_counts_in_full(hits: list[int]) -> None:
    assert worth(hits, [3] * len(hits), 0.9) == len(hits)


def test_blocks_that_fare_as_one_are_worth_about_as_many_rows_as_there_are_blocks() -> None:
    hits = np.repeat([0, 1, 1, 0, 1, 0, 0, 1, 1, 0, 1, 0, 0, 1, 0, 1, 1, 0, 1, 0], 50)
    assert worth(hits, np.repeat(np.arange(20), 50), 0.9) == pytest.approx(
        20 * 19 / 20 / (1.7291 / 1.6449) ** 2, rel=1e-3
    )


def test_a_queue_that_outlasts_a_block_is_seen_in_pairs_of_them() -> None:
    pairs = np.repeat([0, 1, 1, 0, 1, 0, 0, 1, 1, 0], 100)
    blocks = np.repeat(np.arange(20), 50)
    assert worth(pairs, blocks, 0.9) < 10


@settings(deadline=None)
@given(st.lists(st.floats(0, 100), min_size=60, max_size=120, unique=True), st.sampled_from([0.5, 0.9, 0.95]))
def test_independent_rows_have_the_interval_of_order_statistics(values: list[float], q: float) -> None:
    assert quantile_in_time(values, [0] * len(values), q, 0.9) == quantile_interval(values, q, 0.9)


@given(VALUES, st.floats(0, 100))
def test_a_share_of_independent_rows_has_wilsons_interval(values: list[float], at_most: float) -> None:
    count = sum(each <= at_most for each in values)
    assert share_in_time(values, [0] * len(values), at_most, 0.9) == pytest.approx(wilson(count, len(values), 0.9))


@given(VALUES, st.integers(2, 10), st.floats(0, 100))
def test_a_share_lies_in_its_interval(values: list[float], blocks: int, at_most: float) -> None:
    low, high = share_in_time(values, [at * blocks // len(values) for at in range(len(values))], at_most, 0.9)
    share = sum(each <= at_most for each in values) / len(values)
    assert 0 <= low <= share + 1e-12
    assert share - 1e-12 <= high <= 1


@given(st.lists(st.floats(0, 100), min_size=1, max_size=50), st.floats(0.01, 0.99))
def test_a_quantile_of_finite_values_is_the_usual_one(values: list[float], q: float) -> None:
    assert quantile_or_never(values, q) == pytest.approx(quantile(values, q), abs=1e-9)


def test_a_quantile_that_touches_what_never_came_is_infinite() -> None:
    values = [1.0] * 9 + [math.inf]
    assert quantile_or_never(values, 0.5) == 1.0
    assert quantile_or_never(values, 0.95) == math.inf
    with pytest.raises(ValueError, match="no values"):
        quantile_or_never([], 0.5)


def test_too_few_rows_have_no_interval() -> None:
    fewest = smallest_n(0.95, 0.9)
    assert quantile_in_time(np.arange(float(fewest)), [0] * fewest, 0.95, 0.9) is not None
    assert quantile_in_time(np.arange(float(fewest - 1)), [0] * (fewest - 1), 0.95, 0.9) is None


def queued(rng: np.random.Generator, rho: float, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """Arrivals and response times of M/M/1 with a mean service of 1 second, by Lindley's recursion."""
    arrivals = np.cumsum(rng.exponential(1 / rho, int(2 * rho * seconds) + 50))
    arrivals = arrivals[arrivals < 1.1 * seconds]
    free, found = 0.0, []
    for arrival, takes in zip(arrivals, rng.exponential(1.0, arrivals.size), strict=True):
        free = max(free, arrival) + takes
        found.append(free - arrival)
    kept = arrivals >= 0.1 * seconds
    return arrivals[kept] - 0.1 * seconds, np.asarray(found)[kept]


def test_in_a_queue_the_interval_covers_where_that_of_independent_rows_does_not() -> None:
    """M/M/1 at half load: response times are exponential with mean 1 / (1 - rho), so its p95 is known."""
    rng, true, seconds = np.random.default_rng(1), -math.log(0.05) / 0.5, 4000.0
    covered = naive = shares = undefined = 0
    for _ in range(100):
        arrivals, times = queued(rng, 0.5, seconds)
        blocks = (arrivals / seconds * 20).astype(int)
        found, usual = quantile_in_time(times, blocks, 0.95, 0.9), quantile_interval(times, 0.95, 0.9)
        assert usual is not None
        undefined += found is None
        covered += found is not None and found.low <= true <= found.high
        naive += usual.low <= true <= usual.high
        share = share_in_time(times, blocks, true, 0.9)
        shares += share.low <= 0.95 <= share.high
    assert undefined <= 5
    assert covered >= 0.83 * (100 - undefined)
    assert shares >= 80
    assert naive <= 65


def test_the_worth_at_a_value_is_that_of_the_middle_where_the_tail_shows_less() -> None:
    values = np.repeat([1.0, 9.0] * 10, 30)
    blocks = np.repeat(np.arange(20), 30)
    assert worth_at(values, blocks, 10.0, 0.9) == worth(values <= 5.0, blocks, 0.9) < 60
