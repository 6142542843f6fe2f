"""What the timing protocol and recorded times become: which are compared, which are not, and what a method says."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from evalkit.columns import Columns
from evalkit.estimate import Evidence
from evalkit.metrics import Setting, catalogue, families
from evalkit.metrics.planned import PLANNED
from evalkit.table import table
from evalkit.types import Estimate, Measured, Question, Undefined
from tests.factory import ERROR, Case
from tests.metrics import shapes

LEVEL = 0.9
TIMED = ("latency", "tokens_in_time", "fixed_budget", "throughput", "memory", "flops")


def case(n: int = 80, **more: Any) -> Case:
    return replace(shapes.timed(4, n, failures=0.0), **more)


def measured(given: Case) -> dict[str, Measured]:
    found: dict[str, Measured] = {}
    for family in families():
        if family.name in TIMED:
            found |= family.measure(given.pairs(), Setting(LEVEL, 0, ("timed",), 60))
    return found


def estimate(given: Case, name: str) -> Estimate:
    found = measured(given)[name]
    assert isinstance(found, Estimate), found
    return found


def reason(given: Case, name: str) -> str:
    found = measured(given)[name]
    assert isinstance(found, Undefined), found
    return found.reason


def protocol(given: Case, role: str, **changes: Any) -> Case:
    """The case with another record of one model."""
    return replace(given, **{f"{role}_protocol": {**getattr(given, f"{role}_protocol"), **changes}})


# --- where each quantity belongs -----------------------------------------------------------------------


def test_what_a_clock_or_an_allocator_measured_is_a_timing_and_what_is_counted_is_a_result() -> None:
    timed = {name for name, (_, family) in catalogue().items() if family is not None and family.timed}
    assert {name.partition(".")[0] for name in timed} == {"latency", "throughput", "memory"}
    assert {name for name in catalogue() if name.startswith("flops.")}.isdisjoint(timed)


def test_only_energy_is_left_to_measure() -> None:
    left = {name.partition(".")[0] for name in PLANNED}
    assert "energy" in left
    assert not left & {"latency", "throughput", "memory", "flops"}


# --- percentiles and speed-ups -------------------------------------------------------------------------


def test_each_quantity_is_read_from_its_own_column() -> None:
    n = 60
    seconds = [{"latency_s": 1.0, "ttft_s": 0.2, "tpot_s": 0.03, "fixed_latency_s": 1.5}] * n
    given = case(n, student_seconds=seconds)
    for name, expected in (("p50", 1.0), ("ttft.p50", 0.2), ("tpot.p50", 0.03), ("fixed.p50", 1.5)):
        assert estimate(given, f"latency.{name}.student").value == expected
    assert estimate(given, "latency.p95.student").value == 1.0


def test_a_student_that_only_says_less_gains_nothing_at_a_given_length() -> None:
    n = 60
    slow = [{"latency_s": 2.0, "fixed_latency_s": 1.0}] * n
    brief = [{"latency_s": 1.0, "fixed_latency_s": 1.0}] * n
    given = case(n, teacher_seconds=slow, student_seconds=brief)
    assert estimate(given, "latency.speedup.p50").value == pytest.approx(2.0)
    assert estimate(given, "latency.speedup.fixed_budget").value == pytest.approx(1.0)
    assert "answers of 32 tokens" in estimate(given, "latency.speedup.fixed_budget").method


def test_too_few_timings_say_how_many_it_takes() -> None:
    given = case(40)
    assert "40 timings are too few to bound this percentile, 299 are needed" in reason(given, "latency.p99.student")
    assert "59 are needed: raise latency.prompts" in reason(given, "latency.speedup.p95")
    recorded = replace(given, teacher_protocol=None, student_protocol=None)
    assert reason(recorded, "latency.p99.student").endswith("299 are needed")


def test_the_method_says_how_it_was_timed() -> None:
    settled = protocol(case(), "student", warm_up={"rounds": 8, "stable": True})
    method = estimate(settled, "latency.p50.student").method
    assert "alone, median of 5, after 8 warm-ups" in method
    assert "settle" not in method
    restless = protocol(case(), "student", warm_up={"rounds": 21, "stable": False})
    assert "after 21 warm-ups, which did not settle" in estimate(restless, "latency.p50.student").method
    recorded = replace(case(), teacher_protocol=None, student_protocol=None)
    assert "as recorded" in estimate(recorded, "latency.p50.student").method


def test_prompts_without_a_time_are_counted_in_the_method() -> None:
    given = case()
    holed = replace(given, student=[ERROR] * 3 + list(given.student[3:]))
    assert "3 of 80 prompts have no time" in estimate(holed, "latency.p50.student").method
    assert "have no time" not in estimate(holed, "latency.p50.teacher").method
    assert estimate(holed, "latency.p50.student").n == 77


# --- early stopping -------------------------------------------------------------------------------------


def ascending(n: int, **more: Any) -> Case:
    """The student's times are 1, 2, … n seconds."""
    return case(n, student_seconds=[{"latency_s": float(each)} for each in range(1, n + 1)], **more)


def test_early_stopping_needs_as_many_timings_as_loadgen_does() -> None:
    few, enough = ascending(63), ascending(64)
    name = "latency.early_stopping.p90.student"
    why = "63 timings are too few for early stopping at this percentile, 64 are needed: raise latency.prompts"
    assert reason(few, name) == why
    assert estimate(enough, name).value == 64.0
    assert "662 are needed" in reason(enough, "latency.early_stopping.p99.student")
    recorded = replace(few, student_protocol=None)
    assert reason(recorded, name).endswith("64 are needed")


def test_early_stopping_is_no_better_than_the_percentile_and_comes_down_to_it() -> None:
    for n in (64, 200, 1000):
        given = ascending(n)
        early = estimate(given, "latency.early_stopping.p90.student")
        assert early.low == early.value == early.high
        assert early.value >= estimate(given, "latency.p90.student").value
    assert early.value < 0.93 * n
    assert "number 78 from the slowest of 1000, at or above the percentile with 99 % confidence" in early.method
    assert "alone, median of 5" in early.method


def test_what_was_not_timed_has_no_early_stopping_either() -> None:
    untimed = replace(case(), student_seconds=None, teacher_protocol=None, student_protocol=None)
    assert "nothing was timed" in reason(untimed, "latency.early_stopping.p95.student")


# --- whose times may be compared -----------------------------------------------------------------------

SPEEDUPS = ("latency.speedup.p50", "latency.speedup.p95", "latency.speedup.typical")


@pytest.mark.parametrize("name", SPEEDUPS)
@pytest.mark.parametrize(("here", "elsewhere"), [("student", "teacher"), ("teacher", "student")])
def test_a_time_of_here_is_not_compared_with_a_recorded_one(name: str, here: str, elsewhere: str) -> None:
    given = replace(case(), **{f"{elsewhere}_protocol": None})
    assert reason(given, name).startswith(f"only the {here} was timed here")
    # Each model's own times are there to be read.
    assert estimate(given, "latency.p50.teacher").n == estimate(given, "latency.p50.student").n == 80


@pytest.mark.parametrize("name", SPEEDUPS)
def test_times_that_were_both_recorded_are_compared(name: str) -> None:
    live = case()
    recorded = replace(live, teacher_protocol=None, student_protocol=None)
    assert estimate(recorded, name) == estimate(live, name)


def test_a_champion_was_not_timed_here_and_is_not_compared_with_a_student_that_was() -> None:
    columns = Columns(**vars(replace(case(), champion=case().teacher).columns()))
    times = {"champion_latency_s": columns.data["teacher_latency_s"]}
    columns = replace(columns, data={**columns.data, **times})
    evidence = Evidence((columns,), {}, LEVEL, 0)
    rows = {question: row.measured for question, row in evidence.measure().items()}
    against = rows[Question(metric="latency.speedup.p50", suite="timed", versus="champion")]
    assert isinstance(against, Undefined)
    assert "only the student was timed here" in against.reason
    assert isinstance(rows[Question(metric="latency.speedup.p50", suite="timed")], Estimate)
    assert Question(metric="flops.per_request.ratio", suite="timed", versus="champion") not in rows
    assert table(columns, "champion").timing["roles"].keys() == {"student"}


def test_without_a_plan_for_it_nothing_is_measured_and_the_reason_names_the_setting() -> None:
    given = shapes.texts(4, 40)
    for name, each in measured(given).items():
        assert isinstance(each, Undefined), name
        assert "set latency in the plan" in each.reason, name


def test_a_recorded_teacher_has_no_throughput_memory_or_operations_beside_a_live_student() -> None:
    # What a recording may hold: no column of it is of an answer of a given length.
    seconds = [{"latency_s": 1.0, "ttft_s": 0.1}] * 80
    given = replace(case(), teacher_protocol=None, teacher_seconds=seconds)
    for name in ("throughput.requests", "throughput.tokens", "memory.peak", "flops.per_request", "latency.fixed.p50"):
        assert "the teacher did not answer here" in reason(given, f"{name}.teacher"), name
        estimate(given, f"{name}.student")
    assert "the teacher did not answer here" in reason(given, "flops.per_request.ratio")


def test_a_model_that_cannot_keep_to_a_length_says_why() -> None:
    given = protocol(case(student_seconds=[{"latency_s": 1.0}] * 80), "student", fixed_problem="the server refuses it")
    for name in ("latency.fixed.p50.student", "latency.speedup.fixed_budget"):
        assert reason(given, name) == "the student could not be held to a length: the server refuses it"
    estimate(given, "latency.fixed.p50.teacher")


# --- throughput ----------------------------------------------------------------------------------------


def passes(*seconds: float, requests: int = 64, tokens: int | None = 640) -> list[dict[str, Any]]:
    return [{"requests": requests, "tokens": tokens, "seconds": each} for each in seconds]


def test_throughput_is_what_a_typical_pass_gets_done_in_a_second() -> None:
    given = protocol(case(), "student", passes=passes(2.0, 4.0, 8.0))
    found = estimate(given, "throughput.requests.student")
    assert found.value == pytest.approx(16.0)
    assert found.n == 3
    assert "3 passes over 80 prompts" in found.method
    assert estimate(given, "throughput.tokens.student").value == pytest.approx(160.0)
    # Student t on logarithms, as scipy has it.
    from scipy import stats

    logs = np.log(64 / np.array([2.0, 4.0, 8.0]))
    low, high = stats.t.interval(LEVEL, 2, loc=logs.mean(), scale=stats.sem(logs))
    assert (found.low, found.high) == pytest.approx((math.exp(low), math.exp(high)))


def test_passes_that_took_the_same_time_are_not_certain() -> None:
    found = estimate(protocol(case(), "student", passes=passes(2.0, 2.0, 2.0)), "throughput.requests.student")
    assert found.low is not None
    assert found.low < found.value == pytest.approx(32.0)


def test_two_passes_are_too_few() -> None:
    given = protocol(case(), "student", passes=passes(2.0, 2.1))
    assert reason(given, "throughput.requests.student").endswith("3 are needed: raise latency.repeats")


def test_labels_have_no_tokens_per_second() -> None:
    given = protocol(case(), "student", passes=passes(2.0, 2.1, 2.2, tokens=None))
    assert "not counted in tokens" in reason(given, "throughput.tokens.student")
    estimate(given, "throughput.requests.student")


@pytest.mark.parametrize("broken", [passes(1.0, 1.0, 0.0), passes(1.0, 2.0, 3.0, requests=0)])
def test_a_pass_without_time_or_answers_has_no_rate(broken: list[dict[str, Any]]) -> None:
    assert "nothing done" in reason(protocol(case(), "student", passes=broken), "throughput.requests.student")


# --- memory --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "words"),
    [("process", "400.0 MB of it were Python and torch"), ("allocator", "without 400.0 MB of other models")],
)
def test_peak_memory_is_exact_and_says_what_was_there_before(how: str, words: str) -> None:
    given = protocol(case(), "student", memory={"peak": 10**9, "before": 4 * 10**8, "how": how})
    found = estimate(given, "memory.peak.student")
    assert (found.low, found.value, found.high, found.n) == (1e9, 1e9, 1e9, 1)
    assert words in found.method


def test_memory_that_was_not_measured_says_why() -> None:
    given = protocol(case(), "student", memory={"undefined": "not measured here: it runs elsewhere"})
    assert reason(given, "memory.peak.student") == "not measured here: it runs elsewhere"


# --- operations ----------------------------------------------------------------------------------------


def test_operations_are_a_mean_over_prompts_and_a_ratio_of_means_over_the_same_prompts() -> None:
    n = 6
    given = case(n, teacher_flops=[10, 20, 30, 40, None, None], student_flops=[5, 5, 15, 15, 1000, None])
    assert estimate(given, "flops.per_request.teacher").value == 25
    assert estimate(given, "flops.per_request.student").value == 208
    ratio = estimate(given, "flops.per_request.ratio")
    assert (ratio.value, ratio.n) == (0.4, 4)
    assert ratio.low is not None
    assert ratio.high is not None
    assert 0.0 <= ratio.low < 0.4 < ratio.high
    assert "a lower bound" in ratio.method


def test_prompts_that_take_the_same_operations_leave_no_doubt() -> None:
    found = estimate(case(4, teacher_flops=[8] * 4, student_flops=[2] * 4), "flops.per_request.ratio")
    assert (found.low, found.value, found.high) == (0.25, 0.25, 0.25)
    assert "the same for every prompt" in found.method


def test_the_operations_of_one_prompt_are_no_interval() -> None:
    given = case(3, teacher_flops=[8, None, None], student_flops=[2, 3, None])
    assert "one prompt only" in reason(given, "flops.per_request.teacher")
    assert "one prompt only" in reason(given, "flops.per_request.ratio")
    estimate(given, "flops.per_request.student")


# --- a part of a suite ---------------------------------------------------------------------------------


def test_what_is_measured_of_a_whole_suite_says_nothing_of_a_part() -> None:
    pairs = case().pairs()
    part = pairs.take(np.arange(40))
    for family in families():
        if family.name in ("throughput", "memory"):
            for name, each in family.measure(part, Setting(LEVEL, 0, (), 60)).items():
                assert isinstance(each, Undefined), name
                assert "as a whole" in each.reason
        if family.name in ("latency", "flops"):
            some = family.measure(part, Setting(LEVEL, 0, (), 60))
            assert any(isinstance(each, Estimate) and each.n <= 40 for each in some.values())
