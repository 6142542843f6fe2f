"""A bound that no measurement could miss is said in the reasons, whatever the verdict."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.gate import judge, unmissable
from evalkit.metrics import catalogue
from evalkit.types import CriterionRow, Question
from tests.cli import project
from tests.factory import interval

HINT = " (shares are written from 0 to 1: 3 % is 0.03)"


def row(metric: str, *, at_least: float | None = None, at_most: float | None = None) -> CriterionRow:
    return CriterionRow(
        id="x",
        question=Question(metric=metric, suite="intents"),
        effect="block",
        on_missing="inconclusive",
        status="pass",
        measured=interval(0.0, 0.5),
        at_least=at_least,
        at_most=at_most,
        by="interval",
        reason="",
        examples=(),
    )


@pytest.mark.parametrize(
    ("metric", "bound", "said"),
    [
        ("flips.right_to_wrong.rate", {"at_most": 1}, f"flips.right_to_wrong.rate is never above 1{HINT}"),
        ("flips.right_to_wrong.rate", {"at_most": 3}, f"flips.right_to_wrong.rate is never above 1{HINT}"),
        ("accuracy.difference", {"at_least": -1}, f"accuracy.difference is never below -1{HINT}"),
        ("accuracy.difference", {"at_least": -10}, f"accuracy.difference is never below -1{HINT}"),
        ("accuracy.student", {"at_least": 0}, "accuracy.student is never below 0"),
        ("accuracy.retention", {"at_least": -0.03}, "accuracy.retention is never below 0"),
    ],
)
def test_a_bound_at_the_end_of_the_range_or_beyond_it_is_said(metric: str, bound: dict[str, Any], said: str) -> None:
    assert list(unmissable([row(metric, **bound)])) == [f'criterion "x" cannot be missed: {said}']


@pytest.mark.parametrize(
    ("metric", "bound"),
    [
        ("flips.right_to_wrong.rate", {"at_most": 0.99}),
        ("flips.right_to_wrong.rate", {"at_most": 0}),
        ("flips.right_to_wrong.count", {"at_most": 1e9}),
        ("accuracy.difference", {"at_least": -0.99}),
        ("accuracy.student", {"at_least": 95}),
        ("latency.speedup.p50", {"at_least": 1.5}),
        ("fallback.rate", {"at_most": 1}),
    ],
)
def test_a_bound_that_can_be_missed_is_not(metric: str, bound: dict[str, Any]) -> None:
    assert list(unmissable([row(metric, **bound)])) == []


def test_a_criterion_with_a_row_for_every_slice_is_said_once() -> None:
    rows = [row("accuracy.difference", at_least=-1), row("accuracy.difference", at_least=-1)]
    assert len(list(unmissable(rows))) == 1
    assert len(list(unmissable([*rows, replace(rows[0], id="y")]))) == 2


@given(
    metric=st.sampled_from(sorted(catalogue())),
    bound=st.floats(-50, 50),
    at_least=st.booleans(),
    place=st.floats(0, 1),
)
def test_what_is_said_to_be_unmissable_never_fails(metric: str, bound: float, at_least: bool, place: float) -> None:
    given_bound = {"at_least": bound} if at_least else {"at_most": bound}
    if not list(unmissable([row(metric, **given_bound)])):
        return
    low, high = (max(-1e6, min(1e6, each)) for each in catalogue()[metric][0].bounds)
    value = min(high, max(low, low + place * (high - low)))
    at_most = None if at_least else bound
    seen = replace(interval(value, value), value=value)
    for by_value in (True, False):
        assert judge(seen, bound if at_least else None, at_most, by_value=by_value) != "fail"


def test_it_stands_after_what_the_verdict_rests_on_in_every_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rule = {"id": "x", "metric": "accuracy.difference", "at_least": -1}
    project.project(tmp_path, n=60, policy=project.criteria(rule))
    assert project.evalkit("gate", "--quiet", "--out", "run").code == 0
    said = f'criterion "x" cannot be missed: accuracy.difference is never below -1{HINT}'
    assert project.verdict(Path("run"))["reasons"][1] == said
    assert project.evalkit("verify", "run").code == 0
    assert said in " ".join(project.evalkit("show", "run").out.split())
    project.dump(Path("other.yaml"), project.criteria({**rule, "at_least": -0.5}))
    assert project.evalkit("regate", "run", "--policy", "other.yaml", "--out", "again").code == 0
    assert said not in project.verdict(Path("again"))["reasons"]
