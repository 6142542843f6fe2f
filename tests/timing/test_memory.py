"""Peak memory: whose bytes are whose, and the process that tells it on a CPU."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.backends import backend
from evalkit.requests import build_requests
from evalkit.specs import EnsembleSpec, FakeSpec, OpenAISpec, TransformersSpec
from evalkit.timing import memory
from evalkit.timing.child import _request, measure
from evalkit.timing.here import runs_here
from evalkit.types import Message, ModelFacts, Output, Request
from tests import models
from tests.timing.workers import TEXTS, Clock, Worker, steady

MB = 2**20
BYTES = st.integers(0, 2**40)
HERE = TransformersSpec(model="here")


# --- on an accelerator ---------------------------------------------------------------------------------


@given(weights=BYTES, others=BYTES, on_top=BYTES)
def test_what_others_hold_on_the_card_is_not_this_models(weights: int, others: int, on_top: int) -> None:
    before = weights + others
    assert memory.own_peak(before + on_top, before, weights) == weights + on_top


def facts(device: str | None = "cpu", path: Path | None = None) -> ModelFacts:
    return ModelFacts(
        name="m", backend="transformers", digest="d", live=True, device=device, path=str(path) if path else None
    )


def test_on_a_cpu_a_pass_is_run_and_a_process_has_to_tell() -> None:
    clock = Clock()
    worker = Worker("student", clock, steady(0.1))
    assert memory.of_a_pass(worker, HERE, facts("cpu"), [[TEXTS[0]], [TEXTS[1], TEXTS[2]]]) is None
    assert [len(asked) for _, asked in clock.log] == [1, 2]


class Cards:
    """Stands in for torch.cuda: what each card holds, and held at most since it was last asked to forget."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, held: list[int]) -> None:
        import torch

        self.held, self.peak = held, [10**12] * len(held)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: len(self.held))
        monkeypatch.setattr(torch.cuda, "synchronize", lambda card: None)
        monkeypatch.setattr(torch.cuda, "memory_allocated", lambda card: self.held[card])
        monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda card: self.peak[card])
        monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", self.forget)

    def forget(self, card: int) -> None:
        self.peak[card] = self.held[card]

    def take(self, card: int, size: int) -> None:
        """Take memory and give it back."""
        self.peak[card] = max(self.peak[card], self.held[card] + size)


class OnCards(Worker):
    """Holds weights on the cards, and takes memory on them for every request of a batch."""

    def __init__(self, cards: Cards, weights: int | None) -> None:
        super().__init__("student", Clock(), steady(0.1))
        self.cards, self.weights = cards, weights

    def run(self, requests: Sequence[Request]) -> list[Output]:
        for card in range(len(self.cards.held)):
            self.cards.take(card, 5 * len(requests))
        return super().run(requests)

    def weights_in_memory(self) -> int | None:
        return self.weights


def test_two_models_on_one_card_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    # 100 bytes of weights are this model's, 900 another's; the largest batch takes 15 more.
    worker = OnCards(Cards(monkeypatch, [1000]), 100)
    batches = [[TEXTS[0]], [TEXTS[1], TEXTS[2], TEXTS[3]]]
    found = memory.of_a_pass(worker, HERE, facts("cuda"), batches)
    assert found == {"peak": 115, "before": 900, "how": "allocator"}


def test_a_model_across_cards_takes_what_it_takes_on_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = OnCards(Cards(monkeypatch, [60, 40]), 100)
    assert memory.of_a_pass(worker, HERE, facts("cuda:0"), [[TEXTS[0]]]) == {
        "peak": 110,
        "before": 0,
        "how": "allocator",
    }


def test_without_its_weights_a_models_share_of_a_card_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = OnCards(Cards(monkeypatch, [1000]), None)
    assert "not known" in (memory.of_a_pass(worker, HERE, facts("cuda"), [[TEXTS[0]]]) or {})["undefined"]


# --- a process of its own ------------------------------------------------------------------------------


def test_a_process_peaks_at_its_own_memory_and_not_at_its_parents() -> None:
    held = bytearray(400 * MB)
    for position in range(0, len(held), 4096):
        held[position] = 1
    code = "from evalkit.timing.child import peak_resident; print(peak_resident())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 1 * MB < int(done.stdout) < 300 * MB
    assert len(held) == 400 * MB


def test_a_process_that_took_memory_and_gave_it_back_still_peaks_there() -> None:
    code = (
        "from evalkit.timing.child import peak_resident\n"
        "before = peak_resident(); taken = bytearray(b'x' * (100 << 20)); del taken; print(peak_resident() - before)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) >= 90 * MB


def test_a_request_survives_the_way_into_the_process() -> None:
    for prompt in ("plain ünicode", (Message(role="system", content="be brief"), Message(role="user", content="hi"))):
        request = Request(
            key="k",
            suite="s",
            example_id="e",
            task="generate",
            prompt=prompt,
            choices=("a", "b"),
            generation={"max_new_tokens": 3, "temperature": 0.0, "stop": ["x"]},
        )
        assert _request(json.loads(json.dumps(asdict(request)))) == request


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier of some 30 MB."""
    return models.save_classifier(tmp_path_factory.mktemp("models") / "wide", width=640, layers=2)


def asked(count: int = 4) -> list[Request]:
    return build_requests(models.suite_of(models.texts(count)))


def spec_of(folder: Path) -> TransformersSpec:
    return TransformersSpec(model=str(folder), dtype="float32", device="cpu")


def test_a_process_loads_the_files_that_were_timed_and_tells_its_peak(folder: Path) -> None:
    model = backend(spec_of(folder), "student").identify()
    # Wherever a hub id points by now, or whether it can be reached.
    spec = TransformersSpec(model="nobody/has-this", dtype="float32", device="cpu")
    found = memory.in_a_process("teacher", spec, model, asked())
    assert found["how"] == "process", found
    # The weights are 4 bytes each; Python and torch were there before.
    assert found["peak"] > found["before"] > 50 * MB
    assert found["peak"] - found["before"] > 2 * (model.parameters or 0)


def test_a_process_that_fails_leaves_a_reason_and_its_last_word(tmp_path: Path) -> None:
    found = memory.in_a_process("teacher", spec_of(tmp_path / "gone"), facts(), asked(1))
    assert "ended with 1" in found["undefined"]
    assert "the teacher model" in found["undefined"]
    assert "gone" in found["undefined"]


def test_a_model_that_answers_nothing_has_no_peak() -> None:
    requests = [asdict(each) for each in asked(2)]
    with pytest.raises(ValueError, match="answered nothing: the fake was told to fail"):
        measure({"spec": {"backend": "fake", "error_rate": 1.0}, "role": "teacher", "requests": requests})
    found = measure({"spec": {"backend": "fake"}, "role": "teacher", "requests": requests})
    assert found["peak"] >= found["before"] > MB


ELSEWHERE = {
    "fake": FakeSpec(backend="fake"),
    "openai": OpenAISpec(backend="openai", base_url="http://127.0.0.1:1", model="m"),
    "ensemble": EnsembleSpec(backend="ensemble", members=[HERE, FakeSpec(backend="fake")]),
}


@pytest.mark.parametrize("name", ELSEWHERE)
def test_a_model_that_does_not_run_here_is_not_asked_for_its_memory(name: str) -> None:
    clock = Clock()
    worker = Worker("student", clock, steady(0.1))
    found = memory.of_a_pass(worker, ELSEWHERE[name], facts("cuda"), [[TEXTS[0]]])
    assert (found, clock.log) == ({"undefined": memory.ELSEWHERE}, [])


def test_an_ensemble_runs_here_when_all_of_it_does() -> None:
    assert runs_here(EnsembleSpec(backend="ensemble", members=[HERE, HERE]))
    assert not any(runs_here(each) for each in ELSEWHERE.values())


@pytest.mark.parametrize("device", ["mps", "xpu:0", None])
def test_on_a_device_that_keeps_no_account_it_is_not_measured(device: str | None) -> None:
    assert (
        "not measured here" in memory.in_a_process("teacher", spec_of(Path("m")), facts(device), asked(1))["undefined"]
    )


@pytest.mark.parametrize("said", ["", "null", "[]", '{"peak": 3}', '{"peak": "many", "before": 1}', "Warning\n{}"])
def test_an_answer_that_is_none_is_not_taken_for_one(said: str) -> None:
    assert "could be read" in memory._understood(0, said, "")["undefined"]


def test_a_process_that_was_killed_says_nothing_and_has_no_peak() -> None:
    assert memory._understood(-9, "", "") == {"undefined": "the process that was to measure it ended with -9"}
