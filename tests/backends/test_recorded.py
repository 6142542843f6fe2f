"""Recordings: files and earlier runs as a source of outputs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evalkit.backends.recorded import Recorded
from evalkit.errors import BrokenError
from evalkit.requests import build_requests
from evalkit.specs import RecordedSpec
from evalkit.types import Suite
from tests import models
from tests.cli import project

SUITE = models.suite_of(["a card", "a refund", "a transfer"])
ROWS = [{"id": f"e{index}", "label": label} for index, label in enumerate(models.LABELS)]


def recorded(path: Path, role: Any = "student") -> Recorded:
    return Recorded(RecordedSpec(backend="recorded", path=str(path), role=role), "student")


def of(folder: Path, rows: Iterable[Mapping[str, Any]]) -> Recorded:
    return recorded(project.lines(folder / "answers.jsonl", rows))


def said(built: Recorded, *suites: Suite) -> str:
    return "\n".join(str(each) for each in built.check(suites or [SUITE]))


def labels(built: Recorded, suite: Suite = SUITE) -> list[str | None]:
    return [each.label for each in built.run(build_requests(suite))]


# --- files -------------------------------------------------------------------------------------------


def test_the_order_of_the_rows_does_not_matter_and_extra_ids_are_counted(tmp_path: Path) -> None:
    built = of(tmp_path, [{"id": "other", "label": "card"}, *ROWS[::-1]])
    assert said(built) == ""
    assert labels(built) == list(models.LABELS)
    assert built.identify().settings == {"extra_ids": 1}


def test_missing_ids_are_a_complaint_that_lists_some(tmp_path: Path) -> None:
    complaint = said(of(tmp_path, ROWS[1:2]))
    assert 'lacks 2 of 3 examples of "intents": e0, e2' in complaint


def test_an_answer_given_twice_and_a_row_without_an_id_are_complaints(tmp_path: Path) -> None:
    complaint = said(of(tmp_path, [*ROWS, ROWS[0], {"label": "card"}]))
    assert 'the id "e0" is recorded twice' in complaint
    assert "answers.jsonl:4" in complaint
    assert "the row has no id" in complaint


def test_a_bad_row_is_named_by_line_and_id(tmp_path: Path) -> None:
    complaint = said(of(tmp_path, [*ROWS[:2], {"id": "e2", "probs": [2, 0, 0]}]))
    assert 'id "e2": probs add up to 2, not 1' in complaint
    assert "answers.jsonl:3" in complaint


def test_many_bad_rows_are_counted_not_all_shown(tmp_path: Path) -> None:
    suite = models.suite_of(models.texts(100))
    complaints = of(tmp_path, [{"id": f"e{index}"} for index in range(100)]).check([suite])
    assert len(complaints) == 21
    assert "and 80 more rows like these" in complaints[-1].problem


def test_one_file_serves_several_suites_by_its_suite_column(tmp_path: Path) -> None:
    other = models.suite_of(["a card"], name="edge")
    rows = [{"suite": "intents", **row} for row in ROWS] + [{"suite": "edge", "id": "e0", "label": "refund"}]
    built = of(tmp_path, rows)
    assert said(built, SUITE, other) == ""
    assert labels(built) == list(models.LABELS)
    assert labels(built, other) == ["refund"]


def test_an_id_that_two_suites_have_needs_the_suite_column(tmp_path: Path) -> None:
    other = models.suite_of(["a card"], name="edge")
    assert 'the id "e0" is in the suites intents and edge' in said(of(tmp_path, ROWS), SUITE, other)


def test_parquet_says_the_same_as_jsonl(tmp_path: Path) -> None:
    probs = [[0.5, 0.25, 0.25], [0.2, 0.6, 0.2], None]
    status = [None, "ok", "timeout"]
    table = pa.table({"id": ["e0", "e1", "e2"], "probs": probs, "status": status, "latency_s": [0.5, None, 9.0]})
    pq.write_table(table, tmp_path / "answers.parquet")
    built = recorded(tmp_path / "answers.parquet")
    assert said(built) == ""
    jsonl = of(tmp_path, table.to_pylist())
    assert said(jsonl) == ""
    assert built.run(build_requests(SUITE)) == jsonl.run(build_requests(SUITE))


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("answers.jsonl", b'{"id": "e0", "label"', "line 1 is not a JSON object"),
        ("answers.jsonl", b'{"id": "e0", "probs": [NaN, 0, 1]}', "NaN"),
        ("answers.jsonl", b"\xff\xfe", "not UTF-8"),
        ("answers.parquet", b"PAR1", "not a Parquet file"),
        ("answers.txt", b"", "ends in neither"),
    ],
)
def test_a_damaged_file_is_a_complaint(tmp_path: Path, name: str, content: bytes, expected: str) -> None:
    (tmp_path / name).write_bytes(content)
    assert expected in said(recorded(tmp_path / name))


def test_a_file_that_is_not_there_is_a_complaint(tmp_path: Path) -> None:
    assert "there is no data file" in said(recorded(tmp_path / "answers.jsonl"))


# --- a teacher corrected by people -------------------------------------------------------------------


def corrected(folder: Path, rows: Iterable[Mapping[str, Any]], column: str = "human") -> Recorded:
    path = project.lines(folder / "answers.jsonl", rows)
    return Recorded(RecordedSpec(backend="recorded", path=str(path), override=column), "teacher")


def test_a_column_overrides_where_it_has_a_value_and_is_counted(tmp_path: Path) -> None:
    rows = [{"id": "e0", "label": "refund", "human": "card"}, {"id": "e1", "status": "error", "human": "refund"}]
    built = corrected(tmp_path, [*rows, {"id": "e2", "label": "transfer", "human": None}])
    assert said(built) == ""
    assert built.counts() == {"overridden": 0}
    assert labels(built) == list(models.LABELS)
    assert built.counts() == {"overridden": 2}
    assert built.notes([SUITE]) == ['2 of 3 answers of teacher answers.jsonl are its column "human"']
    assert built.identify().settings == {"extra_ids": 0, "override": "human"}


def test_an_overriding_column_that_no_row_has_is_a_complaint(tmp_path: Path) -> None:
    complaint = said(corrected(tmp_path, [{**each, "humans": "card"} for each in ROWS]))
    assert 'no row has a column "human"' in complaint
    assert 'did you mean "humans"?' in complaint


def test_an_override_that_is_no_label_is_named_by_line_and_id(tmp_path: Path) -> None:
    complaint = said(corrected(tmp_path, [*ROWS[:2], {**ROWS[2], "human": "transfers"}]))
    assert 'id "e2": "transfers" is not among the choices' in complaint
    assert "answers.jsonl:3" in complaint
    assert 'did you mean "transfer"?' in complaint


def test_a_corrected_teacher_is_counted_in_the_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    project.project(tmp_path, n=60, teacher={"backend": "recorded", "path": "teacher.jsonl", "override": "human"})
    rows = project.answers(60, lambda index: index < 3)
    for index in range(3):
        rows[index]["human"] = project.examples(60)[index]["intent"]
    project.lines(tmp_path / "teacher.jsonl", rows)
    assert project.evalkit("gate", "--out", "run", "--quiet").code in (0, 1, 3)
    manifest = json.loads((tmp_path / "run/manifest.json").read_text(encoding="utf-8"))
    assert manifest["collection"]["teacher intents"]["overridden"] == 3
    assert project.metrics(tmp_path / "run")["accuracy.teacher"]["estimate"]["value"] == 1


# --- runs --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a finished gate in which the student failed on one example and the teacher did not."""
    tmp_path = tmp_path_factory.mktemp("finished")
    policy = project.criteria({"metric": "accuracy.difference", "at_least": -0.5}, max_error_rate=0.5)
    plan = project.project(tmp_path, n=40, policy=policy)
    rows = project.answers(40)
    rows[3] = {"id": "e3", "status": "timeout", "latency_s": 9.5}
    project.lines(tmp_path / "student.jsonl", rows)
    ended = project.evalkit("gate", plan, "--out", tmp_path / "run", "--quiet")
    assert ended.code == 0, ended.err
    return tmp_path


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """The run of a copy of that project, which a test may change."""
    return Path(shutil.copytree(finished, tmp_path / "project")) / "run"


def suite_of(run: Path) -> Suite:
    from evalkit.suite import load_suite

    return load_suite(run.parent / "suites" / "intents" / "suite.yaml")


@pytest.mark.parametrize("role", ["student", "teacher"])
def test_a_run_gives_back_what_the_recording_gave(run: Path, role: str) -> None:
    suite = suite_of(run)
    from_file, from_run = recorded(run.parent / f"{role}.jsonl"), recorded(run, role)
    assert said(from_file, suite) == said(from_run, suite) == ""
    requests = build_requests(suite)
    assert from_run.run(requests) == from_file.run(requests)


def test_a_run_has_no_column_that_overrides(run: Path) -> None:
    built = Recorded(RecordedSpec(backend="recorded", path=str(run), override="target"), "student")
    assert "override names a column of a file of answers, and this is a run" in said(built, suite_of(run))


def test_a_run_that_was_asked_something_else_is_refused(run: Path) -> None:
    project.suite(run.parent, n=40, prompt="Question: {{ text }}")
    assert "the run was asked something else for 40 examples, such as e0" in said(recorded(run), suite_of(run))


def test_a_run_without_a_teacher_lacks_the_teachers_answers(run: Path) -> None:
    out = run.parent / "audit"
    arguments = ("--student", f"recorded:{run.parent}/student.jsonl", "--suite", run.parent / "suites/intents")
    assert project.evalkit("audit", *arguments, "--out", out, "--quiet").code == 0
    assert "lacks 40 of 40 examples" in said(recorded(out, "teacher"), suite_of(run))


def test_a_run_whose_pairs_were_changed_is_a_breakage(run: Path) -> None:
    table = pq.read_table(run / "pairs.parquet")
    rows = table.to_pylist()
    rows[0]["student_label"] = "other"
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), run / "pairs.parquet")
    built = recorded(run)
    assert said(built, suite_of(run)) == ""
    with pytest.raises(BrokenError, match="not the file that the manifest beside it recorded"):
        built.identify()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, "no readable manifest.json"),
        ("{", "no readable manifest.json"),
        ("[]", "where evalkit/manifest/v1 is expected"),
        ('{"schema": "evalkit/manifest/v2"}', "evalkit/manifest/v2; this program knows evalkit/manifest/v1"),
    ],
)
def test_a_run_that_cannot_be_read_is_a_complaint(run: Path, text: str | None, expected: str) -> None:
    if text is None:
        (run / "manifest.json").unlink()
    else:
        (run / "manifest.json").write_text(text, encoding="utf-8")
    assert expected in said(recorded(run), suite_of(run))


def test_pairs_of_another_shape_are_a_complaint(run: Path) -> None:
    pq.write_table(pa.table({"x": [1, 2]}), run / "pairs.parquet")
    assert "lacks 40 of 40 examples" in said(recorded(run), suite_of(run))
    (run / "pairs.parquet").unlink()
    assert "there is no data file" in said(recorded(run), suite_of(run))


def test_a_run_remembers_what_its_model_weighed(run: Path) -> None:
    path = run / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["models"]["student"] |= {"name": "small", "weights_digest": "sha256:w", "parameters": 7, "bytes": 28}
    path.write_text(json.dumps(manifest), encoding="utf-8")
    built = recorded(run)
    assert said(built, suite_of(run)) == ""
    facts = built.identify()
    assert (facts.name, facts.weights_digest, facts.parameters, facts.bytes) == ("small", "sha256:w", 7, 28)
    assert not facts.live
