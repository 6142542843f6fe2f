"""Models that are quantised while they are loaded, as a plan asks for it: with what, where that works, and how.

`int8-dynamic` is PyTorch's own: the weights of every linear layer in int8, activations in 8 bits with one scale for a
whole batch. The others are torchao's, applied by transformers' loader, which leaves the output layer of a language
model as it is: what comes of them is what a checkpoint is that was saved with the same configuration.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

from evalkit.specs import Quantize, TransformersSpec

# What a reader is told. Numbers per group are of a weight's input features.
WORDS: Mapping[Quantize, str] = {
    "int8-dynamic": "int8 dynamic, by torch",
    "torchao:int8wo": "int8 weights, by torchao",
    "torchao:int8dq": "int8 weights, int8 activations by token, by torchao",
    "torchao:intx4wo": "4-bit weights in groups of 32, by torchao",
    "torchao:8da4w": "4-bit weights in groups of 32, int8 activations by token, by torchao",
    "torchao:float8wo": "float8 weights, by torchao",
}
DYNAMIC: Quantize = "int8-dynamic"
# With these, activations are rounded to steps. `int8-dynamic` has one scale for a whole batch; and where each token has
# its own, the last bit of a float, which changes with the shape of a batch, decides between two steps of int8.
IN_STEPS: tuple[Quantize, ...] = (DYNAMIC, "torchao:int8dq", "torchao:8da4w")
GROUP = 32
# Loggers that a first import of torchao makes speak of kernels for other machines.
_TALKATIVE = ("torchao", "torch.utils._pytree")


def problem(spec: TransformersSpec) -> tuple[str, str] | None:
    """What is wrong with the plan's `quantize` here, and what to do; None when nothing is, or when it asks for none."""
    name = spec.quantize
    if name is None:
        return None
    if spec.device_map is not None:
        return f"the plan gives both quantize: {name} and device_map", "leave one of them out"
    if name != DYNAMIC:
        if find_spec("torchao") is None:
            return (
                f"quantize: {name} needs the package torchao, which is not installed",
                "pip install 'evalkit[torchao]'",
            )
        return None
    if spec.device not in ("auto", "cpu"):
        return f"quantize: {name} has kernels for a CPU only, and the plan says device: {spec.device}", (
            "write device: cpu, or quantize: torchao:int8dq"
        )
    if spec.dtype not in ("auto", "float32"):
        return f"quantize: {name} computes from float32, and the plan says dtype: {spec.dtype}", "leave dtype out"
    if not _torch_can():
        return (
            f"this PyTorch ({version('torch')}) has no kernels for quantize: {name}",
            "write quantize: torchao:int8dq",
        )
    return None


def settings(spec: TransformersSpec) -> dict[str, Any]:
    """What of it can change an answer, for a model's key; nothing where nothing is quantised."""
    if spec.quantize is None:
        return {}
    if spec.quantize == DYNAMIC:
        import torch

        # Engines round differently, and which one there is depends on the processor.
        return {"quantize": spec.quantize, "quantize_with": str(torch.backends.quantized.engine)}
    return {"quantize": spec.quantize, "quantize_with": f"torchao {version('torchao')}"}


def for_the_loader(name: Quantize | None) -> dict[str, Any]:
    """What transformers' `from_pretrained` is given so that it quantises; nothing where it does not have to."""
    if name is None or name == DYNAMIC:
        return {}
    import transformers

    import_loaders()
    return {"quantization_config": transformers.TorchAoConfig(_torchao(name))}


def dynamic(model: Any) -> None:
    """Put int8 layers in the place of a float32 model's linear ones, in place."""
    import torch

    with warnings.catch_warnings():
        # PyTorch announces that this will move to torchao, whose kernels for it are slower on a CPU, and that the
        # tensors that hold the weights meanwhile will go.
        warnings.filterwarnings("ignore", message="torch.ao.quantization is deprecated", category=DeprecationWarning)
        warnings.filterwarnings("ignore", message="torch.quantize_per_tensor", category=UserWarning)
        torch.ao.quantization.quantize_dynamic(  # type: ignore[no-untyped-call]
            model, {torch.nn.Linear}, dtype=torch.qint8, inplace=True
        )


def import_loaders() -> None:
    """Load transformers' own quantisers, and with them torchao where it is installed, in silence."""
    with _quiet():
        import transformers.quantizers.auto  # noqa: F401


def is_quantized(model: Any) -> bool:
    """Whether any layer of a model that was quantised while it was loaded is: some have none that could be."""
    from torch.ao.nn.quantized.dynamic import Linear
    from torch.utils._python_dispatch import is_traceable_wrapper_subclass

    return any(isinstance(each, Linear) for each in model.modules()) or any(
        is_traceable_wrapper_subclass(each) for each in model.parameters()
    )


def _torch_can() -> bool:
    import torch

    there = find_spec("torch.ao") is not None and find_spec("torch.ao.quantization") is not None
    return there and torch.backends.quantized.engine != "none"


def _torchao(name: Quantize) -> Any:
    import torch
    from torchao import quantization
    from torchao.quantization.granularity import PerGroup

    # torch's own type stubs do not know it.
    four_bits = getattr(torch, "int4")  # noqa: B009
    match name:
        case "torchao:int8wo":
            return quantization.Int8WeightOnlyConfig(set_inductor_config=False)
        case "torchao:int8dq":
            return quantization.Int8DynamicActivationInt8WeightConfig(set_inductor_config=False)
        case "torchao:intx4wo":
            return quantization.IntxWeightOnlyConfig(weight_dtype=four_bits, granularity=PerGroup(GROUP))
        case "torchao:8da4w":
            return quantization.Int8DynamicActivationIntxWeightConfig(
                weight_dtype=four_bits, weight_granularity=PerGroup(GROUP)
            )
        case "torchao:float8wo":
            return quantization.Float8WeightOnlyConfig(set_inductor_config=False)
        case _:
            raise ValueError(f"{name} is none of torchao's")


@contextmanager
def _quiet() -> Iterator[None]:
    """Within it, only errors of these loggers are heard: what is missing and needed is raised, not logged."""
    loggers = [logging.getLogger(each) for each in _TALKATIVE]
    before = [each.level for each in loggers]
    for each in loggers:
        each.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for each, level in zip(loggers, before, strict=True):
            each.setLevel(level)
