"""Which bytes a local model is made of: digests, sizes and parameter counts, read without torch."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

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
# Dtypes of the format whose numbers are floating, eight bits or more; and bytes of a number in torch's dtypes.
FLOATING = ("F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2")
WIDTHS = {"float32": 4, "bfloat16": 2, "float16": 2}
# Bytes of weights that are looked at together: they stay in the processor's cache.
AT_ONCE = 2**20
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
    """Numbers stored in the weight files, by their headers; of packed weights they are no parameters. Raises
    ValueError for a damaged header."""
    return sum(each.count for path in _loaded(folder) for each in _tensors(path))


def size_as(folder: Path, dtype: str) -> int:
    """Bytes of the stored weights once the floating ones among them are in a dtype of torch's. Raises ValueError for a
    damaged header."""
    each_takes = WIDTHS[dtype]
    return sum(
        each.count * (each_takes if each.dtype in FLOATING else each.width)
        for path in _loaded(folder)
        for each in _tensors(path)
    )


def sparsity(folder: Path) -> float | None:
    """Share of zeros among the floating numbers in matrices (and what has more dimensions): 0 to 1; None where there
    are none. Biases and the scales of norms are no weights that anybody prunes.

    Reads every byte, a part at a time. Raises ValueError for a damaged file."""
    zeros = numbers = 0
    for path in _loaded(folder):
        wanted = [each for each in _tensors(path) if len(each.shape) > 1 and each.dtype in FLOATING]
        with path.open("rb") as stream:
            for each in wanted:
                stream.seek(each.start)
                zeros += sum(_zeros(part, each) for part in _parts(stream, each, path.name))
                numbers += each.count
    return zeros / numbers if numbers else None


def _parts(stream: BinaryIO, tensor: _Tensor, name: str) -> Iterator[bytes]:
    left = tensor.count * tensor.width
    while left:
        part = stream.read(min(left, AT_ONCE))
        if not part:
            raise ValueError(f"{name} is cut off")
        left -= len(part)
        yield part


def _zeros(part: bytes, tensor: _Tensor) -> int:
    """A number is zero when every bit but its sign is."""
    import numpy as np

    bits = np.frombuffer(part, dtype=f"<u{tensor.width}")
    # Shifted out, the sign: −0 is zero as well.
    return int(bits.size - np.count_nonzero(bits << np.array(1, dtype=bits.dtype)))


def _loaded(folder: Path) -> list[Path]:
    """Those that are read when the model is: one whole file wins over whatever lies beside it."""
    whole = folder / "model.safetensors"
    return [whole] if whole.is_file() else weight_files(folder)


@dataclass(frozen=True, slots=True)
class _Tensor:
    """One tensor of a file: the format's name of its dtype, bytes of one number, and where in the file it starts."""

    shape: tuple[int, ...]
    dtype: str
    width: int
    start: int

    @property
    def count(self) -> int:
        return prod(self.shape)


def _tensors(path: Path) -> list[_Tensor]:
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
        entries = [entry for name, entry in json.loads(text).items() if name != "__metadata__"]
        return [_tensor(entry, len(prefix) + length) for entry in entries]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path.name} has a damaged header: {error}") from None


def _tensor(entry: Mapping[str, Any], data: int) -> _Tensor:
    shape, dtype = tuple(int(each) for each in entry["shape"]), str(entry["dtype"])
    start, stop = entry["data_offsets"]
    count = prod(shape)
    return _Tensor(shape, dtype, (stop - start) // count if count else 1, data + start)


def _present(folder: Path, names: Iterable[str]) -> list[str]:
    return [name for name in names if (folder / name).is_file()]
