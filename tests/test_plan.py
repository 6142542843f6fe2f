"""evalkit.yaml and options → Plan."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalkit.errors import UsageError
from evalkit.plan import Overrides, load_plan
from evalkit.specs import FakeSpec, RecordedSpec, TransformersSpec, looks_like_path, spec_from_text
from evalkit.types import Costs, Terms
from tests.cli import project


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("org/name", {"backend": "transformers", "model": "org/name"}),
        ("./models/a", {"backend": "transformers", "model": "./models/a"}),
        ("hf:org/name", {"backend": "transformers", "model": "org/name"}),
        ("recorded:a:b.jsonl", {"backend": "recorded", "path": "a:b.jsonl"}),
        ("fake:", {"backend": "fake"}),
        ("fake:accuracy=0.5,seed=3", {"backend": "fake", "accuracy": "0.5", "seed": "3"}),
        (r"C:\models\a", {"backend": "transformers", "model": r"C:\models\a"}),
    ],
)
def test_a_model_as_text(text: str, spec: dict[str, str]) -> None:
    assert spec_from_text(text) == spec


@pytest.mark.parametrize("text", ["", "  ", "recorded:", "hf:", "ftp:x", "fake:0.9", "fake:perfect,seed=1"])
def test_a_text_that_names_no_model(text: str) -> None:
    with pytest.raises(ValueError, match=r" \| "):
        spec_from_text(text)


def test_a_mapping_without_backend_is_a_model_that_runs_here(tmp_path: Path) -> None:
    project.project(tmp_path, n=3)
    (tmp_path / "model").mkdir()
    plan = load_plan(project.plan(tmp_path, student={"model": "model", "dtype": "bfloat16"}), Overrides())
    assert plan.models["student"] == TransformersSpec(model=str(tmp_path / "model"), dtype="bfloat16")


def test_paths_become_absolute_and_hub_ids_do_not(tmp_path: Path) -> None:
    project.project(tmp_path, n=3)
    plan = load_plan(project.plan(tmp_path, teacher="org/name", student="recorded:student.jsonl"), Overrides())
    assert plan.models["teacher"] == TransformersSpec(model="org/name")
    assert plan.models["student"] == RecordedSpec(backend="recorded", path=str(tmp_path / "student.jsonl"))
    assert plan.suites == (tmp_path / "suites/intents/suite.yaml",)
    assert plan.policy == str(tmp_path / "policy.yaml")


@pytest.mark.parametrize(
    ("name", "path"),
    [("org/name", False), ("models/name", True), ("./name", True), ("a/b/c", True), ("name", False), ("~/name", True)],
)
def test_what_looks_like_a_path(tmp_path: Path, name: str, path: bool) -> None:
    (tmp_path / "models").mkdir()
    assert looks_like_path(name, tmp_path) == path


def test_options_win_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project.project(tmp_path, n=3)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    over = Overrides(student="fake:seed=1", policy="recovery-99", seed=5, limit=2, champion="recorded:c.jsonl")
    plan = load_plan(project.plan(tmp_path, seed=3), over)
    assert plan.models["student"] == FakeSpec(backend="fake", seed=1)
    assert plan.models["champion"] == RecordedSpec(backend="recorded", path=str(tmp_path / "here" / "c.jsonl"))
    assert (plan.policy, plan.seed, plan.limit) == ("recovery-99", 5, 2)


def test_a_plan_may_leave_out_what_options_give(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project.project(tmp_path, n=3)
    monkeypatch.chdir(tmp_path)
    plan = load_plan(
        project.plan(tmp_path, student=None, suites=None), Overrides(student="fake:", suites=("suites/intents",))
    )
    assert plan.suites == (tmp_path / "suites/intents/suite.yaml",)
    assert plan.models["student"] == FakeSpec(backend="fake")


def test_a_wrong_option_is_blamed_on_the_command_line(tmp_path: Path) -> None:
    project.project(tmp_path, n=3)
    over = Overrides(student="foo:x", teacher="fake:seed=one")
    with pytest.raises(UsageError) as refused:
        load_plan(project.plan(tmp_path, student=None), over)
    assert len(refused.value.complaints) == 2
    assert {str(each.place) for each in refused.value.complaints} == {"command line"}


def test_a_plan_that_says_nothing_of_the_service_falls_back_to_the_teacher(tmp_path: Path) -> None:
    project.project(tmp_path, n=3)
    assert load_plan(project.plan(tmp_path), Overrides()).terms == Terms() == Terms(fallback_to="teacher", risk=0.02)


def test_who_stands_behind_the_student_and_what_it_costs(tmp_path: Path) -> None:
    project.project(tmp_path, n=3)
    costs = {"teacher": 2.5, "student": 0.4, "human": 900, "requests_per_month": 10**6, "one_off": 12000}
    written = project.plan(tmp_path, fallback={"to": "human", "risk": 0.01, "level": 0.99}, costs=costs)
    told = Costs(teacher=2.5, student=0.4, human=900.0, requests_per_month=10**6, one_off=12000.0, horizon_months=12)
    assert load_plan(written, Overrides()).terms == Terms(fallback_to="human", risk=0.01, level=0.99, costs=told)


def test_every_slip_in_the_terms_is_told_with_its_place(tmp_path: Path) -> None:
    project.project(tmp_path, n=3)
    written = project.plan(tmp_path, fallback={"to": "techer", "risk": "2 %"}, costs={"teacher": 0, "requests": 9})
    with pytest.raises(UsageError) as refused:
        load_plan(written, Overrides())
    said = [str(each) for each in refused.value.complaints]
    assert len(said) == 4
    for key, words in (
        ("fallback.to", "teacher"),
        ("fallback.risk", "write a plain number"),
        ("costs.teacher", "above 0"),
        ("costs.requests", "requests_per_month"),
    ):
        assert any(key in each and words in each for each in said), (key, said)


def test_a_shipped_policy_wins_over_a_file_of_its_name(tmp_path: Path) -> None:
    project.project(tmp_path, n=3)
    (tmp_path / "recovery-99").touch()
    assert load_plan(project.plan(tmp_path, policy="recovery-99"), Overrides()).policy == "recovery-99"
