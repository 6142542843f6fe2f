"""How much fits on a device: from its memory and the model's configuration, with no device at hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.backends.local.capacity import LEAST_TOKENS, RESERVE, fit_beside, free_memory, most_tokens, token_bytes
from evalkit.types import ModelFacts

GIB = 1 << 30
# Llama 2 7B, by its published configuration.
LLAMA = {
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 32,
    "vocab_size": 32000,
}
FACTS = ModelFacts(
    name="m", backend="transformers", digest="sha256:m", live=True, parameters=1_000_000_000, dtype="bfloat16"
)


def test_a_written_token_keeps_keys_and_values_of_every_layer() -> None:
    # 2 (keys, values) x 32 layers x 4096 numbers x 2 bytes = 512 KiB, the figure that everybody gives for this model.
    logits = 32_000 * 12 // 64
    assert token_bytes(LLAMA, 2, writing=True) == 512 * 1024 + logits
    grouped = {**LLAMA, "num_key_value_heads": 8}
    assert token_bytes(grouped, 2, writing=True) == 128 * 1024 + logits


@pytest.mark.parametrize("writing", [True, False])
def test_a_model_of_text_and_pictures_is_measured_by_its_text_part(writing: bool) -> None:
    assert token_bytes({"text_config": LLAMA, "hidden_size": 64}, 2, writing=writing) == token_bytes(
        LLAMA, 2, writing=writing
    )


def test_other_families_call_their_sizes_otherwise() -> None:
    gpt2 = {"n_embd": 768, "n_layer": 12, "n_head": 12, "vocab_size": 50257}
    named = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "vocab_size": 50257}
    for writing in (True, False):
        assert token_bytes(gpt2, 4, writing=writing) == token_bytes(named, 4, writing=writing)


@given(st.integers(0, 200 * GIB), st.integers(0, 200 * GIB), st.integers(1, 10_000_000), st.integers(1, 10_000_000))
def test_more_memory_never_means_fewer_tokens(total: int, held: int, token: int, more: int) -> None:
    found = most_tokens(total, held, token)
    assert found >= LEAST_TOKENS
    assert found & (found - 1) == 0
    # Beyond the least, what was promised fits.
    assert found == LEAST_TOKENS or found * token <= total - held
    assert most_tokens(total + more, held, token) >= found
    assert most_tokens(total, held + more, token) <= found
    assert most_tokens(total, held, token + more) <= found


def test_a_small_card_takes_few_texts_at_once_and_a_large_one_many() -> None:
    weights, token = 14 * GIB, token_bytes(LLAMA, 2, writing=True)
    assert [most_tokens(size * GIB, weights, token) for size in (16, 24, 80)] == [1024, 8192, 65536]


def test_models_fit_beside_each_other_where_there_is_room_for_half_as_much_again() -> None:
    needed = 3 * 1_000_000_000 + RESERVE
    assert fit_beside(needed, [FACTS])
    assert not fit_beside(needed - 1, [FACTS])
    assert not fit_beside(needed, [FACTS, FACTS])
    assert not fit_beside(needed, [replace(FACTS, dtype="float32")])


def test_what_is_loaded_elsewhere_takes_no_room_and_what_is_of_unknown_size_does_not_fit() -> None:
    away = [replace(FACTS, live=False), replace(FACTS, backend="openai", parameters=None)]
    assert fit_beside(RESERVE, away)
    assert not fit_beside(10**15, [replace(FACTS, parameters=None)])
    assert not fit_beside(None, [])


def test_the_machine_says_how_much_is_free() -> None:
    free = free_memory("cpu")
    assert free is None or free > 1 << 20
