"""From hidden states to logits: the output embedding of a loaded model, or the same read from its files alone.

What a model does behind its output embedding (a scale, a soft cap, a bias) is said by its configuration, and tried:
what must come out is what comes out of the model.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalkit.backends import weights
from evalkit.backends.local.abilities import ROUNDING
from evalkit.backends.local.loading import SpecialTokens

if TYPE_CHECKING:
    import torch

UNTRIED = "what it does behind its output embedding cannot be told: its logits do not follow from its hidden states"
NOT_IN_FILES = "its output embedding is not among its files as it is in memory"
# Tensor types of safetensors that are numbers as they stand.
_TYPES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16", "F64": "float64"}
# On an accelerator the whole of an output embedding stays there if it takes no more than this share of what is free.
_SHARE_OF_FREE = 0.25


@dataclass(frozen=True, slots=True)
class After:
    """What comes after the product with the output embedding: scale, then soft cap (cap * tanh(logit / cap))."""

    scale: float = 1.0
    cap: float | None = None

    @classmethod
    def of(cls, config: Any) -> After:
        """As the configurations of Cohere (logit_scale), Granite (logits_scaling, which divides) and Gemma say it."""
        scale = getattr(config, "logit_scale", None)
        divisor = getattr(config, "logits_scaling", None)
        cap = getattr(config, "final_logit_softcapping", None)
        factor = float(scale) if isinstance(scale, int | float) else 1.0
        factor /= float(divisor) if isinstance(divisor, int | float) and divisor else 1.0
        return cls(factor, float(cap) if cap else None)

    def __call__(self, logits: torch.Tensor) -> torch.Tensor:
        if self.scale != 1.0:
            logits = logits * self.scale
        if self.cap is not None:
            logits = (logits / self.cap).tanh_().mul_(self.cap)
        return logits


class Loaded:
    """The output embedding of a model in memory. One that is no plain matrix, as of a model in int8, is asked whole."""

    def __init__(self, model: Any) -> None:
        import torch

        self.module = model.get_output_embeddings()
        self.after = After.of(model.config.get_text_config())
        weight = getattr(self.module, "weight", None)
        plain = type(self.module) is torch.nn.Linear and type(weight) is torch.nn.Parameter
        self.whole = not (plain and weight is not None and weight.is_floating_point())
        self.weight = None if self.whole else weight
        bias = _bias(model)
        self.bias = None if self.whole else bias
        # What a module does not add itself.
        self.added = getattr(model, "final_logits_bias", None) if self.whole else None
        self.words = int(self.weight.shape[0]) if self.weight is not None else _words(self.module)

    def part(self, start: int, stop: int) -> Callable[[torch.Tensor], torch.Tensor]:
        import torch

        if self.weight is None:
            return lambda states: self.after(self._asked(states)[:, start:stop])
        weight, bias = self.weight[start:stop], None if self.bias is None else self.bias[start:stop]
        return lambda states: self.after(torch.nn.functional.linear(states, weight, bias))

    def _asked(self, states: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.module(states)
        return logits if self.added is None else logits + self.added[0].to(logits.device)


class Filed:
    """The output embedding of a model that is not loaded, read from its files a stretch at a time.

    `described` is what `describe` said; the numbers are those that the model has in memory (`dtype`).
    """

    def __init__(self, folder: Path, described: Mapping[str, Any], device: torch.device) -> None:
        import torch

        self.whole, self.device = False, device
        self.after = After(described["after"]["scale"], described["after"]["cap"])
        self.dtype = getattr(torch, described["dtype"])
        tensors = _tensors(folder)
        self.weight = tensors[described["weight"]]
        self.bias = None if described["bias"] is None else tensors[described["bias"]]
        self.words = self.weight.shape[0]
        self.kept: torch.Tensor | None = None
        if device.type == "cuda" and self.weight.bytes <= _SHARE_OF_FREE * torch.cuda.mem_get_info(device)[0]:
            self.kept = self._read(0, self.words)

    def part(self, start: int, stop: int) -> Callable[[torch.Tensor], torch.Tensor]:
        import torch

        weight = self._read(start, stop) if self.kept is None else self.kept[start:stop]
        bias = None
        if self.bias is not None:
            bias = self.bias.flat(start, stop).to(self.device, self.dtype)
        return lambda states: self.after(torch.nn.functional.linear(states, weight, bias))

    def _read(self, start: int, stop: int) -> torch.Tensor:
        return self.weight.rows(start, stop).to(self.device, self.dtype)


def describe(model: Any, kind: str, special: SpecialTokens, folder: Path) -> dict[str, Any] | str:
    """How `Filed` makes this loaded model's logits, as JSON; or why it cannot. Tried on a handful of tokens."""
    head = _found(model)
    if isinstance(head, str):
        return head
    if head.weight is None:
        return "its output embedding is compressed"
    if not comes_out(model, kind, special, head):
        return UNTRIED
    names = _tensors(folder)
    weight = next((name for name in _candidates(model, names) if _is(names[name], head.weight)), None)
    if weight is None:
        return NOT_IN_FILES
    bias = None
    if head.bias is not None:
        bias = next((name for name in names if "bias" in name and _is_bias(names[name], head.bias)), None)
        if bias is None:
            return NOT_IN_FILES
    dtype = str(head.weight.dtype).removeprefix("torch.")
    return {"weight": weight, "bias": bias, "dtype": dtype, "after": asdict(head.after)}


def loaded(model: Any, kind: str, special: SpecialTokens) -> Loaded | str:
    """The projection of a model in memory, tried; or why there is none."""
    head = _found(model)
    if isinstance(head, str):
        return head
    return head if comes_out(model, kind, special, head) else UNTRIED


def _found(model: Any) -> Loaded | str:
    if model.get_output_embeddings() is None:
        return "it has no output embedding"
    return Loaded(model)


def comes_out(model: Any, kind: str, special: SpecialTokens, head: Loaded) -> bool:
    """Whether its logits are, within rounding, what the projection makes of its hidden states, at every place."""
    import torch

    try:
        given: list[torch.Tensor] = []
        handle = model.get_output_embeddings().register_forward_pre_hook(lambda _, inputs: given.append(inputs[0]))
        try:
            with torch.inference_mode():
                ids = torch.tensor([[(7 * number + 11) % head.words for number in range(12)]], device=model.device)
                inputs = {"input_ids": ids}
                if kind == "seq2seq":
                    begun = torch.tensor([list(special.start)], device=model.device)
                    inputs["decoder_input_ids"] = torch.cat([begun, ids[:, :4]], dim=1)
                wanted = model(**inputs, use_cache=False).logits[0].float().log_softmax(-1)
        finally:
            handle.remove()
        with torch.inference_mode():
            made = head.part(0, head.words)(given[0][0]).float().log_softmax(-1)
        furthest = float((made - wanted.to(made.device)).abs().max())
        return furthest <= ROUNDING.get(str(model.dtype), 0.0)
    except Exception:
        # Whatever such a model raises, it does not do as the others do.
        return False


def _bias(model: Any) -> torch.Tensor | None:
    """What is added to the product: by the module itself, or behind it by models that have a buffer for it."""
    own = getattr(model.get_output_embeddings(), "bias", None)
    behind = getattr(model, "final_logits_bias", None)
    found: torch.Tensor | None = own
    if behind is not None and bool(behind.any()):
        found = behind[0] if own is None else own + behind[0]
    return found


def _words(module: Any) -> int:
    """How many logits a module makes that shows no plain matrix."""
    return int(getattr(module, "out_features", 0) or module.weight().shape[0])


# --- files ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tensor:
    """Where a tensor's numbers stand in a safetensors file. Read by hand: a mapped file would fill the memory."""

    path: Path
    offset: int
    bytes: int
    type: str
    shape: tuple[int, ...]

    def rows(self, start: int, stop: int) -> torch.Tensor:
        """Rows of a matrix, in the file's own numbers."""
        return self._read(start, stop, self.shape[1]).view(stop - start, self.shape[1])

    def flat(self, start: int, stop: int) -> torch.Tensor:
        """Numbers of a vector, or of a matrix of one row."""
        return self._read(start, stop, 1)

    def _read(self, start: int, stop: int, width: int) -> torch.Tensor:
        import torch

        dtype = getattr(torch, _TYPES[self.type])
        one = dtype.itemsize * width
        held = bytearray((stop - start) * one)
        with self.path.open("rb") as stream:
            stream.seek(self.offset + start * one)
            if stream.readinto(held) != len(held):
                raise ValueError(f"{self.path.name} is cut off")
        return torch.frombuffer(held, dtype=dtype)


def _tensors(folder: Path) -> dict[str, Tensor]:
    """The tensors in a model's files that are plain numbers, by name."""
    found = {}
    for path in weights.weight_files(folder):
        with path.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            header = json.loads(stream.read(length))
        for name, entry in header.items():
            if name != "__metadata__" and entry["dtype"] in _TYPES:
                start, stop = entry["data_offsets"]
                shape = tuple(entry["shape"])
                found[name] = Tensor(path, 8 + length + start, stop - start, entry["dtype"], shape)
    return found


def _candidates(model: Any, tensors: Mapping[str, Tensor]) -> list[str]:
    """Names that the output embedding may have: its own, that of the input embedding that it is tied to, any other."""
    modules = {id(module): name for name, module in model.named_modules()}
    own = [
        f"{modules.get(id(each), '')}.weight" for each in (model.get_output_embeddings(), model.get_input_embeddings())
    ]
    return sorted(tensors, key=lambda name: (own.index(name) if name in own else len(own), name))


def _is(tensor: Tensor, weight: torch.Tensor) -> bool:
    """Whether a tensor of the files is this matrix in memory: a few rows of it, to the bit."""
    import torch

    if tensor.shape != tuple(weight.shape):
        return False
    words = tensor.shape[0]
    starts = {0, words // 3, words // 2, max(0, words - 8)}
    return all(
        torch.equal(tensor.rows(start, min(words, start + 8)).to(weight.dtype), weight[start : start + 8].cpu())
        for start in sorted(starts)
    )


def _is_bias(tensor: Tensor, bias: torch.Tensor) -> bool:
    import torch

    return math.prod(tensor.shape) == bias.numel() and torch.equal(
        tensor.flat(0, bias.numel()).to(bias.dtype), bias.cpu()
    )
