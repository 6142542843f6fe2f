"""What a command imports: `--help` answers at once, and reading a finished run needs no model library."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from tests.cli import project

HEAVY = {"torch", "transformers", "datasets", "pandas", "scipy"}


def imported(*arguments: str | Path) -> set[str]:
    """Top-level packages that a command imports, in a process of its own."""
    ended = project.process(*arguments, python=["-X", "importtime"])
    assert ended.returncode == 0, ended.stderr[-2000:]
    lines = [line for line in ended.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("start")
    project.project(root, n=12)
    with contextlib.chdir(root):
        assert project.evalkit("gate", "--out", "run", "--quiet").code == 3
    return root / "run"


def test_help_imports_nothing_heavy() -> None:
    assert imported("--help") & (HEAVY | {"pyarrow", "numpy", "pydantic", "jinja2", "sklearn"}) == set()


@pytest.mark.parametrize("command", ["show", "verify"])
def test_a_finished_run_is_read_without_a_model_library(run: Path, command: str) -> None:
    assert imported(command, run) & {"torch", "transformers", "datasets"} == set()
