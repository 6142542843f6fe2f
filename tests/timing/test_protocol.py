"""The timing protocol on a clock that only models move: turns, samples, medians, lengths, passes."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.timing.alone import held
from evalkit.timing.warm_up import MOST, WINDOW, warm_up
from evalkit.types import Request
from tests.timing.workers import TEXTS, Clock, Worker, oracle, pair_of, protocol, steady, written

# --- warm-up -------------------------------------------------------------------------------------------


def warmed(pace: Callable[[int], float], prompts: int = 5) -> tuple[int, bool, Clock]:
    clock = Clock()
    turn = iter(range(1000))
    found = warm_up(Worker("student", clock, lambda request, before: pace(next(turn))), TEXTS[:prompts], clock)
    assert len(clock.log) == found.rounds
    return found.rounds, found.stable, clock


def test_a_model_that_is_warm_already_is_asked_no_more_than_it_takes_to_see_that() -> None:
    assert warmed(lambda turn: 0.1)[:2] == (2 * WINDOW, True)


def test_a_cold_model_is_asked_until_it_is_as_fast_as_before() -> None:
    rounds, stable, _ = warmed(lambda turn: 1.0 / (1 + turn) if turn < 5 else 0.1)
    assert stable
    assert 2 * WINDOW < rounds < MOST


@pytest.mark.parametrize("cold", [1, 2, 4, 8])
def test_the_last_window_holds_no_cold_majority(cold: int) -> None:
    rounds, stable, _ = warmed(lambda turn: 5.0 if turn < cold else 0.1)
    assert stable
    assert rounds >= cold + 2 or cold > 2 * WINDOW


def test_a_model_that_never_settles_is_asked_a_bounded_number_of_times() -> None:
    assert warmed(lambda turn: 0.01 * 2**turn)[:2] == (MOST, False)


def test_windows_compare_the_same_prompts_so_that_their_lengths_do_not_matter() -> None:
    clock = Clock()
    lengths = {each.example_id: 10.0**index for index, each in enumerate(TEXTS[:WINDOW])}
    found = warm_up(Worker("student", clock, lambda request, before: lengths[request.example_id]), TEXTS, clock)
    assert (found.rounds, found.stable) == (2 * WINDOW, True)


def test_a_single_prompt_can_be_warmed_up_with() -> None:
    assert warmed(lambda turn: 0.1, prompts=1)[:2] == (2 * WINDOW, True)


def test_the_record_says_how_long_each_model_was_warmed_up() -> None:
    clock = Clock()
    workers = pair_of(clock)
    workers["teacher"].pace = lambda request, before: 2.0 ** len(clock.log)
    record = protocol(workers, prompts=3, repeats=1).record
    assert record["roles"]["teacher"]["warm_up"] == {"rounds": MOST, "stable": False}
    assert record["roles"]["student"]["warm_up"]["stable"]
    # Nothing was timed before both were.
    rounds = sum(each["warm_up"]["rounds"] for each in record["roles"].values())
    assert [name for name, _ in clock.log[:rounds]] == sorted((name for name, _ in clock.log[:rounds]), reverse=True)


# --- one at a time, in turns ---------------------------------------------------------------------------


def alone(clock: Clock, rounds: int) -> list[tuple[str, str]]:
    """The turns of single requests after the warm-up."""
    return [(name, asked[0]) for name, asked in clock.log[rounds:] if len(asked) == 1]


@given(prompts=st.integers(1, 9), repeats=st.integers(1, 6), seed=st.integers(0, 1000), written_too=st.booleans())
@settings(max_examples=20)
def test_every_prompt_is_asked_of_all_models_side_by_side(
    prompts: int, repeats: int, seed: int, written_too: bool
) -> None:
    clock = Clock()
    requests = written() if written_too else TEXTS
    found = protocol(pair_of(clock), requests, seed=seed, prompts=prompts, repeats=repeats)
    warm = sum(each["warm_up"]["rounds"] for each in found.record["roles"].values())
    # Passes in batches of four may end with a batch of one.
    turns = alone(clock, warm)[: 2 * prompts * repeats * (2 if written_too else 1)]
    pairs = [turns[index : index + 2] for index in range(0, len(turns), 2)]
    assert len(pairs) == prompts * repeats * (2 if written_too else 1)
    for pair in pairs:
        assert {name for name, _ in pair} == {"teacher", "student"}
        assert len({prompt for _, prompt in pair}) == 1
    asked = [prompt for (_, prompt), _ in pairs]
    assert {asked.count(each) for each in set(asked)} == {repeats * (2 if written_too else 1)}


def test_neither_model_always_goes_first() -> None:
    clock = Clock()
    found = protocol(pair_of(clock), prompts=8, repeats=4)
    warm = sum(each["warm_up"]["rounds"] for each in found.record["roles"].values())
    first = [name for name, _ in alone(clock, warm)[0:64:2]]
    assert 4 < first.count("teacher") < 28


def test_times_are_medians_that_shrug_off_an_outlier() -> None:
    clock = Clock()
    workers = pair_of(clock)
    workers["student"].pace = lambda request, before: 0.1 * (1000 if before == 3 else 1)
    times = protocol(workers, prompts=6, repeats=5).times
    assert list(times["teacher"]["latency_s"].values()) == pytest.approx([0.4] * 6)
    assert list(times["student"]["latency_s"].values()) == pytest.approx([0.1] * 6)


def test_prompts_are_a_seeded_sample() -> None:
    one, again, other = (protocol(pair_of(Clock()), prompts=6, repeats=1, seed=seed).times for seed in (0, 0, 1))
    assert one["teacher"]["latency_s"].keys() == again["teacher"]["latency_s"].keys()
    assert one["teacher"]["latency_s"].keys() != other["teacher"]["latency_s"].keys()
    assert set(one["teacher"]["latency_s"]) != {each.example_id for each in TEXTS[:6]}
    assert one["teacher"]["latency_s"].keys() == one["student"]["latency_s"].keys()


def test_a_small_suite_is_timed_whole() -> None:
    times = protocol(pair_of(Clock()), TEXTS[:4], prompts=64, repeats=1).times
    assert set(times["student"]["latency_s"]) == {each.example_id for each in TEXTS[:4]}


def test_a_prompt_that_failed_for_one_model_has_no_time_for_it() -> None:
    broken = TEXTS[3].example_id
    times = protocol(pair_of(Clock(), failing=frozenset({broken})), prompts=30, repeats=3).times
    assert broken not in times["student"]["latency_s"]
    assert times["teacher"]["latency_s"][broken] == pytest.approx(0.4)


def test_one_model_on_its_own_can_be_timed() -> None:
    clock = Clock()
    found = protocol({"student": Worker("student", clock, steady(0.1))}, prompts=5, repeats=3)
    assert list(found.times) == ["student"]
    assert list(found.times["student"]["latency_s"].values()) == pytest.approx([0.1] * 5)
    assert list(found.record["roles"]) == ["student"]


def test_models_are_closed_when_all_is_timed() -> None:
    workers = pair_of(Clock())
    protocol(workers, prompts=2, repeats=1)
    assert [each.closed for each in workers.values()] == [1, 1]


def test_progress_counts_every_turn() -> None:
    seen: list[tuple[str, int, int]] = []
    protocol(pair_of(Clock()), prompts=3, repeats=2, progress=lambda *told: seen.append(told))
    assert [each for each in seen if each[0].startswith("timing")] == [("timing intents", n, 6) for n in range(1, 7)]
    assert [each for each in seen if each[0].startswith("throughput")] == [
        ("throughput intents", 1, 2),
        ("throughput intents", 2, 2),
    ]


def test_the_record_is_plain_json() -> None:
    record = protocol(pair_of(Clock(), tokens=7, first=0.02), written(), prompts=3, repeats=3).record
    assert json.loads(json.dumps(record, allow_nan=False)) == record


# --- tokens --------------------------------------------------------------------------------------------


def test_time_per_token_leaves_the_first_token_out() -> None:
    known = oracle("F.tpot")
    asked = known["inputs"]
    clock = Clock()
    worker = Worker(
        "student",
        clock,
        lambda request, before: asked["e2e_s"],
        tokens=asked["output_tokens"],
        first=asked["ttft_s"],
    )
    times = protocol({"student": worker}, written(), prompts=4, repeats=3).times["student"]
    assert set(times["ttft_s"].values()) == {asked["ttft_s"]}
    for each in times["tpot_s"].values():
        assert 1000 * each == pytest.approx(known["expected"]["tpot_ms"], abs=known["tolerance"])


@pytest.mark.parametrize(("tokens", "first"), [(1, 0.01), (None, 0.01), (5, None), (5, 9.0)])
def test_an_answer_of_one_token_or_without_a_first_time_has_no_time_per_token(
    tokens: int | None, first: float | None
) -> None:
    times = protocol(pair_of(Clock(), tokens=tokens, first=first), written(), prompts=3, repeats=2).times["student"]
    assert times["tpot_s"] == {}
    assert len(times["latency_s"]) == 3


# --- an answer of a given length -----------------------------------------------------------------------


def test_the_second_question_asks_for_so_many_tokens_and_nothing_may_end_it_sooner() -> None:
    (request,) = written(1)
    other = held(request, 12)
    assert other.generation == {"max_new_tokens": 12, "min_new_tokens": 12, "temperature": 0.0, "stop": ()}
    assert (other.prompt, other.example_id) == (request.prompt, request.example_id)
    assert other.key not in (request.key, held(request, 13).key)


@pytest.mark.parametrize(("most", "budget", "expected"), [(64, 32, 32), (8, 32, 8), (64, 5, 5)])
def test_the_length_is_the_suites_own_limit_or_the_plans(most: int, budget: int, expected: int) -> None:
    asked: set[int] = set()

    def note(tokens: int) -> int:
        asked.add(tokens)
        return tokens

    workers = pair_of(Clock(), keeps_to=note)
    record = protocol(workers, written(max_new_tokens=most), prompts=3, repeats=1, fixed_tokens=budget).record
    assert record["fixed_tokens"] == expected
    assert asked == {expected}


def test_a_student_that_only_says_less_is_as_slow_at_a_given_length() -> None:
    clock = Clock()

    def by_tokens(short: int) -> Callable[[Request, int], float]:
        return lambda request, before: 0.01 * request.generation.get("min_new_tokens", short)

    workers = {
        "teacher": Worker("teacher", clock, by_tokens(60), tokens=60),
        "student": Worker("student", clock, by_tokens(6), tokens=6),
    }
    times = protocol(workers, written(), prompts=5, repeats=3).times
    natural = [statistics.median(times[role]["latency_s"].values()) for role in ("teacher", "student")]
    fixed = [statistics.median(times[role]["fixed_latency_s"].values()) for role in ("teacher", "student")]
    assert natural[0] == pytest.approx(10 * natural[1])
    assert fixed == pytest.approx([0.32, 0.32])


def test_a_backend_that_cannot_keep_to_a_length_says_so() -> None:
    found = protocol(pair_of(Clock(), keeps_to=lambda budget: None), written(), prompts=3, repeats=2)
    assert found.times["student"]["fixed_latency_s"] == {}
    assert found.record["roles"]["student"]["fixed_problem"] == "a length cannot be asked for here"
    assert len(found.times["teacher"]["fixed_latency_s"]) == 3
    assert found.record["roles"]["teacher"]["fixed_problem"] is None
    assert len(found.times["student"]["latency_s"]) == 3


def test_an_answer_of_another_length_is_not_taken_for_one_of_the_given_one() -> None:
    found = protocol(pair_of(Clock(), keeps_to=lambda budget: budget - 1), written(), prompts=3, repeats=2)
    assert found.times["student"]["fixed_latency_s"] == {}
    assert "31 tokens where 32 were asked for" in found.record["roles"]["student"]["fixed_problem"]


def test_a_label_has_no_length() -> None:
    found = protocol(pair_of(Clock()), TEXTS, prompts=3, repeats=2)
    assert found.record["fixed_tokens"] is None
    assert found.times["student"]["fixed_latency_s"] == {}


# --- in batches ----------------------------------------------------------------------------------------


def test_a_pass_asks_the_whole_sample_in_the_backends_own_batches() -> None:
    clock = Clock()
    found = protocol(pair_of(clock, tokens=7), written(), prompts=10, repeats=3)
    passes = found.record["roles"]["student"]["passes"]
    # Ten requests in batches of four: three batches of 0.1 seconds each, seven tokens a request.
    assert [(each["requests"], each["tokens"]) for each in passes] == [(10, 70)] * 3
    assert [each["seconds"] for each in passes] == pytest.approx([0.3] * 3)
    whole = [asked for name, asked in clock.log if name == "student" and len(asked) > 1]
    # One pass before the three that count: shapes that were not seen yet are slow at first.
    assert len(whole) == 4 * 3
    assert len(set(whole)) == 3


def test_requests_that_failed_are_not_got_through() -> None:
    broken = frozenset(each.example_id for each in TEXTS[:10])
    passes = protocol(pair_of(Clock(), failing=broken), prompts=30, repeats=3).record["roles"]["student"]["passes"]
    assert [(each["requests"], each["tokens"]) for each in passes] == [(20, None)] * 3


def test_passes_of_the_models_take_turns() -> None:
    clock = Clock()
    protocol(pair_of(clock), prompts=4, repeats=12)
    whole = [name for name, asked in clock.log if len(asked) == 4]
    turns = [whole[index : index + 2] for index in range(2, len(whole), 2)]
    assert len(turns) == 12
    assert all(set(each) == {"teacher", "student"} for each in turns)
    assert {each[0] for each in turns} == {"teacher", "student"}


# --- what is not measured here -------------------------------------------------------------------------


def test_a_backend_that_runs_elsewhere_has_no_memory_and_no_operations() -> None:
    said = protocol(pair_of(Clock(), here=False), prompts=2, repeats=1).record["roles"]["student"]
    assert "not measured here" in said["memory"]["undefined"]
    assert "operators that PyTorch counts" in said["flops"]["undefined"]


def test_a_backend_that_runs_elsewhere_is_asked_for_its_times_alone() -> None:
    clock = Clock()
    found = protocol(pair_of(clock, here=False), prompts=10, repeats=3).record["roles"]["student"]
    asked = [len(those) for name, those in clock.log if name == "student"]
    # Warming up, one at a time, in batches: nothing on top, for every request may have to be paid for.
    assert asked.count(1) == found["warm_up"]["rounds"] + 3 * 10
    assert sum(each for each in asked if each > 1) == 3 * 10
