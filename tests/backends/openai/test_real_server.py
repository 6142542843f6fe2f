"""A real server of the protocol, `transformers serve`, with a tiny model of random weights, gated end to end.

It needs what `transformers[serving]` brings (fastapi, uvicorn, openai, accelerate): in this environment, or in that of
an interpreter which EVALKIT_SERVE_PYTHON names.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from evalkit.backends.openai import backoff
from tests import language_models
from tests.cli import project
from tests.cli.project import evalkit

pytestmark = pytest.mark.slow

NEEDED = ("fastapi", "uvicorn", "openai", "accelerate", "transformers")
# Loading torch and a model on a busy machine.
PATIENCE_S = 180.0
N = 24


def serving_python() -> str:
    """An interpreter that can serve; skips where there is none."""
    python = os.environ.get("EVALKIT_SERVE_PYTHON", sys.executable)
    look = f"import importlib.util as u; print([n for n in {NEEDED!r} if u.find_spec(n) is None])"
    found = subprocess.run([python, "-c", look], capture_output=True, text=True, check=False)
    if found.stdout.strip() != "[]":
        pytest.skip(
            f"{python} lacks {found.stdout.strip() or 'everything'} of transformers[serving]; "
            "EVALKIT_SERVE_PYTHON may name another interpreter"
        )
    return python


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served") / "chat"
    return language_models.save_language_model(folder, "llama", template=language_models.TURNS)


@pytest.fixture(scope="module")
def url(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    python = serving_python()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    home = tmp_path_factory.mktemp("home")
    command = [python, "-m", "transformers.cli.transformers", "serve", str(model), "--device", "cpu"]
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port)],
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "HF_HOME": str(home), "OMP_NUM_THREADS": "1"},
        )
    try:
        wait_for(f"http://127.0.0.1:{port}/health", server, home / "log")
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.send_signal(signal.SIGINT)
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def wait_for(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        if server.poll() is not None:
            break
        try:
            with urllib.request.urlopen(address, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    pytest.fail("the server did not come up: " + log.read_text(encoding="utf-8", errors="replace")[-2000:])


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(backoff, "FIRST_S", 0.05)


def served(url: str, model: Path | str, **more: Any) -> dict[str, Any]:
    return {"backend": "openai", "base_url": url, "model": str(model), "retries": 2, **more}


def planned(root: Path, *rules: dict[str, Any], **over: Any) -> None:
    generation = {"max_new_tokens": 12, "stop": ["e"]}
    project.suite(root, n=N, task="generate", labels=None, generation=generation)
    project.dump(root / "policy.yaml", project.criteria(*rules))
    project.plan(root, **over)


def cells(name: str) -> list[Any]:
    return list(pq.read_table("run/pairs.parquet").column(name).to_pylist())


def test_a_served_model_agrees_with_itself(tmp_path: Path, url: str, model: Path) -> None:
    # Two names for what is served keep the student from being the teacher's cache.
    planned(
        tmp_path,
        {"metric": "agreement.exact", "at_least": 0.5, "by": "value"},
        teacher=served(url, model, revision="one"),
        student=served(url, model, revision="other"),
        latency={"prompts": 4, "repeats": 2, "fixed_tokens": 8},
    )
    ended = evalkit("gate", "--out", "run", "--quiet")
    assert ended.code == 0, ended.err
    manifest = json.loads(Path("run/manifest.json").read_text(encoding="utf-8"))
    assert manifest["collection"]["student intents"]["from_cache"] == 0
    # Two empty answers are no agreement, so texts are looked at.
    assert cells("teacher_text") == cells("student_text")
    assert len(set(cells("student_text"))) > N // 2
    assert set(cells("student_status")) <= {"ok", "truncated", "empty"}
    # What the server's own tokenizer counts, and the name that it gives itself.
    assert all(1 <= each <= 12 for each in cells("student_tokens_out"))
    assert any(f"answered as {model}@main" in each for each in manifest["notes"])
    timed = [each for each in cells("student_ttft_s") if each is not None]
    assert len(timed) == 4


def test_a_served_model_says_what_it_says_here(tmp_path: Path, url: str, model: Path) -> None:
    planned(
        tmp_path,
        {"metric": "agreement.exact", "at_least": 0.5, "by": "value"},
        teacher={"model": str(model), "dtype": "float32", "device": "cpu"},
        student=served(url, model),
    )
    ended = evalkit("gate", "--out", "run", "--quiet")
    assert ended.code == 0, ended.err
    here, there = cells("teacher_text"), cells("student_text")
    # In a stream, this server never sends the bytes of a letter that is not complete when the answer is cut.
    assert [each.rstrip("\ufffd") for each in here] == [each.rstrip("\ufffd") for each in there]
    assert cells("teacher_tokens_in") == cells("student_tokens_in")


def test_a_model_that_is_not_served_is_broken(tmp_path: Path, url: str, model: Path) -> None:
    planned(
        tmp_path, {"metric": "agreement.exact", "at_least": 0.5}, teacher=served(url, model), student=served(url, "x")
    )
    assert evalkit("gate", "--out", "run", "--quiet").code == 4
    assert "Server is pinned to" in " ".join(project.verdict(tmp_path / "run")["reasons"])


def test_it_cannot_score_choices_and_says_so(tmp_path: Path, url: str, model: Path) -> None:
    project.project(tmp_path, n=12, student=served(url, model))
    assert evalkit("gate", "--out", "run", "--quiet").code == 4
    assert "cannot score choices" in " ".join(project.verdict(tmp_path / "run")["reasons"])
