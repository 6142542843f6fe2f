"""Three students and one pass of the teacher: counted in calls of its forward, and in loads of its weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evalkit.backends.local import backend as local
from tests import models
from tests.cli import project
from tests.language_models import save_language_model
from tests.ranking import several

Folders = dict[str, Path]


@pytest.fixture(scope="module")
def classifiers(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    root = tmp_path_factory.mktemp("classifiers")
    teacher = models.save_classifier(root / "teacher")
    spreads = {"one": 0.02, "two": 0.2, "three": 0.6}
    return {"teacher": teacher} | {
        name: models.with_noise(teacher, root / name, spread=spread, seed=seed)
        for seed, (name, spread) in enumerate(spreads.items())
    }


class Counts:
    """Calls of whole models by the name of the folder that they were loaded from, and loads by the same."""

    def __init__(self) -> None:
        self.forward: Counter[str] = Counter()
        self.loads: Counter[str] = Counter()


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counts]:
    import torch
    import transformers

    found = Counts()
    folders: dict[int, str] = {}
    original = local.load_model

    def load(folder: Path, *given: Any, **more: Any) -> Any:
        loaded = original(folder, *given, **more)
        found.loads[folder.name] += 1
        folders[id(loaded[0])] = folder.name
        return loaded

    def hook(module: Any, inputs: Any) -> None:
        if isinstance(module, transformers.PreTrainedModel) and id(module) in folders:
            found.forward[folders[id(module)]] += 1

    monkeypatch.setattr(local, "load_model", load)
    handle = torch.nn.modules.module.register_module_forward_pre_hook(hook)
    yield found
    handle.remove()


def three(root: Path, folders: Folders, **plan: Any) -> Path:
    rows = [
        {"id": f"e{index}", "text": text, "intent": models.LABELS[index % 3]}
        for index, text in enumerate(models.texts(40))
    ]
    project.suite(root, rows=rows, columns=several.COLUMNS, labels=list(models.LABELS))
    project.dump(root / "policy.yaml", project.criteria({"metric": "agreement.top1", "at_least": 0.5}))
    names = [name for name in folders if name != "teacher"]
    given = {
        "teacher": {"model": str(folders["teacher"]), "batch_tokens": 128},
        "student": None,
        "students": [{"model": str(folders[name]), "batch_tokens": 128} for name in names],
        **plan,
    }
    return project.plan(root, **given)


@pytest.mark.parametrize("noise_floor", [0, 15])
def test_three_students_take_one_pass_of_the_teacher(
    tmp_path: Path, classifiers: Folders, counts: Counts, noise_floor: int
) -> None:
    alone = {name: classifiers[name] for name in ("teacher", "one")}
    three(tmp_path / "alone", alone, noise_floor=noise_floor)
    several.gate(tmp_path / "alone")
    once, loads = counts.forward["teacher"], counts.loads["teacher"]
    # Several batches, so that a pass that was cut short would show.
    assert once >= 4
    counts.forward.clear()
    counts.loads.clear()
    three(tmp_path, classifiers, noise_floor=noise_floor)
    ended = several.gate(tmp_path)
    assert ended.code in (0, 1, 3), ended.err
    assert len(several.ranking(tmp_path)["students"]) == 3
    assert counts.forward["teacher"] == once
    assert counts.loads["teacher"] == loads
    assert {name: counts.loads[name] for name in ("one", "two", "three")} == {"one": 1, "two": 1, "three": 1}
    assert counts.forward["one"] == counts.forward["two"] == counts.forward["three"] > 0
    # Nothing is left to ask the second time, in another folder.
    counts.forward.clear()
    several.gate(tmp_path, out="again")
    assert not counts.forward
    for name in ("one", "two", "three"):
        results = (tmp_path / "again" / name / "results.json").read_bytes()
        assert results == (tmp_path / "out" / name / "results.json").read_bytes()


def test_the_teachers_files_are_hashed_once(
    tmp_path: Path, classifiers: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    from evalkit.backends import weights

    hashed: Counter[str] = Counter()
    original = weights.model_digest

    def digest(folder: Path, *given: Any) -> Any:
        hashed[folder.name] += 1
        return original(folder, *given)

    monkeypatch.setattr(weights, "model_digest", digest)
    three(tmp_path, classifiers)
    several.gate(tmp_path)
    assert hashed == {"teacher": 1, "one": 1, "two": 1, "three": 1}


def test_students_of_known_size_stand_by_it_among_those_that_pass(tmp_path: Path, classifiers: Folders) -> None:
    small = models.save_classifier(tmp_path / "small", width=16)
    three(tmp_path, {"teacher": classifiers["teacher"], "one": classifiers["one"], "small": small})
    project.dump(tmp_path / "policy.yaml", project.criteria({"metric": "agreement.top1", "at_least": 0.01}))
    ended = several.gate(tmp_path)
    assert ended.code == 0, ended.err
    found = several.ranking(tmp_path)
    assert several.places(found) == [(1, "small", "pass"), (2, "one", "pass")]
    assert found["best"] == ["small"]
    assert found["headline"] == "small and one may replace teacher. The best buy is small, the smallest of them."
    sizes = [each["columns"]["size"]["estimate"]["value"] for each in found["students"]]
    files = [sum(path.stat().st_size for path in each.glob("*.safetensors")) for each in (small, classifiers["one"])]
    teacher = sum(path.stat().st_size for path in classifiers["teacher"].glob("*.safetensors"))
    assert sizes == pytest.approx([each / teacher for each in files])
    assert found["students"][1]["above"]["by"] == "bytes"
    assert found["students"][1]["above"]["told_apart"] is True


def test_a_language_model_writes_to_all_of_them_once(tmp_path: Path, counts: Counts) -> None:
    folders = {
        name: save_language_model(tmp_path / "models" / name, seed=seed)
        for seed, name in enumerate(("teacher", "one", "two"))
    }
    rows = [{"id": f"e{index}", "text": text, "gold": "a"} for index, text in enumerate(models.texts(6))]
    suite = {
        "rows": rows,
        "task": "generate",
        "labels": None,
        "scorer": "exact",
        "columns": {"id": "id", "input": "text", "target": "gold"},
        "generation": {"max_new_tokens": 4, "temperature": 0},
    }
    passes = []
    for name, students in (("alone", ["one"]), ("both", ["one", "two"])):
        root = tmp_path / name
        project.suite(root, **suite)
        project.dump(root / "policy.yaml", project.criteria({"metric": "agreement.exact", "at_least": 0.5}))
        listed = [str(folders[each]) for each in students]
        project.plan(root, teacher=str(folders["teacher"]), student=None, students=listed)
        ended = several.gate(root)
        assert ended.code in (0, 1, 3), ended.err
        assert len(several.ranking(root)["students"]) == len(students)
        passes.append((counts.forward["teacher"], counts.loads["teacher"]))
        counts.forward.clear()
        counts.loads.clear()
    assert passes[0] == passes[1]
    assert passes[0][0] >= 4
