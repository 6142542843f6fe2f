"""A share corrected by the detector's errors: limits, references, and what cannot be corrected."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from evalkit.stats.detector import lang_reiczigel, rogan_gladen

KNOWN = (92, 100, 145.5, 150)


def test_the_published_interval_of_lang_and_reiczigel() -> None:
    found = lang_reiczigel(40, 500, *KNOWN, 0.95)
    assert found == pytest.approx((0.009936, 0.094777), abs=1e-6)


@given(n=st.integers(5, 400), data=st.data())
def test_a_detector_that_never_errs_is_believed(n: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, n))
    found = rogan_gladen(hits, n, 50, 50, 50, 50)
    assert found is not None
    assert found[0] == pytest.approx(hits / n)
    assert found[1] == pytest.approx(math.sqrt(hits / n * (1 - hits / n) / n))
    # With a great sample of known truth the interval is Agresti and Coull's.
    wide = lang_reiczigel(hits, n, 10**9, 10**9, 10**9, 10**9, 0.95)
    low, high = proportion_confint(hits, n, method="agresti_coull")
    assert wide == pytest.approx((max(0.0, float(low)), min(1.0, float(high))), abs=1e-6)


@given(
    n=st.integers(20, 400),
    share=st.floats(0, 1),
    sensitivity=st.floats(0.7, 1),
    specificity=st.floats(0.7, 1),
)
def test_what_a_detector_would_count_is_taken_back(
    n: int, share: float, sensitivity: float, specificity: float
) -> None:
    counted = share * sensitivity + (1 - share) * (1 - specificity)
    found = rogan_gladen(round(counted * 10**6), 10**6, sensitivity * n, n, specificity * n, n)
    assert found is not None
    assert found[0] == pytest.approx(share, abs=1e-5)


@given(hits=st.integers(0, 300), level=st.sampled_from([0.8, 0.9, 0.95]))
def test_the_interval_widens_with_the_level_and_narrows_with_what_is_known(hits: int, level: float) -> None:
    few = lang_reiczigel(hits, 300, 46, 50, 48, 50, level)
    more = lang_reiczigel(hits, 300, 46, 50, 48, 50, 0.99)
    assert few is not None
    assert more is not None
    assert 0.0 <= more.low <= few.low <= few.high <= more.high <= 1.0 or math.isclose(more.low, few.low, abs_tol=0.05)


def test_yes_and_no_in_each_others_place_mirror_the_interval() -> None:
    there = lang_reiczigel(80, 300, 46, 50, 52, 60, 0.9)
    back = lang_reiczigel(220, 300, 52, 60, 46, 50, 0.9)
    assert there is not None
    assert back is not None
    assert there == pytest.approx((1 - back.high, 1 - back.low))


@pytest.mark.parametrize(
    "counts",
    [(0, 0, 5, 5, 5, 5), (1, 9, 0, 0, 5, 5), (1, 9, 5, 5, 0, 0), (1, 9, 2, 5, 3, 5), (1, 9, 1, 5, 1, 5)],
)
def test_nothing_known_or_a_detector_no_better_than_chance_corrects_nothing(counts: tuple[int, ...]) -> None:
    assert rogan_gladen(*counts) is None
    assert lang_reiczigel(*counts, 0.9) is None


def test_impossible_counts_are_refused() -> None:
    for counts in ((6, 5, 1, 2, 1, 2), (1, 2, 3, 2, 1, 2), (1, 2, 1, 2, -1, 2)):
        with pytest.raises(ValueError, match="do not fit"):
            rogan_gladen(*counts)
