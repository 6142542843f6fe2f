"""Replies taken apart, without a network: whatever comes is a reply or a plain complaint."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.backends.openai import backoff
from evalkit.backends.openai.events import Events
from evalkit.backends.openai.naming import same_model
from evalkit.backends.openai.reading import ChatReply, Echo, Names, StreamedChat, WholeChat
from evalkit.backends.openai.refusing import fitted, spare_parameter
from evalkit.backends.openai.trouble import Malformed, Passing, Said
from tests.backends.openai import server

# What replies are made of: more of them look like one.
NAMES = "choices message delta content finish_reason usage prompt_tokens logprobs logprob model error token_logprobs"
NAMES += " data id text detail loc msg code refusal"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES.split()), inner, max_size=5),
    max_leaves=12,
)


def read(reader: Any, body: bytes, cuts: Sequence[int] = ()) -> Any:
    places = [0, *sorted(each % (len(body) + 1) for each in cuts), len(body)]
    for start, end in pairwise(places):
        reader.feed(body[start:end])
    return reader.end()


# --- laws --------------------------------------------------------------------------------------------


@given(st.sampled_from([StreamedChat, WholeChat, Echo, Names]), st.binary(max_size=60))
def test_any_bytes_are_a_reply_or_a_complaint(reader: Any, body: bytes) -> None:
    with suppress(Passing):
        read(reader(), body)


@given(JSON, st.sampled_from([WholeChat, Echo, Names]))
def test_any_json_is_a_reply_or_a_complaint(value: Any, reader: Any) -> None:
    with suppress(Passing):
        read(reader(), json.dumps(value).encode())


@given(st.lists(JSON, max_size=4))
def test_any_events_are_a_reply_or_a_complaint(values: list[Any]) -> None:
    with suppress(Passing):
        assert isinstance(read(StreamedChat(), server.events(values).body), ChatReply)


@given(st.lists(st.text(min_size=1), max_size=5), st.lists(st.integers(0, 4000), max_size=8))
def test_a_stream_says_the_same_however_it_is_cut(texts: list[str], cuts: list[int]) -> None:
    texts = [each.encode("utf-8", "backslashreplace").decode() for each in texts]
    body = server.streamed(*texts, usage={"prompt_tokens": 5, "completion_tokens": len(texts)}).body
    assert read(StreamedChat(), body, cuts) == read(StreamedChat(), body)
    assert read(StreamedChat(), body, cuts).text == "".join(texts)


@given(st.lists(st.text("ab\r\n: ", max_size=8), max_size=4), st.lists(st.integers(0, 200), max_size=6))
def test_events_do_not_depend_on_how_they_are_cut(values: list[str], cuts: list[int]) -> None:
    body = "".join(f"data: {each}\n\n" for each in values).encode()
    places = [0, *sorted(each % (len(body) + 1) for each in cuts), len(body)]
    whole, parts = Events(), Events()
    once = [*whole.feed(body), *whole.end()]
    assert [e for a, b in pairwise(places) for e in parts.feed(body[a:b])] + parts.end() == once


def test_a_long_line_may_come_in_very_many_pieces() -> None:
    """Sixteen megabytes in sixty-four thousand pieces: were all put together at each, this would take an hour."""
    events, piece, count = Events(), b"x" * 256, 2**16
    assert [events.feed(each) for each in (b"data:", *[piece] * count) if each] == [[]] * (count + 1)
    (found,) = events.feed(b"\n\n")
    assert len(found) == len(piece) * count


@given(st.lists(st.sampled_from(["data: a", "data:", "b", ":", "\r", "\n", "\r\n", ""]), max_size=9))
def test_a_stream_that_just_stops_says_the_same_in_any_pieces(pieces: list[str]) -> None:
    whole, parts = Events(), Events()
    once = [*whole.feed("".join(pieces).encode()), *whole.end()]
    assert [event for each in pieces for event in parts.feed(each.encode())] + parts.end() == once


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r"])
def test_any_line_break_ends_a_line(line_break: str) -> None:
    events = Events()
    body = line_break.join(["event: x", "data: one", "data: more", "", ": comment", "data:two", "", ""]).encode()
    assert [*events.feed(body), *events.end()] == ["one\nmore", "two"]


@given(st.integers(1, 500), st.none() | st.floats(0, 1e9), st.integers(0, 99))
def test_a_pause_is_bounded_and_no_shorter_than_what_the_server_wishes(
    failures: int, wish: float | None, seed: int
) -> None:
    found = backoff.pause_s(failures, wish, Random(seed))
    least = min(wish or 0.0, backoff.LONGEST_WISH_S)
    assert least <= found <= least + backoff.LONGEST_S


# --- facts -------------------------------------------------------------------------------------------


def test_a_stream_is_complete_with_a_finish_reason_or_done() -> None:
    assert read(StreamedChat(), server.events([server.chunk("a", finish="stop")], done=False).body).finish == "stop"
    assert read(StreamedChat(), server.events([server.chunk("a")]).body).text == "a"
    with pytest.raises(Malformed, match="broke off"):
        read(StreamedChat(), server.events([server.chunk("a")], done=False).body)


def test_an_answer_begins_with_its_first_words_not_with_its_role() -> None:
    reader = StreamedChat()
    reader.feed(server.events([server.chunk(role="assistant")], done=False).body)
    assert not reader.begun
    reader.feed(server.events([server.chunk(reasoning_content="hm")], done=False).body)
    assert reader.begun


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_reasoning_is_kept_apart_by_either_name(name: str) -> None:
    whole = read(WholeChat(), server.chat("4", message={name: "2 + 2"}).body)
    parts = [server.chunk(**{name: "2 "}), server.chunk(**{name: "+ 2"}), server.chunk("4", finish="stop")]
    for reply in (whole, read(StreamedChat(), server.events(parts).body)):
        assert (reply.text, reply.reasoning) == ("4", "2 + 2")


def test_a_refusal_that_is_set_apart_is_what_was_answered() -> None:
    assert read(WholeChat(), server.chat(None, message={"refusal": "I can't."}).body).text == "I can't."


def test_content_in_parts_is_their_text() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "image"}, {"type": "text", "text": "b"}]
    assert read(WholeChat(), server.chat(None, message={"content": parts}).body).text == "ab"


@pytest.mark.parametrize("wrong", [-1, 1.5, True, "3", 2**63, None])
def test_a_count_that_is_none_is_left_out(wrong: Any) -> None:
    reply = read(WholeChat(), server.chat("a", usage={"prompt_tokens": wrong, "completion_tokens": 2}).body)
    assert (reply.tokens_in, reply.tokens_out) == (None, 2)


def test_log_probabilities_are_those_of_all_tokens_or_none() -> None:
    assert read(WholeChat(), server.chat("a b", logprobs=[-0.5, -1.0]).body).token_logprobs == (-0.5, -1.0)
    assert read(WholeChat(), server.chat("a b", logprobs=[-0.5, None]).body).token_logprobs is None  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", "not JSON"),
        (b"[1]", "not a JSON object"),
        (b'{"choices": []}', "no list of choices"),
        (b'{"choices": [{"message": "hi"}]}', "message is not an object"),
        (b'{"choices": [{"message": {"content": 7}}]}', "content is not a text"),
        (b'{"choices": [{}]}', "no message"),
        (b'{"choices": [{"message": {"content": "', "cut off"),
        (b"\xff", "not UTF-8"),
        (b"[" * 100_000, "not JSON"),
    ],
)
def test_a_malformed_reply_says_what_is_wrong_with_it(body: bytes, expected: str) -> None:
    with pytest.raises(Malformed, match=expected):
        read(WholeChat(), body)


def test_a_server_that_breaks_off_in_a_stream_says_so() -> None:
    with pytest.raises(Passing, match="broke off: out of memory"):
        read(StreamedChat(), server.events([server.chunk("a"), {"error": "out of memory"}]).body)


# A server without echo gives the log-probability of the one token that it wrote.
NO_ECHO = {"usage": {"prompt_tokens": 8}, "choices": [{"logprobs": {"token_logprobs": [-0.1]}}]}


@pytest.mark.parametrize("body", [NO_ECHO, {"choices": [{"text": "a"}]}, {"choices": [{"logprobs": None}]}])
def test_a_prompt_without_log_probabilities_has_none(body: Any) -> None:
    assert read(Echo(), json.dumps(body).encode()).prompt_logprobs is None


@pytest.mark.parametrize("usage", [{"prompt_tokens": 3}, {}])
def test_the_written_token_is_not_the_prompts(usage: Any) -> None:
    body = {"usage": usage, "choices": [{"logprobs": {"token_logprobs": [None, -1, -2, -0.1]}}]}
    assert read(Echo(), json.dumps(body).encode()).prompt_logprobs == (None, -1.0, -2.0)


SAME = [
    ("gpt-4o", "gpt-4o-2024-08-06"),
    ("org/small", "small"),
    ("models/small-001", "small"),
    ("/models/small", "/models/small@main"),
    ("llama3", "llama3:latest"),
    ("Small", "small"),
    ("accounts/x/models/small", "models/small"),
]
OTHERS = [
    ("gpt-4o", "gpt-4o-mini"),
    ("here/small", "there/small"),
    ("small", "large"),
    ("llama-2", "llama-2-7b"),
    ("small", ""),
    ("a", "b/c"),
]


def test_a_revision_or_folder_does_not_make_another_model() -> None:
    assert [pair for pair in SAME if not (same_model(*pair) and same_model(*pair[::-1]))] == []
    assert [pair for pair in OTHERS if same_model(*pair) or same_model(*pair[::-1])] == []


@given(st.text(max_size=12), st.text(max_size=12))
def test_sameness_of_names_is_mutual_and_reflexive(one: str, other: str) -> None:
    assert same_model(one, other) == same_model(other, one)
    assert same_model(one, one) == bool(one.strip())


BODY = {"logprobs": True, "stream": True, "stream_options": {}, "max_tokens": 5, "seed": 0}


@pytest.mark.parametrize(
    ("message", "param", "found"),
    [
        ("Unknown parameter: logprobs", None, "logprobs"),
        ("not supported", "logprobs", "logprobs"),
        ("stream_options is not allowed", None, "stream_options"),
        ("streaming is not supported", "stream", "stream"),
        ("'max_tokens' is not supported; use 'max_completion_tokens'", None, "max_tokens"),
        ("this prompt and max_tokens are longer than the context", None, None),
        ("top_logprobs must be below 5", None, None),
        ("the prompt is too long", None, None),
    ],
)
def test_a_parameter_is_dropped_only_where_the_server_names_it(message: str, param: Any, found: str | None) -> None:
    assert spare_parameter(400, Said(message, param=param), BODY) == found
    assert spare_parameter(500, Said(message, param=param), BODY) is None


def test_what_is_left_out_of_a_request() -> None:
    assert fitted(BODY, frozenset()) == BODY
    assert set(fitted(BODY, frozenset({"stream"}))) == {"logprobs", "max_tokens", "seed"}
    assert fitted({"max_tokens": 5}, frozenset({"max_tokens"})) == {"max_completion_tokens": 5}


NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": format_datetime(NOW + timedelta(seconds=90), usegmt=True)}, 90),
        ({"retry-after": format_datetime(NOW - timedelta(seconds=90), usegmt=True)}, 0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-4"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
    ],
)
def test_a_server_may_say_when_to_come_back(headers: dict[str, str], seconds: float | None) -> None:
    assert backoff.wish_s(headers, NOW) == seconds


@given(st.text(max_size=30))
def test_any_wish_is_seconds_or_none(text: str) -> None:
    found = backoff.wish_s({"retry-after": text}, NOW)
    assert found is None or found >= 0
