"""`evalkit load` against a server on this machine: what is sent, what is printed, what is refused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from evalkit.load import asked, measure
from tests.backends.openai.server import MODEL, Reply, Seen, Server, chat, refusal, serving, streamed
from tests.cli import project
from tests.cli.project import Ended, evalkit

N = 30
USAGE = {"prompt_tokens": 3, "completion_tokens": 4}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    # Tests share their machine with others, and are not about how late it makes them.
    monkeypatch.setattr(measure, "LATE_S", 60.0)
    project.suite(tmp_path, n=N, task="generate", labels=None, generation={"max_new_tokens": 9, "stop": ["END"]})
    project.suite(tmp_path, name="labels", n=6)


def good(_seen: Seen) -> Reply:
    return streamed("so", " it", " is", usage=USAGE)


def load(server: Server, *arguments: str, **over: Any) -> Ended:
    given = {"--model": f"openai:{server.url}#{MODEL}", "--suite": "intents", "--duration": "500ms", **over}
    return evalkit("load", *(part for each in given.items() for part in each), "--quiet", *arguments)


def record(ended: Ended) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(ended.out)
    return read


def model(read: dict[str, Any], level: int = 0, number: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = read["levels"][level]["models"][number]
    return found


def measured(read: dict[str, Any], name: str) -> dict[str, Any]:
    return next(row for row in model(read)["measures"] if row["measure"] == name)


def asked_of(server: Server) -> list[Seen]:
    """Without the two requests that come before the load: is the model there, and does it answer in full."""
    return [each for each in server.seen if each.body["max_tokens"] != 1][1:]


def test_a_rate_is_sent_as_it_was_drawn_with_the_bodies_of_a_gate() -> None:
    with serving(good) as server:
        ended = load(server, "--rate", "40", "--json")
    assert ended.code == 0, ended.err
    read = record(ended)
    sent = asked_of(server)
    assert model(read)["prompts"]["sent"] == len(sent) > 8
    assert model(read)["failed"] == {}
    assert model(read)["answered"] == model(read)["sent"] <= len(sent)
    assert sent[0].body["messages"][0]["content"].startswith("question ")
    assert sent[0].body["stream"] is True
    assert sent[0].body["logprobs"] is True
    assert (sent[0].body["max_tokens"], sent[0].body["stop"]) == (9, ["END"])
    assert read["settings"]["arrivals"] == "poisson"
    assert measured(read, "throughput.tokens")["estimate"]["value"] > 0
    assert measured(read, "ttft.p50")["estimate"]["value"] > 0


def test_the_same_seed_sends_the_same_prompts() -> None:
    told = []
    for seed in ("1", "1", "2"):
        with serving(good) as server:
            load(server, "--rate", "40", "--seed", seed, "--no-logprobs", **{"--duration": "300ms"})
        told.append(sorted(each.body["messages"][0]["content"] for each in asked_of(server)))
        assert all("logprobs" not in each.body for each in server.seen)
    assert told[0] == told[1] != told[2]


def test_nothing_is_tried_again_and_failures_are_told_apart() -> None:
    answers = iter(range(1_000_000))

    def busy(seen: Seen) -> Reply:
        number = next(answers)
        if number < 2:
            return good(seen)
        kinds = (refusal(429, "slow down"), refusal(503, "no room"), Reply(hang_up=True), refusal(413, "too large"))
        return kinds[number % 4]

    with serving(busy) as server:
        ended = load(server, "--rate", "60", "--arrivals", "constant", "--json", "--warm-up", "10ms")
    read = record(ended)
    failed = model(read)["failed"]
    assert set(failed) == {"busy (429)", "server error (5xx)", "connection broke", "refused (413)"}
    assert sum(failed.values()) == model(read)["sent"] == 30
    assert len(asked_of(server)) == model(read)["prompts"]["sent"]
    assert "requests have no answer" in measured(read, "response.p50")["undefined"]
    assert ended.code == 4, "nothing was answered"
    assert "no further one was sent" in " ".join(read["notes"])


def test_a_server_that_is_slow_times_out() -> None:
    with serving(
        lambda seen: good(seen) if seen.body["max_tokens"] == 1 or len(server.seen) < 3 else Reply(delay_s=30)
    ) as server:
        read = record(load(server, "--rate", "20", "--timeout", "300ms", "--json"))
    assert set(model(read)["failed"]) == {"timeout"}


def test_a_sweep_keeps_so_many_under_way() -> None:
    def slow(seen: Seen) -> Reply:
        reply = good(seen)
        return Reply(body=reply.body, kind=reply.kind, delay_s=0.05)

    with serving(slow) as server:
        ended = load(server, "--sweep", "1,4", "--json", "--objective", "p50 <= 30s")
    read = record(ended)
    assert [each["in_flight"] for each in read["levels"]] == [1, 4]
    assert server.most_at_once == 4
    assert "response.p50" not in {row["measure"] for row in model(read)["measures"]}
    assert "held against service times" in " ".join(read["notes"])
    assert read["largest_rate"] == {}


def test_two_endpoints_are_compared_in_turns() -> None:
    with serving(good) as one, serving(good) as two:
        ended = evalkit(
            "load", "--teacher", f"openai:{one.url}#{MODEL}", "--student", f"openai:{two.url}#{MODEL}", "--quiet",
            "--suite", "intents", "--rate", "40", "--duration", "800ms", "--objective", "p90 <= 30s", "--json",
        )  # fmt: skip
    read = record(ended)
    assert [each["role"] for each in read["models"]] == ["teacher", "student"]
    teacher, student = ([each.body["messages"] for each in asked_of(server)] for server in (one, two))
    assert sorted(map(str, teacher)) == sorted(map(str, student))
    rows = read["levels"][0]["student_against_teacher"]
    assert [row["measure"] for row in rows] == ["response.difference", "met.difference"]
    assert read["settings"]["stretches"] == 4


def test_a_length_is_asked_for_and_found_to_be_kept() -> None:
    with serving(good) as server:
        ended = load(server, "--rate", "20", "--fixed-tokens", "4", "--json")
        assert ended.code == 0, ended.err
        body = asked_of(server)[0].body
        assert (body["max_tokens"], body["min_tokens"], body["ignore_eos"]) == (4, 4, True)
        assert "stop" not in body
        ended = load(server, "--rate", "20", "--fixed-tokens", "7")
    assert ended.code == 4
    assert "cannot be held to a length: it wrote 4 tokens where 7 were asked for" in ended.err


def test_what_a_server_refuses_is_left_out_before_the_load() -> None:
    def picky(seen: Seen) -> Reply:
        return refusal(400, "logprobs is not supported", param="logprobs") if "logprobs" in seen.body else good(seen)

    with serving(picky) as server:
        read = record(load(server, "--rate", "20", "--json"))
    assert read["models"][0]["refused_parameters"] == ["logprobs"]
    assert model(read)["failed"] == {}


def test_a_server_that_answers_in_one_piece_has_no_first_token() -> None:
    with serving(lambda seen: chat("it is", usage=USAGE)) as server:
        read = record(load(server, "--rate", "20", "--json", "--objective", "ttft.p50 <= 1s"))
    assert "does not stream" in measured(read, "ttft.p50")["undefined"]
    assert model(read)["objective"]["held"] == "unclear"


def test_the_text_and_the_files_say_the_same(tmp_path: Path) -> None:
    with serving(good) as server:
        ended = load(server, "--rate", "40", "--objective", "p50 <= 30s", "--out", "load.json")
        page = load(server, "--rate", "40", "--objective", "p50 <= 30s", "--out", "load.md")
    assert (ended.code, page.code) == (0, 0)
    assert json.loads((tmp_path / "load.json").read_text(encoding="utf-8"))["schema"] == "evalkit/load/v1"
    assert "### Under load" in (tmp_path / "load.md").read_text(encoding="utf-8")
    assert "student: p50, p95 and p99 of response times, from when a request was due" in ended.out
    assert all(len(line) <= 80 for line in ended.out.splitlines())


# --- what is wrong ------------------------------------------------------------------------------------


def test_every_mistake_is_told_at_once_and_nobody_is_asked() -> None:
    with serving(good) as server:
        ended = load(
            server, "--rate", "fast", "--sweep", "0", "--timeout", "soon", "--objective", "p95 < quick",
            "--once-each", "--arrivals", "constant", "--out", "load.html", "--student", "openai:x",
            **{"--suite": "nowhere", "--duration": "60"},
        )  # fmt: skip
    assert ended.code == 2
    assert server.seen == []
    for said in (
        '--rate: "fast" is not a number',
        "--sweep: 0 is not a number above nought",
        "--rate and --sweep are different loads",
        '--timeout: "soon" is no time',
        '--duration: "60" is no time',
        '--objective: "quick" is no time',
        "--out load.html is neither",
        "--model and --student name the same role",
        "nowhere",
    ):
        assert said in ended.err, said


@pytest.mark.parametrize(
    ("over", "arguments", "said"),
    [
        ({"--model": "recorded:x.jsonl"}, ("--rate", "4"), "is no endpoint"),
        ({"--model": "openai:localhost"}, ("--rate", "4"), "names no served model"),
        ({"--suite": "labels"}, ("--rate", "4"), "asks for a choice"),
        ({}, (), "no load is named"),
        ({}, ("--rate", "1,2"), "write --rates 1,2"),
        ({}, ("--sweep", "4", "--once-each"), "is not known before"),
        ({}, ("--sweep", "4", "--arrivals", "constant"), "says when requests come"),
        ({"--duration": "60s"}, ("--rate", "4", "--once-each"), f"the suites have {N} prompts"),
        ({"--duration": "10h"}, ("--rate", "400"), "requests"),
        ({}, ("--sweep", "1000000"), "more than the"),
        ({}, ("--rate", "4", "--api-key-env", "EVALKIT_NO_SUCH_KEY"), "EVALKIT_NO_SUCH_KEY"),
    ],
)
def test_a_mistake_is_found_before_anybody_is_asked(
    over: dict[str, str], arguments: tuple[str, ...], said: str
) -> None:
    with serving(good) as server:
        ended = load(server, *arguments, **over)
        assert (ended.code, server.seen) == (2, [])
    assert said in ended.err
    assert "help: " in ended.err


def test_no_model_is_a_mistake() -> None:
    ended = evalkit("load", "--suite", "intents", "--rate", "1")
    assert ended.code == 2
    assert "no model is named" in ended.err


def test_a_server_that_is_not_there_is_no_mistake_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    from evalkit.backends.openai import backoff

    monkeypatch.setattr(backoff, "FIRST_S", 0.0)
    ended = evalkit("load", "--model", "openai:http://127.0.0.1:9/v1#m", "--suite", "intents", "--rate", "1")
    assert ended.code == 4
    assert "cannot be reached" in ended.err


def test_a_key_that_is_refused_on_the_way_ends_it() -> None:
    def expires(seen: Seen) -> Reply:
        return good(seen) if len(server.seen) < 5 else refusal(401, "expired")

    with serving(expires) as server:
        ended = load(server, "--rate", "40")
    assert ended.code == 4
    assert "asks for a key" in ended.err


def test_an_interruption_keeps_what_was_measured(tmp_path: Path) -> None:
    with serving(good) as server:
        command = [
            sys.executable,
            "-m",
            "evalkit",
            "load",
            "--model",
            f"openai:{server.url}#{MODEL}",
            "--suite",
            "intents",
        ]
        command += ["--rates", "20,30", "--duration", "60s", "--warm-up", "10ms", "--json", "--quiet"]
        root = str(Path(asked.__file__).parents[2])
        environment = {**os.environ, "PYTHONPATH": root}
        running = subprocess.Popen(
            command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        deadline = time.monotonic() + 60
        while len(asked_of(server)) < 30 and time.monotonic() < deadline:
            time.sleep(0.02)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=60)
    assert running.returncode == 130, err
    read = json.loads(out)
    assert read["interrupted"] is True
    assert [each["rate"] for each in read["levels"]] == [20]
    assert model(read)["answered"] >= 25
    assert 0 < model(read)["seconds"] < 60
    assert err == ""
