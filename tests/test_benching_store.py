"""What is timed of the cache and the pairs is what a run does: each case holds what came back against what went in."""

from __future__ import annotations

from scripts.benching import store
from scripts.benching.cases import Stopwatch


def test_a_case_of_the_cache_times_its_three_parts() -> None:
    watch = Stopwatch()
    store.collecting(100, 8)(watch)
    assert list(watch.parts) == ["without a cache", "asked and kept", "served"]


def test_a_case_of_the_pairs_times_writing_and_reading() -> None:
    watch = Stopwatch()
    store.storing(50)(watch)
    assert list(watch.parts) == ["pairs written", "pairs read"]
