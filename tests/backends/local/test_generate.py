"""What ends a text, what is counted of it, and that nothing of a model's own settings gets in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evalkit.backends.local import Local
from evalkit.backends.local.generate import seed_of
from evalkit.backends.stopping import before_stop
from evalkit.requests import build_requests
from evalkit.suite.samples import sampled
from evalkit.types import Output, Request
from tests import language_models as lm
from tests.backends.local import asking

TEXTS = asking.prompts(8)


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lm.save_language_model(tmp_path_factory.mktemp("models") / "llama", seed=1)


@pytest.fixture(scope="module")
def free(llama: Path) -> list[Output]:
    """What it writes when nothing stops it."""
    return asking.answers(asking.local(llama), asking.suite(TEXTS, "generate", max_new_tokens=16))


def ids_of(folder: Path, text: str) -> list[int]:
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def written(folder: Path, text: str) -> list[int]:
    """The tokens of a greedy answer, by plain transformers."""
    import torch
    import transformers

    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    encoded = transformers.AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt")
    made = model.generate(**encoded, max_new_tokens=16, do_sample=False, pad_token_id=0)
    return list(made[0, encoded["input_ids"].shape[1] :].tolist())


def test_a_text_that_was_not_ended_is_truncated(free: list[Output]) -> None:
    assert {each.status for each in free} == {"truncated"}
    assert {each.tokens_out for each in free} == {16}


@pytest.mark.parametrize("batch_tokens", [1, 10_000])
def test_a_mark_ends_a_text_and_is_not_counted(llama: Path, tmp_path: Path, batch_tokens: int) -> None:
    tokens = written(llama, TEXTS[3])
    # The model's generation settings name a token that it writes as one that ends a text.
    end = next(token for step, token in enumerate(tokens) if step > 3 and token not in tokens[:step])
    folder = lm.save_language_model(tmp_path / "llama", seed=1, generation={"eos_token_id": [1, end]})
    built = asking.local(folder, batch_tokens=batch_tokens)
    outputs = asking.answers(built, asking.suite(TEXTS, "generate", max_new_tokens=16))
    output = outputs[3]
    assert (output.status, output.tokens_out) == ("ok", tokens.index(end))
    assert len(output.token_logprobs or ()) == output.tokens_out
    assert output.text == built._tools().tokenizer.decode(tokens[: tokens.index(end)], skip_special_tokens=True)
    # The tokenizer's own mark still counts as one.
    assert built._tools().special is not None
    assert built._tools().special.ends == {1, end}  # type: ignore[union-attr]


@pytest.mark.parametrize("batch_tokens", [1, 10_000])
def test_a_text_ends_before_the_first_stop_string(llama: Path, free: list[Output], batch_tokens: int) -> None:
    whole = free[2].text or ""
    stops = [whole[7:9], whole[4:6]]
    outputs = asking.answers(
        asking.local(llama, batch_tokens=batch_tokens),
        asking.suite(TEXTS, "generate", max_new_tokens=16, stop=tuple(stops)),
    )
    for output, unstopped in zip(outputs, free, strict=True):
        expected, stopped = before_stop(unstopped.text or "", stops)
        assert output.text == expected
        assert output.status == ("ok" if stopped else "truncated")
        assert len(output.token_logprobs or ()) == output.tokens_out
    # The tokens of the stop string were written, and what would have followed was not.
    assert outputs[2].status == "ok"
    assert (outputs[2].tokens_out or 0) < 16


def test_a_stop_string_that_is_a_special_token_ends_a_text(llama: Path, tmp_path: Path) -> None:
    # It never shows in the text, where special tokens are skipped.
    tokens = written(llama, TEXTS[3])
    folder = lm.save_language_model(tmp_path / "llama", seed=1)
    built = asking.local(folder)
    tokenizer = built._tools().tokenizer
    end = next(token for step, token in enumerate(tokens) if step > 3 and token not in tokens[:step])
    tokenizer.add_special_tokens({"additional_special_tokens": [tokenizer.convert_ids_to_tokens(end)]})
    stop = (tokenizer.convert_ids_to_tokens(end),)
    output = asking.answers(built, asking.suite(TEXTS, "generate", max_new_tokens=16, stop=stop))[3]
    assert (output.status, output.tokens_out) == ("ok", tokens.index(end))


def test_nothing_but_blanks_is_empty(llama: Path, free: list[Output]) -> None:
    first = (free[0].text or "")[:1]
    output = asking.answers(asking.local(llama), asking.suite(TEXTS[:1], "generate", stop=(first,)))[0]
    assert (output.status, output.text) == ("empty", "")


def test_nothing_ends_a_text_before_its_least_length(llama: Path, free: list[Output], tmp_path: Path) -> None:
    tokens = written(llama, TEXTS[2])
    folder = lm.save_language_model(tmp_path / "llama", seed=1, generation={"eos_token_id": tokens[2]})
    built = asking.local(folder)
    (request,) = build_requests(
        asking.suite(TEXTS[2:3], "generate", max_new_tokens=16, stop=((free[2].text or "")[5:7],))
    )
    timed = replace(request, generation={**request.generation, "min_new_tokens": 16})
    (output,) = built.run([timed])
    assert output.tokens_out == 16
    assert (built.run([request])[0].tokens_out or 0) <= 2
    # A stop string that was complete before the least length ends the text as soon as it is reached.
    later = replace(request, generation={**request.generation, "min_new_tokens": 9})
    plain = asking.local(llama)
    assert plain.run([later])[0].tokens_out == 9


def test_log_probabilities_are_those_of_the_models_own_logits(llama: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    import transformers

    # A temperature and a least length change what is chosen, not how likely it was.
    asked = asking.suite(TEXTS[:4], "generate", max_new_tokens=8, temperature=2.0)
    requests = [replace(each, generation={**each.generation, "min_new_tokens": 8}) for each in build_requests(asked)]
    built = asking.local(llama)
    built.run(requests[:1])
    seen = []
    real = asking.loaded(built).generate
    monkeypatch.setattr(asking.loaded(built), "generate", lambda **given: seen.append(real(**given)))
    outputs = built.run(requests)
    model = transformers.AutoModelForCausalLM.from_pretrained(llama, dtype=torch.float32)
    for row, output in zip(seen[0].sequences.tolist(), outputs, strict=True):
        whole = row[len(row) - 8 - (output.tokens_in or 0) :]
        with torch.inference_mode():
            logits = model(torch.tensor([whole])).logits[0, -9:-1]
        expected = logits.double().log_softmax(-1)[range(8), whole[-8:]].tolist()
        assert output.token_logprobs == pytest.approx(expected, abs=1e-4)


# --- rows that are done ------------------------------------------------------------------------------


def rows_of_passes(built: Local, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows each forward pass from now on has."""
    seen: list[int] = []
    model = asking.loaded(built)
    real = model.forward
    monkeypatch.setattr(
        model, "forward", lambda *args, **given: seen.append(len(given["input_ids"])) or real(*args, **given)
    )
    return seen


def test_a_row_that_is_done_is_not_read_on(
    llama: Path, free: list[Output], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Eight rows, of which seven end by marks at different tokens.
    starts = [(each.written or ())[:9] for each in free]
    ends = sorted({row[1 + index % 7] for index, row in enumerate(starts[:-1])} - set(starts[-1]))
    folder = lm.save_language_model(tmp_path / "llama", seed=1, generation={"eos_token_id": [1, *ends]})
    built = asking.local(folder, batch_tokens=10_000)
    asked = asking.suite(TEXTS, "generate", max_new_tokens=16)
    alone = asking.one_by_one(built, asked)
    rows = rows_of_passes(built, monkeypatch)
    together = asking.answers(built, asked)
    assert [(each.text, each.status, each.written) for each in together] == [
        (each.text, each.status, each.written) for each in alone
    ]
    for one, other in zip(together, alone, strict=True):
        assert one.token_logprobs == pytest.approx(other.token_logprobs, abs=1e-4)
    # Every row takes part in the pass of each of its tokens; of those that are done, fewer than half are carried on.
    lengths = [(each.tokens_out or 0) + (each.status == "ok") for each in together]
    needed = [sum(length > step for length in lengths) for step in range(len(rows))]
    assert rows == sorted(rows, reverse=True)
    assert rows[0] == 8
    assert rows[-1] < 8
    assert all(need <= had for need, had in zip(needed, rows, strict=True))
    assert all(had < 4 or 2 * need > had for need, had in zip(needed, rows, strict=True))


# --- sampling ----------------------------------------------------------------------------------------


def drawn(built: Local, **settings: Any) -> list[str | None]:
    asked = asking.suite(TEXTS, "generate", **{"temperature": 1.5, "max_new_tokens": 8, **settings})
    return [each.text for each in asking.answers(built, asked)]


def test_the_same_batch_draws_the_same_text_again(llama: Path) -> None:
    import torch

    first = drawn(asking.local(llama))
    torch.manual_seed(99)
    state = torch.random.get_rng_state()
    assert drawn(asking.local(llama)) == first
    # Nobody else's numbers move.
    assert torch.equal(torch.random.get_rng_state(), state)
    assert first != drawn(asking.local(llama), temperature=0.0)
    assert len(set(first)) == len(first)


def test_the_teachers_second_run_draws_other_texts(llama: Path) -> None:
    # One request a batch: nothing but the seed is different.
    first, again = (asking.local(llama, role, batch_tokens=1) for role in ("teacher", "teacher_again"))  # type: ignore[arg-type]
    assert drawn(first) != drawn(again)
    assert drawn(first) == drawn(asking.local(llama, batch_tokens=1))


@pytest.mark.parametrize("batch_tokens", [1, 10_000])
def test_samples_of_one_question_are_drawn_apart_and_the_same_way_again(llama: Path, batch_tokens: int) -> None:
    asked = sampled(asking.suite(TEXTS[:2], "generate", temperature=1.5, max_new_tokens=8), 4)
    first, again = (asking.answers(asking.local(llama, batch_tokens=batch_tokens), asked) for _ in range(2))
    assert [each.text for each in first] == [each.text for each in again]
    # Two equal texts of eight tokens would be one draw used twice.
    assert len({each.text for each in first}) == len(first) == 8


def test_a_seed_is_of_the_questions_in_their_order() -> None:
    requests = build_requests(asking.suite(TEXTS[:3], "generate"))
    seeds = {
        seed_of(requests, again=False),
        seed_of(requests, again=True),
        seed_of(requests[::-1], again=False),
        seed_of(requests[:2], again=False),
    }
    assert len(seeds) == 4
    moved: list[Request] = [replace(each, example_id=f"other-{each.example_id}") for each in requests]
    assert seed_of(moved, again=False) == seed_of(requests, again=False)


def test_a_models_own_settings_are_not_used(llama: Path, free: list[Output], tmp_path: Path) -> None:
    own = {
        "do_sample": True,
        "temperature": 5.0,
        "top_k": 3,
        "repetition_penalty": 3.0,
        "no_repeat_ngram_size": 1,
        "bad_words_ids": [[each] for each in range(50, 300)],
        "max_length": 5,
        "min_new_tokens": 2,
        "num_beams": 3,
        "forced_eos_token_id": 1,
    }
    folder = lm.save_language_model(tmp_path / "llama", seed=1, generation=own)
    outputs = asking.answers(asking.local(folder), asking.suite(TEXTS, "generate", max_new_tokens=16))
    assert [each.text for each in outputs] == [each.text for each in free]


# --- windows, clocks and trouble ---------------------------------------------------------------------


def test_a_long_prompt_is_cut_from_the_left_and_leaves_room(llama: Path) -> None:
    built = asking.local(llama, max_length=40)
    long = asking.prompts(1)[0] + " the money" * 60
    asked = asking.suite([TEXTS[0], long], "generate", max_new_tokens=12)
    outputs = asking.answers(built, asked)
    assert [each.status for each in outputs] == ["truncated"] * 2
    assert outputs[1].tokens_in == 28
    assert built.counts()["cut_inputs"] == 1
    # What is left is the end of the prompt.
    end = ids_of(llama, long)[-28:]
    tokenizer = built._tools().tokenizer
    assert built._tools().encoder.prompts([built._tools().prompts.seen(build_requests(asked)[1])])[0][-28:] == tuple(
        end
    )
    assert tokenizer.decode(end).endswith("the money")


def test_a_window_without_room_for_the_answer_is_a_complaint(llama: Path) -> None:
    built = asking.local(llama, max_length=12)
    assert "window of 12 tokens" in asking.complaints(built, asking.suite(TEXTS, "generate", max_new_tokens=12))


def test_an_empty_prompt_begins_with_what_begins_a_text(llama: Path, tmp_path: Path) -> None:
    for folder in (llama, lm.save_language_model(tmp_path / "qwen2", "qwen2")):
        for task in ("generate", "choose"):
            asked = asking.suite(["", "a card"], task, choices=asking.CHOICES)  # type: ignore[arg-type]
            outputs = asking.answers(asking.local(folder), asked)
            assert all(each.status in ("ok", "truncated") for each in outputs), outputs
            assert outputs[0].tokens_in == 1


def test_one_request_is_timed_and_those_of_a_batch_are_not(llama: Path) -> None:
    built = asking.local(llama)
    for task in ("generate", "choose"):
        requests = build_requests(asking.suite(TEXTS, task, choices=asking.CHOICES))  # type: ignore[arg-type]
        (alone,) = built.run(requests[:1])
        assert alone.latency_s is not None
        assert alone.latency_s > 0
        if task == "generate":
            assert alone.ttft_s is not None
            assert 0 < alone.ttft_s <= alone.latency_s
        else:
            assert alone.ttft_s is None
        assert {(each.latency_s, each.ttft_s) for each in built.run(requests)} == {(None, None)}


def test_one_text_that_cannot_be_answered_costs_no_other(llama: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from evalkit.backends.local.generate import Generate

    real = Generate.answer

    def sometimes(self: Generate, requests: list[Request], watch: Any) -> list[Output]:
        if any(each.example_id == "e4" for each in requests):
            raise ValueError("no\nmore")
        return real(self, requests, watch)

    monkeypatch.setattr(Generate, "answer", sometimes)
    built = asking.local(llama)
    outputs = asking.answers(built, asking.suite(TEXTS, "generate"))
    assert [each.example_id for each in outputs if each.status == "error"] == ["e4"]
    assert outputs[4].error == "no"
    assert built.counts()["out_of_memory_splits"] == 0


@pytest.mark.parametrize("task", ["generate", "choose"])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_logits_that_are_not_finite_are_an_error(llama: Path, task: Any, temperature: float) -> None:
    import torch

    built = asking.local(llama)
    asked = asking.suite([*TEXTS[:2], "Jupiter"], task, choices=("yes", "no"), temperature=temperature)
    requests = build_requests(asked)
    built.run(requests[:1])
    bad = ids_of(llama, "Jupiter")[0]
    with torch.no_grad():
        asking.loaded(built).get_input_embeddings().weight[bad] = torch.nan
    outputs = built.run(requests)
    assert [each.status == "error" for each in outputs] == [False, False, True]
    assert outputs[2].error == "the model's logits are not finite"
