"""The protocol within a run: whose times reach the pairs, what the manifest keeps, and that all follows from it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests import models
from tests.cli import project
from tests.language_models import save_language_model
from tests.runs import Runner, fakes, light, runner

ANYTHING = project.criteria({"metric": "accuracy.difference", "at_least": -1.0, "by": "value"})
TIMED = ("latency_s", "ttft_s", "tpot_s", "fixed_latency_s")
Row = dict[str, Any]


@pytest.fixture
def gate(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Runner:
    return runner(request, monkeypatch, tmp_path)


def rows(run: Runner, name: str, out: str = "run") -> dict[str, Row]:
    return {row["metric"]: row for row in run.json(name, out)["metrics"] if row["slice"] is None}


def pairs(run: Runner, out: str = "run") -> list[Row]:
    found: list[Row] = pq.read_table(run.root / out / "pairs.parquet").to_pylist()
    return found


def value(row: Row) -> float:
    assert row["estimate"] is not None, row["undefined"]
    found: float = row["estimate"]["value"]
    return found


# --- two language models, live -------------------------------------------------------------------------

PROMPTS = 22


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose teacher is twice as deep as its student, timed on all prompts of a suite of texts."""
    root = tmp_path_factory.mktemp("timed")
    for name, layers in (("teacher", 4), ("student", 2)):
        save_language_model(root / name, layers=layers)
    rows = [{"id": f"e{index}", "text": text, "answer": "x"} for index, text in enumerate(models.texts(PROMPTS))]
    project.suite(
        root,
        "texts",
        rows,
        task="generate",
        labels=None,
        scorer="exact",
        columns={"id": "id", "input": "text", "target": "answer"},
        generation={"max_new_tokens": 5},
    )
    project.dump(root / "policy.yaml", ANYTHING)
    spec = {"dtype": "float32", "device": "cpu"}
    project.plan(
        root,
        teacher={"model": "./teacher", **spec},
        student={"model": "./student", **spec},
        suites=["suites/texts"],
        latency={"prompts": PROMPTS, "repeats": 3, "fixed_tokens": 4},
    )
    return root


@pytest.fixture(scope="module")
def done(finished: Path) -> Path:
    ended = project.evalkit(
        "gate", finished / "evalkit.yaml", "--out", finished / "run", "--cache", finished / "cache", "--quiet"
    )
    assert (finished / "run" / "manifest.json").is_file(), ended.err
    return finished


@pytest.fixture
def live(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, done: Path, tmp_path: Path) -> Runner:
    """A Runner in a copy of the finished project."""
    shutil.copytree(done, tmp_path, dirs_exist_ok=True)
    return runner(request, monkeypatch, tmp_path)


def test_every_quantity_of_the_protocol_is_measured_and_in_its_own_file(live: Runner) -> None:
    assert live.check(live.root / "run") == []
    results, timings = rows(live, "results.json"), rows(live, "timings.json")
    for role in ("teacher", "student"):
        for name in ("latency.p50", "latency.ttft.p50", "latency.tpot.p50", "latency.fixed.p50"):
            assert value(timings[f"{name}.{role}"]) > 0
        for name in ("throughput.requests", "throughput.tokens"):
            assert timings[f"{name}.{role}"]["estimate"]["n"] == 3
        assert value(timings[f"memory.peak.{role}"]) > 50e6
        assert value(results[f"flops.per_request.{role}"]) > 0
    for name in ("p50", "typical", "fixed_budget"):
        assert value(timings[f"latency.speedup.{name}"]) > 0
    assert not any(name.startswith(("latency.", "throughput.", "memory.")) for name in results)
    # Twice the layers, and a head that both share.
    assert 0.5 < value(results["flops.per_request.ratio"]) < 1.0


def test_seconds_are_in_the_pairs_and_samples_in_the_manifest(live: Runner) -> None:
    for row in pairs(live):
        for role in ("teacher", "student"):
            # An answer of one token has no time per further token.
            written = row[f"{role}_tokens_out"]
            names = TIMED if written >= 2 else tuple(name for name in TIMED if name != "tpot_s")
            assert all(row[f"{role}_{name}"] > 0 for name in names), row
            assert row[f"{role}_ttft_s"] < row[f"{role}_latency_s"]
    record = live.manifest()["timing"]["texts"]
    assert (record["examples"], record["prompts"], record["repeats"], record["fixed_tokens"]) == (22, 22, 3, 4)
    for role in ("teacher", "student"):
        said = record["roles"][role]
        assert said["warm_up"]["rounds"] >= 6
        assert len(said["passes"]) == 3
        assert len(said["flops"]["by_id"]) == 8
        assert said["memory"]["how"] == "process"
        assert said["fixed_problem"] is None


def test_verify_and_regate_derive_the_same_timings(live: Runner) -> None:
    assert project.evalkit("verify", "run").code == 0
    project.dump(live.root / "other.yaml", ANYTHING)
    ended = project.evalkit("regate", "run", "--policy", "other.yaml", "--out", "again")
    assert ended.code == 0, ended.err
    assert live.json("timings.json", "again") == live.json("timings.json")
    assert live.json("results.json", "again") == live.json("results.json")
    assert project.evalkit("verify", "again").code == 0


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda said: said["passes"][0].update(seconds=1e-6), "throughput.requests.student"),
        (lambda said: said["memory"].update(peak=1), "memory.peak.student"),
        (lambda said: said["flops"]["by_id"].update(e1=1, e2=1, e3=1), "flops.per_request"),
        (lambda said: said["warm_up"].update(stable=not said["warm_up"]["stable"]), "latency.p50.student"),
        (lambda said: said.pop("passes"), "damaged"),
    ],
    ids=["passes", "memory", "operations", "warm-up", "a part that is gone"],
)
def test_a_changed_sample_is_found(live: Runner, change: Callable[[Row], object], named: str) -> None:
    path = live.root / "run" / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    change(manifest["timing"]["texts"]["roles"]["student"])
    path.write_text(json.dumps(manifest), encoding="utf-8")
    ended = project.evalkit("verify", "run")
    assert ended.code == 4
    assert named in ended.err


@pytest.mark.slow
def test_another_run_of_the_same_plan_counts_the_same_operations(live: Runner) -> None:
    project.evalkit("gate", "--cache", "cache", "--out", "twice", "--quiet")
    whole = [(live.root / out / "results.json").read_bytes() for out in ("run", "twice")]
    assert whole[0] == whole[1]


# --- who is timed --------------------------------------------------------------------------------------


def test_a_student_that_runs_here_is_timed_though_its_teacher_is_a_recording(gate: Runner) -> None:
    fakes(gate.root, n=30, teacher="recorded:teacher.jsonl", latency={"prompts": 25, "repeats": 3})
    recording = gate.root / "teacher.jsonl"
    own = [json.loads(line) for line in recording.read_text(encoding="utf-8").splitlines()]
    project.lines(recording, [{**row, "latency_s": 0.5} for row in own])
    gate("gate", "--quiet")
    timings = rows(gate, "timings.json")
    assert timings["latency.p50.student"]["estimate"]["n"] == 25
    assert "alone" in timings["latency.p50.student"]["estimate"]["method"]
    assert (value(timings["latency.p50.teacher"]), timings["latency.p50.teacher"]["estimate"]["n"]) == (0.5, 30)
    assert "as recorded" in timings["latency.p50.teacher"]["estimate"]["method"]
    for name in ("p50", "p95", "typical"):
        assert "only the student was timed here" in timings[f"latency.speedup.{name}"]["undefined"]
    assert list(gate.manifest()["timing"]["intents"]["roles"]) == ["student"]
    assert "the teacher did not answer here" in timings["throughput.requests.teacher"]["undefined"]
    assert value(timings["throughput.requests.student"]) > 0
    assert project.evalkit("verify", "run").code == 0


def test_two_recordings_are_compared_by_their_own_times(gate: Runner) -> None:
    light(gate.root, n=30, latency={"prompts": 4})
    for name, seconds in (("teacher", 0.5), ("student", 0.25)):
        path = gate.root / f"{name}.jsonl"
        own = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        project.lines(path, [{**row, "latency_s": seconds} for row in own])
    gate("gate", "--quiet")
    timings = rows(gate, "timings.json")
    assert value(timings["latency.speedup.p50"]) == pytest.approx(2.0)
    assert timings["latency.p50.student"]["estimate"]["n"] == 30
    assert gate.manifest()["timing"] == {}
    assert "only the timing protocol measures it" in timings["memory.peak.student"]["undefined"]


def test_without_a_timing_protocol_a_live_model_has_no_times(gate: Runner) -> None:
    fakes(gate.root)
    gate("gate", "--quiet")
    assert gate.manifest()["timing"] == {}
    assert all(
        row[f"{role}_{name}"] is None for row in pairs(gate) for role in ("teacher", "student") for name in TIMED
    )
    timings, results = rows(gate, "timings.json"), rows(gate, "results.json")
    undefined = {row["undefined"] for row in timings.values()}
    assert all("set latency in the plan" in each for each in undefined), undefined
    assert "set latency in the plan" in results["flops.per_request.ratio"]["undefined"]


def test_a_live_champion_and_the_teachers_second_run_are_not_timed(gate: Runner) -> None:
    fakes(gate.root, champion="fake:accuracy=0.7,seed=3", noise_floor="all", latency={"prompts": 4, "repeats": 1})
    gate("gate", "--quiet")
    assert sorted(gate.manifest()["timing"]["intents"]["roles"]) == ["student", "teacher"]
    assert all(row[f"{role}_latency_s"] is None for row in pairs(gate) for role in ("champion", "teacher_again"))


def test_a_stand_in_takes_no_memory_and_no_operations_and_says_so(gate: Runner) -> None:
    fakes(gate.root, latency={"prompts": 4, "repeats": 3})
    gate("gate", "--quiet")
    timings, results = rows(gate, "timings.json"), rows(gate, "results.json")
    assert "not measured here" in timings["memory.peak.student"]["undefined"]
    assert "operators that PyTorch counts" in results["flops.per_request.student"]["undefined"]
    assert value(timings["throughput.requests.student"]) > 0
    assert "not counted in tokens" in timings["throughput.tokens.student"]["undefined"]
