"""Thresholds with a promise: p-values against scipy and simulation, rules of choice against their definitions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from evalkit.stats.risk_control import (
    binomial_risk_p,
    conformal_bound,
    conformal_risk_control,
    fixed_sequence,
    group_risk_p,
    hoeffding_bentkus_p,
    lowest_threshold,
    units_needed,
)

RISK = st.sampled_from([0.01, 0.05, 0.2, 0.5])


@st.composite
def rows(draw: st.DrawFn, least: int = 1) -> dict[str, Any]:
    """Confidences (with ties, some never kept), losses, and groups of up to five rows."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    n = draw(st.integers(least, 300))
    confidence = np.round(rng.random(n), draw(st.sampled_from([1, 2, 6])))
    confidence[rng.random(n) < 0.05] = -np.inf
    lost = rng.random(n) < draw(st.sampled_from([0.0, 0.02, 0.2, 1.0])) * (1.5 - np.maximum(confidence, 0))
    return {"confidence": confidence, "lost": lost, "groups": np.sort(rng.integers(0, max(1, n // 3), size=n))}


# --- p-values ----------------------------------------------------------------------------------------


@given(st.integers(1, 2000), st.data(), RISK)
def test_the_exact_p_value_is_that_of_a_binomial_test(n: int, data: st.DataObject, alpha: float) -> None:
    k = data.draw(st.integers(0, n))
    expected = binomtest(k, n, alpha, alternative="less").pvalue
    assert float(binomial_risk_p(k, n, alpha)) == pytest.approx(expected, abs=1e-12)


@given(st.integers(1, 2000), st.data(), RISK)
def test_hoeffding_and_bentkus_promise_no_more_than_the_exact_tail(n: int, data: st.DataObject, alpha: float) -> None:
    k = data.draw(st.integers(0, n))
    p = hoeffding_bentkus_p(k / n, n, alpha)
    assert float(binom.cdf(k, n, alpha)) - 1e-12 <= p <= 1.0
    if k:
        assert hoeffding_bentkus_p((k - 1) / n, n, alpha) <= p + 1e-12


def test_a_count_times_its_share_is_that_count_whatever_the_rounding() -> None:
    # 0.07 * 100 is 7.000000000000001.
    for k in range(101):
        bentkus = math.e * float(binom.cdf(k, 100, 0.3))
        assert hoeffding_bentkus_p(k / 100, 100, 0.3) <= min(1.0, bentkus) + 1e-12


@given(rows(), RISK)
def test_no_group_of_one_is_better_shown_than_by_the_exact_test(given_rows: dict[str, Any], alpha: float) -> None:
    """Ville's bound is wider than a binomial tail, but for the best stake when nothing is lost."""
    lost = given_rows["lost"].astype(float)
    p = group_risk_p(lost, np.ones(lost.size), 1, alpha)
    assert 0.0 < p <= 1.0
    assert p >= float(binomial_risk_p(lost.sum(), lost.size, alpha)) * (1 - 1e-9)


@given(rows(least=2), RISK)
def test_more_losses_never_make_a_risk_better_shown(given_rows: dict[str, Any], alpha: float) -> None:
    group = given_rows["groups"]
    sizes = np.bincount(group)
    keep = sizes > 0
    lost = np.bincount(group, given_rows["lost"])
    worse = np.minimum(lost + 1, sizes)
    largest = int(sizes.max())
    less = group_risk_p(lost[keep], sizes[keep], largest, alpha)
    assert less <= group_risk_p(worse[keep], sizes[keep], largest, alpha) + 1e-12


@given(st.integers(1, 50), st.integers(1, 9), st.floats(0.001, 0.999))
def test_groups_that_lose_all_they_have_show_nothing(groups: int, size: int, alpha: float) -> None:
    """The largest stake is then lost whole, and rounding must not make it more than whole."""
    assert group_risk_p(np.full(groups, size), np.full(groups, size), size, alpha) == 1.0
    rows = groups * size
    same = np.arange(rows) // size
    assert lowest_threshold(np.full(rows, 0.5), np.ones(rows, dtype=bool), alpha, 0.05, same, size) is None


@pytest.mark.parametrize("groups", [40, 200, 800])
def test_a_group_test_at_the_risk_itself_seldom_errs(groups: int) -> None:
    """Groups of one to six that stand or fall together, at a true risk of exactly alpha."""
    rng = np.random.default_rng(groups)
    wrong = 0
    for _ in range(2000):
        sizes = rng.integers(1, 7, size=groups)
        lost = np.where(rng.random(groups) < 0.1, sizes, 0)
        wrong += group_risk_p(lost, sizes, 6, 0.1) <= 0.05
    # At most 5 %, and three standard errors of 2000 draws.
    assert wrong / 2000 <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 2000)


# --- rules of choice ---------------------------------------------------------------------------------


def test_the_fixed_sequence_of_the_reference_stops_at_eighty() -> None:
    # alpha 0.03 on 1000 examples: thresholds .95, .90, .80, .70 with so many losses.
    p = binomial_risk_p([14, 15, 19, 35], 1000, 0.03)
    assert fixed_sequence(p, 0.05) == 2
    assert fixed_sequence([0.000459, 0.000754, 0.01427, 0.841], 0.05) == 2


@pytest.mark.parametrize(
    ("p", "expected"),
    [([], None), ([0.2, 0.001], None), ([0.01, 0.2, 0.001], 0), ([0.05, 0.05], 1), ([0.04, 0.0501], 0)],
)
def test_a_sequence_ends_at_the_first_that_is_not_shown(p: list[float], expected: int | None) -> None:
    assert fixed_sequence(p, 0.05) == expected


def test_conformal_control_takes_the_least_careful_that_keeps_its_bound() -> None:
    losses = [0.0, 0.05, 0.1111111111, 0.2222222222]
    assert conformal_bound(losses, 9).tolist() == pytest.approx([0.1, 0.145, 0.2, 0.3])
    assert conformal_risk_control(losses, 9, 0.2) == 2
    assert conformal_risk_control(losses, 9, 0.05) is None, "one loss in ten is not excluded"
    with pytest.raises(ValueError, match="never fall"):
        conformal_risk_control([0.1, 0.0], 9, 0.2)


@given(rows(), RISK, st.sampled_from([0.05, 0.2]))
def test_the_lowest_threshold_is_that_of_the_definition(given_rows: dict[str, Any], alpha: float, delta: float) -> None:
    """Each threshold by itself, from the highest confidence down, with scipy's tail."""
    at, lost = given_rows["confidence"], given_rows["lost"]
    accepted = None
    for threshold in sorted({*at[at >= 0].tolist(), 0.0}, reverse=True):
        if binom.cdf(int((lost & (at >= threshold)).sum()), at.size, alpha) > delta:
            break
        accepted = threshold
    assert lowest_threshold(at, lost, alpha, delta) == accepted


@given(rows(), RISK, st.sampled_from([0.05, 0.2]))
def test_with_groups_it_is_that_of_the_definition(given_rows: dict[str, Any], alpha: float, delta: float) -> None:
    at, lost, groups = given_rows["confidence"], given_rows["lost"], given_rows["groups"]
    _, code, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    largest = max(2, int(sizes.max()))
    accepted = None
    for threshold in sorted({*at[at >= 0].tolist(), 0.0}, reverse=True):
        by_group = np.bincount(code, lost & (at >= threshold), minlength=sizes.size)
        if group_risk_p(by_group, sizes, largest, alpha) > delta * (1 + 1e-9):
            break
        accepted = threshold
    assert lowest_threshold(at, lost, alpha, delta * (1 + 1e-9), groups, largest) == accepted


@given(rows(), st.sampled_from([0.05, 0.2]))
def test_a_larger_risk_never_asks_for_more_confidence(given_rows: dict[str, Any], delta: float) -> None:
    at, lost = given_rows["confidence"], given_rows["lost"]
    found = [lowest_threshold(at, lost, alpha, delta) for alpha in (0.01, 0.05, 0.2, 0.5)]
    heights = [math.inf if each is None else each for each in found]
    assert heights == sorted(heights, reverse=True)


def test_where_nothing_is_lost_all_is_kept_from_as_many_rows_as_that_takes() -> None:
    needed = units_needed(0.02, 0.05)
    assert needed == 149
    for n, expected in ((needed, 0.0), (needed - 1, None)):
        assert lowest_threshold(np.full(n, 0.7), np.zeros(n, dtype=bool), 0.02, 0.05) == expected


def test_as_many_groups_are_needed_as_the_number_says() -> None:
    for size, largest in ((4, 4), (2, 5)):
        needed = units_needed(0.05, 0.05, np.full(30, size), largest)
        assert group_risk_p(np.zeros(needed), np.full(needed, size), largest, 0.05) <= 0.05
        fewer = needed - 2
        assert group_risk_p(np.zeros(fewer), np.full(fewer, size), largest, 0.05) > 0.05


def test_a_threshold_that_loses_too_much_even_at_the_top_is_none() -> None:
    at, lost = np.full(500, 1.0), np.arange(500) < 50
    assert lowest_threshold(at, lost, 0.02, 0.05) is None


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: binomial_risk_p(3, 2, 0.1),
        lambda: binomial_risk_p(0, 0, 0.1),
        lambda: binomial_risk_p(0, 9, 0.0),
        lambda: hoeffding_bentkus_p(1.1, 9, 0.1),
        lambda: group_risk_p([3], [2], 4, 0.1),
        lambda: group_risk_p([0], [5], 4, 0.1),
        lambda: lowest_threshold([0.5] * 3, [False] * 3, 0.1, 0.05, np.array([1, 1, 1]), 2),
        lambda: lowest_threshold([], [], 0.1, 0.05),
        lambda: fixed_sequence([0.1], 1.0),
        lambda: conformal_bound([0.1], 0),
    ],
)
def test_what_makes_no_sense_is_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"loss|lose|risk|example|rows|probability"):
        wrong()


# --- the promise -------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("grouped", [False, True], ids=["examples", "groups"])
@pytest.mark.parametrize(("alpha", "delta"), [(0.02, 0.05), (0.05, 0.1), (0.1, 0.05)])
def test_the_true_risk_is_seldom_above_what_was_promised(grouped: bool, alpha: float, delta: float) -> None:
    """P(lost | confidence c) = 0.3 (1 - c), c uniform: the risk at threshold t is 0.15 (1 - t)²."""
    rng = np.random.default_rng([int(1000 * alpha), grouped])
    runs, broken, found = 2000, 0, 0
    for _ in range(runs):
        if grouped:
            # Rows of a group share their confidence and their luck; a group has one to four rows, whatever its luck.
            groups = np.repeat(np.arange(400), rng.integers(1, 5, size=400))
            confidence, luck = rng.random(400)[groups], rng.random(400)[groups]
        else:
            groups = None
            confidence, luck = rng.random(600), rng.random(600)
        lost = luck < 0.3 * (1.0 - confidence)
        threshold = lowest_threshold(confidence, lost, alpha, delta, groups, 4 if grouped else 1)
        found += threshold is not None
        broken += threshold is not None and 0.15 * (1.0 - threshold) ** 2 > alpha
    assert found > 0.9 * runs
    assert broken / runs <= delta + 3 * math.sqrt(delta * (1 - delta) / runs)
