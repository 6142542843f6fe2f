"""Inherited errors against chance: what the metrics say of models that copy, that guess, and that say nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evalkit.metrics import Setting
from evalkit.metrics.errors import FAMILY
from evalkit.stats.interval import Interval
from evalkit.stats.proportion import clopper_pearson
from evalkit.types import Estimate, Measured, Undefined
from tests.factory import ERROR, Case, random_case
from tests.metrics import shapes

EXCESS, P, SHARE = "errors.inherited.excess", "errors.inherited.p", "errors.inherited.share"
ORACLES = json.loads((Path(__file__).parent.parent / "oracles" / "statistics.json").read_text("utf-8"))["oracles"]


def measured(case: Case) -> dict[str, Measured]:
    return dict(FAMILY.measure(case.pairs(), Setting(0.9, 0, ("inherited",), 50)))


def estimate(case: Case, name: str) -> Estimate:
    found = measured(case)[name]
    assert isinstance(found, Estimate), found
    return found


def test_with_choices_of_ones_own_chance_is_known_and_the_oracle_comes_out() -> None:
    oracle = next(each for each in ORACLES if each["name"] == "A.inherited_error")
    given, expected = oracle["inputs"], oracle["expected"]
    n, wrong, same, errors = given["n"], given["both_wrong"], given["both_wrong_same_answer"], 50
    offered = tuple("abcd"[: given["n_choices"]])
    # The student is wrong on twenty more, where the teacher is right.
    case = Case(
        task="choose",
        scorer="choice",
        labels=(),
        choices=[offered] * n,
        target=["a"] * n,
        teacher=["b"] * wrong + ["a"] * (n - wrong),
        student=["b"] * same + ["c"] * (wrong - same) + ["d"] * (errors - wrong) + ["a"] * (n - errors),
    )
    excess, p = estimate(case, EXCESS), estimate(case, P)
    assert excess.value == pytest.approx(expected["kappa_like"])
    assert p.value == pytest.approx(expected["binom_p_greater"], abs=oracle["tolerance"])
    assert estimate(case, "errors.inherited.rate").value == pytest.approx(expected["rate"])
    assert estimate(case, SHARE).value == pytest.approx(expected["share_of_student_errors_given_50"])
    # Chance is known, so the exact interval of the share is mapped and nothing else is in doubt.
    chance = expected["chance_uniform"]
    exact = Interval(*((each - chance) / (1 - chance) for each in clopper_pearson(same, wrong, 0.9)))
    assert (excess.low, excess.high) == pytest.approx(exact)
    assert (excess.n, p.n) == (wrong, wrong)


def test_a_student_that_copies_errors_is_told_from_one_that_makes_its_own() -> None:
    own = random_case(1, 900, labels=6, teacher_right=0.6, student_right=0.6, probs=False, timed=False)
    copied = replace(own, student=own.teacher)
    apart, alike = measured(own), measured(copied)
    for found in (apart[EXCESS], apart[P], alike[EXCESS], alike[P]):
        assert isinstance(found, Estimate)
    assert apart[EXCESS].low < 0 < apart[EXCESS].high  # type: ignore[union-attr, operator]
    assert apart[P].value > 0.05  # type: ignore[union-attr]
    assert alike[EXCESS].value == 1.0  # type: ignore[union-attr]
    assert alike[P].value < 1e-6  # type: ignore[union-attr]
    assert "beyond 0.2" in alike[EXCESS].method  # type: ignore[union-attr]


def test_a_shared_liking_for_one_wrong_answer_is_no_inheritance() -> None:
    rng = np.random.default_rng(4)
    sides = {role: rng.choice(["b", "c", "d"], 400, p=[0.8, 0.1, 0.1]).tolist() for role in ("teacher", "student")}
    case = Case(labels=("a", "b", "c", "d"), target=["a"] * 400, **sides)
    found = measured(case)
    assert isinstance(found[EXCESS], Estimate)
    assert isinstance(found[P], Estimate)
    assert found[P].value > 0.05
    # Against any wrong answer being as likely, two thirds in common would look like much.
    rate = found["errors.inherited.rate"]
    assert isinstance(rate, Estimate)
    assert rate.value > 0.6
    assert "expected by chance" in rate.method


@pytest.mark.parametrize("name", [EXCESS, P])
def test_where_chance_means_nothing_the_reason_is_given(name: str) -> None:
    texts = measured(shapes.texts(1, 60))[name]
    two = measured(random_case(1, 60, labels=2))[name]
    right = measured(Case(target=["a"] * 30, teacher=["a"] * 30, student=["b"] + ["a"] * 29))[name]
    alone = measured(Case(target=["a", "b"], teacher=["b", "b"], student=["c", "b"]))[name]
    for found, reason in (
        (texts, "nothing is chosen from"),
        (two, "only one wrong answer"),
        (right, "no example got a wrong answer of both"),
        (alone, "no class holds enough wrong answers"),
    ):
        assert isinstance(found, Undefined)
        assert reason in found.reason


def test_a_student_that_fails_where_its_teacher_errs_inherits_nothing() -> None:
    case = Case(target=["a"] * 60, teacher=["b"] * 20 + ["c"] * 10 + ["a"] * 30, student=[ERROR] * 30 + ["a"] * 30)
    found = measured(case)
    assert isinstance(found[SHARE], Estimate)
    assert found[SHARE].value == 0
    assert isinstance(found[P], Estimate)
    assert found[P].value == 1


def test_errors_of_one_group_are_not_taken_for_independent() -> None:
    own = random_case(2, 60, labels=5, teacher_right=0.3, student_right=0.3, probs=False, timed=False)
    assert own.teacher is not None
    base = replace(own, student=[*own.teacher[:20], *own.student[20:]])
    many = base.taken(np.repeat(np.arange(60), 5))
    grouped = replace(many, groups=[f"g{each}" for each in np.repeat(np.arange(60), 5)])
    plain, careful = estimate(many, P), estimate(grouped, P)
    assert careful.value > 10 * plain.value
    wide, narrow = estimate(grouped, EXCESS), estimate(many, EXCESS)
    assert wide.low is not None
    assert narrow.low is not None
    assert wide.low < narrow.low
