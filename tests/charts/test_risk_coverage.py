"""What is risked when only the surest answers are kept: the line's mean, its ends, and who is on it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.charts.risk_coverage import MOST, curve, risk_coverage
from evalkit.metrics import Setting
from evalkit.metrics.selective import FAMILY, with_confidence
from evalkit.types import Estimate
from evalkit.types.points import RiskCoverage
from tests import factory
from tests.charts.near import assert_near
from tests.factory import Case
from tests.metrics import shapes


def drawn(case: Case) -> dict[str, RiskCoverage]:
    """By who it is."""
    compared = case.teacher is not None
    champion = case.pairs("champion") if case.champion is not None else None
    lines = risk_coverage(case.pairs("teacher" if compared else "student"), champion, compared=compared)
    return {each.who: each for each in lines}


some = st.one_of(factory.cases(most=400), shapes.cases("texts", most=400), shapes.cases("choices"))


@given(some)
def test_the_mean_risk_of_the_whole_line_is_the_measured_area(case: Case) -> None:
    pairs = case.pairs()
    found = FAMILY.measure(pairs, Setting(0.9, 0, ("charts",), 60))
    sides = with_confidence(pairs.with_target)[0] if pairs.with_target.n else {}
    lines = drawn(case)
    assert lines.keys() == sides.keys()
    for who, rows in sides.items():
        measured = found[f"calibration.aurc.{who}"]
        assert isinstance(measured, Estimate)
        assert float(curve(rows).risk.mean()) == pytest.approx(measured.value, abs=1e-12)
        whole = set(zip(curve(rows).coverage.tolist(), curve(rows).risk.tolist(), strict=True))
        assert set(lines[who].line) <= whole


@given(some)
def test_a_line_rises_to_everything_and_ends_at_the_share_of_wrong_answers(case: Case) -> None:
    pairs = case.pairs().with_target
    for who, line in drawn(case).items():
        side = pairs.teacher if who == "teacher" else pairs.student
        assert side is not None
        assert line.n == pairs.n
        assert 1 <= len(line.line) <= MOST
        assert (len(line.line) == line.n) == (line.n <= MOST)
        coverage = [each for each, _ in line.line]
        assert coverage == sorted(set(coverage))
        assert coverage[0] == pytest.approx(1 / line.n)
        assert line.line[-1] == pytest.approx((1.0, 1.0 - side.correct.mean()), abs=1e-12)


@given(some, st.randoms(use_true_random=False))
def test_the_order_of_examples_changes_nothing(case: Case, chance: Any) -> None:
    order = list(range(case.n))
    chance.shuffle(order)
    for one, other in zip(drawn(case.taken(order)).values(), drawn(case).values(), strict=True):
        assert_near(one, other)


def test_the_risk_is_that_of_the_surest() -> None:
    case = Case(
        labels=("a", "b"),
        target=["a"] * 4,
        teacher=["a"] * 4,
        student=["a", "b", "a", "b"],
        student_probs=[(0.9, 0.1), (0.2, 0.8), (0.7, 0.3), (0.4, 0.6)],
    )
    assert_near(drawn(case)["student"].line, ((0.25, 0.0), (0.5, 0.5), (0.75, 1 / 3), (1.0, 0.5)))


def test_thinning_a_long_line_keeps_its_shape() -> None:
    case = factory.random_case(1, 4000)
    line = np.array(drawn(case)["student"].line)
    assert len(line) == MOST
    whole = curve(with_confidence(case.pairs())[0]["student"])
    between = np.interp(whole.coverage, line[:, 0], line[:, 1])
    assert np.abs(between - whole.risk)[200:].max() < 0.01


def test_a_champion_stands_beside_them() -> None:
    case = factory.random_case(1, 200)
    lines = drawn(replace(case, champion=case.teacher))
    assert list(lines) == ["teacher", "student"], "labels alone do not say how sure they are"
    texts = shapes.texts(1, 80)
    assert list(drawn(replace(texts, champion=texts.teacher))) == ["teacher", "student"]


def test_a_student_alone_is_drawn_alone() -> None:
    assert list(drawn(replace(factory.random_case(1, 50), teacher=None))) == ["student"]


@pytest.mark.parametrize("shape", ["marks", "refusals"])
def test_suites_without_right_answers_have_no_line(shape: str) -> None:
    assert drawn(shapes.SHAPES[shape](1, 50)) == {}


def test_a_model_that_does_not_say_how_sure_it_is_has_no_line() -> None:
    case = factory.random_case(1, 50)
    assert list(drawn(replace(case, student_probs=None))) == ["teacher"]
    assert drawn(replace(case, target=[None] * 50)) == {}
