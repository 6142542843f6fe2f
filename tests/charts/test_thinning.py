"""Thinned lines keep their ends and lose nothing where there is little to lose."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from evalkit.charts.thinning import thinned

rising = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=200, unique=True).map(sorted)


@given(rising, st.integers(2, 50))
def test_the_ends_stay_and_no_more_than_most_are_kept(along: list[float], most: int) -> None:
    kept = thinned(along, most).tolist()
    assert kept == sorted(set(kept))
    assert (kept[0], kept[-1]) == (0, len(along) - 1)
    assert len(kept) <= most


@given(rising)
def test_few_points_are_all_kept(along: list[float]) -> None:
    assert thinned(along, len(along)).tolist() == list(range(len(along)))


def test_what_is_kept_is_evenly_spaced() -> None:
    kept = thinned(np.arange(1, 10_001) / 10_000, 101)
    assert len(kept) == 101
    gaps = np.diff(kept)
    assert (gaps.min(), gaps.max()) == (99, 100)
