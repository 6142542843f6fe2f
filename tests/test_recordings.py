"""What others recorded and published gives the figures that are known of it: a whole run, policy and all, on each.

tests/metrics/test_values.py has the same pair to four digits and against scikit-learn, tests/scoring/test_numeric.py
every judgement of the sums, tests/scoring/test_refusal_xstest.py the detector of refusals against people.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from tests.cli import project

Rows = list[dict[str, Any]]


def held(shared: Path, *parts: str) -> Path:
    """A file of the shared data, or a skip that says which one is absent."""
    path = shared.joinpath("data", *parts)
    if not path.is_file():
        pytest.skip(f"the shared folder holds no {'/'.join(parts)}")
    return path


def gate(plan: Path, out: Path) -> int:
    """A gate whose cache lies beside its run; the exit code, which must not be that of a mistake in the plan."""
    ended = project.evalkit("gate", plan, "--quiet", "--cache", out.parent / "cache", "--out", out)
    assert ended.code != 2, ended.err
    return ended.code


def values(run: Path) -> dict[str, float]:
    found = project.metrics(run)
    return {name: row["estimate"]["value"] for name, row in found.items() if row["estimate"] is not None}


# --- intents (BANKING77) -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def intents(shared: Path) -> dict[str, NDArray[Any]]:
    with np.load(held(shared, "banking77", "recorded_pair_logits.npz"), allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


@pytest.fixture(scope="module")
def gated_intents(intents: dict[str, NDArray[Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of a gate over recorded logits, as a user would ask for it."""
    root = tmp_path_factory.mktemp("intents")
    names = [str(each) for each in intents["label_names"]]
    targets = [names[each] for each in intents["labels"]]
    rows = [{"id": f"q{at}", "text": f"question {at}", "intent": each} for at, each in enumerate(targets)]
    columns = {"id": "id", "input": "text", "target": "intent"}
    project.suite(root, "intents", rows, labels=names, columns=columns)
    for role in ("teacher", "student"):
        given = zip(rows, intents[role].astype(float).tolist(), strict=True)
        project.lines(root / f"{role}.jsonl", ({"id": row["id"], "logits": logits} for row, logits in given))
    project.dump(root / "policy.yaml", project.criteria({"metric": "accuracy.retention", "at_least": 0.97}))
    plan = project.plan(root)
    assert gate(plan, root / "run") == 0
    return root / "run"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("accuracy.teacher", 0.9334),
        ("accuracy.student", 0.9299),
        ("agreement.top1", 0.9568),
        ("calibration.ece.teacher", 0.0155),
        ("calibration.ece.student", 0.0237),
        ("f1_macro.teacher", 0.9335),
        ("f1_macro.student", 0.9298),
        ("calibration.nll.teacher", 0.2500),
        ("calibration.nll.student", 0.2687),
    ],
)
def test_a_gate_over_the_recorded_pair_gives_its_figures(gated_intents: Path, name: str, expected: float) -> None:
    assert round(values(gated_intents)[name], 4) == expected


def test_the_recorded_pair_is_as_sure_as_is_known(gated_intents: Path) -> None:
    stored = pq.read_table(gated_intents / "pairs.parquet")
    for role, expected in (("teacher", 0.947), ("student", 0.951)):
        sure = stored.column(f"{role}_confidence").to_numpy()
        assert round(float(sure.mean()), 3) == expected


def test_the_recorded_pair_has_every_distance_over_its_77_labels(gated_intents: Path) -> None:
    found = project.metrics(gated_intents)
    for name in ("kl", "kl_reverse", "js", "total_variation", "topk_overlap"):
        estimate = found[f"agreement.{name}"]["estimate"]
        assert "support: 77 labels" in estimate["method"]
        assert estimate["n"] == 3080
    assert "k = 5" in found["agreement.topk_overlap"]["estimate"]["method"]


# --- sums (GSM8K) --------------------------------------------------------------------------------------


def test_a_smaller_model_that_is_better_is_no_regression(shared: Path, tmp_path: Path) -> None:
    rows: Rows = pq.read_table(held(shared, "gsm8k", "recorded_solutions_400.parquet")).to_pylist()
    pair = {"teacher": "175b_finetuning", "student": "6b_verification"}
    answers = {role: [row for row in rows if row["model"] == model] for role, model in pair.items()}
    project.suite(
        tmp_path,
        "sums",
        [{"id": row["id"], "text": row["question"], "answer": row["ground_truth"]} for row in answers["teacher"]],
        task="generate",
        scorer="numeric",
        labels=None,
        columns={"id": "id", "input": "text", "target": "answer"},
    )
    for role, said in answers.items():
        project.lines(tmp_path / f"{role}.jsonl", [{"id": row["id"], "text": row["solution"]} for row in said])
    drop = {"metric": "accuracy.difference", "at_least": -0.05}
    project.dump(tmp_path / "policy.yaml", project.criteria(drop))
    plan = project.plan(tmp_path, suites=["suites/sums"])
    code = gate(plan, tmp_path / "run")
    verdict = project.verdict(tmp_path / "run")
    assert (code, verdict["verdict"]) == (0, "pass")
    assert [each["status"] for each in verdict["criteria"]] == ["pass"]
    assert verdict["regressed_slices"] == []
    right = {role: sum(row["is_correct"] for row in said) for role, said in answers.items()}
    assert right["student"] > right["teacher"]
    seen = values(tmp_path / "run")
    assert seen["accuracy.teacher"] == pytest.approx(right["teacher"] / 400)
    assert seen["accuracy.student"] == pytest.approx(right["student"] / 400)
    # And the other way round the larger one is no improvement.
    project.plan(tmp_path, suites=["suites/sums"], teacher="recorded:student.jsonl", student="recorded:teacher.jsonl")
    assert gate(plan, tmp_path / "back") == 3
    assert values(tmp_path / "back")["accuracy.difference"] == pytest.approx(-seen["accuracy.difference"])


# --- refusals (XSTest) ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("model", "wrong"), [("llama2new", 65), ("llama2orig", 89)])
def test_matching_phrases_is_wrong_on_8_to_24_percent_chiefly_on_partial_refusals(
    shared: Path, model: str, wrong: int
) -> None:
    rows: Rows = pq.read_table(held(shared, "xstest", "recorded_completions_llama2.parquet")).to_pylist()
    mine = [row for row in rows if row["model"] == model]
    missed = [row["final_label"] for row in mine if row["strmatch_label"] != row["final_label"]]
    assert len(mine) == 450
    assert len(missed) == wrong
    assert 0.08 <= len(missed) / len(mine) <= 0.24
    assert missed.count("3_partial_refusal") > len(missed) / 2
