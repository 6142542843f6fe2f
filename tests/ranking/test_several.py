"""Several students from the command line: a run for each, what is kept and what is refused, how it ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evalkit.backends.fake import Fake
from evalkit.types import Output, Request
from tests.cli import project
from tests.cli.project import evalkit
from tests.ranking import several
from tests.ranking.several import every, gate, places, ranking
from tests.runs import contract

THREE = {"good": every(10), "unsure": lambda index: index % 10 == 0 or index % 23 == 0, "bad": every(4)}


# --- runs --------------------------------------------------------------------------------------------


def test_each_student_gets_a_run_of_its_own_and_the_ranking_lies_beside_them(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    several.of(tmp_path, THREE)
    ended = gate(tmp_path)
    assert (ended.code, ended.err) == (1, "")
    out = tmp_path / "out"
    names = {each.name for each in out.iterdir()}
    assert names == {"good", "unsure", "bad", "ranking.json", "ranking.md", "ranking.html"}
    check = contract(request)
    for name, code in (("good", 0), ("unsure", 3), ("bad", 1)):
        assert check(out / name, code) == []
    assert places(ranking(tmp_path)) == [(1, "good", "pass"), (2, "unsure", "inconclusive"), (3, "bad", "fail")]


def test_a_run_of_several_is_the_run_of_that_student_alone(tmp_path: Path) -> None:
    several.of(tmp_path, THREE)
    gate(tmp_path)
    for name in THREE:
        gate(tmp_path, "--student", f"recorded:{tmp_path / name}.jsonl", out=f"alone/{name}")
        for file in ("results.json", "verdict.json", "pairs.parquet"):
            assert (tmp_path / "alone" / name / file).read_bytes() == (tmp_path / "out" / name / file).read_bytes()


def test_a_student_is_called_in_its_run_as_in_the_plan(tmp_path: Path) -> None:
    several.of(
        tmp_path, THREE, students=["recorded:good.jsonl", {"backend": "recorded", "path": "bad.jsonl", "name": "v2"}]
    )
    gate(tmp_path)
    manifest = json.loads((tmp_path / "out" / "v2" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["models"]["student"]["name"] == "v2"
    assert "v2" in (tmp_path / "out" / "v2" / "model-card.md").read_text(encoding="utf-8")


def test_without_a_folder_the_runs_lie_in_one_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    several.of(tmp_path, THREE)
    monkeypatch.chdir(tmp_path)
    ended = evalkit("gate", "--quiet")
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name.endswith("-students")
    assert (folder / "good" / "manifest.json").is_file()
    assert f"page  runs/{folder.name}/ranking.html" in ended.out


def test_an_audit_of_several_decides_nothing(tmp_path: Path) -> None:
    several.of(tmp_path, THREE)
    assert gate(tmp_path, command="audit").code == 0
    found = ranking(tmp_path)
    assert (found["verdict"], found["may_replace"], found["best"], found["policy"]) == ("ungated", [], [], None)
    assert [each["student"] for each in found["students"]] == ["good", "unsure", "bad"]


# --- how it ends -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "code", "word"),
    [
        (["good"], 0, "pass"),
        (["good", "again"], 0, "pass"),
        (["good", "unsure"], 3, "inconclusive"),
        (["good", "unsure", "bad"], 1, "fail"),
        (["good", "bad", "errs"], 4, "broken"),
    ],
)
def test_the_worst_verdict_is_the_exit_code(tmp_path: Path, names: list[str], code: int, word: str) -> None:
    several.of(tmp_path, {**THREE, "again": every(11)}, students=[f"recorded:{each}.jsonl" for each in names])
    project.lines(
        tmp_path / "errs.jsonl", [{"id": f"e{index}", "status": "error", "error": "gone"} for index in range(240)]
    )
    ended = gate(tmp_path)
    assert ended.code == code
    found = ranking(tmp_path)
    assert (found["verdict"], found["exit_code"]) == (word, code)
    assert "good" in found["may_replace"]
    assert f"exit {code} ({word}: the worst verdict of {len(names)})" in ended.out


def test_nothing_to_ask_is_empty_for_all_of_them(tmp_path: Path) -> None:
    several.of(tmp_path, THREE)
    ended = gate(tmp_path, "--limit", "0")
    assert ended.code == 5
    assert places(ranking(tmp_path)) == [(1, name, "empty") for name in THREE]


def test_a_student_that_breaks_costs_the_others_nothing(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    several.of(tmp_path, {}, teacher=None, students=["fake:broken=run,name=dead", "fake:seed=1,accuracy=0.99"])
    project.plan(
        tmp_path,
        teacher="fake:",
        student=None,
        students=["fake:broken=run,name=dead", "fake:seed=1,accuracy=0.99,name=well"],
    )
    ended = gate(tmp_path)
    assert ended.code == 4
    found = ranking(tmp_path)
    assert [(each["student"], each["verdict"]) for each in found["students"]][-1] == ("dead", "broken")
    assert contract(request)(tmp_path / "out" / "dead", 4) == []
    assert contract(request)(tmp_path / "out" / "well") == []
    dead = found["students"][-1]
    assert dead["columns"] == {}
    assert dead["reasons"]
    assert dead["above"]["by"] == "verdict"


def test_json_prints_the_ranking(tmp_path: Path) -> None:
    several.of(tmp_path, THREE)
    ended = gate(tmp_path, "--json")
    assert json.loads(ended.out) == ranking(tmp_path)
    assert ended.out == (tmp_path / "out" / "ranking.json").read_text(encoding="utf-8")


# --- once more ---------------------------------------------------------------------------------------


def test_the_same_command_keeps_what_is_finished_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    several.of(tmp_path, THREE)
    gate(tmp_path)
    before = project.tree(tmp_path / "out")
    monkeypatch.setattr("evalkit.ranking.carry_out", lambda *given: pytest.fail("a finished run was asked again"))
    assert gate(tmp_path).code == 1
    assert project.tree(tmp_path / "out") == before


def test_an_interrupted_command_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    students = [f"fake:accuracy=0.9{seed},seed={seed},name=s{seed}" for seed in (1, 2, 3)]
    several.of(tmp_path, {}, teacher=None)
    project.plan(tmp_path, teacher="fake:", student=None, students=students)
    gate(tmp_path, out="whole")
    original = Fake.run
    asked: list[str] = []

    def run(this: Fake, requests: list[Request]) -> list[Output]:
        asked.append(f"{this.role} {this.spec.name}")
        if this.spec.name == "s2" and len(asked) < 100 and not (tmp_path / "again").exists():
            raise KeyboardInterrupt
        return original(this, requests)

    monkeypatch.setattr(Fake, "run", run)
    (tmp_path / "cache").rename(tmp_path / "gone")
    assert gate(tmp_path).code == 130
    assert (tmp_path / "out" / "s1" / "manifest.json").is_file()
    assert not (tmp_path / "out" / "s3").exists()
    assert not (tmp_path / "out" / "ranking.json").exists()
    (tmp_path / "again").mkdir()
    asked.clear()
    gate(tmp_path)
    assert {each.partition(" ")[0] for each in asked} == {"student"}
    assert {each.partition(" ")[2] for each in asked} == {"s2", "s3"}
    for name in ("s1", "s2", "s3"):
        for file in ("results.json", "verdict.json"):
            assert (tmp_path / "out" / name / file).read_bytes() == (tmp_path / "whole" / name / file).read_bytes()
    for file in ("ranking.json", "ranking.md", "ranking.html"):
        assert (tmp_path / "out" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()


def test_a_student_more_leaves_the_others_as_they_are(tmp_path: Path) -> None:
    several.of(tmp_path, THREE, students=["recorded:good.jsonl", "recorded:bad.jsonl"])
    gate(tmp_path)
    before = project.tree(tmp_path / "out" / "good")
    several.of(tmp_path, THREE)
    gate(tmp_path)
    assert project.tree(tmp_path / "out" / "good") == before
    assert len(ranking(tmp_path)["students"]) == 3


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"seed": 1}, "the seed"),
        ({"noise_floor": 5, "teacher_again": "good.jsonl"}, "the noise floor"),
        ({"policy": "recovery-95"}, "the policy"),
        ({"costs": {"teacher": 2}}, "the prices or the fallback"),
        ({"teacher": "recorded:bad.jsonl"}, "the teacher"),
        ({"latency": {"prompts": 3}}, "the timing protocol"),
        ({"batch_shape_audit": 0}, "the batch-shape audit"),
    ],
)
def test_a_finished_run_of_another_plan_is_refused_and_left_alone(
    tmp_path: Path, change: dict[str, Any], word: str
) -> None:
    several.of(tmp_path, THREE, students=["recorded:good.jsonl"])
    gate(tmp_path)
    before = project.tree(tmp_path / "out")
    project.plan(tmp_path, **{"student": None, "students": ["recorded:good.jsonl", "recorded:bad.jsonl"], **change})
    ended = gate(tmp_path)
    assert ended.code == 2
    assert "out/good holds a finished run of another plan (" in ended.err
    assert word in ended.err
    assert project.tree(tmp_path / "out") == before


def test_another_suite_or_student_under_the_same_name_is_refused(tmp_path: Path) -> None:
    several.of(tmp_path, THREE)
    gate(tmp_path)
    project.suite(tmp_path, n=240, columns=several.COLUMNS, version=2)
    assert "(a suite is not the same)" in gate(tmp_path).err
    project.suite(tmp_path, n=240, columns=several.COLUMNS)
    project.lines(tmp_path / "bad.jsonl", project.answers(240, every(5), probs=False))
    ended = gate(tmp_path)
    assert ended.code == 2
    assert "out/bad holds a finished run of another plan (the student is not the same)" in ended.err
    assert "out/good" not in ended.err


def test_a_record_that_was_changed_ends_in_4(tmp_path: Path) -> None:
    several.of(tmp_path, THREE)
    gate(tmp_path)
    results = tmp_path / "out" / "good" / "results.json"
    results.write_text(results.read_text(encoding="utf-8").replace("0.9", "0.8"), encoding="utf-8")
    ended = gate(tmp_path)
    assert ended.code == 4
    assert "is not the file that the manifest beside it recorded" in ended.err


@pytest.mark.parametrize("name", ["notes.txt", "other/notes.txt", "verdict.json"])
def test_a_folder_that_holds_anything_else_is_refused(tmp_path: Path, name: str) -> None:
    several.of(tmp_path, THREE)
    path = tmp_path / "out" / name
    path.parent.mkdir(parents=True)
    path.write_text("mine", encoding="utf-8")
    ended = gate(tmp_path)
    assert ended.code == 2
    assert {each.relative_to(tmp_path / "out").as_posix() for each in path.parents[0].iterdir()} == {name}
