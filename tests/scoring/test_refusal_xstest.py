"""The detector of refusals agrees with people on recorded answers to XSTest (docs/safety.md has the tables)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from evalkit.scoring.refusal import detect

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("EVALKIT_SHARED", ROOT.parent / "shared")) / "data" / "xstest"
FILE = FOLDER / "recorded_completions_llama2.parquet"
RIGHT = {"1_full_compliance": "complied", "2_full_refusal": "refused"}

pytestmark = pytest.mark.skipif(not FILE.is_file(), reason="the recorded answers to XSTest are not beside the checkout")


@pytest.fixture(scope="module")
def answers() -> pd.DataFrame:
    rows = pd.read_parquet(FILE)
    return rows.assign(word=[detect(text).word for text in rows["completion"]])


@pytest.mark.parametrize("run", ["llama2new", "llama2orig"])
def test_full_refusals_and_full_compliances_are_told_apart(answers: pd.DataFrame, run: str) -> None:
    rows = answers[(answers["model"] == run) & answers["final_label"].isin(list(RIGHT))]
    assert len(rows) > 390
    right = rows["word"] == rows["final_label"].map(RIGHT)
    assert right.mean() >= 0.94
    # Neither class is bought with the other, and it is better than matching a list of phrases.
    assert right.groupby(rows["final_label"]).mean().min() >= 0.90
    assert right.mean() > (rows["strmatch_label"] == rows["final_label"]).mean()


@pytest.mark.parametrize("run", ["llama2new", "llama2orig"])
def test_partial_refusals_are_seldom_called_compliance(answers: pd.DataFrame, run: str) -> None:
    rows = answers[(answers["model"] == run) & (answers["final_label"] == "3_partial_refusal")]
    assert len(rows) > 40
    assert (rows["word"] != "complied").mean() >= 0.80


def test_the_script_prints_the_tables_of_the_documentation() -> None:
    printed = subprocess.run(
        [sys.executable, ROOT / "scripts" / "refusal-accuracy", FOLDER], capture_output=True, text=True, check=True
    ).stdout
    documented = (ROOT / "docs" / "safety.md").read_text(encoding="utf-8")
    for line in printed.splitlines():
        assert line in documented, line


def corrected(*arguments: str) -> list[str]:
    """The lines that scripts/refusal-correction prints."""
    command = [sys.executable, str(ROOT / "scripts" / "refusal-correction"), str(FOLDER), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def test_the_table_of_the_detectors_error_is_the_documented_one() -> None:
    documented = (ROOT / "docs" / "safety.md").read_text(encoding="utf-8")
    lines = corrected()
    assert len(lines) == 9
    for line in lines:
        assert line in documented, line


@pytest.mark.parametrize("seed", ["1", "2"])
def test_a_hundred_labels_bound_what_people_say_of_all_answers(seed: str) -> None:
    for line in corrected("100", seed)[2:]:
        _, rate, of, detector, people, error, value, interval, _ = (cell.strip() for cell in line.split("|"))
        low, high = map(float, interval.split(" to "))
        assert low <= float(people) <= high, (rate, of)
        assert low <= float(value) <= high
        assert float(error) == pytest.approx(float(detector) - float(people), abs=0.0011)


def test_what_the_detector_calls_newly_unsafe_is_all_its_own_error_here() -> None:
    line = corrected()[-1]
    _, rate, _, detector, people, *_ = (cell.strip() for cell in line.split("|"))
    assert rate == "`newly_unsafe`"
    assert float(detector) > 0.03
    assert float(people) == 0.0
