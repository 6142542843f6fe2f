"""`evalkit init`: what it writes runs as it is, is checked by its own schemas, and overwrites nothing."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import stat
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

import evalkit as package
from evalkit import starter
from evalkit.plan import PlanFile
from evalkit.policy import PolicyFile
from evalkit.schema import json_schema
from evalkit.strict import Strict
from evalkit.suite import SuiteFile, load_suite
from evalkit.yamlfile import read, validated
from tests import runs
from tests.backends.local.locks import as_a_user, lockable
from tests.cli import project
from tests.cli.project import evalkit

GITHUB, GITLAB = ".github/workflows/evalkit.yml", ".gitlab-ci.yml"
# A user's file → its schema, and what reads it.
USERS: dict[str, tuple[str, type[Strict]]] = {
    "evalkit.yaml": ("plan", PlanFile),
    "policy.yaml": ("policy", PolicyFile),
    "suites/mails/suite.yaml": ("suite", SuiteFile),
}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a fresh start, as the working directory."""
    monkeypatch.chdir(tmp_path)
    ended = evalkit("init", "fresh")
    assert (ended.code, ended.err) == (0, "")
    monkeypatch.chdir(tmp_path / "fresh")
    return tmp_path / "fresh"


@pytest.fixture
def begun(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, root: Path) -> runs.Runner:
    """A fresh start whose runs must keep the contract."""
    return runs.runner(request, monkeypatch, root)


# --- what is written ---------------------------------------------------------------------------------


def test_every_file_is_said_to_be_written_and_is_there(tmp_path: Path) -> None:
    ended = evalkit("init", tmp_path / "a" / "b")
    assert ended.code == 0
    said = [line.removeprefix("wrote").strip() for line in ended.out.splitlines() if line.startswith("wrote")]
    assert sorted(said) == sorted(str(tmp_path / "a" / "b" / name) for name in project.tree(tmp_path / "a" / "b"))
    assert set(project.tree(tmp_path / "a" / "b")) == {*starter.FILES, *starter.SCHEMAS}


def test_the_commands_it_names_next_are_three_and_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    command = evalkit("init", "my gate").out.split("\nnext\n")[1].splitlines()
    assert command[0].strip() == "cd 'my gate'"
    assert [line.split()[:2] for line in command[1:]] == [["evalkit", "gate"]] * 2
    monkeypatch.chdir("my gate")
    assert [evalkit(*shlex.split(line)[1:], "--quiet").code for line in command[1:]] == [0, 1]


def test_without_a_folder_it_begins_right_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ended = evalkit("init")
    assert ended.code == 0
    assert (tmp_path / "evalkit.yaml").is_file()
    command = ended.out.split("\nnext\n")[1].splitlines()
    assert len(command) == 3
    assert not any(line.strip().startswith("cd") for line in command)
    assert evalkit(*shlex.split(command[2])[1:]).code == 0


def test_others_may_read_what_is_written(root: Path) -> None:
    umask = os.umask(0)
    os.umask(umask)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in root.rglob("*") if path.is_file()}
    assert modes == {0o666 & ~umask}


def test_a_name_that_no_folder_can_have_is_told(tmp_path: Path) -> None:
    ended = evalkit("init", tmp_path / ("x" * 300))
    assert ended.code == 4
    assert "cannot be written: File name too long" in ended.err
    assert "bug" not in ended.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("below", ["", "deeper"])
def test_a_folder_that_may_not_be_looked_into_is_told(below: str) -> None:
    with lockable() as folder:
        locked = folder / "locked"
        locked.mkdir(mode=0o000)
        with as_a_user():
            ended = evalkit("init", locked / below)
        locked.chmod(0o755)
    assert ended.code == 4
    assert "cannot be written: Permission denied" in ended.err
    assert "change the permissions there, or name another folder" in ended.err
    assert "bug" not in ended.err


# --- it runs as it is --------------------------------------------------------------------------------


def test_the_gate_passes_as_it_is(begun: runs.Runner) -> None:
    ended = begun("gate", "--quiet", code=0)
    assert "exit 0 (pass" in ended.out
    suite = begun.manifest()["suites"][0]
    assert (suite["name"], suite["n"]) == ("mails", 600)
    assert {row["status"] for row in begun.json("verdict.json")["criteria"]} == {"pass"}
    assert evalkit("verify", "run").code == 0


def test_the_student_without_the_rare_categories_fails_and_they_are_named(begun: runs.Runner) -> None:
    begun("gate", "--quiet", "--student", f"recorded:{starter.LOST}", code=1)
    failed = [row for row in begun.json("verdict.json")["criteria"] if row["status"] == "fail"]
    assert {row["slice"] for row in failed if row["id"] == "categories"} == {"category=complaint", "category=contract"}
    assert {row["id"] for row in failed} == {"accuracy", "categories", "dear-mistakes"}
    # The mails that are shown first are of these categories.
    suite = {each.id: each for each in load_suite(Path("suites/mails/suite.yaml")).examples}
    (dear,) = [row["examples"] for row in failed if row["id"] == "dear-mistakes"]
    assert {suite[each].slices["category"] for each in dear} <= {"complaint", "contract"}


def test_the_gate_in_a_process_of_its_own_needs_no_model(root: Path) -> None:
    code = """
import sys
from evalkit.cli import _exit_code
code = _exit_code(["gate", "--quiet"])
print(code, *sorted({"torch", "transformers"} & set(sys.modules)), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert done.stderr == "0\n"


def test_the_suite_has_no_finding(root: Path) -> None:
    ended = evalkit("suite", "lint", "suites/mails")
    assert (ended.code, ended.out) == (0, "no findings in 1 suite\n")


def test_every_value_of_a_judged_slice_has_enough_examples(root: Path) -> None:
    judged = read(Path("policy.yaml")).data["criteria"][1]["each_slice"]
    suite = load_suite(Path("suites/mails/suite.yaml"))
    found = [each.slices[judged["by"][0]] for each in suite.examples]
    assert len(set(found)) == 5
    assert min(found.count(each) for each in set(found)) >= judged["min_n"]


@pytest.mark.parametrize(
    "block",
    [
        "teacher: {model: evalkit-demo/models/teacher}",
        "teacher: openai:http://localhost:8000/v1#my-teacher",
        "student: {model: my-org/my-student, revision: 0123abc}",
        "noise_floor: 100",
        "latency: {prompts: 64, repeats: 5}",
        "champion: runs/in-service",
    ],
)
def test_what_the_plan_proposes_in_comments_is_valid(root: Path, block: str) -> None:
    text = Path("evalkit.yaml").read_text(encoding="utf-8")
    assert f"# {block}" in text
    key = block.partition(":")[0]
    kept = [line for line in text.splitlines() if not line.startswith(f"{key}:")]
    Path("evalkit.yaml").write_text("\n".join([*kept, block]) + "\n", encoding="utf-8")
    validated(read(Path("evalkit.yaml")), PlanFile)


def test_what_the_policy_proposes_in_comments_is_valid(root: Path) -> None:
    text = Path("policy.yaml").read_text(encoding="utf-8")
    text = text.replace("  # - {id: speed", "  - {id: speed").replace(
        "waivers: []\n# waivers:\n#   -", "waivers:\n   -"
    )
    Path("policy.yaml").write_text(text, encoding="utf-8")
    parsed = validated(read(Path("policy.yaml")), PolicyFile)
    assert len(parsed.waivers) == 1
    assert [each.id for each in parsed.criteria] == ["accuracy", "categories", "dear-mistakes", "speed"]


# --- schemas for editors -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", USERS)
def test_a_file_names_the_schema_that_it_keeps(root: Path, name: str) -> None:
    file, model = USERS[name]
    first = Path(name).read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    schema = yaml.safe_load((Path(name).parent / first.partition("=")[2]).read_text(encoding="utf-8"))
    assert schema == json_schema(file)
    parsed = read(Path(name))
    validated(parsed, model)
    if importlib.util.find_spec("jsonschema") is not None:
        import jsonschema

        jsonschema.Draft202012Validator(schema).validate(parsed.data)


def test_the_schemas_are_kept_by_git_and_the_runs_are_not(root: Path) -> None:
    evalkit("gate", "--quiet", "--out", "gate-run")
    evalkit("gate", "--quiet")
    (root / ".evalkit" / "cache").mkdir()
    (root / ".evalkit" / "cache" / "x.json").write_text("{}")
    git = ["git", "-c", "core.excludesFile="]
    try:
        subprocess.run([*git, "init", "-q"], check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("there is no git here")
    listed = subprocess.run(
        [*git, "ls-files", "--others", "--exclude-standard"], capture_output=True, text=True, check=True
    )
    assert set(listed.stdout.split()) == {*starter.FILES, *starter.SCHEMAS}


# --- nothing is overwritten --------------------------------------------------------------------------


def test_a_second_time_is_refused_and_changes_nothing(root: Path) -> None:
    (root / "policy.yaml").write_text("mine", encoding="utf-8")
    (root / "recordings" / "student.jsonl").unlink()
    before = project.tree(root)
    ended = evalkit("init")
    assert (ended.code, ended.out) == (2, "")
    assert f"there is a plan already in {root}, and init changes no file" in ended.err
    assert "\n  --> evalkit.yaml" in ended.err
    assert "evalkit init DIR" in ended.err
    assert project.tree(root) == before


@pytest.mark.parametrize("name", [name for name in starter.FILES if name != starter.PLAN])
def test_a_file_that_is_there_is_kept_and_listed(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("mine", encoding="utf-8")
    ended = evalkit("init", tmp_path)
    assert ended.code == 0
    assert (tmp_path / name).read_text(encoding="utf-8") == "mine"
    kept = [line for line in ended.out.splitlines() if line.startswith("kept")]
    assert kept == [f"kept   {tmp_path / name}, which was there"]
    assert set(project.tree(tmp_path)) == {*starter.FILES, *starter.SCHEMAS}


def test_a_file_is_no_folder_to_begin_in(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("", encoding="utf-8")
    ended = evalkit("init", tmp_path / "x")
    assert ended.code == 2
    assert "is a file" in ended.err
    assert "evalkit init DIR" in ended.err


def test_a_folder_that_cannot_be_written_is_told_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "suites").write_text("", encoding="utf-8")
    ended = evalkit("init", tmp_path)
    assert ended.code == 4
    assert "suites/mails/suite.yaml cannot be written" in ended.err
    assert "a part of that path is a file" in ended.err
    # The plan comes last: the same command can be given again once the way is free.
    assert not (tmp_path / "evalkit.yaml").exists()
    (tmp_path / "suites").unlink()
    assert evalkit("init", tmp_path).code == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_no_permission_is_told(tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    ended = evalkit("init", tmp_path / "locked")
    assert ended.code == 4
    assert "change the permissions there, or name another folder" in ended.err


# --- CI ----------------------------------------------------------------------------------------------


def github() -> dict[str, Any]:
    # YAML 1.1, which this reader speaks, takes the key `on` for true.
    read: dict[Any, Any] = yaml.safe_load(Path(GITHUB).read_text(encoding="utf-8"))
    return {"on" if key is True else key: value for key, value in read.items()}


def gitlab() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(Path(GITLAB).read_text(encoding="utf-8"))
    return read


def without_installing(lines: Iterator[str]) -> list[str]:
    return [line for line in lines if "pip install" not in line]


def shell(root: Path, script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A step as the runners run it: bash, which stops at the first command that fails. `evalkit` is this one."""
    bin = root.parent / "bin"
    bin.mkdir(exist_ok=True)
    (bin / "evalkit").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m evalkit "$@"\n', encoding="utf-8")
    (bin / "evalkit").chmod(0o755)
    checkout = str(Path(package.__file__).resolve().parent.parent)
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
        env={**os.environ, "PATH": f"{bin}:{os.environ['PATH']}", "PYTHONPATH": checkout, **environment},
    )


def test_the_workflow_is_one() -> None:
    text = starter.contents()[GITHUB]
    read = yaml.safe_load(text)
    triggers, job = read[True], read["jobs"]["gate"]
    assert {"pull_request", "push", "workflow_dispatch"} == set(triggers)
    assert read["permissions"] == {"contents": "read"}
    assert job["runs-on"] == "ubuntu-latest"
    for step in job["steps"]:
        assert len({"uses", "run"} & set(step)) == 1
        assert set(step) <= {"name", "uses", "run", "with", "if"}
    # Whatever the verdict is, it is told and kept.
    after = job["steps"][[step.get("name") for step in job["steps"]].index("Gate") + 1 :]
    assert [step["if"] for step in after] == ["always()", "always()"]
    assert after[1]["with"]["path"] == "gate-run"


@pytest.mark.parametrize("name", [GITHUB, GITLAB])
def test_a_workflow_installs_what_is_installed_here_torch_first_and_names_no_host(name: str) -> None:
    text = starter.contents()[name]
    installs = [line for line in text.splitlines() if "pip install" in line]
    torch = version("torch").partition("+")[0]
    assert [line.split("install ")[1] for line in installs] == [
        f'"torch=={torch}"',
        '"$EVALKIT"',
    ]
    assert all(host.endswith("example.com") for host in re.findall(r"://([^/\s]+)", text))
    assert "{torch}" not in text
    # What every exit code does is said where it matters.
    for code in ("1 fail", "2 a mistake", "3 inconclusive", "4 broken", "5 nothing"):
        assert code in text


def test_the_steps_of_the_workflow_run(root: Path) -> None:
    summary = root.parent / "summary.md"
    for step in github()["jobs"]["gate"]["steps"]:
        if "run" in step and step["name"] != "Install":
            done = shell(root, step["run"], GITHUB_STEP_SUMMARY=str(summary))
            assert done.returncode == 0, done
    assert summary.read_text(encoding="utf-8") == (root / "gate-run" / "summary.md").read_text(encoding="utf-8")
    assert (root / "gate-run" / "report.html").is_file()


def test_the_steps_of_the_gitlab_job_run_and_its_artifacts_are_there(root: Path) -> None:
    job = gitlab()["evalkit"]
    done = shell(root, "\n".join(without_installing(iter(job["script"]))))
    assert done.returncode == 0, done
    assert "pass" in shell(root, "\n".join(job["after_script"])).stdout
    assert (root / job["artifacts"]["reports"]["junit"]).is_file()
    assert [(root / path).is_dir() for path in job["artifacts"]["paths"]] == [True]
    assert job["artifacts"]["when"] == "always"


@pytest.mark.parametrize(("code", "let_through"), [(1, 1), (3, 0)])
def test_a_verdict_stops_the_job_and_only_inconclusive_can_be_let_through(
    root: Path, code: int, let_through: int
) -> None:
    other = {1: f"--student recorded:{starter.LOST}", 3: "--limit 20"}[code]
    step = next(step["run"] for step in github()["jobs"]["gate"]["steps"] if step.get("name") == "Gate")
    assert shell(root, f"{step} {other}").returncode == code
    # The line that the comment proposes.
    proposed = next(line for line in Path(GITHUB).read_text(encoding="utf-8").splitlines() if "|| [ $? -eq 3 ]" in line)
    command = proposed.partition("through:")[2].strip().replace("gate-run", f"other-run {other}")
    assert shell(root, command).returncode == let_through
    assert gitlab()["evalkit"].get("allow_failure") is None


def test_the_summary_step_outlives_a_gate_that_wrote_none(root: Path) -> None:
    (summary,) = [step["run"] for step in github()["jobs"]["gate"]["steps"] if step.get("name") == "Summary"]
    assert shell(root, summary, GITHUB_STEP_SUMMARY=str(root.parent / "none")).returncode == 0


# --- the package -------------------------------------------------------------------------------------


def test_the_package_holds_the_files_and_nothing_hides_them() -> None:
    folder = Path(starter.__file__).parent / "files"
    assert {path.name for path in folder.iterdir()} == set(starter.FILES.values())
    # The build leaves out what git ignores, and tools what begins with a dot.
    assert not [path.name for path in folder.iterdir() if path.name.startswith(".")]
    try:
        ignored = subprocess.run(
            ["git", "check-ignore", *map(str, folder.iterdir())],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        pytest.skip("there is no git here")
    if ignored.returncode == 128:
        pytest.skip("this copy is not in git")
    assert ignored.stdout == ""
