"""Other calibration errors, parts of a Brier score, what noise alone shows: against definitions and libraries."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import brier_score_loss

from evalkit.stats import calibration as cal
from evalkit.stats.distance import softmax_rows

Rows = tuple[np.ndarray, np.ndarray]


def _sample(seed: int, n: int, ties: bool = False) -> Rows:
    rng = np.random.default_rng(seed)
    at = np.round(rng.uniform(0.0, 1.0, n), 1 if ties else 12)
    return at, (rng.random(n) < at**1.5).astype(float)


samples = st.builds(_sample, st.integers(0, 10**6), st.integers(1, 80), st.booleans())


# --- other norms and bins -----------------------------------------------------------------------------


@given(samples, st.integers(1, 20))
def test_the_signed_gap_is_at_most_the_ece_and_that_at_most_the_larger_norms(sample: Rows, bins: int) -> None:
    at, right = sample
    gap, error = cal.signed_gap(at, right), cal.ece(at, right, bins)
    assert gap == pytest.approx(at.mean() - right.mean(), abs=1e-12)
    assert abs(gap) <= error + 1e-12
    assert error <= cal.ece_l2(at, right, bins) + 1e-12
    assert cal.ece_l2(at, right, bins) <= cal.mce(at, right, bins) + 1e-12
    assert cal.mce(at, right, bins) <= 1.0


@given(samples)
def test_one_bin_has_one_gap(sample: Rows) -> None:
    at, right = sample
    for norm in (cal.ece, cal.ece_l2, cal.mce):
        assert norm(at, right, 1) == pytest.approx(abs(cal.signed_gap(at, right)), abs=1e-12)


@given(st.integers(0, 10**6), st.integers(1, 60))
def test_the_sweep_stops_where_accuracy_would_fall_for_the_first_time(seed: int, n: int) -> None:
    at, right = _sample(seed, n)
    found = cal.ece_sweep(at, right)
    order = np.argsort(at, kind="stable")

    def accuracies(bins: int) -> list[float]:
        return [float(right[part].mean()) for part in np.array_split(order, bins)]

    for bins in range(1, found.bins + 1):
        assert accuracies(bins) == sorted(accuracies(bins))
    if found.bins < n:
        assert accuracies(found.bins + 1) != sorted(accuracies(found.bins + 1))
    parts = np.array_split(order, found.bins)
    expected = sum(len(part) * abs(right[part].mean() - at[part].mean()) for part in parts) / n
    assert found.error == pytest.approx(expected, abs=1e-12)


def test_the_sweep_of_a_calibrated_model_is_below_its_ece() -> None:
    rng = np.random.default_rng(0)
    seen = []
    for _ in range(40):
        at = rng.uniform(0.5, 1.0, 300)
        right = (rng.random(300) < at).astype(float)
        seen.append((cal.ece_sweep(at, right).error, cal.ece(at, right)))
    assert np.mean(seen, axis=0)[0] < 0.9 * np.mean(seen, axis=0)[1]


@given(st.integers(0, 10**6), st.integers(1, 50), st.integers(2, 5))
def test_classwise_ece_is_the_mean_of_each_classs_own(seed: int, n: int, classes: int) -> None:
    rng = np.random.default_rng(seed)
    probs, target = softmax_rows(rng.normal(size=(n, classes)) * 2), rng.integers(0, classes, n)
    total = 0.0
    for label in range(classes):
        for low, high in zip(np.linspace(0, 1, 11)[:-1], np.linspace(0, 1, 11)[1:], strict=True):
            inside = (probs[:, label] > low) & (probs[:, label] <= high)
            total += abs(np.sum((target[inside] == label) - probs[inside, label])) / n
    assert cal.ece_classwise(probs, target, 10) == pytest.approx(total / classes, abs=1e-12)


def test_no_row_and_misfits_are_refused() -> None:
    for function in (cal.mce, cal.ece_l2, cal.ece_sweep, cal.signed_gap, cal.murphy, cal.corp, cal.fit_platt):
        with pytest.raises(ValueError, match="no row"):
            function([], [])
    with pytest.raises(ValueError, match="no row"):
        cal.ece_of_noise([], np.random.default_rng(0), 3)
    with pytest.raises(ValueError, match="outside"):
        cal.ece_classwise([[0.5, 0.5]], [2])
    with pytest.raises(ValueError, match="do not fit"):
        cal.ece_classwise([[0.5, 0.5]], [0, 1])


# --- parts of the Brier score -------------------------------------------------------------------------


@given(samples, st.integers(1, 20))
def test_murphys_parts_add_up_to_the_score(sample: Rows, bins: int) -> None:
    at, right = sample
    parts = cal.murphy(at, right, bins)
    whole = parts.reliability - parts.resolution + parts.uncertainty
    whole += parts.within_variance - 2 * parts.within_covariance
    assert parts.brier == pytest.approx(brier_score_loss(right, at, pos_label=1.0), abs=1e-12)
    assert whole == pytest.approx(parts.brier, abs=1e-12)
    assert min(parts.reliability, parts.resolution, parts.within_variance) >= 0.0


@given(samples)
def test_corp_parts_are_those_of_sklearns_isotonic_map(sample: Rows) -> None:
    at, right = sample
    parts = cal.corp(at, right)
    best = IsotonicRegression().fit(at, right).predict(at)
    after = float(np.mean((best - right) ** 2))
    assert parts.miscalibration == pytest.approx(parts.brier - after, abs=1e-9)
    assert parts.discrimination == pytest.approx(parts.uncertainty - after, abs=1e-9)
    assert parts.miscalibration - parts.discrimination + parts.uncertainty == pytest.approx(parts.brier, abs=1e-9)


# --- what noise alone shows ---------------------------------------------------------------------------


def test_noise_has_the_mean_that_can_be_worked_out_for_one_confidence() -> None:
    # Of 10 rows at 0.5 the number right is binomial: the mean |k - 5| / 10 is 0.12305.
    noise = cal.ece_of_noise(np.full(10, 0.5), np.random.default_rng(0), 20_000)
    assert noise.mean() == pytest.approx(0.12305, abs=0.002)


@given(samples, st.integers(0, 10**6))
@settings(max_examples=20)
def test_the_draws_are_those_of_the_confidences_in_any_order(sample: Rows, seed: int) -> None:
    at, right = sample
    order = np.random.default_rng(seed).permutation(at.size)
    one = cal.ece_consistency(at, right, np.random.default_rng(3), draws=50)
    other = cal.ece_consistency(at[order], right[order], np.random.default_rng(3), draws=50)
    assert one == pytest.approx(other, abs=1e-12)
    assert 0.0 < one.p <= 1.0


def test_an_honest_model_is_called_dishonest_as_rarely_as_it_should_be() -> None:
    rng = np.random.default_rng(0)
    found = []
    for _ in range(300):
        at = rng.uniform(0.3, 1.0, 60)
        found.append(cal.ece_consistency(at, rng.random(60) < at, rng, draws=99).p)
    # 0.05 and three standard errors of 300 tries.
    assert np.mean(np.array(found) <= 0.05) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 300)
    assert 0.4 < np.mean(np.array(found) <= 0.5) < 0.6


def test_a_model_that_is_much_too_sure_is_found_out() -> None:
    rng = np.random.default_rng(0)
    at = rng.uniform(0.8, 1.0, 400)
    seen = cal.ece_consistency(at, rng.random(400) < at - 0.15, rng)
    assert seen.draws == 1000
    assert seen.p == pytest.approx(1 / 1001)
    assert seen.ece > seen.high > seen.mean


def test_a_stated_certainty_is_never_wrong_by_noise() -> None:
    assert (cal.ece_of_noise(np.ones(30), np.random.default_rng(0), 20) == 0.0).all()
    seen = cal.ece_consistency(np.ones(30), [0.0] + [1.0] * 29, np.random.default_rng(0))
    assert seen.p == pytest.approx(1 / 1001)


def test_very_many_rows_get_fewer_draws() -> None:
    at = np.random.default_rng(0).uniform(0.5, 1.0, 60_000)
    assert cal.ece_consistency(at, at > 0.6, np.random.default_rng(0)).draws == 333


# --- from a score to a probability ----------------------------------------------------------------------


@given(st.integers(0, 10**6), st.integers(5, 80))
@settings(max_examples=20)
def test_the_curve_is_the_one_scipys_minimiser_finds(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=n) * 2 - 3
    right = rng.random(n) < 1 / (1 + np.exp(-scores - 3))
    wanted = np.where(right, (right.sum() + 1) / (right.sum() + 2), 1 / ((~right).sum() + 2))

    def loss(curve: np.ndarray) -> float:
        said = np.clip(expit(curve[0] + curve[1] * scores), 1e-300, 1 - 1e-16)
        return float(-(wanted * np.log(said) + (1 - wanted) * np.log1p(-said)).mean())

    best = minimize(loss, np.zeros(2), method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-14, "maxiter": 5000})
    found = cal.fit_platt(scores, right)
    assert loss(np.array(found)) <= best.fun + 1e-10
    assert cal.mapped(found, scores) == pytest.approx(expit(best.x[0] + best.x[1] * scores), abs=1e-5)


def test_a_score_that_separates_has_a_finite_curve_and_equal_scores_have_none() -> None:
    curve = cal.fit_platt([1.0, 2.0, 3.0, 4.0], [0, 0, 1, 1])
    assert 0.0 < curve.slope < 10.0
    flat = cal.fit_platt([2.0] * 8, [1] * 6 + [0] * 2)
    assert flat.slope == 0.0
    assert cal.mapped(flat, [2.0]) == pytest.approx((6 * 7 / 8 + 2 * 1 / 4) / 8)
