"""PPI++: the numbers of ppi-python, the limits at which it is a plain mean, and how rows share its error."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.stats.prediction_powered import Powered, powered_mean

Sample = tuple[np.ndarray, np.ndarray, np.ndarray]


def sample(seed: int, n: int, labelled: float = 0.3) -> Sample:
    """Truth, a detector that is right nine times of ten, and which rows were labelled (some, not all)."""
    rng = np.random.default_rng(seed)
    truth = (rng.random(n) < 0.7).astype(float)
    said = np.where(rng.random(n) < 0.9, truth, 1 - truth)
    known = rng.random(n) < labelled
    known[:2] = True
    known[2:4] = False
    return truth, said, known


def published() -> Sample:
    """The counts of oracle G.ppi_mean_lam1: 120 labelled rows and 3000 without a label."""
    truth = np.repeat([1.0, 1.0, 0.0, 0.0, np.nan, np.nan], [97, 1, 9, 13, 2556, 444])
    said = np.repeat([1.0, 0.0, 1.0, 0.0, 1.0, 0.0], [97, 1, 9, 13, 2556, 444])
    return truth, said, ~np.isnan(truth)


def found(*given_sample: np.ndarray, weight: float | None = None) -> Powered:
    powered = powered_mean(*given_sample, weight)
    assert powered is not None
    return powered


def test_the_published_mean_is_met_with_the_best_weight() -> None:
    powered = found(*published())
    # ppi-python divides the spread of all words by one less than their number, so its weight is a little smaller.
    assert powered.value == pytest.approx(0.79576, abs=2e-5)
    assert powered.interval(0.95) == pytest.approx((0.74458, 0.84694), abs=2e-5)
    theirs = found(*published(), weight=powered.weight * 3119 / 3120)
    assert (round(theirs.value, 5), *(round(end, 5) for end in theirs.interval(0.95))) == (0.79576, 0.74458, 0.84694)


@given(seed=st.integers(0, 500), n=st.integers(20, 300))
def test_it_is_the_mean_of_ppi_python(seed: int, n: int) -> None:
    ppi = pytest.importorskip("ppi_py", reason="ppi-python is not installed")
    truth, said, known = sample(seed, n)
    samples = truth[known], said[known], said[~known]
    free = found(truth, said, known)
    assert free.value == pytest.approx(float(np.squeeze(ppi.ppi_mean_pointestimate(*samples))), abs=0.2 / n)
    low, high = ppi.ppi_mean_ci(*samples, alpha=0.05, lam=free.weight)
    assert free.interval(0.95) == pytest.approx((float(np.squeeze(low)), float(np.squeeze(high))))


@given(seed=st.integers(0, 500), n=st.integers(20, 300), weight=st.one_of(st.none(), st.floats(0, 1)))
def test_value_and_variance_are_those_of_the_formula(seed: int, n: int, weight: float | None) -> None:
    truth, said, known = sample(seed, n)
    powered = found(truth, said, known, weight=weight)
    there, rest = known.sum(), (~known).sum()
    residual = truth[known] - powered.weight * said[known]
    assert powered.value == pytest.approx(powered.weight * said[~known].mean() + residual.mean())
    variance = powered.weight**2 * np.var(said[~known]) / rest + np.var(residual) / there
    assert (powered.parts**2).sum() == pytest.approx(variance)
    assert powered.parts.sum() == pytest.approx(0.0, abs=1e-12)


@given(seed=st.integers(0, 500), n=st.integers(20, 200), other=st.floats(0, 1))
def test_no_other_weight_has_less_variance(seed: int, n: int, other: float) -> None:
    truth, said, known = sample(seed, n)
    best, some = found(truth, said, known), found(truth, said, known, weight=other)
    # The best weight takes the spread of all detector's words for both parts, so it is best but for that.
    assert (best.parts**2).sum() <= 1.1 * (some.parts**2).sum() + 1e-12


@given(seed=st.integers(0, 500), n=st.integers(4, 100))
def test_without_trust_or_with_every_label_it_is_the_mean_of_the_labels(seed: int, n: int) -> None:
    truth, said, known = sample(seed, n)
    assert found(truth, said, known, weight=0.0).value == pytest.approx(truth[known].mean())
    whole = found(truth, said, np.ones(n, dtype=bool))
    assert whole.value == pytest.approx(truth.mean())
    assert (whole.parts**2).sum() == pytest.approx(np.var(truth) / n)


@given(seed=st.integers(0, 500), n=st.integers(20, 100), times=st.integers(2, 5))
def test_copies_of_all_rows_change_no_value(seed: int, n: int, times: int) -> None:
    once = sample(seed, n)
    again = found(*(np.tile(each, times) for each in once))
    assert again.value == pytest.approx(found(*once).value)
    assert (again.parts**2).sum() == pytest.approx((found(*once).parts ** 2).sum() / times)


def test_a_detector_of_one_word_or_of_the_opposite_is_not_believed() -> None:
    truth, _, known = sample(1, 100)
    assert found(truth, np.ones(100), known).weight == 0.0
    assert found(truth, 1 - truth, known).weight == 0.0
    assert found(truth, 1 - truth, known).value == pytest.approx(truth[known].mean())


def test_nothing_is_known_without_a_label() -> None:
    assert powered_mean(np.ones(5), np.ones(5), np.zeros(5, dtype=bool)) is None
