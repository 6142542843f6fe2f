"""One temperature: against scipy's minimiser, the law of weights, and what no temperature can do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from evalkit.stats.calibration import fit_temperature, logits, nll_rows, scaled
from evalkit.stats.distance import softmax_rows
from evalkit.stats.mean import mean_interval
from evalkit.stats.temperature import HIGHEST, LOWEST

Rows = tuple[np.ndarray, np.ndarray]


def _sample(seed: int, n: int, classes: int, warmth: float = 1.0) -> Rows:
    """Logits of a model whose honest ones were multiplied by `warmth`, and targets drawn from the honest ones."""
    rng = np.random.default_rng(seed)
    honest = rng.normal(size=(n, classes)) * 2
    draws = rng.random((n, 1)) > np.cumsum(softmax_rows(honest), axis=1)
    return honest * warmth, np.minimum(draws.sum(axis=1), classes - 1)


samples = st.builds(
    _sample, st.integers(0, 10**6), st.integers(30, 80), st.integers(2, 6), st.sampled_from([0.5, 1.0, 3.0])
)


@given(samples)
def test_it_is_where_scipys_minimiser_finds_it(sample: Rows) -> None:
    rows, target = sample
    found = fit_temperature(rows, target)

    def loss(log_temperature: float) -> float:
        return float(nll_rows(scaled(rows, np.exp(log_temperature)), target).mean())

    best = minimize_scalar(loss, bounds=np.log([LOWEST, HIGHEST]), method="bounded", options={"xatol": 1e-9})
    assert found.value == pytest.approx(np.exp(best.x), rel=1e-4)
    assert loss(np.log(found.value)) <= best.fun + 1e-12


@given(samples, st.floats(0.2, 5.0))
def test_hotter_logits_need_a_temperature_that_is_as_much_higher(sample: Rows, times: float) -> None:
    rows, target = sample
    once, more = fit_temperature(rows, target), fit_temperature(rows * times, target)
    if once.inside and more.inside:
        assert more.value == pytest.approx(once.value * times, rel=1e-9)


@given(samples)
def test_no_temperature_changes_an_answer_or_the_sum_of_a_row(sample: Rows) -> None:
    rows, target = sample
    after = scaled(rows, fit_temperature(rows, target).value)
    assert (after.argmax(axis=1) == rows.argmax(axis=1)).all()
    np.testing.assert_allclose(after.sum(axis=1), 1.0, atol=1e-12)


@given(samples)
def test_probabilities_do_as_well_as_the_logits_they_came_from(sample: Rows) -> None:
    rows, target = sample
    held, clipped = logits(softmax_rows(rows))
    if clipped == 0:
        assert fit_temperature(held, target).value == pytest.approx(fit_temperature(rows, target).value, rel=1e-9)


@given(samples, st.integers(0, 10**6))
def test_a_whole_number_weight_is_that_many_copies_of_the_row_and_order_is_nothing(sample: Rows, seed: int) -> None:
    rows, target = sample
    rng = np.random.default_rng(seed)
    weights = rng.integers(0, 3, target.size)
    copies = rng.permutation(np.repeat(np.arange(target.size), weights))
    found = fit_temperature(rows, target, weights)
    assert found.value == pytest.approx(fit_temperature(rows[copies], target[copies]).value, rel=1e-9)


def test_choices_that_were_not_offered_have_no_part_in_it() -> None:
    rows, target = _sample(3, 60, 3, 2.0)
    probs = np.pad(softmax_rows(rows), ((0, 0), (0, 2)))
    offered = np.broadcast_to(np.arange(5) < 3, probs.shape)
    held, clipped = logits(probs, offered)
    assert clipped == 0
    found = fit_temperature(held, target)
    assert found.value == pytest.approx(fit_temperature(rows, target).value, rel=1e-9)
    assert (scaled(held, found.value)[:, 3:] == 0.0).all()
    with pytest.raises(ValueError, match="none of its row's choices"):
        fit_temperature(held, np.full(60, 4))


def test_impossible_targets_are_clipped_and_counted() -> None:
    held, clipped = logits([[1.0, 0.0], [0.5, 0.5]])
    assert clipped == 1
    assert held[0, 1] == pytest.approx(np.log(1e-15))


def test_a_fit_that_runs_away_is_not_inside() -> None:
    right = fit_temperature([[2.0, 0.0], [3.0, 0.0]], [0, 0])
    assert not right.inside
    assert right.value == pytest.approx(LOWEST)
    wrong = fit_temperature([[2.0, 0.0], [3.0, 0.0]], [1, 1])
    assert not wrong.inside
    assert wrong.value == pytest.approx(HIGHEST)
    assert not fit_temperature([[1.0, 1.0]] * 4, [0, 1, 0, 1]).inside
    with pytest.raises(ValueError, match="no row"):
        fit_temperature(np.empty((0, 2)), [])
    with pytest.raises(ValueError, match="outside"):
        fit_temperature([[1.0, 0.0]], [2])


@given(samples)
@settings(max_examples=10)
def test_the_influence_of_a_row_is_what_leaving_it_out_changes(sample: Rows) -> None:
    rows, target = sample
    found = fit_temperature(rows, target)
    if not found.inside:
        return
    assert found.influence.sum() == pytest.approx(0.0, abs=1e-9)
    without = [
        fit_temperature(np.delete(rows, each, axis=0), np.delete(target, each)).value for each in range(target.size)
    ]
    change = np.log(found.value) - np.log(without)
    # The jackknife's error of the logarithm, which needs no formula.
    jackknife = np.sqrt(((change - change.mean()) ** 2).sum() * (target.size - 1) / target.size)
    assert np.sqrt((found.influence**2).sum()) == pytest.approx(jackknife, rel=0.35)


@pytest.mark.slow
@pytest.mark.parametrize("n", [20, 50, 200])
def test_its_interval_holds_the_truth_as_often_as_it_says(n: int) -> None:
    held = tried = 0
    for seed in range(1000):
        rows, target = _sample(seed, n, 4, 2.0)
        found = fit_temperature(rows, target)
        if found.inside:
            interval = mean_interval(np.log(found.value) + n * found.influence, 0.95)
            assert interval is not None
            tried += 1
            held += interval.low <= np.log(2.0) <= interval.high
    assert held / tried >= 0.92
