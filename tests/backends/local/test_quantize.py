"""Models that are quantised while they are loaded, and checkpoints that were: checked, loaded, asked and weighed."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from importlib import util
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from evalkit.backends import weights
from evalkit.backends.embedding import Embedding
from evalkit.backends.local import quantize, quantized
from evalkit.backends.local.abilities import abilities, rows_apart
from evalkit.backends.local.loading import load_model, load_tokenizer
from evalkit.backends.local.weighing import loaded_bytes, parameters_of
from evalkit.cache import Shelf
from evalkit.errors import BrokenError
from evalkit.specs import Quantize, TransformersSpec
from evalkit.weighing import weighed
from tests import language_models, models
from tests.backends.local import asking

NAMES: tuple[Quantize, ...] = get_args(Quantize)
BY_TORCHAO = [each for each in NAMES if each.startswith("torchao:")]
WIDTH, LAYERS, VOCABULARY = 64, 2, language_models.VOCABULARY
CHOOSE = asking.suite(asking.prompts(5), "choose", choices=asking.CHOICES)
WRITE = asking.suite(asking.prompts(3), "generate")


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return language_models.save_language_model(tmp_path_factory.mktemp("llama") / "model", width=WIDTH, layers=LAYERS)


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return models.save_classifier(tmp_path_factory.mktemp("bert") / "model")


@pytest.fixture(scope="module")
def saved(llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint that brings torchao's int8 weights along, as transformers writes it."""
    import transformers

    folder = tmp_path_factory.mktemp("saved") / "model"
    load(llama, "torchao:int8wo").save_pretrained(folder)
    transformers.AutoTokenizer.from_pretrained(llama).save_pretrained(folder)
    return folder


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    assert [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING] == []


def load(folder: Path, name: Quantize | None, kind: Any = "causal") -> Any:
    model, _ = load_model(
        folder, kind, load_tokenizer(folder), dtype="float32", device="cpu", device_map=None, quantize=name
    )
    return model


def logprobs(model: Any, *rows: list[int]) -> Any:
    import torch

    with torch.inference_mode():
        return model(input_ids=torch.tensor(rows)).logits.log_softmax(-1)


def bringing(folder: Path, said: Any, tmp_path: Path) -> Path:
    """The same model, whose configuration says this of its quantisation."""
    other = tmp_path / "bringing"
    other.mkdir()
    for each in folder.iterdir():
        (other / each.name).write_bytes(each.read_bytes())
    language_models.edit_json(other / "config.json", quantization_config=said)
    return other


# --- what is complained about ------------------------------------------------------------------------


def test_every_name_of_a_plan_has_words() -> None:
    assert set(quantize.WORDS) == set(NAMES)
    assert len(set(quantize.WORDS.values())) == len(NAMES)


@pytest.mark.parametrize(
    ("spec", "problem", "remedy"),
    [
        ({"quantize": "int8-dynamic", "device": "cuda"}, "for a CPU only", "device: cpu"),
        ({"quantize": "int8-dynamic", "dtype": "bfloat16"}, "computes from float32", "leave dtype out"),
    ],
)
def test_what_int8_dynamic_cannot_run_on_is_a_complaint(spec: dict[str, Any], problem: str, remedy: str) -> None:
    found = quantize.problem(TransformersSpec(model="any", **spec))
    assert found is not None
    assert problem in found[0]
    assert remedy in found[1]


def test_a_device_map_and_quantize_are_a_complaint() -> None:
    found = quantize.problem(TransformersSpec(model="any", quantize="torchao:int8wo", device_map="auto"))
    assert found is not None
    assert "device_map" in found[0]


def without(monkeypatch: pytest.MonkeyPatch, *packages: str) -> None:
    real = util.find_spec
    for module in (quantize, quantized):
        monkeypatch.setattr(module, "find_spec", lambda name: None if name in packages else real(name))


def test_torchao_that_is_not_installed_is_a_complaint(llama: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "torchao")
    said = asking.complaints(asking.local(llama, quantize="torchao:int8wo"), CHOOSE)
    assert "pip install 'evalkit[torchao]'" in said
    assert asking.complaints(asking.local(llama, quantize="int8-dynamic"), CHOOSE) == ""


def test_a_torch_without_the_kernels_is_a_complaint(llama: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "torch.ao.quantization")
    assert "quantize: torchao:int8dq" in asking.complaints(asking.local(llama, quantize="int8-dynamic"), CHOOSE)


def test_quantised_weights_are_not_quantised_again(saved: Path) -> None:
    said = asking.complaints(asking.local(saved, quantize="int8-dynamic"), CHOOSE)
    assert "quantised already (torchao Int8WeightOnly)" in said
    assert "leave quantize out" in said


@pytest.mark.parametrize(
    ("said", "words", "missing", "remedy"),
    [
        ({"quant_method": "gptq", "bits": 4}, "4-bit GPTQ", ("optimum",), "pip install optimum"),
        ({"quant_method": "gptq", "bits": 3}, "3-bit GPTQ", ("optimum", "gptqmodel"), "optimum gptqmodel"),
        ({"quant_method": "awq", "w_bit": 4}, "4-bit AWQ", ("gptqmodel",), "pip install gptqmodel"),
        (
            {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4"},
            "4-bit bitsandbytes (nf4)",
            ("bitsandbytes", "accelerate"),
            "pip install bitsandbytes accelerate",
        ),
        ({"load_in_8bit": True}, "8-bit bitsandbytes", ("bitsandbytes",), "pip install bitsandbytes"),
        (
            {"quant_method": "compressed-tensors", "format": "pack-quantized"},
            "compressed-tensors (pack-quantized)",
            ("compressed_tensors",),
            "pip install compressed-tensors",
        ),
    ],
)
def test_a_package_that_a_checkpoint_needs_is_a_complaint(
    llama: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    said: dict[str, Any],
    words: str,
    missing: tuple[str, ...],
    remedy: str,
) -> None:
    # All of them are there but those that are missing, whatever this environment has.
    monkeypatch.setattr(quantized, "find_spec", lambda name: None if name in missing else object())
    found = asking.complaints(asking.local(bringing(llama, said, tmp_path)), CHOOSE)
    assert f"({words})" in found
    assert remedy in found


def test_a_checkpoint_for_a_gpu_is_a_complaint_on_a_cpu(
    llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantized, "find_spec", lambda name: object())
    found = asking.complaints(asking.local(bringing(llama, {"quant_method": "fbgemm_fp8"}, tmp_path)), CHOOSE)
    assert "runs on a GPU only, and the device is cpu" in found


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ({"quant_method": "of-my-own"}, 'quantised by "of-my-own", for which transformers has no loader'),
        ({"bits": 4}, "names no quant_method"),
        ("int8", "is no mapping"),
    ],
)
def test_a_quantisation_that_nobody_can_load_is_a_complaint(
    llama: Path, tmp_path: Path, said: Any, problem: str
) -> None:
    assert problem in asking.complaints(asking.local(bringing(llama, said, tmp_path)), CHOOSE)


def test_a_sentence_encoder_is_not_quantised(classifier: Path) -> None:
    built = Embedding(TransformersSpec(model=str(classifier), quantize="int8-dynamic"), "judge")
    assert "leave quantize out" in "".join(map(str, built.check([])))


# --- what is loaded ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_quantize_changes_answers_a_little(llama: Path, name: Quantize) -> None:
    row = [5, 7, 9, 11, 13, 15]
    one, other = logprobs(load(llama, None), row), logprobs(load(llama, name), row)
    moved = (one.exp() - other.exp()).abs().sum(-1).mean() / 2
    # Total variation: of a model drawn at random and not quantised it would be near 1.
    assert 0 < float(moved) < (0.8 if "4" in name else 0.5)


def test_torchao_by_the_loader_is_torchao_by_itself(llama: Path) -> None:
    """On the linear layers within the decoder; transformers leaves the output layer as it is."""
    from torch import nn
    from torchao.quantization import Int8WeightOnlyConfig, quantize_

    by_hand = load(llama, None)
    quantize_(by_hand, Int8WeightOnlyConfig(), lambda module, name: isinstance(module, nn.Linear) and name != "lm_head")
    row = [5, 7, 9, 11, 13, 15]
    assert (logprobs(by_hand, row) == logprobs(load(llama, "torchao:int8wo"), row)).all()


def test_int8_dynamic_is_arithmetic_that_can_be_done_by_hand(llama: Path) -> None:
    """Weights with one scale a tensor, activations with one scale a batch in seven bits and a sign."""
    import torch

    plain, made = load(llama, None).lm_head, load(llama, "int8-dynamic").lm_head
    torch.manual_seed(0)
    given = torch.randn(3, WIDTH)
    scale = made.weight().q_scale()
    whole = made.weight().int_repr().double()
    assert float((whole * scale - plain.weight.detach().double()).abs().max()) <= scale * 0.5001
    low, high = min(0.0, float(given.min())), max(0.0, float(given.max()))
    step = (high - low) / 127
    zero = round(-low / step)
    rounded = ((given.double() / step).round() + zero).clamp(0, 127) - zero
    expected = rounded * step @ (whole * scale).T
    # What the kernel rounds the other way at a tie is one step of one number.
    assert float((made(given).detach().double() - expected).abs().max()) <= step * float((whole * scale).abs().max())


@pytest.mark.parametrize("name", BY_TORCHAO)
def test_a_model_without_layers_for_it_is_broken(tmp_path: Path, name: Quantize) -> None:
    """GPT-2 keeps its weights in layers of another kind."""
    folder = language_models.save_language_model(tmp_path / "gpt2", "gpt2", width=WIDTH)
    with pytest.raises(BrokenError, match=r"has no layer that quantize: torchao:\w+ can change"):
        asking.answers(asking.local(folder, quantize=name), WRITE)


def test_a_saved_checkpoint_answers_as_the_model_that_it_was_saved_from(llama: Path, saved: Path) -> None:
    for suite in (CHOOSE, WRITE):
        mine, theirs = asking.local(saved), asking.local(llama, quantize="torchao:int8wo")
        assert asking.complaints(mine, suite) == ""
        assert [replace(each, prompt_hash=None) for each in asking.answers(mine, suite)] == [
            replace(each, prompt_hash=None) for each in asking.answers(theirs, suite)
        ]


@pytest.mark.parametrize("name", [None, *NAMES])
def test_a_quantised_classifier_answers_as_alone(classifier: Path, name: Quantize | None) -> None:
    suite = models.suite_of(models.texts(8))
    built = asking.local(classifier, quantize=name)
    assert asking.complaints(built, suite) == ""
    for one, other in zip(asking.answers(built, suite), asking.one_by_one(built, suite), strict=True):
        assert one.probs == pytest.approx(other.probs, abs=1e-5)


@pytest.mark.parametrize("family", ["llama", "t5", "opt"])
@pytest.mark.parametrize("name", quantize.IN_STEPS)
def test_in_batches_and_alone_a_model_that_rounds_activations_says_the_same(
    tmp_path: Path, family: language_models.Family, name: Quantize
) -> None:
    folder = language_models.save_language_model(tmp_path / "model", family, width=WIDTH)
    built = asking.local(folder, quantize=name)
    for suite in (CHOOSE, WRITE):
        alone = [replace(each, latency_s=None, ttft_s=None) for each in asking.one_by_one(built, suite)]
        assert asking.answers(built, suite) == alone
    assert "one row at a time" in "".join(built.notes([CHOOSE]))


# --- what it can be asked for ------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_the_probes_find_that_rows_of_int8_dynamic_hang_on_each_other(tmp_path: Path, seed: int) -> None:
    """The batch has one scale for its activations, so that neighbours in it, and other branches, move a row."""
    folder = language_models.save_language_model(tmp_path / "model", seed=seed, width=WIDTH)
    made, plain = load(folder, "int8-dynamic"), load(folder, None)
    row, other = [5, 7, 9, 11], [100, 200, 300, 310]
    assert float((logprobs(made, row, other)[0] - logprobs(made, row)[0]).abs().max()) > 1e-3
    assert float((logprobs(plain, row, other)[0] - logprobs(plain, row)[0]).abs().max()) < 1e-4
    assert not rows_apart(made, "causal")
    assert not abilities(made).branches
    assert rows_apart(plain, "causal")
    assert abilities(plain).branches


def test_the_probe_finds_it_in_classifiers_and_sequence_to_sequence_models_too(
    classifier: Path, tmp_path: Path
) -> None:
    t5 = language_models.save_language_model(tmp_path / "t5", "t5")
    for folder, kind in ((classifier, "classifier"), (t5, "seq2seq")):
        assert rows_apart(load(folder, None, kind), kind)  # type: ignore[arg-type]
        assert not rows_apart(load(folder, "int8-dynamic", kind), kind)  # type: ignore[arg-type]


def test_weights_alone_are_quantised_and_choices_are_a_tree_still(llama: Path) -> None:
    built = asking.local(llama, quantize="torchao:int8wo")
    flat = asking.local(llama, quantize="torchao:int8wo")
    flat.run(asking.build_requests(CHOOSE)[:1])
    assert flat.tools is not None
    flat.tools.abilities = replace(flat.tools.abilities, branches=False)
    for one, other in zip(asking.answers(built, CHOOSE), asking.answers(flat, CHOOSE), strict=True):
        assert one.choice_logprobs == pytest.approx(other.choice_logprobs, abs=1e-4)
    assert (built.counts()["choices_one_by_one"], flat.counts()["choices_one_by_one"]) == (0, 5)


@pytest.mark.parametrize(
    ("said", "mixes"),
    [
        ({"quant_method": "bitsandbytes", "load_in_8bit": True}, True),
        ({"quant_method": "bitsandbytes", "load_in_8bit": True, "llm_int8_threshold": 0.0}, False),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, False),
        ({"quant_method": "torchao", "quant_type": {"default": {"_type": "Int8WeightOnlyConfig"}}}, False),
        (
            {"quant_method": "torchao", "quant_type": {"default": {"_type": "Int8DynamicActivationInt8WeightConfig"}}},
            True,
        ),
    ],
)
def test_methods_that_round_activations_are_known_by_name(said: dict[str, Any], mixes: bool) -> None:
    found = quantized.own({"quantization_config": said})
    assert found is not None
    assert found.mixes_rows is mixes


# --- who it is and what it weighs --------------------------------------------------------------------


def test_each_quantisation_has_a_key_of_its_own_and_none_keeps_the_old_one(llama: Path) -> None:
    plain = asking.local(llama).identify()
    assert "quantize" not in plain.settings
    assert plain.quantization is None
    found = [asking.local(llama, quantize=each).identify() for each in NAMES]
    assert len({json.dumps(dict(each.settings), sort_keys=True) for each in (plain, *found)}) == len(NAMES) + 1
    assert [each.quantization for each in found] == [quantize.WORDS[each] for each in NAMES]


def test_auto_is_what_int8_dynamic_runs_on(llama: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    facts = asking.local(llama, quantize="int8-dynamic", device="auto", dtype="auto").identify()
    assert (facts.device, facts.dtype) == ("cpu", "float32")


def linear_numbers() -> tuple[int, int]:
    """(numbers in the decoder's linear layers, their rows) of the llama above, counted by hand."""
    key = WIDTH // 2  # one of two heads
    shapes = [(WIDTH, WIDTH), (key, WIDTH), (key, WIDTH), (WIDTH, WIDTH), *[(2 * WIDTH, WIDTH)] * 2, (WIDTH, 2 * WIDTH)]
    return LAYERS * sum(a * b for a, b in shapes), LAYERS * sum(a for a, _ in shapes)


def test_loaded_bytes_are_those_that_can_be_counted_by_hand(llama: Path) -> None:
    inner, rows = linear_numbers()
    table, norms = VOCABULARY * WIDTH, (2 * LAYERS + 1) * WIDTH
    assert loaded_bytes(load(llama, None)) == 4 * (inner + 2 * table + norms)
    # One byte a number, and one scale (float32) and one zero point (int8) a row; embeddings and output as they were.
    assert loaded_bytes(load(llama, "torchao:int8wo")) == inner + 5 * rows + 4 * (2 * table + norms)
    # One byte a number, in the output layer too. Each layer's scale and zero point are saved: of its result, which
    # dynamic layers do not use, a float32 and an int64.
    layers = 7 * LAYERS + 1
    assert loaded_bytes(load(llama, "int8-dynamic")) == inner + table + 4 * (table + norms) + 12 * layers


def test_the_files_tell_what_an_unquantised_model_weighs(llama: Path, classifier: Path) -> None:
    for folder, kind in ((llama, "causal"), (classifier, "classifier")):
        facts = asking.local(folder).identify()
        assert facts.loaded_bytes == loaded_bytes(load(folder, None, kind)) == weights.size_as(folder, "float32")
        assert weights.size_as(folder, "bfloat16") == weights.size_as(folder, "float32") // 2


def test_a_shared_weight_weighs_once(tmp_path: Path) -> None:
    import torch
    import transformers

    config = transformers.LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64,
        tie_word_embeddings=True,
    )  # fmt: skip
    torch.manual_seed(0)
    model = transformers.LlamaForCausalLM(config)
    assert loaded_bytes(model) == 4 * sum(each.numel() for each in model.parameters())


def test_parameters_of_a_quantised_checkpoint_are_those_of_the_model(llama: Path, saved: Path) -> None:
    whole = weights.parameter_count(llama)
    assert asking.local(saved).identify().parameters == parameters_of(saved) == whole
    # What the headers say has scales and zero points in it.
    assert weights.parameter_count(saved) > whole


def test_a_quantised_checkpoint_says_what_it_is(saved: Path) -> None:
    facts = asking.local(saved).identify()
    assert facts.quantization == "torchao Int8WeightOnly"
    assert (facts.sparsity, facts.loaded_bytes) == (None, None)
    assert facts.bytes == (saved / "model.safetensors").stat().st_size


def test_a_quantised_model_is_weighed_once_and_the_weight_is_kept(
    llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = asking.local(llama, quantize="torchao:int8wo")
    first = weighed(built, built.identify(), tmp_path)
    assert first.loaded_bytes == loaded_bytes(load(llama, "torchao:int8wo"))
    again = asking.local(llama, quantize="torchao:int8wo")
    monkeypatch.setattr(again, "loaded_bytes", lambda: pytest.fail("it was weighed before"))
    assert weighed(again, again.identify(), tmp_path) == first
    # Another one is another weight.
    other = asking.local(llama, quantize="torchao:intx4wo")
    assert weighed(other, other.identify(), tmp_path).loaded_bytes != first.loaded_bytes


def test_an_unquantised_model_is_not_loaded_to_be_weighed(
    llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = asking.local(llama)
    monkeypatch.setattr(built, "loaded_bytes", lambda: pytest.fail("its files say it"))
    facts = built.identify()
    assert weighed(built, facts, tmp_path) == facts
    assert not any(tmp_path.iterdir())


def test_a_weight_that_was_kept_is_no_answer(llama: Path, tmp_path: Path) -> None:
    built = asking.local(llama, quantize="torchao:int8wo")
    facts = weighed(built, built.identify(), tmp_path)
    assert Shelf(tmp_path, facts).get(asking.build_requests(CHOOSE)) is None


# --- pruned ------------------------------------------------------------------------------------------


def pruned(folder: Path, source: Path, keep: Any) -> Path:
    """A copy of a model in which every matrix has zeros where `keep` says so."""
    folder.mkdir()
    for each in source.iterdir():
        (folder / each.name).write_bytes(each.read_bytes())
    held = load_file(source / "model.safetensors")
    save_file(
        {name: np.where(keep(each), each, np.float32(-0.0)) if each.ndim > 1 else each for name, each in held.items()},
        folder / "model.safetensors",
        metadata={"format": "pt"},
    )
    return folder


def test_sparsity_is_the_share_of_zeros_in_matrices(llama: Path, tmp_path: Path) -> None:
    # Two of every four, as the sparse kernels of GPUs want them; and −0 is zero.
    folder = pruned(tmp_path / "pruned", llama, lambda each: np.arange(each.size).reshape(each.shape) % 4 < 2)
    facts = asking.local(folder).identify()
    assert facts.sparsity == 0.5
    assert facts.parameters == weights.parameter_count(llama)
    whole = load_file(llama / "model.safetensors")
    expected = sum((each == 0).sum() for each in whole.values() if each.ndim > 1)
    assert asking.local(llama).identify().sparsity == expected / sum(e.size for e in whole.values() if e.ndim > 1)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_sparsity_is_that_of_torch_in_every_dtype(tmp_path: Path, dtype: str) -> None:
    import torch
    from safetensors.torch import save_file as save

    torch.manual_seed(0)
    held = torch.randn(1500, 701)
    held[torch.rand(held.shape) < 0.3] = 0.0
    held[0, :5] = -0.0
    held = held.to(getattr(torch, dtype))
    save(
        {"a": held, "whole": torch.zeros(4, 4, dtype=torch.int64), "bias": torch.zeros(9)},
        tmp_path / "model.safetensors",
    )
    zeros = int((held.float() == 0).sum())
    assert weights.sparsity(tmp_path) == zeros / held.numel()


def test_weights_that_are_not_floating_have_no_sparsity(tmp_path: Path) -> None:
    save_file(
        {"a": np.zeros((3, 3), dtype=np.int8), "b": np.zeros(5, dtype=np.float32)}, tmp_path / "model.safetensors"
    )
    assert weights.sparsity(tmp_path) is None


def test_a_file_that_is_cut_off_has_no_sparsity(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"a": np.ones((64, 64), dtype=np.float32)}, path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match="is cut off"):
        weights.sparsity(tmp_path)


# --- bitsandbytes, where it is -----------------------------------------------------------------------


@pytest.mark.skipif(
    util.find_spec("bitsandbytes") is None or util.find_spec("accelerate") is None, reason="needs bitsandbytes"
)
@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning")
def test_a_checkpoint_of_bitsandbytes_answers_here(llama: Path, tmp_path: Path, bits: int) -> None:
    import transformers

    asked: dict[str, Any] = (
        {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4"} if bits == 4 else {"load_in_8bit": True}
    )
    made = transformers.AutoModelForCausalLM.from_pretrained(
        llama, quantization_config=transformers.BitsAndBytesConfig(**asked), device_map={"": "cpu"}
    )
    # Before its first forward pass: on a CPU that lays 4-bit weights out anew, and what is saved then is another model.
    made.save_pretrained(tmp_path / "made")
    load_tokenizer(llama).save_pretrained(tmp_path / "made")
    built = asking.local(tmp_path / "made")
    assert asking.complaints(built, CHOOSE) == ""
    facts = built.identify()
    assert facts.parameters == weights.parameter_count(llama)
    assert facts.quantization == {8: "8-bit bitsandbytes", 4: "4-bit bitsandbytes (nf4)"}[bits]
    inner, _ = linear_numbers()
    rest = 4 * (2 * VOCABULARY * WIDTH + (2 * LAYERS + 1) * WIDTH)
    weight = built.loaded_bytes()
    assert weight is not None
    assert inner * bits // 8 + rest < weight < inner * bits // 8 * 1.2 + rest
    for one, other in zip(asking.answers(built, CHOOSE), asking.one_by_one(built, CHOOSE), strict=True):
        assert one.choice_logprobs == pytest.approx(other.choice_logprobs, abs=1e-3)
    assert built.tools is not None
    assert built.tools.apart is (bits == 4)
