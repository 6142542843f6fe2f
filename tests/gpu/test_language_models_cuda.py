"""Language models on a CUDA device: the answers of a CPU up to the noise of bfloat16, and real memory limits.

bfloat16 has eight bits of mantissa: each number is about 0.4 % off. The logits of these models spread over some ten
nats, so that a log-probability moves by a few hundredths, and the sum over a choice of twenty tokens by several times
that. Texts are compared in float32: one rounding in bfloat16 may turn a text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from evalkit.requests import build_requests
from evalkit.types import Output
from tests import language_models as lm
from tests.backends.local import asking
from tests.backends.local.asking import loaded

pytestmark = pytest.mark.gpu

TEXTS = asking.prompts(24)
CHOOSE = asking.suite(TEXTS, "choose", choices=asking.CHOICES)
GENERATE = asking.suite(TEXTS, "generate", max_new_tokens=12)


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lm.save_language_model(tmp_path_factory.mktemp("models") / "llama", seed=1, width=64, layers=3)


@pytest.fixture
def roomy() -> Iterator[None]:
    """Whatever a test did to the memory limit is undone."""
    import torch

    yield
    torch.cuda.set_per_process_memory_fraction(1.0)
    torch.cuda.empty_cache()


def per_token(outputs: Sequence[Output]) -> list[list[float]]:
    """Mean log-likelihood per token of each choice: noise that does not grow with the choice."""
    assert all(each.status == "ok" for each in outputs), [each.error for each in outputs if each.error][:3]
    return [
        [value / count for value, count in zip(each.choice_logprobs or (), each.choice_tokens or (), strict=True)]
        for each in outputs
    ]


def furthest(one: Sequence[Sequence[float]], other: Sequence[Sequence[float]]) -> float:
    return max(abs(a - b) for row, again in zip(one, other, strict=True) for a, b in zip(row, again, strict=True))


@pytest.mark.parametrize("family", ["llama", "gpt2", "gemma2", "t5"])
def test_float32_on_the_device_is_float32_on_the_cpu(tmp_path: Path, family: lm.Family) -> None:
    folder = lm.save_language_model(tmp_path / family, family, seed=7)
    cpu, gpu = asking.local(folder), asking.local(folder, device="cuda")
    assert furthest(per_token(asking.answers(cpu, CHOOSE)), per_token(asking.answers(gpu, CHOOSE))) < 1e-3
    here, there = asking.answers(cpu, GENERATE), asking.answers(gpu, GENERATE)
    # A device adds in another order, and may turn a text whose best two tokens are as close as that.
    assert sum(a.text == b.text for a, b in zip(here, there, strict=True)) >= len(TEXTS) - 2


def test_bfloat16_on_the_device_chooses_as_float32_does_within_its_noise(llama: Path) -> None:
    cpu = asking.answers(asking.local(llama), CHOOSE)
    built = asking.local(llama, device="cuda", dtype="bfloat16")
    gpu = asking.answers(built, CHOOSE)
    assert {str(each.dtype) for each in loaded(built).parameters()} == {"torch.bfloat16"}
    assert furthest(per_token(cpu), per_token(gpu)) < 0.3
    assert sum(a.label == b.label for a, b in zip(cpu, gpu, strict=True)) >= 0.8 * len(TEXTS)


def test_bfloat16_on_the_device_writes_tokens_as_likely_as_it_says(llama: Path) -> None:
    cpu = asking.answers(asking.local(llama), GENERATE)
    gpu = asking.answers(asking.local(llama, device="cuda", dtype="bfloat16"), GENERATE)
    assert all(each.status in ("ok", "truncated", "empty") for each in gpu)
    same = [(a, b) for a, b in zip(cpu, gpu, strict=True) if a.text == b.text]
    assert len(same) >= len(TEXTS) // 3
    for a, b in same:
        assert furthest([a.token_logprobs or ()], [b.token_logprobs or ()]) < 0.5


def test_batches_on_the_device_give_the_same_bits_again(llama: Path) -> None:
    for asked in (CHOOSE, GENERATE, asking.suite(TEXTS, "generate", temperature=1.0)):
        one, other = (asking.answers(asking.local(llama, device="cuda", dtype="bfloat16"), asked) for _ in range(2))
        assert one == other


def test_drawing_leaves_the_devices_generator_alone(llama: Path) -> None:
    import torch

    torch.cuda.manual_seed(5)
    before = torch.cuda.get_rng_state()
    asking.answers(asking.local(llama, device="cuda"), asking.suite(TEXTS[:2], "generate", temperature=1.0))
    assert torch.equal(torch.cuda.get_rng_state(), before)


@pytest.mark.parametrize("task", ["generate", "choose"])
def test_a_batch_that_does_not_fit_the_memory_is_halved_until_it_does(tmp_path: Path, roomy: None, task: str) -> None:
    import torch

    folder = lm.save_language_model(tmp_path / "wide", seed=1, width=512, layers=4, window=600)
    texts = [" ".join([text] * 40)[:900] for text in asking.prompts(256)]
    asked = asking.suite(texts, task, choices=asking.CHOICES, max_new_tokens=8)  # type: ignore[arg-type]
    built = asking.local(folder, device="cuda", batch_tokens=10**9)
    requests = build_requests(asked)
    built.run(requests[:1])
    torch.cuda.empty_cache()
    # All 256 rows at once need gigabytes.
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + 384 * 2**20) / total)
    outputs = asking.in_batches(built, requests)
    assert built.counts()["out_of_memory_splits"] > 0
    assert all(each.status in ("ok", "truncated", "empty") for each in outputs), [e.error for e in outputs if e.error][
        :3
    ]


def test_logits_that_are_not_finite_leave_the_device_alive(llama: Path) -> None:
    # Drawing from NaN is an assertion on the device, after which nothing runs there any more.
    import torch

    built = asking.local(llama, device="cuda")
    requests = build_requests(asking.suite(TEXTS[:4], "generate", temperature=1.0))
    built.run(requests)
    weight = loaded(built).lm_head.weight
    kept = weight.detach().clone()
    with torch.no_grad():
        weight.fill_(torch.nan)
    assert {each.status for each in built.run(requests)} == {"error"}
    with torch.no_grad():
        weight.copy_(kept)
    assert {each.status for each in built.run(requests)} <= {"ok", "truncated", "empty"}


def test_weights_in_memory_are_the_models(llama: Path) -> None:
    built = asking.local(llama, device="cuda", dtype="bfloat16")
    assert built.weights_in_memory() is None
    asking.answers(built, CHOOSE)
    held = built.weights_in_memory()
    assert held is not None
    assert held >= 2 * (built.identify().parameters or 0)
    built.close()
    assert built.weights_in_memory() is None


def test_one_request_is_timed_on_the_device(llama: Path) -> None:
    built = asking.local(llama, device="cuda")
    (output,) = built.run(build_requests(GENERATE)[:1])
    assert output.latency_s is not None
    assert output.ttft_s is not None
    assert 0 < output.ttft_s <= output.latency_s
