"""The teacher's second run: what its disagreement with itself is, and what the student's is beyond it."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalkit.backends.local import Local
from evalkit.errors import UsageError
from evalkit.plan import Overrides, load_plan
from evalkit.requests import build_requests
from evalkit.specs import TransformersSpec
from tests import models, runs
from tests.cli import project
from tests.cli.project import evalkit


@pytest.fixture
def gate(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> runs.Runner:
    return runs.runner(request, monkeypatch, tmp_path)


def recorded_twice(root: Path, n: int = 100, **plan: object) -> None:
    """A teacher that changes every tenth answer when it is asked again; a student that changes every fifth."""
    project.project(root, n=n, student_errs=lambda index: index % 5 == 0, teacher_errs=lambda index: False, **plan)
    project.lines(root / "again.jsonl", project.answers(n, lambda index: index % 10 == 0))


def test_excess_disagreement_is_read_against_the_teachers_own(gate: runs.Runner) -> None:
    recorded_twice(gate.root, teacher_again="again.jsonl")
    gate("audit", "--quiet", code=0)
    found = project.metrics(gate.root / "run")
    assert found["agreement.noise_floor"]["estimate"]["value"] == pytest.approx(0.1)
    assert found["agreement.excess_disagreement"]["estimate"]["value"] == pytest.approx(0.1)
    assert found["agreement.excess_disagreement"]["estimate"]["n"] == 100
    assert evalkit("verify", gate.root / "run").code == 0


def test_flips_are_read_against_those_of_the_teacher_itself(gate: runs.Runner) -> None:
    rule = {"metric": "flips.right_to_wrong_stable.count", "at_most": 9}
    recorded_twice(gate.root, policy=project.criteria(rule), teacher_again="again.jsonl")
    gate("gate", "--quiet", code=1)
    found = {name: row["estimate"] for name, row in project.metrics(gate.root / "run").items()}
    # Of the student's twenty, the teacher flips on ten as well.
    assert found["flips.right_to_wrong.count"]["value"] == 20
    assert found["flips.unstable.count"]["value"] == 10
    assert found["flips.excess_rate"]["value"] == pytest.approx(0.1)
    assert found["flips.right_to_wrong_stable.count"]["value"] == 10
    assert "right → wrong (teacher unstable)" in (gate.root / "run/report.html").read_text("utf-8")
    assert evalkit("verify", gate.root / "run").code == 0


def test_a_number_draws_that_many_examples_by_the_seed(gate: runs.Runner) -> None:
    recorded_twice(gate.root, teacher_again="again.jsonl", noise_floor=40)
    gate("audit", "--quiet", code=0)
    gate("audit", "--quiet", out="same", code=0)
    assert project.metrics(gate.root / "run")["agreement.noise_floor"]["estimate"]["n"] == 40
    assert (gate.root / "run/results.json").read_bytes() == (gate.root / "same/results.json").read_bytes()
    assert evalkit("verify", gate.root / "run").code == 0


def test_a_teacher_that_ran_once_has_no_noise_floor(gate: runs.Runner) -> None:
    recorded_twice(gate.root)
    gate("audit", "--quiet", code=0)
    row = project.metrics(gate.root / "run")["agreement.noise_floor"]
    assert row["estimate"] is None
    assert "noise_floor" in row["undefined"]


def test_a_criterion_on_the_excess_is_judged_and_can_be_judged_again(gate: runs.Runner) -> None:
    rule = {"metric": "agreement.excess_disagreement", "at_most": 0.3}
    recorded_twice(gate.root, policy=project.criteria(rule), teacher_again="again.jsonl")
    gate("gate", "--quiet", code=0)
    project.dump(gate.root / "strict.yaml", project.criteria({**rule, "at_most": 0.01}))
    gate("regate", "run", "--policy", "strict.yaml", out="strict", code=1)


def test_a_failed_second_answer_counts_as_no_noise(gate: runs.Runner) -> None:
    recorded_twice(gate.root, teacher_again="again.jsonl")
    rows = [{"id": row["id"], "status": "error"} for row in project.answers(100)]
    project.lines(gate.root / "again.jsonl", rows)
    gate("audit", "--quiet", code=0)
    row = project.metrics(gate.root / "run")["agreement.noise_floor"]
    assert row["estimate"]["value"] == 0
    assert "100 failed second answers" in row["estimate"]["method"]


def test_a_recording_cannot_run_again_by_itself(tmp_path: Path) -> None:
    recorded_twice(tmp_path, noise_floor="all")
    with pytest.raises(UsageError, match="teacher_again"):
        load_plan(tmp_path / "evalkit.yaml", Overrides())


def test_a_second_recording_must_hold_every_example_that_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded_twice(tmp_path, teacher_again="again.jsonl")
    project.lines(tmp_path / "again.jsonl", project.answers(99))
    monkeypatch.chdir(tmp_path)
    ended = evalkit("gate", "--out", "run")
    assert ended.code == 2
    assert "lacks 1 of 100 examples" in ended.err


def test_a_live_second_run_goes_the_other_way_in_batches_of_another_shape(tmp_path: Path) -> None:
    spec = TransformersSpec(model=str(models.save_classifier(tmp_path / "model")), batch_tokens=64)
    requests = build_requests(models.suite_of(models.texts(30)))
    first, again = Local(spec, "teacher"), Local(spec, "teacher_again")
    assert first.batches(requests) != again.batches(requests)
    assert max(map(len, again.batches(requests))) < max(map(len, first.batches(requests)))
    assert first.identify().settings != again.identify().settings
