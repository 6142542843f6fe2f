"""What is made of times that are known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from evalkit.load.drive import Piece
from evalkit.load.measure import Found, measure
from evalkit.load.objective import read_objective
from evalkit.load.rows import Window, rows_of, waiting_at
from evalkit.types import Estimate, Undefined
from tests.load.made import piece, sent

WINDOW = Window(warm_up_s=10.0, window_s=100.0, pieces=1)


def found(of: Piece, loop: Any = "open", objective: str | None = None) -> Found:
    return measure([of], WINDOW, loop, None if objective is None else read_objective(objective), 0.9)[0]


def steady(**more: Any) -> Piece:
    """220 requests, two a second, of which the k-th that counts takes k mod 10 tenths of a second and one more."""
    return piece([sent(at / 2, 0.1 + (at % 10) / 10, **more) for at in range(220)], 110.0)


def value(of: Found, name: str) -> float:
    measured = of.measures[name]
    assert isinstance(measured, Estimate), measured
    return measured.value


def reason(of: Found, name: str) -> str:
    measured = of.measures[name]
    assert isinstance(measured, Undefined), measured
    return measured.reason


def test_what_is_sent_in_the_warm_up_does_not_count() -> None:
    slow = [sent(at / 2, 9.0) for at in range(20)]
    of = found(piece([*slow, *steady().sent[20:]], 110.0))
    assert of.sent == of.answered == 200
    assert of.seconds == 100.0
    assert value(of, "response.p50") == value(found(steady()), "response.p50")


def test_percentiles_are_numpys_and_have_an_interval_of_values() -> None:
    of = found(steady())
    times = [0.1 + (at % 10) / 10 for at in range(20, 220)]
    for name, q in (("response.p50", 0.5), ("response.p90", 0.9), ("service.p95", 0.95)):
        measured = of.measures[name]
        assert isinstance(measured, Estimate)
        assert measured.value == pytest.approx(np.quantile(times, q))
        assert measured.low is not None
        assert measured.low <= measured.value + 1e-9
        assert measured.n == 200
    assert "p99 takes 299" in reason(of, "response.p99")


def test_the_first_token_counts_from_when_the_request_was_due_and_the_next_ones_from_there() -> None:
    of = found(piece([sent(at / 2, 0.9, late=0.004, first=0.1) for at in range(220)], 110.0))
    assert value(of, "ttft.p50") == pytest.approx(0.104)
    assert value(of, "service.p50") == pytest.approx(0.9)
    assert value(of, "response.p50") == pytest.approx(0.904)
    assert value(of, "tpot.p50") == pytest.approx(0.2)


def test_an_answer_of_one_token_has_no_time_per_token_and_breaks_no_bound_on_it() -> None:
    of = found(piece([sent(at / 2, 0.9, first=0.1, tokens=1) for at in range(220)], 110.0), objective="tpot.p95 <= 1ms")
    assert reason(of, "tpot.p50") == "no answer has two tokens"
    assert of.held == "yes"


def test_without_a_stream_nothing_is_said_of_the_first_token() -> None:
    of = found(steady(), objective="ttft.p90 <= 1s")
    assert "does not stream" in reason(of, "ttft.p50")
    assert of.held == "unclear"
    assert isinstance(of.met, Undefined)


def test_a_failure_is_slower_than_every_answer() -> None:
    """A tenth is turned away at once: p50 is that of all, and no p95 exists, however fast the refusals came."""
    every = [
        sent(at / 2, 0.01 if at % 10 == 0 else 0.5, failed="busy (429)" if at % 10 == 0 else None) for at in range(220)
    ]
    of = found(piece(every, 110.0), objective="p95 <= 2s")
    assert of.failed == {"busy (429)": 20}
    assert value(of, "response.p50") == pytest.approx(0.5)
    assert reason(of, "response.p95") == "20 of 200 requests have no answer"
    assert isinstance(of.met, Estimate)
    assert of.met.value == pytest.approx(0.9)
    assert value(of, "goodput") == pytest.approx(1.8)
    assert value(of, "throughput.requests") == pytest.approx(1.8)
    assert of.held == "no"


def test_goodput_counts_what_meets_every_clause() -> None:
    of = found(steady(first=0.05), objective="p50 <= 0.55s and ttft.p90 <= 60ms")
    assert isinstance(of.met, Estimate)
    assert of.met.value == pytest.approx(0.5)
    assert value(of, "goodput") == pytest.approx(1.0)
    assert [each.held for each in of.clauses] == ["unclear", "yes"]
    assert of.held == "unclear"


def test_tokens_per_second_are_those_of_answers_that_came_while_it_counted() -> None:
    assert value(found(steady(tokens=7)), "throughput.tokens") == pytest.approx(14.0, rel=0.02)
    assert "how many tokens" in reason(found(steady(tokens=None)), "throughput.tokens")


def overloaded() -> Piece:
    """Two requests a second where one is answered: each waits half a second longer than the one before."""
    return piece([sent(at / 2, 1.0 + at / 2) for at in range(220)], 110.0)


def test_a_rate_that_is_not_sustained_has_no_percentiles_but_a_throughput() -> None:
    of = found(overloaded(), objective="p95 <= 1000s")
    assert of.kept_up == "no"
    assert of.held == "no"
    for name in ("response.p50", "service.p99", "ttft.p50", "goodput"):
        assert "did not keep up: 2 requests per second came and 1 went" in reason(of, name), name
    assert value(of, "throughput.requests") == pytest.approx(1.0, rel=0.02)


def test_the_backlog_is_what_was_due_and_unanswered() -> None:
    # The one that is due at d is answered at 2 d + 1: of 20 that are due by 10 s half, and of 220 by 110 s half.
    before, after = waiting_at([overloaded()], WINDOW)
    assert (before, after) == (10, 110)


def test_a_flood_is_not_sustained() -> None:
    every = [sent(at / 2, 0.1) for at in range(60)] + [sent(30.0 + at / 100, None) for at in range(50)]
    of = found(piece(every, 30.5, flooded=True))
    assert of.kept_up == "no"
    assert "50 requests were unanswered at once" in reason(of, "response.p50")
    assert of.failed == {"unanswered": 50}


def test_a_client_that_is_late_voids_the_times() -> None:
    of = found(steady(late=0.2), objective="p95 <= 100s")
    assert of.void is not None
    assert "200.0 ms at the 99th percentile" in of.void
    assert all(isinstance(each, Undefined) for each in of.measures.values())
    assert of.held == "unclear"


def test_a_client_that_gave_up_voids_the_times_however_punctual_it_had_been() -> None:
    every = steady()
    every.choked = True
    assert "the client itself was late" in (found(every).void or "")


def test_a_clock_that_is_late_voids_them_as_well() -> None:
    every = steady()
    every.beats = [0.0] * 90 + [3.0] * 10
    assert found(every).void is not None
    every.beats = [0.0] * 1000 + [3.0]
    assert found(every).void is None


def test_a_closed_loop_has_service_times_alone_and_no_backlog_to_fall_behind() -> None:
    of = found(steady(), loop="closed", objective="p95 <= 1000s")
    assert of.kept_up is None
    assert "response.p50" not in of.measures
    assert of.held == "yes"


def test_a_stretch_that_was_cut_counts_until_then() -> None:
    every = [each for each in steady().sent if each.due < 60]
    of = found(piece(every, 60.0, stopped=True))
    assert of.seconds == 50.0
    assert of.sent == 100
    assert value(of, "throughput.requests") == pytest.approx(2.0, rel=0.1)


def test_nothing_that_counts_is_undefined_throughout() -> None:
    of = found(piece([sent(1.0, 0.1)], 5.0))
    assert of.sent == 0
    assert reason(of, "response.p50") == "no request was counted"


def test_blocks_are_of_equal_time_and_never_shared_by_stretches() -> None:
    window = Window(warm_up_s=1.0, window_s=20.0, pieces=4)
    rows = rows_of([piece([sent(1 + at, 0.1) for at in range(20)], 21.0)] * 4, window, "open")
    assert window.blocks == 5
    assert list(rows.blocks) == [block for block in range(20) for _ in range(4)]
    assert all(math.isfinite(each) for each in rows.times["response"])
