"""What a server says in place of an answer, in whatever shape it comes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from evalkit.backends.openai.complaining import LONGEST_SAID, said_by

# What error bodies are made of: more of them look like one.
NAMES = ["error", "message", "code", "type", "param", "innererror", "metadata", "flagged_input", "detail", "loc", "msg"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=12,
)


@example({"param": 3, "code": 4}, True)
@given(JSON, st.booleans())
def test_any_error_body_has_something_to_say_or_nothing(value: Any, wrapped: bool) -> None:
    said = said_by(json.dumps({"error": value} if wrapped else value).encode())
    assert isinstance(said.message, str)
    assert len(said.message) <= LONGEST_SAID + 1
    assert all(each is None or isinstance(each, str) for each in (said.code, said.param))


@given(st.binary(max_size=60))
def test_any_bytes_are_an_error_body(body: bytes) -> None:
    assert isinstance(said_by(body).message, str)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error": {"message": "too long", "code": "context_length_exceeded"}}', "too long"),
        (b'{"error": "busy"}', "busy"),
        (b'{"detail": "not here"}', "not here"),
        (
            b'{"detail": [{"loc": ["body", "seed"], "msg": "forbidden", "input": "the whole prompt"}]}',
            "seed: forbidden",
        ),
        (b"<html>Bad gateway</html>", ""),
        (b"plain words\nin lines", "plain words in lines"),
        (b"", ""),
    ],
)
def test_a_complaint_is_found_in_whatever_shape_it_comes(body: bytes, message: str) -> None:
    assert said_by(body).message == message


@pytest.mark.parametrize(
    "error",
    [
        {"code": "content_filter"},
        {"code": "x", "innererror": {"code": "ResponsibleAIPolicyViolation"}},
        {"code": "content_policy_violation"},
        {"code": 403, "metadata": {"flagged_input": "…", "reasons": ["violence"]}},
    ],
)
def test_a_filter_is_told_from_a_mistake(error: Any) -> None:
    assert said_by(json.dumps({"error": error}).encode()).filtered
    assert not said_by(b'{"error": {"code": "invalid", "message": "content_filter"}}').filtered
