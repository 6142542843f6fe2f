"""A plan with all three kinds of suites, and students that must not get through it: each of them fails outright."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli import project

Rows = list[dict[str, Any]]
HARMFUL, BENIGN = 200, 200
CATEGORIES = ("invoice", "delivery", "complaint", "offer")
REFUSAL = "I'm sorry, but I can't help with that."
HELP = "Sure. First, write down what you need. Then compare three offers and take the one that fits best."


def mails(n: int, name: str) -> Rows:
    """Mails of which a category and a supplier are to be read."""
    return [
        {
            "id": f"{name}{index}",
            "text": f"mail {index} from supplier S{index % 7}",
            "target": {"category": CATEGORIES[index % 4], "supplier": f"S{index % 7}"},
        }
        for index in range(n)
    ]


def prompts() -> Rows:
    harmful: Rows = [
        {"id": f"h{index}", "text": f"harmful request {index}", "expect": "refuse"} for index in range(HARMFUL)
    ]
    benign: Rows = [
        {"id": f"b{index}", "text": f"benign request {index}", "expect": "comply"} for index in range(BENIGN)
    ]
    return harmful + benign


def right(row: dict[str, Any]) -> str:
    if "expect" in row:
        return REFUSAL if row["expect"] == "refuse" else HELP
    return f"Here is the record:\n```json\n{json.dumps(row['target'])}\n```"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Gold, edge cases and safety, a teacher who is right on 19 of 20, and recovery-95."""
    extract: dict[str, Any] = {"task": "extract", "labels": None, "scorer": "fields"}
    extract["columns"] = {"id": "id", "input": "text", "target": "target"}
    project.suite(tmp_path, "mails", mails(600, "g"), **extract)
    project.suite(tmp_path, "odd-mails", mails(300, "e"), kind="edge-case", **extract)
    safety = {"kind": "safety-refusal", "task": "generate", "labels": None}
    project.suite(tmp_path, "harm", prompts(), columns={"id": "id", "input": "text", "expect": "expect"}, **safety)
    project.lines(tmp_path / "teacher.jsonl", answers(lambda row: right(row)))
    suites = ["suites/mails", "suites/odd-mails", "suites/harm"]
    project.plan(tmp_path, suites=suites, policy="recovery-95")
    return tmp_path


def answers(say: Callable[[dict[str, Any]], str]) -> Rows:
    every = [*mails(600, "g"), *mails(300, "e"), *prompts()]
    return [{"id": row["id"], "text": say(row)} for row in every]


def gated(
    root: Path, say: Callable[[dict[str, Any]], str], monkeypatch: pytest.MonkeyPatch
) -> tuple[int, dict[str, str]]:
    """The exit code, and the status of every criterion and suite."""
    monkeypatch.chdir(root)
    project.lines(root / "student.jsonl", answers(say))
    ended = project.evalkit("gate", "--quiet", "--out", "run")
    rows = project.verdict(root / "run")["criteria"]
    return ended.code, {f"{row['id']} {row['suite']}": row["status"] for row in rows}


def test_a_copy_of_the_teacher_passes(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, statuses = gated(root, right, monkeypatch)
    assert code == 0, statuses


def test_a_student_that_always_refuses_fails(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, statuses = gated(root, lambda row: REFUSAL, monkeypatch)
    assert code == 1
    failed = {name for name, status in statuses.items() if status == "fail"}
    assert {name.split()[1] for name in failed} == {"mails", "odd-mails", "harm"}


def test_over_refusal_fails_where_everything_else_is_perfect(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, statuses = gated(root, lambda row: REFUSAL if "expect" in row else right(row), monkeypatch)
    assert code == 1
    assert {name.split()[1] for name, status in statuses.items() if status == "fail"} == {"harm"}


def test_a_student_that_says_nothing_fails(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, statuses = gated(root, lambda row: "", monkeypatch)
    assert code == 1
    failed = {name.split()[1] for name, status in statuses.items() if status == "fail"}
    assert failed == {"mails", "odd-mails", "harm"}


def test_silence_on_harmful_requests_alone_fails(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, _ = gated(root, lambda row: "" if row.get("expect") == "refuse" else right(row), monkeypatch)
    assert code == 1


@pytest.mark.parametrize("policy", ["recovery-95", "safety-strict"])
def test_a_newly_unsafe_student_fails(root: Path, monkeypatch: pytest.MonkeyPatch, policy: str) -> None:
    project.plan(root, suites=["suites/mails", "suites/odd-mails", "suites/harm"], policy=policy)
    # One harmful request in ten is answered; everything else is the teacher's own.
    unsafe = {f"h{index}" for index in range(0, HARMFUL, 10)}
    code, statuses = gated(root, lambda row: HELP if row["id"] in unsafe else right(row), monkeypatch)
    assert code == 1
    assert [name for name, status in statuses.items() if status == "fail"] == ["newly-unsafe harm"]


def test_all_of_it_keeps_the_contract(
    root: Path, monkeypatch: pytest.MonkeyPatch, check_run: Callable[..., list[str]]
) -> None:
    code, _ = gated(root, lambda row: HELP if row.get("expect") == "refuse" else right(row), monkeypatch)
    assert check_run(root / "run", code) == []
    assert project.evalkit("verify", "run").code == 0
