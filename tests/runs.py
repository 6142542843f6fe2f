"""Runs in a folder of a test's own, each held against the outside checker of the contract where that is at hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cli import project
from tests.cli.project import Ended, evalkit

Check = Callable[..., list[str]]


def contract(request: pytest.FixtureRequest) -> Check:
    """The checker; where the shared folder is absent, one that finds nothing, so that the test itself still runs."""
    try:
        check: Check = request.getfixturevalue("check_run")
    except pytest.skip.Exception:
        return lambda *given, **named: []
    return check


@dataclass(frozen=True)
class Runner:
    """`evalkit` in a folder. Every run that it leaves must keep the contract."""

    root: Path
    check: Check

    def __call__(self, *arguments: str | Path, out: str | Path = "run", code: int | None = None) -> Ended:
        """A command that writes a run to `out`; `code` is how it must end."""
        folder = self.root / out
        ended = evalkit(*arguments, "--out", folder)
        if code is not None:
            assert ended.code == code, ended.err + ended.out
        if ended.code != 2:
            assert self.check(folder, ended.code) == []
        return ended

    def json(self, name: str, out: str | Path = "run") -> Any:
        return json.loads((self.root / out / name).read_text(encoding="utf-8"))

    def manifest(self, out: str | Path = "run") -> dict[str, Any]:
        read: dict[str, Any] = self.json("manifest.json", out)
        return read


def runner(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, root: Path) -> Runner:
    """A Runner in `root`, which becomes the working directory."""
    root.mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(root)
    return Runner(root, contract(request))


def light(root: Path, n: int = 40, **plan: Any) -> Path:
    """A whole project whose recordings hold labels only: a gate over it takes a fraction of a second."""
    path = project.project(root, n=n, **plan)
    project.lines(root / "teacher.jsonl", project.answers(n, lambda index: index % 10 == 0, probs=False))
    project.lines(root / "student.jsonl", project.answers(n, lambda index: index % 8 == 0, probs=False))
    return path


def fakes(root: Path, n: int = 24, **plan: Any) -> Path:
    """The same for stand-ins, whose probabilities make every slice dear: a suite without slices."""
    path = light(root, n=n, **{"teacher": "fake:", "student": "fake:accuracy=0.8,seed=1", **plan})
    bare(root, n=n)
    return path


def bare(root: Path, name: str = "intents", n: int = 24, **suite: Any) -> Path:
    """A suite without slices or severities."""
    return project.suite(root, name, n=n, columns={"id": "id", "input": "text", "target": "intent"}, **suite)
