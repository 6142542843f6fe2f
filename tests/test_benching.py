"""scripts/bench times what it says it times, on pairs like those of a run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from evalkit.table import table
from scripts.benching import __main__ as command
from scripts.benching import cases, pages, pairs

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("probabilities", [True, False])
def test_the_pairs_are_those_of_two_models_that_err_together(probabilities: bool) -> None:
    made = table(pairs.columns(4000, probabilities=probabilities, slices=True), "teacher")
    assert made.teacher is not None
    teacher, student = made.teacher.correct, made.student.correct
    assert teacher.mean() == pytest.approx(pairs.TEACHER, abs=0.015)
    assert student.mean() == pytest.approx(pairs.STUDENT, abs=0.015)
    assert np.mean(~teacher & ~student) > 2 * np.mean(~teacher) * np.mean(~student)
    assert (made.student.probs is not None) == probabilities
    assert set(made.slices) == {"language", "length", "target"}


def test_the_answer_is_the_likeliest() -> None:
    made = table(pairs.columns(500, probabilities=True, slices=False), "teacher")
    assert made.student.probs is not None
    assert np.array_equal(made.student.probs.argmax(axis=1), made.student.choice)


@pytest.mark.parametrize(
    ("run", "parts"),
    [
        (cases.metrics(300, probabilities=False), {"arrays from stored pairs", "metrics"}),
        (cases.metrics(300, probabilities=True), {"arrays from stored pairs", "metrics"}),
        (cases.conclusion(300), {"stored pairs to verdict"}),
    ],
)
def test_every_part_of_a_case_is_timed(run: object, parts: set[str]) -> None:
    watch = cases.Stopwatch()
    run(watch)  # type: ignore[operator]
    assert set(watch.parts) == parts
    assert all(each["seconds"] > 0 for each in watch.parts.values())


def test_runs_come_to_medians_and_ranges_in_a_table() -> None:
    runs = [
        {"parts": {"metrics": {"seconds": each, "cpu_seconds": 2 * each}}, "peak_bytes": 1e9 * each}
        for each in (1.0, 3.0, 2.0)
    ]
    record = {"binary-100k": command.summary(runs)}
    assert record["binary-100k"]["parts"]["metrics"]["seconds"] == {"median": 2.0, "least": 1.0, "most": 3.0}
    row = command.table(json.loads(json.dumps(record))).splitlines()[-1]
    assert "100,000 pairs" in row
    assert "2.00 (1.00 to 3.00)" in row
    assert row.endswith("| 4.00 | 2.00 GB |")


def test_a_page_is_measured_on_messages_that_are_all_different() -> None:
    drawn = pages.texts(500)
    assert drawn == pages.texts(500)
    assert len(set(drawn)) > 490
    assert len(pages.record(300).pairs) == 300


def test_the_figures_of_pages_come_to_a_table() -> None:
    found = {
        "examples": 2000,
        "bytes": 570_000,
        "written_s": 0.5,
        "first_paint_s": 0.34,
        "interactive_s": 0.651,
        "filter_s": {"flip:lost": 0.02, "conf>0.9": 0.079},
        "rows": 101,
    }
    assert pages.table([found]).splitlines()[-1] == "| 2,000 | 0.57 MB | 0.5 s | 0.34 s | 0.65 s | 79 ms | 101 |"


@pytest.mark.browser
@pytest.mark.skipif(not pages.CHROMIUM.exists(), reason="no chromium (apt-get install chromium)")
def test_a_browser_says_how_long_a_page_took() -> None:
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    # In a process of its own: a process has one driver of browsers.
    told = "import json; from scripts.benching import pages; print(json.dumps(pages.measured(300, 1)))"
    done = subprocess.run([sys.executable, "-c", told], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["first_paint_s"] > 0
    assert found["interactive_s"] > 0
    assert set(found["filter_s"]) == set(pages.FILTERS)
    assert 0 < found["rows"] <= 500
