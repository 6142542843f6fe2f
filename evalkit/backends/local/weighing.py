"""What the weights of a quantised model amount to, whatever they are kept in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalkit.backends.local.kinds import CLASSES, kind_of, read_config

if TYPE_CHECKING:
    import torch


def loaded_bytes(model: Any) -> int:
    """Bytes of all weights of a model as they are in memory, each once: parameters, the buffers that are saved with
    them, and what quantised layers keep of theirs (numbers, scales, zero points).

    To be asked before the first forward pass: some kernels lay their weights out anew in it."""
    seen: set[int] = set()
    total = 0
    # keep_vars: a weight that two layers share is then one object under two names.
    for value in model.state_dict(keep_vars=True).values():
        if id(value) not in seen:
            seen.add(id(value))
            total += sum(each.numel() * each.element_size() for each in _plain(value))
    return total


def parameters_of(folder: Path) -> int | None:
    """Parameters of the model that a configuration describes, each once, without its weights: files of packed ones
    hold several in a number, and scales besides. None where the configuration describes no model that answers."""
    import torch
    import transformers

    kind = kind_of(read_config(folder))
    if kind is None:
        return None
    try:
        config = transformers.AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
        with torch.device("meta"):
            model = getattr(transformers, CLASSES[kind]).from_config(config, trust_remote_code=False)
    except Exception:  # whatever is wrong with it is told when the model is loaded
        return None
    return sum(int(each.numel()) for each in model.parameters())


def _plain(value: Any) -> Iterator[torch.Tensor]:
    """The plain tensors that a value of a state dict is made of; nothing for what is no tensor."""
    import torch
    from torch.utils._python_dispatch import is_traceable_wrapper_subclass

    if isinstance(value, (tuple, list)):
        for each in value:
            yield from _plain(each)
    elif isinstance(value, torch.Tensor):
        whole: Any = value
        if is_traceable_wrapper_subclass(whole):
            names, _ = whole.__tensor_flatten__()
            yield from _plain([getattr(whole, name) for name in names])
            return
        yield value
        if value.is_quantized and value.qscheme() in (torch.per_channel_affine, torch.per_channel_symmetric):
            yield from (value.q_per_channel_scales(), value.q_per_channel_zero_points())
