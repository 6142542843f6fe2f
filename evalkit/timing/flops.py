"""Floating-point operations of a request, counted by PyTorch while it runs; the same on every run of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from evalkit.backends import Backend
from evalkit.specs import ModelSpec
from evalkit.timing.here import runs_here
from evalkit.types import ERRORED, Request

if TYPE_CHECKING:
    import torch

MOST = 8
QUANTIZED = "the weights are quantised ({}), and PyTorch does not count the operations of kernels for such"
UNCOUNTED = "no request ran operators that PyTorch counts: this model does not run in this process"


def chosen(sample: Sequence[Request], rng: np.random.Generator) -> list[Request]:
    """A seeded draw of a few prompts: counting slows every operator down."""
    picked = rng.choice(len(sample), size=min(MOST, len(sample)), replace=False)
    return [sample[index] for index in sorted(picked)]


def count(
    backend: Backend, spec: ModelSpec, requests: Sequence[Request], quantization: str | None = None
) -> dict[str, Any]:
    """Operations by example id, each request alone; an undefined record where nothing could be counted.

    A model that does not run here is asked nothing: its answers cost time or money. Of a quantised one the count would
    be of whatever is left beside its quantised layers.
    """
    if not runs_here(spec):
        return {"undefined": UNCOUNTED}
    if quantization is not None:
        return {"undefined": QUANTIZED.format(quantization)}
    found = {}
    for request in requests:
        before = _retries(backend)
        with _counter() as counter:
            (output,) = backend.run([request])
        operations = counter.get_total_flops()
        # What was begun, broken off and tried again would be counted twice.
        whole = output.status not in ERRORED and _retries(backend) == before
        if operations and whole:
            found[request.example_id] = operations
    return {"by_id": found} if found else {"undefined": UNCOUNTED}


def _retries(backend: Backend) -> int:
    return backend.counts().get("out_of_memory_splits", 0)


def _counter() -> torch.utils.flop_counter.FlopCounterMode:
    import torch
    from torch.utils import flop_counter

    # PyTorch counts the attention kernels of a GPU, and has forgotten that of a CPU.
    missing: dict[Any, Any] = {}
    attention = getattr(torch.ops.aten, "_scaled_dot_product_flash_attention_for_cpu", None)
    if attention is not None and attention not in flop_counter.flop_registry:
        missing[attention] = _attention
    return flop_counter.FlopCounterMode(display=False, custom_mapping=missing)


def _attention(query: Any, key: Any, value: Any, *_: Any, out_shape: Any = None, **__: Any) -> int:
    """Two products of matrices, from the shapes alone."""
    rows, heads, length, width = query
    seen, across = key[2], value[3]
    return int(2 * rows * heads * length * seen * (width + across))
