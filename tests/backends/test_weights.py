"""Digests, sizes and parameter counts of model folders, read without torch."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from evalkit.backends import weights
from tests import models

DIGESTS = (weights.model_digest, weights.weights_digest, weights.tokenizer_digest, weights.template_digest)


def shard(path: Path, tensors: dict[str, list[int]]) -> None:
    """A safetensors file of float32 zeros, written by hand: length, header, numbers."""
    header, offset = {}, 0
    for name, shape in tensors.items():
        size = 4
        for each in shape:
            size *= each
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(offset))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model folder in two shards, without a model."""
    shard(tmp_path / "model-00001-of-00002.safetensors", {"a": [2, 3], "scalar": []})
    shard(tmp_path / "model-00002-of-00002.safetensors", {"b": [5]})
    (tmp_path / weights.INDEX).write_text('{"weight_map": {}}', encoding="utf-8")
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    (tmp_path / "tokenizer.json").write_text("{}", encoding="utf-8")
    (tmp_path / "chat_template.jinja").write_text("{{ messages }}", encoding="utf-8")
    return tmp_path


def test_parameters_and_bytes_are_those_of_the_files(folder: Path) -> None:
    assert weights.parameter_count(folder) == 6 + 1 + 5
    assert weights.size_in_bytes(folder) == sum(each.stat().st_size for each in folder.glob("*.safetensors"))


def test_parameters_are_those_of_torch(tmp_path: Path) -> None:
    import transformers

    for shape in models.SHAPES:
        saved = models.save_classifier(tmp_path / shape, shape)
        model = transformers.AutoModelForSequenceClassification.from_pretrained(saved)
        assert weights.parameter_count(saved) == sum(each.numel() for each in model.parameters())


def test_one_whole_file_is_what_is_loaded_and_counted(folder: Path) -> None:
    shard(folder / "model.safetensors", {"a": [7]})
    assert weights.parameter_count(folder) == 7
    assert weights.size_in_bytes(folder) == (folder / "model.safetensors").stat().st_size


@pytest.mark.parametrize(
    ("name", "moved"),
    [
        ("model-00002-of-00002.safetensors", {"model", "weights"}),
        (weights.INDEX, {"model", "weights"}),
        ("config.json", {"model", "weights"}),
        ("tokenizer.json", {"model", "tokenizer"}),
        ("sentencepiece.bpe.model", {"model", "tokenizer"}),
        ("chat_template.jinja", {"model", "template"}),
        # It names the tokens that end a text.
        ("generation_config.json", {"model"}),
        ("README.md", set()),
    ],
)
def test_each_file_moves_the_digests_that_it_belongs_to(folder: Path, name: str, moved: set[str]) -> None:
    names = ("model", "weights", "tokenizer", "template")
    before = [digest(folder) for digest in DIGESTS]
    path = folder / name
    path.write_bytes((path.read_bytes() if path.exists() else b"") + b" ")
    after = [digest(folder) for digest in DIGESTS]
    changed = {name for name, one, other in zip(names, before, after, strict=True) if one != other}
    assert changed == moved


def test_a_template_in_the_tokenizers_configuration_has_a_digest(folder: Path) -> None:
    (folder / "chat_template.jinja").unlink()
    path = folder / "tokenizer_config.json"
    seen = []
    for template in ("{{ messages }}", "{{ messages[0] }}", [{"name": "default", "template": "{{ messages }}"}]):
        path.write_text(json.dumps({"chat_template": template, "model_max_length": 9}), encoding="utf-8")
        assert weights.chat_template(folder) == template
        seen.append(weights.template_digest(folder))
    assert len({*seen, None}) == 4
    # Another setting is no other template, and a file of its own wins.
    path.write_text(json.dumps({"chat_template": "{{ messages }}"}), encoding="utf-8")
    assert weights.template_digest(folder) == seen[0]
    (folder / "chat_template.jinja").write_text("{{ messages[0] }}", encoding="utf-8")
    assert weights.template_digest(folder) == seen[1]


def test_another_place_is_the_same_model(folder: Path, tmp_path: Path) -> None:
    before = [digest(folder) for digest in DIGESTS]
    moved = folder.rename(tmp_path.parent / f"{tmp_path.name}-moved")
    assert [digest(moved) for digest in DIGESTS] == before


def test_what_is_not_there_has_no_digest(tmp_path: Path) -> None:
    assert weights.tokenizer_digest(tmp_path) is None
    assert weights.template_digest(tmp_path) is None


@pytest.mark.parametrize(
    "content",
    [b"", b"1234567", struct.pack("<Q", 10**15), struct.pack("<Q", 2) + b"{]", struct.pack("<Q", 2) + b"\xff{"],
)
def test_a_damaged_header_is_named(folder: Path, content: bytes) -> None:
    path = folder / "model-00002-of-00002.safetensors"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=path.name):
        weights.parameter_count(folder)
