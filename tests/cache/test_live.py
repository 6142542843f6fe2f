"""Live models through the cache: whatever can change an answer makes it another model's."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit.backends.local.backend import Local
from evalkit.collect import Collected, collect
from evalkit.requests import build_requests
from evalkit.types import Output
from tests.backends.local import asking
from tests.language_models import edit_json, save_language_model
from tests.models import flip_byte

TEMPLATE = "{% for message in messages %}<{{ message.role }}>{{ message.content }}{% endfor %}<assistant>"
OTHER = TEMPLATE.replace("<assistant>", "<assistant> ")
SUITE = asking.suite(asking.prompts(5), "generate")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_language_model(tmp_path_factory.mktemp("model") / "teacher", template=TEMPLATE)


@pytest.fixture
def teacher(saved: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(saved, tmp_path / "teacher"))


def gathered(built: Local, cache: Path) -> Collected:
    assert built.check([SUITE]) == []
    try:
        return collect(built, built.identify(), build_requests(SUITE), cache, lambda done, total: None)
    finally:
        built.close()


def template_of(folder: Path) -> Path:
    return next(each for each in (folder / "chat_template.jinja", folder / "tokenizer_config.json") if each.is_file())


def other_template(folder: Path) -> None:
    path = template_of(folder)
    before = path.read_text("utf-8")
    path.write_text(before.replace("<assistant>", "<assistant> "), "utf-8")
    assert path.read_text("utf-8") != before


CHANGES: dict[str, Callable[[Path], None]] = {
    "a byte of the weights": lambda folder: flip_byte(folder / "model.safetensors"),
    "the chat template": other_template,
    "the special tokens": lambda folder: edit_json(folder / "generation_config.json", eos_token_id=7),
}


def test_the_same_model_is_asked_once_wherever_it_lies_and_whatever_part_it_plays(
    teacher: Path, tmp_path: Path
) -> None:
    first = gathered(asking.local(teacher, "teacher"), tmp_path / "cache")
    assert (first.from_cache, len(first.outputs)) == (0, 5)
    moved = teacher.rename(tmp_path / "student")
    again = gathered(asking.local(moved, "student"), tmp_path / "cache")
    assert again.from_cache == again.batches == first.batches
    assert again.outputs == first.outputs


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_in_the_folder_misses_the_cache(teacher: Path, tmp_path: Path, change: str) -> None:
    cache = tmp_path / "cache"
    before = gathered(asking.local(teacher, "teacher"), cache)
    CHANGES[change](teacher)
    after = gathered(asking.local(teacher, "student"), cache)
    assert (before.from_cache, after.from_cache) == (0, 0)
    # What is served from now on is its own.
    assert gathered(asking.local(teacher, "student"), cache).outputs == after.outputs


@pytest.mark.parametrize("settings", [{"dtype": "bfloat16"}, {"batch_tokens": 64}])
def test_a_change_in_the_plan_misses_the_cache(teacher: Path, tmp_path: Path, settings: dict[str, Any]) -> None:
    cache = tmp_path / "cache"
    gathered(asking.local(teacher), cache)
    after = gathered(asking.local(teacher, **settings), cache)
    assert after.from_cache == 0


def test_a_student_with_the_teachers_parts_on_its_shelf_is_asked_itself(teacher: Path, tmp_path: Path) -> None:
    student = Path(shutil.copytree(teacher, tmp_path / "student"))
    flip_byte(student / "model.safetensors")
    cache = tmp_path / "cache"
    gathered(asking.local(teacher, "teacher"), cache)
    own: tuple[Output, ...] = gathered(asking.local(student, "student"), tmp_path / "other").outputs
    (theirs,) = [each for each in cache.iterdir() if each.is_dir()]
    (its,) = [each for each in (tmp_path / "other").iterdir() if each.is_dir()]
    assert theirs.name != its.name
    shutil.copytree(theirs, cache / its.name)
    got = gathered(asking.local(student, "student"), cache)
    assert got.from_cache == 0
    assert got.outputs == own
