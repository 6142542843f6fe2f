"""What a command imports: `--help` answers at once, and reading a finished run needs no model library."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from tests.cache.test_shelf import filled
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


def test_show_loads_nothing_that_measures(run: Path) -> None:
    assert imported("show", run) & (HEAVY | {"sklearn", "statsmodels", "jinja2"}) == set()


def test_a_report_is_rendered_without_data_frames(run: Path, tmp_path: Path) -> None:
    # Intervals are drawn, and those are scipy's functions; whole libraries of statistics are not needed for them.
    got = imported("report", run, "--out", tmp_path / "report.html")
    assert got & {"torch", "transformers", "datasets", "pandas", "sklearn", "statsmodels"} == set()


def test_the_list_of_the_cache_loads_no_model_library(tmp_path: Path) -> None:
    filled(tmp_path, [0, 1])
    assert imported("cache", "ls", "--cache", tmp_path) & HEAVY == set()
