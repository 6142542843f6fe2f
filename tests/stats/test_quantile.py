"""Quantiles and speedups: references, direction, and what does not exist at this many values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.stats.quantile import (
    hodges_lehmann_ratio,
    quantile,
    quantile_interval,
    smallest_n,
    speedup_quantile,
)

STUDENT_MS = [101.0, 98.0, 110.0, 105.0, 99.0, 120.0, 97.0, 103.0, 108.0, 102.0]
TEACHER_MS = [205.0, 190.0, 221.0, 212.0, 195.0, 260.0, 188.0, 207.0, 219.0, 203.0]


def _times(seed: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    teacher = rng.lognormal(size=n)
    return teacher, teacher * np.exp(rng.normal(-0.5, 0.2, n))


@given(seed=st.integers(0, 1000), n=st.integers(2, 200), q=st.sampled_from([0.1, 0.5, 0.9, 0.99]))
def test_the_interval_holds_the_quantile_between_two_of_the_values(seed: int, n: int, q: float) -> None:
    x = np.random.default_rng(seed).lognormal(size=n)
    found = quantile_interval(x, q, 0.95)
    if found is not None:
        assert found.low <= quantile(x, q) <= found.high
        assert set(found) <= set(x.tolist())


@pytest.mark.parametrize("q", [0.1, 0.5, 0.9, 0.95, 0.99])
@pytest.mark.parametrize("level", [0.8, 0.9, 0.95])
def test_the_interval_exists_from_the_smallest_n_on(q: float, level: float) -> None:
    n = smallest_n(q, level)
    assert quantile_interval(np.arange(float(n)), q, level) is not None
    if n > 2:
        assert quantile_interval(np.arange(n - 1.0), q, level) is None


def test_what_has_no_quantile() -> None:
    assert quantile_interval([1.0], 0.5, 0.95) is None
    with pytest.raises(ValueError, match="no values"):
        quantile([], 0.5)
    with pytest.raises(ValueError, match="between 0 and 1"):
        smallest_n(1.0, 0.95)


def test_the_typical_speedup_is_the_one_of_r() -> None:
    found = hodges_lehmann_ratio(TEACHER_MS, STUDENT_MS, 0.95)
    assert found is not None
    # The numbers of R 4.2.2's signed-rank estimate and interval on the log ratios, as ratios.
    assert found[0] == pytest.approx(2.00457, abs=5e-6)
    assert found[1] == pytest.approx((1.97330, 2.04956), abs=5e-6)


@given(seed=st.integers(0, 1000), n=st.integers(6, 60))
def test_the_estimate_is_the_median_of_all_pairwise_averages(seed: int, n: int) -> None:
    teacher, student = _times(seed, n)
    logs = np.log(teacher / student)
    i, j = np.triu_indices(n)
    averages = np.sort((logs[i] + logs[j]) / 2)
    found = hodges_lehmann_ratio(teacher, student, 0.95)
    assert found is not None
    assert found[0] == pytest.approx(np.exp(np.median(averages)), rel=1e-12)
    for end in found[1]:
        assert np.abs(averages - np.log(end)).min() < 1e-12


@given(seed=st.integers(0, 1000), n=st.integers(6, 150))
def test_swapping_the_models_inverts_the_speedup(seed: int, n: int) -> None:
    teacher, student = _times(seed, n)
    found, swapped = (
        hodges_lehmann_ratio(teacher, student, 0.9),
        hodges_lehmann_ratio(student, teacher, 0.9),
    )
    assert found is not None
    assert swapped is not None
    assert found[0] == pytest.approx(1 / swapped[0], rel=1e-9)
    assert found[1] == pytest.approx((1 / swapped[1].high, 1 / swapped[1].low), rel=1e-9)
    assert found[1].low <= found[0] <= found[1].high


def test_counting_and_approximating_the_rank_sums_meet() -> None:
    from evalkit.stats import hodges_lehmann

    counted = hodges_lehmann._rank_of_low_end(100, 0.95)
    teacher, student = _times(0, 101)
    assert hodges_lehmann._rank_of_low_end(101, 0.95) == pytest.approx(counted, rel=0.03)
    assert hodges_lehmann_ratio(teacher, student, 0.95) is not None


def test_the_rank_is_the_one_of_the_tables() -> None:
    from evalkit.stats import hodges_lehmann

    # Critical values of the signed-rank test, two-sided 5%, plus one: n = 6, 10, 20.
    assert [hodges_lehmann._rank_of_low_end(n, 0.95) for n in (5, 6, 10, 20)] == [0, 1, 9, 53]


def test_too_few_pairs_or_impossible_times_have_no_speedup() -> None:
    rng = np.random.default_rng(0)
    assert hodges_lehmann_ratio([1.0] * 5, [1.0] * 5, 0.95) is None
    for teacher, student in (([1.0], [1.0]), ([1.0, 0.0] * 5, [1.0] * 10), ([1.0, np.inf] * 5, [1.0] * 10)):
        assert hodges_lehmann_ratio(teacher, student, 0.95) is None
        assert speedup_quantile(teacher, student, 0.5, rng, 10, 0.95) is None
    with pytest.raises(ValueError, match="not paired"):
        speedup_quantile([1.0, 2.0], [1.0], 0.5, rng, 10, 0.95)


def test_equal_times_have_a_speedup_of_one() -> None:
    teacher, _ = _times(0, 40)
    assert hodges_lehmann_ratio(teacher, teacher, 0.95) == (1.0, (1.0, 1.0))
    assert speedup_quantile(teacher, teacher, 0.9, np.random.default_rng(0), 100, 0.95) == (1.0, (1.0, 1.0))


@given(seed=st.integers(0, 1000), factor=st.floats(0.2, 5.0))
def test_a_student_faster_by_a_factor_is_faster_by_that_factor_at_every_quantile(seed: int, factor: float) -> None:
    teacher, _ = _times(seed, 30)
    for q in (0.5, 0.9):
        found = speedup_quantile(teacher, teacher / factor, q, np.random.default_rng(seed), 50, 0.95)
        assert found is not None
        assert found[0] == pytest.approx(factor)
        assert found[1] == pytest.approx((factor, factor))


def test_a_speedup_of_quantiles_repeats_with_its_seed_and_holds_its_value() -> None:
    teacher, student = _times(2, 80)
    first, second = (speedup_quantile(teacher, student, 0.9, np.random.default_rng(4), 500, 0.95) for _ in range(2))
    assert first == second
    assert first is not None
    assert first[1].low < first[0] < first[1].high
    assert first[0] == pytest.approx(np.quantile(teacher, 0.9) / np.quantile(student, 0.9))
