"""The timing protocol on a CUDA device: times that cover the work there, and memory told apart on one card."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import pytest

from evalkit.plan import LatencySpec
from evalkit.requests import build_requests
from evalkit.timing import TimedModel, Timing, time_models
from evalkit.types import Role
from tests import models

pytestmark = pytest.mark.gpu

REQUESTS = build_requests(models.suite_of(models.texts(8)))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[Role, Path]:
    root = tmp_path_factory.mktemp("models")
    return {
        "teacher": models.save_classifier(root / "deep", width=1024, layers=12),
        "student": models.save_classifier(root / "flat", width=32, layers=1),
    }


def timed(folders: dict[Role, Path], *roles: Role) -> Timing:
    built = {role: models.classifier(folders[role], device="cuda", dtype="float32") for role in roles}
    timings = time_models(
        {role: TimedModel(backend=each, spec=each.spec, facts=each.identify()) for role, each in built.items()},
        {"intents": REQUESTS},
        LatencySpec(prompts=8, repeats=3),
        0,
        time.perf_counter,
        lambda what, done, total: None,
    )
    return timings["intents"]


def test_a_time_covers_the_work_on_the_device(folders: dict[Role, Path]) -> None:
    # Kernels are queued and run behind Python's back: nothing may be left in the queue when `run` returns.
    import torch

    classifier = models.classifier(folders["teacher"], device="cuda", dtype="float32")
    classifier.run(REQUESTS[:1])
    behind = []
    for _ in range(9):
        classifier.run(REQUESTS[:1])
        stream = torch.cuda.current_stream()
        behind.append(not stream.query())
    assert not any(behind)
    classifier.close()


def test_both_models_are_timed_on_every_prompt(folders: dict[Role, Path]) -> None:
    times = timed(folders, "teacher", "student").times
    medians = {role: statistics.median(times[role]["latency_s"].values()) for role in ("teacher", "student")}
    assert all(len(times[role]["latency_s"]) == 8 for role in ("teacher", "student"))
    assert all(0 < each < 60 for each in medians.values())


def test_a_models_memory_is_its_own_whoever_else_is_on_the_card(folders: dict[Role, Path]) -> None:
    together = timed(folders, "teacher", "student").record["roles"]
    for role in ("teacher", "student"):
        alone = timed(folders, role).record["roles"][role]["memory"]  # type: ignore[arg-type]
        beside = together[role]["memory"]
        assert (alone["how"], beside["how"]) == ("allocator", "allocator")
        # Workspaces that outlive a pass may be counted for one or the other.
        assert beside["peak"] == pytest.approx(alone["peak"], rel=0.1, abs=64 * 2**20)
    weights = models.classifier(folders["teacher"]).identify().parameters or 0
    assert together["teacher"]["memory"]["peak"] > 4 * weights
    assert together["student"]["memory"]["before"] >= 4 * weights


def test_operations_are_those_of_the_cpu(folders: dict[Role, Path]) -> None:
    from evalkit.timing import flops

    built = [models.classifier(folders["student"], device=device) for device in ("cuda", "cpu")]
    counts = [flops.count(each, each.spec, REQUESTS)["by_id"] for each in built]
    # Some kernels of a GPU pad their inputs, and count what they pad.
    assert counts[0] == pytest.approx(counts[1], rel=0.1)
