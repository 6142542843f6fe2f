"""The classifier on a CUDA device: the same answers as on a CPU up to the noise of bfloat16, and real memory limits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from evalkit.backends.local import Local
from evalkit.backends.local.hardware import GPU_BUDGET
from evalkit.requests import build_requests
from evalkit.types import Output, Request
from tests import models
from tests.backends.local.asking import loaded

pytestmark = pytest.mark.gpu

TEXTS = models.texts(200)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("models")
    return {shape: models.save_classifier(root / shape, shape, width=64, layers=3) for shape in models.SHAPES}


@pytest.fixture
def roomy() -> Iterator[None]:
    """Whatever a test did to the memory limit is undone."""
    import torch

    yield
    torch.cuda.set_per_process_memory_fraction(1.0)
    torch.cuda.empty_cache()


def asked(texts: Sequence[str] = TEXTS) -> list[Request]:
    return build_requests(models.suite_of(texts))


def probs(outputs: Sequence[Output]) -> list[tuple[float, ...]]:
    assert all(each.status == "ok" for each in outputs), [each.error for each in outputs if each.error][:3]
    return [each.probs or () for each in outputs]


def furthest(one: Sequence[Sequence[float]], other: Sequence[Sequence[float]]) -> float:
    return max(abs(a - b) for row, again in zip(one, other, strict=True) for a, b in zip(row, again, strict=True))


def agreement(one: Sequence[Output], other: Sequence[Output]) -> float:
    return sum(a.label == b.label for a, b in zip(one, other, strict=True)) / len(one)


def in_batches(built: Local, requests: Sequence[Request]) -> list[Output]:
    found: dict[int, Output] = {}
    for batch in built.batches(requests):
        found.update(zip(batch, built.run([requests[index] for index in batch]), strict=True))
    return [found[index] for index in range(len(requests))]


@pytest.mark.parametrize("shape", models.SHAPES)
def test_float32_on_the_device_is_float32_on_the_cpu(saved: dict[str, Path], shape: str) -> None:
    cpu = models.classifier(saved[shape]).run(asked())
    gpu = in_batches(models.classifier(saved[shape], device="cuda"), asked())
    assert furthest(probs(cpu), probs(gpu)) < 1e-4
    assert agreement(cpu, gpu) > 0.99


@pytest.mark.parametrize("shape", models.SHAPES)
def test_bfloat16_on_the_device_is_float32_on_the_cpu_within_its_noise(saved: dict[str, Path], shape: str) -> None:
    cpu = models.classifier(saved[shape]).run(asked())
    built = models.classifier(saved[shape], device="cuda", dtype="bfloat16")
    gpu = in_batches(built, asked())
    assert {str(each.dtype) for each in loaded(built).parameters()} == {"torch.bfloat16"}
    # Eight bits of mantissa: about 0.4 % a number, and a few of them on the way.
    assert furthest(probs(cpu), probs(gpu)) < 0.05
    assert agreement(cpu, gpu) > 0.9


def test_auto_takes_the_device_and_bfloat16(saved: dict[str, Path]) -> None:
    facts = models.classifier(saved["bert"], device="auto", dtype="auto").identify()
    assert (facts.device, facts.dtype) == ("cuda", "bfloat16")
    assert facts.settings["budget"] == GPU_BUDGET
    assert models.classifier(saved["bert"], device="cuda:0").identify().settings["device"] == "cuda"


def test_the_same_batches_on_the_same_device_give_the_same_bits(saved: dict[str, Path]) -> None:
    one, other = (
        in_batches(models.classifier(saved["bert"], device="cuda", dtype="bfloat16"), asked()) for _ in range(2)
    )
    assert one == other


def test_a_batch_that_does_not_fit_the_memory_is_halved_until_it_does(tmp_path: Path, roomy: None) -> None:
    import torch

    folder = models.save_classifier(tmp_path / "wide", width=512, layers=2, positions=512)
    long = [" ".join([*models.WORDS * 20, str(index)])[:2000] for index in range(256)]
    requests = asked(long)
    whole = models.classifier(folder, device="cuda", batch_tokens=8 * 512)
    expected = in_batches(whole, requests)
    whole.close()
    built = models.classifier(folder, device="cuda", batch_tokens=10**9)
    built.run(requests[:1])
    torch.cuda.empty_cache()
    # 256 rows of 512 tokens need several times what is left.
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + 256 * 2**20) / total)
    outputs = in_batches(built, requests)
    assert built.counts()["out_of_memory_splits"] > 0
    assert [each.label for each in outputs] == [each.label for each in expected]
    assert furthest(probs(outputs), probs(expected)) < 1e-4


def test_a_single_row_that_does_not_fit_is_an_error(saved: dict[str, Path], roomy: None) -> None:
    import torch

    built = models.classifier(saved["bert"], device="cuda")
    built.run(asked()[:1])
    torch.cuda.empty_cache()
    # A plain Python object in place of the model, so that one row asks for more than there is.
    real = loaded(built)

    class Greedy:
        device = real.device

        def __call__(self, **encoded: torch.Tensor) -> object:
            torch.empty(2**45, dtype=torch.uint8, device="cuda")
            return real(**encoded)

    assert built.tools is not None
    built.tools.model = Greedy()
    built.tools.model.config = real.config
    (output,) = built.run(asked()[:1])
    assert output.status == "error"
    assert "memory" in (output.error or "")


def test_closing_gives_the_memory_back(saved: dict[str, Path]) -> None:
    import torch

    before = torch.cuda.memory_allocated()
    built = models.classifier(saved["bert"], device="cuda")
    built.run(asked())
    assert torch.cuda.memory_allocated() > before
    built.close()
    assert torch.cuda.memory_allocated() == before
