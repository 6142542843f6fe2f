"""Where a gate takes its parts from: files, options, names; and the commands that run no model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli import project
from tests.cli.project import evalkit


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def ids(run: Path) -> list[str]:
    import pyarrow.parquet

    found: list[str] = pyarrow.parquet.read_table(run / "pairs.parquet")["id"].to_pylist()
    return found


# --- where things are --------------------------------------------------------------------------------


def test_a_gate_needs_no_plan_when_the_options_say_everything(tmp_path: Path) -> None:
    project.project(tmp_path, n=12).unlink()
    options = "--teacher recorded:teacher.jsonl --student recorded:student.jsonl --suite suites/intents"
    ended = evalkit("gate", *options.split(), "--policy", "policy.yaml", "--out", "run", "--quiet")
    assert ended.code == 3, ended.err


def test_paths_in_a_file_are_relative_to_it_and_options_to_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.project(tmp_path / "project", n=12)
    here = tmp_path / "here"
    project.lines(here / "student.jsonl", project.answers(12, lambda index: True))
    project.dump(here / "policy.yaml", project.criteria({"metric": "accuracy.student", "at_least": 0.5}))
    monkeypatch.chdir(here)
    plain = evalkit("gate", "../project", "--out", "plain", "--quiet")
    assert plain.code == 3, plain.err
    over = ("--student", "recorded:student.jsonl", "--policy", "policy.yaml", "--out", "over", "--quiet")
    assert evalkit("gate", "../project/evalkit.yaml", *over).code == 1
    models = json.loads((here / "over" / "manifest.json").read_text())["models"]
    assert models["student"]["path"] == str(here / "student.jsonl")
    assert models["teacher"]["path"] == str(tmp_path / "project" / "teacher.jsonl")


def test_one_of_the_plans_suites_is_chosen_by_name(tmp_path: Path) -> None:
    project.project(tmp_path / "project", n=12, suites=["suites/intents", "suites/edge"])
    project.suite(tmp_path / "project", "edge", n=6, kind="edge-case")
    rows = [{**row, "suite": name} for name, n in (("intents", 12), ("edge", 6)) for row in project.answers(n)]
    for role in ("teacher", "student"):
        project.lines(tmp_path / "project" / f"{role}.jsonl", rows)
    ended = evalkit("audit", "project", "--suite", "edge", "--out", "run", "--quiet")
    assert ended.code == 0, ended.err
    manifest = json.loads(Path("run/manifest.json").read_text())
    assert [each["name"] for each in manifest["suites"]] == ["edge"]
    assert manifest["models"]["student"]["settings"]["extra_ids"] == 12


def test_a_limit_draws_with_the_seed_and_keeps_the_order(tmp_path: Path) -> None:
    project.project(tmp_path, n=40)
    drawn = {}
    for name, more in (("a", []), ("b", []), ("other", ["--seed", "1"])):
        assert evalkit("gate", "--limit", "8", "--out", name, "--quiet", *more).code == 3
        drawn[name] = ids(Path(name))
    assert drawn["a"] == drawn["b"] != drawn["other"]
    assert len(drawn["a"]) == 8
    whole = [row["id"] for row in project.examples(40)]
    assert drawn["a"] == [each for each in whole if each in drawn["a"]] != whole[:8]
    assert Path("a/results.json").read_bytes() == Path("b/results.json").read_bytes()
    assert json.loads(Path("a/manifest.json").read_text())["limit"] == 8


def test_a_slice_that_the_limit_misses_is_no_mistake(tmp_path: Path) -> None:
    rule = {"metric": "accuracy.difference", "slice": "language=fr", "at_least": -0.5}
    project.project(tmp_path, n=12, policy=project.criteria(rule))
    rows = project.examples(12)
    project.suite(tmp_path, rows=[{**rows[0], "language": "fr"}, *({**row, "language": None} for row in rows[1:])])
    ended = evalkit("gate", "--limit", "1", "--out", "run", "--quiet")
    assert ended.code == 3, ended.err


def test_runs_of_the_same_second_get_directories_of_their_own(tmp_path: Path) -> None:
    project.project(tmp_path, n=6)
    for _ in range(3):
        assert evalkit("gate", "--limit", "0", "--quiet").code == 5
    assert len(list((tmp_path / "runs").iterdir())) == 3


def test_a_finished_run_can_be_a_student(tmp_path: Path) -> None:
    project.project(tmp_path, n=12)
    assert evalkit("audit", "--out", "first", "--quiet").code == 0
    ended = evalkit("audit", "--student", "first", "--out", "second", "--quiet")
    assert ended.code == 0, ended.err
    assert Path("first/results.json").read_bytes() == Path("second/results.json").read_bytes()


def test_a_broken_run_cannot_be_a_student(tmp_path: Path) -> None:
    project.project(tmp_path, n=12, student="fake:broken=run")
    assert evalkit("gate", "--out", "first", "--quiet").code == 4
    ended = evalkit("gate", "--student", "recorded:first", "--out", "second", "--quiet")
    assert ended.code == 2
    assert "not a finished run" in ended.err


# --- suites ------------------------------------------------------------------------------------------


def test_a_clean_suite_has_no_findings(tmp_path: Path) -> None:
    folder = project.suite(tmp_path)
    assert evalkit("suite", "lint", folder).out == "no findings in 1 suite\n"
    assert json.loads(evalkit("suite", "lint", folder, "--json").out) == {"findings": []}


def test_findings_end_in_2_and_go_to_stdout(tmp_path: Path) -> None:
    weak = project.suite(tmp_path, "weak", rows=[*project.examples(9), {**project.examples(1)[0], "id": "again"}])
    ended = evalkit("suite", "lint", weak, "suites/weka")
    assert ended.code == 2
    assert "finding: 1 examples repeat the input of another: again" in ended.out
    assert 'did you mean "weak"?' in ended.out
    assert ended.err == ""
    findings = json.loads(evalkit("suite", "lint", weak, "--json").out)["findings"]
    assert [set(each) for each in findings] == [{"problem", "remedy", "place"}]


def test_a_suite_is_shown(tmp_path: Path) -> None:
    folder = project.suite(tmp_path, n=9, prompt="Classify: {{ text }}")
    ended = evalkit("suite", "show", folder, "--examples", "1")
    assert ended.code == 0
    for said in ("intents  version 1  gold  classify", "9 examples, 9 with a target", "en 5, de 4"):
        assert said in ended.out
    assert ended.out.endswith("--- e0  target: card_lost\nClassify: question 0\n")


def test_a_suite_under_suites_goes_by_its_name(tmp_path: Path) -> None:
    folder = project.suite(tmp_path, "mine", n=30)
    assert evalkit("suite", "lint", "mine").out == "no findings in 1 suite\n"
    assert evalkit("suite", "show", "mine").out == evalkit("suite", "show", folder).out
    by_name = evalkit("power", "--margin", "0.1", "--suite", "mine")
    assert by_name.code == 0
    assert "30 examples" in by_name.out


def test_ones_own_suite_comes_before_the_shipped_one_and_a_path_before_both(tmp_path: Path) -> None:
    shipped = evalkit("suite", "show", "support-intents", "--examples", "0").out
    project.suite(tmp_path, "support-intents", n=9)
    own = evalkit("suite", "show", "support-intents", "--examples", "0").out
    assert own != shipped
    assert "9 examples" in own
    project.suite(tmp_path / "elsewhere", "x", n=12)
    (tmp_path / "elsewhere" / "suites" / "x").rename(tmp_path / "support-intents")
    assert "12 examples" in evalkit("suite", "show", "support-intents").out


# --- power -------------------------------------------------------------------------------------------


def test_power_says_how_many_examples(tmp_path: Path) -> None:
    answer = json.loads(evalkit("power", "--margin", "0.02", "--json").out)
    assert answer["examples_needed"] == 1565
    assert answer["minimum_detectable_drop"] is None
    assert "1565 examples" in evalkit("power", "--margin", "0.02").out


def test_power_takes_n_from_a_suite(tmp_path: Path) -> None:
    folder = project.suite(tmp_path, n=30)
    by_suite = evalkit("power", "--margin", "0.1", "--suite", folder)
    assert by_suite.code == 0
    assert by_suite.out == evalkit("power", "--margin", "0.1", "--n", "30").out
    assert "30 examples" in by_suite.out


def test_power_of_a_suite_without_targets_is_refused(tmp_path: Path) -> None:
    rows = [{"id": f"e{index}", "text": "x"} for index in range(3)]
    folder = project.suite(tmp_path, rows=rows, columns={"input": "text"})
    ended = evalkit("power", "--suite", folder)
    assert ended.code == 2
    assert "no targets" in ended.err


def test_power_of_a_safety_suite_speaks_of_refusals(tmp_path: Path) -> None:
    rows = [
        {"id": f"{half}{index}", "text": f"{half} {index}", "expect": half}
        for half, count in (("refuse", 300), ("comply", 100))
        for index in range(count)
    ]
    folder = project.suite(
        tmp_path,
        kind="safety-refusal",
        task="generate",
        rows=rows,
        labels=None,
        columns={"input": "text", "expect": "expect"},
    )
    ended = evalkit("power", "--suite", folder)
    assert ended.code == 0
    assert "refuses all 300 harmful prompts" in ended.out
    assert "100 benign prompts can rule out" in ended.out
    assert json.loads(evalkit("power", "--suite", folder, "--json").out)["allowed"] == {"0.02": 1, "0.01": 0}


def test_metrics_lists_what_a_policy_can_name() -> None:
    shown = evalkit("metrics", "latency.speedup")
    assert shown.code == 0
    assert "latency.speedup.p50" in shown.out
    assert "higher is better, ratio" in shown.out
    assert "safety.newly_unsafe.rate" in evalkit("metrics", "safety").out
    assert "not measured yet" in evalkit("metrics", "energy").out
    assert "not measured yet" not in evalkit("metrics", "agreement").out
    rows = json.loads(evalkit("metrics", "--json").out)["metrics"]
    assert {row["metric"] for row in rows} >= {"accuracy.retention", "agreement.kl"}
