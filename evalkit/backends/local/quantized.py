"""Checkpoints that bring their own quantisation: what config.json says of it, and what it takes to load them.

They go through transformers' own loaders. What those need is found here, without loading anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from evalkit.backends.local.quantize import import_loaders


@dataclass(frozen=True, slots=True)
class Own:
    """A checkpoint's own quantisation. `method` is its name in config.json, `words` what a reader is told.

    `mixes_rows`: one row's result depends on its batch, known from the method itself."""

    method: str
    words: str
    mixes_rows: bool = False


@dataclass(frozen=True, slots=True)
class Needs:
    """Modules that a method's loader imports, with the name that installs each; and whether it runs on a GPU only."""

    modules: tuple[tuple[str, str], ...]
    gpu: bool = False


_ACCELERATE = ("accelerate", "accelerate")
NEEDS: Mapping[str, Needs] = {
    "torchao": Needs((("torchao", "'evalkit[torchao]'"),)),
    "bitsandbytes": Needs((("bitsandbytes", "bitsandbytes"), _ACCELERATE)),
    "gptq": Needs((("optimum", "optimum"), ("gptqmodel", "gptqmodel"))),
    "awq": Needs((("gptqmodel", "gptqmodel"), _ACCELERATE)),
    "auto-round": Needs((("auto_round", "auto-round"),)),
    "compressed-tensors": Needs((("compressed_tensors", "compressed-tensors"),)),
    "fp8": Needs((_ACCELERATE,)),
    "mxfp8": Needs((_ACCELERATE,)),
    "fbgemm_fp8": Needs((("fbgemm_gpu", "fbgemm-gpu"), _ACCELERATE), gpu=True),
    "hqq": Needs((("hqq", "hqq"),)),
    "quanto": Needs((("optimum", "optimum"), ("optimum.quanto", "optimum-quanto"), _ACCELERATE)),
    "aqlm": Needs((("aqlm", "'aqlm[gpu,cpu]'"), _ACCELERATE)),
    "eetq": Needs((("kernels", "kernels"), _ACCELERATE), gpu=True),
    "higgs": Needs((("flute", "flute-kernel"), _ACCELERATE), gpu=True),
    "mxfp4": Needs((_ACCELERATE,)),
}


def own(config: Mapping[str, Any]) -> Own | None:
    """What a model's configuration says of its quantisation; None where it says nothing. Raises ValueError for a
    mapping that names no method."""
    said = config.get("quantization_config") or config.get("compression_config")
    if said is None:
        return None
    if not isinstance(said, Mapping):
        raise ValueError("its quantization_config is no mapping")
    method = said.get("quant_method")
    if method is None and (said.get("load_in_8bit") or said.get("load_in_4bit")):
        method = "bitsandbytes"  # older ones do not name it
    if not isinstance(method, str):
        raise ValueError("its quantization_config names no quant_method")
    method = "bitsandbytes" if method.startswith("bitsandbytes") else method
    words = _words(method, said)
    # LLM.int8() keeps a column in 16 bits where any row of the batch has an outlier in it. torchao's configurations are
    # named by what they do; why it matters that activations are rounded is said in quantize.py.
    outliers = method == "bitsandbytes" and bool(said.get("load_in_8bit")) and said.get("llm_int8_threshold", 6.0) != 0
    return Own(method, words, outliers or (method == "torchao" and "DynamicActivation" in words))


def problem(found: Own, device: str) -> tuple[str, str] | None:
    """What a checkpoint's quantisation needs and this machine does not have, and what to do; None when nothing."""
    needs = NEEDS.get(found.method)
    if needs is None:
        return _unknown(found)
    if missing := [name for module, name in needs.modules if not _there(module)]:
        return (
            f"its weights are quantised ({found.words}), and what loads them is not installed: "
            + ", ".join(each.strip("'") for each in missing),
            f"pip install {' '.join(missing)}",
        )
    if needs.gpu and not device.startswith("cuda"):
        return (
            f"its weights are quantised ({found.words}), which runs on a GPU only, and the device is {device}",
            "run it where there is a CUDA device, or name the checkpoint before it was quantised",
        )
    return None


def _unknown(found: Own) -> tuple[str, str] | None:
    """A method that is not in the table is left to transformers, if it has a loader of that name."""
    import_loaders()
    from transformers.quantizers.auto import AUTO_QUANTIZER_MAPPING

    if found.method in AUTO_QUANTIZER_MAPPING:
        return None
    return (
        f'its weights are quantised by "{found.method}", for which transformers has no loader',
        "serve the model and name it as openai:http://host:port/v1#name, or record its outputs",
    )


def _there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # the package around it
        return False


def _words(method: str, said: Mapping[str, Any]) -> str:
    """`4-bit GPTQ`, `8-bit bitsandbytes`, `torchao Int8WeightOnly`: as far as the configuration tells."""
    if method == "bitsandbytes":
        if not said.get("load_in_4bit"):
            return "8-bit bitsandbytes"
        numbers = said.get("bnb_4bit_quant_type")
        return "4-bit bitsandbytes" + (f" ({numbers})" if isinstance(numbers, str) else "")
    if method in ("gptq", "awq"):
        bits = said.get("bits", said.get("w_bit"))
        return f"{bits}-bit {method.upper()}" if isinstance(bits, int) else method.upper()
    if method == "torchao":
        kind = said.get("quant_type")
        inner = kind.get("default") if isinstance(kind, Mapping) else None
        name = inner.get("_type") if isinstance(inner, Mapping) else None
        return f"torchao {name.removesuffix('Config')}" if isinstance(name, str) else "torchao"
    if method == "compressed-tensors" and isinstance(said.get("format"), str):
        return f"compressed-tensors ({said['format']})"
    return method
