"""What a user writes: objectives, times, lists of numbers; and when requests come of a rate."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.load.arrivals import due
from evalkit.load.objective import QUANTITIES, read_counts, read_objective, read_rates, read_seconds


def test_an_objective_is_read() -> None:
    found = read_objective("ttft.p90 <= 300ms and p95 <= 2 s")
    assert [(each.quantity, each.q, each.limit_s) for each in found.clauses] == [
        ("ttft", 0.9, pytest.approx(0.3)),
        ("response", 0.95, 2.0),
    ]
    assert found.text == "ttft.p90 <= 300ms and p95 <= 2 s"


@given(
    st.sampled_from(QUANTITIES), st.integers(1, 99), st.integers(1, 9999), st.sampled_from([("ms", 1e-3), ("s", 1.0)])
)
def test_what_is_written_back_reads_the_same(name: str, percent: int, number: int, unit: tuple[str, float]) -> None:
    found = read_objective(f"{name}.p{percent}<={number}{unit[0]}")
    assert found.clauses[0].limit_s == pytest.approx(number * unit[1])
    assert read_objective(found.text) == found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("p95 <= 2s and", "is empty"),
        ("fast", "is no objective"),
        ("p95 >= 2s", "is no objective"),
        ("p95 <= 2", "takes a number and a unit"),
        ("p0 <= 2s", "no percentile"),
        ("p95 <= 0s", "not above nought"),
        ("latency.p95 <= 2s", '"latency" is not a time that a request has'),
    ],
)
def test_an_objective_that_cannot_be_read_says_why(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_objective(text)


@pytest.mark.parametrize(("text", "seconds"), [("60s", 60), ("2m", 120), ("500 ms", 0.5), ("1.5min", 90), ("1h", 3600)])
def test_times_take_a_unit(text: str, seconds: float) -> None:
    assert read_seconds(text) == pytest.approx(seconds)
    with pytest.raises(ValueError, match="a number and a unit"):
        read_seconds("60")


@pytest.mark.parametrize(
    ("text", "said"),
    [("1,two", "not a number"), ("0", "above nought"), ("inf", "above"), ("nan", "above"), ("2,2.0", "twice")],
)
def test_rates_are_numbers_above_nought(text: str, said: str) -> None:
    assert read_rates("1, 2.5,4") == (1.0, 2.5, 4.0)
    with pytest.raises(ValueError, match=said):
        read_rates(text)


def test_a_number_in_flight_is_whole() -> None:
    assert read_counts("1,2,16") == (1, 2, 16)
    with pytest.raises(ValueError, match="not a whole number"):
        read_counts("1.5")


@given(st.floats(0.1, 50), st.floats(0.1, 60), st.sampled_from(["poisson", "constant"]), st.integers(0, 9))
def test_requests_come_in_order_and_in_time_and_the_same_for_a_seed(
    rate: float, seconds: float, how: str, seed: int
) -> None:
    first, second = (due(rate, seconds, how, np.random.default_rng(seed)) for _ in range(2))  # type: ignore[arg-type]
    assert first == second == sorted(first)
    assert all(0 <= each < seconds for each in first)


def test_constant_arrivals_are_evenly_apart_from_the_beginning_on() -> None:
    assert due(4, 2, "constant", np.random.default_rng(0)) == [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75]


def test_poisson_arrivals_vary_as_poisson_counts_do() -> None:
    counts = [len(due(5, 20, "poisson", np.random.default_rng(seed))) for seed in range(400)]
    assert np.mean(counts) == pytest.approx(100, abs=2)
    assert np.var(counts) == pytest.approx(100, rel=0.2)
