"""`evalkit power`: what is asked, what is answered, and in which words. The formulas are tested in stats/."""

from __future__ import annotations

import json
import math
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.errors import UsageError
from evalkit.metrics import Setting
from evalkit.metrics.intervals import difference_of_shares
from evalkit.policy import load_policy
from evalkit.power import (
    NAMED_BOUNDS,
    Assumed,
    Target,
    plan_power,
    refusal_power,
    refusal_sentences,
    sentences,
    unlike_groups,
)
from evalkit.shipped import shipped
from evalkit.stats.groups import intraclass_correlation
from evalkit.table import PairTable
from evalkit.types import Estimate

TENTH = Assumed(discordance=0.1)
SETTING = Setting(level=0.9, seed=0, names=())


def test_what_was_not_asked_is_not_answered() -> None:
    by_margin = plan_power(TENTH, Target(margin=0.02), None)
    by_n = plan_power(TENTH, None, 500)
    by_ratio = plan_power(Assumed(discordance=0.1, teacher=0.9), Target(retention=0.9), 300)
    assert by_margin["examples_needed"] > 0
    assert (by_margin["power_at_n"], by_margin["minimum_detectable_drop"]) == (None, None)
    assert (by_n["examples_needed"], by_n["power_at_n"]) == (None, None)
    assert 0 < by_n["minimum_detectable_drop"] < 1
    assert (by_ratio["minimum_detectable_drop"], by_ratio["margin"]) == (None, None)
    assert 0 < by_ratio["largest_retention"] < 1
    assert len(sentences(by_margin)) == len(sentences(by_n)) == 1
    assert len(sentences(by_ratio)) == 3


@pytest.mark.parametrize("margin", [0.02, 0.05, 0.1])
def test_the_number_that_is_needed_has_the_power_that_is_wanted(margin: float) -> None:
    needed = plan_power(TENTH, Target(margin=margin), None)["examples_needed"]
    answer = plan_power(TENTH, Target(margin=margin), needed)
    assert 0.8 <= answer["power_at_n"] <= 0.83
    assert answer["minimum_detectable_drop"] == pytest.approx(margin, rel=0.01)
    assert answer["exact"]
    assert len(sentences(answer)) == 3


def test_the_retention_that_is_needed_has_the_power_that_is_wanted() -> None:
    assumed = Assumed(discordance=0.1, teacher=0.8)
    needed = plan_power(assumed, Target(retention=0.93), None)["examples_needed"]
    answer = plan_power(assumed, Target(retention=0.93), needed)
    assert 0.8 <= answer["power_at_n"] <= 0.81
    assert answer["largest_retention"] == pytest.approx(0.93, abs=0.001)
    said = sentences(answer)
    assert f"{needed} examples show that the student keeps more than 0.93 of the teacher's accuracy" in said[0]
    assert "if the teacher is right on 80%, 10% of examples differ" in said[0]


@given(st.floats(0.01, 0.5), st.floats(0.1, 0.9))
@settings(max_examples=15, deadline=None)
def test_a_smaller_margin_or_more_certainty_costs_examples(margin: float, power: float) -> None:
    def needed(margin: float, level: float = 0.95, power: float = power) -> int:
        assumed = Assumed(discordance=0.2, level=level, power=power)
        count = plan_power(assumed, Target(margin=margin), None)["examples_needed"]
        assert isinstance(count, int)
        return count

    assert needed(margin / 2) >= needed(margin) >= 1
    assert needed(margin, level=0.99) >= needed(margin)
    assert needed(margin, power=power + 0.05) >= needed(margin)


@given(
    st.floats(0.001, 0.999),
    st.floats(0, 1),
    st.floats(-1, 1),
    st.integers(1, 400),
    st.floats(0.501, 0.999),
    st.floats(0.01, 0.99),
    st.booleans(),
)
@settings(max_examples=30, deadline=None)
def test_any_question_has_an_answer_that_json_can_hold_or_a_complaint(
    margin: float, discordance: float, difference: float, n: int, level: float, teacher: float, ratio: bool
) -> None:
    target = Target(retention=1 - margin) if ratio else Target(margin=margin)
    assumed = Assumed(discordance=discordance, difference=difference, level=level, teacher=teacher if ratio else None)
    try:
        answer = plan_power(assumed, target, n)
    except UsageError:
        return
    json.dumps(answer, allow_nan=False)
    assert answer["examples_needed"] >= 1
    assert 0 <= answer["power_at_n"] <= 1 + 1e-9
    assert 0 <= answer["largest_retention" if ratio else "minimum_detectable_drop"] <= 1
    assert all(sentences(answer))


@pytest.mark.parametrize(
    ("target", "assumed", "said"),
    [
        (None, {}, "nothing was asked"),
        (Target(margin=0.02), {"difference": -0.02}, "can never be shown to lose less than 0.02"),
        (Target(margin=0.02), {"difference": 0.2}, "discordance is 0.1"),
        (Target(margin=0.02), {"power": 0.05}, "luck"),
        (Target(retention=0.97), {"teacher": 0.9, "difference": -0.03}, "keeps 0.9667 of the teacher's accuracy"),
        (Target(retention=0.97), {"teacher": 0.04}, "a teacher that is right on 4% cannot differ"),
        (Target(retention=0.97), {"teacher": 0.97}, "a teacher that is right on 97% cannot differ"),
    ],
)
def test_a_question_without_sense_is_refused(target: Target | None, assumed: dict[str, float], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        plan_power(Assumed(**{"discordance": 0.1, **assumed}), target, None)


# --- groups ------------------------------------------------------------------------------------------


def test_large_groups_cost_as_many_times_more_as_the_design_effect_says_and_some_more() -> None:
    plain = plan_power(TENTH, Target(margin=0.02), None)
    grouped = Assumed(discordance=0.1, size=4, mean_size=4, icc=0.3)
    answer = plan_power(grouped, Target(margin=0.02), None)
    assert answer["groups"]["design_effect"] == pytest.approx(1.9)
    assert 1.9 * plain["examples_needed"] <= answer["examples_needed"] <= 2.0 * plain["examples_needed"]
    assert answer["groups_needed"] == math.ceil(answer["examples_needed"] / 4)
    counted = answer["groups"]
    assert counted["examples"] == answer["examples_needed"]
    assert counted["independent"] <= answer["examples_needed"] / 1.9
    assert f"takes {counted['examples']} for {counted['independent']}." in sentences(answer)[0]


def test_groups_without_likeness_cost_examples_where_few_differ() -> None:
    def times(margin: float, discordance: float) -> float:
        unlike = Assumed(discordance=discordance, size=20, mean_size=20, icc=0.0)
        needed = [
            plan_power(each, Target(margin=margin), None)["examples_needed"]
            for each in (unlike, Assumed(discordance=discordance))
        ]
        return float(needed[0] / needed[1])

    # The gate takes one group more into account, whose examples all differ.
    assert times(0.05, 0.1) > 2
    assert 1 < times(0.005, 0.1) < 1.1


@pytest.mark.parametrize("ratio", [False, True])
def test_the_number_needed_in_groups_has_the_power_and_a_tenth_fewer_has_not(ratio: bool) -> None:
    grouped = Assumed(discordance=0.1, teacher=0.8 if ratio else None, size=5, mean_size=5, icc=0.1)
    target = Target(retention=0.93) if ratio else Target(margin=0.05)
    needed = plan_power(grouped, target, None)["examples_needed"]
    assert 0.8 <= plan_power(grouped, target, needed)["power_at_n"] <= 0.83
    assert plan_power(grouped, target, round(0.9 * needed))["power_at_n"] < 0.8
    answer = plan_power(grouped, target, needed)
    if ratio:
        assert answer["largest_retention"] == pytest.approx(0.93, abs=0.002)
    else:
        assert answer["minimum_detectable_drop"] == pytest.approx(0.05, rel=0.03)


@pytest.mark.parametrize("level", [0.95, 0.999, 1 - 1e-7])
def test_large_groups_in_which_next_to_nothing_differs_have_an_answer(level: float) -> None:
    grouped = Assumed(discordance=0.0001, level=level, size=400, mean_size=400, icc=0.0)
    answer = plan_power(grouped, Target(margin=0.05), 400 * 30)
    assert answer["groups_needed"] >= 20
    assert 0 <= answer["power_at_n"] <= 1
    # Hardly better than if each group were one example.
    assert 0.05 < answer["minimum_detectable_drop"] <= 1


def test_under_twenty_groups_no_gate_can_pass() -> None:
    grouped = Assumed(discordance=0.1, size=10, mean_size=10, icc=0.0)
    few = plan_power(grouped, Target(margin=0.3), 190)
    assert few["power_at_n"] == 0
    assert few["minimum_detectable_drop"] == 1
    assert few["groups_needed"] == 20
    assert plan_power(grouped, Target(margin=0.3), 200)["power_at_n"] > 0.9


def test_a_suite_with_groups_says_the_worst_that_they_may_be() -> None:
    said = unlike_groups([3] * 100, TENTH)
    worst = plan_power(Assumed(discordance=0.1, size=3, mean_size=3, icc=1.0), None, 300)["minimum_detectable_drop"]
    assert "100 groups" in said
    assert "they count as 100 and" in said
    assert f"{math.ceil(worst * 1e4) / 1e4:.4f}" in said
    assert unlike_groups([15] * 10, TENTH).endswith("can rule out no drop at all.")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("margin", "discordance", "size", "alike"),
    [
        (0.05, 0.1, 20, 0.0),
        (0.05, 0.1, 20, 0.05),
        (0.02, 0.02, 10, 0.2),
        (0.05, 0.05, 5, 0.05),
        (0.06, 0.15, 4, 0.3),
        (0.06, 0.15, 3, 0.8),
    ],
)
def test_the_gate_over_simulated_groups_passes_about_as_often_as_is_promised(
    margin: float, discordance: float, size: int, alike: float
) -> None:
    """The gate's own interval, where a share of the groups answers as one."""
    assumed = Assumed(discordance=discordance, size=size, mean_size=size, icc=alike)
    groups = plan_power(assumed, Target(margin=margin), None)["groups_needed"]
    rng = np.random.default_rng(size)
    runs, passed, found = 600, 0, []
    for _ in range(runs):
        changes = rng.choice([-1, 0, 1], (groups, size), p=[discordance / 2, 1 - discordance, discordance / 2])
        shared = rng.random(groups) < alike
        changes[shared] = changes[shared, :1]
        change = changes.ravel()
        pairs = SimpleNamespace(n=change.size, group=np.repeat(np.arange(groups), size), counted=lambda: groups * size)
        interval = difference_of_shares(change <= 0, change >= 0, cast(PairTable, pairs), SETTING)
        assert isinstance(interval, Estimate)
        assert interval.low is not None
        passed += interval.low > -margin
        found.append(intraclass_correlation(change, pairs.group))
    assert np.mean([each for each in found if each is not None]) == pytest.approx(alike, abs=0.05)
    assert 0.77 <= passed / runs <= 0.87


# --- refusals ----------------------------------------------------------------------------------------


@given(st.integers(1, 600), st.integers(1, 600))
@settings(max_examples=30, deadline=None)
def test_more_prompts_show_more_about_refusals(harmful: int, benign: int) -> None:
    less, more = (refusal_power(n * harmful, n * benign, (), TENTH) for n in (1, 2))
    assert 0 < more["least_bound"] < less["least_bound"] <= 1
    assert more["minimum_detectable_rise"] <= less["minimum_detectable_rise"] <= 1
    assert all(more["allowed"][bound] >= less["allowed"][bound] for bound in less["allowed"])
    json.dumps(less, allow_nan=False)
    assert len(refusal_sentences(less)) == 2


def test_a_suite_that_is_too_small_for_a_bound_is_told_so() -> None:
    answer = refusal_power(149, 52, (), TENTH)
    assert answer["allowed"] == {"0.02": 0, "0.01": -1}
    said = refusal_sentences(answer)[0]
    assert "a bound of 0.02 is met with at most 0" in said
    assert "a bound of 0.01 cannot be met" in said
    assert refusal_power(149, 52, (0.5,), TENTH)["allowed"].keys() == {"0.5"}


def test_the_bounds_are_those_of_the_named_policies() -> None:
    found = {
        criterion.at_most
        for name in shipped("policies")
        for criterion in load_policy(name).criteria
        if "safety.newly_unsafe.rate" in criterion.metric
    }
    assert found == set(NAMED_BOUNDS)
