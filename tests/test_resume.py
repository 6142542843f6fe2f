"""Killed or interrupted at any moment, the same command ends in the same run."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from evalkit.cache.parts import batches_of
from tests import models
from tests.cli import project
from tests.runs import Runner, contract, runner

ROOT = Path(__file__).resolve().parents[1]
SAME = ("results.json", "verdict.json", "pairs.parquet")

# Imports once, then forks a run for every moment, kills it, and lets the same call go on: a second a kill would
# otherwise go into imports. In its own process, because forking this one, with its threads, would not be safe.
DRIVER = """
import json, os, random, signal, sys, time
from pathlib import Path
from evalkit import pipeline
from evalkit.environment import Environment
from evalkit.plan import Overrides, load_plan
import evalkit.backends.fake, evalkit.stats.quantile, pyarrow.parquet, scipy.fft, scipy.stats

def run(out, cache):
    child = os.fork()
    if child == 0:
        try:
            plan = load_plan(Path("evalkit.yaml"), Overrides())
            finished = pipeline.gate(plan, Path(out), Path(cache), Environment())
            os._exit(finished.verdict.exit_code)
        except BaseException:
            import traceback
            traceback.print_exc()
            os._exit(99)
    return child

def ended(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

began = time.perf_counter()
first = ended(run("whole", "cache-whole"))
length = time.perf_counter() - began
rng = random.Random(int(sys.argv[1]))
report = {"length": length, "first": first, "kills": []}
for number in range(int(sys.argv[2])):
    moments = []
    for again in range(int(sys.argv[3])):
        child = run(f"run-{number}", f"cache-{number}")
        moments.append(rng.random() * length)
        time.sleep(moments[-1])
        os.kill(child, signal.SIGKILL)
        ended(child)
    complete = Path(f"run-{number}", "manifest.json").is_file()
    kept = sum(len(files) for _, _, files in os.walk(f"cache-{number}"))
    code = first if complete else ended(run(f"run-{number}", f"cache-{number}"))
    report["kills"].append({"moments": moments, "complete": complete, "kept": kept, "code": code})
print(json.dumps(report))
"""


@pytest.fixture
def gate(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Runner:
    return runner(request, monkeypatch, tmp_path)


def slow_project(root: Path, delay: float = 0.005, n: int = 96) -> None:
    """A gate over stand-ins that take their time: most of it goes into collecting, batch by batch.

    They answer in texts, because probabilities have intervals that take longer than all the collecting.
    """
    columns = {"id": "id", "input": "text", "target": "intent"}
    for name, kind, count in (("texts", "gold", n), ("edge", "edge-case", n // 4)):
        rows = [{"id": f"e{index}", "text": f"{name} {index}", "intent": f"answer {index}"} for index in range(count)]
        project.suite(root, name, rows, kind=kind, task="generate", scorer="exact", labels=None, columns=columns)
    project.dump(root / "policy.yaml", project.criteria({"metric": "accuracy.difference", "at_least": -0.9}))
    project.plan(
        root,
        teacher={"backend": "fake", "name": "teacher", "batch_size": 4, "delay_s": delay, "accuracy": 0.9},
        student={"backend": "fake", "name": "student", "batch_size": 3, "delay_s": delay, "accuracy": 0.7},
        suites=["suites/texts", "suites/edge"],
    )


def files_of(run: Path) -> dict[str, bytes]:
    return {name: (run / name).read_bytes() for name in SAME}


def killed(gate: Runner, seed: int, kills: int, times: int = 1) -> list[dict[str, object]]:
    """`kills` runs, each killed `times` times and then finished; all of them like one that nobody disturbed."""
    slow_project(gate.root)
    command = [sys.executable, "-c", DRIVER, str(seed), str(kills), str(times)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=gate.root, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    whole = files_of(gate.root / "whole")
    for number, kill in enumerate(report["kills"]):
        out = gate.root / f"run-{number}"
        assert kill["code"] == report["first"], (kill, done.stderr)
        assert files_of(out) == whole, kill
        assert gate.check(out, kill["code"]) == []
        # Nothing half-written stays behind in the run.
        assert sorted(each.name for each in out.iterdir()) == sorted(
            each.name for each in (gate.root / "whole").iterdir()
        ), kill
    kinds = {kill["kept"] for kill in report["kills"]}
    assert len(kinds) > 1, "every kill came at the same moment, so nothing was tested"
    return list(report["kills"])


def test_a_run_that_is_killed_at_five_moments_ends_the_same(gate: Runner) -> None:
    killed(gate, seed=1, kills=5)


@pytest.mark.slow
def test_a_run_that_is_killed_at_twenty_moments_ends_the_same(gate: Runner) -> None:
    assert len(killed(gate, seed=2, kills=20)) == 20


@pytest.mark.slow
def test_a_run_that_is_killed_again_and_again_ends_the_same(gate: Runner) -> None:
    killed(gate, seed=3, kills=6, times=4)


def finished_batches(cache: Path) -> int:
    """How many are on the disk. Parts are put together while a run goes on, so that one may go while it is read."""
    found: set[tuple[str, str]] = set()
    for path in cache.rglob("*.parquet"):
        with contextlib.suppress(FileNotFoundError):
            shelf, batches = batches_of(path)
            found |= {(shelf, batch) for batch in batches}
    return len(found)


def started(gate: Runner, *arguments: str, batches: int, cache: str = "cache") -> subprocess.Popen[str]:
    """A gate in a process of its own, once it has finished so many batches."""
    command = [sys.executable, "-m", "evalkit", "gate", "--quiet", "--cache", cache, *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell lets what it starts in the background ignore interrupts, and tests started so hand that on.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    patience = time.monotonic() + 60
    while finished_batches(Path(cache)) < batches and process.poll() is None:
        assert time.monotonic() < patience, "the run never got so far"
        time.sleep(0.005)
    return process


def test_an_interrupt_ends_with_130_and_the_same_command_goes_on(gate: Runner) -> None:
    slow_project(gate.root, delay=0.05)
    process = started(gate, "--out", "run", batches=5)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130, said
    assert "interrupted; the same command resumes" in said
    assert "Traceback" not in said
    assert not Path("run/manifest.json").exists()
    assert not Path("run/verdict.json").exists()
    slow_project(gate.root, delay=0)
    code = gate("gate", "--quiet", "--cache", "cache", out="run").code
    collection = gate.manifest()["collection"]
    assert collection["teacher texts"]["from_cache"] >= 5
    assert gate("gate", "--quiet", "--cache", "other", out="whole").code == code
    assert files_of(Path("run")) == files_of(Path("whole"))


def test_a_resumed_run_says_what_came_from_the_cache(gate: Runner) -> None:
    slow_project(gate.root, delay=0)
    gate("gate", "--quiet", "--cache", "cache", out="one")
    batches = {name: each["batches"] for name, each in gate.manifest("one")["collection"].items()}
    assert finished_batches(Path("cache")) == sum(batches.values()) == 24 + 32 + 6 + 8
    # One part of each of what was asked of each model.
    kept = sorted(Path("cache").rglob("*.parquet"))
    assert len(kept) == len(batches) == 4
    for path in random.Random(4).sample(kept, 2):
        path.unlink()
    left = finished_batches(Path("cache"))
    assert 0 < left < 70
    gate("gate", "--quiet", "--cache", "cache", out="two")
    assert sum(each["from_cache"] for each in gate.manifest("two")["collection"].values()) == left
    assert files_of(Path("one")) == files_of(Path("two"))


@pytest.mark.slow
def test_a_live_classifier_that_is_killed_ends_the_same(gate: Runner) -> None:
    texts = models.texts(150)
    models.save_classifier(gate.root / "teacher")
    models.with_noise(gate.root / "teacher", gate.root / "student")
    rows = [{"id": f"e{index}", "text": text, "intent": models.LABELS[index % 3]} for index, text in enumerate(texts)]
    columns = {"id": "id", "input": "text", "target": "intent"}
    project.suite(gate.root, "intents", rows, labels=list(models.LABELS), columns=columns)
    project.dump(gate.root / "policy.yaml", project.criteria({"metric": "accuracy.difference", "at_least": -0.9}))
    spec = {"dtype": "float32", "device": "cpu", "batch_tokens": 100}
    project.plan(gate.root, teacher={"model": "./teacher", **spec}, student={"model": "./student", **spec})
    gate("gate", "--quiet", "--cache", "whole-cache", out="whole", code=0)
    for number, batches in enumerate((1, 20, 50)):
        process = started(gate, "--out", f"run-{number}", batches=batches, cache=f"cache-{number}")
        process.kill()
        process.communicate(timeout=30)
        assert process.returncode == -signal.SIGKILL
        gate("gate", "--quiet", "--cache", f"cache-{number}", out=f"run-{number}", code=0)
        assert files_of(Path(f"run-{number}")) == files_of(Path("whole"))
        counts = gate.manifest(f"run-{number}")["collection"]
        assert sum(each["from_cache"] for each in counts.values()) >= batches


def test_a_broken_run_is_tried_again_by_the_same_command(gate: Runner) -> None:
    slow_project(gate.root, delay=0)
    gate("gate", "--quiet", "--student", "fake:broken=run", code=4)
    reasons = gate.json("verdict.json")["reasons"]
    assert "told to fail" in reasons[0]
    gate("gate", "--quiet", code=gate("gate", "--quiet", out="whole").code)
    assert files_of(Path("run")) == files_of(Path("whole"))


def test_the_same_run_elsewhere_has_the_same_results(gate: Runner, request: pytest.FixtureRequest) -> None:
    slow_project(gate.root, delay=0)
    gate("gate", "--quiet", out="run")
    elsewhere = gate.root / "moved"
    for name in ("suites", "policy.yaml", "evalkit.yaml"):
        source = gate.root / name
        elsewhere.mkdir(exist_ok=True)
        shutil.copytree(source, elsewhere / name) if source.is_dir() else shutil.copy(source, elsewhere / name)
    ended = project.evalkit("gate", elsewhere / "evalkit.yaml", "--quiet", "--out", elsewhere / "run")
    assert contract(request)(elsewhere / "run", ended.code) == []
    assert files_of(elsewhere / "run") == files_of(gate.root / "run")
