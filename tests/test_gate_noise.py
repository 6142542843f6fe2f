"""What the batch-shape audit may do to a verdict: make a criterion inconclusive, and nothing else."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.gate import Champion, agenda, decide
from evalkit.gate.noise import margin, swamped
from evalkit.metrics import catalogue
from evalkit.policy import Policy
from evalkit.types import BESIDE_ANSWERS, Question, Role, Undefined, Verdict
from evalkit.types.batch_shape import BatchShape, BatchShapes
from tests import factory
from tests.factory import interval

NOW = dt.datetime(2026, 6, 15, 12, 0, tzinfo=dt.UTC)
GOLD = factory.population("gold-1")
OTHER = factory.population("gold-2")
RULE = {"metric": "accuracy.difference", "at_least": -0.05}
GOOD, BAD, VAGUE = interval(-0.02, 0.01), interval(-0.3, -0.2), interval(-0.1, 0.01)


def flipped(many: int, asked: int = 32, changed: int | None = None) -> BatchShape:
    return BatchShape(
        asked=asked,
        changed=many if changed is None else changed,
        flipped=many,
        share=many / asked,
        ids=tuple(f"e{index}" for index in range(many)),
        failed=0,
        largest=None,
        median=None,
        compared=None,
    )


def shapes(student: BatchShape | Undefined, teacher: BatchShape | Undefined | None = None) -> BatchShapes:
    found: dict[Role, BatchShape | Undefined] = {"student": student, "teacher": teacher or flipped(0)}
    return {"gold-1": found}


def verdict(policy: Policy, measured: Any, found: BatchShapes | None, *, champion: Champion | None = None) -> Verdict:
    plan = agenda(policy, (GOLD, OTHER), champion or Champion(), lambda suite, where: 9)
    answers: Mapping[Question, Any] = {each.question: measured for each in plan.asked if each.missing is None}
    return decide(policy, plan, answers, now=NOW, shapes=found)


# --- laws --------------------------------------------------------------------------------------------

INTERVALS = st.tuples(st.floats(-1, 1), st.floats(-1, 1)).map(lambda ends: interval(min(ends), max(ends)))
BOUNDS = st.floats(-0.5, 0.5)
AUDITS = st.integers(1, 64).flatmap(
    lambda asked: st.tuples(st.just(asked), st.integers(0, asked)).map(lambda found: flipped(found[1], found[0]))
)
SIDES = st.sampled_from(["at_least", "at_most"])
JUDGED_BY = st.sampled_from(["interval", "value"])


@given(INTERVALS, BOUNDS, SIDES, JUDGED_BY, AUDITS, AUDITS)
def test_the_audit_moves_a_row_to_inconclusive_or_not_at_all(
    measured: Any, bound: float, side: str, by: str, student: BatchShape, teacher: BatchShape
) -> None:
    policy = factory.policy({"metric": "accuracy.difference", side: bound, "suite": "gold-1", "by": by})
    without, found = (verdict(policy, measured, each) for each in (None, shapes(student, teacher)))
    [before], [after] = without.criteria, found.criteria
    if max(student.share, teacher.share) > abs(bound):
        assert after.status == "inconclusive"
        assert found.word == "inconclusive"
    else:
        assert (before, without.word) == (after, found.word)


@given(INTERVALS, BOUNDS, AUDITS, st.integers(0, 64))
def test_more_flips_never_decide_what_fewer_left_open(
    measured: Any, bound: float, audit: BatchShape, more: int
) -> None:
    policy = factory.policy({"metric": "accuracy.difference", "at_least": bound, "suite": "gold-1"})
    wider = flipped(min(audit.asked, audit.flipped + more), audit.asked)
    fewer, many = (verdict(policy, measured, shapes(each)).criteria[0].status for each in (audit, wider))
    assert many in (fewer, "inconclusive")


@given(INTERVALS, BOUNDS)
def test_an_audit_without_a_flip_or_without_answers_changes_nothing(measured: Any, bound: float) -> None:
    policy = factory.policy({"metric": "accuracy.difference", "at_least": bound})
    for found in (shapes(flipped(0)), shapes(Undefined(reason="recorded"), Undefined(reason="recorded")), {}):
        assert verdict(policy, measured, found) == verdict(policy, measured, None)


# --- cases -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("measured", [GOOD, BAD, VAGUE])
def test_whatever_was_measured_a_swamped_criterion_is_inconclusive(measured: Any) -> None:
    policy = factory.policy({**RULE, "suite": "gold-1"})
    said = verdict(policy, measured, shapes(flipped(3)))
    [row] = said.criteria
    assert (said.word, row.status) == ("inconclusive", "inconclusive")
    assert isinstance(row.measured, Undefined)
    assert "3 of 32 answers flipped for the student on gold-1" in row.reason
    assert "9.4 %, more than the margin of 5.0 %" in row.reason
    assert "float32" in row.reason


def test_the_noisier_of_the_two_models_counts() -> None:
    policy = factory.policy({**RULE, "suite": "gold-1"})
    [row] = verdict(policy, GOOD, shapes(flipped(1), flipped(4))).criteria
    assert "4 of 32 answers flipped for the teacher" in row.reason
    # One of 32 is less than 5 %.
    assert verdict(policy, GOOD, shapes(flipped(1), flipped(1))).word == "pass"


def test_noise_on_one_suite_says_nothing_of_another() -> None:
    policy = factory.policy(RULE)
    rows = verdict(policy, GOOD, shapes(flipped(3))).criteria
    assert [row.status for row in rows] == ["inconclusive", "pass"]


def test_against_the_champion_it_is_the_students_noise_that_counts() -> None:
    policy = factory.policy({**RULE, "suite": "gold-1", "versus": "champion"}, {**RULE, "suite": "gold-2"})
    champion = Champion(named=True)
    noisy_teacher, noisy_student = shapes(flipped(0), flipped(9)), shapes(flipped(9))
    assert verdict(policy, GOOD, noisy_teacher, champion=champion).criteria[0].status == "pass"
    assert verdict(policy, GOOD, noisy_student, champion=champion).criteria[0].status == "inconclusive"


def test_a_waiver_reaches_a_criterion_that_noise_leaves_open() -> None:
    waiver = {"criterion": "c0", "owner": "a", "reason": "bf16", "expires": "2026-12-31"}
    policy = factory.policy({**RULE, "suite": "gold-1"}, {**RULE, "suite": "gold-2"}, waivers=[waiver])
    said = verdict(policy, GOOD, shapes(flipped(3)))
    assert (said.word, said.criteria[0].status) == ("pass", "waived")


def test_what_could_not_be_evaluated_stays_so() -> None:
    policy = factory.policy({**RULE, "suite": "gold-1", "on_missing": "fail"})
    [row] = verdict(policy, Undefined(reason="no targets"), shapes(flipped(9))).criteria
    assert row.status == "fail"
    assert "no targets" in row.reason


@pytest.mark.parametrize(
    ("metric", "bound", "expected"),
    [
        ("accuracy.difference", -0.02, 0.02),
        ("accuracy.difference", 0.01, 0.01),
        ("accuracy.retention", 0.97, 0.03),
        ("score.retention", 0.9, 0.1),
        ("safety.newly_unsafe.rate", 0.03, 0.03),
        ("flips.right_to_wrong.rate", 0.1, 0.1),
        ("outputs.unparsable_rate.difference", 0.02, 0.02),
        ("agreement.top1", 0.95, 0.05),
        ("agreement.excess_disagreement", 0.08, 0.08),
        # A bound of one model, counts, amounts, and what no answer moves.
        ("accuracy.student", 0.9, None),
        ("safety.newly_unsafe.count", 0, None),
        ("flips.right_to_wrong.count", 3, None),
        ("accuracy.mcnemar_p", 0.05, None),
        ("agreement.kl", 0.1, None),
        ("calibration.brier.difference", 0.02, None),
        ("outputs.length_ratio", 0.9, None),
        ("latency.speedup.p50", 1.5, None),
        ("size.bytes.ratio", 0.5, None),
        ("no.such.metric", 0.5, None),
    ],
)
def test_the_margin_is_how_far_the_bound_lies_from_a_student_that_is_its_teacher(
    metric: str, bound: float, expected: float | None
) -> None:
    assert margin(metric, bound) == (None if expected is None else pytest.approx(expected))


def test_every_margin_is_of_a_metric_that_compares_answers_and_is_no_count() -> None:
    for name, (metric, _) in catalogue().items():
        wide = margin(name, 0.25)
        if wide is not None:
            assert math.isfinite(wide)
            assert metric.compares
            assert metric.unit in ("share", "difference", "ratio", "score")
            assert not name.startswith((*BESIDE_ANSWERS, "calibration."))


def test_word_for_word_agreement_is_held_against_answers_in_other_words() -> None:
    found = shapes(flipped(0, changed=8))
    exact, accuracy = (Question(metric=name, suite="gold-1") for name in ("agreement.exact", "accuracy.difference"))
    said = swamped(exact, 0.9, found)
    assert said is not None
    assert "8 of 32 answers changed for the student" in said
    assert swamped(accuracy, -0.1, found) is None


def test_shares_that_differ_never_look_alike() -> None:
    said = swamped(Question(metric="accuracy.difference", suite="gold-1"), -0.0312, shapes(flipped(1)))
    assert said is not None
    assert "3.125 %" in said
    assert "3.120 %" in said
