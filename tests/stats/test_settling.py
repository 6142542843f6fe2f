"""How many examples would settle it: what is named must do, and nearly as many must not."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from evalkit.stats.normal import two_sided_z
from evalkit.stats.paired import difference_tango
from evalkit.stats.proportion import clopper_pearson, wilson
from evalkit.stats.settling import examples_to_settle, pairs_to_settle, rows_to_settle, trials_to_settle


def test_four_times_the_examples_halve_the_interval() -> None:
    assert examples_to_settle(100, value=0.0, low=-0.04, high=0.04, bound=-0.02) == 400
    assert examples_to_settle(100, value=-0.06, low=-0.10, high=-0.02, bound=-0.04) == 400


def test_what_is_settled_already_needs_no_more() -> None:
    assert examples_to_settle(100, value=0.0, low=-0.01, high=0.01, bound=-0.02) == 100
    assert trials_to_settle(0, 400, 0.9, 0.02, exact=True) == 400
    assert pairs_to_settle(1000, 0.0, difference_tango(980, 10, 10, 0, 0.9).low, 0.9, -0.02) == 1000


def test_more_data_is_no_answer_on_the_bound_or_very_near_it() -> None:
    assert examples_to_settle(100, value=-0.02, low=-0.04, high=0.0, bound=-0.02) is None
    assert examples_to_settle(100, value=-0.0199999, low=-0.04, high=0.0, bound=-0.02) is None
    assert examples_to_settle(100, value=1.0, low=0.5, high=math.inf, bound=1.2) is None
    assert examples_to_settle(10**6, value=0.0, low=-0.04, high=0.04, bound=-0.01) == 16 * 10**6
    assert trials_to_settle(2, 100, 0.9, 0.02, exact=True) is None
    assert trials_to_settle(2, 100, 0.9, 0.020001, exact=False) is None
    assert pairs_to_settle(100, -0.02, -0.06, 0.9, -0.02) is None


def test_no_event_among_so_many_is_the_rule_of_three() -> None:
    # 0.95 one-sided: log 0.05 / log(1 - limit), rounded up.
    assert trials_to_settle(0, 60, 0.9, 0.01, exact=True) == 299
    assert trials_to_settle(0, 60, 0.9, 0.001, exact=True) == 2995
    # As many all right, by the mirror image.
    assert trials_to_settle(60, 60, 0.9, 0.99, exact=True) == 299


@given(n=st.integers(2, 400), part=st.floats(0, 1), within=st.floats(0.01, 0.99), exact=st.booleans())
def test_the_trials_named_settle_it_and_a_round_number_below_does_not(
    n: int, part: float, within: float, exact: bool
) -> None:
    k = round(part * n)
    interval = clopper_pearson if exact else wilson
    low, high = interval(k, n, 0.9)
    bound = low + within * (high - low)
    total = trials_to_settle(k, n, 0.9, bound, exact=exact)
    assume(total is not None and total > n)
    assert total is not None
    # Only whole numbers of events can be held against the intervals themselves.
    whole = math.ceil(total / n) * n
    assume(whole < 10**6)
    after = interval(k * whole // n, whole, 0.9)
    assert after.high < bound or after.low > bound
    fewer = (total - 1) // n
    still = interval(k * fewer, fewer * n, 0.9)
    assert still.low <= bound <= still.high


@given(lost=st.integers(0, 40), gained=st.integers(0, 40), same=st.integers(1, 400), part=st.floats(0.01, 0.99))
def test_the_pairs_named_settle_it_and_a_round_number_below_does_not(
    lost: int, gained: int, same: int, part: float
) -> None:
    n = lost + gained + same
    interval = difference_tango(same, lost, gained, 0, 0.9)
    value, bound = (gained - lost) / n, interval.low + part * (interval.high - interval.low)
    total = pairs_to_settle(n, value, interval.low, 0.9, bound)
    assume(total is not None and n < total < 10**6)
    assert total is not None
    times = math.ceil(total / n)
    after = difference_tango(*(times * cell for cell in (same, lost, gained, 0)), 0.9)
    assert after.low > bound or after.high < bound
    if (fewer := (total - 1) // n) >= 1:
        before = difference_tango(*(fewer * cell for cell in (same, lost, gained, 0)), 0.9)
        assert before.low <= bound + 1e-12
        assert before.high >= bound - 1e-12


@given(k=st.integers(0, 30), n=st.integers(31, 300), part=st.floats(0.05, 0.95), mirrored=st.booleans())
def test_with_few_events_the_wider_of_both_intervals_is_clear(k: int, n: int, part: float, mirrored: bool) -> None:
    events = n - k if mirrored else k

    def ends(k: float, n: float) -> tuple[float, float]:
        score, sure = wilson(k, n, 0.9), clopper_pearson(k, n, 0.9)
        if min(k, n - k) >= 10:
            return score.low, score.high
        return min(score.low, sure.low), max(score.high, sure.high)

    low, high = ends(events, n)
    bound = low + part * (high - low)
    total = trials_to_settle(events, n, 0.9, bound, exact=False, few=10)
    assume(total is not None and total > n)
    assert total is not None

    def clear(total: int) -> bool:
        low, high = ends(min(events / n * total, total), total)
        return low > bound or high < bound

    assert clear(total)
    assert not clear(total - 1)


def test_a_half_width_without_spread_falls_as_the_rows_grow() -> None:
    z2 = two_sided_z(0.9) ** 2
    for n, unit in ((2, 1.0), (30, 1.0), (30, 2.0)):
        half = unit * z2 / (n + z2)
        total = rows_to_settle(n, 0.0, -half, half, 0.9, 0.02, unit)
        assert total == math.ceil(z2 * (unit / 0.02 - 1.0))


def test_a_half_width_far_above_the_least_falls_with_the_square_root() -> None:
    total = rows_to_settle(2000, 0.0, -0.08, 0.08, 0.9, -0.04)
    assert total == pytest.approx(examples_to_settle(2000, 0.0, -0.08, 0.08, -0.04), rel=0.01)
    assert rows_to_settle(2000, 0.0, -0.08, 0.08, 0.9, 0.0) is None
    assert rows_to_settle(2000, 1.0, 0.5, math.inf, 0.9, 1.2) is None


def test_without_any_flip_pairs_count_as_such() -> None:
    interval = difference_tango(55, 0, 0, 5, 0.9)
    total = pairs_to_settle(60, 0.0, interval.low, 0.9, -0.02)
    # Where none differs the half width is z² / (n + z²).
    assert total == math.ceil(two_sided_z(0.9) ** 2 * 0.98 / 0.02) == 133
    assert difference_tango(total, 0, 0, 0, 0.9).low > -0.02
    assert difference_tango(total - 1, 0, 0, 0, 0.9).low <= -0.02
    # By the square root of n it would have been more than twice as many.
    assert examples_to_settle(60, 0.0, interval.low, interval.high, -0.02) == pytest.approx(280, abs=1)


def test_as_many_as_the_square_root_names_settle_it_indeed() -> None:
    low, high = difference_tango(450, 20, 20, 10, 0.90)
    total = examples_to_settle(500, 0.0, low, high, -0.015)
    assert total is not None
    assert pairs_to_settle(500, 0.0, low, 0.9, -0.015) == pytest.approx(total, rel=0.05)
    scale = total / 500
    settled = difference_tango(*(round(scale * cell) for cell in (450, 20, 20, 10)), 0.90)
    assert settled.low == pytest.approx(-0.015, abs=0.0005)
