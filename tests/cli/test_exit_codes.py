"""Every exit code, reached from the command line; after each the run directory keeps the contract."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import runs
from tests.cli import project
from tests.cli.project import Ended, evalkit

Check = Callable[..., list[str]]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def passed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose student is its teacher, with a finished run in it."""
    root = tmp_path_factory.mktemp("passed")
    project.project(root)
    with contextlib.chdir(root):
        assert evalkit("gate", "--out", "run", "--quiet").code == 0
    return root


@pytest.fixture
def check(request: pytest.FixtureRequest) -> Check:
    """The outside checker; without the shared folder the codes are still held to what they must be."""
    return runs.contract(request)


def keeps_the_contract(check: Check, run: Path | str, ended: Ended, code: int) -> None:
    assert ended.code == code, ended.err
    assert check(Path(run), exit_code=ended.code) == []
    assert project.verdict(Path(run))["exit_code"] == code


# --- 0 -----------------------------------------------------------------------------------------------


def test_a_student_that_is_its_teacher_passes_and_differs_in_nothing(passed: Path, check: Check) -> None:
    run = passed / "run"
    assert check(run, exit_code=0) == []
    assert project.verdict(run)["verdict"] == "pass"
    measured = project.metrics(run)
    for name in ("accuracy.difference", "agreement.kl", "flips.rate", "calibration.brier.difference"):
        assert measured[name]["estimate"]["value"] == 0, name
    assert measured["agreement.top1"]["estimate"]["value"] == 1
    assert measured["accuracy.retention"]["estimate"]["value"] == 1


@pytest.mark.parametrize("teacher", [True, False])
def test_an_audit_decides_nothing(tmp_path: Path, check: Check, teacher: bool) -> None:
    project.project(tmp_path, n=30, teacher="recorded:teacher.jsonl" if teacher else None)
    ended = evalkit("audit", "--out", "run", "--quiet")
    keeps_the_contract(check, "run", ended, 0)
    assert project.verdict(tmp_path / "run")["verdict"] == "ungated"
    assert ("accuracy.difference" in project.metrics(tmp_path / "run")) == teacher


# --- 1 and 3 -----------------------------------------------------------------------------------------


def test_a_worse_student_fails(tmp_path: Path, check: Check) -> None:
    project.project(tmp_path, n=150, student_errs=lambda index: index % 3 == 0)
    keeps_the_contract(check, "run", evalkit("gate", "--out", "run", "--quiet"), 1)


def test_the_same_student_on_few_examples_is_inconclusive(tmp_path: Path, check: Check) -> None:
    project.project(tmp_path, n=20)
    keeps_the_contract(check, "run", evalkit("gate", "--out", "run", "--quiet"), 3)


# --- 2 -----------------------------------------------------------------------------------------------


def test_a_finished_run_is_never_written_again(passed: Path) -> None:
    before = project.tree(passed / "run")
    with contextlib.chdir(passed):
        ended = evalkit("gate", "--out", "run")
    assert ended.code == 2
    assert "holds a finished run" in ended.err
    assert project.tree(passed / "run") == before


# --- 4 and 5 -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["broken=load", "broken=run", "error_rate=0.5"])
def test_a_model_that_fails_breaks_the_run(tmp_path: Path, check: Check, how: str) -> None:
    project.project(tmp_path, n=30, student=f"fake:{how}")
    keeps_the_contract(check, "run", evalkit("gate", "--out", "run", "--quiet"), 4)
    shown = evalkit("show", "run")
    assert shown.code == 0
    assert "broken" in shown.out


def test_errored_outputs_beyond_the_cap_break_a_recording_too(tmp_path: Path, check: Check) -> None:
    project.project(tmp_path, n=30)
    rows = project.answers(30)
    project.lines(tmp_path / "student.jsonl", [{"id": "e0", "status": "timeout"}, *rows[1:]])
    keeps_the_contract(check, "run", evalkit("gate", "--out", "run", "--quiet"), 4)


def test_the_directory_of_a_broken_run_can_be_used_again(tmp_path: Path, check: Check) -> None:
    project.project(tmp_path, n=30, student="fake:broken=run")
    assert evalkit("gate", "--out", "run", "--quiet").code == 4
    keeps_the_contract(check, "run", evalkit("gate", "--student", "fake:", "--out", "run", "--quiet"), 3)


def test_nothing_to_evaluate_is_empty_whatever_the_policy_names(tmp_path: Path, check: Check) -> None:
    rules = (
        {"metric": "accuracy.difference", "each_slice": {"by": ["language"]}, "at_least": -0.2},
        {"metric": "flips.right_to_wrong.count", "where": {"severity": "critical"}, "at_most": 0},
    )
    project.project(tmp_path, n=9, policy=project.criteria(*rules))
    ended = evalkit("gate", "--limit", "0", "--out", "run")
    keeps_the_contract(check, "run", ended, 5)
    assert str(tmp_path) not in ended.out


# --- 130 ---------------------------------------------------------------------------------------------


def test_an_interrupted_run_resumes_to_the_same_bytes(tmp_path: Path, check: Check) -> None:
    project.project(tmp_path, n=30, teacher="fake:name=t")
    slow = "fake:name=s,accuracy=0.8,batch_size=2,delay_s="
    command = ("gate", "--student", f"{slow}0.25", "--out", "run", "--cache", "cache")
    running = subprocess.Popen(
        [sys.executable, "-m", "evalkit", *command],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # A shell lets what it starts in the background ignore interrupts, and tests started so hand that on.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert running.stderr is not None
    try:
        # The second batch of the student is on its way when this line has come.
        for line in running.stderr:
            if line.startswith("student"):
                break
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=30)
    finally:
        running.kill()
    assert running.returncode == 130
    assert "the same command resumes" in said
    assert "Traceback" not in said
    assert not (tmp_path / "run" / "manifest.json").exists()
    assert not (tmp_path / "run" / "verdict.json").exists()
    resumed = evalkit("gate", "--student", f"{slow}0", "--out", "run", "--cache", "cache", "--quiet")
    keeps_the_contract(check, "run", resumed, resumed.code)
    collected = json.loads((tmp_path / "run" / "manifest.json").read_text())["collection"]["student intents"]
    assert 0 < collected["from_cache"] < collected["batches"]
    whole = evalkit("gate", "--student", f"{slow}0", "--out", "whole", "--cache", "elsewhere", "--quiet")
    assert whole.code == resumed.code
    for name in ("results.json", "pairs.parquet", "verdict.json"):
        assert Path("run", name).read_bytes() == Path("whole", name).read_bytes(), name


# --- what is done with a finished run ----------------------------------------------------------------


def test_a_stricter_policy_turns_a_pass_into_a_fail_in_a_new_run(passed: Path, tmp_path: Path, check: Check) -> None:
    before = project.tree(passed / "run")
    strict = project.criteria({"metric": "accuracy.student", "at_least": 0.99})
    project.dump(tmp_path / "strict.yaml", strict)
    ended = evalkit("regate", passed / "run", "--policy", "strict.yaml", "--out", "again")
    keeps_the_contract(check, "again", ended, 1)
    parent = json.loads((tmp_path / "again" / "manifest.json").read_text())["parent"]
    assert parent["run_id"] == json.loads((passed / "run" / "manifest.json").read_text())["run_id"]
    assert parent["path"] == str(passed / "run")
    assert project.tree(passed / "run") == before


def test_a_finished_run_is_shown_reported_and_verified(passed: Path, tmp_path: Path) -> None:
    run = passed / "run"
    before = project.tree(run)
    shown = evalkit("show", run)
    assert (shown.code, shown.err) == (0, "")
    assert "pass" in shown.out
    assert json.loads(evalkit("show", run, "--json").out) == project.verdict(run)
    reported = evalkit("report", run, "--out", tmp_path / "page.html")
    assert reported.code == 0
    assert (tmp_path / "page.html").read_bytes() == before["report.html"]
    verified = evalkit("verify", run)
    assert verified.code == 0, verified.err
    assert "the verdict pass" in verified.out
    assert project.tree(run) == before


def test_a_name_that_no_disk_takes_is_broken_and_no_bug(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for arguments in (("gate", "x" * 300), ("gate", "--student", "./" + "x" * 300, "--suite", "safety")):
        ended = evalkit(*arguments)
        assert ended.code in (2, 4)
        assert "bug" not in ended.err
        assert "File name too long" in ended.err


def test_a_report_that_cannot_be_written_is_broken_and_no_bug(passed: Path) -> None:
    ended = evalkit("report", passed / "run", "--out", passed / "run" / "verdict.json" / "page.html")
    assert ended.code == 4
    assert "the report cannot be written" in ended.err
    assert "name another folder" in ended.err


def test_a_number_changed_by_hand_is_found(passed: Path, tmp_path: Path) -> None:
    run = tmp_path / "copy"
    run.mkdir()
    for name, content in project.tree(passed / "run").items():
        (run / name).write_bytes(content)
    results = json.loads((run / "results.json").read_text())
    row = next(each for each in results["metrics"] if each["metric"] == "accuracy.student" and not each["slice"])
    row["estimate"]["value"] -= 0.01
    (run / "results.json").write_text(json.dumps(results))
    ended = evalkit("verify", run)
    assert ended.code == 4
    assert "accuracy.student" in ended.err


def test_an_empty_run_can_be_verified_and_regated(tmp_path: Path, check: Check) -> None:
    project.project(tmp_path, n=9)
    assert evalkit("gate", "--limit", "0", "--out", "run", "--quiet").code == 5
    assert evalkit("verify", "run").code == 0
    keeps_the_contract(check, "again", evalkit("regate", "run", "--policy", "policy.yaml", "--out", "again"), 5)


@pytest.mark.parametrize("command", ["show", "report", "verify", "regate"])
def test_what_is_no_run_is_refused(tmp_path: Path, command: str) -> None:
    (tmp_path / "folder").mkdir()
    more = ["--policy", "recovery-99"] if command == "regate" else []
    for name in ("nowhere", "folder"):
        ended = evalkit(command, name, *more)
        assert ended.code == 2
        assert name in ended.err
    assert list((tmp_path / "folder").iterdir()) == []


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"schema": "evalkit/verdict/v9"}', b"\xff"])
def test_a_damaged_verdict_is_named(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "verdict.json").write_bytes(damage)
    ended = evalkit("show", "run")
    assert ended.code == 2
    assert "verdict.json" in ended.err


# --- a bug is no verdict -----------------------------------------------------------------------------


def test_a_crash_of_evalkit_itself_is_not_the_verdict_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(path: Path) -> None:
        raise ZeroDivisionError("a \x1b[31mbug")

    monkeypatch.setattr("evalkit.store.read_verdict", crash)
    monkeypatch.delenv("EVALKIT_DEBUG", raising=False)
    ended = evalkit("show", "run")
    assert ended.code == 4
    assert "ZeroDivisionError: a \\x1b[31mbug" in ended.err
    monkeypatch.setenv("EVALKIT_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        evalkit("show", "run")


@pytest.mark.parametrize(("error", "code"), [(RuntimeError("a bug"), 4), (KeyboardInterrupt(), 130)])
def test_a_run_that_ends_while_its_report_is_written_leaves_no_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int
) -> None:
    def ended(record: object) -> None:
        raise error

    monkeypatch.delenv("EVALKIT_DEBUG", raising=False)
    monkeypatch.setattr("evalkit.report.files", ended)
    project.project(tmp_path, n=12)
    assert evalkit("gate", "--out", "run", "--quiet").code == code
    assert not (tmp_path / "run" / "verdict.json").exists()
    assert not (tmp_path / "run" / "manifest.json").exists()


def test_an_output_that_nobody_reads_is_no_verdict() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        command = [sys.executable, "-m", "evalkit", "schema", "policy"]
        ended = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=60)
    finally:
        os.close(writer)
    assert ended.returncode == 130
    assert ended.stderr == ""
