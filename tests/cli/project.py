"""Little plans, suites and recordings, and the command line run in this process."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from evalkit.cli import main

LABELS = ("card_lost", "refund", "other")
POLICY = {
    "schema": "evalkit/policy/v1",
    "criteria": [{"id": "drop", "metric": "accuracy.difference", "at_least": -0.05}],
}
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


class Terminal(io.StringIO):
    """A stream that says it is one."""

    def isatty(self) -> bool:
        return True


def evalkit(*arguments: str | Path, stream: type[io.StringIO] = io.StringIO) -> Ended:
    """The command line in this process, as `evalkit ARGUMENTS` would have been."""
    out, err = stream(), stream()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main([str(each) for each in arguments])
        except SystemExit as ended:
            code = ended.code
    assert isinstance(code, int)
    return Ended(code=code, out=out.getvalue(), err=err.getvalue())


def process(*arguments: str | Path, python: Sequence[str] = (), **options: Any) -> subprocess.CompletedProcess[str]:
    """The same in a process of its own, where imports, streams and signals matter."""
    command = [sys.executable, *python, "-m", "evalkit", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, **options)


def lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """Rows as JSONL."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def dump(path: Path, value: Any) -> Path:
    """A value as YAML."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(value, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return path


def examples(n: int) -> Rows:
    """Rows of a suite: every label equally often, two languages, one in ten critical."""
    return [
        {
            "id": f"e{index}",
            "text": f"question {index}",
            "intent": LABELS[index % 3],
            "language": "de" if index % 2 else "en",
            "severity": "critical" if index % 10 == 0 else "normal",
        }
        for index in range(n)
    ]


def suite_file(name: str = "intents", **over: Any) -> dict[str, Any]:
    """suite.yaml as a value; None leaves a key out."""
    value = {
        "schema": "evalkit/suite/v1",
        "name": name,
        "kind": "gold",
        "task": "classify",
        "version": 1,
        "data": {"path": "examples.jsonl"},
        "columns": {
            "id": "id",
            "input": "text",
            "target": "intent",
            "slices": ["language"],
            "severity": "severity",
        },
        "labels": list(LABELS),
        **over,
    }
    return {key: each for key, each in value.items() if each is not None}


def suite(root: Path, name: str = "intents", rows: Rows | None = None, n: int = 30, **over: Any) -> Path:
    """A suite's folder under `root`/suites."""
    folder = root / "suites" / name
    dump(folder / "suite.yaml", suite_file(name, **over))
    lines(folder / "examples.jsonl", examples(n) if rows is None else rows)
    return folder


def wrong(label: str) -> str:
    return LABELS[(LABELS.index(label) + 1) % 3]


def answers(n: int, mistaken: Callable[[int], bool] = lambda index: False, probs: bool = True) -> Rows:
    """A recording of `examples(n)`: right but where it is mistaken."""
    rows: Rows = []
    for index, row in enumerate(examples(n)):
        label = wrong(row["intent"]) if mistaken(index) else row["intent"]
        answer = {"probs": [0.8 if each == label else 0.1 for each in LABELS]} if probs else {"label": label}
        rows.append({"id": row["id"], **answer})
    return rows


def plan(root: Path, **over: Any) -> Path:
    """A plan that compares teacher.jsonl with student.jsonl on suites/intents by policy.yaml; None leaves a key out."""
    value = {
        "schema": "evalkit/plan/v1",
        "teacher": "recorded:teacher.jsonl",
        "student": "recorded:student.jsonl",
        "suites": ["suites/intents"],
        "policy": "policy.yaml",
        **over,
    }
    return dump(root / "evalkit.yaml", {key: each for key, each in value.items() if each is not None})


def project(
    root: Path,
    n: int = 300,
    teacher_errs: Callable[[int], bool] = lambda index: index % 20 == 0,
    student_errs: Callable[[int], bool] = lambda index: index % 20 == 0,
    policy: Mapping[str, Any] = POLICY,
    **over: Any,
) -> Path:
    """A whole project that runs: suite, recordings, policy, plan. Returns the plan."""
    suite(root, n=n)
    lines(root / "teacher.jsonl", answers(n, teacher_errs))
    lines(root / "student.jsonl", answers(n, student_errs))
    dump(root / "policy.yaml", dict(policy))
    return plan(root, **over)


def criteria(*rules: Mapping[str, Any], **over: Any) -> dict[str, Any]:
    """A policy of these rules, each with an id of its own."""
    named = [{"id": f"c{index}", **rule} for index, rule in enumerate(rules)]
    return {"schema": "evalkit/policy/v1", "criteria": named, **over}


def verdict(run: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((run / "verdict.json").read_text(encoding="utf-8"))
    return read


def metrics(run: Path, slice_name: str | None = None) -> dict[str, Any]:
    """Metric name to its row in results.json, on the whole suite or one slice."""
    read = json.loads((run / "results.json").read_text(encoding="utf-8"))
    return {row["metric"]: row for row in read["metrics"] if row["slice"] == slice_name}


def tree(root: Path) -> dict[str, bytes]:
    """Every file under a folder with its bytes."""
    return {os.path.relpath(path, root): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}
