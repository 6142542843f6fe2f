"""Chat templates: whose, for which prompts, and what is said where there is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evalkit.errors import BrokenError
from evalkit.files import digest_text, digest_value
from evalkit.requests import build_requests
from tests import language_models as lm
from tests import models
from tests.backends.local import asking

TEXTS = asking.prompts(4)
TURNS = asking.chat(("system", "Be brief."), ("user", "{{ text }}"))
ONE = asking.chat(("user", "{{ text }}"))
NO_SYSTEM = (
    "{{ bos_token }}{% for each in messages %}{% if each['role'] == 'system' %}"
    "{{ raise_exception('no system turn, please') }}{% endif %}[INST] {{ each['content'] }} [/INST]{% endfor %}"
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def bare(home: Path) -> Path:
    return lm.save_language_model(home / "bare" / "llama", seed=1)


@pytest.fixture(scope="module")
def chatty(home: Path) -> Path:
    return lm.save_language_model(home / "chatty" / "llama", seed=1, template=lm.TURNS)


def seen_by(folder: Path, asked: Any, **spec: Any) -> list[str]:
    """The texts that go in, by their hashes, too."""
    built = asking.local(folder, **spec)
    assert asking.complaints(built, asked) == ""
    texts = [built._tools().prompts.seen(each).text for each in build_requests(asked)]
    assert [each.prompt_hash for each in asking.answers(built, asked)] == [digest_text(each) for each in texts]
    return texts


@pytest.mark.parametrize("task", ["generate", "extract", "classify", "choose"])
def test_chat_turns_go_through_the_template(chatty: Path, task: Any) -> None:
    asked = asking.suite(TEXTS, task, prompt=TURNS, choices=models.LABELS)
    assert seen_by(chatty, asked)[1] == f"<|system|>\nBe brief.\n<|user|>\n{TEXTS[1]}\n<|assistant|>\n"


@pytest.mark.parametrize(("task", "templated"), [("generate", 1), ("extract", 1), ("classify", 0), ("choose", 0)])
def test_a_text_to_be_answered_in_writing_is_one_user_turn(chatty: Path, task: Any, templated: int) -> None:
    expected = f"<|user|>\n{TEXTS[1]}\n<|assistant|>\n" if templated else TEXTS[1]
    asked = asking.suite(TEXTS, task, choices=models.LABELS)
    assert seen_by(chatty, asked)[1] == expected
    assert seen_by(chatty, asked, chat_template="none")[1] == TEXTS[1]


def test_a_model_without_a_template_is_told_so(bare: Path) -> None:
    asked = asking.suite(TEXTS, "generate")
    built = asking.local(bare)
    assert seen_by(bare, asked) == TEXTS
    assert built.notes([asked, asking.suite(TEXTS, "choose", choices=models.LABELS)]) == [
        "the student has no chat template: texts of questions go in as they are"
    ]


def test_a_model_with_a_template_needs_no_note(chatty: Path) -> None:
    asked = asking.suite(TEXTS, "generate")
    assert asking.local(chatty).notes([asked]) == []
    assert "as the plan says" in asking.local(chatty, chat_template="none").notes([asked])[0]


def test_turns_without_a_template_are_a_complaint(bare: Path, chatty: Path) -> None:
    for task in ("generate", "choose"):
        asked = asking.suite(TEXTS, task, prompt=ONE, choices=models.LABELS)  # type: ignore[arg-type]
        said = asking.complaints(asking.local(bare), asked)
        assert f"{bare} has no chat template" in said
        assert "chat_template: FILE" in said
        assert "the plan says chat_template: none" in asking.complaints(
            asking.local(chatty, chat_template="none"), asked
        )


def test_a_classifier_without_a_template_takes_no_turns(home: Path) -> None:
    folder = models.save_classifier(home / "bert")
    asked = asking.suite(TEXTS, "classify", prompt=ONE, choices=models.LABELS)
    assert "has no chat template" in asking.complaints(models.classifier(folder), asked)


def test_a_plan_may_bring_a_template(bare: Path, chatty: Path, tmp_path: Path) -> None:
    path = tmp_path / "own.jinja"
    path.write_text("{% for each in messages %}<{{ each['content'] }}>{% endfor %}", encoding="utf-8")
    asked = asking.suite(TEXTS, "generate", prompt=TURNS)
    for folder in (bare, chatty):
        assert seen_by(folder, asked, chat_template=str(path))[1] == f"<Be brief.><{TEXTS[1]}>"
        facts = asking.local(folder, chat_template=str(path)).identify()
        assert facts.template_digest == digest_value(path.read_text(encoding="utf-8"))
        assert facts.settings["chat_template"] == facts.template_digest
        assert facts.settings != asking.local(folder).identify().settings
    path.unlink()
    assert "own.jinja cannot be read" in asking.complaints(asking.local(bare, chat_template=str(path)), asked)
    with pytest.raises(BrokenError, match="cannot be read"):
        asking.local(bare, chat_template=str(path)).identify()


def test_the_template_is_recorded_by_hash(bare: Path, chatty: Path) -> None:
    assert asking.local(bare).identify().template_digest is None
    assert asking.local(chatty).identify().template_digest == digest_value(lm.TURNS)
    assert asking.local(chatty, chat_template="none").identify().template_digest is None


def test_a_template_that_will_not_have_the_turns_is_a_complaint(home: Path) -> None:
    folder = lm.save_language_model(home / "strict" / "llama", seed=1, template=NO_SYSTEM)
    assert asking.complaints(asking.local(folder), asking.suite(TEXTS, "generate", prompt=ONE)) == ""
    said = asking.complaints(asking.local(folder), asking.suite(TEXTS, "generate", prompt=TURNS))
    assert "no system turn, please" in said
    assert 'the suite "questions"' in said


def test_a_template_that_fails_on_one_conversation_costs_no_other(home: Path) -> None:
    template = "{% if 'money' in messages[0]['content'] %}{{ raise_exception('no money') }}{% endif %}" + lm.TURNS
    folder = lm.save_language_model(home / "picky" / "llama", seed=1, template=template)
    built = asking.local(folder)
    asked = asking.suite(["a card", "the money", "a fee"], "generate")
    assert asking.complaints(built, asked) == ""
    outputs = asking.answers(built, asked)
    assert [each.status == "error" for each in outputs] == [False, True, False]
    assert outputs[1].error == "the chat template fails on this conversation: no money"


def test_the_beginning_is_marked_once(home: Path) -> None:
    folder = lm.save_language_model(home / "marked" / "llama", seed=1, template=NO_SYSTEM)
    built = asking.local(folder)
    tools = built._tools()
    templated = [tools.prompts.seen(each) for each in build_requests(asking.suite(TEXTS, "generate"))]
    plain = [
        tools.prompts.seen(each)
        for each in build_requests(asking.suite(["<s>a card", "a card"], "choose", choices=("a", "b")))
    ]
    begin = tools.tokenizer.bos_token_id
    for ids in [*tools.encoder.prompts(templated), *tools.encoder.prompts(plain)]:
        assert (ids[0], ids.count(begin)) == (begin, 1)


def test_a_template_that_writes_the_date_is_told(home: Path) -> None:
    folder = lm.save_language_model(home / "dated" / "llama", template="{{ strftime_now('%Y') }}" + lm.TURNS)
    assert "writes the date" in asking.local(folder).notes([asking.suite(TEXTS, "generate")])[0]


def test_a_template_inside_the_tokenizers_configuration_is_found(home: Path) -> None:
    folder = lm.save_language_model(home / "inside" / "llama", seed=1)
    path = folder / "tokenizer_config.json"
    held = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**held, "chat_template": lm.TURNS}), encoding="utf-8")
    asked = asking.suite(TEXTS, "generate", prompt=TURNS)
    assert seen_by(folder, asked)[0].startswith("<|system|>")
    assert asking.local(folder).identify().template_digest == digest_value(lm.TURNS)
