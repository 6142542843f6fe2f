"""Which models may do what, found in config.json; devices and maps that cannot be had."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from evalkit.backends.local.kinds import kind_of, window
from evalkit.errors import BrokenError
from evalkit.requests import build_requests
from tests import language_models as lm
from tests import models
from tests.backends.local import asking

TEXTS = asking.prompts(3)
TASKS = ("classify", "choose", "generate", "extract")


@pytest.fixture
def llama(tmp_path: Path) -> Path:
    return lm.save_language_model(tmp_path / "llama", seed=1)


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        ({"architectures": ["LlamaForCausalLM"]}, "causal"),
        ({"architectures": ["GPT2LMHeadModel"]}, "causal"),
        ({"architectures": ["T5ForConditionalGeneration"], "is_encoder_decoder": True}, "seq2seq"),
        ({"architectures": ["Gemma3ForConditionalGeneration"]}, "causal"),
        ({"architectures": ["LlamaForSequenceClassification"]}, "classifier"),
        ({"architectures": ["BertForMaskedLM"]}, None),
        ({"architectures": ["LlamaForTokenClassification"]}, None),
        ({"architectures": ["LlamaModel"]}, None),
        ({"id2label": {"0": "a"}}, "classifier"),
        ({"architectures": None}, None),
        ({}, None),
    ],
)
def test_the_architecture_says_what_a_model_is(config: dict[str, Any], kind: str | None) -> None:
    assert kind_of(config) == kind


@pytest.mark.parametrize("family", lm.FAMILIES)
def test_a_saved_language_model_is_known_as_one(tmp_path: Path, family: lm.Family) -> None:
    built = asking.local(lm.save_language_model(tmp_path / family, family))
    assert asking.complaints(built, *(asking.suite(TEXTS, task, choices=("a", "b")) for task in TASKS)) == ""  # type: ignore[arg-type]
    assert built._tools().kind == ("seq2seq" if family in lm.SEQ2SEQ else "causal")
    assert built._tools().window == (None if family == "t5" else lm.WINDOW)


@pytest.mark.parametrize(
    ("config", "tokenizer", "asked", "expected"),
    [
        ({"max_position_embeddings": 64}, 10**30, None, 64),
        ({"n_positions": 64}, 32, None, 32),
        ({"text_config": {"max_position_embeddings": 16}}, None, None, 16),
        ({"model_type": "roberta", "max_position_embeddings": 514, "pad_token_id": 1}, None, None, 512),
        ({"max_position_embeddings": 64}, 32, 128, 128),
        ({}, 10**30, None, None),
    ],
)
def test_the_window_is_the_smallest_that_is_known(config: Any, tokenizer: Any, asked: Any, expected: Any) -> None:
    assert window(config, tokenizer, asked) == expected


@pytest.mark.parametrize("task", TASKS)
def test_a_model_that_only_fills_gaps_is_a_complaint(tmp_path: Path, task: Any) -> None:
    folder = models.save_classifier(tmp_path / "bert")
    models.edit_config(folder, architectures=["BertForMaskedLM"])
    said = asking.complaints(models.classifier(folder), asking.suite(TEXTS, task, choices=models.LABELS))
    assert f"asks to {task}; a BertForMaskedLM can neither choose a label nor write text" in said
    with pytest.raises(BrokenError, match="names no architecture"):
        models.classifier(folder).run(build_requests(asking.suite(TEXTS, task, choices=models.LABELS)))


@pytest.mark.parametrize("task", TASKS[1:])
def test_a_classifier_can_only_classify(tmp_path: Path, task: Any) -> None:
    built = models.classifier(models.save_classifier(tmp_path / "bert"))
    said = asking.complaints(built, asking.suite(TEXTS, task, choices=models.LABELS))
    assert f"asks to {task}; a BertForSequenceClassification can only classify" in said


def test_a_configuration_without_an_architecture_is_a_complaint(llama: Path) -> None:
    models.edit_config(llama, architectures=None)
    assert "names no architecture" in asking.complaints(asking.local(llama), asking.suite(TEXTS, "generate"))


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"device": "gpu"}, '"gpu" is no device'),
        ({"device": "cuda:x"}, '"cuda:x" is no device'),
        ({"device": "cpu", "device_map": "auto"}, "both device and device_map"),
    ],
)
def test_a_device_that_is_none_is_a_complaint(llama: Path, spec: dict[str, str], expected: str) -> None:
    assert expected in asking.complaints(asking.local(llama, **spec), asking.suite(TEXTS, "generate"))


def test_cuda_without_a_device_is_a_complaint(llama: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for device in ("cuda", "cuda:1"):
        said = asking.complaints(asking.local(llama, device=device), asking.suite(TEXTS, "generate"))
        assert f"asks for {device}, and there is no CUDA device here" in said


def test_a_map_needs_accelerate(llama: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "accelerate" else real(name))
    said = asking.complaints(asking.local(llama, device="auto", device_map="auto"), asking.suite(TEXTS, "generate"))
    assert "needs the package accelerate" in said
    assert "pip install accelerate" in said


def test_weights_that_a_model_lacks_are_not_drawn_at_random(llama: Path) -> None:
    from safetensors.torch import load_file, save_file

    path = llama / "model.safetensors"
    save_file(
        {name: each for name, each in load_file(path).items() if name != "lm_head.weight"},
        path,
        metadata={"format": "pt"},
    )
    with pytest.raises(BrokenError, match=r"its files lack lm_head\.weight"):
        asking.local(llama).run(build_requests(asking.suite(TEXTS, "generate")))


def test_a_causal_classifier_is_padded_on_the_right(tmp_path: Path) -> None:
    # It pools the last token that is not padding, and its tokenizer has no padding token and pads on the left.
    import torch
    import transformers

    folder = tmp_path / "judge"
    ids = {"bos_token_id": 0, "eos_token_id": 1}
    torch.manual_seed(3)
    model = transformers.GPT2ForSequenceClassification(
        transformers.GPT2Config(
            vocab_size=lm.VOCABULARY, n_embd=32, n_layer=2, n_head=2, n_positions=64, num_labels=3, **ids
        )
    ).eval()
    model.save_pretrained(folder)
    tokenizer = lm.tokenizer_of("llama", side="left")
    tokenizer.save_pretrained(folder)
    asked = asking.suite(TEXTS, "classify", choices=models.LABELS)
    built = asking.local(folder)
    assert asking.complaints(built, asked) == ""
    outputs = built.run(build_requests(asked))
    for text, output in zip(TEXTS, outputs, strict=True):
        with torch.inference_mode():
            plain = model(torch.tensor([tokenizer(text)["input_ids"]])).logits[0].double().softmax(-1).tolist()
        assert output.probs == pytest.approx(plain, abs=1e-6)
