"""Canonical JSON, digests, whole writes."""

from __future__ import annotations

import hashlib
import json
import math
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit import files
from evalkit.files import canonical_json, digest_file, digest_text, digest_tree, digest_value, pretty_json, write_whole

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


def shuffled(value: Any) -> Any:
    """An equal value whose mappings were filled in another order."""
    if isinstance(value, dict):
        return {key: shuffled(value[key]) for key in reversed(value)}
    return [shuffled(each) for each in value] if isinstance(value, list) else value


@given(VALUES)
def test_equal_values_have_one_text_and_one_digest(value: Any) -> None:
    text = canonical_json(value)
    assert canonical_json(shuffled(value)) == text
    assert canonical_json(json.loads(text)) == text
    assert digest_value(value) == digest_value(shuffled(value)) == digest_text(text)


@given(VALUES, VALUES)
def test_different_values_have_different_digests(one: Any, other: Any) -> None:
    assert (digest_value(one) == digest_value(other)) == (canonical_json(one) == canonical_json(other))


@given(st.text())
def test_a_digest_is_sha256_of_utf8_with_its_name(text: str) -> None:
    assert digest_text(text) == "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def test_digests_do_not_change_between_versions() -> None:
    # Stored in manifests and cache keys: another text for the same value would lose both.
    assert canonical_json({"b": [1, 1.5, None, True], "a": "é"}) == '{"a":"é","b":[1,1.5,null,true]}'
    assert digest_value({"b": [1, 1.5, None, True], "a": "é"}) == (
        "sha256:" + hashlib.sha256('{"a":"é","b":[1,1.5,null,true]}'.encode()).hexdigest()
    )


@pytest.mark.parametrize("value", [math.nan, math.inf, [-math.inf]])
@pytest.mark.parametrize("write", [canonical_json, pretty_json])
def test_json_never_holds_nan(value: object, write: Any) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        write(value)


def test_a_tree_is_its_bytes_and_names_and_not_its_place(tmp_path: Path) -> None:
    for root in (tmp_path / "a", tmp_path / "b"):
        (root / "sub").mkdir(parents=True)
        (root / "sub" / "x").write_bytes(b"1")
        (root / "y").write_bytes(b"2")
    (tmp_path / "b" / ".git").mkdir()
    (tmp_path / "b" / ".git" / "HEAD").write_bytes(b"3")
    whole = digest_tree(tmp_path / "a")
    assert digest_tree(tmp_path / "b") == whole == digest_tree(tmp_path / "a", ["y", "sub/x"])
    assert digest_tree(tmp_path / "a", ["y"]) != whole
    (tmp_path / "b" / "y").rename(tmp_path / "b" / "z")
    assert digest_tree(tmp_path / "b") != whole


def test_a_file_has_the_digest_of_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes("ü\n".encode())
    assert digest_file(tmp_path / "x") == digest_text("ü\n")


@given(st.text() | st.binary())
def test_what_is_written_is_there_whole(tmp_path_factory: pytest.TempPathFactory, content: str | bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "deep" / "er" / "file"
    write_whole(path, content)
    wanted = content if isinstance(content, bytes) else content.encode("utf-8", "backslashreplace")
    assert path.read_bytes() == wanted
    assert [each.name for each in path.parent.iterdir()] == ["file"]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_whole(tmp_path / "x", "old")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(tmp_path / "x", "new")
    assert (tmp_path / "x").read_text() == "old"
    assert os.listdir(tmp_path) == ["x"]


def test_a_written_file_can_be_read_by_others(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        write_whole(tmp_path / "x", "")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o644
