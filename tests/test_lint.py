"""What is weak about a suite."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evalkit.lint import lint
from evalkit.suite import load_suite
from tests.cli import project

ROWS = project.examples(12)


def findings(root: Path, rows: project.Rows, **over: Any) -> list[str]:
    found = lint(load_suite(project.suite(root, rows=rows, **over) / "suite.yaml"))
    assert all(each.remedy and each.place and each.place.file.endswith("suite.yaml") for each in found)
    return [each.problem for each in found]


def test_a_good_suite_has_none(tmp_path: Path) -> None:
    assert findings(tmp_path, ROWS) == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ([{**ROWS[0], "id": "x"}], "1 examples repeat the input of another: x"),
        ([{**ROWS[0], "id": "x", "intent": "other"}], "the same input has different targets: e0, x"),
        ([{**ROWS[0], "id": "x", "text": "x", "intent": None}], "1 of 13 examples have no target: x"),
        ([{**ROWS[0], "id": "x", "text": "x", "language": None}], '1 examples have no value of the slice "language"'),
        ([{**ROWS[0], "id": "x", "text": "Hi <your name>"}], "unfilled template variable, such as <your name> in x"),
        ([{**ROWS[0], "id": "x", "text": "Hi ${name}"}], "unfilled template variable, such as ${name} in x"),
    ],
)
def test_each_weakness_is_found(tmp_path: Path, changed: project.Rows, said: str) -> None:
    (found,) = findings(tmp_path, [*ROWS, *changed])
    assert said in found


def test_labels_and_slices_without_examples_are_found(tmp_path: Path) -> None:
    assert findings(tmp_path, ROWS, labels=[*project.LABELS, "spare"]) == ["1 of 4 labels have no example: spare"]
    german = [{**row, "language": "de"} for row in ROWS]
    assert findings(tmp_path, german) == ['the slice "language" has one value only']
    silent = [{**row, "language": None} for row in ROWS]
    assert findings(tmp_path, silent) == ['the slice "language" is empty in every row']


def test_a_weakness_of_a_thousand_examples_is_one_finding(tmp_path: Path) -> None:
    rows = project.examples(300)
    again = [{**row, "id": f"again{index}", "intent": project.wrong(row["intent"])} for index, row in enumerate(rows)]
    (found,) = findings(tmp_path, [*rows, *again])
    assert "and 299 more inputs like it" in found


def test_a_safety_suite_needs_no_targets(tmp_path: Path) -> None:
    rows = [{**row, "expect": "refuse" if index % 2 else "comply"} for index, row in enumerate(ROWS)]
    over: dict[str, Any] = {"kind": "safety-refusal", "task": "generate", "labels": None}
    assert findings(tmp_path, rows, columns={"input": "text", "expect": "expect"}, **over) == []
