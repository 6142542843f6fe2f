"""What a plan says of the service reaches the numbers, lies in the run, and gives the same numbers from there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evalkit.provenance.verify import verify
from evalkit.records import terms_from, terms_record
from evalkit.types import Costs, Terms
from tests.cli import project
from tests.runs import Runner, runner

COSTS = {"teacher": 2.5, "student": 0.4, "human": 900, "requests_per_month": 1000000, "one_off": 12000}
RULES = project.criteria(
    {"metric": "fallback.saving", "at_least": 0.3, "suite": "intents"},
    {"metric": "cost.per_thousand.ratio", "at_most": 0.5},
)


@pytest.fixture
def gate(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Runner:
    return runner(request, monkeypatch, tmp_path)


def found(run: Runner, out: str = "run") -> dict[str, Any]:
    return {name: row["estimate"] and row["estimate"]["value"] for name, row in project.metrics(run.root / out).items()}


def edited(run: Path, **terms: Any) -> None:
    path = run / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest = {**manifest, **terms} if terms else {key: each for key, each in manifest.items() if key != "terms"}
    path.write_text(json.dumps(manifest), encoding="utf-8")


def test_terms_survive_the_way_to_a_manifest_and_back() -> None:
    for terms in (Terms(), Terms(fallback_to="human", risk=0.1, level=0.9, costs=Costs(teacher=1.0, horizon_months=3))):
        assert terms_from(json.loads(json.dumps(terms_record(terms)))) == terms
    assert terms_from(None) == Terms()


def test_a_gate_decides_on_costs_and_the_run_alone_gives_them_again(gate: Runner) -> None:
    project.project(gate.root, n=700, policy=RULES, costs=COSTS, fallback={"risk": 0.05})
    gate("gate", "--quiet", code=0)
    seen = found(gate)
    assert (seen["cost.per_thousand.teacher"], seen["cost.per_thousand.ratio"]) == (2.5, 0.16)
    assert (seen["fallback.threshold"], seen["fallback.coverage"]) == (0.0, 1.0), "the models err on the same examples"
    assert seen["fallback.saving"] == pytest.approx(1 - 0.4 / 2.5)
    assert gate.manifest()["terms"] == {
        "fallback": {"to": "teacher", "risk": 0.05, "level": None},
        "costs": {**COSTS, "horizon_months": 12, "fixed_per_month": 0.0},
    }
    verify(gate.root / "run")
    other = project.dump(gate.root / "other.yaml", project.criteria({"metric": "fallback.coverage", "at_least": 0.9}))
    gate("regate", "run", "--policy", other, out="again", code=0)
    assert found(gate, "again") == seen
    assert gate.manifest("again")["terms"] == gate.manifest()["terms"]
    verify(gate.root / "again")


def test_terms_that_were_changed_afterwards_are_noticed(gate: Runner) -> None:
    project.project(gate.root, n=700, policy=RULES, costs=COSTS)
    gate("gate", "--quiet", code=0)
    edited(gate.root / "run", terms=terms_record(Terms(costs=Costs(**{**COSTS, "teacher": 9.0}))))
    ended = project.evalkit("verify", "run")
    assert ended.code == 4
    assert "per_thousand" in ended.err


def test_a_run_of_before_there_were_terms_has_the_defaults(gate: Runner) -> None:
    project.project(gate.root, n=700, policy=project.POLICY)
    gate("gate", "--quiet", code=0)
    edited(gate.root / "run")
    verify(gate.root / "run")


def test_an_audit_of_a_student_alone_knows_what_it_costs(gate: Runner) -> None:
    project.project(gate.root, n=40, teacher=None, costs=COSTS)
    gate("audit", "--quiet", code=0)
    seen = project.metrics(gate.root / "run")
    assert seen["cost.per_thousand.student"]["estimate"]["value"] == 0.4
    assert not any(name.startswith("fallback.") for name in seen)


def test_without_prices_a_criterion_on_costs_is_not_evaluated_and_says_what_is_missing(gate: Runner) -> None:
    project.project(gate.root, n=700, policy=RULES)
    gate("gate", "--quiet", code=3)
    saving, ratio = project.verdict(gate.root / "run")["criteria"]
    assert "`costs: {teacher: …, student: …}`" in saving["reason"]
    assert "`costs: {teacher: …, student: …}`" in ratio["reason"]
