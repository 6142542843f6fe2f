"""Packing requests into batches: laws for any sizes and budgets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evalkit.backends.local.batching import Size, pack

SIZES = st.lists(st.builds(Size, rows=st.integers(1, 6), longest=st.integers(1, 50)), max_size=30)


@given(SIZES, st.integers(1, 400))
def test_each_position_is_there_once_and_no_batch_exceeds_the_budget(sizes: list[Size], budget: int) -> None:
    batches = pack(sizes, [str(index) for index in range(len(sizes))], budget)
    assert sorted(index for batch in batches for index in batch) == list(range(len(sizes)))
    for batch in batches:
        cost = max(sizes[index].longest for index in batch) * sum(sizes[index].rows for index in batch)
        assert len(batch) == 1 or cost <= budget


@given(SIZES, st.integers(1, 400), st.randoms())
def test_the_order_of_the_requests_does_not_matter(sizes: list[Size], budget: int, chance: object) -> None:
    keys = [f"{index:02}" for index in range(len(sizes))]
    order = list(range(len(sizes)))
    chance.shuffle(order)  # type: ignore[attr-defined]
    moved = pack([sizes[index] for index in order], [keys[index] for index in order], budget)
    straight = [[keys[index] for index in batch] for batch in pack(sizes, keys, budget)]
    assert [[keys[order[index]] for index in batch] for batch in moved] == straight
