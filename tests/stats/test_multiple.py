"""Adjusted p-values: their order, their relations, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from evalkit.stats.multiple import benjamini_hochberg, benjamini_yekutieli, hochberg, holm

ALL = [holm, hochberg, benjamini_hochberg, benjamini_yekutieli]
p_values = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=20).map(np.array)


@pytest.mark.parametrize("adjust", ALL)
@settings(max_examples=15)  # statsmodels takes long over Holm
@given(p=p_values)
def test_adjusting_never_lowers_a_p_value_nor_changes_the_order(adjust, p: np.ndarray) -> None:
    found = adjust(p)
    assert found.shape == p.shape
    assert np.all(found >= p * (1 - 1e-12))
    assert np.all(found <= 1.0)
    order = np.argsort(p, kind="stable")
    assert np.all(np.diff(found[order]) >= -1e-12)


@given(p=p_values)
def test_false_discovery_rates_agree_with_scipy(p: np.ndarray) -> None:
    np.testing.assert_allclose(benjamini_hochberg(p), false_discovery_control(p, method="bh"), atol=1e-12)
    np.testing.assert_allclose(benjamini_yekutieli(p), false_discovery_control(p, method="by"), atol=1e-12)


@settings(max_examples=15)  # statsmodels takes long over Holm
@given(p=p_values)
def test_the_milder_the_promise_the_smaller_the_value(p: np.ndarray) -> None:
    assert np.all(hochberg(p) <= holm(p) + 1e-12)
    assert np.all(benjamini_hochberg(p) <= hochberg(p) + 1e-12)
    assert np.all(holm(p) <= np.minimum(1.0, p * p.size) + 1e-12)


@pytest.mark.parametrize("adjust", ALL)
def test_one_test_needs_no_adjusting_and_none_gives_none(adjust) -> None:
    assert adjust([0.03]).tolist() == [0.03]
    assert adjust([]).size == 0


@pytest.mark.parametrize("adjust", ALL)
@pytest.mark.parametrize("p", [[-0.1], [1.1], [float("nan")]])
def test_what_is_no_p_value_is_refused(adjust, p: list[float]) -> None:
    with pytest.raises(ValueError, match="p-value"):
        adjust(p)
