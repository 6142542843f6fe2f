"""When requests are sent, and from when their times count. All on a clock that only jumps."""

from __future__ import annotations

import asyncio
from itertools import count

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.errors import BrokenError
from evalkit.load import drive
from evalkit.load.arrivals import due
from evalkit.load.drive import Heard, Piece, Stop, closed_loop, open_loop
from tests.load.virtual import Queue, run


@pytest.fixture(autouse=True)
def _slow_beat(monkeypatch: pytest.MonkeyPatch) -> None:
    """Virtual hours have many fiftieths of a second."""
    monkeypatch.setattr(drive, "BEAT_S", 100.0)


def opened(
    queue_of: tuple[float, int], times: list[float], seconds: float, *, most: int = 10**6, own: bool = False
) -> tuple[Piece, Queue]:
    async def work() -> tuple[Piece, Queue]:
        takes, servers = queue_of
        queue = Queue(lambda: takes, servers, own=own)
        return await open_loop(queue.ask, times, list(range(len(times))), seconds, Stop(), most), queue

    return run(work())


def responses(piece: Piece) -> np.ndarray:
    return np.asarray([each.heard.ended - piece.began - each.due for each in piece.sent if each.heard is not None])


def services(piece: Piece) -> np.ndarray:
    return np.asarray([each.heard.ended - each.heard.sent for each in piece.sent if each.heard is not None])


def lindley(times: list[float], takes: list[float]) -> list[float]:
    """Response times of a queue with one worker, by the recursion that queues are taught with."""
    free, found = 0.0, []
    for arrival, service in zip(times, takes, strict=True):
        free = max(free, arrival) + service
        found.append(free - arrival)
    return found


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 50), min_size=1, max_size=40), st.floats(0.01, 5))
def test_every_request_is_sent_when_it_is_due_however_many_wait(times: list[float], takes: float) -> None:
    piece, queue = opened((takes, 1), sorted(times), 50.0)
    assert [at - piece.began for at, _ in queue.asked] == pytest.approx(sorted(times), abs=1e-6)
    assert len(piece.sent) == len(times)
    assert responses(piece) == pytest.approx(lindley(sorted(times), [takes] * len(times)), abs=1e-5)


def test_the_response_time_is_that_of_queueing_theory_where_the_service_time_alone_hides_the_wait() -> None:
    """M/D/1: the mean wait is rho s / (2 (1 - rho)). A client with one connection sees none of it in service times."""
    rate, takes, seconds = 0.7, 1.0, 20_000.0
    times = due(rate, seconds, "poisson", np.random.default_rng(5))
    piece, _ = opened((takes, 1), times, seconds, own=True)
    wait = rate * takes * takes / (2 * (1 - rate * takes))
    assert float(responses(piece).mean()) == pytest.approx(takes + wait, rel=0.05)
    assert services(piece) == pytest.approx(np.full(len(times), takes), abs=1e-6)


def test_exponential_services_give_the_wait_of_m_m_1() -> None:
    rng = np.random.default_rng(9)
    rate, seconds = 0.6, 20_000.0
    times = due(rate, seconds, "poisson", rng)

    async def work() -> Piece:
        queue = Queue(lambda: float(rng.exponential(1.0)))
        return await open_loop(queue.ask, times, [0] * len(times), seconds, Stop(), 10**6)

    # Mean 1 / (mu - lambda), and the same distribution is exponential: its p95 is -ln(0.05) times that.
    found = responses(run(work()))
    assert float(found.mean()) == pytest.approx(1 / 0.4, rel=0.06)
    assert float(np.quantile(found, 0.95)) == pytest.approx(-np.log(0.05) / 0.4, rel=0.08)


def test_an_open_loop_waits_for_the_last_answers() -> None:
    piece, _ = opened((30.0, 5), [0.0, 1.0, 2.0], 5.0)
    assert piece.sending_s == 5.0
    assert responses(piece) == pytest.approx([30.0] * 3)
    assert not piece.flooded
    assert not piece.stopped


def test_sending_ends_where_more_are_unanswered_than_the_client_holds() -> None:
    times = [float(each) for each in range(20)]
    piece, _ = opened((1000.0, 100), times, 20.0, most=7)
    assert piece.flooded
    assert piece.sending_s == pytest.approx(7.0)
    assert [each.heard for each in piece.sent] == [None] * 7


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 6), st.floats(0.3, 4))
def test_a_closed_loop_keeps_just_so_many_under_way(in_flight: int, takes: float) -> None:
    async def work() -> tuple[Piece, Queue]:
        queue = Queue(lambda: takes, 100)
        return await closed_loop(queue.ask, count(), in_flight, 20.0, Stop()), queue

    piece, queue = run(work())
    assert queue.most == in_flight
    # Each of them asks one after the other, and begins nothing after the end.
    assert len(piece.sent) == in_flight * -(-20.0 // takes) or takes * round(20.0 / takes) == pytest.approx(20.0)
    assert max(each.due for each in piece.sent) < 20.0
    assert responses(piece) == pytest.approx(np.full(len(piece.sent), takes), abs=1e-6)


def test_a_closed_loop_leaves_out_just_the_times_that_matter() -> None:
    """Coordinated omission: the server stalls for 50 s once; in the closed loop one request sees it, in the open 50."""

    async def stalling(prompt: int) -> Heard:
        loop = asyncio.get_running_loop()
        sent = loop.time()
        at = sent - 1000.0
        await asyncio.sleep(60.0 - at if 10.0 <= at < 60.0 else 0.01)
        return Heard(sent=sent, ended=loop.time())

    closed = run(closed_loop(stalling, count(), 1, 100.0, Stop()))
    opened_ = run(open_loop(stalling, [float(each) for each in range(100)], [0] * 100, 100.0, Stop(), 10**6))
    assert int((responses(closed) > 0.1).sum()) == 1
    assert int((responses(opened_) > 0.1).sum()) == 50


def test_what_asking_raises_ends_everything() -> None:
    async def gone(prompt: int) -> Heard:
        await asyncio.sleep(1.0)
        if prompt == 3:
            raise BrokenError("the key is refused")
        await asyncio.sleep(1000.0)
        raise AssertionError("it was cancelled before")

    stop = Stop()
    with pytest.raises(BrokenError, match="the key is refused"):
        run(open_loop(gone, [float(each) for each in range(50)], list(range(50)), 50.0, stop, 10**6))
    assert stop.asked
    with pytest.raises(BrokenError, match="the key is refused"):
        run(closed_loop(gone, count(), 4, 50.0, Stop()))


@pytest.mark.parametrize("way", ["open", "closed"])
def test_a_stop_keeps_what_was_answered_and_cuts_the_rest(way: str) -> None:
    async def work() -> Piece:
        stop = Stop()
        queue = Queue(lambda: 2.0, 100)
        asyncio.get_running_loop().call_later(5.5, stop.now)
        if way == "closed":
            return await closed_loop(queue.ask, count(), 1, 100.0, stop)
        return await open_loop(queue.ask, [float(each) for each in range(100)], [0] * 100, 100.0, stop, 10**6)

    piece = run(work())
    assert piece.stopped
    assert piece.sending_s == pytest.approx(5.5)
    due_at = [each.due for each in piece.sent]
    assert due_at == pytest.approx([0, 1, 2, 3, 4, 5] if way == "open" else [0, 2, 4])
    assert [each.heard is None for each in piece.sent] == [each > 3.5 for each in due_at]


def test_a_loop_that_is_held_up_is_found_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drive, "BEAT_S", 1.0)

    async def holds_up(prompt: int) -> Heard:
        loop = asyncio.get_running_loop()
        sent = loop.time()
        # As a computation would that gives way to nobody.
        loop.now += 7.0  # type: ignore[attr-defined]
        return Heard(sent=sent, ended=loop.time())

    piece = run(open_loop(holds_up, [0.5, 6.0], [0, 0], 20.0, Stop(), 10))
    assert max(piece.beats) == pytest.approx(6.5)
    second = piece.sent[1]
    assert second.heard is not None
    assert second.heard.sent - piece.began - second.due == pytest.approx(1.5)
    assert not piece.choked


def test_a_client_that_will_not_catch_up_stops_sending() -> None:
    async def holds_up(prompt: int) -> Heard:
        loop = asyncio.get_running_loop()
        sent = loop.time()
        loop.now += 1.5  # type: ignore[attr-defined]
        return Heard(sent=sent, ended=loop.time())

    piece = run(open_loop(holds_up, [float(each) for each in range(60)], [0] * 60, 60.0, Stop(), 100))
    assert piece.choked
    # Half a second later with each: the sixth is two and a half late.
    assert len(piece.sent) == 5
    assert piece.sending_s == pytest.approx(7.5)
