"""A student that is quantised while it is loaded, from the plan to the run: named, weighed, cached."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from evalkit import figures
from evalkit.backends.local import Local, loading
from evalkit.backends.local.weighing import loaded_bytes
from evalkit.metrics.size import FAMILY
from evalkit.report import origin
from evalkit.requests import build_requests
from evalkit.specs import TransformersSpec
from evalkit.timing import child
from evalkit.types import Estimate, Measured, Terms, Undefined
from tests import models
from tests.cli import project
from tests.runs import Runner, runner

WORDS = "int8 dynamic, by torch"


@pytest.fixture
def gate(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Runner:
    return runner(request, monkeypatch, tmp_path)


@pytest.fixture
def live(gate: Runner) -> Runner:
    """A project whose student is its teacher, quantised."""
    models.save_classifier(gate.root / "models" / "teacher")
    rows = [
        {"id": f"e{index}", "text": text, "intent": models.LABELS[index % 3]}
        for index, text in enumerate(models.texts(24))
    ]
    columns = {"id": "id", "input": "text", "target": "intent"}
    project.suite(gate.root, "intents", rows, labels=list(models.LABELS), columns=columns)
    project.dump(gate.root / "policy.yaml", project.criteria({"metric": "accuracy.difference", "at_least": -0.9}))
    spec = {"model": "./models/teacher", "dtype": "float32", "device": "cpu"}
    project.plan(gate.root, teacher=spec, student={**spec, "quantize": "int8-dynamic"})
    return gate


def values(run: Runner, out: str) -> dict[str, Any]:
    return {row["metric"]: row["estimate"] for row in run.json("results.json", out)["metrics"] if row["suite"] is None}


def test_a_quantised_student_is_named_and_weighed_as_it_is_loaded(live: Runner) -> None:
    live("gate", "--quiet", code=0)
    teacher, student = (live.manifest()["models"][role] for role in ("teacher", "student"))
    assert (student["quantization"], student["settings"]["quantize"]) == (WORDS, "int8-dynamic")
    assert (teacher["quantization"], teacher["bytes"]) == (None, student["bytes"])
    assert student["loaded_bytes"] < teacher["loaded_bytes"] < teacher["bytes"]
    found = values(live, "run")
    for role, each in (("teacher", teacher), ("student", student)):
        assert found[f"size.bytes.{role}"]["value"] == each["loaded_bytes"]
        assert found[f"size.bytes.{role}"]["method"] == "exact, from the loaded weights"
    assert found["size.bytes.ratio"]["value"] == student["loaded_bytes"] / teacher["loaded_bytes"]
    assert found["size.parameters.ratio"]["value"] == 1
    assert any("one row at a time" in note for note in live.manifest()["notes"])
    # The first screen says what is served, and not the size of the files alone.
    page = (live.root / "run/report.html").read_text("utf-8")
    loaded, files = (figures.number(student[key], "bytes") for key in ("loaded_bytes", "bytes"))
    assert f"{loaded} loaded · {files} of files" in page
    assert page.count(f"{files} of files") == 1


def test_from_the_cache_nothing_is_loaded_and_the_results_are_the_same(
    live: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    live("gate", "--quiet", code=0)
    monkeypatch.setattr(Local, "_load", lambda *_: pytest.fail("everything was in the cache"))
    live("gate", "--quiet", out="again", code=0)
    first, again = (live.root / out / "results.json" for out in ("run", "again"))
    assert first.read_bytes() == again.read_bytes()
    for said in ("models", "notes"):
        assert live.manifest()[said] == live.manifest("again")[said]


def test_the_reports_name_the_compression(live: Runner) -> None:
    ended = live("gate", code=0)
    assert f"weights of the student: {WORDS}" in ended.out
    assert "weights of the teacher" not in ended.out
    text = (live.root / "run" / "model-card.md").read_text(encoding="utf-8")
    assert f"float32, {WORDS}" in text
    page = (live.root / "run" / "report.html").read_text(encoding="utf-8")
    assert f"transformers · float32, {WORDS} · cpu" in page
    assert f"float32, {WORDS}, on cpu" in page
    assert "float32, on cpu" in page
    assert f"loaded as float32 and float32, {WORDS}" in page


def test_an_unknown_quantisation_is_a_complaint_with_the_nearest_name(live: Runner) -> None:
    spec = {"model": "./models/teacher", "dtype": "float32", "device": "cpu"}
    project.plan(live.root, teacher=spec, student={**spec, "quantize": "int8-dynamc"})
    ended = live("gate", "--quiet", code=2)
    assert '"int8-dynamc" is not a value of "quantize"' in ended.err
    assert 'did you mean "int8-dynamic"?' in ended.err
    assert not (live.root / "run").exists()


def test_the_process_that_measures_memory_quantises_as_well(live: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = []
    real = loading.quantizing.dynamic
    monkeypatch.setattr(loading.quantizing, "dynamic", lambda model: (real(model), loaded.append(loaded_bytes(model))))
    spec = TransformersSpec(
        model=str(live.root / "models" / "teacher"), dtype="float32", device="cpu", quantize="int8-dynamic"
    )
    requests = [asdict(each) for each in build_requests(models.suite_of(models.texts(4)))]
    # As it is handed to that process: through JSON.
    asked = json.loads(json.dumps({"role": "student", "spec": spec.model_dump(mode="json"), "requests": requests}))
    found = child.measure(asked)
    assert found["peak"] >= found["before"] > 0
    # Once by the child, once more to compare with.
    assert loaded == [Local(spec, "student").loaded_bytes()] * 2


def test_a_pruned_model_is_called_so_from_a_hundredth_of_zeros_on() -> None:
    assert origin.compression({"sparsity": 0.5}) == "50.0 % zeros"
    assert origin.compression({"sparsity": 0.01, "quantization": WORDS}) == f"{WORDS}, 1.0 % zeros"
    assert origin.compression({"sparsity": 0.0099}) == origin.compression({"sparsity": None}) == ""


# --- sizes -------------------------------------------------------------------------------------------


def sizes(teacher: dict[str, Any], student: dict[str, Any]) -> dict[str, Measured]:
    return FAMILY.measure({"teacher": teacher, "student": student}, 0.9, Terms())


def value(measured: Measured) -> float:
    assert isinstance(measured, Estimate)
    return measured.value


PLAIN = {"bytes": 400, "loaded_bytes": 800, "settings": {}}


def test_models_that_are_served_as_stored_are_weighed_by_their_files() -> None:
    found = sizes(PLAIN, {"bytes": 100, "loaded_bytes": 200, "quantization": "4-bit GPTQ"})
    assert value(found["size.bytes.ratio"]) == 0.25
    assert value(found["size.bytes.teacher"]) == 400


@pytest.mark.parametrize(
    "student",
    [
        {"bytes": 400, "loaded_bytes": 240, "settings": {"quantize": "int8-dynamic"}},
        {"bytes": 400, "loaded_bytes": 240, "members": [{"settings": {"quantize": "int8-dynamic"}}]},
    ],
)
def test_where_one_is_quantised_on_loading_both_are_weighed_loaded(student: dict[str, Any]) -> None:
    found = sizes(PLAIN, student)
    assert (value(found["size.bytes.teacher"]), value(found["size.bytes.student"])) == (800, 240)
    assert value(found["size.bytes.ratio"]) == 0.3


def test_files_are_not_held_against_loaded_weights() -> None:
    found = sizes({"bytes": 400}, {"bytes": 400, "loaded_bytes": 240, "settings": {"quantize": "int8-dynamic"}})
    assert isinstance(found["size.bytes.teacher"], Undefined)
    assert isinstance(found["size.bytes.ratio"], Undefined)
    assert value(found["size.bytes.student"]) == 240
