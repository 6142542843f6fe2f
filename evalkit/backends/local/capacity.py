"""How many tokens an accelerator can hold at once, and whether two models fit side by side: from its memory and the
model's configuration, without trying.

The memory counted with is that of the device, not what happens to be free: the same plan on the same kind of device
makes the same batches. A batch that does not fit all the same is halved (halving.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evalkit.backends import weights
from evalkit.backends.local.kinds import read_config
from evalkit.types import ModelFacts

SIZES = {"float32": 4, "bfloat16": 2, "float16": 2}
# Of the memory that the weights leave: the rest is for the allocator's gaps and for what is not counted here.
SHARE = 0.5
LEAST_TOKENS = 512
# Rows that write have at least about so many tokens; each has logits of the whole vocabulary, three times in float32.
LEAST_ROW = 64
LOGIT_BYTES = 12
# Beside the weights of models that stay loaded: for what they are asked in batches of a CPU.
RESERVE = 2 << 30


def tokens_on(device: str, folder: Path, dtype: str, *, writing: bool) -> int | None:
    """Tokens of the model in `folder` that fit on a device at once; None on a CPU, whose batches are small for other
    reasons. Raises OSError or ValueError when the model's files cannot be read."""
    if not device.startswith("cuda"):
        return None
    import torch

    size = SIZES.get(dtype, 4)
    total = int(torch.cuda.get_device_properties(device).total_memory)
    return most_tokens(
        total, weights.parameter_count(folder) * size, token_bytes(read_config(folder), size, writing=writing)
    )


def token_bytes(config: Mapping[str, Any], size: int, *, writing: bool) -> int:
    """Bytes that one more token takes while it is read, or while it is in the cache of a text that is being written.

    `size` is that of one number. Read: what a layer holds of it (residual, projections, the inner layer). Written: keys
    and values of all layers, and its part of a row's logits.
    """
    text = {**config, **inner} if isinstance(inner := config.get("text_config"), dict) else dict(config)
    hidden = _number(text, "hidden_size", "n_embd", "d_model", otherwise=4096)
    if not writing:
        wide = _number(text, "intermediate_size", "n_inner", "d_ff", "ffn_dim", otherwise=4 * hidden)
        return size * (8 * hidden + 3 * wide)
    layers = _number(text, "num_hidden_layers", "n_layer", "num_layers", otherwise=32)
    heads = _number(text, "num_attention_heads", "n_head", "num_heads", otherwise=32)
    kept = _number(text, "num_key_value_heads", otherwise=heads)
    head = _number(text, "head_dim", "d_kv", otherwise=max(1, hidden // heads))
    # Of a sequence-to-sequence model the decoder keeps what the encoder read as well.
    both = 2 if text.get("is_encoder_decoder") else 1
    vocabulary = _number(text, "vocab_size", otherwise=32_000)
    return 2 * both * layers * kept * head * size + vocabulary * LOGIT_BYTES // LEAST_ROW


def most_tokens(total: int, held: int, token: int) -> int:
    """Tokens that fit beside `held` bytes into `total` bytes at `token` bytes each; a power of two, so that devices
    of nearly the same memory make the same batches."""
    fit = int(max(0, total - held) * SHARE) // max(1, token)
    return max(LEAST_TOKENS, 1 << max(0, fit.bit_length() - 1)) if fit else LEAST_TOKENS


def free_memory(device: str) -> int | None:
    """Bytes that are free now, on the device or in the machine; None where nobody says."""
    if device.startswith("cuda"):
        import torch

        return int(torch.cuda.mem_get_info(device)[0])
    try:
        lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
        return next(int(each.split()[1]) * 1024 for each in lines if each.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError, IndexError):
        return None


def fit_beside(free: int | None, others: Sequence[ModelFacts]) -> bool:
    """Whether models that are still to be loaded here fit into `free` bytes, with half as much again and some more for
    what they are asked. A model behind a server or in a recording takes nothing; one of unknown size does not fit."""
    if free is None:
        return False
    needed = 0
    for each in others:
        if not each.live or each.backend in ("openai", "fake"):
            continue
        if each.parameters is None:
            return False
        needed += each.parameters * SIZES.get(each.dtype or "float32", 4)
    return needed * 3 // 2 + RESERVE <= free


def _number(config: Mapping[str, Any], *names: str, otherwise: int) -> int:
    """The first of these that the configuration gives, which has other names for it in other families."""
    return next((int(each) for name in names if isinstance(each := config.get(name), int) and each > 0), otherwise)
