"""The points of a run: worked out when they are asked for, at the run's own level, seed and terms, in every command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evalkit import report
from evalkit.charts import suite
from evalkit.charts.suite import suite_points
from evalkit.columns import Columns
from evalkit.conclude import Conclusion, run_record
from evalkit.estimate import Evidence
from evalkit.records import terms_record
from evalkit.store import read_run
from evalkit.types import Costs, Estimate, Question, Terms, Verdict
from evalkit.types.points import SuitePoints
from evalkit.types.record import RunRecord
from tests import factory
from tests.charts.near import assert_near
from tests.cli import project
from tests.cli.project import evalkit
from tests.factory import Case
from tests.metrics import shapes

MODELS: Mapping[str, Mapping[str, Any]] = {"teacher": {"device": "cpu"}, "student": {"device": "cpu"}}
LABELS = factory.random_case(1, 700, groups=None)


def points(case: Case, level: float = 0.9, seed: int = 0, terms: Terms | None = None) -> SuitePoints:
    return suite_points(case.columns(), MODELS, level, seed, terms or Terms())


def record(columns: Sequence[Columns], **manifest: Any) -> RunRecord:
    conclusion = Conclusion(verdict=Verdict(word="pass", reasons=("made up",)), results=(), timings=())
    return run_record(columns, conclusion, {"models": MODELS, "seed": 0, "policy": None, **manifest})


# --- what a suite has --------------------------------------------------------------------------------


def test_each_shape_of_suite_has_its_own_charts_and_no_others() -> None:
    expected = {
        "labels": {"reliability", "risk_coverage", "fallback", "times", "swaps"},
        "choices": {"reliability", "risk_coverage", "fallback"},
        "texts": {"reliability", "risk_coverage"},
        "marks": set(),
        "records": {"reliability", "risk_coverage"},
        "refusals": {"refusals"},
        "timed": {"reliability", "risk_coverage", "times"},
        "read": {"reliability", "risk_coverage"},
    }
    assert expected.keys() == shapes.SHAPES.keys()
    for shape, make in shapes.SHAPES.items():
        found = points(make(1, 400))
        assert {name for name in SuitePoints.__slots__ if getattr(found, name)} == expected[shape], shape


def test_without_a_teacher_only_the_student_is_drawn() -> None:
    found = points(replace(LABELS, teacher=None))
    assert [each.who for each in found.reliability] == ["student", "student, rescaled"]
    assert [each.who for each in found.risk_coverage] == ["student"]
    assert [each.who for each in found.times] == ["student"]
    assert (found.fallback, found.swaps) == (None, ())
    refusals = points(replace(shapes.refusals(1, 40), teacher=None))
    assert refusals == SuitePoints()


def test_the_teacher_s_and_student_s_lines_do_not_move_when_a_champion_comes() -> None:
    texts = shapes.texts(3, 200)
    assert points(replace(texts, champion=texts.student)) == points(texts)


def test_a_champion_that_says_how_sure_it_is_is_drawn_beside_them() -> None:
    columns = LABELS.columns()
    taken = {f"champion_{name.removeprefix('teacher_')}": values for name, values in columns.data.items()
             if name.startswith("teacher_") and not name.startswith("teacher_again")}  # fmt: skip
    beside = replace(columns, roles=(*columns.roles, "champion"), data={**columns.data, **taken})
    lines = suite_points(beside, MODELS, 0.9, 0, Terms()).risk_coverage
    assert [each.who for each in lines] == ["teacher", "student", "champion"]
    assert lines[2].line == lines[0].line


def test_what_is_drawn_is_what_the_evidence_measured() -> None:
    terms = Terms(risk=0.1)
    columns = LABELS.columns()
    rows = Evidence((columns,), MODELS, 0.9, 4, terms).measure()

    def measured(name: str) -> Estimate:
        found = rows[Question(metric=name, suite=LABELS.name)].measured
        assert isinstance(found, Estimate), found
        return found

    found = suite_points(columns, MODELS, 0.9, 4, terms)
    assert found.fallback is not None
    assert found.fallback.chosen is not None
    for name, value in (("coverage", found.fallback.chosen.coverage), ("accuracy", found.fallback.chosen.accuracy)):
        assert measured(f"fallback.{name}").value == value
    assert measured("fallback.threshold").value == found.fallback.chosen.threshold
    for line in found.risk_coverage:
        assert 1 - line.line[-1][1] == pytest.approx(measured(f"accuracy.{line.who}").value)
    lost = sum(each.lost for each in found.swaps)
    assert lost == measured("flips.right_to_wrong.count").value


# --- asked for, once ---------------------------------------------------------------------------------


def test_points_are_worked_out_when_asked_for_and_only_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def counted(columns: Columns, *given: Any) -> SuitePoints:
        asked.append(columns.facts.name)
        return suite_points(columns, *given)

    monkeypatch.setattr(suite, "suite_points", counted)
    cases = [replace(LABELS, name=name) for name in ("one", "two")]
    found = record([each.columns() for each in cases]).points
    assert (list(found), len(found), asked) == (["one", "two"], 2, [])
    assert found["two"] is found["two"]
    assert asked == ["two"]
    assert "three" not in found
    assert dict(found) == {each.name: points(each) for each in cases}


def test_who_prints_a_verdict_draws_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*given: Any) -> SuitePoints:
        raise AssertionError("nobody asked for a drawing")

    monkeypatch.setattr(suite, "suite_points", refused)
    assert "exit 0 (pass" in report.terminal(record([LABELS.columns()]))


def test_a_run_without_pairs_has_no_points() -> None:
    empty = replace(LABELS, target=(), teacher=(), student=(), teacher_again=None, slices={}, severity=None)
    assert dict(record([]).points) == {}
    assert dict(record([empty.columns()]).points) == {}
    conclusion = Conclusion(verdict=Verdict(word="broken", reasons=("no",)), results=(), timings=())
    assert dict(run_record([], conclusion, {}).points) == {}


# --- level, seed and terms ---------------------------------------------------------------------------


def test_intervals_have_the_policy_s_level_and_those_of_an_audit_95_one_sided() -> None:
    columns = [LABELS.columns()]
    of_policy = record(columns, policy={"name": "p", "level": 0.99}).points[LABELS.name]
    assert of_policy == points(LABELS, level=0.98)
    assert record(columns).points[LABELS.name] == points(LABELS, level=0.9) != of_policy


def test_seed_and_terms_are_the_run_s() -> None:
    terms = Terms(fallback_to="human", risk=0.2, costs=Costs(teacher=2.0))
    found = record([LABELS.columns()], seed=7, terms=terms_record(terms)).points[LABELS.name]
    assert found == points(LABELS, seed=7, terms=terms)
    assert found.fallback is not None
    assert found.fallback.behind == "human"
    assert found.fallback != points(LABELS, terms=terms).fallback


# --- every command -----------------------------------------------------------------------------------


def read_again(run: Path) -> RunRecord:
    read = read_run(run)
    return run_record(
        read.columns, Conclusion(verdict=read.verdict, results=read.results, timings=read.timings), read.manifest
    )


def test_gate_regate_and_report_draw_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[RunRecord] = []
    files, html = report.files, report.html
    monkeypatch.setattr(report, "files", lambda record: drawn.append(record) or files(record))
    monkeypatch.setattr(report, "html", lambda record: drawn.append(record) or html(record))
    monkeypatch.chdir(tmp_path)
    project.project(tmp_path, n=60)
    evalkit("gate", "--out", tmp_path / "run", "--quiet")
    evalkit("regate", tmp_path / "run", "--policy", tmp_path / "policy.yaml", "--out", tmp_path / "again")
    evalkit("report", tmp_path / "run", "--out", tmp_path / "page.html")
    assert len(drawn) == 3
    first = drawn[0].points["intents"]
    assert first.reliability
    assert first.risk_coverage
    assert first.fallback is not None
    for other in (*drawn[1:], read_again(tmp_path / "run"), read_again(tmp_path / "again")):
        assert_near(other.points["intents"], first)
