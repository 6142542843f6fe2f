"""Which bytes a local model is made of: digests, sizes and parameter counts, read without torch."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable
from math import prod
from pathlib import Path
from typing import Any

from evalkit.files import digest_tree, digest_value

TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "tokenizer.model",
    "spiece.model",
    "spm.model",
    "sentencepiece.bpe.model",
    "bpe.codes",
)
TEMPLATE_FILES = ("chat_template.jinja", "chat_template.json")
# Which shard holds which tensor.
INDEX = "model.safetensors.index.json"


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a model folder, in order of name."""
    return sorted(folder.glob("*.safetensors"))


def weights_digest(folder: Path) -> str:
    """Of the weights and the configuration that says how to read them."""
    names = [*(each.name for each in weight_files(folder)), INDEX, "config.json"]
    return digest_tree(folder, _present(folder, names))


def tokenizer_digest(folder: Path) -> str | None:
    """Of the tokenizer's files; None when the folder has none."""
    names = _present(folder, TOKENIZER_FILES)
    return digest_tree(folder, names) if names else None


def chat_template(folder: Path) -> Any:
    """The model's own chat template as text, or a mapping or list of several; None when it has none.

    A file of its own wins over the tokenizer's configuration, as in transformers. Raises ValueError for damaged JSON.
    """
    if (own := folder / "chat_template.jinja").is_file():
        return own.read_text(encoding="utf-8")
    for name in ("chat_template.json", "tokenizer_config.json"):
        if (path := folder / name).is_file():
            held = json.loads(path.read_text(encoding="utf-8"))
            if isinstance(held, dict) and held.get("chat_template"):
                return held["chat_template"]
    return None


def template_digest(folder: Path) -> str | None:
    """Of the chat template, wherever it stands; None when the model has none of its own."""
    found = chat_template(folder)
    return None if found is None else digest_value(found)


def model_digest(folder: Path) -> str:
    """Of every file that can change an answer: weights, configurations, tokenizer, template."""
    configurations = ("config.json", "generation_config.json")
    every = [*(each.name for each in weight_files(folder)), INDEX, *configurations, *TOKENIZER_FILES, *TEMPLATE_FILES]
    return digest_tree(folder, _present(folder, every))


def size_in_bytes(folder: Path) -> int:
    """Bytes of the weight files on disk."""
    return sum(each.stat().st_size for each in _loaded(folder))


def parameter_count(folder: Path) -> int:
    """Numbers stored in the weight files, by their headers. Raises ValueError for a damaged header."""
    return sum(prod(shape) for path in _loaded(folder) for shape in _shapes(path))


def _loaded(folder: Path) -> list[Path]:
    """Those that are read when the model is: one whole file wins over whatever lies beside it."""
    whole = folder / "model.safetensors"
    return [whole] if whole.is_file() else weight_files(folder)


def _shapes(path: Path) -> Iterable[list[int]]:
    # The format: eight bytes of length, then that much JSON (name -> dtype, shape, offsets).
    with path.open("rb") as stream:
        prefix = stream.read(8)
        if len(prefix) < 8:
            raise ValueError(f"{path.name} is cut off")
        (length,) = struct.unpack("<Q", prefix)
        if length > path.stat().st_size:
            raise ValueError(f"{path.name} is cut off")
        text = stream.read(length)
    try:
        return [entry["shape"] for name, entry in json.loads(text).items() if name != "__metadata__"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path.name} has a damaged header: {error}") from None


def _present(folder: Path, names: Iterable[str]) -> list[str]:
    return [name for name in names if (folder / name).is_file()]
