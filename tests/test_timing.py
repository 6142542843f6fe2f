"""The timing protocol: the same prompts one at a time, in turns, warmed up, medians of repeats."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from evalkit.errors import Complaint
from evalkit.plan import LatencySpec
from evalkit.requests import build_requests
from evalkit.timing import WARM_UPS, time_models
from evalkit.types import ModelFacts, Output, Request, Suite
from tests import models

REQUESTS = build_requests(models.suite_of(models.texts(30)))


class Clock:
    """Time that passes only when a model works."""

    def __init__(self) -> None:
        self.now = 100.0
        self.log: list[tuple[str, str]] = []

    def __call__(self) -> float:
        return self.now


class Worker:
    """Takes so many seconds for a request, by its id and how often it was asked before."""

    def __init__(self, name: str, clock: Clock, seconds: float, failing: frozenset[str] = frozenset()) -> None:
        self.name, self.clock, self.seconds, self.failing = name, clock, seconds, failing
        self.asked: dict[str, int] = {}

    def check(self, suites: Sequence[Suite]) -> list[Complaint]:
        return []

    def identify(self) -> ModelFacts:
        return ModelFacts(name=self.name, backend="worker", digest=self.name, live=True)

    def batches(self, requests: Sequence[Request]) -> list[list[int]]:
        return [list(range(len(requests)))]

    def run(self, requests: Sequence[Request]) -> list[Output]:
        (request,) = requests
        name = request.example_id
        before = self.asked.get(name, 0)
        self.asked[name] = before + 1
        self.clock.log.append((self.name, name))
        # The first call is slow, as a cold one is; the fourth is an outlier.
        self.clock.now += self.seconds * (50 if before == 0 else 1000 if before == 4 else 1)
        return [Output(example_id=name, status="error" if name in self.failing else "ok")]

    def close(self) -> None:
        """Nothing was taken."""


def timed(
    prompts: int = 6, repeats: int = 5, seed: int = 0, failing: frozenset[str] = frozenset(), count: int = 30
) -> tuple[dict[str, dict[str, float]], Clock]:
    clock = Clock()
    workers = {"teacher": Worker("teacher", clock, 0.4), "student": Worker("student", clock, 0.1, failing)}
    spec = LatencySpec(prompts=prompts, repeats=repeats)
    times = time_models(workers, REQUESTS[:count], spec, seed, clock, lambda done, total: None)  # type: ignore[arg-type]
    return times, clock  # type: ignore[return-value]


def test_times_are_medians_that_shrug_off_an_outlier() -> None:
    times, _ = timed()
    assert set(times) == {"teacher", "student"}
    assert len(times["teacher"]) == 6
    assert list(times["teacher"].values()) == pytest.approx([0.4] * 6)
    assert list(times["student"].values()) == pytest.approx([0.1] * 6)


def test_both_models_see_the_same_prompts_side_by_side_in_either_order() -> None:
    times, clock = timed(prompts=8, repeats=4)
    assert times["teacher"].keys() == times["student"].keys()
    after = clock.log[2 * WARM_UPS :]
    turns = [after[index : index + 2] for index in range(0, len(after), 2)]
    assert len(turns) == 32
    assert all({name for name, _ in turn} == {"teacher", "student"} for turn in turns)
    assert all(len({prompt for _, prompt in turn}) == 1 for turn in turns)
    first = [turn[0][0] for turn in turns]
    assert 4 < first.count("teacher") < 28


def test_both_models_are_warmed_up_before_anything_is_timed() -> None:
    _, clock = timed()
    warm = clock.log[: 2 * WARM_UPS]
    assert [name for name, _ in warm].count("teacher") == WARM_UPS
    assert [name for name, _ in warm].count("student") == WARM_UPS


def test_prompts_are_a_seeded_sample() -> None:
    one, again, other = timed()[0], timed()[0], timed(seed=1)[0]
    assert one["teacher"].keys() == again["teacher"].keys()
    assert one["teacher"].keys() != other["teacher"].keys()
    assert set(one["teacher"]) != {each.example_id for each in REQUESTS[:6]}


def test_a_small_suite_is_timed_whole() -> None:
    times, _ = timed(prompts=64, count=4)
    assert set(times["student"]) == {each.example_id for each in REQUESTS[:4]}


def test_a_prompt_that_failed_for_one_model_has_no_time_for_it() -> None:
    times, _ = timed(prompts=30, failing=frozenset({"e3"}))
    assert "e3" not in times["student"]
    assert times["teacher"]["e3"] == pytest.approx(0.4)


def test_progress_counts_every_turn() -> None:
    clock = Clock()
    seen: list[tuple[int, int]] = []
    workers = {"teacher": Worker("teacher", clock, 1), "student": Worker("student", clock, 1)}
    spec = LatencySpec(prompts=3, repeats=2)
    time_models(workers, REQUESTS, spec, 0, clock, lambda done, total: seen.append((done, total)))  # type: ignore[arg-type]
    assert seen == [(done, 6) for done in range(1, 7)]
