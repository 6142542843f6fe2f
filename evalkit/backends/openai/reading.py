"""Replies: bytes in, what the protocol says they mean out. Nothing here touches the network, and nothing a server
sends makes it raise anything but Malformed, and Passing where it says that it broke down."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from evalkit.backends.openai.complaining import said_in
from evalkit.backends.openai.events import Events
from evalkit.backends.openai.trouble import Malformed, Passing

# A reply beyond this is a server that cannot stop. Bytes.
LARGEST = 64 * 2**20
Reply = TypeVar("Reply", covariant=True)


class Reader(Protocol[Reply]):
    """Takes one reply in pieces. `begun` once something of the answer has come."""

    begun: bool

    def feed(self, piece: bytes) -> None:
        """Raises Malformed."""

    def end(self) -> Reply:
        """What it said. Raises Malformed, and Passing where the server says that it broke down."""


@dataclass(frozen=True, slots=True)
class ChatReply:
    """One answer of /chat/completions. `finish` is the server's word for why it ended, None where it gave none."""

    text: str
    reasoning: str | None
    finish: str | None
    token_logprobs: tuple[float, ...] | None
    tokens_in: int | None
    tokens_out: int | None
    model: str | None


@dataclass(frozen=True, slots=True)
class EchoReply:
    """What /completions says of the tokens of its own prompt, in nats; the first has none. None: it says nothing."""

    prompt_logprobs: tuple[float | None, ...] | None
    model: str | None


@dataclass
class _Parts:
    """What came so far of an answer that comes in pieces."""

    text: list[str] = field(default_factory=list)
    refusal: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    logprobs: list[Any] = field(default_factory=list)
    finish: str | None = None
    usage: Mapping[str, Any] = field(default_factory=dict)
    model: str | None = None

    def take(self, piece: Mapping[str, Any], name: str) -> bool:
        """A chunk of a stream (its `delta`) or a whole reply (its `message`). Whether any of it was answer."""
        if (error := piece.get("error")) is not None:
            raise Passing("server", f"the server broke off: {said_in({'error': error}).message}")
        self.model = _text(piece, "model") or self.model
        self.usage = _mapping(piece, "usage") or self.usage
        choices = piece.get("choices")
        # A chunk may carry nothing but the usage.
        if name == "delta" and not choices:
            return False
        if not isinstance(choices, list) or not choices:
            raise Malformed("the reply has no list of choices")
        choice = choices[0]
        if not isinstance(choice, Mapping):
            raise Malformed("the reply's choice is not an object")
        self.finish = _text(choice, "finish_reason") or self.finish
        given = (_mapping(choice, "logprobs") or {}).get("content")
        self.logprobs += given if isinstance(given, list) else []
        message = _mapping(choice, name)
        if message is None:
            if name == "message":
                raise Malformed("the reply's choice has no message")
            return False
        spoken = [
            (self.text, _content(message)),
            (self.refusal, _text(message, "refusal") or ""),
            # One server's name for it, and another's.
            (self.reasoning, _text(message, "reasoning_content") or _text(message, "reasoning") or ""),
        ]
        for parts, more in spoken:
            parts.append(more)
        return any(more for _, more in spoken)

    def reply(self) -> ChatReply:
        return ChatReply(
            # Where a server sets a refusal apart, it is what the model answered.
            text="".join(self.text) or "".join(self.refusal),
            reasoning="".join(self.reasoning) or None,
            finish=self.finish,
            token_logprobs=_token_logprobs(self.logprobs),
            tokens_in=_count(self.usage, "prompt_tokens"),
            tokens_out=_count(self.usage, "completion_tokens"),
            model=self.model,
        )


class StreamedChat:
    """An answer that comes as events, some tokens in each."""

    def __init__(self) -> None:
        self.begun = False
        self._events, self._parts, self._done = Events(), _Parts(), False

    def feed(self, piece: bytes) -> None:
        self._take(self._events.feed(piece))

    def end(self) -> ChatReply:
        self._take(self._events.end())
        # Not every server says [DONE]; all of them say why an answer ended.
        if not self._done and self._parts.finish is None:
            raise Malformed("the stream broke off before the answer ended")
        return self._parts.reply()

    def _take(self, events: Sequence[str]) -> None:
        for event in events:
            if event.strip() == "[DONE]":
                self._done = True
            elif not self._done and event.strip():
                self.begun = self._parts.take(_object(event), "delta") or self.begun


class Whole:
    """A reply that comes as one JSON object. Of no use before its end."""

    def __init__(self) -> None:
        self.begun = False
        self._body = bytearray()

    def feed(self, piece: bytes) -> None:
        self._body += piece

    def body(self) -> Mapping[str, Any]:
        try:
            return _object(self._body.decode("utf-8"))
        except UnicodeDecodeError:
            raise Malformed("the reply is not UTF-8") from None


class WholeChat(Whole):
    def end(self) -> ChatReply:
        parts = _Parts()
        parts.take(self.body(), "message")
        return parts.reply()


class Echo(Whole):
    """Of a request for one token more, with the prompt's own tokens in front."""

    def end(self) -> EchoReply:
        body = self.body()
        if (error := body.get("error")) is not None:
            raise Passing("server", f"the server broke down: {said_in({'error': error}).message}")
        choices = body.get("choices")
        if not isinstance(choices, list) or not choices or not isinstance(choices[0], Mapping):
            raise Malformed("the reply has no list of choices")
        given = (_mapping(choices[0], "logprobs") or {}).get("token_logprobs")
        usage = _mapping(body, "usage") or {}
        return EchoReply(prompt_logprobs=_of_the_prompt(given, usage), model=_text(body, "model"))


class Names(Whole):
    """The list of a server's models, by name; those without one are left out."""

    def end(self) -> tuple[str, ...]:
        data = self.body().get("data")
        found = [each.get("id") for each in data if isinstance(each, Mapping)] if isinstance(data, list) else []
        return tuple(each for each in found if isinstance(each, str))


def _object(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise Malformed("the reply is not JSON, or it was cut off") from None
    if not isinstance(found, Mapping):
        raise Malformed("the reply is not a JSON object")
    return found


def _mapping(body: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    value = body.get(name)
    if value is not None and not isinstance(value, Mapping):
        raise Malformed(f"the reply's {name} is not an object")
    return value


def _text(body: Mapping[str, Any], name: str) -> str | None:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise Malformed(f"the reply's {name} is not a text")
    return value


def _content(message: Mapping[str, Any]) -> str:
    """A text, or a list of parts of which some are text."""
    value = message.get("content")
    if isinstance(value, list):
        return "".join(_text(each, "text") or "" for each in value if isinstance(each, Mapping))
    return _text(message, "content") or ""


def _count(usage: Mapping[str, Any], name: str) -> int | None:
    """A count, where it is one: a server that counts badly has answered all the same."""
    value = usage.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63 else None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def _token_logprobs(tokens: Sequence[Any]) -> tuple[float, ...] | None:
    """Of all tokens or of none."""
    found = [_number(each.get("logprob")) if isinstance(each, Mapping) else None for each in tokens]
    whole = tuple(each for each in found if each is not None)
    return whole if whole and len(whole) == len(found) else None


def _of_the_prompt(given: Any, usage: Mapping[str, Any]) -> tuple[float | None, ...] | None:
    """Those of the prompt's tokens, without those of the one token that was written.

    A server that knows no echo gives the written token's alone, which must not pass for the prompt's.
    """
    if not isinstance(given, list):
        return None
    read = _count(usage, "prompt_tokens")
    count = len(given) - 1 if read is None else read
    if count < 1 or len(given) < count:
        return None
    return tuple(_number(each) for each in given[:count])
