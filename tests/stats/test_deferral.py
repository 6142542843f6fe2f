"""Curves of deferral against counting, baselines between which every curve lies, and what it all costs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.stats.cost import break_even_months, cascade_cost, saving_per_month
from evalkit.stats.deferral import best_deferral, deferral_curve, random_deferral


@st.composite
def rows(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    n = draw(st.integers(1, 60))
    confidence = np.round(rng.random(n), draw(st.sampled_from([1, 6])))
    confidence[rng.random(n) < draw(st.sampled_from([0.0, 0.2]))] = draw(st.sampled_from([-np.inf, np.nan]))
    return confidence, rng.random(n) < 0.7, rng.random(n) < draw(st.sampled_from([0.5, 0.9, 1.0]))


@given(rows())
def test_every_point_is_what_counting_gives(given_rows: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    at, first, second = given_rows
    curve = deferral_curve(at, first, second)
    assert curve.threshold.tolist() == [np.inf, *sorted(set(at[at > -np.inf].tolist()), reverse=True)]
    for threshold, *point in zip(curve.threshold, curve.coverage, curve.accuracy, curve.lost, strict=True):
        kept = at >= threshold
        counted = [kept.mean(), np.where(kept, first, second).mean(), (kept & ~first & second).mean()]
        assert point == pytest.approx(counted, abs=1e-12)


@given(rows())
def test_coverage_falls_with_the_threshold_and_so_does_what_is_lost(
    given_rows: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    curve = deferral_curve(*given_rows)
    assert np.all(np.diff(curve.threshold) < 0)
    assert np.all(np.diff(curve.coverage) > 0)
    assert np.all(np.diff(curve.lost) >= 0)


@given(rows())
def test_no_confidence_beats_the_oracle(given_rows: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    _, first, second = given_rows
    curve = deferral_curve(*given_rows)
    assert np.all(curve.accuracy <= best_deferral(curve.coverage, first, second) + 1e-12)
    knowing = np.where(first & ~second, 1.0, np.where(second & ~first, 0.0, 0.5))
    best = deferral_curve(knowing, first, second)
    assert best.accuracy == pytest.approx(best_deferral(best.coverage, first, second), abs=1e-12)


@given(rows())
def test_lots_and_the_oracle_agree_where_there_is_nothing_to_choose(
    given_rows: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    _, first, second = given_rows
    for rule in (random_deferral, best_deferral):
        assert rule([0.0, 1.0], first, second) == pytest.approx([second.mean(), first.mean()], abs=1e-12)
    share = np.linspace(0, 1, 11)
    assert np.all(random_deferral(share, first, second) <= best_deferral(share, first, second) + 1e-12)


def test_lots_are_what_drawing_them_gives() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.random(200) < 0.6, rng.random(200) < 0.9
    drawn = [deferral_curve(rng.random(200), first, second).accuracy[80] for _ in range(2000)]
    assert np.mean(drawn) == pytest.approx(random_deferral(0.4, first, second), abs=4 * np.std(drawn) / 2000**0.5)


def test_rows_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(ValueError, match="do not belong together"):
        deferral_curve([0.5], [True], [True, False])
    with pytest.raises(ValueError, match="no row"):
        deferral_curve([], [], [])


def test_the_reference_case_breaks_even_in_its_fifth_month() -> None:
    cost = cascade_cost(0.15, 1.2, 0.12)
    saving = saving_per_month(1.2, cost, 5000, 600)
    assert (cost, saving) == pytest.approx((0.294, 3930))
    assert break_even_months(18000, saving) == pytest.approx(4.580152671755725)


@pytest.mark.parametrize("saving", [0.0, -1.0])
def test_what_saves_nothing_never_breaks_even(saving: float) -> None:
    assert break_even_months(18000, saving) is None


def test_a_student_that_hands_over_everything_costs_more_than_its_teacher_alone() -> None:
    assert saving_per_month(1.2, cascade_cost(0.15, 1.2, 1.0), 1000) == pytest.approx(-150)
    with pytest.raises(ValueError, match="between 0 and 1"):
        cascade_cost(0.15, 1.2, 1.2)
