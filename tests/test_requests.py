"""Suite → Requests: what a model sees, and the key of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evalkit.errors import UsageError
from evalkit.requests import build_requests, prompt_text, prompt_value
from evalkit.suite import load_suite
from evalkit.types import Message, Request
from tests.cli import project


def requests(root: Path, rows: project.Rows, **over: Any) -> list[Request]:
    return build_requests(load_suite(project.suite(root, rows=rows, **over) / "suite.yaml"))


def prompts(root: Path, cells: dict[str, Any], **over: Any) -> Any:
    columns = {"input": "text"} if "text" in cells else {}
    return requests(root, [{"id": "a", **cells}, {"id": "b", **cells}], columns=columns, **over)[0].prompt


@pytest.mark.parametrize(
    ("cell", "prompt"),
    [("x\n", "x\n"), ("", ""), (7, "7"), (True, "true"), ({"a": "é"}, '{"a": "é"}'), ("{{ y }}", "{{ y }}")],
)
def test_without_a_template_the_model_sees_the_input(tmp_path: Path, cell: object, prompt: str) -> None:
    assert prompts(tmp_path, {"text": cell}) == prompt


def test_a_template_is_filled_and_keeps_its_last_newline(tmp_path: Path) -> None:
    assert prompts(tmp_path, {"q": "a < b", "n": 3}, prompt="{{ q }} {{ n + 1 }}\n") == "a < b 4\n"


def test_what_a_row_says_is_not_a_template(tmp_path: Path) -> None:
    assert prompts(tmp_path, {"q": "{{ 7 * 7 }}"}, prompt="{{ q }}") == "{{ 7 * 7 }}"


def test_chat_turns_are_filled_each(tmp_path: Path) -> None:
    chat = [{"role": "system", "content": "Be {{ how }}."}, {"role": "user", "content": "{{ q }}"}]
    prompt = prompts(tmp_path, {"q": "Why?", "how": "brief"}, prompt=chat)
    assert prompt == (Message(role="system", content="Be brief."), Message(role="user", content="Why?"))
    assert prompt_text(prompt) == "[system]\nBe brief.\n\n[user]\nWhy?"
    assert prompt_value(prompt) == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}]


@pytest.mark.parametrize("name", ["self", "loop", "range", "id", "class", "a-b"])
def test_any_column_name_may_stand_in_a_row(tmp_path: Path, name: str) -> None:
    assert requests(tmp_path, [{"q": "x", name: "a", "id": "a"}], columns={}, prompt="{{ q }}")[0].prompt == "x"


def test_a_null_cell_is_not_the_word_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'note' is undefined"):
        prompts(tmp_path, {"q": "x", "note": None}, prompt="{{ q }} {{ note }}")
    assert prompts(tmp_path, {"q": "x", "note": None}, prompt="{{ q }}{{ note | default('-') }}") == "x-"


@pytest.mark.parametrize(
    "prompt",
    [
        "{{ q.nothing }}",
        "{{ '{x}'.format() }}",
        "{{ '{0}'.format() }}",
        "{{ q.encode('no such encoding') }}",
        "{{ 1 / 0 }}",
        "{{ q + 1 }}",
        "{% for i in range(10 ** 9) %}x{% endfor %}",
        "{% include 'secret' %}",
        "{{ q.__class__.__mro__ }}",
        "{{ ().__class__.__base__.__subclasses__() }}",
    ],
)
def test_a_template_that_fails_or_breaks_out_is_a_complaint(tmp_path: Path, prompt: str) -> None:
    with pytest.raises(UsageError) as refused:
        prompts(tmp_path, {"q": "x"}, prompt=prompt)
    (found,) = refused.value.complaints
    assert 'example "a" cannot fill the prompt' in found.problem
    assert "(and 1 more rows like it)" in found.problem
    assert str(found.place).endswith("suite.yaml › prompt")


def test_the_key_is_of_all_that_the_model_sees_and_of_nothing_else(tmp_path: Path) -> None:
    rows = project.examples(2)
    key = requests(tmp_path, rows)[0].key
    assert requests(tmp_path, [{**rows[0], "severity": "low", "intent": "other"}, rows[1]])[0].key == key
    assert requests(tmp_path, rows, version=2, generation={"max_new_tokens": 5})[0].key == key
    assert requests(tmp_path, [{**rows[0], "text": "else"}, rows[1]])[0].key != key
    assert requests(tmp_path, rows, labels=["refund", "card_lost", "other"])[0].key != key
    keys = {
        requests(tmp_path, rows, task="generate", labels=None, generation={"max_new_tokens": n})[0].key for n in (5, 6)
    }
    assert len(keys | {key}) == 3


def test_requests_are_in_the_suites_order(tmp_path: Path) -> None:
    rows = project.examples(7)[::-1]
    assert [each.example_id for each in requests(tmp_path, rows)] == [row["id"] for row in rows]
