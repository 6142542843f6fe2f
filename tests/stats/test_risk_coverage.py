"""The risk-coverage curve against its definition, and laws of what is read off it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.stats import calibration as cal

Rows = tuple[np.ndarray, np.ndarray]


def _sample(seed: int, n: int, ties: bool) -> Rows:
    rng = np.random.default_rng(seed)
    at = np.round(rng.uniform(0.0, 1.0, n), 1 if ties else 12)
    return at, rng.random(n) < 0.3 + 0.6 * at


samples = st.builds(_sample, st.integers(0, 10**6), st.integers(1, 60), st.booleans())


@given(samples)
def test_the_curve_is_the_error_of_the_surest(sample: Rows) -> None:
    at, right = sample
    curve = cal.risk_coverage(at, right, "given")
    order = sorted(range(at.size), key=lambda row: (-at[row], row))
    for kept in range(1, at.size + 1):
        assert curve.coverage[kept - 1] == pytest.approx(kept / at.size)
        assert curve.risk[kept - 1] == pytest.approx(np.mean(~right[order[:kept]]))


@given(samples, st.integers(0, 10**6))
def test_averaged_ties_make_the_curve_one_of_the_rows_and_not_of_their_order(sample: Rows, seed: int) -> None:
    at, right = sample
    order = np.random.default_rng(seed).permutation(at.size)
    one, other = cal.risk_coverage(at, right), cal.risk_coverage(at[order], right[order])
    np.testing.assert_allclose(one.risk, other.risk, atol=1e-12)


@given(samples, st.sampled_from(["given", "average"]))
def test_its_mean_is_the_area_under_it_and_its_end_the_error_rate(sample: Rows, ties: str) -> None:
    at, right = sample
    curve = cal.risk_coverage(at, right, ties)  # type: ignore[arg-type]
    assert curve.risk.mean() == pytest.approx(cal.aurc(at, right, ties=ties), abs=1e-9)  # type: ignore[arg-type]
    assert curve.risk[-1] == pytest.approx(np.mean(~right))
    assert curve.coverage[-1] == 1.0


@given(samples)
def test_only_the_order_of_confidences_counts(sample: Rows) -> None:
    at, right = sample
    np.testing.assert_allclose(cal.risk_coverage(at, right).risk, cal.risk_coverage(np.exp(3 * at), right).risk)


@given(samples)
def test_the_excess_lies_between_the_best_order_and_the_worst(sample: Rows) -> None:
    at, right = sample
    n, wrong = at.size, int((~right).sum())
    best = sum(max(0, kept - (n - wrong)) / kept for kept in range(1, n + 1)) / n
    excess = cal.excess_aurc(at, right)
    area = cal.aurc(at, right, ties="average")
    assert excess is not None
    assert area is not None
    assert excess == pytest.approx(area - best, abs=1e-9)
    assert cal.excess_aurc(right.astype(float), right) == pytest.approx(0.0, abs=1e-12)
    worst = cal.excess_aurc(-right.astype(float), right)
    assert worst is not None
    assert 0.0 <= excess <= worst + 1e-9


@given(samples, st.floats(0.01, 1.0))
def test_what_can_be_kept_at_a_risk_has_no_more_than_that_risk(sample: Rows, risk: float) -> None:
    at, right = sample
    kept = cal.coverage_at_risk(at, right, risk)
    assert 0.0 <= kept <= 1.0
    if kept:
        seen = cal.risk_at_coverage(at, right, kept)
        assert seen is not None
        assert seen <= risk + 1e-9
    curve = cal.risk_coverage(at, right)
    assert (curve.risk[curve.coverage > kept + 1e-12] > risk).all()


def test_without_rows_there_is_nothing_to_risk() -> None:
    assert cal.excess_aurc([], []) is None
    assert cal.risk_at_coverage([], [], 0.5) is None
    assert cal.coverage_at_risk([], [], 0.5) == 0.0
    assert cal.risk_coverage([], []).risk.size == 0
    with pytest.raises(ValueError, match="coverage"):
        cal.risk_at_coverage([0.5], [1], 0.0)
