"""The paired table: swapping, holding, widening, and one decision whether read off the interval or the test."""

from __future__ import annotations

import itertools
import math
import time

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import mcnemar as reference_mcnemar

from evalkit.stats import paired
from evalkit.stats.interval import Interval
from evalkit.stats.paired_difference import tango_z
from evalkit.stats.paired_ratio import tang_z

DIFFERENCES = [paired.difference_tango, paired.difference_newcombe, paired.difference_agresti_min]
RATIOS = [paired.ratio_tang, paired.ratio_bonett_price, paired.ratio_wald_log]

Table = tuple[int, int, int, int]
cells = st.one_of(st.just(0), st.integers(0, 30), st.integers(0, 1_000_000))
tables = st.tuples(cells, cells, cells, cells).filter(lambda table: sum(table) > 0)
levels = st.sampled_from([0.5, 0.8, 0.9, 0.95, 0.99, 0.999])
CORNERS: list[Table] = [
    (1, 0, 0, 0),
    (0, 1, 0, 0),
    (0, 0, 1, 0),
    (0, 0, 0, 1),
    (10**6, 0, 0, 0),
    (0, 10**6, 0, 0),
    (0, 0, 10**6, 0),
    (0, 0, 0, 10**6),
    (0, 5, 5, 0),
    (10**6, 1, 0, 10**6),
    (0, 7, 0, 3),
    (0, 0, 7, 3),
    (1, 10**6, 10**6, 1),
]


def _value(table: Table) -> float:
    a, b, c, d = table
    return (c - b) / (a + b + c + d)


@pytest.mark.parametrize("interval", DIFFERENCES)
@given(table=tables, level=levels)
def test_a_difference_lies_in_its_interval_and_the_interval_in_its_range(interval, table: Table, level: float) -> None:
    low, high = interval(*table, level)
    assert -1.0 <= low <= _value(table) <= high <= 1.0


@pytest.mark.parametrize("table", CORNERS)
@pytest.mark.parametrize("interval", DIFFERENCES)
def test_corner_tables_have_difference_intervals(interval, table: Table) -> None:
    low, high = interval(*table, 0.95)
    assert -1.0 <= low <= _value(table) <= high <= 1.0
    assert high > low


@pytest.mark.parametrize("interval", DIFFERENCES)
@given(table=tables, level=levels)
def test_swapping_the_models_mirrors_the_difference(interval, table: Table, level: float) -> None:
    a, b, c, d = table
    low, high = interval(*table, level)
    swapped = interval(a, c, b, d, level)
    assert swapped == pytest.approx((-high, -low), abs=1e-12)


@pytest.mark.parametrize("interval", RATIOS)
@given(table=tables, level=levels)
def test_a_ratio_lies_in_its_interval(interval, table: Table, level: float) -> None:
    a, b, c, _ = table
    found = interval(*table, level)
    if a + b + c == 0:
        assert found is None
        return
    assert found is not None
    assert 0.0 <= found.low <= found.high
    if a + b == 0:
        assert found.high == math.inf
    else:
        value = (a + c) / (a + b)
        assert found.low <= value * (1 + 1e-12)
        assert found.high >= value * (1 - 1e-12)


@pytest.mark.parametrize("table", CORNERS)
def test_corner_tables_have_ratio_intervals_that_hold_the_ratio_exactly(table: Table) -> None:
    a, b, c, _ = table
    found = paired.ratio_tang(*table, 0.95)
    if found is None:
        assert a + b + c == 0
    elif a + b > 0:
        assert found.low <= (a + c) / (a + b) <= found.high


@given(table=tables, level=levels)
def test_swapping_the_models_inverts_the_ratio(table: Table, level: float) -> None:
    a, b, c, d = table
    found, swapped = paired.ratio_tang(a, b, c, d, level), paired.ratio_tang(a, c, b, d, level)
    if found is None or swapped is None:
        assert found is swapped is None
        return
    for end, other in ((found.low, swapped.high), (found.high, swapped.low)):
        if end == 0.0:
            assert other == math.inf
        else:
            assert other == pytest.approx(1.0 / end, rel=1e-9)


@given(table=tables)
def test_intervals_widen_with_the_level(table: Table) -> None:
    found = [paired.difference_tango(*table, level) for level in (0.5, 0.8, 0.95, 0.99)]
    for narrow, wide in itertools.pairwise(found):
        assert wide.low <= narrow.low + 1e-12
        assert wide.high >= narrow.high - 1e-12
    ratios = [paired.ratio_tang(*table, level) for level in (0.5, 0.8, 0.95, 0.99)]
    for left, right in itertools.pairwise(ratios):
        if left is not None and right is not None:
            assert right.low <= left.low * (1 + 1e-12)
            assert right.high >= left.high * (1 - 1e-12)


@given(table=st.tuples(*[st.integers(0, 1000)] * 4).filter(lambda table: sum(table) > 0), times=st.integers(2, 50))
def test_intervals_narrow_with_more_of_the_same_data(table: Table, times: int) -> None:
    more = tuple(times * cell for cell in table)
    small, large = paired.difference_tango(*table, 0.95), paired.difference_tango(*more, 0.95)
    assert large.high - large.low <= small.high - small.low
    ratio, tighter = paired.ratio_tang(*table, 0.95), paired.ratio_tang(*more, 0.95)
    if ratio is not None and tighter is not None:
        assert tighter.low >= ratio.low * (1 - 1e-12)
        assert tighter.high <= ratio.high * (1 + 1e-12)


@given(table=tables, margin=st.floats(0.001, 0.999), alpha=st.sampled_from([0.025, 0.05, 0.1]))
@example(table=(80, 5, 3, 12), margin=0.05, alpha=0.05)
def test_the_p_value_and_the_lower_end_decide_alike_on_a_difference(table: Table, margin: float, alpha: float) -> None:
    _, p = paired.noninferiority_difference(*table, margin)
    low = paired.difference_tango(*table, 1.0 - 2.0 * alpha).low
    if abs(low + margin) > 1e-9:
        assert (low > -margin) == (p < alpha)


@given(table=tables, least=st.floats(0.01, 3.0), alpha=st.sampled_from([0.025, 0.05, 0.1]))
def test_the_p_value_and_the_lower_end_decide_alike_on_a_ratio(table: Table, least: float, alpha: float) -> None:
    _, p = paired.noninferiority_ratio(*table, least)
    found = paired.ratio_tang(*table, 1.0 - 2.0 * alpha)
    if found is None:
        assert p == 0.5
    elif abs(found.low - least) > 1e-9:
        assert (found.low > least) == (p < alpha)


@given(table=st.tuples(*[st.integers(0, 60)] * 4).filter(lambda table: sum(table) > 0))
def test_at_the_lower_end_the_p_value_is_alpha(table: Table) -> None:
    low = paired.difference_tango(*table, 0.90).low
    if -1.0 < low < 0.0:
        assert paired.noninferiority_difference(*table, -low)[1] == pytest.approx(0.05, abs=1e-6)


@given(table=st.tuples(*[st.integers(0, 40)] * 4).filter(lambda table: sum(table) > 0))
def test_the_score_statistics_fall_along_their_nulls(table: Table) -> None:
    a, b, c, d = table
    n = a + b + c + d
    differences = [tango_z(b, c, n, null) for null in np.linspace(-0.999, 0.999, 201)]
    assert all(right <= left + 1e-9 for left, right in itertools.pairwise(differences))
    ratios = [tang_z(a, b, c, n, null) for null in np.geomspace(1e-3, 1e3, 201)]
    assert all(right <= left + 1e-9 for left, right in itertools.pairwise(ratios))


@pytest.mark.parametrize("n", [1, 10, 480, 10**6])
def test_without_discordant_pairs_the_interval_has_its_closed_form(n: int) -> None:
    z2 = 3.841458820694124
    low, high = paired.difference_tango(n, 0, 0, 0, 0.95)
    assert -low == high == pytest.approx(z2 / (n + z2), rel=1e-12)


def test_the_constrained_estimate_is_the_likeliest_one() -> None:
    from scipy.optimize import minimize_scalar
    from scipy.special import xlogy

    from evalkit.stats.paired_difference import constrained_teacher_only

    b, c, n, drop = 30, 15, 1000, 0.05

    def loss(teacher_only: float) -> float:
        student_only = teacher_only - drop
        rest = 1.0 - teacher_only - student_only
        return -float(xlogy(b, teacher_only) + xlogy(c, student_only) + xlogy(n - b - c, rest))

    best = minimize_scalar(loss, bounds=(drop + 1e-9, 0.5), method="bounded", options={"xatol": 1e-12}).x
    assert constrained_teacher_only(b, c, n, drop) == pytest.approx(best, abs=1e-6)


@given(b=st.integers(0, 200), c=st.integers(0, 200))
def test_mcnemar_agrees_with_statsmodels_and_its_mid_p_is_never_larger(b: int, c: int) -> None:
    exact, mid = paired.mcnemar(b, c)
    assert exact == pytest.approx(float(reference_mcnemar([[0, b], [c, 0]], exact=True).pvalue), abs=1e-12)
    assert 0.0 <= mid <= exact <= 1.0


@given(b=st.integers(0, 200), c=st.integers(0, 200))
def test_the_one_sided_test_counts_the_fair_coin(b: int, c: int) -> None:
    from scipy.stats import binom

    assert paired.mcnemar_worse(b, c) == pytest.approx(float(binom.sf(b - 1, b + c, 0.5)), abs=1e-12)


def test_no_discordant_pair_says_nothing() -> None:
    assert paired.mcnemar(0, 0) == (1.0, 1.0)
    assert paired.mcnemar_worse(0, 0) == 1.0


@pytest.mark.parametrize("function", [*DIFFERENCES, *RATIOS])
@pytest.mark.parametrize("table", [(0, 0, 0, 0), (5, -1, 2, 3)])
def test_an_impossible_table_is_refused(function, table: Table) -> None:
    with pytest.raises(ValueError, match="paired table"):
        function(*table, 0.95)


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0, math.nan])
def test_an_impossible_level_is_refused(level: float) -> None:
    with pytest.raises(ValueError, match="level"):
        paired.difference_tango(8, 1, 1, 0, level)


@pytest.mark.parametrize("margin", [-0.01, 1.01, math.nan])
def test_an_impossible_margin_is_refused(margin: float) -> None:
    with pytest.raises(ValueError, match="margin"):
        paired.noninferiority_difference(8, 1, 1, 0, margin)
    with pytest.raises(ValueError, match="least ratio"):
        paired.noninferiority_ratio(8, 1, 1, 0, -abs(margin))


def test_score_intervals_are_cheap() -> None:
    start = time.perf_counter()
    for _ in range(50):
        paired.difference_tango(850_000, 30_000, 15_000, 105_000, 0.95)
        paired.ratio_tang(850_000, 30_000, 15_000, 105_000, 0.95)
    # A tenth of this on an idle machine; it is here to catch an accidental loop, not a busy neighbour.
    assert (time.perf_counter() - start) / 50 < 0.02


def test_an_interval_is_a_pair_with_names() -> None:
    assert Interval(0.0, 1.0) == (0.0, 1.0)
