"""The guide to falling back: its example is run, and what it shows is what comes out."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from evalkit.metrics import catalogue
from evalkit.plan import CostsSpec, FallbackSpec
from evalkit.stats.risk_control import units_needed
from evalkit.strict import Strict
from tests.cli import project

GUIDE = Path(__file__).resolve().parent.parent / "docs" / "fallback.md"
TEXT = GUIDE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, flags=re.DOTALL | re.MULTILINE)


def shown(language: str) -> list[str]:
    return [text for name, text in BLOCKS if name == language]


def python(root: Path, code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_example_runs_and_prints_what_the_guide_shows(tmp_path: Path) -> None:
    (make, curve), (plan, policy), (table, points) = shown("python"), shown("yaml"), shown("text")
    python(tmp_path, make)
    (tmp_path / "evalkit.yaml").write_text(plan, encoding="utf-8")
    (tmp_path / "policy.yaml").write_text(policy, encoding="utf-8")
    ended = project.process(
        "gate", "--out", "runs/first", cwd=tmp_path, env={**os.environ, "PYTHONIOENCODING": "utf-8"}
    )
    assert ended.returncode == 0, ended.stderr
    assert [line for line in table.splitlines() if line not in ended.stdout.splitlines()] == []
    # Cell by cell: pandas may pad a column differently.
    assert [line.split() for line in python(tmp_path, curve).splitlines()] == [
        each.split() for each in points.splitlines()
    ]


@pytest.mark.parametrize(("key", "model"), [("fallback", FallbackSpec), ("costs", CostsSpec)])
def test_the_tables_of_keys_are_the_plan_s(key: str, model: type[Strict]) -> None:
    table = TEXT.partition(f"| key of `{key}` |")[2].partition("\n\n")[0]
    rows = [line.split("|") for line in table.splitlines()[2:]]
    listed = {name.strip(" `"): row[2].strip(" `") for row in rows for name in row[1].split(",")}
    defaults = {name: "–" if each.default is None else str(each.default) for name, each in model.model_fields.items()}
    assert listed == defaults | ({"level": "the policy's"} if key == "fallback" else {})


def test_the_table_of_metrics_is_whole() -> None:
    named = set(re.findall(r"`(fallback\.\w+|cost\.[\w.]+)`", TEXT.partition("The promise:")[2].partition("## ")[0]))
    known = {name for name in catalogue() if name.startswith(("fallback.", "cost."))}
    assert named == known - {"cost.per_thousand.student", "cost.per_thousand.ratio"}


def test_the_number_of_examples_that_it_takes_is_right() -> None:
    assert units_needed(0.02, 0.05) == 149
    assert "298 with a target" in TEXT
    assert "in 149 of a half" in TEXT
    assert units_needed(0.01, 0.05) == pytest.approx(2 * 149, abs=1)
