"""What is weak about a suite."""

from __future__ import annotations

import math
from pathlib import Path
from statistics import NormalDist
from typing import Any

import pytest

from evalkit.lint import MIN_GROUPS, REFUSALS, lint
from evalkit.metrics import intervals
from evalkit.policy import load_policy
from evalkit.shipped import shipped
from evalkit.suite import load_suite
from tests.cli import project

ROWS = project.examples(12)


def findings(root: Path, rows: project.Rows, **over: Any) -> list[str]:
    found = lint(load_suite(project.suite(root, rows=rows, **over) / "suite.yaml"))
    assert all(each.remedy and each.place and each.place.file.endswith("suite.yaml") for each in found)
    return [each.problem for each in found]


def test_a_good_suite_has_none(tmp_path: Path) -> None:
    assert findings(tmp_path, ROWS) == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ([{**ROWS[0], "id": "x"}], "1 examples repeat the input of another: x"),
        ([{**ROWS[0], "id": "x", "intent": "other"}], "the same input has different targets: e0, x"),
        ([{**ROWS[0], "id": "x", "text": "x", "intent": None}], "1 of 13 examples have no target: x"),
        ([{**ROWS[0], "id": "x", "text": "x", "language": None}], '1 examples have no value of the slice "language"'),
        ([{**ROWS[0], "id": "x", "text": "Hi <your name>"}], "unfilled template variable, such as <your name> in x"),
        ([{**ROWS[0], "id": "x", "text": "Hi ${name}"}], "unfilled template variable, such as ${name} in x"),
    ],
)
def test_each_weakness_is_found(tmp_path: Path, changed: project.Rows, said: str) -> None:
    (found,) = findings(tmp_path, [*ROWS, *changed])
    assert said in found


def test_labels_and_slices_without_examples_are_found(tmp_path: Path) -> None:
    assert findings(tmp_path, ROWS, labels=[*project.LABELS, "spare"]) == ["1 of 4 labels have no example: spare"]
    german = [{**row, "language": "de"} for row in ROWS]
    assert findings(tmp_path, german) == ['the slice "language" has one value only']
    silent = [{**row, "language": None} for row in ROWS]
    assert findings(tmp_path, silent) == ['the slice "language" is empty in every row']


@pytest.mark.parametrize(("groups", "noticed"), [(19, True), (20, False)])
def test_fewer_groups_than_an_interval_needs_are_found(tmp_path: Path, groups: int, noticed: bool) -> None:
    rows = [{**row, "thread": f"t{index % groups}"} for index, row in enumerate(project.examples(60))]
    columns = {"id": "id", "input": "text", "target": "intent", "group": "thread"}
    want = ["the 60 examples come in 19 groups, and an interval over groups needs 20"] if noticed else []
    assert findings(tmp_path, rows, columns=columns) == want
    # An example without a group is one of its own.
    alone = [{**row, "thread": None if index < 2 else row["thread"]} for index, row in enumerate(rows)]
    assert findings(tmp_path, alone, columns=columns) == []
    assert MIN_GROUPS == intervals.MIN_GROUPS


def test_a_weakness_of_a_thousand_examples_is_one_finding(tmp_path: Path) -> None:
    rows = project.examples(300)
    again = [{**row, "id": f"again{index}", "intent": project.wrong(row["intent"])} for index, row in enumerate(rows)]
    (found,) = findings(tmp_path, [*rows, *again])
    assert "and 299 more inputs like it" in found


def safety(root: Path, harmful: int, benign: int, **over: Any) -> list[str]:
    expected = ["refuse"] * harmful + ["comply"] * benign
    rows = [{**row, "expect": expect} for row, expect in zip(project.examples(len(expected)), expected, strict=True)]
    over = {"kind": "safety-refusal", "task": "generate", "labels": None, **over}
    return findings(root, rows, columns={"input": "text", "expect": "expect"}, **over)


def test_a_safety_suite_needs_no_targets(tmp_path: Path) -> None:
    assert safety(tmp_path, 149, 52) == []


@pytest.mark.parametrize(("harmful", "benign"), [(148, 52), (149, 51), (1, 1)])
def test_a_safety_suite_too_small_for_every_named_policy_is_found(tmp_path: Path, harmful: int, benign: int) -> None:
    (found,) = safety(tmp_path, harmful, benign)
    assert found == (
        f"{harmful} harmful and {benign} benign prompts are too few for the named policies: recovery-95 takes 149 that "
        "the teacher refuses and 52 benign ones, safety-strict 299 and 88"
    )


def test_what_refusals_need_follows_from_the_named_policies() -> None:
    """The fewest prompts on which no event at all lies within the policy's bounds."""
    needs = {}
    for name in shipped("policies"):
        policy = load_policy(name)
        bounds = {each.metric[0]: each.at_most for each in policy.criteria if each.suite == "safety-refusal"}
        if bounds:
            unsafe, refused = bounds["safety.newly_unsafe.rate"], bounds["safety.over_refusal.difference"]
            assert unsafe is not None
            assert refused is not None
            z = NormalDist().inv_cdf(policy.level)
            harmful = math.ceil(math.log(1 - policy.level) / math.log(1 - unsafe))
            needs[name] = (harmful, math.ceil(z**2 * (1 - refused) / refused))
    assert needs.items() >= REFUSALS.items()
    assert set(needs.values()) == set(REFUSALS.values())


def generated(root: Path, targets: list[Any], task: str = "generate", **over: Any) -> list[str]:
    rows = [{"id": f"e{index}", "text": f"question {index}", "answer": each} for index, each in enumerate(targets)]
    return findings(root, rows, task=task, columns={"input": "text", "target": "answer"}, **{"labels": None, **over})


def test_a_small_suite_of_texts_has_no_finding(tmp_path: Path) -> None:
    assert generated(tmp_path, ["one", "two"]) == []
    assert generated(tmp_path, [{"a": 1}, '{"a": 2}'], task="extract") == []


@pytest.mark.parametrize("scorer", ["exact", "normalised", "numeric", "regex", "text_similarity"])
def test_labels_that_no_scorer_looks_at_are_found(tmp_path: Path, scorer: str) -> None:
    labels = ["1", "2"]
    assert generated(tmp_path, labels, scorer=scorer, labels=labels) == [
        f"nothing uses the labels: the scorer {scorer} does not look at them"
    ]


@pytest.mark.parametrize("scorer", ["label", "choice"])
def test_labels_that_a_scorer_looks_at_are_none(tmp_path: Path, scorer: str) -> None:
    assert generated(tmp_path, ["yes", "no"], scorer=scorer, labels=["yes", "no"]) == []


def test_labels_beside_choices_of_each_row_are_found(tmp_path: Path) -> None:
    rows: project.Rows = [{"id": "a", "text": "x", "options": ["1", "2"], "answer": "2"}]
    columns = {"input": "text", "target": "answer", "choices": "options"}
    (found,) = findings(tmp_path, rows, task="choose", columns=columns)
    assert found == "nothing uses the labels: every row has choices of its own"
    columns.pop("choices")
    assert findings(tmp_path, rows, task="choose", columns=columns, labels=["1", "2"]) == []


@pytest.mark.parametrize("scorer", ["exact", "normalised", "text_similarity"])
def test_a_target_longer_than_any_answer_is_found(tmp_path: Path, scorer: str) -> None:
    targets = ["a" * 81, "b" * 80, " " * 40 + "c" * 80]
    assert generated(tmp_path, targets, scorer=scorer, generation={"max_new_tokens": 10}) == [
        "1 of 3 targets are longer than 10 tokens can be: e0"
    ]
    assert generated(tmp_path, targets, scorer=scorer) == []


def test_the_default_length_is_looked_at_too(tmp_path: Path) -> None:
    assert generated(tmp_path, ["a" * 513, "b"]) == ["1 of 2 targets are longer than 64 tokens can be: e0"]


@pytest.mark.parametrize(
    ("scorer", "target"),
    [
        ("numeric", "first we add, and then " * 5 + "12"),
        ("regex", "(" + "|".join(map(str, range(60))) + ")"),
        ({"name": "judge", "model": "fake", "prompt": "{{ answer }}", "marks": {"good": 1, "bad": 0}}, "a" * 200),
    ],
)
def test_a_target_that_no_answer_repeats_may_be_long(tmp_path: Path, scorer: Any, target: str) -> None:
    assert generated(tmp_path, [target, target], scorer=scorer, generation={"max_new_tokens": 10}) == []


def test_a_record_is_as_long_as_its_shortest_writing(tmp_path: Path) -> None:
    over: dict[str, Any] = {"task": "extract", "generation": {"max_new_tokens": 10}}
    wide = '{"name":' + " " * 100 + '"x"}'
    assert generated(tmp_path, [wide, {"name": "a" * 60}], **over) == []
    long = [{"name": "a" * 80}, {"name": "b"}]
    assert generated(tmp_path, long, **over) == ["1 of 2 targets are longer than 10 tokens can be: e0"]
    assert generated(tmp_path, long, scorer={"name": "fields", "ignore": ["name"]}, **over) == []


def test_what_a_model_picks_has_no_length(tmp_path: Path) -> None:
    label = "a" * 600
    rows = [{**row, "intent": label if index % 2 else "other"} for index, row in enumerate(ROWS)]
    assert findings(tmp_path, rows, labels=[label, "other"]) == []
