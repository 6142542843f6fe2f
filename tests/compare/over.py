"""Runs to compare and to list: real ones from recordings of labels, and the records of runs alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.cli import project
from tests.cli.project import Ended, evalkit

Wrong = Callable[[int], bool]


def run(root: Path, out: str, student: Wrong, *, n: int = 120, teacher: Wrong | None = None, **more: Any) -> Path:
    """A finished run of a student that is wrong where `student` says, in root/`out`. `policy` and `suite` are keys of
    their files; what else is given is a key of the plan."""
    suite, policy, code = more.pop("suite", {}), more.pop("policy", None), more.pop("code", None)
    name = more.pop("name", out)
    project.suite(root, n=n, **suite)
    project.dump(root / "policy.yaml", policy or {**project.POLICY, "level": 0.95})
    project.lines(root / "teacher.jsonl", project.answers(n, teacher or every(10), probs=False))
    project.lines(root / f"{name}.jsonl", project.answers(n, student, probs=False))
    plan = project.plan(root, student=f"recorded:{name}.jsonl", **more)
    ended = evalkit("gate", plan, "--out", root / out, "--cache", root / "cache", "--quiet")
    assert ended.code in ({code} if code is not None else {0, 1, 3}), ended.err
    return root / out


def every(step: int, start: int = 0) -> Wrong:
    """Wrong on every `step`-th example, from `start` on."""
    return lambda index: index >= start and (index - start) % step == 0


def plain(ended: Ended) -> list[str]:
    """What a command printed, as lines; it must have ended well."""
    assert (ended.code, ended.err) == (0, "")
    return ended.out.splitlines()


# --- the records of a run, written by hand -------------------------------------------------------


def criterion(value: float, half: float, bound: float, *, id: str = "kept", **over: Any) -> dict[str, Any]:
    """A row of verdict.json, decided as a policy would have."""
    low, high = value - half, value + half
    status = "pass" if low > bound else "fail" if high < bound else "inconclusive"
    return {
        "id": id,
        "metric": "accuracy.retention",
        "suite": "intents",
        "slice": None,
        "where": None,
        "versus": "teacher",
        "effect": "block",
        "on_missing": "inconclusive",
        "status": status,
        "estimate": {"value": value, "low": low, "high": high, "level": 0.9, "n": 100, "method": "by hand"},
        "undefined": None,
        "bound": {"at_least": bound},
        "by": "interval",
        "reason": "",
        "examples": [],
        **over,
    }


def records(
    folder: Path,
    started: str,
    criteria: Iterable[Mapping[str, Any]],
    *,
    word: str | None = None,
    policy: str = "sha256:p1",
    version: int = 1,
    **over: Any,
) -> Path:
    """A run's manifest.json and verdict.json and nothing else; `over` goes into the manifest."""
    rows = list(criteria)
    seen = {row["status"] for row in rows}
    found = word or next((each for each in ("fail", "inconclusive") if each in seen), "pass")
    codes = {"pass": 0, "fail": 1, "inconclusive": 3, "broken": 4, "empty": 5, "ungated": 0}
    folder.mkdir(parents=True)
    verdict = {
        "schema": "evalkit/verdict/v1",
        "verdict": found,
        "exit_code": codes[found],
        "reasons": ["the endpoint went away"] if found == "broken" else [],
        "waivers": [],
        "criteria": rows,
    }
    (folder / "verdict.json").write_text(json.dumps(verdict), encoding="utf-8")
    manifest = {
        "schema": "evalkit/manifest/v1",
        "run_id": f"id-{started}",
        "started": started,
        "policy": {"name": "recovery", "digest": policy},
        "models": {
            "teacher": {"name": "large", "digest": "sha256:t1"},
            "student": {"name": "small", "digest": "sha256:s1"},
        },
        "suites": [{"name": "intents", "version": version, "digest": f"sha256:suite{version}"}],
        **over,
    }
    if found != "broken":
        (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


def broken(folder: Path, started: str, policy: str = "sha256:p1") -> Path:
    """A run that broke: a verdict, no manifest, and a junit.xml that says when and what."""
    records(folder, started, [], word="broken")
    properties = {"run": f"id-{started}", "student.name": "small", "teacher.name": "large", "policy.digest": policy}
    told = "".join(f'<property name="{name}" value="{value}"/>\n' for name, value in properties.items())
    text = f'<testsuites name="evalkit">\n<testsuite name="evalkit.gate" tests="1" timestamp="{started[:19]}">\n'
    (folder / "junit.xml").write_text(f"{text}<properties>\n{told}</properties>", encoding="utf-8")
    return folder


def four(root: Path) -> Path:
    """Three runs and a broken one; the third has another policy and another version of its suite."""
    records(root / "b", "2026-01-01T08:00:00.000Z", [criterion(0.90, 0.03, 0.95)])
    records(root / "a", "2026-01-02T08:00:00.000Z", [criterion(0.94, 0.03, 0.95)])
    broken(root / "deep" / "d", "2026-01-03T08:00:00.000Z")
    records(
        root / "deep" / "c",
        "2026-01-04T08:00:00.000Z",
        [criterion(0.99, 0.01, 0.97)],
        policy="sha256:p2",
        version=2,
    )
    return root
