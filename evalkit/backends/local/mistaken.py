"""What stands where a model folder was meant: an adapter, another format, a pointer, a folder one level too high."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

from evalkit.backends import weights
from evalkit.errors import nearest
from evalkit.files import is_pointer

# What is wrong, and what to do about it.
Said = tuple[str, str]

NEEDED = "name the folder that save_pretrained wrote, with config.json, weights and tokenizer"
_ELSEWHERE = (
    "serve it and name it as openai:http://host:port/v1#name, or record its outputs and name them as recorded:FILE"
)
_FORMATS = {
    ".gguf": ("a GGUF file", _ELSEWHERE),
    ".onnx": ("an ONNX file", _ELSEWHERE),
    ".tflite": ("a TensorFlow Lite file", _ELSEWHERE),
    ".mlmodel": ("a Core ML file", _ELSEWHERE),
}
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
_RECORDS = (".jsonl", ".parquet")


def no_model(folder: Path) -> Said | None:
    """What a folder is that cannot be a model's; None when it has what a model needs, or lacks a part of it only."""
    try:
        return _no_model(folder)
    except OSError as error:
        return unread(folder, error)


def unread(path: Path, error: OSError) -> Said:
    """A path that the system will not look at: a part of it is locked, or its name is longer than any can be."""
    where = error.filename if isinstance(error.filename, str | Path) else path
    remedy = "check the path" if error.errno == errno.ENAMETOOLONG else "check the permissions there and above"
    return f"{where} cannot be read: {(error.strerror or str(error)).lower()}", remedy


def _no_model(folder: Path) -> Said | None:
    names = sorted(each.name for each in folder.iterdir())
    if not names:
        return f"{folder} is empty", NEEDED
    whole = [each.name for each in weights.weight_files(folder) if not each.name.startswith("adapter_")]
    if "adapter_config.json" in names and not whole:
        return (
            f"{folder} holds an adapter{_made_for(folder)}, and no whole model",
            "merge it into its base (merge_and_unload, then save_pretrained) and name that folder",
        )
    if pointer := next((name for name in _read(names) if is_pointer(folder / name)), None):
        return f"{pointer} in {folder} is a Git LFS pointer, not the file itself", "run `git lfs pull` there"
    if whole:
        return _missing_shards(folder)
    for suffix, (what, remedy) in _FORMATS.items():
        if found := next((name for name in names if name.endswith(suffix)), None):
            return f"{folder} holds {what} ({found}), and no safetensors weights", remedy
    has = ("config.json" in names, weights.tokenizer_digest(folder) is not None)
    if not any(has) and not pickled(folder):
        if inside := [each for each in sorted(folder.iterdir()) if (each / "config.json").is_file()]:
            # The last of checkpoint-500, checkpoint-1000: the longest name, then the last in order.
            last = max(inside, key=lambda each: (len(each.name), each.name))
            return f"{folder} is no model folder, but holds {len(inside)} of them", f'did you mean "{last}"?'
        return (
            f"{folder} is no model folder: it has no config.json, no safetensors weights and no tokenizer",
            NEEDED + f"; this one holds {', '.join(names[:3])}" + (", …" if len(names) > 3 else ""),
        )
    return None


def a_file(path: Path) -> Said:
    """A file, where a folder was meant."""
    if path.suffix in _FORMATS:
        what, remedy = _FORMATS[path.suffix]
        return f"{path} is {what}, not a model folder", remedy
    if path.suffix in _RECORDS:
        return f"{path} is a file, not a model folder", f"if it holds recorded outputs, write recorded:{path.name}"
    return f"{path} is a file, not a model folder", "name the folder that holds it"


def pickled(folder: Path) -> str | None:
    """The first file of weights that only a pickle reader could open."""
    return next((each.name for each in sorted(folder.iterdir()) if each.suffix in _PICKLES), None)


def close_by(path: Path) -> str | None:
    """The path that was meant, where one slip in one part of it explains why it is not there.

    None as well where the folders on the way cannot be read.
    """
    try:
        return _close_by(path)
    except OSError:
        return None


def _close_by(path: Path) -> str | None:
    parts, here = path.parts, Path(path.parts[0]) if path.is_absolute() else Path()
    for index in range(1 if path.is_absolute() else 0, len(parts)):
        if (here / parts[index]).exists():
            here = here / parts[index]
            continue
        beside = sorted(each.name for each in here.iterdir() if each.is_dir()) if here.is_dir() else []
        said = nearest(parts[index], beside)
        if not said.startswith("did you mean"):
            return None
        meant = here.joinpath(said.split('"')[1], *parts[index + 1 :])
        return str(meant) if meant.exists() else None
    return None


def _read(names: list[str]) -> list[str]:
    """Those of a folder's files that a model is loaded from; what lies beside them may be a pointer for ever."""
    whole = "model.safetensors"
    weighty = [whole] if whole in names else [name for name in names if name.endswith(".safetensors")]
    others = {weights.INDEX, "config.json", "generation_config.json", *weights.TOKENIZER_FILES, *weights.TEMPLATE_FILES}
    return [name for name in names if name in others or name in weighty]


def _made_for(folder: Path) -> str:
    try:
        said: Any = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
        return f" made for {said['base_model_name_or_path']}"
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _missing_shards(folder: Path) -> Said | None:
    """A download that stopped half-way: the index names files that are not there."""
    if (folder / "model.safetensors").is_file() or not (folder / weights.INDEX).is_file():
        return None
    try:
        shards = set(json.loads((folder / weights.INDEX).read_text(encoding="utf-8"))["weight_map"].values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None  # a damaged index is found when the model is loaded
    absent = sorted(each for each in shards if not (folder / str(each)).is_file())
    if not absent:
        return None
    return f"{folder} lacks {len(absent)} of its {len(shards)} weight files ({absent[0]}, …)", "download it again"
