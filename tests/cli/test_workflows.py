"""Where the CI jobs of `evalkit init` take evalkit from, and whether anybody ever runs them."""

from __future__ import annotations

import re
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

from evalkit import starter
from tests.cli.project import evalkit

ROOT = Path(__file__).resolve().parents[2]
GITHUB, GITLAB = ".github/workflows/evalkit.yml", ".gitlab-ci.yml"
TORCH = f"-m pip install torch=={version('torch').partition('+')[0]}"


def filled_in(name: str) -> str:
    """What the file says of EVALKIT at its top."""
    read = yaml.safe_load(starter.contents()[name])
    found: str = read["env" if name == GITHUB else "variables"]["EVALKIT"]
    return found


def installation(name: str) -> str:
    read = yaml.safe_load(starter.contents()[name])
    if name == GITHUB:
        steps = [step["run"] for step in read["jobs"]["gate"]["steps"] if step.get("name") == "Install"]
    else:
        steps = [line for line in read["evalkit"]["script"] if "pip install" in line]
    (found,) = steps
    assert isinstance(found, str)
    return found


def installed(root: Path, name: str, **environment: str) -> tuple[int, str, list[str]]:
    """How the job's installation ends, what it says, and what it asked Python to do."""
    (root / "python").write_text('#!/bin/sh\necho "$@" >> "$LOG"\n', encoding="utf-8")
    (root / "python").chmod(0o755)
    log = root / "log"
    log.unlink(missing_ok=True)
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", installation(name)],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        env={"PATH": f"{root}:/usr/bin:/bin", "LOG": str(log), **environment},
    )
    asked = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    return done.returncode, done.stdout + done.stderr, asked


@pytest.mark.parametrize("name", [GITHUB, GITLAB])
def test_a_job_whose_source_was_not_filled_in_ends_with_a_message_and_installs_nothing(
    tmp_path: Path, name: str
) -> None:
    code, said, asked = installed(tmp_path, name, EVALKIT=filled_in(name))
    assert (code, asked) == (1, [])
    assert "EVALKIT was not filled in: write at the top of" in said


@pytest.mark.parametrize("name", [GITHUB, GITLAB])
@pytest.mark.parametrize("bare", ["evalkit", "evalkit==0.1.0"])
def test_a_bare_name_is_never_taken_from_the_public_index(tmp_path: Path, name: str, bare: str) -> None:
    code, said, asked = installed(tmp_path, name, EVALKIT=bare)
    assert (code, asked) == (1, [])
    assert "on the public index is another project's" in said
    code, _, asked = installed(tmp_path, name, EVALKIT=bare, PIP_INDEX_URL="https://packages.example.com/simple")
    assert (code, asked) == (0, [TORCH, f"-m pip install {bare}"])


@pytest.mark.parametrize("name", [GITHUB, GITLAB])
def test_the_sources_that_the_comment_proposes_are_installed_after_torch(tmp_path: Path, name: str) -> None:
    text = starter.contents()[name]
    assert "# Replace this" in text
    proposed = re.findall(r"^ +#   a (?:commit|wheel) .*?   +(\S.*)$", text, re.MULTILINE)
    assert len(proposed) == 2
    for each in proposed:
        # As it is written, it is one YAML value.
        assert yaml.safe_load(f"EVALKIT: {each}") == {"EVALKIT": each}
        code, said, asked = installed(tmp_path, name, EVALKIT=each)
        assert (code, said, asked) == (0, "", [TORCH, f"-m pip install {each}"])


def test_in_a_folder_below_the_top_init_says_what_has_to_move(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".git").mkdir()
    ended = evalkit("init", "sub/my gate")
    assert ended.code == 0
    assert f"only at the top of a repository, which is {tmp_path}" in ended.out
    for name in (GITHUB, GITLAB):
        assert f"move it to {tmp_path / name}" in ended.out
    assert "working-directory: 'sub/my gate'" in ended.out
    assert "cd 'sub/my gate'" in ended.out
    # What comes next stays what comes last.
    assert "working-directory" not in ended.out.split("\nnext\n")[1]


def test_a_workflow_that_is_there_already_is_not_to_be_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    # In a second working tree, .git is a file.
    (tmp_path / ".git").write_text("gitdir: elsewhere\n", encoding="utf-8")
    (tmp_path / GITLAB).write_text("other: {script: [make]}\n", encoding="utf-8")
    said = evalkit("init", "my-gate").out
    assert f"put the job into {tmp_path / GITLAB}, which is there" in said
    assert f"move it to {tmp_path / GITHUB}" in said


@pytest.mark.parametrize("repository", [True, False])
def test_at_the_top_or_outside_of_a_repository_nothing_has_to_move(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, repository: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gate").mkdir()
    if repository:
        (tmp_path / "gate" / ".git").mkdir()
    assert "top of a repository" not in evalkit("init", "gate").out


def test_a_job_in_a_folder_below_the_top_is_told_in_each_file() -> None:
    contents = starter.contents()
    assert "working-directory: my-gate" in contents[GITHUB]
    assert "cd my-gate" in contents[GITLAB]
    for name in (GITHUB, GITLAB):
        assert "my-gate/gate-run" in contents[name]


def test_the_waiver_that_the_policy_proposes_names_one_of_its_criteria(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    evalkit("init")
    policy = tmp_path / "policy.yaml"
    text = policy.read_text(encoding="utf-8").replace("waivers: []\n# waivers:\n#   -", "waivers:\n   -")
    policy.write_text(text, encoding="utf-8")
    assert "\nwaivers:\n   -" in text
    ended = evalkit("gate", "--quiet", "--limit", "20", "--out", "gate-run")
    assert ended.code == 3, ended.err


@pytest.mark.parametrize("run", ["runs/first", "first-run", "tickets-run", "gate-run", "evalkit-demo"])
def test_a_run_is_ignored_by_git(tmp_path: Path, run: str) -> None:
    evalkit("init", tmp_path)
    assert ignored(tmp_path, f"{run}/verdict.json")


def test_every_run_that_the_readme_makes_there_is_ignored_and_what_init_wrote_is_not(tmp_path: Path) -> None:
    evalkit("init", tmp_path)
    runs = set(re.findall(r"evalkit (?:gate|regate)[^\n]* --out (\S+)", (ROOT / "README.md").read_text("utf-8")))
    assert runs
    assert [each for each in sorted(runs) if not ignored(tmp_path, f"{each}/verdict.json")] == []
    assert [each for each in (*starter.FILES, *starter.SCHEMAS) if ignored(tmp_path, each)] == []


def ignored(root: Path, name: str) -> bool:
    git = ["git", "-c", "core.excludesFile=", "-C", str(root)]
    try:
        subprocess.run([*git, "init", "-q"], check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("there is no git here")
    code = subprocess.run([*git, "check-ignore", "-q", name], check=False).returncode
    assert code in (0, 1)
    return code == 0
