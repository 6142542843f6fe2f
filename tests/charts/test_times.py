"""How many requests are done by when: against statsmodels, and against the percentiles that were measured."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.distributions.empirical_distribution import ECDF

from evalkit.charts.times import MOST, done_by, times
from evalkit.metrics import Setting
from evalkit.metrics.latency import FAMILY
from evalkit.types import Estimate
from evalkit.types.points import Times
from tests import factory
from tests.factory import EMPTY, ERROR, TIMEOUT, Case
from tests.metrics import shapes

MODELS = {"teacher": {"device": "cuda:0"}, "student": {"device": None}}
some = st.one_of(factory.cases(most=400), shapes.cases("timed", most=400))


def drawn(case: Case) -> dict[str, Times]:
    """By who it is."""
    compared = case.teacher is not None
    lines = times(case.pairs("teacher" if compared else "student"), MODELS, compared=compared)
    return {each.who: each for each in lines}


def seconds(case: Case, who: str) -> Any:
    pairs = case.pairs()
    side = pairs.teacher if who == "teacher" else pairs.student
    assert side is not None
    return side.latency


def recorded(*latency: float | None, student: list[str] | None = None) -> Case:
    n = len(latency)
    return Case(target=["a"] * n, teacher=["a"] * n, student=student or ["a"] * n, student_latency=latency)


# --- laws --------------------------------------------------------------------------------------------


@given(some)
def test_a_line_rises_and_ends_below_one_by_the_share_that_never_finished(case: Case) -> None:
    for line in drawn(case).values():
        at, share = (list(each) for each in zip(*line.line, strict=True))
        assert at == sorted(set(at))
        assert share == sorted(set(share))
        assert share[0] > 0.0
        assert share[-1] == pytest.approx(1.0 - line.unfinished / line.n)
        assert len(at) <= MOST


@given(some)
def test_every_point_is_on_the_empirical_distribution_of_the_times(case: Case) -> None:
    for who, line in drawn(case).items():
        values = seconds(case, who)
        finished = values[np.isfinite(values)]
        assert line.n - line.unfinished == len(finished)
        of_finished = ECDF(finished)
        for at, share in line.line:
            assert share * line.n / len(finished) == pytest.approx(float(of_finished(at)))
        assert (line.line[0][0], line.line[-1][0]) == (finished.min(), finished.max())


@given(some)
def test_the_measured_percentiles_can_be_read_off_the_whole_line(case: Case) -> None:
    found = FAMILY.measure(case.pairs(), Setting(0.9, 0, ("charts",), 60))
    for who, line in drawn(case).items():
        at, share = done_by(seconds(case, who), line.n)
        finished = line.n - line.unfinished
        for name, q in (("p50", 0.5), ("p90", 0.9)):
            measured = found[f"latency.{name}.{who}"]
            if not isinstance(measured, Estimate):
                continue
            # By linear interpolation between the two order statistics around it, of what finished.
            height = (finished - 1) * q
            below, above = (
                at[np.searchsorted(np.rint(share * line.n), rank + 1)]
                for rank in (math.floor(height), math.ceil(height))
            )
            assert measured.value == pytest.approx(below + (height - math.floor(height)) * (above - below))
            assert measured.n == finished


@given(some, st.randoms(use_true_random=False))
def test_the_order_of_examples_changes_nothing(case: Case, chance: Any) -> None:
    order = list(range(case.n))
    chance.shuffle(order)
    mixed = case.taken(order)
    assert drawn(mixed) == drawn(case)


def test_a_model_has_a_line_exactly_where_its_percentile_could_be_measured() -> None:
    case = shapes.timed(1, 200)
    found = FAMILY.measure(case.pairs(), Setting(0.9, 0, ("charts",), 60))
    assert all(isinstance(found[f"latency.p50.{who}"], Estimate) for who in ("teacher", "student"))
    assert list(drawn(case)) == ["teacher", "student"]
    assert drawn(factory.random_case(1, 200, timed=False)) == {}


# --- values ------------------------------------------------------------------------------------------


def test_requests_that_take_equally_long_are_one_step() -> None:
    assert drawn(recorded(0.3, 0.1, 0.3, 0.2))["student"].line == ((0.1, 0.25), (0.2, 0.5), (0.3, 1.0))


def test_failures_never_finish_and_unknown_times_are_left_out() -> None:
    case = recorded(0.1, 0.2, None, None, None, None, student=["a", EMPTY, ERROR, TIMEOUT, "a", "b"])
    line = drawn(case)["student"]
    assert (line.n, line.unfinished) == (4, 2)
    assert line.line == ((0.1, 0.25), (0.2, 0.5))
    assert line.how == "as recorded, without 2 of 6 that have no time"


def test_a_long_line_is_thinned_without_moving_its_ends() -> None:
    case = factory.random_case(1, 2000)
    line = drawn(case)["student"].line
    assert len(line) == MOST
    values = seconds(case, "student")
    assert (line[0], line[-1]) == ((values.min(), 1 / 2000), (values.max(), 1.0))


def test_a_student_alone_is_drawn_alone() -> None:
    assert list(drawn(replace(factory.random_case(1, 50), teacher=None))) == ["student"]


# --- the timing protocol -----------------------------------------------------------------------------


def protocol(case: Case, prompts: int, **warm_up: Any) -> Case:
    """A case whose protocol asked some of its prompts, of which the first of the student's failed."""
    given = case.student_seconds or ()
    answers = [ERROR if index == 0 else each for index, each in enumerate(case.student)]
    of_teacher = {**(case.teacher_protocol or {}), "warm_up": {"rounds": 7, "stable": True, **warm_up}}
    own = [each if index < prompts else {} for index, each in enumerate(given)]
    return replace(case, student=answers, student_seconds=own, teacher_protocol=of_teacher)


def test_what_failed_in_the_protocol_never_finished() -> None:
    case = protocol(shapes.timed(1, 60), 60)
    line = drawn(case)["student"]
    assert (line.n, line.unfinished) == (60, 1)
    assert line.line[-1][1] == pytest.approx(59 / 60)
    assert seconds(case, "teacher").size == drawn(case)["teacher"].n


def test_only_the_prompts_that_were_asked_count() -> None:
    case = protocol(shapes.timed(1, 60), 20)
    columns = case.columns()
    from evalkit.table import table

    pairs = table(replace(columns, timing={**columns.timing, "prompts": 20}), "teacher")
    (line,) = (each for each in times(pairs, MODELS, compared=True) if each.who == "student")
    assert (line.n, line.unfinished) == (20, 1)


def test_how_it_was_timed_is_told_in_words() -> None:
    case = shapes.timed(1, 60)
    lines = drawn(protocol(case, 60))
    assert lines["teacher"].how == "60 prompts on cuda:0, one at a time, median of 5 times each, after 7 warm-ups"
    assert lines["student"].how.startswith("60 prompts, one at a time, median of 5")
    unsettled = drawn(protocol(case, 60, stable=False))["teacher"].how
    assert unsettled.endswith("after 7 warm-ups, which did not settle")


def test_a_recording_beside_a_timed_model_is_told_apart() -> None:
    case = replace(shapes.timed(1, 60), student_protocol=None)
    lines = drawn(case)
    assert lines["student"].how == "as recorded"
    assert "one at a time" in lines["teacher"].how
