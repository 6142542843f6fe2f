"""Where a model's files are: what cannot be read or downloaded ends in a complaint that names the next step."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from evalkit.backends.local import hub, mistaken
from evalkit.backends.local.folder import Folder
from evalkit.specs import TransformersSpec
from tests import models
from tests.backends.local.locks import as_a_user, lockable

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 268435456\n"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return models.save_classifier(tmp_path_factory.mktemp("saved") / "model")


@pytest.fixture
def model(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "model"))


@pytest.fixture
def open_folder() -> Iterator[Path]:
    with lockable() as folder:
        yield folder


def complaints(model: str | Path) -> list[str]:
    """Everything that is wrong with a model's files, as a gate would tell it."""
    folder = Folder(TransformersSpec(model=str(model)), "student")
    path, complaint = folder.look()
    if complaint is not None:
        return [str(complaint)]
    assert path is not None
    return [str(each) for each in folder.check_files(path)]


# --- pointers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["pytorch_model.bin", "flax_model.msgpack", "training_args.bin", "onnx.onnx", "other.safetensors"]
)
def test_a_pointer_beside_a_whole_model_is_no_matter(model: Path, name: str) -> None:
    (model / name).write_text(POINTER)
    assert complaints(model) == []


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json", "chat_template.jinja"])
def test_a_pointer_in_place_of_a_file_that_is_read_is_named(model: Path, name: str) -> None:
    (model / name).write_text(POINTER)
    (said,) = complaints(model)
    assert f"{name} in {model} is a Git LFS pointer" in said


@pytest.mark.parametrize("name", ["model-00001-of-00001.safetensors", "model.safetensors.index.json"])
def test_a_pointer_in_place_of_a_shard_or_the_index_is_named(model: Path, name: str) -> None:
    (model / "model.safetensors").rename(model / "model-00001-of-00001.safetensors")
    (model / name).write_text(POINTER)
    (said,) = complaints(model)
    assert f"{name} in {model} is a Git LFS pointer" in said


# --- what cannot be read -----------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o000, 0o700, 0o744], ids=["nothing", "its owner's", "names only"])
def test_a_folder_that_may_not_be_read_is_a_complaint(saved: Path, open_folder: Path, mode: int) -> None:
    shutil.copytree(saved, open_folder / "model")
    (open_folder / "model").chmod(mode)
    if mode and os.geteuid() != 0:
        pytest.skip("its owner may read it")
    with as_a_user():
        (said,) = complaints(open_folder / "model")
    assert "cannot be read: permission denied" in said
    assert "help: check the permissions there and above" in said
    (open_folder / "model").chmod(0o755)


def test_a_tokenizer_that_may_not_be_read_is_a_complaint(saved: Path, open_folder: Path) -> None:
    shutil.copytree(saved, open_folder / "model")
    (open_folder / "model" / "tokenizer.json").chmod(0o000)
    with as_a_user():
        (said,) = complaints(open_folder / "model")
    assert f"{open_folder / 'model' / 'tokenizer.json'} cannot be read: permission denied" in said


@pytest.mark.parametrize("kind", ["the model", "its parent"])
def test_a_model_below_a_locked_folder_is_a_complaint(open_folder: Path, kind: str) -> None:
    locked = open_folder / "locked"
    locked.mkdir(mode=0o000)
    with as_a_user():
        (said,) = complaints(locked / "model" if kind == "the model" else locked / "all" / "model")
    assert f"{locked}" in said
    assert "cannot be read: permission denied" in said
    locked.chmod(0o755)


def test_what_else_is_in_a_folder_that_may_not_be_listed_is_not_asked(open_folder: Path) -> None:
    dark = open_folder / "dark"
    dark.mkdir()
    dark.chmod(0o311)
    with as_a_user():
        (said,) = complaints(dark / "model")
        assert mistaken.close_by(dark / "model") is None
    assert f"there is no model folder {dark / 'model'}" in said
    assert f"check the path: what else is in {dark} cannot be listed" in said
    dark.chmod(0o755)


@pytest.mark.parametrize("kind", ["absolute", "relative", "further up"])
def test_a_name_that_is_too_long_is_a_complaint(tmp_path: Path, kind: str) -> None:
    long = "x" * 300
    (said,) = complaints({"absolute": tmp_path / long, "relative": long, "further up": tmp_path / long / "model"}[kind])
    assert "cannot be read: file name too long" in said
    assert "help: check the path" in said


# --- downloads ---------------------------------------------------------------------------------------


class RemoteProtocolError(Exception):
    """As the hub's HTTP library raises it: no OSError."""


@pytest.mark.parametrize(
    "error",
    [RemoteProtocolError("peer closed connection"), ConnectionResetError(104, "reset"), OSError("Consistency check")],
    ids=lambda error: type(error).__name__,
)
def test_a_download_that_breaks_off_is_a_complaint_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    import huggingface_hub

    def breaks(*arguments: object, **options: object) -> str:
        raise error

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(hub, "_silent", lambda name, revision: None)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", breaks)
    (said,) = complaints("org/model")
    assert "as a hub id it cannot be had: the download broke off" in said
    assert "the same command goes on with it" in said


def test_a_full_disk_is_not_taken_for_a_broken_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    def full(*arguments: object, **options: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(hub, "_silent", lambda name, revision: None)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", full)
    (said,) = complaints("org/model")
    assert "it cannot be stored in the cache: No space left on device" in said
