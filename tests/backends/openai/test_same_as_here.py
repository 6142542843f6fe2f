"""A model behind a server that gives a prompt's log-probabilities scores choices as the same model does here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit.backends.local import Local
from evalkit.specs import TransformersSpec
from tests import language_models
from tests.backends.openai.ask import asking, choice
from tests.backends.openai.server import Reply, Seen, as_json, serving

QUESTIONS = [
    choice(0, "Question: where is my refund? Answer:", ("Paris", "the money is pending", "no")),
    choice(1, "My card was declined ", ("twice", "by the bank, please help", " again")),
    choice(2, "The capital of France is\n", ("Paris", "Jupiter")),
    choice(3, "Größe, naïve, 東京 🙂", ("東京", "🙂 naïve", "ß")),
    choice(4, "x", ("y", "yy")),
]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return language_models.save_language_model(tmp_path_factory.mktemp("model") / "llama", "llama")


@pytest.fixture(scope="module")
def echoing(model: Path) -> Callable[[Seen], Reply]:
    """What vLLM would answer for this model: `prompt_tokens` with the mark of the beginning, which has no number."""
    import torch
    import transformers

    network = transformers.AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(model)

    def answer(seen: Seen) -> Reply:
        ids = tokenizer(seen.body["prompt"], return_tensors="pt").input_ids
        with torch.inference_mode():
            logprobs = network(input_ids=ids).logits[0].double().log_softmax(-1)
        told = [float(logprobs[at, token]) for at, token in enumerate(ids[0, 1:])]
        choices: list[Any] = [{"text": "", "logprobs": {"token_logprobs": [None, *told, -1.0]}}]
        usage = {"prompt_tokens": ids.shape[1], "completion_tokens": 1}
        return as_json({"model": seen.body["model"], "choices": choices, "usage": usage})

    return answer


def test_likelihoods_and_lengths_are_those_of_the_model_here(model: Path, echoing: Callable[[Seen], Reply]) -> None:
    here = Local(TransformersSpec(model=str(model), dtype="float32", device="cpu"), "teacher")
    expected = here.run(QUESTIONS)
    here.close()
    # One at a time: the network is shared by the server's threads.
    with serving(echoing) as server, asking(server, concurrency=1, timeout_s=60) as built:
        found = built.run(QUESTIONS)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.choice_tokens == theirs.choice_tokens
        assert ours.choice_logprobs == pytest.approx(theirs.choice_logprobs, abs=1e-4)
        assert ours.probs == pytest.approx(theirs.probs, abs=1e-4)
        assert (ours.label, ours.tokens_in) == (theirs.label, theirs.tokens_in)
