"""Bounds that are out of a metric's reach are refused; those on its wrong side are said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.gate import check_names, judge, per_cent, wrong_way
from evalkit.metrics import catalogue
from evalkit.policy import load_policy
from evalkit.shipped import shipped
from tests import factory
from tests.cli import project
from tests.factory import interval
from tests.test_unmissable import row

SUITE = factory.population("intents")


def complaints(**rule: Any) -> list[Any]:
    return check_names(factory.policy({"metric": "accuracy.student", "at_least": 0.1}, rule), [SUITE])


@pytest.mark.parametrize(
    ("rule", "said", "remedy"),
    [
        (
            {"metric": "accuracy.student", "at_least": 95},
            "at_least: 95, and accuracy.student lies from 0 to 1: no student could meet that",
            "did you mean 0.95? shares are written from 0 to 1: 95 % is 0.95",
        ),
        (
            {"metric": "flips.rate", "at_most": 5},
            "at_most: 5, and flips.rate lies from 0 to 1: no student could miss that",
            "did you mean 0.05? shares are written from 0 to 1: 5 % is 0.05",
        ),
        (
            {"metric": "accuracy.difference", "at_least": -10},
            "at_least: -10, and accuracy.difference lies from -1 to 1: no student could miss that",
            "did you mean -0.1? shares are written from 0 to 1: 10 % is 0.1",
        ),
        (
            {"metric": "accuracy.student", "at_least": 1.05},
            "at_least: 1.05, and accuracy.student lies from 0 to 1: no student could meet that",
            "write a bound that lies from 0 to 1",
        ),
        (
            {"metric": "flips.right_to_wrong.count", "at_most": -1},
            "at_most: -1, and flips.right_to_wrong.count lies at 0 or above: no student could meet that",
            "write a bound that lies at 0 or above",
        ),
        (
            {"metric": ["score.student", "accuracy.student"], "at_least": 95, "by": "value", "effect": "warn"},
            "at_least: 95, and score.student lies from 0 to 1: no student could meet that",
            "did you mean 0.95? shares are written from 0 to 1: 95 % is 0.95",
        ),
    ],
)
def test_a_bound_out_of_reach_is_refused_with_its_place_its_range_and_what_was_meant(
    rule: dict[str, Any], said: str, remedy: str
) -> None:
    (found,) = complaints(**rule)
    assert (found.problem, found.remedy) == (said, remedy)
    key = "at_least" if "at_least" in rule else "at_most"
    assert str(found.place).endswith(f"criteria[1].{key}")
    policy = factory.policy({"metric": "accuracy.student", "at_least": 0.1}, rule)
    assert f'"{key}": {rule[key]}' in policy.text.splitlines()[found.place.line - 1]


@pytest.mark.parametrize(
    "rule",
    [
        {"metric": "accuracy.student", "at_least": 1},
        {"metric": "accuracy.student", "at_least": 0},
        {"metric": "flips.rate", "at_most": 1},
        {"metric": "accuracy.difference", "at_least": -1},
        {"metric": "accuracy.retention", "at_least": 1.5},
        {"metric": "latency.speedup.p50", "at_least": 40},
        {"metric": "flips.right_to_wrong.count", "at_most": 1000},
        # Nothing is known of the range of what is not measured yet.
        {"metric": "energy.per_request.student", "at_most": 95},
    ],
)
def test_the_ends_of_the_range_and_what_lies_between_are_allowed(rule: dict[str, Any]) -> None:
    assert complaints(**rule) == []


@pytest.mark.parametrize("name", sorted(shipped("policies")))
def test_no_named_policy_is_refused_or_asks_for_the_wrong_way(name: str) -> None:
    policy = load_policy(name)
    about_bounds = [each for each in check_names(policy, [SUITE]) if "no student could" in each.problem]
    assert about_bounds == []
    for rule in policy.criteria:
        rows = [row(metric, at_least=rule.at_least, at_most=rule.at_most) for metric in rule.metric]
        assert [*wrong_way(rows), *per_cent(rows)] == []


@given(
    metric=st.sampled_from(sorted(catalogue())),
    bound=st.floats(-50, 50),
    at_least=st.booleans(),
    place=st.floats(0, 1),
)
def test_what_is_refused_as_unmeetable_is_never_met_and_as_unmissable_never_missed(
    metric: str, bound: float, at_least: bool, place: float
) -> None:
    key = "at_least" if at_least else "at_most"
    found = complaints(metric=metric, **{key: bound})
    low, high = (max(-1e6, min(1e6, each)) for each in catalogue()[metric][0].bounds)
    value = min(high, max(low, low + place * (high - low)))
    status = judge(
        interval(value, value, value=value), bound if at_least else None, None if at_least else bound, by_value=True
    )
    if found:
        assert status == ("pass" if "could miss" in found[0].problem else "fail")
    else:
        assert low <= bound <= high or abs(bound) > 1e6


@pytest.mark.parametrize(
    ("metric", "bound", "said"),
    [
        ("accuracy.retention", {"at_most": 0.97}, "from above, and higher is better: was at_least meant?"),
        ("accuracy.difference", {"at_most": 0.05}, "from above, and higher is better: was at_least meant?"),
        ("safety.newly_unsafe.rate", {"at_least": 0.02}, "from below, and lower is better: was at_most meant?"),
        ("calibration.brier.difference", {"at_least": -0.1}, "from below, and lower is better: was at_most meant?"),
    ],
)
def test_a_bound_on_the_wrong_side_is_said(metric: str, bound: dict[str, float], said: str) -> None:
    assert list(wrong_way([row(metric, **bound), row(metric, **bound)])) == [f'criterion "x" bounds {metric} {said}']


@pytest.mark.parametrize(
    ("metric", "bound"),
    [
        ("accuracy.retention", {"at_least": 0.97}),
        ("safety.newly_unsafe.rate", {"at_most": 0.02}),
        # Neither is better.
        ("outputs.length_ratio", {"at_least": 0.9}),
        ("outputs.length_ratio", {"at_most": 1.1}),
    ],
)
def test_a_bound_on_the_right_side_is_not(metric: str, bound: dict[str, float]) -> None:
    assert list(wrong_way([row(metric, **bound)])) == []


def test_a_retention_in_per_cent_is_said_and_not_refused() -> None:
    assert complaints(metric="accuracy.retention", at_least=97) == []
    (said,) = per_cent([row("accuracy.retention", at_least=97)])
    assert said.startswith('criterion "x" bounds accuracy.retention at 97, 97 times what the teacher reaches')
    assert list(per_cent([row("accuracy.retention", at_least=0.97), row("latency.speedup.p50", at_least=9)])) == []


# --- in a run --------------------------------------------------------------------------------------------


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_bound_in_per_cent_ends_before_any_model_runs(root: Path) -> None:
    rules = (
        {"id": "a", "metric": "accuracy.student", "at_least": 95},
        {"id": "b", "metric": "flips.rate", "at_most": 5},
    )
    project.project(root, n=60, policy=project.criteria(*rules))
    ended = project.evalkit("gate", "--quiet", "--out", "run")
    assert ended.code == 2
    assert not Path("run").exists()
    said = " ".join(ended.err.split())
    assert "policy.yaml:5" in said
    assert "criteria[0].at_least" in said
    assert "did you mean 0.95?" in said
    assert "did you mean 0.05?" in said


def test_a_criterion_the_wrong_way_round_warns_beside_the_verdict(root: Path) -> None:
    rule = {"id": "kept", "metric": "accuracy.retention", "at_most": 1.5}
    project.project(root, n=60, policy=project.criteria(rule))
    ended = project.evalkit("gate", "--quiet", "--out", "run")
    assert ended.code == 0
    said = 'criterion "kept" bounds accuracy.retention from above, and higher is better: was at_least meant?'
    assert project.verdict(Path("run"))["reasons"][1] == said
    assert said in " ".join(ended.out.split())
    assert said.replace("_", "") in Path("run/summary.md").read_text("utf-8").replace("\\", "").replace("_", "")
    assert project.evalkit("verify", "run").code == 0


def test_a_misspelt_slice_that_is_skipped_is_a_line_of_its_own_everywhere(root: Path) -> None:
    rules = (
        {"id": "all", "metric": "accuracy.difference", "at_least": -0.5},
        {
            "id": "german",
            "metric": "accuracy.difference",
            "at_least": -0.1,
            "slice": "language=dee",
            "on_missing": "skip",
        },
    )
    project.project(root, n=60, policy=project.criteria(*rules))
    ended = project.evalkit("gate", "--quiet", "--out", "run")
    assert ended.code == 0
    said = 'criterion "german" is about language=dee, which no example of intents has; did you mean language=de?'
    assert project.verdict(Path("run"))["reasons"][1] == said
    verdict = ended.out[ended.out.index("+ pass") :]
    assert said in " ".join(verdict.split())
    for name in ("summary.md", "report.html", "model-card.md"):
        text = Path("run", name).read_text("utf-8").replace("&#34;", '"').replace("&quot;", '"')
        assert "which no example of intents has; did you mean language=de?" in text, name
    assert project.evalkit("verify", "run").code == 0


def test_a_large_bound_is_written_out() -> None:
    (found,) = complaints(metric="accuracy.student", at_least=1_000_000)
    assert found.problem.startswith("at_least: 1,000,000, and accuracy.student")
    (said,) = per_cent([row("accuracy.retention", at_least=9700)])
    assert "at 9,700, 9,700 times" in said
