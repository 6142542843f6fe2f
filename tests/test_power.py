"""`evalkit power`: what is asked, what is answered, and in which words. The formulas are tested in stats/."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.errors import UsageError
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
from evalkit.stats.mean import cluster_mean
from evalkit.stats.paired import difference_tango

TENTH = Assumed(discordance=0.1)


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


def test_groups_cost_as_many_times_more_as_the_design_effect_says() -> None:
    plain = plan_power(TENTH, Target(margin=0.02), None)
    grouped = Assumed(discordance=0.1, size=4, mean_size=4, icc=0.3)
    answer = plan_power(grouped, Target(margin=0.02), None)
    assert answer["groups"] == {"size": 4, "icc": 0.3, "design_effect": pytest.approx(1.9)}
    assert answer["examples_needed"] == pytest.approx(1.9 * plain["examples_needed"], rel=0.01)
    assert answer["groups_needed"] == math.ceil(answer["examples_needed"] / 4)
    assert sentences(answer)[0].endswith("1.90 examples count as one.")
    # Alike by nothing, groups cost next to nothing: the t quantile of hundreds of groups.
    unlike = Assumed(discordance=0.1, size=4, mean_size=4, icc=0.0)
    needed = plan_power(unlike, Target(margin=0.02), None)["examples_needed"]
    assert needed == pytest.approx(plain["examples_needed"], rel=0.01)


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
@pytest.mark.parametrize(("size", "alike"), [(4, 0.3), (3, 0.8)])
def test_the_simulated_gate_over_groups_passes_about_as_often_as_is_promised(size: int, alike: float) -> None:
    """The wider of the score interval and the one over groups, where a share of the groups answers as one."""
    margin, discordance = 0.06, 0.15
    assumed = Assumed(discordance=discordance, size=size, mean_size=size, icc=alike)
    answer = plan_power(assumed, Target(margin=margin), None)
    groups = answer["groups_needed"]
    rng = np.random.default_rng(size)
    runs, passed, found = 1500, 0, []
    codes = np.repeat(np.arange(groups), size)
    for _ in range(runs):
        alone = rng.choice([-1.0, 0.0, 1.0], (groups, size), p=[discordance / 2, 1 - discordance, discordance / 2])
        shared = rng.random(groups) < alike
        alone[shared] = alone[shared, :1]
        change = alone.ravel()
        lost, gained = int((change < 0).sum()), int((change > 0).sum())
        score = difference_tango(len(change) - lost - gained, lost, gained, 0, 0.9)
        robust = cluster_mean(change, codes, 0.9)
        assert robust is not None
        wider = robust if robust.high - robust.low > score.high - score.low else score
        passed += wider.low > -margin
        found.append(intraclass_correlation(change, codes))
    assert np.mean([each for each in found if each is not None]) == pytest.approx(alike, abs=0.02)
    assert passed / runs == pytest.approx(0.8, abs=0.04)


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
