"""A reader that goes away changes what is printed, and never what was decided."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli import project


def ended(*arguments: str, stdout: bool = True, stderr: bool = False) -> int:
    """The exit code of a process whose stdout or stderr nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        command = [sys.executable, "-m", "evalkit", *arguments]
        streams = {
            "stdout": writer if stdout else subprocess.DEVNULL,
            "stderr": writer if stderr else subprocess.DEVNULL,
        }
        return subprocess.run(command, timeout=120, **streams).returncode
    finally:
        os.close(writer)


@pytest.mark.parametrize(("student_errs", "code"), [(0, 0), (200, 1)])
def test_a_verdict_that_nobody_reads_keeps_its_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, student_errs: int, code: int
) -> None:
    monkeypatch.chdir(tmp_path)
    project.project(tmp_path, n=300, teacher_errs=lambda index: False, student_errs=lambda index: index < student_errs)
    assert ended("gate", "--out", "run", stdout=True, stderr=True) == code
    assert project.verdict(tmp_path / "run")["exit_code"] == code
    assert (tmp_path / "run" / "manifest.json").is_file()


def test_a_mistake_that_nobody_reads_is_still_a_mistake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert ended("gate", "no-such-plan.yaml", stdout=True, stderr=True) == 2
