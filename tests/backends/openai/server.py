"""A server of the OpenAI protocol in this process, on a real socket: as good, slow, odd or broken as a test wants."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MODEL = "small"
Body = Mapping[str, Any]


@dataclass(frozen=True)
class Reply:
    """What goes over the line. `cut` sends so many bytes of the body and hangs up; `delay_s` waits before it all."""

    status: int = 200
    body: bytes = b""
    kind: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    cut: int | None = None
    hang_up: bool = False


@dataclass(frozen=True)
class Seen:
    """One request as it came in."""

    path: str
    body: Body
    headers: Mapping[str, str]


@dataclass
class Server:
    """`answer` gets each POST. `models` is what GET /models lists; None: there is no such list."""

    url: str
    answer: Callable[[Seen], Reply]
    models: Sequence[str] | None = (MODEL,)
    seen: list[Seen] = field(default_factory=list)
    most_at_once: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)
    _now: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def reply_to(self, seen: Seen) -> Reply:
        if seen.path.endswith("/models"):
            return refusal(404, "not here") if self.models is None else listing(self.models)
        with self._lock:
            self.seen.append(seen)
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
        try:
            reply = self.answer(seen)
            if reply.delay_s:
                self.stopped.wait(reply.delay_s)
            return reply
        finally:
            with self._lock:
                self._now -= 1


@contextmanager
def serving(answer: Callable[[Seen], Reply], models: Sequence[str] | None = (MODEL,)) -> Iterator[Server]:
    """A server until the block ends."""
    http = _Quiet(("127.0.0.1", 0), _Handler)
    http.fake = Server(url=f"http://127.0.0.1:{http.server_address[1]}/v1", answer=answer, models=models)
    thread = threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield http.fake
    finally:
        http.fake.stopped.set()
        http.shutdown()
        thread.join()
        http.server_close()


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True
    # server_close would wait for connections that a client keeps open.
    block_on_close = False
    request_queue_size = 128
    fake: Server

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that gave up is no matter of the server's."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body in one packet, and at once.
    wbufsize = 2**16
    disable_nagle_algorithm = True
    server: _Quiet

    def do_GET(self) -> None:
        self._send(self.server.fake.reply_to(Seen(self.path, {}, dict(self.headers))))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._send(self.server.fake.reply_to(Seen(self.path, body, dict(self.headers))))

    def _send(self, reply: Reply) -> None:
        if reply.hang_up:
            self.close_connection = True
            return
        self.send_response(reply.status)
        for name, value in {
            "Content-Type": reply.kind,
            "Content-Length": str(len(reply.body)),
            **reply.headers,
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body if reply.cut is None else reply.body[: reply.cut])
        self.close_connection = reply.cut is not None

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on stderr."""


# --- replies -----------------------------------------------------------------------------------------


def as_json(value: Any, status: int = 200, **more: Any) -> Reply:
    return Reply(status=status, body=json.dumps(value).encode(), **more)


def listing(models: Sequence[str]) -> Reply:
    return as_json({"object": "list", "data": [{"id": each, "object": "model"} for each in models]})


def refusal(status: int, message: str, **more: Any) -> Reply:
    return as_json({"error": {"message": message, **more}}, status)


def chat(
    text: str | None,
    *,
    finish: str | None = "stop",
    model: str | None = MODEL,
    logprobs: Sequence[float] | None = None,
    usage: Mapping[str, int] | None = None,
    message: Mapping[str, Any] | None = None,
    **more: Any,
) -> Reply:
    """An answer in one piece."""
    choice: dict[str, Any] = {"index": 0, "finish_reason": finish}
    choice["message"] = {"role": "assistant", "content": text, **(message or {})}
    if logprobs is not None:
        choice["logprobs"] = {"content": [{"token": "x", "logprob": each} for each in logprobs]}
    value: dict[str, Any] = {"object": "chat.completion", "choices": [choice]}
    if model is not None:
        value["model"] = model
    if usage is not None:
        value["usage"] = dict(usage)
    return as_json(value, **more)


def events(values: Sequence[Any], *, done: bool = True, **more: Any) -> Reply:
    """A stream of these, with a comment in front as some gateways send."""
    lines = [": still here", *(f"data: {json.dumps(each)}" for each in values), *(["data: [DONE]"] if done else [])]
    return Reply(body="".join(f"{each}\n\n" for each in lines).encode(), kind="text/event-stream", **more)


def chunk(
    content: str | None = None,
    *,
    finish: str | None = None,
    model: str = MODEL,
    logprob: float | None = None,
    **delta: Any,
) -> dict[str, Any]:
    choice: dict[str, Any] = {"index": 0, "delta": {"content": content, **delta}, "finish_reason": finish}
    if logprob is not None:
        choice["logprobs"] = {"content": [{"token": content, "logprob": logprob}]}
    return {"object": "chat.completion.chunk", "model": model, "choices": [choice]}


def streamed(*texts: str, finish: str = "stop", model: str = MODEL, usage: Mapping[str, int] | None = None) -> Reply:
    """An answer in pieces, each with a log-probability."""
    values: list[Any] = [chunk(role="assistant", model=model)]
    values += [chunk(each, model=model, logprob=-0.5) for each in texts]
    values.append(chunk(finish=finish, model=model))
    if usage is not None:
        values.append({"model": model, "choices": [], "usage": dict(usage)})
    return events(values)


def said_to(seen: Seen) -> str:
    """The last turn of a chat."""
    return str(seen.body["messages"][-1]["content"])


# --- log-probabilities of a prompt -------------------------------------------------------------------


def words(text: str) -> list[str]:
    """The fake tokenizer: words, each with the space before it."""
    found: list[str] = []
    for letter in text:
        if not found or (letter == " " and found[-1].strip()):
            found.append(letter)
        else:
            found[-1] += letter
    return found


def logprob_of(word: str, before: Sequence[str]) -> float:
    """Some log-probability that depends on the word and all before it, the same on every machine."""
    drawn = sum((index + 1) * ord(letter) for index, letter in enumerate("".join(before) + "|" + word))
    return -0.25 - (drawn % 97) / 16


def echo(seen: Seen) -> Reply:
    """What a server with `echo` says of its prompt, with one token more behind it."""
    tokens = words(str(seen.body["prompt"]))
    logprobs = [None, *(logprob_of(each, tokens[:at]) for at, each in enumerate(tokens) if at > 0), -1.5]
    choice = {"index": 0, "text": seen.body["prompt"] + " x", "finish_reason": "length"}
    choice["logprobs"] = {"tokens": [*tokens, " x"], "token_logprobs": logprobs}
    usage = {"prompt_tokens": len(tokens), "completion_tokens": 1}
    return as_json({"object": "text_completion", "model": seen.body["model"], "choices": [choice], "usage": usage})
