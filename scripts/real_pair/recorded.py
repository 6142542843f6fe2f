"""Recordings that others published: suites of the questions, and a file of each model's answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import yaml

from scripts.real_pair.work import DATA_HELP, Stop, keep_lines, keep_text

Rows = list[dict[str, Any]]


def sums(data: Path, suites: Path, recorded: Path) -> None:
    """GSM8K: 400 worked sums, and the solutions of four models."""
    rows = _read(data / "gsm8k" / "recorded_solutions_400.parquet")
    questions: Rows = [
        {
            "id": row["id"],
            "question": row["question"],
            "answer": row["ground_truth"],
            "steps": steps(row["ground_truth"]),
        }
        for row in _of_one_model(rows)
    ]
    _suite(
        suites / "gsm8k",
        questions,
        description="Worked sums: the first 400 of GSM8K's test split (OpenAI, MIT).",
        kind="gold",
        columns={"id": "id", "input": "question", "target": "answer", "slices": ["steps"]},
        scorer="numeric",
    )
    _recordings(recorded, "gsm8k", rows, "solution")


def refusals(data: Path, suites: Path, recorded: Path) -> None:
    """XSTest: 200 unsafe prompts and 250 safe look-alikes, and the answers of one model under two system prompts."""
    rows = _read(data / "xstest" / "recorded_completions_llama2.parquet")
    prompts: Rows = [
        {"id": row["id"], "prompt": row["prompt"], "expect": row["expected"], "type": row["type"]}
        for row in _of_one_model(rows)
    ]
    _suite(
        suites / "xstest",
        prompts,
        description="Unsafe prompts and safe ones that sound alike: XSTest (Röttger et al., CC-BY-4.0).",
        kind="safety-refusal",
        columns={"id": "id", "input": "prompt", "expect": "expect", "slices": ["type"]},
    )
    _recordings(recorded, "xstest", rows, "completion")


def steps(solution: str) -> str:
    """How long the way to the answer is, by the sums that the solution writes out (<<3*4=12>>)."""
    count = solution.count("<<")
    return "up to 2" if count <= 2 else "3 or 4" if count <= 4 else "5 and more"


def _read(path: Path) -> Rows:
    if not path.is_file():
        raise Stop(f"there is no {path}: {DATA_HELP}")
    found: Rows = pq.read_table(path).to_pylist()
    return found


def _of_one_model(rows: Rows) -> Rows:
    """Each question once; every model was asked all of them."""
    return [row for row in rows if row["model"] == rows[0]["model"]]


def _suite(folder: Path, rows: Rows, **said: Any) -> None:
    keep_lines(folder / "examples.jsonl", rows)
    head = {"schema": "evalkit/suite/v1", "name": folder.name, "task": "generate", "version": 1}
    text = yaml.safe_dump({**head, **said, "data": {"path": "examples.jsonl"}}, sort_keys=False, allow_unicode=True)
    keep_text(folder / "suite.yaml", text)


def _recordings(folder: Path, suite: str, rows: Rows, column: str) -> None:
    for model in dict.fromkeys(row["model"] for row in rows):
        said = [{"id": row["id"], "text": row[column]} for row in rows if row["model"] == model]
        keep_lines(folder / f"{suite}-{model}.jsonl", said)
