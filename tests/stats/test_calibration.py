"""Calibration and discrimination: the bins, the law of weights, and independent references."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from evalkit.stats import calibration as cal
from evalkit.stats.distance import softmax_rows


def _sample(seed: int, n: int, ties: bool = False) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    at = np.round(rng.uniform(0.2, 1.0, n), 1 if ties else 12)
    right = (rng.random(n) < at**1.5).astype(float)
    # Both kinds occur, so that nothing is undefined.
    right[:2] = [0.0, 1.0]
    return at, right


def _given_bins(at, right, weights=None):
    # The public function fixes its bins on unweighted rows, so the law of weights is about given bins.
    bins = np.floor(np.asarray(at) * 4).clip(0, 3).astype(np.int64)
    return cal.debiased_squares(at, right, bins, 4, weights)


WEIGHTED = [cal.ece, cal.smooth_ece, cal.auroc, cal.aurc, cal.overconfident_errors, cal.signed_gap, _given_bins]


def _close(metric) -> float:
    # Smooth ECE halves an interval 12 times; a last-bit difference may turn the last halving.
    return 2.5e-4 if metric is cal.smooth_ece else 1e-9


samples = st.tuples(st.integers(0, 10_000), st.integers(2, 60), st.booleans())


@pytest.mark.parametrize("metric", WEIGHTED)
@given(sample=samples)
def test_a_whole_number_weight_is_that_many_copies_of_the_row(metric, sample) -> None:
    at, right = _sample(*sample)
    weights = np.random.default_rng(sample[0]).integers(0, 4, at.size)
    weights[:2] += 1
    copies = metric(np.repeat(at, weights), np.repeat(right, weights))
    assert float(np.squeeze(metric(at, right, weights=weights.astype(float)))) == pytest.approx(
        copies, abs=_close(metric)
    )


@pytest.mark.parametrize("metric", [*WEIGHTED, cal.ece_debiased])
@given(sample=samples)
def test_rows_of_weights_give_one_value_each(metric, sample) -> None:
    at, right = _sample(*sample)
    weights = np.random.default_rng(sample[0]).integers(1, 4, (3, at.size)).astype(float)
    together = metric(at, right, weights=weights)
    assert together.shape == (3,)
    one_by_one = [float(np.squeeze(metric(at, right, weights=row))) for row in weights]
    np.testing.assert_allclose(together, one_by_one, atol=_close(metric))


@pytest.mark.parametrize("metric", [*WEIGHTED, cal.ece_debiased])
@given(sample=samples)
def test_weights_of_one_change_nothing(metric, sample) -> None:
    at, right = _sample(*sample)
    plain = float(np.squeeze(metric(at, right)))
    assert float(np.squeeze(metric(at, right, weights=np.ones(at.size)))) == pytest.approx(plain, abs=_close(metric))


@pytest.mark.parametrize("metric", [*WEIGHTED, cal.ece_debiased])
@given(seed=st.integers(0, 10_000), n=st.integers(2, 60))
def test_the_order_of_rows_does_not_matter(metric, seed: int, n: int) -> None:
    at, right = _sample(seed, n)
    order = np.random.default_rng(seed + 1).permutation(n)
    shuffled = float(np.squeeze(metric(at[order], right[order])))
    assert shuffled == pytest.approx(float(np.squeeze(metric(at, right))), abs=_close(metric))


@given(sample=samples)
def test_averaged_ties_make_the_order_of_equal_confidences_irrelevant(sample) -> None:
    at, right = _sample(sample[0], sample[1], ties=True)
    order = np.random.default_rng(sample[0] + 1).permutation(at.size)
    shuffled = cal.aurc(at[order], right[order], ties="average")
    assert shuffled == pytest.approx(cal.aurc(at, right, ties="average"), abs=1e-9)


@given(sample=samples)
def test_every_value_lies_in_its_range(sample) -> None:
    at, right = _sample(*sample)
    for metric in (cal.ece, cal.ece_debiased, cal.smooth_ece, cal.auroc, cal.aurc, cal.overconfident_errors):
        assert 0.0 <= metric(at, right) <= 1.0


@given(sample=samples)
def test_an_answer_as_sure_as_it_is_right_has_no_calibration_error(sample) -> None:
    _, right = _sample(*sample)
    for metric in (cal.ece, cal.ece_debiased, cal.smooth_ece):
        assert metric(right, right) == pytest.approx(0.0, abs=1e-5)


@given(sample=samples, bins=st.integers(1, 20))
def test_the_binned_error_is_the_one_of_its_definition(sample, bins: int) -> None:
    at, right = _sample(*sample)
    expected = 0.0
    # Edges as numpy draws them, because i / bins differs from them in the last bit.
    edges = np.linspace(0.0, 1.0, bins + 1)
    for index in range(bins):
        low, high = edges[index], edges[index + 1]
        inside = (at > low) & (at <= high) | ((index == 0) & (at == 0.0))
        expected += abs(np.sum(right[inside] - at[inside])) / at.size
    assert cal.ece(at, right, bins) == pytest.approx(expected, abs=1e-12)


def test_confidences_of_nought_and_one_are_in_the_outer_bins() -> None:
    assert cal.ece([0.0, 0.05, 1.0, 0.95], [0, 0, 1, 1], 10) == pytest.approx(0.025)


def test_smoothing_finds_the_known_error_of_a_constant_confidence() -> None:
    # All residuals are 0.3 at one place, and smoothing moves mass without cancelling any.
    right = np.array([1.0] * 60 + [0.0] * 40)
    assert cal.smooth_ece(np.full(100, 0.9), right) == pytest.approx(0.3, abs=1e-3)


def test_smoothing_agrees_with_the_integral_it_stands_for() -> None:
    at, right = _sample(4, 80)
    grid = (np.arange(4000) + 0.5) / 4000
    found = cal.smooth_ece(at, right)
    images = np.concatenate([sign * at + 2 * shift for sign in (1, -1) for shift in (-2, -1, 0, 1, 2)])
    residuals = np.tile(right - at, 10)
    kernel = np.exp(-0.5 * ((grid[:, None] - images) / found) ** 2) / (found * np.sqrt(2 * np.pi))
    assert np.abs(kernel @ residuals / 80).mean() == pytest.approx(found, abs=1e-3)


def test_equal_mass_bins_are_as_numpy_splits_the_sorted_rows() -> None:
    at = np.random.default_rng(0).permutation(23) / 23
    sizes = np.bincount(cal.equal_mass_bins(at, 5))
    assert sizes.tolist() == [5, 5, 5, 4, 4]


def test_light_bins_add_nothing_to_the_debiased_error() -> None:
    assert cal.ece_debiased([0.1, 0.5, 0.9], [1, 0, 0], 15) == 0.0


def test_the_debiased_error_of_a_calibrated_model_is_far_below_the_raw_one() -> None:
    rng = np.random.default_rng(0)
    at = rng.uniform(0.5, 1.0, 400)
    raw, debiased = [], []
    for _ in range(40):
        right = (rng.random(400) < at).astype(float)
        raw.append(cal.ece(at, right))
        debiased.append(cal.debiased_squares(at, right, cal.equal_mass_bins(at, 15), 15)[0])
    assert np.mean(raw) > 0.03
    assert abs(np.mean(debiased)) < 0.0006


@given(sample=samples)
def test_auroc_agrees_with_sklearn_also_when_confidences_tie(sample) -> None:
    at, right = _sample(*sample)
    weights = np.random.default_rng(sample[0]).integers(1, 4, at.size).astype(float)
    assert cal.auroc(at, right) == pytest.approx(roc_auc_score(right, at), abs=1e-12)
    weighted = roc_auc_score(right, at, sample_weight=weights)
    assert float(cal.auroc(at, right, weights=weights)) == pytest.approx(weighted, abs=1e-12)


@given(sample=samples)
def test_the_area_under_the_risk_curve_is_the_mean_risk_of_the_surest(sample) -> None:
    at, right = _sample(*sample)
    order = np.argsort(-at, kind="stable")
    risks = np.cumsum(1.0 - right[order]) / np.arange(1, at.size + 1)
    assert cal.aurc(at, right) == pytest.approx(risks.mean(), abs=1e-9)


@given(sample=samples)
def test_averaged_ties_are_the_mean_over_orders(sample) -> None:
    at, right = _sample(sample[0], 12, ties=True)
    rng = np.random.default_rng(0)
    values = []
    for _ in range(400):
        order = rng.permutation(12)
        values.append(cal.aurc(at[order], right[order]))
    assert cal.aurc(at, right, ties="average") == pytest.approx(np.mean(values), abs=0.03)


def test_one_kind_of_answer_leaves_ranking_undefined() -> None:
    assert cal.auroc([0.3, 0.9], [1, 1]) is None
    assert cal.overconfident_errors([0.3, 0.9], [1, 1]) is None
    assert cal.overconfident_errors([], []) is None
    assert cal.aurc([], []) is None
    batched = cal.auroc([0.3, 0.9], [0, 1], weights=np.array([[2.0, 0.0], [1.0, 1.0]]))
    assert np.isnan(batched[0])
    assert batched[1] == 1.0


def test_no_row_and_misfitting_weights_are_refused() -> None:
    for metric in (cal.ece, cal.ece_debiased, cal.smooth_ece, cal.auroc):
        with pytest.raises(ValueError, match="no row"):
            metric([], [])
        with pytest.raises(ValueError, match="do not fit"):
            metric([0.5, 0.6], [0, 1], weights=np.ones(3))


@given(seed=st.integers(0, 10_000), n=st.integers(3, 40), classes=st.integers(2, 5))
def test_proper_scores_agree_with_sklearn(seed: int, n: int, classes: int) -> None:
    rng = np.random.default_rng(seed)
    probs = softmax_rows(rng.normal(size=(n, classes)) * 3)
    target = rng.integers(0, classes, n)
    labels = list(range(classes))
    brier = brier_score_loss(np.eye(classes)[target], probs, scale_by_half=False)
    assert cal.brier_rows(probs, target).mean() == pytest.approx(brier, abs=1e-12)
    assert cal.nll_rows(probs, target).mean() == pytest.approx(log_loss(target, probs, labels=labels), abs=1e-10)


def test_certain_answers_score_the_ends_of_the_range() -> None:
    probs = np.array([[1.0, 0.0], [1.0, 0.0]])
    assert cal.brier_rows(probs, [0, 1]).tolist() == [0.0, 2.0]
    assert cal.nll_rows(probs, [0, 1]) == pytest.approx([0.0, -np.log(1e-15)])


@pytest.mark.parametrize("target", [[-1, 0], [0, 2]])
def test_a_target_outside_the_classes_is_refused(target: list[int]) -> None:
    for score in (cal.brier_rows, cal.nll_rows):
        with pytest.raises(ValueError, match="outside"):
            score(np.full((2, 2), 0.5), target)
