"""Square-and-add: Newcombe's interval of two unpaired shares, as statsmodels computes it, and its mirror image."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import confint_proportions_2indep

from evalkit.stats.interval import Interval
from evalkit.stats.proportion import wilson
from evalkit.stats.square_and_add import square_and_add

counts = st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(first=counts, second=counts, level=st.sampled_from([0.8, 0.9, 0.95]))
def test_of_wilson_intervals_it_is_newcombes(first: tuple[int, int], second: tuple[int, int], level: float) -> None:
    (k, n), (m, o) = first, second
    found = square_and_add(k / n, wilson(k, n, level), m / o, wilson(m, o, level))
    expected = confint_proportions_2indep(m, o, k, n, method="newcomb", compare="diff", alpha=1 - level)
    assert found == pytest.approx(tuple(float(end) for end in expected), abs=1e-12)


@given(st.floats(-5, 5), st.floats(-5, 5), *[st.floats(0, 5)] * 4)
def test_the_other_way_round_it_is_the_mirror_image(
    first: float, second: float, a: float, b: float, c: float, d: float
) -> None:
    one, other = Interval(first - a, first + b), Interval(second - c, second + d)
    there, back = square_and_add(first, one, second, other), square_and_add(second, other, first, one)
    assert back == pytest.approx((-there.high, -there.low), abs=1e-12)
    assert there.low <= second - first <= there.high


def test_symmetric_intervals_add_up_as_standard_errors_do() -> None:
    found = square_and_add(1.0, Interval(0.7, 1.3), 3.0, Interval(2.6, 3.4))
    assert found == pytest.approx((2.0 - 0.5, 2.0 + 0.5))
    alone = square_and_add(1.0, Interval(1.0, 1.0), 3.0, Interval(2.9, 3.4))
    assert alone == pytest.approx((1.9, 2.4))
    assert math.isinf(square_and_add(0.0, Interval(-math.inf, 0.5), 1.0, Interval(0.0, 2.0)).high)
