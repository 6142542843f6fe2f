"""Outputs through the cache: what is kept, under which key, and what is never believed."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit import cache as cache_room
from evalkit.backends import Backend
from evalkit.cache import Shelf
from evalkit.cache.keys import batch_key, shelf_key
from evalkit.collect import Collected, collect
from evalkit.errors import BrokenError, Complaint
from evalkit.requests import build_requests
from evalkit.types import STATUSES, ModelFacts, Output, Request, Suite
from tests import models

REQUESTS = build_requests(models.suite_of(models.texts(10)))
FACTS = ModelFacts(name="m", backend="scripted", digest="sha256:m", live=True, settings={"dtype": "float32"})


class Scripted(Backend):
    """Answers as it is told, and remembers what it was asked."""

    def __init__(self, size: int = 4) -> None:
        self.size = size
        self.asked: list[list[str]] = []
        self.answers: dict[str, Output] = {}

    def check(self, suites: Sequence[Suite]) -> list[Complaint]:
        return []

    def identify(self) -> ModelFacts:
        return FACTS

    def batches(self, requests: Sequence[Request]) -> list[list[int]]:
        # Not in the order of the requests: every other one first.
        order = [*range(0, len(requests), 2), *range(1, len(requests), 2)]
        return [order[start : start + self.size] for start in range(0, len(order), self.size)]

    def run(self, requests: Sequence[Request]) -> list[Output]:
        self.asked.append([each.example_id for each in requests])
        return [self.answers.get(each.example_id, answer(each)) for each in requests]

    def close(self) -> None:
        """Nothing was taken."""


def answer(request: Request, **more: Any) -> Output:
    return replace(
        Output(
            example_id=request.example_id, status="ok", label=f"label of {request.example_id}", probs=(0.5, 0.25, 0.25)
        ),
        **more,
    )


def collected(
    backend: Scripted, cache: Path, facts: ModelFacts = FACTS, requests: Sequence[Request] = REQUESTS
) -> Collected:
    return collect(backend, facts, requests, cache, lambda done, total: None)


def parts(cache: Path) -> list[Path]:
    return sorted(cache.rglob("*.parquet"))


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every batch counts as one that took long, and no parts are put together: one batch, one part."""
    monkeypatch.setattr(cache_room, "_PATIENCE_S", 0.0)
    monkeypatch.setattr(Shelf, "_put_together", lambda self: None)


# --- serving -----------------------------------------------------------------------------------------


def test_outputs_come_in_the_order_of_the_requests_whatever_the_batches_are(tmp_path: Path) -> None:
    got = collected(Scripted(), tmp_path)
    assert [each.example_id for each in got.outputs] == [each.example_id for each in REQUESTS]
    assert got.outputs == tuple(answer(each) for each in REQUESTS)
    assert (got.batches, got.from_cache) == (3, 0)


def test_the_second_time_nothing_is_asked(tmp_path: Path) -> None:
    first = collected(Scripted(), tmp_path)
    again = Scripted()
    second = collected(again, tmp_path)
    assert again.asked == []
    assert second.outputs == first.outputs
    assert (second.batches, second.from_cache) == (3, 3)


def test_progress_counts_requests_up_to_all_of_them(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    collect(Scripted(), FACTS, REQUESTS, tmp_path, lambda done, total: seen.append((done, total)))
    assert seen == [(4, 10), (8, 10), (10, 10)]


def test_only_the_batches_that_are_missing_are_asked_again(tmp_path: Path) -> None:
    collected(Scripted(), tmp_path)
    parts(tmp_path)[0].unlink()
    again = Scripted()
    got = collected(again, tmp_path)
    assert len(again.asked) == 1
    assert again.asked[0] in [[REQUESTS[index].example_id for index in batch] for batch in again.batches(REQUESTS)]
    assert (got.batches, got.from_cache) == (3, 2)


def test_a_recording_is_its_own_record(tmp_path: Path) -> None:
    backend = Scripted()
    got = collected(backend, tmp_path / "cache", replace(FACTS, live=False))
    assert len(backend.asked) == 1
    assert (got.batches, got.from_cache) == (0, 0)
    assert not (tmp_path / "cache").exists()


def test_an_answer_is_served_under_the_id_that_asks_now(tmp_path: Path) -> None:
    collected(Scripted(), tmp_path)
    renamed = [replace(each, example_id=f"other {each.example_id}") for each in REQUESTS]
    again = Scripted()
    got = collected(again, tmp_path, requests=renamed)
    assert again.asked == []
    assert [each.example_id for each in got.outputs] == [each.example_id for each in renamed]


# --- the key -----------------------------------------------------------------------------------------


def test_the_key_is_made_of_the_model_its_settings_and_every_question_in_order() -> None:
    shelves = [
        shelf_key(FACTS),
        shelf_key(replace(FACTS, digest="sha256:n")),
        shelf_key(replace(FACTS, settings={"dtype": "bfloat16"})),
        shelf_key(replace(FACTS, settings={})),
    ]
    batches = [
        batch_key(REQUESTS),
        batch_key(REQUESTS[::-1]),
        batch_key(REQUESTS[:-1]),
        batch_key([*REQUESTS[:-1], replace(REQUESTS[-1], key="sha256:other")]),
    ]
    assert len({*shelves, *batches}) == len(shelves) + len(batches)


def test_the_key_is_the_same_whatever_the_model_is_called_and_wherever_it_lies() -> None:
    moved = replace(FACTS, name="other", path="/elsewhere", settings=dict(reversed(FACTS.settings.items())))
    assert shelf_key(moved) == shelf_key(FACTS)


@pytest.mark.parametrize(
    "other",
    [
        models.suite_of([*models.texts(9), "another text"]),
        models.suite_of(models.texts(10), labels=models.LABELS[::-1]),
    ],
)
def test_another_text_or_order_of_labels_is_another_question(tmp_path: Path, other: Suite) -> None:
    collected(Scripted(), tmp_path)
    again = Scripted()
    collected(again, tmp_path, requests=build_requests(other))
    assert again.asked


# --- what is not kept --------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["error", "timeout"])
def test_a_batch_with_a_failure_is_not_kept(tmp_path: Path, status: Any) -> None:
    backend = Scripted()
    backend.answers["e3"] = Output(example_id="e3", status=status, error="it broke")
    got = collected(backend, tmp_path)
    assert got.outputs[3].status == status
    assert len(parts(tmp_path)) == 2
    healed = Scripted()
    assert collected(healed, tmp_path).outputs[3].status == "ok"
    assert len(healed.asked) == 1


@pytest.mark.parametrize("status", ["empty", "truncated"])
def test_a_poor_answer_is_an_answer_and_kept(tmp_path: Path, status: Any) -> None:
    backend = Scripted()
    backend.answers["e3"] = Output(example_id="e3", status=status)
    collected(backend, tmp_path)
    assert len(parts(tmp_path)) == 3


def test_answers_to_other_questions_are_a_breakage_and_not_kept(tmp_path: Path) -> None:
    class Mixed(Scripted):
        def run(self, requests: Sequence[Request]) -> list[Output]:
            return super().run(requests)[::-1]

    class Short(Scripted):
        def run(self, requests: Sequence[Request]) -> list[Output]:
            return super().run(requests)[1:]

    for backend in (Mixed(), Short()):
        with pytest.raises(BrokenError, match="in another order than asked"):
            collected(backend, tmp_path)
    assert parts(tmp_path) == []


def test_what_finished_before_a_breakage_is_kept(tmp_path: Path) -> None:
    class Dies(Scripted):
        def run(self, requests: Sequence[Request]) -> list[Output]:
            if len(self.asked) == 2:
                raise BrokenError("the machine is gone")
            return super().run(requests)

    with pytest.raises(BrokenError):
        collected(Dies(), tmp_path)
    again = Scripted()
    assert collected(again, tmp_path).from_cache == 2
    assert len(again.asked) == 1


@pytest.mark.parametrize("place", ["file", "below a file", "shelf is a file"])
def test_a_cache_that_cannot_be_written_is_a_breakage_before_anything_is_asked(tmp_path: Path, place: str) -> None:
    cache = tmp_path / "cache"
    if place == "shelf is a file":
        cache.mkdir()
        (cache / shelf_key(FACTS)).write_text("", encoding="utf-8")
    else:
        cache.write_text("", encoding="utf-8")
        cache = cache / "deeper" if place == "below a file" else cache
    backend = Scripted()
    with pytest.raises(BrokenError, match="the cache cannot be written"):
        collected(backend, cache)
    assert backend.asked == []


TEXT = st.one_of(st.none(), st.text(st.characters(exclude_categories=()), max_size=12))
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
OUTPUTS = st.builds(
    Output,
    example_id=st.just("e0"),
    status=st.sampled_from([each for each in STATUSES if each not in ("error", "timeout")]),
    label=TEXT,
    text=TEXT,
    probs=st.one_of(st.none(), st.lists(NUMBERS, max_size=4).map(tuple)),
    choice_logprobs=st.one_of(st.none(), st.lists(NUMBERS, max_size=4).map(tuple)),
    tokens_in=st.one_of(st.none(), st.integers(0, 2**63 - 1)),
    tokens_out=st.one_of(st.none(), st.integers(0, 9)),
    latency_s=st.one_of(st.none(), NUMBERS),
    ttft_s=st.one_of(st.none(), NUMBERS),
    prompt_hash=TEXT,
    choice_tokens=st.one_of(st.none(), st.lists(st.integers(0, 2**31), max_size=4).map(tuple)),
    token_logprobs=st.one_of(st.none(), st.lists(NUMBERS, max_size=4).map(tuple)),
    written=st.one_of(st.none(), st.lists(st.integers(0, 2**31), max_size=4).map(tuple)),
    reasoning=TEXT,
    judgement=TEXT,
)


def test_an_answer_beside_which_something_failed_is_asked_again(tmp_path: Path) -> None:
    first = Scripted()
    first.answers["e0"] = Output(example_id="e0", status="ok", label="a", error="1 of 3 members abstained")
    collected(first, tmp_path, requests=REQUESTS[:1])
    again = Scripted()
    collected(again, tmp_path, requests=REQUESTS[:1])
    assert len(again.asked) == 1


@given(OUTPUTS)
def test_what_comes_out_of_the_cache_is_what_went_in(output: Output) -> None:
    with tempfile.TemporaryDirectory() as cache:
        first = Scripted()
        first.answers["e0"] = output
        collected(first, Path(cache), requests=REQUESTS[:1])
        again = Scripted()
        assert collected(again, Path(cache), requests=REQUESTS[:1]).outputs == (output,)
        assert again.asked == []
