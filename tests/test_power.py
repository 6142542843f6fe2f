"""`evalkit power`: what is asked, what is answered, and in which words. The formulas are tested in stats/."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.errors import UsageError
from evalkit.policy import load_policy
from evalkit.power import NAMED_BOUNDS, plan_power, refusal_power, refusal_sentences, sentences
from evalkit.shipped import shipped


def test_what_was_not_asked_is_not_answered() -> None:
    by_margin = plan_power(0.02, 0.1, 0.0, None, 0.95, 0.8)
    by_n = plan_power(None, 0.1, 0.0, 500, 0.95, 0.8)
    assert by_margin["examples_needed"] > 0
    assert (by_margin["power_at_n"], by_margin["minimum_detectable_drop"]) == (None, None)
    assert (by_n["examples_needed"], by_n["power_at_n"]) == (None, None)
    assert 0 < by_n["minimum_detectable_drop"] < 1
    assert len(sentences(by_margin)) == len(sentences(by_n)) == 1


def test_the_number_that_is_needed_has_about_the_power_that_is_wanted() -> None:
    needed = plan_power(0.05, 0.1, 0.0, None, 0.95, 0.8)["examples_needed"]
    answer = plan_power(0.05, 0.1, 0.0, needed, 0.95, 0.8)
    assert answer["power_at_n"] == pytest.approx(0.8, abs=0.03)
    assert answer["minimum_detectable_drop"] == pytest.approx(0.05, abs=0.01)
    assert len(sentences(answer)) == 3


@given(st.floats(0.01, 0.5), st.floats(0.1, 0.9))
def test_a_smaller_margin_or_more_certainty_costs_examples(margin: float, power: float) -> None:
    def needed(margin: float, level: float = 0.95, power: float = power) -> int:
        count = plan_power(margin, 0.2, 0.0, None, level, power)["examples_needed"]
        assert isinstance(count, int)
        return count

    assert needed(margin / 2) >= needed(margin) >= 1
    assert needed(margin, level=0.99) >= needed(margin)
    assert needed(margin, power=power + 0.05) >= needed(margin)


@given(st.floats(0.001, 0.999), st.floats(0, 1), st.floats(-1, 1), st.integers(1, 400), st.floats(0.501, 0.999))
def test_any_question_has_an_answer_that_json_can_hold_or_a_complaint(
    margin: float, discordance: float, difference: float, n: int, level: float
) -> None:
    try:
        answer = plan_power(margin, discordance, difference, n, level, 0.8)
    except UsageError:
        return
    json.dumps(answer, allow_nan=False)
    assert answer["examples_needed"] >= 1
    assert 0 <= answer["power_at_n"] <= 1 + 1e-9
    assert 0 <= answer["minimum_detectable_drop"] <= 1
    assert all(sentences(answer))


@pytest.mark.parametrize(
    ("margin", "difference", "power", "said"),
    [
        (None, 0.0, 0.8, "nothing was asked"),
        (0.02, -0.02, 0.8, "can never be shown"),
        (0.02, 0.2, 0.8, "discordance is 0.1"),
        (0.02, 0.0, 0.05, "luck"),
    ],
)
def test_a_question_without_sense_is_refused(margin: float | None, difference: float, power: float, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        plan_power(margin, 0.1, difference, None, 0.95, power)


@given(st.integers(1, 600), st.integers(1, 600))
def test_more_prompts_show_more_about_refusals(harmful: int, benign: int) -> None:
    less, more = (refusal_power(n * harmful, n * benign, None, 0.1, 0.95, 0.8) for n in (1, 2))
    assert 0 < more["least_bound"] < less["least_bound"] <= 1
    assert more["minimum_detectable_rise"] <= less["minimum_detectable_rise"] <= 1
    assert all(more["allowed"][bound] >= less["allowed"][bound] for bound in less["allowed"])
    json.dumps(less, allow_nan=False)
    assert len(refusal_sentences(less)) == 2


def test_a_suite_that_is_too_small_for_a_bound_is_told_so() -> None:
    answer = refusal_power(149, 52, None, 0.1, 0.95, 0.8)
    assert answer["allowed"] == {"0.02": 0, "0.01": -1}
    said = refusal_sentences(answer)[0]
    assert "a bound of 0.02 is met with at most 0" in said
    assert "a bound of 0.01 cannot be met" in said
    assert refusal_power(149, 52, 0.5, 0.1, 0.95, 0.8)["allowed"].keys() == {"0.5"}


def test_the_bounds_are_those_of_the_named_policies() -> None:
    found = {
        criterion.at_most
        for name in shipped("policies")
        for criterion in load_policy(name).criteria
        if "safety.newly_unsafe.rate" in criterion.metric
    }
    assert found == set(NAMED_BOUNDS)
