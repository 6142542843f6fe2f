"""Labels that people gave to some answers: read, held against the answers, stored, and derived from again."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit.errors import UsageError
from evalkit.files import digest_text
from evalkit.labelled import load_labels, with_labels
from evalkit.pairing import pair
from evalkit.requests import build_requests
from evalkit.suite import load_suite
from evalkit.types import Output, Suite
from tests.cli import project

Rows = list[dict[str, Any]]
REFUSAL = "I'm sorry, but I can't help with that."
HELP = "Sure. First, write down what you need. Then compare three offers and take the one that fits best."
# Declines in words that the detector does not know.
ODD = "Let us talk about the weather and about how nice it is to walk in the woods on a sunny day, my friend."


def prompts(n: int = 200) -> Rows:
    return [
        {"id": f"p{index}", "text": f"request {index}", "expect": "comply" if index % 2 else "refuse"}
        for index in range(n)
    ]


def says(role: str, index: int) -> str:
    """The teacher refuses what it should, in plain words; the student refuses in odd words one time of four."""
    if index % 2:
        return HELP
    return ODD if role == "student" and index % 8 == 0 else REFUSAL


def means(text: str) -> str:
    return "complied" if text == HELP else "refused"


def row(role: str, index: int, **over: Any) -> dict[str, Any]:
    text = says(role, index)
    return {"id": f"p{index}", "role": role, "label": means(text), "text": text, **over}


def sample(share: Callable[[int], bool] = lambda index: index % 16 < 10) -> Rows:
    return [row(role, index) for role in ("teacher", "student") for index in range(200) if share(index)]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A safety suite of 200 prompts, recorded answers, and a plan that names a file of labels."""
    safety = {"kind": "safety-refusal", "task": "generate", "labels": None, "scorer": "refusal"}
    project.suite(tmp_path, "harm", prompts(), columns={"id": "id", "input": "text", "expect": "expect"}, **safety)
    for role in ("teacher", "student"):
        rows = [{"id": f"p{index}", "text": says(role, index)} for index in range(200)]
        project.lines(tmp_path / f"{role}.jsonl", rows)
    project.plan(tmp_path, suites=["suites/harm"], policy="recovery-95", labelled="labels.jsonl")
    return tmp_path


def harm(root: Path) -> Suite:
    return load_suite(root / "suites/harm/suite.yaml")


def complaints(root: Path, rows: Rows, *suites: Suite) -> list[str]:
    path = project.lines(root / "labels.jsonl", rows)
    with pytest.raises(UsageError) as caught:
        load_labels(path, suites or (harm(root),))
    return [str(each) for each in caught.value.complaints]


def labelled(root: Path, rows: Rows) -> tuple[dict[str, list[Any]], list[str]]:
    """The two columns of people's words, and the notes."""
    suite = harm(root)
    outputs = {
        role: [Output(example_id=f"p{index}", status="ok", text=says(role, index)) for index in range(200)]
        for role in ("teacher", "student")
    }
    columns, notes = with_labels(
        pair(suite, build_requests(suite), outputs),  # type: ignore[arg-type]
        load_labels(project.lines(root / "labels.jsonl", rows), [suite]),
    )
    return {role: list(columns.data[f"{role}_human"]) for role in outputs}, notes


# --- a whole run -------------------------------------------------------------------------------------------


@pytest.fixture
def gated(root: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Rows], Path]:
    monkeypatch.chdir(root)

    def run(rows: Rows) -> Path:
        project.lines(root / "labels.jsonl", rows)
        ended = project.evalkit("gate", "--quiet", "--out", "run")
        assert ended.code in (0, 1, 3), ended.err
        return root / "run"

    return run


def metric(run: Path, name: str) -> dict[str, Any]:
    rows = json.loads((run / "results.json").read_text(encoding="utf-8"))["metrics"]
    (found,) = (each for each in rows if each["metric"] == name and each["slice"] is None)
    return dict(found)


def test_labels_take_a_change_of_style_out_of_the_rates(gated: Callable[[Rows], Path]) -> None:
    run = gated(sample())
    raw = metric(run, "safety.refusal_rate.difference")["estimate"]
    corrected = metric(run, "safety.refusal_rate_corrected.difference")["estimate"]
    assert raw["high"] < -0.1
    assert corrected["low"] < 0 < corrected["high"]
    assert metric(run, "safety.newly_unsafe.rate")["estimate"]["value"] == pytest.approx(0.25)
    newly = metric(run, "safety.newly_unsafe_corrected.rate")["estimate"]
    assert newly["low"] == 0.0
    assert newly["high"] < 0.2


def test_the_numbers_follow_from_the_stored_labels_alone(gated: Callable[[Rows], Path], root: Path) -> None:
    run = gated(sample())
    (root / "labels.jsonl").unlink()
    ended = project.evalkit("verify", run)
    assert ended.code == 0, ended.err
    again = project.evalkit("regate", run, "--policy", "safety-strict", "--out", root / "again")
    assert again.code in (0, 1, 3), again.err
    name = "safety.refusal_rate_corrected.student"
    assert metric(root / "again", name) == metric(run, name)


def test_the_manifest_says_which_labels_they_were(gated: Callable[[Rows], Path], root: Path) -> None:
    run = gated([*sample(), row("student", 1, id="elsewhere")])
    manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    path = root / "labels.jsonl"
    assert manifest["labelled"]["path"] == str(path)
    assert manifest["labelled"]["digest"] == digest_text(path.read_text(encoding="utf-8"))
    assert manifest["labelled"]["labels"] == len(sample())
    assert manifest["labelled"]["spare"] == 1
    assert "1 rows of labels.jsonl are of no example of the safety-refusal suites" in manifest["notes"]


def test_a_plan_without_labels_says_what_to_give(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    project.plan(root, suites=["suites/harm"], policy="recovery-95")
    project.evalkit("gate", "--quiet", "--out", "run")
    why = metric(root / "run", "safety.refusal_rate_corrected.student")["undefined"]
    assert why.startswith("no labelled sample: give `labelled: FILE` in the plan")


def test_a_file_that_is_not_there_is_told_before_any_model_runs(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    ended = project.evalkit("gate", "--quiet", "--out", "run")
    assert ended.code == 2
    assert "there is no data file" in ended.err
    assert not (root / "run").exists()


# --- which answer a label is of ------------------------------------------------------------------------------


def test_a_label_of_another_answer_is_stale(root: Path) -> None:
    rows = [row("student", 0), row("student", 2, text="Something else was said."), row("teacher", 0)]
    found, notes = labelled(root, rows)
    assert found["student"][:4] == ["refused", None, "stale", None]
    assert found["teacher"][:4] == ["refused", None, None, None]
    assert notes == ["harm: 1 of 2 labels are of other answers than the student gave here"]


def test_an_answer_is_known_by_its_digest_too(root: Path) -> None:
    right, wrong = digest_text(says("student", 0)), digest_text("Something else was said.")
    rows = [
        row("student", 0, text=None, text_digest=right),
        row("student", 2, text=None, text_digest=wrong),
    ]
    found, notes = labelled(root, rows)
    assert found["student"][:3] == ["refused", None, "stale"]
    assert len(notes) == 1


def test_blanks_and_line_ends_make_no_other_answer(root: Path) -> None:
    found, notes = labelled(root, [row("student", 0, text="  " + ODD.replace(" ", "\r\n"))])
    assert found["student"][0] == "refused"
    assert notes == []


def test_a_label_without_its_answer_is_believed_and_told(root: Path) -> None:
    found, notes = labelled(root, [row("student", 0, text=None), row("student", 1)])
    assert found["student"][:2] == ["refused", "complied"]
    assert notes == [
        "harm: 1 labels of the student's answers come without the answer, so it was not checked that they are of these"
    ]


def test_a_label_of_an_answer_that_failed_is_told_and_left_out(root: Path) -> None:
    suite = harm(root)
    outputs = {"student": [Output(example_id=f"p{index}", status="error", error="it broke") for index in range(200)]}
    labels = load_labels(project.lines(root / "labels.jsonl", [row("student", 0)]), [suite])
    columns, notes = with_labels(pair(suite, build_requests(suite), outputs), labels)  # type: ignore[arg-type]
    assert set(columns.data["student_human"]) == {None}
    assert notes == ["harm: 1 labels are of prompts on which the student gave no answer here"]


def test_csv_is_read_as_well(root: Path) -> None:
    path = root / "labels.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, ["id", "role", "label", "text", "annotator"])
        writer.writeheader()
        writer.writerows([row("student", 0, annotator="ann"), row("teacher", 1, annotator="ben")])
    labels = load_labels(path, [harm(root)])
    assert {key: each.word for key, each in labels.found.items()} == {
        ("harm", "p0", "student"): "refused",
        ("harm", "p1", "teacher"): "complied",
    }


# --- mistakes ------------------------------------------------------------------------------------------------


def test_every_row_that_cannot_be_read_is_told_at_once(root: Path) -> None:
    found = complaints(
        root,
        [
            row("student", 0, label="refuse"),
            row("pupil", 1),
            row("student", 2, id=None),
            row("student", 3, label=None),
            row("student", 4),
        ],
    )
    assert len(found) == 4
    assert '"refuse" is no label' in found[0]
    assert 'did you mean "refused"?' in found[0]
    assert "labels.jsonl:1" in found[0]
    assert '"pupil" is no role' in found[1]
    assert "the row has no id" in found[2]
    assert "the row has no label" in found[3]


def test_people_who_disagree_must_settle_it(root: Path) -> None:
    found = complaints(root, [row("student", 0), row("student", 0, label="complied"), row("teacher", 0)])
    assert len(found) == 1
    assert 'the student\'s answer to "p0" is labelled refused and complied' in found[0]
    assert "let them settle it" in found[0]


def test_people_who_agree_count_once(root: Path) -> None:
    found, _ = labelled(root, [row("student", 0), row("student", 0)])
    assert [each for each in found["student"] if each] == ["refused"]


def test_labels_of_which_none_fits_are_a_mistake(root: Path) -> None:
    assert 'did you mean "p11' in complaints(root, [row("student", 0, id="p1100")])[0]
    assert "check the column `suite`" in complaints(root, [row("student", 0, suite="intents")])[0]
    assert "the file holds no labels" in complaints(root, [])[0]


def test_labels_need_a_safety_suite(root: Path) -> None:
    project.suite(root, "intents", n=6)
    gold = load_suite(root / "suites/intents/suite.yaml")
    (found,) = complaints(root, [row("student", 0)], gold)
    assert "no suite of the plan is of the kind safety-refusal" in found


def test_an_id_of_two_suites_needs_its_suite(root: Path) -> None:
    safety = {"kind": "safety-refusal", "task": "generate", "labels": None, "scorer": "refusal"}
    project.suite(root, "harm-2", prompts(), columns={"id": "id", "input": "text", "expect": "expect"}, **safety)
    both = (harm(root), load_suite(root / "suites/harm-2/suite.yaml"))
    (found,) = complaints(root, [row("student", 0)], *both)
    assert 'the id "p0" is in the suites harm and harm-2' in found
    labels = load_labels(project.lines(root / "labels.jsonl", [row("student", 0, suite="harm-2")]), both)
    assert list(labels.found) == [("harm-2", "p0", "student")]


def test_a_thousand_bad_rows_are_told_once(root: Path) -> None:
    found = complaints(root, [row("student", index % 200, label="?") for index in range(1000)])
    (only,) = found
    assert '"?" is no label (and 999 more rows like it)' in only
    assert "labels.jsonl:1" in only


def test_of_many_different_bad_rows_the_first_are_told_and_the_rest_counted(root: Path) -> None:
    found = complaints(root, [row("student", index % 200, label=f"?{index}") for index in range(1000)])
    assert len(found) == 21
    assert "and 980 more rows like these" in found[-1]
