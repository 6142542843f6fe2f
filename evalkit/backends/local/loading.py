"""Bringing a tokenizer and a model into memory: the right class, safetensors only, no code from the folder."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from evalkit.backends.local import quantize as quantizing
from evalkit.backends.local.kinds import CLASSES, Kind, read_config
from evalkit.backends.local.quantized import own
from evalkit.specs import Quantize

# What comes after the last hidden states, by module. Files of a model that was trained for something else lack it.
BEYOND_THE_STATES = ("pooler", "head")


class LoadError(Exception):
    """Files that are no tokenizer or model: what was said about them."""


def load_tokenizer(folder: Path) -> Any:
    """The folder's tokenizer; it always has a padding token. Raises LoadError."""
    import transformers

    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    except Exception as error:  # tokenizers raises classes of its own
        raise LoadError(str(error)) from error
    if tokenizer.pad_token is None:
        # Padding is masked, so any token will do; the one that ends a text is the custom.
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_encoder(folder: Path, *, dtype: str, device: str, device_map: str | None) -> Any:
    """The folder's model without a head, for its hidden states. Raises LoadError."""
    return _loaded("AutoModel", folder, dtype=dtype, device=device, device_map=device_map, unused=BEYOND_THE_STATES)


def load_model(
    folder: Path,
    kind: Kind,
    tokenizer: Any,
    *,
    dtype: str,
    device: str,
    device_map: str | None,
    quantize: Quantize | None = None,
) -> tuple[Any, SpecialTokens | None]:
    """The folder's model on its device, ready to answer, and its special tokens unless it is a classifier.

    It is quantised on the way where the plan or its own configuration says so.

    Raises LoadError.
    """
    import transformers

    model = _loaded(CLASSES[kind], folder, dtype=dtype, device=device, device_map=device_map, quantize=quantize)
    if kind == "classifier" and model.config.pad_token_id is None:
        # A causal model with a classifying head looks for the last token that is not this.
        model.config.pad_token_id = tokenizer.pad_token_id
    if kind == "classifier":
        return model, None
    special = SpecialTokens.of(tokenizer, model)
    # Its own generation settings are taken away, all but the special tokens: a model must not bring its own sampling
    # or penalties to a comparison, and `generate` fills in from here whatever it is not told.
    model.generation_config = transformers.GenerationConfig()  # type: ignore[no-untyped-call]
    return model, special


def _loaded(
    name: str,
    folder: Path,
    *,
    dtype: str,
    device: str,
    device_map: str | None,
    unused: Sequence[str] = (),
    quantize: Quantize | None = None,
) -> Any:
    """A model of the named class on its device, ready to answer. Only modules called `unused` may lack their weights.

    Raises LoadError.
    """
    import torch
    import transformers

    quantizing.import_loaders()
    # Its bars would fill a CI log; the run has progress of its own.
    transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        placed = _placed(folder, device, device_map)
        with warnings.catch_warnings():
            # A saved sampling flag next to do_sample: false is somebody's oversight, and not used here anyway.
            warnings.simplefilter("ignore", UserWarning)
            model, said = getattr(transformers, name).from_pretrained(
                folder,
                dtype=getattr(torch, dtype),
                use_safetensors=True,
                trust_remote_code=False,
                local_files_only=True,
                output_loading_info=True,
                **placed,
                **quantizing.for_the_loader(quantize),
            )
        if quantize == quantizing.DYNAMIC:
            quantizing.dynamic(model)
        if not placed:
            model.to(device)
        model.eval()
    except Exception as error:  # safetensors raises classes of its own
        raise LoadError(str(error)) from error
    if missing := sorted(each for each in said["missing_keys"] if each.split(".")[0] not in unused):
        # transformers would draw these at random: another model on every load.
        raise LoadError(f"its files lack {', '.join(missing[:3])}")
    if quantize is not None and not quantizing.is_quantized(model):
        raise LoadError(f"it has no layer that quantize: {quantize} can change; leave quantize out")
    return model


def _placed(folder: Path, device: str, device_map: str | None) -> dict[str, Any]:
    """Where transformers is to put the model; nothing where it is moved once it is loaded.

    Weights of a checkpoint that brings its own quantisation are laid out for their device as they are loaded."""
    if device_map is not None:
        return {"device_map": device_map}
    found = own(read_config(folder))
    if found is None:
        return {}
    # It says of every product which numbers it computes in.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    return {"device_map": {"": device}} if find_spec("accelerate") is not None else {}


@dataclass(frozen=True, slots=True)
class SpecialTokens:
    """Token ids that end and fill a text of a model. `start` is what a decoder's text begins with."""

    ends: frozenset[int]
    pad: int
    start: tuple[int, ...]

    @classmethod
    def of(cls, tokenizer: Any, model: Any) -> SpecialTokens:
        """From the model's generation settings and its tokenizer; from its configuration where both are silent.

        The configuration comes last because its defaults are the ids of another vocabulary.
        """
        said = model.generation_config
        ends = {*_ids(said.eos_token_id), *_ids(tokenizer.eos_token_id)} or {
            *_ids(getattr(model.config, "eos_token_id", None))
        }
        pad = (*_ids(tokenizer.pad_token_id), *_ids(said.pad_token_id), *sorted(ends), 0)[0]
        begin = (*_ids(tokenizer.bos_token_id), *_ids(tokenizer.eos_token_id), pad)[0]
        start: tuple[int, ...] = ()
        if getattr(model.config, "is_encoder_decoder", False):
            named = _ids(said.decoder_start_token_id) or _ids(getattr(model.config, "decoder_start_token_id", None))
            start = named[:1] or (begin,)
            # A model of many languages is told which to write in by a first token that is not its own choice.
            start = (*start, *_ids(said.forced_bos_token_id))
        return cls(ends=frozenset(ends), pad=pad, start=start)


def prefix_and_suffix(tokenizer: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """What the tokenizer by its own habit puts before and after a text: a beginning mark for most that have one."""
    bare = _encoded(tokenizer, "a", special=False)
    whole = _encoded(tokenizer, "a", special=True)
    for start in range(len(whole) - len(bare) + 1):
        if whole[start : start + len(bare)] == bare:
            return tuple(whole[:start]), tuple(whole[start + len(bare) :])
    return (), ()


def _encoded(tokenizer: Any, text: str, *, special: bool) -> list[int]:
    return list(tokenizer(text, add_special_tokens=special)["input_ids"])


def _ids(value: Any) -> tuple[int, ...]:
    """Configurations hold one id, a list of them, or nothing."""
    if value is None:
        return ()
    return tuple(int(each) for each in value) if isinstance(value, list | tuple) else (int(value),)
