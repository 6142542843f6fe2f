"""Loads one after the other, two models in turns, on a clock that only jumps."""

from __future__ import annotations

import datetime as dt
import json
from itertools import pairwise
from typing import Any

import pytest

from evalkit.load import console, drive, markdown
from evalkit.load.asked import Asked
from evalkit.load.drive import Stop
from evalkit.load.levels import Level, Session, send
from evalkit.load.line import Role
from evalkit.load.record import load_record
from evalkit.load.words import largest
from evalkit.report.columns import width
from evalkit.types import Estimate, Undefined
from tests.load.made import asked
from tests.load.virtual import Queue, run

NOW = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)


@pytest.fixture(autouse=True)
def _slow_beat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drive, "BEAT_S", 10.0)


def sent(test: Asked, takes: dict[Role, float], servers: int = 4) -> tuple[tuple[Level, ...], dict[Role, Queue]]:
    async def work() -> Any:
        lines = {role: Queue(lambda role=role: takes[role], servers) for role in test.models}
        levels, _ = await send(test, lines, Stop(), lambda what, done, total: None)
        return levels, lines

    return run(work())  # type: ignore[no-any-return]


def session(test: Asked, takes: dict[Role, float]) -> Session:
    levels, _ = sent(test, takes)
    return Session(asked=test, levels=levels, interrupted=False, refused=dict.fromkeys(test.models, ()), dead=())


def both(**over: Any) -> Asked:
    return asked(roles=("teacher", "student"), pieces=4, warm_up_s=10.0, window_s=100.0, **over)


def test_the_models_take_turns_and_meet_the_same_prompts_at_the_same_offsets() -> None:
    _, lines = sent(both(), {"teacher": 1.0, "student": 0.5})
    stretches: list[tuple[str, float]] = []
    for role, line in lines.items():
        for at, _ in line.asked:
            if not any(name == role and at - start < 110 for name, start in stretches):
                stretches.append((role, at))
    stretches.sort(key=lambda each: each[1])
    assert [role for role, _ in stretches] == ["teacher", "student", "student", "teacher"] * 2
    teacher, student = (lines[role].asked for role in ("teacher", "student"))
    assert [prompt for _, prompt in teacher] == [prompt for _, prompt in student]
    gaps = [[round(two - one, 6) for (one, _), (two, _) in pairwise(each[:20])] for each in (teacher, student)]
    assert gaps[0] == gaps[1]


def test_a_stretch_begins_when_all_of_the_one_before_is_answered() -> None:
    _, lines = sent(both(levels=(1.0,)), {"teacher": 50.0, "student": 0.5}, servers=100)
    ends = sorted((at + 50.0, at) for at, _ in lines["teacher"].asked)
    for at, _ in lines["student"].asked:
        assert not any(begun < at < ended for ended, begun in ends)


def test_the_difference_of_response_times_is_that_of_the_services_where_nobody_waits() -> None:
    levels, _ = sent(both(levels=(0.2,), objective="p95 <= 0.9s"), {"teacher": 1.25, "student": 0.75}, servers=100)
    assert levels[0].beside is not None
    measures = levels[0].beside.measures
    difference, met = measures["response.difference"], measures["met.difference"]
    assert isinstance(difference, Estimate)
    assert isinstance(met, Estimate)
    assert difference.value == pytest.approx(-0.5)
    assert (met.value, met.low, met.high) == (1.0, 1.0, 1.0)


def test_in_a_closed_loop_answers_per_second_are_held_against_each_other() -> None:
    levels, _ = sent(both(loop="closed", levels=(2.0,)), {"teacher": 1.0, "student": 0.5})
    assert levels[0].beside is not None
    ratio = levels[0].beside.measures["throughput.ratio"]
    assert isinstance(ratio, Estimate)
    assert ratio.value == pytest.approx(2.0, rel=0.02)


def test_a_model_that_does_not_keep_up_is_compared_by_nothing_but_that() -> None:
    levels, _ = sent(both(levels=(2.0,)), {"teacher": 0.1, "student": 3.0})
    assert levels[0].beside is not None
    difference = levels[0].beside.measures["response.difference"]
    assert isinstance(difference, Undefined)
    assert difference.reason == "the student did not keep up"


def test_the_largest_rate_lies_between_what_holds_and_what_breaks() -> None:
    """Four at a time for a second each: 4 per second is what the server can do."""
    test = asked(levels=(0.5, 1.0, 8.0), objective="p90 <= 1.5s", most=10_000)
    found = session(test, {"student": 1.0})
    assert largest(found) == [("student", (1.0, 8.0))]
    assert [each.found["student"].kept_up for each in found.levels] == ["yes", "yes", "no"]


def test_the_same_seed_and_the_same_server_give_the_same_record() -> None:
    test = both(levels=(0.5, 2.0), objective="p95 <= 2s")
    records = [
        json.dumps(
            load_record(session(test, {"teacher": 1.0, "student": 0.5}), NOW, "evalkit load", {}), allow_nan=False
        )
        for _ in range(2)
    ]
    assert records[0] == records[1]
    record = json.loads(records[0])
    assert list(record)[:3] == ["schema", "evalkit", "command"]
    assert record["schema"] == "evalkit/load/v1"
    assert record["started"] == "2026-01-02T03:04:05Z"
    for level in record["levels"]:
        for model in level["models"]:
            for row in model["measures"]:
                assert (row["estimate"] is None) != (row["undefined"] is None)


def test_another_seed_gives_other_arrivals() -> None:
    one, two = (sent(asked(seed=seed), {"student": 0.5})[1]["student"].asked for seed in (0, 1))
    assert one != two


def test_each_prompt_once_is_never_twice() -> None:
    test = asked(levels=(0.01, 0.005), once_each=True, arrivals="constant")
    _, lines = sent(test, {"student": 0.5})
    prompts = [prompt for _, prompt in lines["student"].asked]
    assert len(prompts) == len(set(prompts)) == 8


@pytest.mark.parametrize("over", [{}, {"objective": "p95 <= 2s"}, {"loop": "closed", "levels": (1.0, 4.0, 16.0)}])
def test_it_fits_a_terminal_and_says_what_it_did(over: dict[str, Any]) -> None:
    found = session(both(**over), {"teacher": 1.0, "student": 0.5})
    text = console.render(found)
    assert max(width(line) for line in text.splitlines()) <= 80
    assert "4 stretches" in text
    assert "the models in turns" in text
    assert console.render(found, ascii_only=True).isascii()
    page = markdown.render(found)
    tables = [line.count(" | ") for line in page.splitlines() if line.startswith("| ")]
    assert len(tables) == 2 * (2 + len(found.levels))
    assert len(set(tables)) == 1


def test_a_repeated_prompt_is_said_to_be_one() -> None:
    text = " ".join(console.render(session(asked(), {"student": 0.5})).split())
    assert "10 prompts are at hand, and one was sent up to" in text
