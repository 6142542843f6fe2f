"""Projects of several students, most of them recordings of labels: a gate over them takes a fraction of a second."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.cli import project
from tests.cli.project import Ended, evalkit

Wrong = Callable[[int], bool]
COLUMNS = {"id": "id", "input": "text", "target": "intent"}


def every(step: int, start: int = 0) -> Wrong:
    """Wrong on every `step`-th example, from `start` on."""
    return lambda index: index >= start and (index - start) % step == 0


def of(root: Path, wrongs: Mapping[str, Wrong], *, n: int = 240, teacher: Wrong | None = None, **plan: Any) -> Path:
    """A project whose students are recordings, each wrong where `wrongs` says. `policy` is the policy's file; what else
    is given is a key of the plan. Returns the plan."""
    policy = plan.pop("policy", project.criteria({"metric": "accuracy.difference", "at_least": -0.05}))
    project.suite(root, n=n, columns=COLUMNS)
    project.lines(root / "teacher.jsonl", project.answers(n, teacher or every(10), probs=False))
    for name, wrong in wrongs.items():
        project.lines(root / f"{name}.jsonl", project.answers(n, wrong, probs=False))
    project.dump(root / "policy.yaml", policy)
    named = [f"recorded:{name}.jsonl" for name in wrongs]
    return project.plan(root, **{"student": None, "students": named, **plan})


def gate(root: Path, *arguments: str | Path, command: str = "gate", out: str = "out") -> Ended:
    """`evalkit gate` of the project in `root`, its runs below root/`out`."""
    return evalkit(
        command, root / "evalkit.yaml", *arguments, "--out", root / out, "--cache", root / "cache", "--quiet"
    )


def ranking(root: Path, out: str = "out") -> dict[str, Any]:
    read: dict[str, Any] = json.loads((root / out / "ranking.json").read_text(encoding="utf-8"))
    return read


def places(found: Mapping[str, Any]) -> list[tuple[int, str, str]]:
    """Rank, name and verdict of each student, in their order."""
    return [(each["rank"], each["student"], each["verdict"]) for each in found["students"]]
