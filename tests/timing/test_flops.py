"""Floating-point operations: known layers against the oracle, and what must not be counted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalkit.requests import build_requests
from evalkit.specs import EnsembleSpec, FakeSpec, OpenAISpec, TransformersSpec
from evalkit.timing import flops
from evalkit.types import Output, Request
from tests import models
from tests.timing.workers import TEXTS, Clock, Worker, oracle, steady

HERE = TransformersSpec(model="here")


class Stack(Worker):
    """Runs the oracle's layer over its batch, so many times for a request."""

    def __init__(self, times: int = 1, **more: Any) -> None:
        import torch  # noqa: F401  a model that runs through torch has loaded it

        super().__init__("student", Clock(), steady(0.1), **more)
        self.times, self.splits = times, 0

    def run(self, requests: Sequence[Request]) -> list[Output]:
        import torch

        layer = torch.nn.Linear(32, 64)
        with torch.inference_mode():
            for _ in range(self.times):
                layer(torch.zeros(8, 32))
        return super().run(requests)

    def counts(self) -> dict[str, int]:
        return {"out_of_memory_splits": self.splits, "cut_inputs": self.clock.now > 0}


def test_a_known_layer_takes_the_operations_of_the_oracle() -> None:
    known = oracle("F.flops_linear")
    found = flops.count(Stack(), HERE, TEXTS[:2])["by_id"]
    assert found == {each.example_id: known["expected"] for each in TEXTS[:2]}
    assert flops.count(Stack(times=3), HERE, TEXTS[:1])["by_id"] == {TEXTS[0].example_id: 3 * known["expected"]}


def test_the_attention_of_a_cpu_is_counted_like_that_of_a_gpu() -> None:
    import torch

    def attended(query: tuple[int, ...], key: tuple[int, ...]) -> int:
        with flops._counter() as counter, torch.inference_mode():
            one, other = torch.zeros(query), torch.zeros(key)
            torch.nn.functional.scaled_dot_product_attention(one, other, other)
        return int(counter.get_total_flops())

    # Scores and their use: two products of (length × width) and (width × seen) for each head of each row.
    assert attended((2, 3, 5, 8), (2, 3, 7, 8)) == 2 * 2 * (2 * 3 * 5 * 7 * 8)
    assert attended((1, 1, 1, 16), (1, 1, 1, 16)) == 2 * 2 * 16


def test_a_request_that_failed_or_was_tried_twice_is_not_counted() -> None:
    broken = TEXTS[1].example_id
    assert broken not in flops.count(Stack(failing=frozenset({broken})), HERE, TEXTS[:3])["by_id"]

    class Splitting(Stack):
        def run(self, requests: Sequence[Request]) -> list[Output]:
            self.splits += requests[0].example_id == broken
            return super().run(requests)

    assert set(flops.count(Splitting(), HERE, TEXTS[:3])["by_id"]) == {TEXTS[0].example_id, TEXTS[2].example_id}


def test_what_runs_no_operators_has_none_rather_than_nought() -> None:
    assert flops.count(Stack(times=0), HERE, TEXTS[:2]) == {"undefined": flops.UNCOUNTED}


def test_what_does_not_run_here_is_not_asked_only_to_count_nothing() -> None:
    paid = OpenAISpec(backend="openai", base_url="http://127.0.0.1:1", model="m")
    for spec in (FakeSpec(backend="fake"), paid, EnsembleSpec(backend="ensemble", members=[HERE, paid])):
        built = Stack()
        assert flops.count(built, spec, TEXTS[:2]) == {"undefined": flops.UNCOUNTED}
        assert built.clock.log == []


def test_a_few_prompts_are_drawn_by_seed() -> None:
    drawn = [flops.chosen(TEXTS, np.random.default_rng(seed)) for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert len({each.example_id for each in drawn[0]}) == flops.MOST
    assert flops.chosen(TEXTS[:3], np.random.default_rng(0)) == list(TEXTS[:3])


@pytest.mark.parametrize("shape", models.SHAPES)
def test_a_model_takes_the_same_operations_every_time_and_more_for_more_text(tmp_path: Path, shape: str) -> None:
    built = models.classifier(models.save_classifier(tmp_path / shape, shape))  # type: ignore[arg-type]
    requests = build_requests(models.suite_of(["my card", "my card was not refund please help money lost"]))
    short, long = flops.count(built, HERE, requests)["by_id"].values()
    assert flops.count(built, HERE, requests)["by_id"] == {"e0": short, "e1": long}
    assert long > 1.5 * short


def test_a_models_operations_are_those_of_its_layers(tmp_path: Path) -> None:
    width, layers, labels = 32, 2, len(models.LABELS)
    built = models.classifier(models.save_classifier(tmp_path / "bert", "bert", width=width, layers=layers))
    (request,) = build_requests(models.suite_of(["my card was lost"]))
    (output,) = built.run([request])
    length = output.tokens_in or 0
    block = 4 * length * width * width + 2 * length * width * 2 * width + 2 * length * length * width
    expected = 2 * (layers * block + width * width + width * labels)
    assert flops.count(built, HERE, [request])["by_id"] == {"e0": expected}
