"""What a student makes of a teacher's own answers, against both models' whole logits, family by family."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalkit.backends.local import Local
from evalkit.backends.local.generate import Generate
from evalkit.backends.local.projection import NOT_IN_FILES, UNTRIED
from evalkit.backends.reading import Reader, TeacherHead
from evalkit.requests import build_requests
from evalkit.stats.tokens import token_rows
from evalkit.types.forced import Answered, Reading
from tests import language_models
from tests.backends.local import asking

# Rounding of float32, in nats.
CLOSE = 2e-4


def reader(built: Local) -> Reader:
    found = built.reader()
    assert not isinstance(found, str)
    return found


def answered_by(teacher: Local, texts: Sequence[str]) -> list[Answered]:
    suite = asking.suite(texts, "generate", max_new_tokens=9)
    outputs = asking.answers(teacher, suite)
    return [
        Answered(request=request, tokens=output.written)
        for request, output in zip(build_requests(suite), outputs, strict=True)
        if output.written
    ]


def readings(teacher: Local, student: Local, answered: Sequence[Answered]) -> list[Reading]:
    """The student's, beside the teacher, in the order of the answers."""
    told, head = reader(teacher), reader(teacher).head()
    assert not isinstance(head, str), head
    places = told.batches(answered)
    batches = [[answered[index] for index in each] for each in places]
    states = [told.states(each) for each in batches]
    teacher.close()
    read = reader(student).read(zip(batches, states, strict=True), TeacherHead(folder=told.folder, described=head))
    found = {
        index: one for batch, made in zip(places, read, strict=True) for index, one in zip(batch, made, strict=True)
    }
    return [found[index] for index in range(len(answered))]


def logits_of(built: Local, each: Answered) -> np.ndarray:
    """The model's own logits at the places that predict the answer, one text in a pass: (tokens, vocabulary)."""
    import torch

    built._load(each.request)
    assert built.tools is not None
    model, special = built.tools.loaded()
    (prompt,) = Generate(built.tools).prompts([each.request])
    with torch.inference_mode():
        if built.tools.kind == "seq2seq":
            begun = [*special.start, *each.tokens]
            logits = model(input_ids=torch.tensor([prompt]), decoder_input_ids=torch.tensor([begun])).logits[0]
            first = len(special.start)
        else:
            logits = model(input_ids=torch.tensor([[*prompt, *each.tokens]])).logits[0]
            first = len(prompt)
    return np.asarray(logits[first - 1 : -1].double().numpy())


def held_against(found: Reading, teacher: np.ndarray, student: np.ndarray, tokens: Sequence[int]) -> None:
    size = min(teacher.shape[1], student.shape[1])
    wanted, back = token_rows(teacher, student, tokens, size=size), token_rows(student, teacher, tokens, size=size)
    assert found.note is None
    np.testing.assert_allclose(found.kl, wanted.kl, atol=CLOSE)
    np.testing.assert_allclose(found.kl_reverse, back.kl, atol=CLOSE)
    np.testing.assert_allclose(found.teacher_logprobs, -wanted.teacher_surprise, atol=CLOSE)
    np.testing.assert_allclose(found.student_logprobs, -wanted.student_surprise, atol=CLOSE)
    assert list(found.same_top or ()) == wanted.same_top.tolist()


@pytest.mark.parametrize("family", language_models.FAMILIES)
def test_reading_is_what_whole_logits_say(family: language_models.Family, tmp_path: Path) -> None:
    teacher = asking.local(language_models.save_language_model(tmp_path / "teacher", family, seed=1), "teacher")
    student = asking.local(language_models.save_language_model(tmp_path / "student", family, seed=2, width=16))
    answered = answered_by(teacher, asking.prompts(7, 20))
    found = readings(teacher, student, answered)
    assert len(found) >= 5
    for each, made in zip(answered, found, strict=True):
        held_against(made, logits_of(teacher, each), logits_of(student, each), each.tokens)


def test_a_copy_is_no_way_from_its_teacher(tmp_path: Path) -> None:
    folder = language_models.save_language_model(tmp_path / "model", "llama")
    teacher, student = asking.local(folder, "teacher"), asking.local(folder)
    for each in readings(teacher, student, answered_by(teacher, asking.prompts(5))):
        assert each.kl is not None
        assert max(each.kl) < 1e-6
        assert all(each.same_top or ())
        assert each.student_logprobs == pytest.approx(each.teacher_logprobs, abs=1e-6)


def test_small_batches_and_short_stretches_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from evalkit.backends.local import forced, tokenwise

    one = language_models.save_language_model(tmp_path / "one", "qwen2", seed=1)
    other = language_models.save_language_model(tmp_path / "other", "qwen2", seed=2)
    answered = answered_by(asking.local(one, "teacher"), asking.prompts(7))
    whole = readings(asking.local(one, "teacher"), asking.local(other), answered)
    for name, value in (("CPU_ROWS", 3), ("CPU_WORDS", 37)):
        monkeypatch.setattr(tokenwise, name, value)
    monkeypatch.setattr(forced, "_MOST_TOKENS", 10)
    parts = readings(asking.local(one, "teacher", batch_tokens=60), asking.local(other, batch_tokens=30), answered)
    for a, b in zip(whole, parts, strict=True):
        assert a.kl == pytest.approx(b.kl, abs=1e-5)
        assert a.student_logprobs == pytest.approx(b.student_logprobs, abs=1e-5)
        assert a.same_top == b.same_top


def edited(folder: Path, change: Any) -> Path:
    """The weights of a saved model, changed."""
    from safetensors.torch import load_file, save_file

    path = folder / "model.safetensors"
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path, metadata={"format": "pt"})
    return folder


def test_tied_weights_are_found_under_the_name_of_the_input_embedding(tmp_path: Path) -> None:
    def tied(folder: Path) -> Path:
        language_models.edit_json(folder / "config.json", tie_word_embeddings=True)
        return edited(folder, lambda tensors: tensors.pop("lm_head.weight"))

    teacher = asking.local(tied(language_models.save_language_model(tmp_path / "t", "llama", seed=3)), "teacher")
    student = asking.local(tied(language_models.save_language_model(tmp_path / "s", "llama", seed=4)))
    head = reader(teacher).head()
    assert not isinstance(head, str)
    assert head["weight"] == "model.embed_tokens.weight"
    answered = answered_by(teacher, asking.prompts(4))
    for each, made in zip(answered, readings(teacher, student, answered), strict=True):
        held_against(made, logits_of(teacher, each), logits_of(student, each), each.tokens)


def test_a_soft_cap_is_part_of_the_logits(tmp_path: Path) -> None:
    folder = language_models.save_language_model(tmp_path / "t", "gemma2")
    language_models.edit_json(folder / "config.json", final_logit_softcapping=4.0)
    head = reader(asking.local(folder, "teacher")).head()
    assert not isinstance(head, str)
    assert head["after"]["cap"] == 4.0


def test_a_padded_vocabulary_is_cut_to_the_shorter(tmp_path: Path) -> None:
    import torch

    def longer(tensors: dict[str, Any]) -> None:
        for name in ("lm_head.weight", "model.embed_tokens.weight"):
            tensors[name] = torch.cat([tensors[name], torch.randn(24, tensors[name].shape[1])])

    teacher = asking.local(language_models.save_language_model(tmp_path / "t", "llama", seed=3), "teacher")
    padded = edited(language_models.save_language_model(tmp_path / "s", "llama", seed=4), longer)
    language_models.edit_json(padded / "config.json", vocab_size=language_models.VOCABULARY + 24)
    student = asking.local(padded)
    answered = answered_by(teacher, asking.prompts(4))
    for each, made in zip(answered, readings(teacher, student, answered), strict=True):
        one, other = logits_of(teacher, each), logits_of(student, each)
        assert other.shape[1] == one.shape[1] + 24
        held_against(made, one, other, each.tokens)


def test_a_model_that_does_more_behind_its_last_layer_is_found_out(tmp_path: Path) -> None:
    teacher = asking.local(language_models.save_language_model(tmp_path / "t", "llama"), "teacher")
    teacher._load()
    model = asking.loaded(teacher)
    plain = model.forward

    def squared(*args: Any, **more: Any) -> Any:
        made = plain(*args, **more)
        made.logits = made.logits**2
        return made

    model.forward = squared
    assert reader(teacher).head() == UNTRIED
    student = asking.local(tmp_path / "t")
    student._load()
    asking.loaded(student).forward = squared
    answered = answered_by(asking.local(tmp_path / "t"), asking.prompts(2))
    (found,) = reader(student).read([(answered, None)], None)
    assert {each.note for each in found} == {f"the student cannot be read: {UNTRIED}"}


def test_an_output_embedding_that_is_not_in_the_files_is_said_to_be_missing(tmp_path: Path) -> None:
    import torch

    teacher = asking.local(language_models.save_language_model(tmp_path / "t", "llama"), "teacher")
    teacher._load()
    with torch.no_grad():
        asking.loaded(teacher).lm_head.weight.mul_(1.5)
    assert reader(teacher).head() == NOT_IN_FILES


def test_a_student_alone_says_whether_it_would_go_on_with_the_text(tmp_path: Path) -> None:
    student = asking.local(language_models.save_language_model(tmp_path / "s", "llama"))
    answered = [replace(each, tokens=each.tokens[:5]) for each in answered_by(student, asking.prompts(4))]
    (found,) = reader(student).read([(answered, None)], None)
    for each, made in zip(answered, found, strict=True):
        # What it wrote itself, greedily, is what it would write.
        assert made.same_top == (True,) * len(each.tokens)
        assert made.kl is None
        assert made.teacher_logprobs is None
        logits = logits_of(student, each)
        wanted = token_rows(logits, logits, each.tokens)
        np.testing.assert_allclose(made.student_logprobs, -wanted.student_surprise, atol=CLOSE)
        other = replace(each, tokens=tuple((token + 1) % 300 for token in each.tokens))
        (again,) = reader(student).read([([other], None)], None)
        assert again[0].same_top == tuple((logits_of(student, other).argmax(1) == other.tokens).tolist())


def test_an_answer_longer_than_the_window_is_not_read(tmp_path: Path) -> None:
    student = asking.local(language_models.save_language_model(tmp_path / "s", "llama"))
    (each, *_) = answered_by(student, asking.prompts(2))
    (found,) = reader(student).read([([replace(each, tokens=(7,) * 300), each], None)], None)
    assert found[0].note == "the answer does not go into the model's window of 192 tokens"
    assert found[1].note is None


def test_a_classifier_reads_nothing(tmp_path: Path) -> None:
    from tests import models

    assert asking.local(models.save_classifier(tmp_path / "c")).reader() == "is a classifier"
