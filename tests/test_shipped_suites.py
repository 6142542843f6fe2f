"""The suites that come with evalkit: clean, large enough, the same as their sources write, and not a form letter."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from evalkit.cli import app
from evalkit.lint import lint
from evalkit.shipped import shipped
from evalkit.suite import load_suite
from evalkit.types import Suite

ROOT = Path(__file__).resolve().parent.parent
SUITES = shipped("suites")
LEAST = {"gold": 1000, "edge-case": 300, "safety-refusal": 500}
BY_HAND = {"gold": 150, "edge-case": 150, "safety-refusal": 250}

# A slot that was not filled, a choice that was not made, a back-reference.
_MARKS = re.compile(r"\{\w*\}|\[\w[\w ]*\|[^\]]*\]|\\[0-9]")

each_suite = pytest.mark.parametrize("name", sorted(SUITES))


def read(name: str) -> Suite:
    return load_suite(SUITES[name] / "suite.yaml")


def rows(name: str) -> list[dict[str, Any]]:
    text = (SUITES[name] / "examples.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def input_column(name: str) -> str:
    column: str = yaml.safe_load((SUITES[name] / "suite.yaml").read_text(encoding="utf-8"))["columns"]["input"]
    return column


@each_suite
def test_lint_finds_nothing(name: str) -> None:
    assert lint(read(name)) == []


@each_suite
def test_it_is_large_enough_and_partly_by_hand(name: str) -> None:
    suite, origins = read(name), Counter(row["origin"] for row in rows(name))
    assert len(suite.examples) >= LEAST[suite.facts.kind]
    assert origins["hand"] >= BY_HAND[suite.facts.kind]
    assert set(origins) <= {"hand", "grammar"}
    if suite.facts.kind == "safety-refusal":
        assert min(Counter(each.expect for each in suite.examples).values()) >= 250


@each_suite
def test_it_has_slices_groups_and_severities(name: str) -> None:
    suite = read(name)
    assert len([each for each in suite.facts.slice_names if each != "target"]) >= 2
    assert len({each.group for each in suite.examples}) >= 20  # fewer have no cluster-robust interval
    assert len({each.severity for each in suite.examples}) >= 3


@each_suite
def test_no_two_inputs_differ_in_figures_or_case_alone(name: str) -> None:
    column = input_column(name)
    shapes = Counter(re.sub(r"\d+", "0", row[column]).casefold() for row in rows(name) if row["origin"] == "grammar")
    again = sum(count - 1 for count in shapes.values())
    assert again <= 0.01 * sum(shapes.values()), shapes.most_common(3)


@each_suite
def test_no_grammar_leaves_its_own_marks_in_a_text(name: str) -> None:
    column = input_column(name)
    marked = [row["id"] for row in rows(name) if row["origin"] == "grammar" and _MARKS.search(row[column])]
    assert marked == []


@each_suite
def test_its_readme_says_what_power_says_today(name: str) -> None:
    said = (SUITES[name] / "README.md").read_text(encoding="utf-8")
    done = CliRunner().invoke(app, ["power", "--suite", name], standalone_mode=False)
    assert done.output.strip()
    for sentence in done.output.splitlines():
        assert sentence in said


def test_the_examples_are_what_their_grammars_write() -> None:
    command = [sys.executable, ROOT / "scripts" / "make-suites", "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
