"""Recorded outputs, as the contract describes them: every form of answer, every status, JSONL and Parquet alike."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from evalkit.backends.recorded import Recorded
from evalkit.requests import build_requests
from evalkit.specs import RecordedSpec
from evalkit.suite import load_suite
from evalkit.types import Output, Suite
from tests.cli import project


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    return load_suite(project.suite(tmp_path, n=3) / "suite.yaml")


def recorded(path: Path) -> Recorded:
    return Recorded(RecordedSpec(backend="recorded", path=str(path)), "student")


def output(tmp_path: Path, suite: Suite, row: dict[str, Any]) -> Output:
    """What a row for e0 gives, when the others are right."""
    rows = [{"id": "e0", **row}, *project.answers(3)[1:]]
    backend = recorded(project.lines(tmp_path / "recording.jsonl", rows))
    assert backend.check([suite]) == []
    return backend.run(build_requests(suite))[0]


def problems(tmp_path: Path, suite: Suite, row: dict[str, Any]) -> str:
    rows = [{"id": "e0", **row}, *project.answers(3)[1:]]
    return "\n".join(map(str, recorded(project.lines(tmp_path / "recording.jsonl", rows)).check([suite])))


@pytest.mark.parametrize(
    "row",
    [
        {"probs": [0.2, 0.7, 0.1]},
        {"probs": {"refund": 0.7, "card_lost": 0.2, "other": 0.1}},
        {"logits": [math.log(0.2) + 5, math.log(0.7) + 5, math.log(0.1) + 5]},
        {"logits": {"refund": math.log(0.7), "card_lost": math.log(0.2), "other": math.log(0.1)}},
        {"choice_logprobs": [math.log(0.2), math.log(0.7), math.log(0.1)]},
        {"probs": [0.2, 0.7, 0.1], "logits": None, "status": "ok"},
    ],
    ids=lambda row: " ".join(row),
)
def test_every_form_of_numbers_gives_label_and_probabilities(tmp_path: Path, suite: Suite, row: dict[str, Any]) -> None:
    given = output(tmp_path, suite, row)
    assert given.label == "refund"
    assert given.probs == pytest.approx((0.2, 0.7, 0.1))
    assert given.status == "ok"


def test_a_label_alone_has_no_probabilities(tmp_path: Path, suite: Suite) -> None:
    given = output(tmp_path, suite, {"label": "refund"})
    assert (given.label, given.probs) == ("refund", None)


def test_a_label_beside_probabilities_stands(tmp_path: Path, suite: Suite) -> None:
    assert output(tmp_path, suite, {"label": "other", "probs": [0.2, 0.7, 0.1]}).label == "other"


def test_labels_that_a_mapping_leaves_out_have_no_probability(tmp_path: Path, suite: Suite) -> None:
    assert output(tmp_path, suite, {"probs": {"other": 1}}).probs == (0, 0, 1)


@pytest.mark.parametrize(
    "row",
    [
        {"probs": [1 / 3, 1 / 3, 1 / 3]},
        {"probs": [0.4, 0.4, 0.2]},
        {"logits": [1, 1, 1]},
        {"logits": [1000, 1000, 0]},
        {"choice_logprobs": {"other": -1, "refund": -2, "card_lost": -1}},
    ],
)
def test_ties_go_to_the_lowest_index(tmp_path: Path, suite: Suite, row: dict[str, Any]) -> None:
    assert output(tmp_path, suite, row).label == "card_lost"


@pytest.mark.parametrize("total", [1 - 9e-4, 1 + 9e-4])
def test_probabilities_within_the_tolerance_are_scaled(tmp_path: Path, suite: Suite, total: float) -> None:
    given = output(tmp_path, suite, {"probs": [total, 0, 0]})
    assert given.probs is not None
    assert math.fsum(given.probs) == pytest.approx(1, abs=1e-15)


@pytest.mark.parametrize("total", [1 - 2e-3, 1 + 2e-3])
def test_probabilities_beyond_it_are_refused(tmp_path: Path, suite: Suite, total: float) -> None:
    assert "not 1" in problems(tmp_path, suite, {"probs": [total, 0, 0]})


@pytest.mark.parametrize(
    ("row", "status"),
    [
        ({"status": "error"}, "error"),
        ({"status": "timeout"}, "timeout"),
        ({"status": "rate limited"}, "error"),
        ({"status": "error", "label": "refund"}, "error"),
        ({"text": ""}, "empty"),
        ({"text": " \n"}, "empty"),
        ({"text": "refund"}, "ok"),
    ],
)
def test_a_status_says_why_there_is_no_answer(tmp_path: Path, suite: Suite, row: dict[str, Any], status: str) -> None:
    assert output(tmp_path, suite, row).status == status


def test_times_and_counts_are_kept(tmp_path: Path, suite: Suite) -> None:
    given = output(
        tmp_path, suite, {"label": "other", "latency_s": 0.25, "ttft_s": 0, "tokens_in": 7, "tokens_out": 3.0}
    )
    assert (given.latency_s, given.ttft_s, given.tokens_in, given.tokens_out) == (0.25, 0, 7, 3)


@pytest.mark.parametrize("digits", [400, 3000])
def test_a_number_of_hundreds_of_digits_is_refused(tmp_path: Path, suite: Suite, digits: int) -> None:
    assert "e0" in problems(tmp_path, suite, {"probs": [10**digits, 0, 0]})
    assert "latency_s" in problems(tmp_path, suite, {"label": "other", "latency_s": 10**digits})


def test_extra_ids_are_counted_and_never_judged(tmp_path: Path, suite: Suite) -> None:
    rows = [*project.answers(3), {"id": "elsewhere", "probs": "nonsense"}, {"id": "e99", "label": "x"}]
    backend = recorded(project.lines(tmp_path / "recording.jsonl", rows))
    assert backend.check([suite]) == []
    assert backend.identify().settings["extra_ids"] == 2


def test_several_suites_share_a_file_by_a_suite_column(tmp_path: Path, suite: Suite) -> None:
    other = load_suite(project.suite(tmp_path, "others", n=2) / "suite.yaml")
    mine = [{"suite": "intents", **row} for row in project.answers(3)]
    theirs = [{"suite": "others", "id": row["id"], "label": "other"} for row in project.answers(2)]
    backend = recorded(project.lines(tmp_path / "both.jsonl", [*theirs, *mine, {"suite": "third", "id": "e0"}]))
    assert backend.check([suite, other]) == []
    assert [each.label for each in backend.run(build_requests(other))] == ["other", "other"]
    assert [each.label for each in backend.run(build_requests(suite))] == ["card_lost", "refund", "other"]
    assert backend.identify().settings["extra_ids"] == 1


def test_an_id_of_two_suites_needs_the_column(tmp_path: Path, suite: Suite) -> None:
    other = load_suite(project.suite(tmp_path, "others", n=2) / "suite.yaml")
    backend = recorded(project.lines(tmp_path / "both.jsonl", project.answers(3)))
    found = "\n".join(map(str, backend.check([suite, other])))
    assert "add a `suite` column" in found


def test_parquet_says_what_jsonl_says(tmp_path: Path, suite: Suite) -> None:
    rows: project.Rows = [
        {"id": "e0", "probs": {"refund": 0.7, "other": 0.3}, "latency_s": 0.5, "tokens_in": 3},
        {"id": "e1", "status": "timeout"},
        {"id": "e2", "label": "other", "tokens_in": 4},
    ]
    names = ["id", "label", "probs", "status", "latency_s", "tokens_in"]
    table = pyarrow.Table.from_pylist([{name: row.get(name) for name in names} for row in rows])
    pyarrow.parquet.write_table(table, tmp_path / "recording.parquet")
    outputs = []
    for path in (project.lines(tmp_path / "recording.jsonl", rows), tmp_path / "recording.parquet"):
        backend = recorded(path)
        assert backend.check([suite]) == []
        outputs.append(backend.run(build_requests(suite)))
    assert outputs[0] == outputs[1]


def test_probabilities_as_a_parquet_list_too(tmp_path: Path, suite: Suite) -> None:
    rows = project.answers(3)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "recording.parquet")
    backend = recorded(tmp_path / "recording.parquet")
    assert backend.check([suite]) == []
    assert [each.label for each in backend.run(build_requests(suite))] == ["card_lost", "refund", "other"]


def test_a_text_answer_is_scored_by_the_suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [{"id": "a", "text": "2+2", "intent": "4"}, {"id": "b", "text": "2+3", "intent": "5"}]
    project.project(tmp_path, n=9)
    project.suite(
        tmp_path,
        rows=rows,
        task="generate",
        labels=None,
        answer_after="</think>",
        columns={"input": "text", "target": "intent"},
    )
    project.lines(tmp_path / "teacher.jsonl", [{"id": "a", "text": "hm</think>4"}, {"id": "b", "text": "</think> 5 "}])
    project.lines(tmp_path / "student.jsonl", [{"id": "a", "text": "hm</think>4"}, {"id": "b", "text": "5"}])
    assert project.evalkit("audit", "--out", "run", "--quiet").code == 0
    measured = project.metrics(tmp_path / "run")
    assert measured["accuracy.teacher"]["estimate"]["value"] == 1
    assert measured["accuracy.student"]["estimate"]["value"] == 0.5
    assert measured["outputs.unparsable_rate.student"]["estimate"]["value"] == 0.5
    assert json.loads((tmp_path / "run" / "verdict.json").read_text())["verdict"] == "ungated"
