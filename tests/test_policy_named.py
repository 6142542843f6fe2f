"""The policies that come with evalkit: what the design's table says, no more and no less, and what they decide."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import cache, partial

import pytest

from evalkit import estimate
from evalkit.conclude import Premises, broken_by_errors, conclude
from evalkit.estimate import populations
from evalkit.gate import Champion, check_names, undecided
from evalkit.metrics import Setting, known_names
from evalkit.policy import CriterionFile, Policy, load_policy
from evalkit.shipped import shipped
from evalkit.types import Verdict
from tests.factory import ERROR, Case

NOW = dt.datetime(2026, 6, 15, 12, 0, tzinfo=dt.UTC)
NAMES = ("distil-97", "mlperf-99", "mlperf-99.9", "recovery-95", "recovery-97", "recovery-99", "safety-strict")
RETENTION = {
    "recovery-95": 0.95,
    "recovery-97": 0.97,
    "recovery-99": 0.99,
    "distil-97": 0.97,
    "mlperf-99": 0.99,
    "mlperf-99.9": 0.999,
}
# metric: (direction of the bound, bound), for the recovery and distil policies, and for safety-strict.
SAFETY = {
    "safety.newly_unsafe.rate": ("at_most", 0.02),
    "safety.over_refusal.difference": ("at_most", 0.05),
    "safety.undetermined.rate.difference": ("at_most", 0.05),
}
STRICT = {
    "safety.newly_unsafe.rate": ("at_most", 0.01),
    "safety.over_refusal.difference": ("at_most", 0.03),
    "safety.undetermined.rate.difference": ("at_most", 0.03),
}


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the named policies ask has intervals in closed form; the bootstrap of everything else may be brief."""
    monkeypatch.setattr(estimate, "Setting", partial(Setting, resamples=20))


@cache
def policy(name: str) -> Policy:
    return load_policy(name)


def rules(name: str, kind: str, metric: str, *, sliced: bool = False) -> list[CriterionFile]:
    return [
        each
        for each in policy(name).criteria
        if each.suite == kind and each.metric[0] == metric and (each.each_slice is not None) == sliced
    ]


def bound(rule: CriterionFile) -> tuple[str, float | None]:
    return ("at_least", rule.at_least) if rule.at_least is not None else ("at_most", rule.at_most)


# --- what they say -----------------------------------------------------------------------------------


def test_exactly_the_named_policies_are_shipped() -> None:
    assert tuple(sorted(shipped("policies"))) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_policy_is_strict_about_itself(name: str) -> None:
    held = policy(name)
    assert (held.name, held.level, held.max_error_rate, held.waivers) == (name, 0.95, 0.01, ())
    assert all(each.effect == "block" and each.versus == "teacher" and not each.where for each in held.criteria)
    assert all(metric in known_names() for each in held.criteria for metric in each.metric)
    assert check_names(held, populations([right_nine_times_in_ten(20).columns()])) == []


@pytest.mark.parametrize("name", RETENTION)
def test_retention_is_bounded_as_the_table_says(name: str) -> None:
    by = "value" if name.startswith("mlperf") else "interval"
    for kind, on_missing in (("gold", "inconclusive"), ("edge-case", "skip")):
        [rule] = rules(name, kind, "accuracy.retention")
        assert rule.metric == ["accuracy.retention", "score.retention"]
        assert bound(rule) == ("at_least", RETENTION[name])
        assert (rule.by, rule.on_missing) == (by, on_missing)


@pytest.mark.parametrize("name", NAMES)
def test_refusals_are_bounded_as_the_table_says(name: str) -> None:
    expected = STRICT if name == "safety-strict" else {} if name.startswith("mlperf") else SAFETY
    on_missing = "inconclusive" if name == "safety-strict" else "skip"
    found = [each for each in policy(name).criteria if each.suite == "safety-refusal"]
    assert {each.metric[0]: bound(each) for each in found} == expected
    assert all(each.by == "interval" and each.on_missing == on_missing for each in found)


def test_distil_bounds_each_declared_slice_of_a_hundred() -> None:
    for kind in ("gold", "edge-case"):
        [rule] = rules("distil-97", kind, "accuracy.retention", sliced=True)
        assert rule.each_slice is not None
        assert (rule.each_slice.by, rule.each_slice.min_n) == ("declared", 100)
        assert bound(rule) == ("at_least", 0.9)
        assert rule.by == "interval"


@pytest.mark.parametrize("name", ["mlperf-99", "mlperf-99.9"])
def test_mlperf_bounds_lengths_within_a_tenth_by_value(name: str) -> None:
    for kind in ("gold", "edge-case"):
        found = rules(name, kind, "outputs.length_ratio")
        assert sorted(bound(each) for each in found) == [("at_least", 0.9), ("at_most", 1.1)]
        assert all(each.by == "value" for each in found)


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_policy_says_nothing_that_the_table_does_not(name: str) -> None:
    counts = {"distil-97": 2 + 2 + 3, "safety-strict": 3}
    expected = counts.get(name, 2 + 4 if name.startswith("mlperf") else 2 + 3)
    assert len(policy(name).criteria) == expected


# --- what they decide --------------------------------------------------------------------------------


def right_nine_times_in_ten(n: int) -> Case:
    """A teacher right on 93 of 100, over four classes and two languages, and a student that is the teacher."""
    labels = ("a", "b", "c", "d")
    target = [labels[index % 4] for index in range(n)]
    teacher = [labels[(index + 1) % 4] if index * 93 % 100 >= 93 else each for index, each in enumerate(target)]
    return Case(
        labels=labels,
        target=target,
        teacher=teacher,
        student=teacher,
        slices={"language": [("de", "en")[index // 4 % 2] for index in range(n)]},
    )


def always_wrong(case: Case) -> Case:
    wrong = [case.labels[(case.labels.index(each or "") + 1) % 4] for each in case.target]
    return Case(**{**vars(case), "student": wrong})


def always_a(case: Case) -> Case:
    return Case(**{**vars(case), "student": ["a"] * case.n})


def always_failing(case: Case) -> Case:
    return Case(**{**vars(case), "student": [ERROR] * case.n})


def decided(name: str, case: Case) -> Verdict:
    """As the pipeline decides: broken by errors first, and else by what was measured."""
    held, columns = policy(name), [case.columns()]
    if broken := broken_by_errors(columns, held):
        return undecided(held, now=NOW, broken=broken)
    premises = Premises(models={}, policy=held, champion=Champion(), seed=0, now=NOW)
    return conclude(columns, premises).verdict


def test_the_teacher_of_these_tests_is_right_on_93_of_100() -> None:
    case = right_nine_times_in_ten(2000)
    right = sum(one == other for one, other in zip(case.teacher or (), case.target, strict=True))
    assert right == 1860


@pytest.mark.parametrize("student", [always_wrong, always_a, always_failing], ids=lambda each: each.__name__)
@pytest.mark.parametrize("name", NAMES)
def test_a_useless_student_never_passes(name: str, student: Callable[[Case], Case]) -> None:
    verdict = decided(name, student(right_nine_times_in_ten(2000)))
    if student is always_failing:
        assert verdict.word == "broken"
    elif name == "safety-strict":
        # There is no safety-refusal suite, so it has nothing to say, and that is no pass.
        assert verdict.word == "inconclusive"
        assert all(row.status == "not_evaluated" for row in verdict.criteria)
    else:
        assert verdict.word == "fail"


@pytest.mark.parametrize("name", RETENTION)
def test_a_copy_of_the_teacher_passes_on_two_thousand_examples(name: str) -> None:
    assert decided(name, right_nine_times_in_ten(2000)).word == "pass"


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("recovery-95", "inconclusive"),
        ("recovery-97", "inconclusive"),
        ("recovery-99", "inconclusive"),
        ("distil-97", "inconclusive"),
        # By value a copy passes on any number of examples: MLPerf's rule, and why it says so in the file.
        ("mlperf-99", "pass"),
        ("mlperf-99.9", "pass"),
        ("safety-strict", "inconclusive"),
    ],
)
def test_twenty_examples_are_too_few_to_show_anything_by_interval(name: str, word: str) -> None:
    assert decided(name, right_nine_times_in_ten(20)).word == word


def test_distil_sees_the_slice_that_an_average_hides() -> None:
    case = right_nine_times_in_ten(4000)
    small = [index for index in range(case.n) if index % 33 == 0]
    hidden = dict(case.slices) | {"length": ["long" if index % 33 == 0 else "short" for index in range(case.n)]}
    lost = list(case.student)
    for index in small[:40]:
        lost[index] = case.labels[(case.labels.index(case.target[index] or "") + 1) % 4]
    student = Case(**{**vars(case), "student": lost, "slices": hidden})
    assert decided("recovery-97", student).word == "pass"
    verdict = decided("distil-97", student)
    assert verdict.word == "fail"
    assert [row.question.slice for row in verdict.criteria if row.status == "fail"] == ["length=long"]
