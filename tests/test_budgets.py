"""Budgets: how many flips of what severity are acceptable, in the suite and in each slice of it."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evalkit.conclude import Conclusion, Premises, conclude
from evalkit.estimate import Evidence, populations
from evalkit.gate import Champion, check_names
from evalkit.policy import Policy, policy_from_text
from evalkit.types import CriterionRow, Estimate, Question
from tests import factory
from tests.factory import Case

GUIDE = Path(__file__).resolve().parent.parent / "docs" / "flips.md"
LOST = "flips.right_to_wrong.count"


def case(lost: Mapping[str, int], n: int = 600) -> Case:
    """Examples of four severities in turn, in German and English halves; the student loses the first of each."""
    severity = [("low", "normal", "high", "critical")[index % 4] for index in range(n)]
    left = dict(lost)
    student = []
    for each in severity:
        student.append("b" if left.get(each, 0) > 0 else "a")
        left[each] = left.get(each, 0) - 1
    language = ["de" if index < n // 2 else "en" for index in range(n)]
    return Case(target=["a"] * n, teacher=["a"] * n, student=student, severity=severity, slices={"language": language})


def concluded(case: Case, policy: Policy) -> Conclusion:
    premises = Premises(
        models={}, policy=policy, champion=Champion(), seed=0, now=dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    )
    return conclude([case.columns()], premises)


def judged(case: Case, *rules: Mapping[str, Any]) -> dict[tuple[str | None, str], CriterionRow]:
    """Rows by slice and id."""
    return {(row.question.slice, row.id): row for row in concluded(case, factory.policy(*rules)).verdict.criteria}


def test_each_severity_has_a_budget_of_its_own() -> None:
    rules = (
        {"id": "critical", "metric": LOST, "where": {"severity": "critical"}, "at_most": 0},
        {"id": "high", "metric": LOST, "where": {"severity": "high"}, "at_most": 2},
    )
    kept = judged(case({"high": 2, "normal": 9}), *rules)
    assert {name: row.status for (_, name), row in kept.items()} == {"critical": "pass", "high": "pass"}
    broken = judged(case({"high": 3, "critical": 1}), *rules)
    assert {name: row.status for (_, name), row in broken.items()} == {"critical": "fail", "high": "fail"}
    assert broken[None, "critical"].examples == ("e00003",)


def test_severity_is_a_slice_that_no_suite_needs_to_declare() -> None:
    rule = {"id": "each", "metric": LOST, "each_slice": {"by": ["severity"]}, "at_most": 1}
    found = judged(case({"high": 3, "low": 1}), rule)
    assert {of: row.status for (of, _), row in found.items()} == {
        "severity=low": "pass",
        "severity=normal": "pass",
        "severity=high": "fail",
        "severity=critical": "pass",
    }
    high = found["severity=high", "each"].measured
    assert isinstance(high, Estimate)
    assert (high.value, high.n) == (3, 150)
    one = judged(case({"high": 3}), {"id": "one", "metric": LOST, "slice": "severity=high", "at_most": 1})
    assert one["severity=high", "one"].status == "fail"


def test_a_slice_by_severity_has_the_numbers_of_its_examples_alone() -> None:
    whole = case({"high": 5, "critical": 2})
    held = Evidence((whole.columns(),), {}, 0.9, 0)
    row = held.answer(Question(metric="accuracy.difference", suite="intents", slice="severity=high"))
    assert row is not None
    assert whole.severity is not None
    high = [index for index, each in enumerate(whole.severity) if each == "high"]
    alone = Evidence((whole.taken(high).columns(),), {}, 0.9, 0).measure()
    assert row.measured == alone[Question(metric="accuracy.difference", suite="intents")].measured


def test_what_nobody_asks_for_by_severity_is_not_measured() -> None:
    rows = Evidence((case({}, n=40).columns(),), {}, 0.9, 0).measure()
    assert not any((question.slice or "").startswith("severity=") for question in rows)
    # What belongs to no slice belongs to none by severity either.
    held = Evidence((case({}, n=40).columns(),), {}, 0.9, 0)
    assert held.answer(Question(metric="latency.p50.student", suite="intents", slice="severity=high")) is None


def test_a_declared_slice_of_that_name_is_what_the_suite_says() -> None:
    base = case({}, n=40)
    named = Case(**{**vars(base), "slices": {"severity": ["mild"] * 10 + ["grave"] * 30}})
    rule = {"id": "each", "metric": LOST, "each_slice": {"by": ["severity"]}, "at_most": 1}
    assert [of for of, _ in judged(named, rule)] == ["severity=grave", "severity=mild"]


def test_a_budget_per_severity_and_slice_leaves_out_slices_without_such_examples() -> None:
    base = case({"critical": 1})
    assert base.severity is not None
    # French examples are there, but none of them is critical.
    french = [index % 3 == 0 and each != "critical" for index, each in enumerate(base.severity)]
    language = ["fr" if there else each for there, each in zip(french, base.slices["language"], strict=True)]
    rule = {
        "id": "each",
        "metric": LOST,
        "where": {"severity": "critical"},
        "each_slice": {"by": ["language"]},
        "at_most": 0,
    }
    verdict = concluded(Case(**{**vars(base), "slices": {"language": language}}), factory.policy(rule)).verdict
    assert {row.question.slice: row.status for row in verdict.criteria} == {
        "language=de": "fail",
        "language=en": "pass",
    }
    assert any("language=fr (n = 0)" in reason for reason in verdict.reasons)


def test_the_budgets_of_the_guide_stop_what_they_say_they_stop() -> None:
    (text,) = re.findall(r"^```yaml\n(.*?)^```$", GUIDE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    policy = policy_from_text(text, "guide")
    held = concluded(case({"low": 1, "high": 1}), policy).verdict
    assert held.word == "pass"
    assert len(held.criteria) == 3 + 2 + 4
    # Two of high severity are within their own budget; both are German, and one was allowed.
    spent = concluded(case({"high": 2}), policy).verdict
    assert [(row.id, row.question.slice) for row in spent.criteria if row.status == "fail"] == [
        ("each-language", "language=de")
    ]


def test_a_severity_that_is_none_is_refused_before_anything_runs() -> None:
    policy = policy_from_text(
        "schema: evalkit/policy/v1\ncriteria:\n"
        "  - {id: dear, metric: flips.right_to_wrong.count, where: {severity: critcal}, at_most: 0, "
        "on_missing: skip}\n",
        "slip",
    )
    population = populations([factory.random_case(1, 30).columns()])
    (complaint,) = check_names(policy, population)
    assert 'no severity "critcal"' in complaint.problem
    assert "critical" in complaint.remedy
