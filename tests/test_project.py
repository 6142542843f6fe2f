"""Facts about the project itself that nothing else would notice going wrong."""

from __future__ import annotations

import re
import subprocess
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pytest

import evalkit

ROOT = Path(__file__).resolve().parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SCRIPTS = [
    *("scripts/bootstrap", "scripts/check", "scripts/demo", "scripts/real-pair", "scripts/simulate", "scripts/test"),
    ".ci/run",
]


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def named(requirement: str) -> str:
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert match, requirement
    return canonical(match.group())


def tracked_files() -> list[Path]:
    """What is in git or would be; in a copy without git, whatever is not hidden or made by a tool."""
    git = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
        paths = [ROOT / name for name in listed if name]
    except (OSError, subprocess.CalledProcessError):
        made = {"__pycache__", "runs", "build", "dist", "htmlcov"}
        paths = [
            p
            for p in ROOT.rglob("*")
            if not any(part.startswith(".") or part in made for part in p.relative_to(ROOT).parts)
        ]
    return [path for path in paths if path.is_file()]


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return {
        canonical(name): pin for name, _, pin in (line.partition("==") for line in lines if not line.startswith("#"))
    }


def test_the_command_is_the_one_the_contract_names() -> None:
    assert PROJECT["project"]["name"] == "evalkit"
    assert PROJECT["project"]["scripts"] == {"evalkit": "evalkit.cli:main"}
    assert PROJECT["project"]["requires-python"] == ">=3.11"


def test_extras_and_core_dependencies_are_those_of_the_design() -> None:
    assert set(PROJECT["project"]["optional-dependencies"]) == {
        "ray", "torchao", "text", "serve", "mlflow", "gpu", "dev", "oracles"
    }  # fmt: skip
    assert {named(line) for line in PROJECT["project"]["dependencies"]} == {
        "torch", "transformers", "datasets", "pandas", "pyarrow", "scipy", "statsmodels", "scikit-learn", "jinja2",
        "pydantic", "pyyaml", "rich", "httpx", "click", "numpy", "safetensors", "regex",
    }  # fmt: skip


def test_the_wheel_carries_the_suites_and_the_types() -> None:
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["only-include"] == ["evalkit", "suites"]
    assert wheel["sources"] == {"suites": "evalkit/_shipped"}
    assert wheel["exclude"] == ["/suites/*/source"]
    assert (ROOT / "evalkit" / "py.typed").is_file()


def test_the_version_is_said_once_in_effect() -> None:
    assert evalkit.__version__ == PROJECT["project"]["version"]
    try:
        assert version("evalkit") == evalkit.__version__
    except PackageNotFoundError:
        pytest.skip("evalkit is not installed here; its files agree")


def test_the_licence_is_apache_2() -> None:
    assert PROJECT["project"]["license"] == "Apache-2.0"
    assert PROJECT["project"]["license-files"] == ["LICENSE"]
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert "Copyright 2026 evalkit authors" in text


def test_constraints_are_exact_and_name_no_build_and_no_host() -> None:
    for name, pin in pins().items():
        assert re.fullmatch(r"[0-9][0-9a-z.]*", pin), f"{name}=={pin}"


def test_constraints_cover_everything_that_bootstrap_installs() -> None:
    wanted = PROJECT["project"]["dependencies"] + PROJECT["project"]["optional-dependencies"]["dev"]
    assert {named(line) for line in wanted} <= set(pins())


def test_no_file_names_a_path_of_one_machine() -> None:
    somewhere = re.compile(rb"(?:^|[^A-Za-z0-9_.])/(?:wor[k]|roo[t]|hom[e]/[a-z]|User[s]/[A-Za-z])[^\s\"'`]*")
    found = []
    for path in tracked_files():
        content = path.read_bytes()
        if b"\0" in content[:8192]:
            continue  # binary
        for number, line in enumerate(content.splitlines(), 1):
            if somewhere.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line[:120]!r}")
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_are_short_strict_and_executable(name: str) -> None:
    path = ROOT / name
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 40
    assert lines[0] == "#!/usr/bin/env bash"
    assert "set -euo pipefail" in lines
    assert path.stat().st_mode & 0o111


def test_ci_runs_the_command_that_the_readme_gives() -> None:
    assert "scripts/test" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert "scripts/test" in (ROOT / ".ci/run").read_text(encoding="utf-8").splitlines()


def test_every_decision_record_is_in_the_list_and_answers_the_four_questions() -> None:
    folder = ROOT / "docs" / "adr"
    records = sorted(folder.glob("[0-9]*.md"))
    index = (folder / "README.md").read_text(encoding="utf-8")
    assert [path.name[:4] for path in records] == [f"{i:04}" for i in range(1, len(records) + 1)]
    for path in records:
        assert f"({path.name})" in index, path.name
        text = path.read_text(encoding="utf-8")
        for heading in ("## Question", "## Choice", "## Rejected", "## Price"):
            assert heading in text, f"{path.name} lacks {heading}"
