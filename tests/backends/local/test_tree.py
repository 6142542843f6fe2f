"""Rows that branch: every sequence is in them, once where it is shared, and sees itself alone."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.backends.local.abilities import NONE, abilities
from evalkit.backends.local.tree import Ids, attention, grow
from tests import language_models as lm
from tests.backends.local import asking

# Few different tokens, so that sequences often begin alike, and some are the beginning of others.
SEQUENCES = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=7).map(tuple), min_size=1, max_size=9)


@given(SEQUENCES)
def test_every_sequence_is_found_at_its_places_and_positions(sequences: list[Ids]) -> None:
    tree = grow(sequences)
    for each, places in zip(sequences, tree.places, strict=True):
        assert tuple(tree.tokens[place] for place in places) == each
        assert [tree.positions[place] for place in places] == list(range(len(each)))
    assert tree.deepest == max(map(len, sequences))


@given(SEQUENCES)
def test_a_row_holds_each_beginning_once(sequences: list[Ids]) -> None:
    beginnings = {each[:length] for each in sequences for length in range(1, len(each) + 1)}
    assert len(grow(sequences).tokens) == len(beginnings)


@given(SEQUENCES, st.integers(0, 3))
def test_a_token_attends_to_its_own_sequence_up_to_itself_and_to_nothing_else(
    sequences: list[Ids], padding: int
) -> None:
    import torch

    tree = grow(sequences)
    width = len(tree.tokens) + padding
    seen = attention([tree], width, torch.float32)[0, 0] == 0
    for places in tree.places:
        for at, place in enumerate(places):
            assert torch.nonzero(seen[place])[:, 0].tolist() == sorted(places[: at + 1])
    for place in range(len(tree.tokens), width):
        assert torch.nonzero(seen[place])[:, 0].tolist() == [place]


@given(SEQUENCES, st.randoms())
def test_the_order_of_the_sequences_changes_no_row(sequences: list[Ids], draw: Any) -> None:
    mixed = list(sequences)
    draw.shuffle(mixed)
    assert grow(mixed).tokens == grow(sequences).tokens


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = lm.save_language_model(tmp_path_factory.mktemp("models") / "llama", seed=1)
    built = asking.local(folder)
    asking.answers(built, asking.suite(["A card?"], "choose", choices=("yes", "no")))
    return asking.loaded(built)


def test_a_common_model_can_branch_and_leave_out_places(model: Any) -> None:
    found = abilities(model)
    assert found.branches
    assert found.places
    assert found.reach is None


def test_a_model_that_pays_no_heed_to_the_mask_is_found_out(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    real = model.forward

    def heedless(attention_mask: Any = None, **given: Any) -> Any:
        return real(**given)

    monkeypatch.setattr(model, "forward", heedless)
    found = abilities(model)
    assert not found.branches
    assert found.places


def test_a_model_whose_last_layer_looks_around_is_found_out(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    layer = model.get_output_embeddings()
    real = layer.forward
    monkeypatch.setattr(layer, "forward", lambda hidden: real(hidden + hidden.mean(1, keepdim=True)))
    assert not abilities(model).places


def test_a_model_that_raises_can_do_neither(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(position_ids: Any = None, **given: Any) -> Any:
        raise TypeError("no such argument")

    monkeypatch.setattr(model, "forward", refuse)
    assert abilities(model) == NONE
