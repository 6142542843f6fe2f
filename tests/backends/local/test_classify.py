"""The transformers classifier against plain transformers, and against everything that can go wrong with a model."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from evalkit.backends.local import Local, hardware
from evalkit.backends.local.classify import Classify
from evalkit.backends.local.hardware import Stopwatch
from evalkit.errors import BrokenError
from evalkit.files import digest_text
from evalkit.requests import build_requests
from evalkit.specs import TransformersSpec
from evalkit.types import Output, Request
from tests import models

TEXTS = [*models.texts(20), " ".join(models.WORDS * 3), ""]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One saved model of each shape."""
    root = tmp_path_factory.mktemp("models")
    return {shape: models.save_classifier(root / shape, shape) for shape in models.SHAPES}


@pytest.fixture
def folder(saved: dict[str, Path], tmp_path: Path) -> Path:
    """A BERT that a test may change."""
    return Path(shutil.copytree(saved["bert"], tmp_path / "model"))


def asked(texts: Sequence[str] = TEXTS, labels: Sequence[str] = models.LABELS) -> list[Request]:
    return build_requests(models.suite_of(texts, labels))


def probs(outputs: Sequence[Output]) -> list[tuple[float, ...]]:
    assert all(each.probs is not None for each in outputs), outputs
    return [each.probs or () for each in outputs]


def furthest(one: Sequence[Sequence[float]], other: Sequence[Sequence[float]]) -> float:
    return max(abs(a - b) for row, again in zip(one, other, strict=True) for a, b in zip(row, again, strict=True))


def complaints(built: Local, labels: Sequence[str] = models.LABELS) -> str:
    return "\n".join(str(each) for each in built.check([models.suite_of(TEXTS, labels)]))


def in_batches(built: Local, requests: Sequence[Request]) -> list[Output]:
    """As `collect` runs them."""
    found: dict[int, Output] = {}
    for batch in built.batches(requests):
        found.update(zip(batch, built.run([requests[index] for index in batch]), strict=True))
    return [found[index] for index in range(len(requests))]


def loaded(built: Local) -> Any:
    assert built.tools is not None
    return built.tools.model


# --- the numbers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", models.SHAPES)
def test_probabilities_are_those_of_plain_transformers(saved: dict[str, Path], shape: str) -> None:
    plain = models.plain_probs(saved[shape], TEXTS, models.POSITIONS)
    built = models.classifier(saved[shape], batch_tokens=150)
    requests = asked()
    assert len(built.batches(requests)) > 3
    assert furthest(probs(in_batches(built, requests)), plain) < 1e-6
    assert furthest(probs([built.run([each])[0] for each in requests]), plain) < 1e-6
    # Padding to the longest text of all is the hardest test of masks and position ids.
    assert furthest(probs(built.run(requests)), plain) < 1e-6


@pytest.mark.parametrize("shape", models.SHAPES)
def test_labels_are_matched_by_name(saved: dict[str, Path], shape: str) -> None:
    order = (2, 0, 1)
    turned = tuple(models.LABELS[index] for index in order)
    built = models.classifier(saved[shape])
    assert complaints(built, turned) == ""
    plain = models.plain_probs(saved[shape], TEXTS, models.POSITIONS)
    outputs = built.run(asked(labels=turned))
    assert furthest(probs(outputs), [[row[index] for index in order] for row in plain]) < 1e-6
    assert [each.label for each in outputs] == [models.LABELS[row.index(max(row))] for row in plain]


def test_one_model_serves_suites_that_order_the_labels_differently(saved: dict[str, Path]) -> None:
    built = models.classifier(saved["bert"])
    straight, turned = asked(), asked(labels=models.LABELS[::-1])
    first = built.run(straight)
    assert [each.label for each in built.run(turned)] == [each.label for each in first]
    assert built.run(straight) == first


def test_a_model_without_label_names_takes_the_order_of_the_suite(tmp_path: Path) -> None:
    unnamed = models.save_classifier(tmp_path / "unnamed", labels=None, count=3)
    built = models.classifier(unnamed)
    assert complaints(built) == ""
    assert furthest(probs(built.run(asked())), models.plain_probs(unnamed, TEXTS, models.POSITIONS)) < 1e-6
    assert "it has 3, the suite 2" in complaints(models.classifier(unnamed), ("yes", "no"))


def test_a_suite_whose_labels_are_called_label_n_is_matched_by_name_too(tmp_path: Path) -> None:
    unnamed = models.save_classifier(tmp_path / "unnamed", labels=None, count=3)
    turned = ("LABEL_2", "LABEL_0", "LABEL_1")
    plain = models.plain_probs(unnamed, TEXTS, models.POSITIONS)
    outputs = models.classifier(unnamed).run(asked(labels=turned))
    assert [each.label for each in outputs] == [f"LABEL_{row.index(max(row))}" for row in plain]


def test_two_labels_that_are_the_default_need_no_word_in_the_configuration(tmp_path: Path) -> None:
    two = models.save_classifier(tmp_path / "two", labels=None, count=2)
    models.edit_config(two, id2label=None, label2id=None)
    assert complaints(models.classifier(two), ("yes", "no")) == ""
    models.edit_config(two, num_labels=3)
    assert "it has 3, the suite 2" in complaints(models.classifier(two), ("yes", "no"))


def test_other_labels_are_a_complaint_that_names_them(saved: dict[str, Path]) -> None:
    said = complaints(models.classifier(saved["bert"]), ("card", "refund", "loan"))
    assert "it lacks 'loan'" in said
    assert "it also knows 'transfer'" in said
    assert "id2label" in said


def test_two_outputs_of_one_name_are_a_complaint(folder: Path) -> None:
    models.edit_config(folder, id2label={"0": "card", "1": "refund", "2": "card"})
    assert "same name" in complaints(models.classifier(folder), ("card", "refund"))


# --- what the model sees -----------------------------------------------------------------------------


@pytest.mark.parametrize("shape", models.SHAPES)
def test_a_long_text_is_cut_to_what_the_model_takes(saved: dict[str, Path], shape: str) -> None:
    built = models.classifier(saved[shape])
    requests = asked(["card", " ".join(["refund"] * 100), "a " * 100])
    outputs = in_batches(built, requests)
    assert [each.status for each in outputs] == ["ok"] * 3
    assert [each.tokens_in for each in outputs][1:] == [models.POSITIONS] * 2
    assert built.counts()["cut_inputs"] == 2


def test_a_plan_may_cut_shorter(saved: dict[str, Path]) -> None:
    built = models.classifier(saved["bert"], max_length=6)
    outputs = in_batches(built, asked())
    assert max(each.tokens_in or 0 for each in outputs) == 6
    assert furthest(probs(outputs), models.plain_probs(saved["bert"], TEXTS, 6)) < 1e-6


def test_the_smaller_of_two_limits_counts(folder: Path) -> None:
    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**config, "model_max_length": 9}), encoding="utf-8")
    assert max(each.tokens_in or 0 for each in models.classifier(folder).run(asked())) == 9


def test_a_lone_surrogate_is_escaped_and_hashed_as_seen(saved: dict[str, Path]) -> None:
    built = models.classifier(saved["roberta"])
    broken, escaped = in_batches(built, asked(["lost \ud800 card", r"lost \ud800 card"]))
    assert broken.status == escaped.status == "ok"
    assert broken.probs == escaped.probs
    assert broken.prompt_hash == escaped.prompt_hash == digest_text(r"lost \ud800 card")


@pytest.mark.parametrize("text", ["", "\x00", "🏦" * 3, "\u202e", "a" * 100_000])
def test_odd_texts_are_answered(saved: dict[str, Path], text: str) -> None:
    assert in_batches(models.classifier(saved["bert"]), asked(["card", text]))[1].status == "ok"


# --- batches -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("budget", [1, 64, 200, 100_000])
def test_a_batch_keeps_the_budget_of_padded_tokens(saved: dict[str, Path], budget: int) -> None:
    built = models.classifier(saved["bert"], batch_tokens=budget)
    requests = asked()
    seen = {each.example_id: each.tokens_in or 0 for each in built.run(requests)}
    batches = built.batches(requests)
    for batch in batches:
        longest = max(seen[requests[index].example_id] for index in batch)
        assert len(batch) == 1 or longest * len(batch) <= budget
    if budget == 100_000:
        assert len(batches) == 1


def test_the_same_texts_in_another_order_make_the_same_batches(saved: dict[str, Path]) -> None:
    built = models.classifier(saved["bert"], batch_tokens=100)
    requests = asked()
    turned = requests[::-1]
    texts = [[requests[index].prompt for index in batch] for batch in built.batches(requests)]
    assert [[turned[index].prompt for index in batch] for batch in built.batches(turned)] == texts


# --- running out of memory, and other trouble ----------------------------------------------------------


def failing(monkeypatch: pytest.MonkeyPatch, when: Callable[[Sequence[Request]], bool], error: Exception) -> None:
    """Classifiers fail on the batches that `when` names."""
    real = Classify.answer

    def answer(self: Classify, requests: Sequence[Request], watch: Stopwatch | None) -> list[Output]:
        if when(requests):
            raise error
        return real(self, requests, watch)

    monkeypatch.setattr(Classify, "answer", answer)


OUT_OF_MEMORY = "out of memory: tried to allocate 1 GiB\nmore lines"


@pytest.mark.parametrize("kind", [None, RuntimeError])
def test_out_of_memory_halves_the_batch_and_carries_on(
    saved: dict[str, Path], kind: type[Exception] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    requests = asked()
    roomy = models.classifier(saved["bert"]).run(requests)
    failing(monkeypatch, lambda batch: len(batch) > 3, (kind or torch.OutOfMemoryError)(OUT_OF_MEMORY))
    built = models.classifier(saved["bert"])
    outputs = built.run(requests)
    assert [each.example_id for each in outputs] == [each.example_id for each in roomy]
    assert [each.label for each in outputs] == [each.label for each in roomy]
    assert furthest(probs(outputs), probs(roomy)) < 1e-6
    # 22 rows → 11, 11 → 5, 6, 5, 6 → 2, 3 …: one split of 22, two of 11, four of 5 and 6.
    assert built.counts()["out_of_memory_splits"] == 7


def test_one_row_that_does_not_fit_is_an_error(saved: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    failing(monkeypatch, lambda batch: True, torch.OutOfMemoryError(OUT_OF_MEMORY))
    outputs = models.classifier(saved["bert"]).run(asked()[:3])
    assert [each.status for each in outputs] == ["error"] * 3
    assert outputs[0].error == "out of memory: tried to allocate 1 GiB"


def test_a_batch_that_fails_for_another_reason_is_no_memory_split(
    saved: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, lambda batch: any(each.example_id == "e4" for each in batch), ValueError())
    built = models.classifier(saved["bert"])
    outputs = built.run(asked())
    assert [each.example_id for each in outputs if each.status == "error"] == ["e4"]
    assert outputs[4].error == "ValueError"
    assert built.counts()["out_of_memory_splits"] == 0


def test_a_token_that_the_model_has_no_row_for_is_an_error(folder: Path) -> None:
    path = folder / "tokenizer.json"
    tokenizer = json.loads(path.read_text(encoding="utf-8"))
    tokenizer["model"]["vocab"]["pin"] = 5000
    path.write_text(json.dumps(tokenizer), encoding="utf-8")
    outputs = in_batches(models.classifier(folder), asked(["my card", "my pin"]))
    assert [each.status for each in outputs] == ["ok", "error"]


def test_a_tokenizer_that_does_not_fit_the_model_is_an_error_and_no_traceback(
    saved: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    # What DistilBERT says to a tokenizer that gives it BERT's segments.
    failing(monkeypatch, lambda batch: True, TypeError("forward() got an unexpected keyword argument 'token_type_ids'"))
    assert {each.status for each in models.classifier(saved["bert"]).run(asked())} == {"error"}


def test_logits_that_are_not_finite_are_an_error(folder: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    path = folder / "model.safetensors"
    tensors = load_file(path)
    vocabulary = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    tensors["bert.embeddings.word_embeddings.weight"][vocabulary["pin"]] = torch.nan
    save_file(tensors, path, metadata={"format": "pt"})
    outputs = in_batches(models.classifier(folder), asked(["my card", "my pin", "refund"]))
    assert [each.status for each in outputs] == ["ok", "error", "ok"]
    assert outputs[1].error == "the model's logits are not finite"


# --- loading -----------------------------------------------------------------------------------------


def test_weights_that_are_cut_off_in_their_numbers_are_a_breakage(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    built = models.classifier(folder)
    assert complaints(built) == ""
    with pytest.raises(BrokenError, match=r"the student model .* cannot be loaded"):
        built.run(asked())


@pytest.mark.parametrize(
    "content", [b"", b"\x10", b"\xff" * 64, b"\x02\0\0\0\0\0\0\0[]", b"\x07\0\0\0\0\0\0\0" + b'{"a":1}']
)
def test_weights_with_a_damaged_header_are_a_breakage(folder: Path, content: bytes) -> None:
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(BrokenError, match="cannot be read"):
        models.classifier(folder).identify()
    with pytest.raises(BrokenError, match="cannot be loaded"):
        models.classifier(folder).run(asked())


def test_a_model_without_its_head_is_refused_not_drawn_at_random(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    path = folder / "model.safetensors"
    tensors = {name: each for name, each in load_file(path).items() if not name.startswith("classifier")}
    save_file(tensors, path, metadata={"format": "pt"})
    with pytest.raises(BrokenError, match=r"its files lack classifier\.bias, classifier\.weight"):
        models.classifier(folder).run(asked())


def test_a_damaged_tokenizer_is_a_breakage(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("{", encoding="utf-8")
    with pytest.raises(BrokenError, match="the tokenizer of the student model"):
        models.classifier(folder).batches(asked())


def test_close_gives_the_model_back_and_run_takes_it_again(saved: dict[str, Path]) -> None:
    built = models.classifier(saved["bert"])
    first = built.run(asked())
    built.close()
    assert built.tools is not None
    assert built.tools.model is None
    assert built.run(asked()) == first


@pytest.mark.parametrize(
    ("name", "expected"), [("float32", "float32"), ("bfloat16", "bfloat16"), ("float16", "float16")]
)
def test_an_explicit_dtype_is_honoured(saved: dict[str, Path], name: str, expected: str) -> None:
    import torch

    built = models.classifier(saved["bert"], dtype=name)
    built.run(asked()[:1])
    assert {each.dtype for each in loaded(built).parameters()} == {getattr(torch, expected)}
    facts = built.identify()
    assert (facts.dtype, facts.settings["dtype"]) == (expected, expected)


@pytest.mark.parametrize(("matrix", "expected"), [(True, "bfloat16"), (False, "float32")])
def test_auto_takes_bfloat16_where_the_processor_is_fast_at_it(
    saved: dict[str, Path], monkeypatch: pytest.MonkeyPatch, matrix: bool, expected: str
) -> None:
    monkeypatch.setattr(hardware, "cpu_has", lambda flag: matrix and flag == "amx_bf16")
    assert models.classifier(saved["bert"], dtype="auto").identify().dtype == expected


def test_auto_on_this_machine(saved: dict[str, Path]) -> None:
    flags = Path("/proc/cpuinfo")
    fast = flags.is_file() and "amx_bf16" in flags.read_text(encoding="utf-8").split()
    assert models.classifier(saved["bert"], dtype="auto").identify().dtype == ("bfloat16" if fast else "float32")


def test_bfloat16_is_another_setting_than_float32(saved: dict[str, Path]) -> None:
    one, other = (models.classifier(saved["bert"], dtype=name).identify() for name in ("float32", "bfloat16"))
    assert one.digest == other.digest
    assert one.settings != other.settings


# --- what is found before anything is loaded -----------------------------------------------------------


def test_pickled_weights_are_refused(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    said = complaints(models.classifier(folder))
    assert "no safetensors weights, only pytorch_model.bin" in said
    assert "can run code" in said


@pytest.mark.parametrize(
    ("missing", "expected"), [("config.json", "no config.json"), ("tokenizer.json", "no tokenizer")]
)
def test_a_missing_file_is_named(folder: Path, missing: str, expected: str) -> None:
    (folder / missing).unlink()
    (folder / "tokenizer_config.json").unlink()
    assert expected in complaints(models.classifier(folder))


@pytest.mark.parametrize("text", ["", "[]", "{", '{"id2label": ["a"]}', '{"id2label": {"x": "a"}}', "\xff"])
def test_a_configuration_that_is_none_is_a_complaint(folder: Path, text: str) -> None:
    (folder / "config.json").write_text(text, encoding="latin-1")
    assert "config.json cannot be read" in complaints(models.classifier(folder))


def test_a_folder_that_is_not_there_names_its_neighbour(saved: dict[str, Path]) -> None:
    said = complaints(models.classifier(saved["bert"].parent / "distilbret"))
    assert "there is no model folder" in said
    assert "distilbert" in said


def test_a_file_is_no_model(saved: dict[str, Path]) -> None:
    assert "is a file, not a model folder" in complaints(models.classifier(saved["bert"] / "config.json"))


def test_a_hub_id_that_cannot_be_had_is_a_complaint(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    for name in ("nobody/no-such-model", "no such name!"):
        built = Local(TransformersSpec(model=name), "student")
        said = complaints(built)
        assert "as a hub id it cannot be had" in said
        assert f"./{name}" in said


def test_a_hub_id_is_looked_up_once_and_keeps_its_commit(
    saved: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub

    commit = "0123456789abcdef0123456789abcdef01234567"
    snapshot = Path(shutil.copytree(saved["bert"], tmp_path / "models--org--name" / "snapshots" / commit))
    calls: list[dict[str, Any]] = []

    def download(name: str, **options: Any) -> str:
        calls.append({"name": name, **options})
        return str(snapshot)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    built = Local(TransformersSpec(model="org/name", dtype="float32", device="cpu"), "student")
    assert complaints(built) == ""
    facts = built.identify()
    in_batches(built, asked())
    assert (facts.name, facts.revision) == ("org/name", commit)
    assert len(calls) == 1
    # Pickled weights are never fetched, nor are other formats' folders.
    assert not any("bin" in pattern for pattern in calls[0]["allow_patterns"])
    assert calls[0]["ignore_patterns"] == ["*/*"]


@pytest.mark.parametrize("kind", ["multi_label_classification", "regression"])
def test_a_model_whose_outputs_are_no_distribution_is_a_complaint(folder: Path, kind: str) -> None:
    models.edit_config(folder, problem_type=kind)
    assert f"made for {kind}" in complaints(models.classifier(folder))
    models.edit_config(folder, problem_type="single_label_classification")
    assert complaints(models.classifier(folder)) == ""


def test_a_task_that_is_not_classify_is_a_complaint(saved: dict[str, Path]) -> None:
    from dataclasses import replace

    suite = models.suite_of(TEXTS)
    other = replace(suite, facts=replace(suite.facts, task="generate"))
    (said,) = models.classifier(saved["bert"]).check([other])
    assert said.problem == 'the suite "intents" asks to generate; a BertForSequenceClassification can only classify'


def test_checking_loads_no_torch(saved: dict[str, Path]) -> None:
    code = f"""
import sys
from tests import models
from pathlib import Path
built = models.classifier(Path({str(saved["bert"])!r}), device="auto", dtype="auto")
assert built.check([models.suite_of(["a card", "a refund"])]) == []
built.close()
print(*sorted({{"torch", "transformers", "numpy", "huggingface_hub"}} & set(sys.modules)))
"""
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr
