"""Every family of language models: batches against one by one, and both against plain transformers.

Stated noise, in float32: log-likelihoods within 1e-4 nats, greedy texts equal. The models are made so that the best
token leads by far more than that (`test_the_models_are_far_from_ties`), or equal texts would be luck.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from evalkit.backends.stopping import before_stop
from evalkit.types import Output
from tests import language_models as lm
from tests.backends.local import asking

TEXTS = asking.prompts(18)
NOISE = 1e-4
NEW = 12
# Some for which nothing is near a tie.
SEEDS = {"gemma": 7, "t5": 7}
# Fewer padded tokens than three long prompts have: several batches, each of unequal rows.
BUDGET = 700


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("models")
    return {family: lm.save_language_model(root / family, family, seed=SEEDS.get(family, 1)) for family in lm.FAMILIES}


@cache
def plain(folder: Path) -> tuple[Any, Any]:
    import torch
    import transformers

    seq2seq = folder.name in lm.SEQ2SEQ
    kind = transformers.AutoModelForSeq2SeqLM if seq2seq else transformers.AutoModelForCausalLM
    model = kind.from_pretrained(folder, dtype=torch.float32).eval()
    return model, transformers.AutoTokenizer.from_pretrained(folder)


def plain_choices(folder: Path, text: str, choices: Sequence[str]) -> list[float]:
    """One forward pass per choice, alone, with nothing left out: the definition."""
    import torch

    model, tokenizer = plain(folder)
    found = []
    with torch.inference_mode():
        for choice in choices:
            context = tokenizer(text)["input_ids"]
            if folder.name in lm.SEQ2SEQ:
                targets = tokenizer(" " + choice, add_special_tokens=False)["input_ids"]
                logits = model(input_ids=torch.tensor([context]), labels=torch.tensor([targets])).logits[0]
            else:
                whole = tokenizer(text + " " + choice)["input_ids"]
                assert whole[: len(context)] == context
                targets = whole[len(context) :]
                logits = model(torch.tensor([whole])).logits[0, len(context) - 1 : -1]
            logprobs = logits.double().log_softmax(-1)
            found.append(sum(float(logprobs[step, token]) for step, token in enumerate(targets)))
    return found


@cache
def plain_text(folder: Path, text: str) -> tuple[str, float]:
    """Greedy text of `generate` for one prompt, and by how much the best token led where it led the least."""
    import torch

    model, tokenizer = plain(folder)
    encoded = tokenizer(text, return_tensors="pt")
    model.generation_config.forced_eos_token_id = None
    with torch.inference_mode():
        made = model.generate(
            **encoded,
            max_new_tokens=NEW,
            do_sample=False,
            pad_token_id=0 if tokenizer.pad_token_id is None else tokenizer.pad_token_id,
            return_dict_in_generate=True,
            output_logits=True,
        )
    best = torch.stack(made.logits)[:, 0].topk(2, dim=-1).values
    written = made.sequences[0, -len(made.logits) :]
    return tokenizer.decode(written, skip_special_tokens=True), float((best[:, 0] - best[:, 1]).min())


def furthest(one: Sequence[Sequence[float]], other: Sequence[Sequence[float]]) -> float:
    return max(abs(a - b) for row, again in zip(one, other, strict=True) for a, b in zip(row, again, strict=True))


def logprobs(outputs: Sequence[Output]) -> list[tuple[float, ...]]:
    assert all(each.choice_logprobs for each in outputs), [each.error for each in outputs if each.error][:3]
    return [each.choice_logprobs or () for each in outputs]


@pytest.mark.parametrize("family", lm.FAMILIES)
def test_choices_are_as_likely_as_plain_transformers_says(saved: dict[str, Path], family: str) -> None:
    built = asking.local(saved[family], batch_tokens=BUDGET)
    asked = asking.suite(TEXTS, "choose", choices=asking.CHOICES)
    assert asking.complaints(built, asked) == ""
    batched = asking.answers(built, asked)
    expected = [plain_choices(saved[family], text, asking.CHOICES) for text in TEXTS]
    assert furthest(logprobs(batched), expected) < NOISE
    assert furthest(logprobs(asking.one_by_one(built, asked)), expected) < NOISE
    assert [each.label for each in batched] == [asking.CHOICES[row.index(max(row))] for row in expected]


@pytest.mark.parametrize("family", lm.FAMILIES)
def test_texts_are_those_of_plain_transformers(saved: dict[str, Path], family: str) -> None:
    built = asking.local(saved[family], batch_tokens=BUDGET)
    asked = asking.suite(TEXTS, "generate", max_new_tokens=NEW)
    assert asking.complaints(built, asked) == ""
    batched = asking.answers(built, asked)
    expected = [plain_text(saved[family], text)[0] for text in TEXTS]
    assert [each.text for each in batched] == expected
    alone = asking.one_by_one(built, asked)
    assert [each.text for each in alone] == expected
    assert (
        furthest([each.token_logprobs or () for each in batched], [each.token_logprobs or () for each in alone]) < NOISE
    )
    assert [each.tokens_out for each in batched] == [each.tokens_out for each in alone]
    assert all(len(each.token_logprobs or ()) == each.tokens_out for each in batched)


@pytest.mark.parametrize("family", lm.FAMILIES)
def test_a_text_is_the_same_whichever_others_of_its_batch_end_before_it(
    saved: dict[str, Path], family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = asking.local(saved[family], batch_tokens=10_000)
    whole = [plain_text(saved[family], text)[0] for text in TEXTS]
    # Letters end two texts in three, each at a place of its own; half a character is none yet, so ASCII only.
    stop: tuple[str, ...] = ()
    for each in whole[: 2 * len(TEXTS) // 3]:
        if before_stop(each, stop)[0] == each:
            stop += tuple(sorted(set(each[len(each) // 3 :]) & set(string.ascii_letters)))[:1]
    asked = asking.suite(TEXTS, "generate", max_new_tokens=NEW, stop=stop)
    alone = asking.one_by_one(built, asked)
    begun: list[int] = []
    real = asking.loaded(built).generate
    monkeypatch.setattr(
        asking.loaded(built), "generate", lambda **given: begun.append(len(given["input_ids"])) or real(**given)
    )
    batched = asking.answers(built, asked)
    # A decoder goes on with fewer rows; one that has an encoder keeps them all.
    assert begun[0] == len(TEXTS)
    assert (begun[-1] <= len(TEXTS) // 2) != (family in lm.SEQ2SEQ)
    assert [each.text for each in batched] == [before_stop(each, stop)[0] for each in whole]
    assert len({each.tokens_out for each in batched}) > 2
    assert [each.written for each in batched] == [each.written for each in alone]
    assert (
        furthest([each.token_logprobs or () for each in batched], [each.token_logprobs or () for each in alone]) < NOISE
    )


@pytest.mark.parametrize("family", lm.FAMILIES)
def test_the_models_are_far_from_ties(saved: dict[str, Path], family: str) -> None:
    assert min(plain_text(saved[family], text)[1] for text in TEXTS) > 10 * NOISE
    assert len({plain_text(saved[family], text)[0] for text in TEXTS}) > len(TEXTS) // 2


@pytest.mark.parametrize("family", lm.FAMILIES)
def test_the_teachers_second_run_says_the_same_but_for_noise(saved: dict[str, Path], family: str) -> None:
    asked = asking.suite(TEXTS, "choose", choices=asking.CHOICES)
    first, again = (asking.local(saved[family], role, batch_tokens=BUDGET) for role in ("teacher", "teacher_again"))  # type: ignore[arg-type]
    assert furthest(logprobs(asking.answers(first, asked)), logprobs(asking.answers(again, asked))) < NOISE
