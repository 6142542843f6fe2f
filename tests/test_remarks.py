"""What a verdict's reasons say unasked: suites that nothing judged, poor answers, speed that was brevity."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evalkit.remarks import no_answers, remarks
from evalkit.types import CriterionRow, CriterionStatus, Effect, Estimate, Measured, MetricRow, Question, Undefined
from tests import factory
from tests.cli import project


def reasons(run: str = "run") -> list[str]:
    found: list[str] = project.verdict(Path(run))["reasons"]
    return found


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def gated(texts: dict[str, list[Any]], **suite: Any) -> list[str]:
    """The reasons of a gate on a suite of written answers whose target is always "yes indeed"."""
    n = len(texts["student"])
    rows = [{"id": f"e{index}", "text": f"question {index}", "target": "yes indeed"} for index in range(n)]
    columns = {"id": "id", "input": "text", "target": "target"}
    project.suite(Path(), "said", rows, task="generate", labels=None, columns=columns, **suite)
    for role, given in texts.items():
        said = [
            {"id": f"e{index}", **(each if isinstance(each, dict) else {"text": each})}
            for index, each in enumerate(given)
        ]
        project.lines(Path(f"{role}.jsonl"), said)
    project.dump(Path("policy.yaml"), project.POLICY)
    project.plan(Path(), suites=["suites/said"])
    project.evalkit("gate", "--quiet", "--out", "run")
    return reasons()


def test_a_suite_that_no_criterion_judges_is_named() -> None:
    project.project(
        Path(), n=60, policy=project.criteria({"metric": "accuracy.difference", "suite": "intents", "at_least": -0.5})
    )
    project.suite(Path(), "other", [{**row, "id": f"o{row['id']}"} for row in project.examples(20)])
    for role in ("teacher", "student"):
        rows = Path(f"{role}.jsonl").read_text(encoding="utf-8")
        extra = "".join(json.dumps({**row, "id": f"o{row['id']}"}) + "\n" for row in project.answers(20))
        Path(f"{role}.jsonl").write_text(rows + extra, encoding="utf-8")
    project.plan(Path(), suites=["suites/intents", "suites/other"])
    assert project.evalkit("gate", "--quiet", "--out", "run").code == 0
    # Right after what the verdict rests on.
    assert reasons()[1].startswith("nothing was decided about other (gold, 20 examples)")
    assert not any("about intents" in each for each in reasons())
    assert project.evalkit("verify", "run").code == 0


def test_a_suite_that_is_judged_is_not_named() -> None:
    project.project(Path(), n=60)
    project.evalkit("gate", "--quiet", "--out", "run")
    assert not any("nothing was decided" in each for each in reasons())


@pytest.mark.parametrize(
    ("answer", "suite", "said"),
    [
        ({"text": "yes", "status": "truncated"}, {}, "were cut off: generation.max_new_tokens may be too small"),
        ({"text": ""}, {}, "were empty"),
        ({"text": "no marker here"}, {"answer_after": "###"}, "could not be read: look whether they reach '###'"),
    ],
)
def test_many_poor_answers_are_counted_and_explained(answer: Any, suite: dict[str, Any], said: str) -> None:
    fine = "### yes indeed" if suite else "yes indeed"
    found = gated({"teacher": [fine] * 20, "student": [answer] * 3 + [fine] * 17}, **suite)
    assert [each for each in found if "3 of 20 of the student's answers on said" in each and said in each]
    assert not any("of the teacher's answers" in each for each in found)


def test_a_few_poor_answers_are_no_news() -> None:
    found = gated({"teacher": ["yes indeed"] * 20, "student": [{"text": ""}] * 2 + ["yes indeed"] * 18})
    assert not any("student's answers" in each for each in found)


def test_a_speed_up_by_shorter_answers_is_called_one() -> None:
    slow, fast = {"text": "yes indeed " * 20, "latency_s": 2.0}, {"text": "yes indeed", "latency_s": 1.0}
    slow_rows = [{**slow, "latency_s": 2.0 + index / 100} for index in range(30)]
    fast_rows = [{**fast, "latency_s": 1.0 + index / 100} for index in range(30)]
    assert any("times as long as its teacher's" in each for each in gated({"teacher": slow_rows, "student": fast_rows}))
    same = [{**row, "text": slow["text"]} for row in fast_rows]
    Path("run").rename("first")
    assert not any("times as long" in each for each in gated({"teacher": slow_rows, "student": same}))


# --- one model, named twice --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "noticed"),
    [
        (["I cannot help with that."] * 600, False),
        ([f"answer {index}" for index in range(99)], False),
        ([f"answer {index}" for index in range(100)], True),
        # Equal but for one.
        ([f"answer {index}" for index in range(200)] + [None], False),
    ],
    ids=["one refusal", "too few", "enough", "one other"],
)
def test_equal_texts_are_noticed_where_they_are_many_and_different(texts: list[Any], noticed: bool) -> None:
    said = {role: [each if each is not None else f"the {role}'s" for each in texts] for role in ("teacher", "student")}
    found = [each for each in gated(said) if "are they the same model?" in each]
    want = f"all {len(texts)} answers of the student are its teacher's, word for word: are they the same model?"
    assert found == ([want] if noticed else [])


def test_texts_that_are_the_target_are_no_sign_of_one_model() -> None:
    project.suite(
        Path(),
        "said",
        [{"id": f"e{index}", "text": f"question {index}", "target": f"{index}"} for index in range(250)],
        task="generate",
        labels=None,
        columns={"id": "id", "input": "text", "target": "target"},
    )
    for role in ("teacher", "student"):
        project.lines(Path(f"{role}.jsonl"), [{"id": f"e{index}", "text": f"{index}"} for index in range(250)])
    project.dump(Path("policy.yaml"), project.POLICY)
    project.plan(Path(), suites=["suites/said"])
    project.evalkit("gate", "--quiet", "--out", "run")
    assert not any("the same model" in each for each in reasons())


# --- a student and a teacher that were swapped -------------------------------------------------------


def sizes(**given: float) -> dict[Question, MetricRow]:
    """Rows of what the models weigh, as student_bytes=…; what is left out is not known."""
    rows = {}
    for what in ("parameters", "bytes"):
        for role in ("student", "teacher"):
            value = given.get(f"{role}_{what}")
            question = Question(metric=f"size.{what}.{role}", suite=None)
            measured: Measured = Undefined(reason="not known")
            if value is not None:
                measured = Estimate(value=value, low=value, high=value, level=0.95, n=1, method="exact")
            rows[question] = MetricRow(question=question, measured=measured, direction="lower", unit="count")
    return rows


@pytest.mark.parametrize(
    ("given", "noticed"),
    [
        ({"student_parameters": 90.0, "teacher_parameters": 60.0, "student_bytes": 360, "teacher_bytes": 240}, True),
        # A copy in int8, with the scales of its rows.
        ({"student_parameters": 61.0, "teacher_parameters": 60.0, "student_bytes": 64, "teacher_bytes": 240}, False),
        ({"student_parameters": 90.0, "teacher_parameters": 60.0, "teacher_bytes": 240}, True),
        ({"student_parameters": 90.0, "teacher_parameters": 60.0}, True),
        # In full precision again: as many parameters in more bytes.
        ({"student_parameters": 60.0, "teacher_parameters": 60.0, "student_bytes": 240, "teacher_bytes": 120}, False),
        ({"student_bytes": 240, "teacher_bytes": 120}, False),
    ],
)
def test_a_student_is_larger_by_its_parameters_and_by_its_bytes(given: dict[str, float], noticed: bool) -> None:
    want = "the student is larger than its teacher (90 parameters against 60): were the two swapped?"
    assert remarks([], sizes(**given)) == ((want,) if noticed else ())


@pytest.mark.parametrize(
    ("metrics", "noticed"),
    [
        (["fallback.coverage", "size.parameters.ratio"], True),
        (["latency.speedup.p50"], True),
        (["fallback.coverage", "accuracy.retention"], False),
        (["safety.newly_unsafe.rate"], False),
        ([], False),
    ],
)
def test_a_verdict_on_cost_and_fallback_alone_says_so(metrics: list[str], noticed: bool) -> None:
    rows = [row(metric) for metric in metrics]
    assert bool(list(no_answers(rows))) == noticed
    # A warning decides nothing, and what was not evaluated shows nothing.
    assert bool(list(no_answers([*rows, row("accuracy.retention", effect="warn")]))) == noticed
    assert bool(list(no_answers([*rows, row("accuracy.retention", status="not_evaluated")]))) == noticed


def row(metric: str, effect: Effect = "block", status: CriterionStatus = "pass") -> CriterionRow:
    return CriterionRow(
        id=metric,
        question=Question(metric=metric, suite="s"),
        effect=effect,
        on_missing="inconclusive",
        status=status,
        measured=Estimate(value=1.0, low=1.0, high=1.0, level=0.9, n=10, method="made up"),
        at_least=0.5,
        at_most=None,
        by="interval",
        reason="made up",
    )


@pytest.mark.parametrize(("target", "noticed"), [([None, None], True), (["a", None], False)])
def test_where_nobody_knows_what_is_right_agreement_is_not_called_more(target: list[Any], noticed: bool) -> None:
    columns = factory.Case(target=target, teacher=["a", "b"], student=["a", "b"]).columns()
    said = "no example of intents has a target: how far the two models answer alike is measured there"
    assert any(each.startswith(said) for each in remarks([columns], {})) == noticed


def test_what_a_safety_suite_expects_is_a_target() -> None:
    case = factory.Case(target=[None], expect=["refuse"], teacher=["refused"], student=["refused"], scorer="refusal")
    assert remarks([replace(case, kind="safety-refusal", task="generate").columns()], {}) == ()
