"""Distances between distributions against scipy, and their bounds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.special import log_softmax, rel_entr, softmax

from evalkit.stats.distance import (
    acceptance_rows,
    js_rows,
    kl_rows,
    log_softmax_rows,
    softmax_rows,
    topk_overlap_rows,
    total_variation_rows,
)


def _rows(seed: int, n: int, k: int, zeros: bool) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(2, n, k)) * 4
    if zeros:
        logits[rng.random(logits.shape) < 0.3] = -np.inf
        logits[..., 0] = 1.0
    return softmax_rows(logits[0]), softmax_rows(logits[1])


rows = st.builds(_rows, st.integers(0, 10_000), st.integers(1, 8), st.integers(1, 12), st.booleans())


@given(pair=rows)
def test_divergences_agree_with_scipy(pair) -> None:
    p, q = pair
    np.testing.assert_allclose(kl_rows(p, q), rel_entr(p, q).sum(axis=1), atol=1e-12)
    np.testing.assert_allclose(js_rows(p, q), jensenshannon(p, q, axis=1) ** 2, atol=1e-7)


@given(pair=rows)
def test_distances_keep_their_bounds(pair) -> None:
    p, q = pair
    assert np.all(kl_rows(p, q) >= 0.0)
    assert np.all((js_rows(p, q) >= 0.0) & (js_rows(p, q) <= np.log(2.0)))
    assert np.all((total_variation_rows(p, q) >= 0.0) & (total_variation_rows(p, q) <= 1.0))
    # Pinsker's inequality ties the two together.
    assert np.all(total_variation_rows(p, q) <= np.sqrt(kl_rows(p, q) / 2) + 1e-9)


@given(pair=rows)
def test_equal_rows_have_no_distance(pair) -> None:
    p, _ = pair
    for distance in (kl_rows, js_rows, total_variation_rows):
        np.testing.assert_allclose(distance(p, p), 0.0, atol=1e-12)
    assert np.all(topk_overlap_rows(p, p, p.shape[1]) == 1.0)


@given(pair=rows)
def test_the_symmetric_distances_are_symmetric(pair) -> None:
    p, q = pair
    np.testing.assert_allclose(js_rows(p, q), js_rows(q, p), atol=1e-15)
    np.testing.assert_allclose(total_variation_rows(p, q), total_variation_rows(q, p), atol=1e-15)


def test_a_class_that_only_the_teacher_gives_is_infinitely_far_one_way() -> None:
    p, q = np.array([[0.5, 0.5]]), np.array([[1.0, 0.0]])
    assert kl_rows(p, q)[0] == np.inf
    assert kl_rows(q, p)[0] == pytest.approx(np.log(2.0))


def test_rows_without_a_common_class_are_as_far_apart_as_can_be() -> None:
    p, q = np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])
    assert js_rows(p, q)[0] == pytest.approx(np.log(2.0))
    assert total_variation_rows(p, q)[0] == 1.0
    assert topk_overlap_rows(p, q, 1)[0] == 0.0


def test_ties_at_the_top_go_to_the_lowest_class() -> None:
    tied, second = np.array([[0.4, 0.4, 0.2]]), np.array([[0.0, 1.0, 0.0]])
    assert topk_overlap_rows(tied, second, 1)[0] == 0.0
    assert topk_overlap_rows(tied, second, 2)[0] == 1.0


def test_huge_and_half_precision_logits_do_not_overflow() -> None:
    probs = softmax_rows(np.array([[1e4, 0.0], [60000.0, 60000.0]], dtype=np.float32))
    assert probs.dtype == np.float64
    np.testing.assert_allclose(probs, [[1.0, 0.0], [0.5, 0.5]])


def test_different_supports_have_no_distance() -> None:
    for distance in (kl_rows, js_rows, total_variation_rows, acceptance_rows):
        with pytest.raises(ValueError, match="supports"):
            distance(np.ones((2, 3)) / 3, np.ones((2, 4)) / 4)
    with pytest.raises(ValueError, match="do not exist"):
        topk_overlap_rows(np.ones((1, 3)) / 3, np.ones((1, 3)) / 3, 4)


@given(pair=rows)
def test_each_row_may_have_a_k_of_its_own(pair) -> None:
    p, q = pair
    k = np.random.default_rng(p.size).integers(1, p.shape[1] + 1, size=len(p))
    alone = [topk_overlap_rows(p[at : at + 1], q[at : at + 1], int(each))[0] for at, each in enumerate(k)]
    np.testing.assert_array_equal(topk_overlap_rows(p, q, k), alone)
    k[0] = p.shape[1] + 1
    with pytest.raises(ValueError, match="do not exist"):
        topk_overlap_rows(p, q, k)


@given(pair=rows, size=st.integers(1, 12))
def test_columns_beyond_the_tokenizer_are_cut_before_the_softmax(pair, size: int) -> None:
    logits = np.log(pair[0] + 1e-9)
    if size > logits.shape[1]:
        for function in (softmax_rows, log_softmax_rows):
            with pytest.raises(ValueError, match="cannot be cut"):
                function(logits, size=size)
        return
    np.testing.assert_allclose(softmax_rows(logits, size=size), softmax(logits[:, :size], axis=1), atol=1e-14)
    np.testing.assert_allclose(log_softmax_rows(logits, size=size), log_softmax(logits[:, :size], axis=1), atol=1e-12)


def test_padded_vocabularies_of_two_lengths_can_be_compared_once_cut() -> None:
    rng = np.random.default_rng(0)
    teacher, student = rng.normal(size=(2, 32)), rng.normal(size=(2, 48))
    with pytest.raises(ValueError, match="supports"):
        kl_rows(softmax_rows(teacher), softmax_rows(student))
    found = kl_rows(softmax_rows(teacher, size=30), softmax_rows(student, size=30))
    np.testing.assert_allclose(found, kl_rows(softmax_rows(teacher[:, :30]), softmax_rows(student[:, :30])))


@pytest.mark.parametrize("row", [[-np.inf, -np.inf], [np.inf, 0.0], [np.nan, 0.0]])
def test_a_row_without_a_largest_logit_has_no_probabilities(row: list[float]) -> None:
    for function in (softmax_rows, log_softmax_rows):
        with pytest.raises(ValueError, match="no largest finite one"):
            function([row])


def test_the_logarithm_keeps_what_the_probability_rounds_away() -> None:
    assert softmax_rows([[0.0, -2000.0]])[0, 1] == 0.0
    assert log_softmax_rows([[0.0, -2000.0]])[0, 1] == -2000.0
    assert log_softmax_rows([[0.0, -np.inf]])[0, 1] == -np.inf
