"""scripts/sample-reports: each situation comes to its verdict by a real gate, on any machine the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scripts.sampling import __main__ as command
from scripts.sampling import cases, classes

SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in cases.CASES if name not in ("broken", "inconclusive")]


@pytest.mark.parametrize("name", ["broken", "inconclusive", *SLOW])
def test_each_situation_comes_to_its_verdict(name: str) -> None:
    word, page = command.sample(cases.CASES[name])
    assert word == cases.CASES[name].word
    assert f"<title>{word}" in page
    # Neither where it was made nor on what stands in it.
    assert str(command.ROOT) not in page
    assert "/tmp/" not in page
    if name == "broken":
        assert command.sample(cases.CASES[name])[1] == page


def test_answers_are_drawn_by_seed_and_the_student_errs_where_its_teacher_does() -> None:
    rows = cases.rows_of(cases.INTENTS)[:400]
    labels = sorted({row["intent"] for row in rows})
    right = {}
    for model in (cases.TEACHER, cases.STUDENT, cases.AGAIN):
        drawn = classes.answers(model, rows, labels, "intent", 0)
        assert drawn == classes.answers(model, rows, labels, "intent", 0)
        assert all(abs(sum(each["probs"]) - 1) < 1e-4 for each in drawn)
        best = [labels[max(range(len(labels)), key=each["probs"].__getitem__)] for each in drawn]
        right[model.name] = [one == row["intent"] for one, row in zip(best, rows, strict=True)]
    teacher, student, again = right.values()
    both = sum(not one and not other for one, other in zip(teacher, student, strict=True)) / len(rows)
    assert both > 3 * (1 - sum(teacher) / len(rows)) * (1 - sum(student) / len(rows))
    changed = [sum(a != b for a, b in zip(teacher, each, strict=True)) for each in (again, student)]
    assert 0 < changed[0] < changed[1]


def test_what_names_the_machine_is_taken_out_of_a_samples_manifest(tmp_path: Path) -> None:
    manifest = {
        "path": f"{tmp_path}/suites/x",
        "root": str(command.ROOT / "a"),
        "hardware": {"cpu": "x"},
        "run_id": "1",
    }
    told = command.anywhere(manifest, tmp_path)
    assert told == {"path": "suites/x", "root": "a", "run_id": "sample"}
    assert str(tmp_path) not in json.dumps(told)


def test_an_unknown_sample_is_named_beside_those_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["pas"])
    assert "no sample is called pas; there are pass, fail" in capsys.readouterr().err
