"""The choosing head: what belongs to a choice, what is shared, what is cut, and who may do it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evalkit.backends.choosing import choose
from evalkit.backends.local.abilities import NONE, abilities
from evalkit.backends.local.causal import Causal
from evalkit.backends.local.choose import Choose
from evalkit.requests import build_requests
from evalkit.types import Output
from tests import language_models as lm
from tests import models
from tests.backends.local import asking

TEXTS = asking.prompts(9)


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lm.save_language_model(tmp_path_factory.mktemp("models") / "llama", seed=1)


def furthest(one: Sequence[Output], other: Sequence[Output]) -> float:
    return max(
        abs(a - b)
        for left, right in zip(one, other, strict=True)
        for a, b in zip(left.choice_logprobs or (), right.choice_logprobs or (), strict=True)
    )


@pytest.mark.parametrize("by", ["sum", "per_token", "per_byte"])
def test_the_suite_says_what_decides(llama: Path, by: Any) -> None:
    asked = asking.suite(TEXTS, "choose", choices=asking.CHOICES, choose_by=by)
    for output in asking.answers(asking.local(llama), asked):
        assert output.choice_logprobs is not None
        label, probs = choose(asking.CHOICES, output.choice_logprobs, output.choice_tokens, by)
        assert (output.label, output.probs) == (label, probs)


def test_a_language_model_classifies_by_choosing_among_the_labels(llama: Path) -> None:
    built = asking.local(llama)
    classify = asking.suite(TEXTS, "classify", choices=models.LABELS)
    assert asking.complaints(built, classify) == ""
    labelled = asking.answers(built, classify)
    chosen = asking.answers(built, asking.suite(TEXTS, "choose", choices=models.LABELS))
    assert labelled == chosen
    assert all(each.label in models.LABELS and each.choice_logprobs for each in labelled)


def test_one_model_serves_suites_of_all_tasks(llama: Path) -> None:
    built = asking.local(llama)
    suites = [
        asking.suite(TEXTS, task, choices=asking.CHOICES) for task in ("classify", "choose", "generate", "extract")
    ]  # type: ignore[arg-type]
    assert asking.complaints(built, *suites) == ""
    first = [asking.answers(built, each) for each in suites]
    model = asking.loaded(built)
    assert [asking.answers(built, each) for each in suites] == first
    assert asking.loaded(built) is model
    built.close()
    assert asking.loaded(built) is None
    assert [asking.answers(built, each) for each in suites] == first
    assert built.weights_in_memory() is None


def test_choices_of_one_token_share_a_row(llama: Path) -> None:
    built = asking.local(llama)
    requests = build_requests(asking.suite(["Which?"], "choose", choices=("A", "B", "C", "D")))
    head = Choose(built._tools())
    # A space and a letter each: the rows differ in what comes before the letter only if that is a token of its own.
    (size,) = head.sizes(requests)
    (output,) = built.run(requests)
    assert size.rows <= 2
    assert len(set(output.choice_logprobs or ())) == 4


@pytest.mark.parametrize("budget", [1, 60, 300, 100_000])
def test_the_budget_changes_no_answer(llama: Path, budget: int) -> None:
    asked = asking.suite(TEXTS, "choose", choices=asking.CHOICES)
    roomy = asking.answers(asking.local(llama), asked)
    built = asking.local(llama, batch_tokens=budget)
    widest: list[int] = []
    outputs = []
    requests = build_requests(asked)
    built.run(requests[:1])
    real = asking.loaded(built).forward

    def forward(**given: Any) -> Any:
        widest.append(given["input_ids"].numel() if given["input_ids"].shape[0] > 1 else 0)
        return real(**given)

    asking.loaded(built).forward = forward
    outputs = asking.in_batches(built, requests)
    assert furthest(outputs, roomy) < 1e-4
    # One request's choices exceed the smallest budgets, and take several passes.
    assert max(widest) <= budget


def test_logits_are_asked_for_only_where_a_choice_is(llama: Path) -> None:
    built = asking.local(llama)
    requests = build_requests(asking.suite(TEXTS[3:4], "choose", choices=asking.CHOICES))
    built.run(requests)
    real, shapes = asking.loaded(built).lm_head.forward, []
    asking.loaded(built).lm_head.forward = lambda hidden: (shapes.append(hidden.shape), real(hidden))[1]
    (output,) = built.run(requests)
    # The first token of every choice is predicted from the same place.
    assert shapes == [(1, sum(each - 1 for each in output.choice_tokens or ()) + 1, 32)]


def test_a_model_that_cannot_leave_out_logits_gives_the_same(llama: Path) -> None:
    asked = asking.suite(TEXTS, "choose", choices=asking.CHOICES)
    built = asking.local(llama)
    expected = asking.answers(built, asked)
    head = Choose(built._tools())

    class Plain:
        """A model whose forward takes no `logits_to_keep`."""

        def __init__(self, model: Any) -> None:
            self.model, self.device = model, model.device

        def forward(self, input_ids: Any, attention_mask: Any, use_cache: bool) -> Any:
            return self.model(input_ids=input_ids, attention_mask=attention_mask, use_cache=use_cache)

        __call__ = forward

    head.tools.model = Plain(head.tools.model)
    head.tools.abilities = abilities(head.tools.model)
    assert head.tools.abilities == NONE
    assert furthest(head.answer(build_requests(asked), None), expected) < 1e-4


def test_a_long_prompt_is_cut_from_the_left_and_counted(llama: Path) -> None:
    built = asking.local(llama, max_length=30)
    long = "the money is pending " * 30
    asked = asking.suite(["A card?", long, "Why " + long], "choose", choices=asking.CHOICES[:3])
    outputs = asking.answers(built, asked)
    assert [each.status for each in outputs] == ["ok"] * 3
    assert built.counts()["cut_inputs"] == 2
    # Asked again, they are the same two.
    asking.answers(built, asked)
    assert built.counts()["cut_inputs"] == 2
    assert outputs[1].choice_logprobs == pytest.approx(outputs[2].choice_logprobs, abs=1e-4)


def test_a_choice_longer_than_the_window_is_an_error(llama: Path) -> None:
    asked = asking.suite(["A card?"], "choose", choices=("no", "the money is pending " * 30))
    (output,) = asking.answers(asking.local(llama, max_length=30), asked)
    assert output.status == "error"
    assert "longer than the model's window of 30 tokens" in (output.error or "")


def test_out_of_memory_halves_the_batch_and_carries_on(llama: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    asked = asking.suite(TEXTS, "choose", choices=asking.CHOICES)
    roomy = asking.answers(asking.local(llama), asked)
    real = Causal._pass

    def cramped(self: Causal, rows: Any, *more: Any) -> Any:
        if len(rows) > 3:
            raise torch.OutOfMemoryError("out of memory")
        return real(self, rows, *more)

    monkeypatch.setattr(Causal, "_pass", cramped)
    built = asking.local(llama, batch_tokens=100_000)
    outputs = asking.answers(built, asked)
    assert furthest(outputs, roomy) < 1e-4
    assert built.counts()["out_of_memory_splits"] > 0


def test_the_tokenizers_padding_side_is_no_matter(tmp_path: Path) -> None:
    left, right = (lm.save_language_model(tmp_path / side / "llama", seed=1, side=side) for side in ("left", "right"))
    for task in ("choose", "generate"):
        asked = asking.suite(TEXTS, task, choices=asking.CHOICES)  # type: ignore[arg-type]
        one, other = (asking.answers(asking.local(each), asked) for each in (left, right))
        assert one == other


def test_a_tokenizer_that_ends_every_text_does_not_end_the_prompt(tmp_path: Path) -> None:
    plain = lm.save_language_model(tmp_path / "plain" / "llama", seed=1)
    ending = lm.save_language_model(tmp_path / "ending" / "llama", seed=1, after="</s>")
    for task in ("choose", "generate"):
        asked = asking.suite(TEXTS, task, choices=asking.CHOICES)  # type: ignore[arg-type]
        one, other = (asking.answers(asking.local(each), asked) for each in (plain, ending))
        assert one == other


def read_tokens(built: Any, requests: Sequence[Any]) -> tuple[int, list[Output]]:
    """How many tokens the model is given for these requests, padding and all, in the backend's own batches."""
    built.run(requests[:1])
    real, read = asking.loaded(built).forward, []

    def forward(**given: Any) -> Any:
        read.append(given["input_ids"].numel())
        return real(**given)

    asking.loaded(built).forward = forward
    outputs = asking.in_batches(built, requests)
    asking.loaded(built).forward = real
    return sum(read), outputs


def test_what_the_choices_of_a_prompt_share_is_read_once(llama: Path) -> None:
    texts = ["the money is pending and my card was declined " * 3 + str(index) for index in range(6)]
    requests = build_requests(asking.suite(texts, "choose", choices=asking.CHOICES))
    built = asking.local(llama)
    tree, outputs = read_tokens(built, requests)
    assert built.counts()["choices_one_by_one"] == 0
    assert built.tools is not None
    built.tools.abilities = replace(built.tools.abilities, branches=False)
    flat, alone = read_tokens(built, requests)
    assert furthest(outputs, alone) < 1e-4
    # The first of them was asked on its own before.
    assert built.counts()["choices_one_by_one"] == len(texts) + 1
    # Four choices: four times the prompt, and then some.
    assert flat > 2.5 * tree


def test_worked_examples_that_prompts_begin_with_are_read_once_a_row(llama: Path) -> None:
    stem = "Question: why is the exchange rate wrong? Answer: the fee was charged. " * 4
    requests = build_requests(asking.suite([stem + each for each in TEXTS], "choose", choices=asking.CHOICES[:3]))
    built = asking.local(llama)
    shared, outputs = read_tokens(built, requests)
    tokens = sum(each.tokens_in or 0 for each in outputs)
    assert shared < tokens / 2
    one_by_one = [built.run([each])[0] for each in requests]
    assert furthest(outputs, one_by_one) < 1e-4


def test_equal_prompts_are_read_once_and_answered_each(llama: Path) -> None:
    built = asking.local(llama)
    requests = build_requests(asking.suite(["A card?"] * 3 + ["Why?"], "choose", choices=asking.CHOICES))
    outputs = built.run(requests)
    assert len({each.choice_logprobs for each in outputs[:3]}) == 1
    assert furthest(outputs, [built.run([each])[0] for each in requests]) < 1e-4


def test_a_sequence_longer_than_a_sliding_window_is_read_alone(tmp_path: Path) -> None:
    folder = lm.save_language_model(tmp_path / "mistral", "mistral", seed=1)
    built = asking.local(folder)
    asked = asking.suite(["A card?", "the money is pending " * 12], "choose", choices=("no", "yes"))
    asking.answers(built, asked)
    assert built.counts()["choices_one_by_one"] == 1
