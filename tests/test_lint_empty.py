"""Examples that ask nothing are found by the linter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evalkit.lint import lint
from evalkit.shipped import shipped
from evalkit.suite import load_suite
from tests.cli import project

ROWS = project.examples(12)


def findings(root: Path, text: str, **over: Any) -> list[tuple[str, str]]:
    rows = [*ROWS, {**ROWS[0], "id": "x", "text": text}]
    found = lint(load_suite(project.suite(root, rows=rows, **over) / "suite.yaml"))
    return [(each.problem, str(each.place.key) if each.place else "") for each in found]


@pytest.mark.parametrize("text", ["", " ", "\n\t ", "\u00a0"])
def test_an_empty_input_is_found(tmp_path: Path, text: str) -> None:
    assert findings(tmp_path, text) == [("1 of 13 examples have an empty input: x", "columns.input")]


def test_words_of_the_prompt_do_not_fill_an_empty_input(tmp_path: Path) -> None:
    assert findings(tmp_path, " ", prompt="Sort: {{ text }}") != []


def test_without_an_input_column_the_prompt_is_what_is_asked(tmp_path: Path) -> None:
    columns = {"id": "id", "target": "intent"}
    said = ("1 of 13 examples have an empty input: x", "data")
    assert findings(tmp_path, " ", columns=columns, prompt="{{ text }}") == [said]
    assert findings(tmp_path, " ", columns=columns, prompt="Sort: {{ text }}") == []


@pytest.mark.parametrize("text", [".", "?", "0", "\u200b"])
def test_a_nearly_empty_input_is_one(tmp_path: Path, text: str) -> None:
    assert findings(tmp_path, text) == []


@pytest.mark.parametrize("name", sorted(shipped("suites")))
def test_no_shipped_suite_has_an_empty_input(name: str) -> None:
    found = lint(load_suite(shipped("suites")[name] / "suite.yaml"))
    assert [each.problem for each in found if "empty input" in each.problem] == []
