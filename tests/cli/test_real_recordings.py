"""Recordings that others published, gated end to end: worked sums (GSM8K) and refusals (XSTest).

The data stays where it lies beside the checkout; nothing of it is in the project.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.cli import project

Rows = list[dict[str, Any]]


def rows_of(shared: Path, *parts: str) -> Rows:
    path = shared.joinpath("data", *parts)
    if not path.is_file():
        pytest.skip(f"the shared folder holds no {'/'.join(parts)}")
    found: Rows = pq.read_table(path).to_pylist()
    return found


@pytest.fixture
def sums(tmp_path: Path, shared: Path, monkeypatch: pytest.MonkeyPatch) -> Rows:
    """A suite of 400 worked sums, and a recording of each of four models beside the plan."""
    rows = rows_of(shared, "gsm8k", "recorded_solutions_400.parquet")
    one = rows[0]["model"]
    questions = [row for row in rows if row["model"] == one]
    project.suite(
        tmp_path,
        "sums",
        [{"id": each["id"], "question": each["question"], "target": each["ground_truth"]} for each in questions],
        task="generate",
        scorer="numeric",
        labels=None,
        columns={"id": "id", "input": "question", "target": "target"},
    )
    for model in {row["model"] for row in rows}:
        said = [{"id": row["id"], "text": row["solution"]} for row in rows if row["model"] == model]
        project.lines(tmp_path / f"{model}.jsonl", said)
    monkeypatch.chdir(tmp_path)
    return rows


def gated(teacher: str, student: str, suite: str, policy: str) -> project.Ended:
    models = {"teacher": f"recorded:{teacher}.jsonl", "student": f"recorded:{student}.jsonl"}
    project.plan(Path(), suites=[f"suites/{suite}"], policy=policy, **models)
    return project.evalkit("gate", "--out", "run")


def test_a_smaller_model_that_loses_fails(sums: Rows, check_run: Callable[..., list[str]]) -> None:
    ended = gated("175b_verification", "6b_verification", "sums", "recovery-95")
    assert ended.code == 1
    assert check_run("run", 1) == []
    right = {model: sum(row["is_correct"] for row in sums if row["model"] == model) for model in ("175b_verification",)}
    seen = project.metrics(Path("run"))["accuracy.teacher"]["estimate"]
    assert seen["value"] == pytest.approx(right["175b_verification"] / 400)


def test_a_smaller_model_that_scores_higher_is_said_to(sums: Rows, check_run: Callable[..., list[str]]) -> None:
    ended = gated("175b_finetuning", "6b_verification", "sums", "recovery-95")
    assert ended.code != 1
    assert check_run("run", ended.code) == []
    # By 10 of 400 sums, which chance alone could give: the report says that, too.
    assert project.metrics(Path("run"))["accuracy.difference"]["estimate"]["value"] > 0
    said = "the student scored higher than its teacher on sums"
    assert said in ended.out
    for report in ("report.html", "summary.md"):
        assert said in Path("run", report).read_text(encoding="utf-8")


@pytest.fixture
def refusals(tmp_path: Path, shared: Path, monkeypatch: pytest.MonkeyPatch) -> Rows:
    """A suite of 450 prompts, and the answers of two models, as written and as people labelled them."""
    rows = rows_of(shared, "xstest", "recorded_completions_llama2.parquet")
    words = {"1_full_compliance": "complied", "2_full_refusal": "refused", "3_partial_refusal": "undetermined"}
    models = {row["model"] for row in rows}
    first = [row for row in rows if row["model"] == min(models)]
    project.suite(
        tmp_path,
        "prompts",
        [{"id": row["id"], "prompt": row["prompt"], "expect": row["expected"], "type": row["type"]} for row in first],
        kind="safety-refusal",
        task="generate",
        labels=None,
        columns={"id": "id", "input": "prompt", "expect": "expect", "slices": ["type"]},
    )
    for model in models:
        mine = [row for row in rows if row["model"] == model]
        said = [{"id": row["id"], "text": row["completion"], "human": words[row["final_label"]]} for row in mine]
        project.lines(tmp_path / f"{model}.jsonl", said)
        project.lines(tmp_path / f"{model}-human.jsonl", [{"id": each["id"], "label": each["human"]} for each in said])
    monkeypatch.chdir(tmp_path)
    return rows


def share_refused(rows: Rows, model: str, expected: str) -> float:
    """By the people who labelled: anything but a full answer for benign prompts, full refusals for harmful ones."""
    mine = [row["final_label"] for row in rows if row["model"] == model and row["expected"] == expected]
    hits = [each != "1_full_compliance" if expected == "comply" else each == "2_full_refusal" for each in mine]
    return sum(hits) / len(hits)


def test_human_labels_give_the_published_rates(refusals: Rows, check_run: Callable[..., list[str]]) -> None:
    ended = gated("llama2orig-human", "llama2new-human", "prompts", "safety-strict")
    assert check_run("run", ended.code) == []
    seen = {name: row["estimate"] for name, row in project.metrics(Path("run")).items()}
    for role, model in (("teacher", "llama2orig"), ("student", "llama2new")):
        expected = {each: share_refused(refusals, model, each) for each in ("refuse", "comply")}
        assert seen[f"safety.refusal_rate.{role}"]["value"] == pytest.approx(expected["refuse"])
        assert seen[f"safety.over_refusal.{role}"]["value"] == pytest.approx(expected["comply"])


def test_the_detector_sees_the_student_refuse_less(refusals: Rows, check_run: Callable[..., list[str]]) -> None:
    ended = gated("llama2orig", "llama2new", "prompts", "safety-strict")
    assert check_run("run", ended.code) == []
    seen = {name: row["estimate"] for name, row in project.metrics(Path("run")).items()}
    # The two runs differ in their system prompt: people found far fewer needless refusals in the second.
    assert seen["safety.over_refusal.difference"]["high"] < 0
    for role, model in (("teacher", "llama2orig"), ("student", "llama2new")):
        by_people = share_refused(refusals, model, "comply")
        assert abs(seen[f"safety.over_refusal.{role}"]["value"] - by_people) < 0.08
    assert project.evalkit("verify", "run").code == 0


def test_an_override_corrects_a_recorded_teacher(refusals: Rows) -> None:
    corrected = {"backend": "recorded", "path": "llama2orig.jsonl", "override": "human"}
    for name, teacher in (("plain", "recorded:llama2orig-human.jsonl"), ("corrected", corrected)):
        models = {"teacher": teacher, "student": "recorded:llama2new.jsonl"}
        project.plan(Path(), suites=["suites/prompts"], policy="safety-strict", **models)
        project.evalkit("gate", "--quiet", "--out", name)
    plain, override = (project.metrics(Path(name)) for name in ("plain", "corrected"))
    assert override["safety.refusal_rate.teacher"]["estimate"] == plain["safety.refusal_rate.teacher"]["estimate"]
