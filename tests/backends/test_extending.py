"""The sample backend of docs/extending.md is one."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evalkit.backends import Backend
from evalkit.requests import build_requests
from evalkit.types import Message
from tests.backends.local import asking

DOCUMENT = Path(__file__).resolve().parent.parent.parent / "docs" / "extending.md"


@pytest.fixture(scope="module")
def sample() -> Any:
    if not DOCUMENT.is_file():
        pytest.skip("docs/extending.md is not here")
    _, section = DOCUMENT.read_text(encoding="utf-8").split("\n## A backend\n")
    found = re.search(r"```python\n(.*?)```", section, re.DOTALL)
    assert found is not None
    names: dict[str, Any] = {}
    exec(compile(found[1], str(DOCUMENT), "exec"), names)
    return names["Shouting"]


def test_the_sample_is_a_backend_that_answers(sample: Any) -> None:
    built = sample(None, "student")
    assert isinstance(built, Backend)
    asked = asking.suite(["hello", "and more"], "generate")
    assert built.check([asked]) == []
    assert built.identify() == sample(None, "student").identify()
    requests = build_requests(asked)
    assert [index for batch in built.batches(requests) for index in batch] == [0, 1]
    outputs = built.run([*requests, replace(requests[0], prompt=(Message(role="user", content="hello"),))])
    assert [(each.status, each.text) for each in outputs] == [("ok", "HELLO"), ("ok", "AND MORE"), ("error", None)]
    built.close()


def test_the_document_says_how_many_methods_have_no_body() -> None:
    if not DOCUMENT.is_file():
        pytest.skip("docs/extending.md is not here")
    assert len(Backend.__abstractmethods__) == 4
    assert "these four methods are what every backend must say" in DOCUMENT.read_text(encoding="utf-8")
