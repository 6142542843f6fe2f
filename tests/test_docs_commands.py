"""Commands and names of the guides that somebody copies: they do what the text says."""

from __future__ import annotations

import csv
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import yaml

from evalkit.metrics import known_names

DOCS = Path(__file__).resolve().parent.parent / "docs"


def ran(heading: str, root: Path) -> str:
    """What the one command under a heading of the suites guide prints, in `root`."""
    section = (DOCS / "suites.md").read_text(encoding="utf-8").partition(f"### {heading}\n")[2].partition("\n### ")[0]
    (command,) = re.findall(r"^\$ (.*)$", section, re.MULTILINE)
    python, *arguments = shlex.split(command)
    assert python == "python"
    utf8 = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=root, capture_output=True, encoding="utf-8", check=False, timeout=60, env=utf8
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_command_for_ids_numbers_every_row_and_changes_nothing_else(tmp_path: Path) -> None:
    text = '\ufefftext,label\n"two\nlines, one row",ä\n\n"a ""quote""",b\n'
    (tmp_path / "tickets.csv").write_text(text, encoding="utf-8")
    ran("Rows without ids", tmp_path)
    with (tmp_path / "examples.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))
    assert rows == [["id", "text", "label"], ["r1", "two\nlines, one row", "ä"], ["r2", 'a "quote"', "b"]]


def test_the_command_for_labels_prints_a_list_that_yaml_reads(tmp_path: Path) -> None:
    names = {str(index): f"label {index}" for index in range(12)} | {
        "0": "where is it?",
        "1": "refund: part",
        "2": "nö",
    }
    (tmp_path / "models" / "student").mkdir(parents=True)
    config = json.dumps({"id2label": names}, sort_keys=True)
    (tmp_path / "models" / "student" / "config.json").write_text(config, encoding="utf-8")
    assert yaml.safe_load(f"labels: {ran('Labels of a model', tmp_path)}") == {"labels": list(names.values())}


def test_the_metrics_in_the_table_of_costs_are_ones_that_a_policy_can_name() -> None:
    text = (DOCS / "timing.md").read_text(encoding="utf-8")
    first = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    named = [name for cell in first for name in re.findall(r"`([a-z][\w.*]*)`", cell) if "." in name]
    assert len(named) > 8
    known = known_names()
    for name in named:
        assert name in known or (name.endswith(".*") and any(each.startswith(name[:-1]) for each in known)), name
