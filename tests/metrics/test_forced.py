"""Metrics of texts that were read token by token, from numbers that can be counted by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from evalkit.metrics import Setting, forced, kl
from evalkit.stats.forced import first_divergence
from evalkit.stats.mean import ratio_linearised
from evalkit.types import Estimate, Measured, Undefined
from evalkit.types.forced import NOTHING_WRITTEN
from tests.factory import ERROR, Case
from tests.metrics import shapes


def case(rows: Sequence[Mapping[str, Any]]) -> Case:
    return Case(
        target=["right"] * len(rows),
        teacher=["right"] * len(rows),
        student=["wrong"] * len(rows),
        task="generate",
        scorer="exact",
        labels=(),
        forced=rows,
    )


def row(kl_of: Sequence[float], same: Sequence[bool]) -> dict[str, Any]:
    return {
        "forced_kl": list(kl_of),
        "forced_kl_reverse": [2 * each for each in kl_of],
        "forced_same_top": list(same),
        "forced_teacher_logprobs": [-1.0] * len(same),
        "forced_student_logprobs": [-2.0] * len(same),
    }


def measured(of: Case) -> dict[str, Measured]:
    setting = Setting(0.95, 0, ("teacher", of.name))
    return {**kl.FAMILY.measure(of.pairs(), setting), **forced.FAMILY.measure(of.pairs(), setting)}


def estimate(of: Case, name: str) -> Estimate:
    found = measured(of)[name]
    assert isinstance(found, Estimate), found
    return found


def reason(of: Case, name: str) -> str:
    found = measured(of)[name]
    assert isinstance(found, Undefined), found
    return found.reason


THREE = [row([0.1, 0.2], [True, True]), row([0.5], [False]), row([0.0, 0.0, 0.4], [True, False, True])]


def test_a_token_counts_once_however_long_its_text_is() -> None:
    assert estimate(case(THREE), "agreement.kl").value == pytest.approx(1.2 / 6)
    assert estimate(case(THREE), "agreement.kl_reverse").value == pytest.approx(2.4 / 6)
    assert estimate(case(THREE), "agreement.token_top1").value == pytest.approx(4 / 6)
    assert "6 tokens of 3 texts" in estimate(case(THREE), "agreement.kl").method


def test_the_interval_is_over_texts() -> None:
    many = shapes.read(3, 200)
    rows = [each for each in many.forced or () if "forced_kl" in each]
    sums = [sum(each["forced_kl"]) for each in rows]
    lengths = [len(each["forced_kl"]) for each in rows]
    found, wanted = estimate(many, "agreement.kl"), ratio_linearised(sums, lengths, 0.95)
    assert wanted is not None
    assert found.low is not None
    assert found.high is not None
    # Never narrower than the residuals say, nor than what no text shows: z² / (n + z²).
    z = norm.ppf(0.975)
    unseen = z**2 / (len(rows) + z**2)
    half = max(wanted.high - found.value, unseen)
    assert half * (1 - 1e-12) <= found.high - found.value <= 1.1 * half
    assert found.low == pytest.approx(2 * found.value - found.high)
    assert found.n == len(rows)


def test_the_median_is_that_of_the_texts() -> None:
    many = shapes.read(5, 101)
    rows = [each["forced_same_top"] for each in many.forced or ()]
    first = first_divergence(np.concatenate(rows), np.repeat(np.arange(len(rows)), [len(each) for each in rows]))
    found = estimate(many, "agreement.first_divergence")
    assert found.value == np.median(first)
    assert found.low is not None
    assert found.high is not None
    assert found.low <= found.value <= found.high


def test_where_half_never_part_there_is_no_median() -> None:
    rows = [row([0.1] * 4, [True] * 4)] * 30 + [row([0.1], [False])] * 20
    assert "half of the texts never part: 30 of 50 hold no divergence" in reason(
        case(rows), "agreement.first_divergence"
    )
    assert estimate(case(rows), "agreement.token_top1").value == pytest.approx(120 / 140)


def test_answers_without_a_token_are_counted_in_the_method() -> None:
    rows = [*THREE, {"forced_note": NOTHING_WRITTEN}, {}]
    found = estimate(case(rows), "agreement.kl")
    assert found.n == 3
    assert found.value == pytest.approx(0.2)
    assert "1 without an answer of the teacher's left out" in found.method
    assert "a seeded draw, 1 not drawn" in found.method


def test_a_text_that_the_student_could_not_read_is_never_left_out() -> None:
    rows = [*THREE, {"forced_note": "the student cannot be read: it is too long"}]
    for name in ("agreement.kl", "agreement.token_top1", "agreement.first_divergence"):
        assert reason(case(rows), name) == "1 of 4 texts: the student cannot be read: it is too long"


def test_without_the_teachers_distribution_there_is_no_kl_and_the_method_says_what_is_compared() -> None:
    lone = {"forced_same_top": [True, False], "forced_student_logprobs": [-1.0, -2.0], "forced_note": "a recording"}
    rows = [lone] * 30
    assert reason(case(rows), "agreement.kl") == "a recording"
    assert reason(case([*THREE, lone]), "agreement.kl") == "1 of 4 texts: a recording"
    found = estimate(case(rows), "agreement.token_top1")
    assert found.value == 0.5
    assert "the student's likeliest token and the teacher's text" in found.method
    assert estimate(case(rows), "agreement.first_divergence").value == 1.0


def test_an_infinite_distance_is_undefined_with_a_count() -> None:
    rows = [*THREE, row([float("inf"), 0.1], [True, True])]
    assert reason(case(rows), "agreement.kl") == "infinite on 1 of 4 texts"


def test_nothing_read_is_no_number() -> None:
    for name in ("agreement.kl", "agreement.token_top1"):
        assert "read token by token" in reason(replace(case(THREE), forced=None), name)
        assert "the teacher wrote nothing" in reason(case([{"forced_note": NOTHING_WRITTEN}] * 3), name)


def test_against_a_champion_nothing_was_read() -> None:
    both = replace(case(THREE), champion=["right"] * 3)
    found = kl.FAMILY.measure(both.pairs("champion"), Setting(0.95, 0, ("champion", "x")))
    assert isinstance(found["agreement.kl"], Undefined)


def test_what_the_student_fails_on_moves_nothing_here() -> None:
    assert measured(case(THREE)) == measured(case(THREE).failing(0, ERROR))


def test_the_worst_texts_come_first() -> None:
    assert kl.FAMILY.against(case(THREE).pairs()).tolist() == pytest.approx([0.15, 0.5, 0.4 / 3])
    assert forced.FAMILY.against(case(THREE).pairs()).tolist() == pytest.approx([0.0, 1.0, 1 / 3])
