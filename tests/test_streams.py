"""Randomness by name."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from evalkit.streams import stream

NAMES = st.lists(st.text(), max_size=3).map(tuple)


def draws(seed: int, *names: str) -> list[int]:
    return [int(each) for each in stream(seed, *names).integers(0, 2**63, size=4)]


@given(st.integers(min_value=0), NAMES)
def test_the_same_name_gives_the_same_draws(seed: int, names: tuple[str, ...]) -> None:
    assert draws(seed, *names) == draws(seed, *names)


@given(st.integers(min_value=0), st.integers(min_value=0), NAMES, NAMES)
def test_another_seed_or_name_gives_others(
    seed: int, other_seed: int, names: tuple[str, ...], other_names: tuple[str, ...]
) -> None:
    alike = (seed, names) == (other_seed, other_names)
    assert (draws(seed, *names) == draws(other_seed, *other_names)) == alike


def test_names_are_not_run_together() -> None:
    spellings = [(1, "ab", "c"), (1, "a", "bc"), (1, "abc"), (1, "ab", "c", ""), (1, "a|1:b"), (1, "a", "b"), (11,)]
    assert len({tuple(draws(seed, *names)) for seed, *names in spellings}) == len(spellings)  # type: ignore[arg-type]


def test_streams_stay_what_they_were() -> None:
    # A run's seed must mean the same in the next version: its numbers are compared with stored ones.
    assert draws(0, "limit", "intents") == [
        int(each) for each in np.random.default_rng(seed_of("0|5:limit|7:intents")).integers(0, 2**63, size=4)
    ]


def seed_of(text: str) -> int:
    import hashlib

    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big")
