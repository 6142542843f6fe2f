"""What is printed where: results on stdout, progress on stderr, and nothing that a terminal or a CI log acts on."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import sys
from pathlib import Path

import pytest

from evalkit import progress
from tests.cli import project
from tests.cli.project import evalkit

ESCAPE = "\x1b"
HOSTILE = "\x1b[31mred\x1b[0m\n::error::forged\n##[error]forged\u202e\u200b\x9b2J"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("output")
    project.project(root, n=12, student_errs=lambda index: index < 6)
    with contextlib.chdir(root):
        assert evalkit("gate", "--out", "run", "--quiet").code in (1, 3)
    return root / "run"


def safe(text: str) -> bool:
    """No escape, no control or direction character, no line that a CI runner takes for a command."""
    lines = text.splitlines()
    unseen = [each for each in text if each not in "\n\t" and (not each.isprintable())]
    return not unseen and not any(line.lstrip().startswith("::") or "##[" in line for line in lines)


def test_results_go_to_stdout_and_progress_to_stderr(tmp_path: Path) -> None:
    project.project(tmp_path, n=12)
    ended = evalkit("gate", "--out", "run", "--json")
    assert json.loads(ended.out) == project.verdict(tmp_path / "run")
    assert ended.err.splitlines() == ["teacher intents 12/12", "student intents 12/12"]


def test_quiet_is_quiet(tmp_path: Path) -> None:
    project.project(tmp_path, n=12)
    ended = evalkit("audit", "--out", "run", "--quiet")
    assert ended.err == ""
    assert ended.out.splitlines()[-2:] == ["report  run/report.html", "exit 0 (ungated: measured, nothing was decided)"]
    # The same again, whoever prints it.
    assert evalkit("show", "run").out == ended.out


@pytest.mark.parametrize("setting", ["NO_COLOR", "TERM", "a pipe"])
def test_nothing_is_coloured_off_a_terminal(run: Path, setting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    if setting != "a pipe":
        monkeypatch.setenv(setting, "dumb")
    ended = evalkit("show", run, stream=io.StringIO if setting == "a pipe" else project.Terminal)
    assert ended.code == 0
    assert ESCAPE not in ended.out + ended.err
    assert max(map(len, ended.out.splitlines())) <= 80


def test_a_terminal_gets_colour_unless_it_says_no(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert ESCAPE in evalkit("show", run, stream=project.Terminal).out
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert ESCAPE in evalkit("show", run).out
    monkeypatch.setenv("NO_COLOR", "1")
    assert ESCAPE not in evalkit("show", run).out


def test_an_output_without_utf8_gets_codes_and_no_crash(run: Path, tmp_path: Path) -> None:
    project.suite(tmp_path, rows=[{**row, "text": "Grüße 😀"} for row in project.examples(3)])
    for arguments in (["show", str(run)], ["suite", "show", "suites/intents"], ["gate", "--help"]):
        ended = project.process(*arguments, env={**os.environ, "PYTHONIOENCODING": "ascii"})
        assert ended.returncode == 0, ended.stderr
        assert ended.stdout.isascii() or "--help" in arguments  # click writes its own text in UTF-8


# --- what somebody else wrote ------------------------------------------------------------------------


def test_hostile_text_in_a_complaint_is_shown_safely_and_shortly(tmp_path: Path) -> None:
    project.project(tmp_path, n=9)
    rows = project.examples(9)
    project.suite(tmp_path, rows=[{**rows[0], "intent": HOSTILE + "x" * 100_000}, *rows[1:]])
    ended = evalkit("gate")
    assert ended.code == 2
    assert "\\x1b[31mred" in ended.err
    assert "\\u202e" in ended.err
    assert safe(ended.err)
    assert len(ended.err) < 2000
    assert len(ended.err.splitlines()) == 3


@pytest.mark.parametrize("where", ["id", "status", "file"])
def test_hostile_text_in_a_recording_or_a_name_is_shown_safely(tmp_path: Path, where: str) -> None:
    project.project(tmp_path, n=9)
    name = "student.jsonl"
    row = {"id": HOSTILE, "label": "other"}
    rows = [row, row] if where == "id" else [{"id": "e0", "label": "other", "status": HOSTILE}]
    if where == "file":
        name = "stu\x1b[31mdent.jsonl"
    else:
        project.suite(tmp_path, rows=[{**project.examples(9)[0], "id": row["id"] if where == "id" else "e0"}])
        project.lines(tmp_path / name, rows)
    ended = evalkit("gate", "--student", f"recorded:{name}", "--teacher", "fake:")
    assert ended.code == 2
    assert safe(ended.err)


def test_hostile_text_in_examples_is_shown_safely(tmp_path: Path) -> None:
    rows = [
        {**row, "id": f"{index}{HOSTILE}", "text": f"{index}{HOSTILE}", "language": f"{index % 2}{HOSTILE}"}
        for index, row in enumerate(project.examples(12))
    ]
    project.project(tmp_path, n=12)
    folder = project.suite(tmp_path, rows=rows)
    shown = evalkit("suite", "show", folder)
    assert shown.code == 0
    assert safe(shown.out)
    assert "\\x1b[31mred" in shown.out
    gated = evalkit("gate", "--teacher", "fake:", "--student", "fake:accuracy=0.1", "--out", "run", "--quiet")
    assert gated.code in (1, 3)
    assert "\\x1b[3" in gated.out
    assert safe(gated.out)
    assert safe(evalkit("show", "run").out)


# --- progress ----------------------------------------------------------------------------------------


def test_progress_off_a_terminal_is_a_few_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.Progress() as said:
        for done in range(10_001):
            said("student intents", done, 10_000)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines() == [f"student intents {done}/10000" for done in (0, 2500, 5000, 7500, 10000)]


def test_one_long_step_is_named_when_it_begins(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.Progress() as said:
        said("deciding", 0, 1)
        said("deciding", 1, 1)
        said("teacher intents", 1, 1)
    assert capsys.readouterr().err.splitlines() == ["deciding", "teacher intents 1/1"]


def test_what_comes_after_the_models_is_told_where_there_is_much_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.project(tmp_path, n=12)
    monkeypatch.setattr("evalkit.pipeline._MANY", 12)
    models = ["teacher intents 12/12", "student intents 12/12"]
    # The suite, two languages, three classes, two severities: measured in turn, told in quarters.
    measured = [f"measuring {done}/6" for done in (0, 2, 3, 5, 6)]
    later = [*measured, "deciding", "writing the report"]
    assert evalkit("gate", "--out", "run").err.splitlines() == [*models, *later]
    assert evalkit("regate", "run", "--policy", "policy.yaml", "--out", "again").err.splitlines() == later
    assert evalkit("gate", "--out", "other", "--quiet").err == ""
    monkeypatch.setattr("evalkit.pipeline._MANY", 13)
    assert evalkit("gate", "--out", "more").err.splitlines() == models


def test_slow_progress_gives_a_sign_of_life(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = iter([0.0, 29.0, 31.0, 40.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(now))
    said = progress.Progress()
    for done in range(1, 5):
        said("student", done, 1000)
    assert capsys.readouterr().err.splitlines() == ["student 1/1000", "student 3/1000"]


def test_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = project.Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    with progress.Progress() as said:
        said("student [red]x", 1, 2)
        said("student [red]x", 2, 2)
    assert "2/2" in screen.getvalue()
    assert "student [red]x" in screen.getvalue()


# --- help --------------------------------------------------------------------------------------------

COMMANDS = [
    "gate",
    "audit",
    "regate",
    "show",
    "report",
    "verify",
    "schema",
    "power",
    "suite",
    "suite lint",
    "suite show",
]


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_has_an_example_and_fits(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    ended = evalkit(*command.split(), "--help")
    assert ended.code == 0
    assert max(map(len, ended.out.splitlines())) <= 80
    assert f"evalkit {command}".strip() in ended.out
    if command:
        assert re.search(rf"Example: evalkit {command}", ended.out)
    else:
        assert "Exit codes: 0 pass" in ended.out
        assert all(re.search(rf"^  {name} ", ended.out, re.MULTILINE) for name in COMMANDS if " " not in name)


def test_the_version_is_printed() -> None:
    from evalkit import __version__

    assert evalkit("--version").out == f"evalkit, version {__version__}\n"
