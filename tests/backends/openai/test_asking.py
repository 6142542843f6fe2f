"""A backend and a fake server on a real socket: what comes of whatever the server does."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.backends.openai import OpenAI
from evalkit.backends.openai.backend import NOBODY
from evalkit.errors import BrokenError
from evalkit.types import STATUSES, Message, Output
from tests import models
from tests.backends.openai.ask import Pauses, asking, choice, one, question, spec
from tests.backends.openai.server import (
    MODEL,
    Reply,
    Seen,
    Server,
    as_json,
    chat,
    chunk,
    echo,
    events,
    logprob_of,
    refusal,
    said_to,
    serving,
    streamed,
)

KEY = "sk-not-a-real-key-0123456789"
USAGE = {"prompt_tokens": 4, "completion_tokens": 2}


def good(seen: Seen) -> Reply:
    """The answer to question N is "answer N"."""
    return streamed("answer", f" {said_to(seen).split()[-1]}", usage=USAGE)


def in_turn(*replies: Reply) -> Any:
    """Each reply once, the last for ever."""
    left, lock = list(replies), threading.Lock()

    def answer(seen: Seen) -> Reply:
        with lock:
            return left.pop(0) if len(left) > 1 else left[0]

    return answer


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(good) as found:
        yield found


# --- what is asked, and what comes of an answer ------------------------------------------------------


def test_an_answer_has_its_text_counts_log_probabilities_and_times(server: Server) -> None:
    output = one(server, question(7))
    assert (output.status, output.text, output.label, output.probs) == ("ok", "answer 7", None, None)
    assert (output.tokens_in, output.tokens_out, output.token_logprobs) == (4, 2, (-0.5, -0.5))
    assert output.ttft_s is not None
    assert output.latency_s is not None
    assert 0 < output.ttft_s <= output.latency_s
    # What a server's template makes of it is not known.
    assert output.prompt_hash is None


def test_a_text_is_one_turn_and_turns_are_as_they_are(server: Server) -> None:
    one(server, question(text="a text"))
    turns = (Message(role="system", content="be 1"), Message(role="user", content="q 2"))
    with asking(server) as built:
        built.run([question_of(turns)])
    assert server.seen[0].body["messages"] == [{"role": "user", "content": "a text"}]
    assert [tuple(each.values()) for each in server.seen[1].body["messages"]] == [("system", "be 1"), ("user", "q 2")]


def question_of(prompt: Any) -> Any:
    from dataclasses import replace

    return replace(question(), prompt=prompt)


def test_what_the_suite_says_is_what_is_asked(server: Server) -> None:
    one(server, question(max_new_tokens=9, stop=("\n", "")))
    one(server, question(temperature=0.5), logprobs="none")
    first, second = (each.body for each in server.seen)
    assert (first["model"], first["max_tokens"], first["temperature"], first["stop"]) == (MODEL, 9, 0, ["\n"])
    assert first["logprobs"] is True
    assert "seed" not in first
    assert "stop" not in second
    assert "logprobs" not in second
    assert second["seed"] == 0


def test_a_teachers_second_run_draws_with_another_seed_and_is_not_the_firsts_cache(server: Server) -> None:
    with asking(server, "teacher_again") as again, asking(server, "teacher") as first:
        again.run([question(temperature=1.0)])
        assert server.seen[0].body["seed"] == 1
        assert again.identify().digest == first.identify().digest
        assert again.identify().settings != first.identify().settings
        assert again.batches([question(n) for n in range(3)]) == [[2, 1, 0]]


@pytest.mark.parametrize(
    ("reply", "status", "text"),
    [
        (streamed("half", finish="length"), "truncated", "half"),
        (streamed("", finish="length"), "empty", ""),
        (streamed(" "), "empty", " "),
        (chat(None), "empty", ""),
        (chat("whole"), "ok", "whole"),
        # transformers serve leaves the stop string in the text.
        (chat("before STOP", finish="length"), "ok", "before "),
        (events([chunk("no reason")]), "ok", "no reason"),
        (chat("half \ud800 pair"), "ok", "half \\ud800 pair"),
    ],
)
def test_how_an_answer_ended_is_a_status(reply: Reply, status: str, text: str) -> None:
    with serving(lambda seen: reply) as server:
        output = one(server, question(stop=("STOP",)))
    assert (output.status, output.text) == (status, text)


def test_a_server_that_does_not_stream_is_understood() -> None:
    with serving(lambda seen: chat("plain", usage=USAGE, logprobs=[-1.0])) as server:
        output = one(server)
    assert (output.text, output.tokens_out, output.token_logprobs) == ("plain", 2, (-1.0,))
    assert output.latency_s is not None
    assert output.ttft_s is None


def test_an_answer_of_a_given_length_cannot_be_promised(server: Server) -> None:
    output = one(server, question(min_new_tokens=16))
    assert output.status == "error"
    assert "cannot be held to a length" in (output.error or "")
    assert server.seen == []


@pytest.mark.parametrize(
    "reply",
    [
        chat(None, finish="content_filter"),
        streamed(finish="content_filter"),
        refusal(400, "flagged", code="content_filter"),
        refusal(403, "flagged", metadata={"flagged_input": "…"}),
    ],
)
def test_an_answer_that_a_filter_held_back_is_a_refusal(reply: Reply) -> None:
    with serving(lambda seen: reply) as server, asking(server) as built:
        output = built.run([question()])[0]
        assert (output.status, output.label, output.text) == ("ok", "refused", None)
        assert built.counts()["withheld"] == 1
        assert any("content filter held back 1 answers" in each for each in built.notes([]))


def test_an_answer_that_a_filter_cut_off_is_what_got_through() -> None:
    with serving(lambda seen: streamed("Sure, first", finish="content_filter")) as server:
        output = one(server)
    assert (output.status, output.text, output.label) == ("truncated", "Sure, first", None)


# --- parameters that a server refuses ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("logprobs", "unknown parameter logprobs"),
        ("stream_options", "stream_options is not allowed"),
        ("stream", "stream is not supported"),
        ("seed", "seed is not supported"),
        ("max_tokens", "'max_tokens' is not supported, use 'max_completion_tokens'"),
    ],
)
def test_a_refused_parameter_is_left_out_for_the_rest_of_the_run(name: str, message: str) -> None:
    def answer(seen: Seen) -> Reply:
        return refusal(400, message) if name in seen.body else chat("fine")

    with serving(answer) as server, asking(server, concurrency=1) as built:
        outputs = built.run([question(n, temperature=1.0) for n in range(5)])
        assert [each.text for each in outputs] == ["fine"] * 5
        assert len(server.seen) == 6
        assert built.counts()["refused_parameters"] == 1
        assert any(f"refuses {name}" in each for each in built.notes([]))
        built.close()
        built.run([question(9, temperature=1.0)])
        assert name not in server.seen[-1].body


def test_a_prompt_that_is_too_long_costs_no_other_answer() -> None:
    def answer(seen: Seen) -> Reply:
        long = "long" in said_to(seen)
        return refusal(400, "the context and max_tokens are 9000 tokens, 8192 fit") if long else good(seen)

    with serving(answer) as server, asking(server) as built:
        outputs = built.run([question(0), question(1, text="too long 1"), question(2)])
        assert [each.status for each in outputs] == ["ok", "error", "ok"]
        assert (
            outputs[1].error
            == "the server refuses the request (400: the context and max_tokens are 9000 tokens, 8192 fit)"
        )
        assert len(server.seen) == 3


# --- trying again ------------------------------------------------------------------------------------

TROUBLES = {
    "429": refusal(429, "slow down"),
    "500": Reply(status=500),
    "502": Reply(status=502, body=b"<html>", kind="text/html"),
    "503": refusal(503, "loading"),
    "529": refusal(529, "overloaded"),
    "not json": Reply(body=b"hello"),
    "no choices": as_json({"choices": []}),
    "wrong types": as_json({"choices": {"message": 3}}),
    "cut json": Reply(body=chat("whole").body, cut=20),
    "cut stream": Reply(body=streamed("some", "more").body, kind="text/event-stream", cut=90),
    "half a stream": events([chunk("some")], done=False),
    "hung up": Reply(hang_up=True),
    "error in a stream": events([chunk("some"), {"error": {"message": "oom"}}]),
}
SUCCESSES = {"whole": chat("fine"), "streamed": streamed("fi", "ne")}


@settings(max_examples=25)
@given(st.lists(st.sampled_from(sorted(TROUBLES)), max_size=6), st.sampled_from(sorted(SUCCESSES)))
def test_whatever_comes_before_a_success_the_success_is_the_answer(names: list[str], last: str) -> None:
    replies = in_turn(*(TROUBLES[each] for each in names), SUCCESSES[last])
    with serving(replies) as server, asking(server, retries=6, concurrency=1) as built:
        output = built.run([question()])[0]
        assert (output.status, output.text, output.error) == ("ok", "fine", None)
        assert built.counts().get("retries", 0) == len(names)


@settings(max_examples=25)
@given(
    st.lists(st.sampled_from([*sorted(TROUBLES), *sorted(SUCCESSES), "400"]), min_size=1, max_size=8),
    st.integers(0, 2),
    st.integers(1, 4),
)
def test_one_output_per_request_in_order_whatever_the_server_does(
    names: list[str], retries: int, concurrency: int
) -> None:
    replies = {**TROUBLES, **SUCCESSES, "400": refusal(400, "no")}

    def answer(seen: Seen) -> Reply:
        # By question, so that it does not matter who comes first.
        return replies[names[int(said_to(seen).split()[-1]) % len(names)]]

    requests = [question(n) for n in range(len(names) + 2)]
    with serving(answer) as server, asking(server, retries=retries, concurrency=concurrency) as built:
        outputs = built.run(requests)
    assert [each.example_id for each in outputs] == [each.example_id for each in requests]
    for index, output in enumerate(outputs):
        assert output.status in STATUSES
        assert (output.text == "fine") == (names[index % len(names)] in SUCCESSES)
        assert (output.status == "ok") == (output.error is None)


@pytest.mark.parametrize("name", sorted(TROUBLES))
def test_a_server_that_never_gets_better_costs_the_request(name: str) -> None:
    with serving(lambda seen: TROUBLES[name]) as server, asking(server, retries=2) as built:
        output = built.run([question()])[0]
        assert output.status == "error"
        assert (output.error or "").startswith("the server gave no answer: ")
        assert (output.error or "").endswith(", at the last of 3 attempts")
        assert len(server.seen) == 3
        assert built.counts()["retries"] == 2


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_request_that_is_refused_is_not_asked_again(status: int) -> None:
    with serving(lambda seen: refusal(status, "no good")) as server:
        output = one(server)
    assert (output.status, output.error) == ("error", f"the server refuses the request ({status}: no good)")
    assert len(server.seen) == 1


def test_a_server_that_is_too_slow_is_a_timeout() -> None:
    with serving(lambda seen: Reply(body=chat("late").body, delay_s=5.0)) as server:
        output = one(server, timeout_s=0.1, retries=1)
    assert output.status == "timeout"
    assert "no whole answer within 0.1 s" in (output.error or "")
    assert len(server.seen) == 2


def test_a_stream_that_drips_for_ever_is_a_timeout_too() -> None:
    def drip(listener: socket.socket) -> None:
        line, _ = listener.accept()
        with line:
            line.recv(65536)
            line.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
            for _ in range(200):
                try:
                    line.sendall(b": wait\n\n")
                except OSError:
                    return
                threading.Event().wait(0.02)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip, args=(listener,), daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        with asking(url, timeout_s=0.3, retries=0) as built:
            assert built.run([question()])[0].status == "timeout"
        thread.join()


def test_pauses_grow_and_a_servers_wish_is_kept() -> None:
    wish = as_json({"error": {"message": "slow down"}}, 429, headers={"Retry-After": "7"})
    pauses = Pauses()
    with serving(in_turn(wish, wish, chat("fine"))) as server, asking(server, pauses=pauses) as built:
        built.run([question()])
    assert len(pauses) == 2
    assert all(7 <= each <= 8 for each in pauses)


def test_the_time_of_an_answer_is_that_of_the_attempt_that_succeeded() -> None:
    ticks = iter(range(100))
    replies = in_turn(TROUBLES["500"], TROUBLES["500"], chat("fine"))
    with serving(replies) as server:
        built = OpenAI(spec(server), "student", pause=Pauses(), clock=lambda: float(next(ticks)))
        output = built.run([question()])[0]
        built.close()
    # Three attempts look at the clock as they begin, and the last once more at its end.
    assert output.latency_s == 1.0


def test_no_more_requests_are_under_way_than_the_plan_allows() -> None:
    with serving(lambda seen: Reply(body=chat("x").body, delay_s=0.02)) as server:
        with asking(server, concurrency=3) as built:
            built.run([question(n) for n in range(12)])
        assert server.most_at_once == 3


# --- what breaks a run -------------------------------------------------------------------------------


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def broken(server: Server | str, *, identify: bool = False, requests: Any = None, **over: Any) -> str:
    with asking(server, **over) as built, pytest.raises(BrokenError) as caught:
        built.identify() if identify else built.run(requests or [question()])
    return str(caught.value)


def test_a_server_that_is_not_there_breaks_the_run_at_once() -> None:
    url = f"http://127.0.0.1:{unused_port()}/v1"
    assert "cannot be reached" in broken(url, identify=True)
    assert f"the student small: {url} cannot be reached" in broken(url, requests=[question(n) for n in range(50)])


def test_a_server_that_goes_away_breaks_the_run_after_three_requests() -> None:
    with serving(good) as server, asking(server, concurrency=1, retries=1) as built:
        assert built.run([question()])[0].status == "ok"
        gone = server.url
    with serving(good) as other, asking(other, concurrency=1, retries=1) as built:
        built.run([question()])
        built.spec = built.spec.model_copy(update={"base_url": gone})
        assert built._line is not None
        built._line[1].spec = built.spec
        with pytest.raises(BrokenError, match="cannot be reached"):
            built.run([question(n) for n in range(100)])
        assert built.counts()["unreachable"] == 2 * 3


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (refusal(401, "bad key"), "the server asks for a key, and the plan names no api_key_env (401: bad key)"),
        (refusal(403, "no"), "the server asks for a key"),
        (refusal(404, "no such model"), "the server has no such model, or no /chat/completions (404: no such model)"),
        (refusal(429, "pay first", code="insufficient_quota"), "the quota is used up (429: pay first)"),
        (
            Reply(status=308, headers={"Location": "https://there/v1"}),
            "sends on to another address (308: https://there/v1)",
        ),
        (chat("hi", model="large"), 'the server answers as another model, "large"'),
        (streamed("hi", model="small-mini"), 'the server answers as another model, "small-mini"'),
    ],
)
def test_what_would_meet_every_request_breaks_the_run(reply: Reply, expected: str) -> None:
    with serving(lambda seen: reply) as server:
        assert expected in broken(server, requests=[question(n) for n in range(30)], concurrency=1)
        assert len(server.seen) == 1


def test_a_revision_of_the_model_is_the_model_and_is_noted() -> None:
    with serving(lambda seen: streamed("hi", model="small@abc")) as server, asking(server) as built:
        assert built.run([question()])[0].status == "ok"
        assert "student small says that it answered as small@abc" in built.notes([])


def test_a_deployment_may_answer_under_its_models_name() -> None:
    with serving(lambda seen: streamed("hi", model="large-2024-08-06")) as server:
        assert one(server, answers_as="large").status == "ok"
        assert "answers as another model" in broken(server, answers_as="medium")


def test_a_model_that_the_server_refuses_is_found_before_anything_runs() -> None:
    def pinned(seen: Seen) -> Reply:
        wrong = seen.body["model"] != "large"
        return as_json({"detail": "Server is pinned to 'large'"}, 400) if wrong else chat("hi", model="large")

    with serving(pinned, models=["large"]) as server:
        assert "Server is pinned to 'large'" in broken(server, identify=True)
    with serving(pinned, models=None) as server:
        assert "Server is pinned to 'large'" in broken(server, identify=True)


def test_a_list_is_believed_where_the_server_answers_to_any_name() -> None:
    with serving(lambda seen: chat("hi", model=seen.body["model"]), models=["smalll"]) as server:
        said = broken(server, identify=True)
    assert 'the server answers to any name, and "small" is not among its models: did you mean "smalll"?' in said


@pytest.mark.parametrize("models", [[], None, ["other"], ["small:latest"]])
def test_a_list_without_the_model_proves_nothing(models: Any) -> None:
    def answer(seen: Seen) -> Reply:
        return refusal(404, "no such model") if seen.body["model"] == NOBODY else chat("hi", model=seen.body["model"])

    with serving(answer, models=models) as server, asking(server) as built:
        assert built.identify().name == MODEL


def test_a_list_that_breaks_is_asked_for_once() -> None:
    with serving(lambda seen: chat("hi")) as server:
        server.reply_to = listless(server)  # type: ignore[method-assign]
        with asking(server) as built:
            assert built.identify().name == MODEL
            assert built.counts().get("retries", 0) == 0


def listless(server: Server) -> Any:
    """transformers serve does so where no model was ever downloaded."""
    usual = type(server).reply_to
    return lambda seen: Reply(status=500) if seen.path.endswith("/models") else usual(server, seen)


# --- choices -----------------------------------------------------------------------------------------


def test_a_choice_scores_the_sum_over_its_own_tokens() -> None:
    request = choice(text="Is it: ", choices=("yes", "no sir"))
    with serving(echo) as server:
        output = one(server, request)
    # White space at the end of the prompt belongs to the choice.
    before = ["Is", " it:"]
    yes = logprob_of(" yes", before)
    no = logprob_of(" no", before) + logprob_of(" sir", [*before, " no"])
    assert output.choice_logprobs == pytest.approx((yes, no), abs=1e-12)
    assert output.choice_tokens == (1, 2)
    assert output.label == ("yes" if yes >= no else "no sir")
    assert sum(output.probs or ()) == pytest.approx(1)
    assert output.tokens_in == 2
    assert {each.body["prompt"] for each in server.seen} == {"Is it:", "Is it: yes", "Is it: no sir"}
    assert all(
        (each.body["echo"], each.body["logprobs"], each.body["max_tokens"]) == (True, 1, 1) for each in server.seen
    )


def test_the_suite_says_what_decides() -> None:
    labels = set()
    with serving(echo) as server:
        for by in ("sum", "per_token", "per_byte"):
            output = one(server, choice(choices=("a b c d e f", "z"), choose_by=by))
            assert output.choice_logprobs is not None
            labels.add(output.label)
    assert labels == {"a b c d e f", "z"}


NO_ECHO = as_json(
    {"model": MODEL, "usage": {"prompt_tokens": 9}, "choices": [{"logprobs": {"token_logprobs": [-0.1]}}]}
)


@pytest.mark.parametrize(
    "reply",
    [
        refusal(404, "Not Found"),
        refusal(400, "echo is not supported"),
        refusal(422, "logprobs: extra fields not permitted"),
        as_json({"model": MODEL, "choices": [{"text": "x"}]}),
        # llama.cpp's server: the written token's alone, which would make all choices alike.
        NO_ECHO,
    ],
)
def test_a_server_without_log_probabilities_of_a_prompt_cannot_choose(reply: Reply) -> None:
    with serving(lambda seen: reply) as server:
        said = broken(server, requests=[choice(n) for n in range(9)])
    assert "gives no log-probabilities of a prompt, so it cannot score choices" in said
    assert "record its answers, or write the suite as generate" in said


def test_a_server_that_scored_before_and_does_not_now_costs_one_question() -> None:
    def answer(seen: Seen) -> Reply:
        return NO_ECHO if "question 1" in seen.body["prompt"] else echo(seen)

    with serving(answer) as server, asking(server, concurrency=1) as built:
        assert [each.status for each in built.run([choice(0)])] == ["ok"]
        assert [each.status for each in built.run([choice(0), choice(1), choice(2)])] == ["ok", "error", "ok"]


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (choice(text="  "), "the prompt is empty"),
        (choice(choices=("", "x"), choose_by="per_byte"), "has no length"),
    ],
)
def test_a_question_that_cannot_be_scored_costs_itself(request_: Any, expected: str) -> None:
    with serving(echo) as server, asking(server) as built:
        outputs = built.run([choice(3), request_])
    assert [each.status for each in outputs] == ["ok", "error"]
    assert expected in (outputs[1].error or "")


# --- check -------------------------------------------------------------------------------------------


def complaints(**over: Any) -> str:
    built = OpenAI(spec("http://127.0.0.1:1/v1", **over), "student")
    return "\n".join(str(each) for each in built.check([]))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("localhost:8000/v1", "no address of a server"),
        ("ftp://there/v1", "no address of a server"),
        ("http://", "no address of a server"),
        ("http://[::1/v1", "is no URL"),
        (f"https://user:{KEY}@there/v1", "holds more than an address"),
        (f"https://there/v1?key={KEY}", "holds more than an address"),
        ("https://there/v1/chat/completions", "names one of the server's functions"),
    ],
)
def test_an_address_that_is_none_is_a_complaint(url: str, expected: str) -> None:
    said = complaints(base_url=url)
    assert expected in said
    assert KEY not in said


@pytest.mark.parametrize("value", [None, "", "  ", f"{KEY}\n{KEY}", f"{KEY} x", "schlüssel"])
def test_a_key_that_is_missing_or_none_is_a_complaint(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    monkeypatch.delenv("THE_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("THE_KEY", value)
    said = complaints(api_key_env="THE_KEY")
    assert "the environment variable THE_KEY" in said
    assert KEY not in said


def test_a_key_in_place_of_a_variables_name_is_not_repeated() -> None:
    said = complaints(api_key_env=KEY)
    assert "api_key_env is not the name of an environment variable" in said
    assert KEY not in said


def test_choices_in_chat_turns_are_a_complaint_before_anything_runs() -> None:
    from dataclasses import replace

    suite = models.suite_of(["a card"])
    turns = replace(suite, prompt=(Message(role="user", content="{{ text }}"),))
    built = OpenAI(spec("http://127.0.0.1:1/v1"), "student")
    assert built.check([suite]) == []
    assert "chat turns" in str(built.check([turns])[0])


# --- the key -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reply",
    [
        refusal(401, f"Incorrect API key provided: {KEY}"),
        refusal(400, f"bad header Bearer {KEY}"),
        Reply(status=500, body=f"trace: {KEY}".encode(), kind="text/plain"),
        Reply(status=302, headers={"Location": f"https://there/?key={KEY}"}),
        chat(f"your key is {KEY}", message={"reasoning": KEY}),
        streamed("your key is ", KEY[:9], KEY[9:]),
        chat("hi", model=KEY),
        events([{"error": KEY}]),
    ],
)
def test_the_key_goes_into_the_header_and_nowhere_else(monkeypatch: pytest.MonkeyPatch, reply: Reply) -> None:
    monkeypatch.setenv("THE_KEY", f" {KEY}\n")
    with serving(lambda seen: reply) as server, asking(server, api_key_env="THE_KEY", retries=0) as built:
        said: list[Any] = [built.identify()]
        try:
            said += built.run([question()])
        except BrokenError as error:
            said.append(error)
        said += [built.counts(), built.notes([])]
    assert server.seen[0].headers["Authorization"] == f"Bearer {KEY}"
    assert KEY not in str(server.seen[0].body)
    assert KEY not in repr(said)


def test_a_placeholder_of_a_key_may_be_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THE_KEY", "EMPTY")
    with serving(lambda seen: chat("the list is EMPTY")) as server:
        assert one(server, api_key_env="THE_KEY").text == "the list is EMPTY"


# --- living on ---------------------------------------------------------------------------------------


def test_connections_are_kept_between_batches_and_given_back_at_the_end(server: Server) -> None:
    with asking(server) as built:
        before = threading.active_count()
        built.run([question(0)])
        built.run([question(1)])
        assert threading.active_count() >= before
    names = [each.name for each in threading.enumerate()]
    assert "evalkit-openai" not in names


def test_a_backend_that_nobody_closes_ends_its_thread(server: Server) -> None:
    built = OpenAI(spec(server), "student")
    built.check([])
    assert built.run([question()])[0].status == "ok"
    del built
    assert "evalkit-openai" not in [each.name for each in threading.enumerate()]


def test_it_can_be_asked_from_within_another_event_loop(server: Server) -> None:
    import asyncio

    async def notebook() -> list[Output]:
        with asking(server) as built:
            return built.run([question(4)])

    assert asyncio.run(notebook())[0].text == "answer 4"


def test_batches_do_not_change_with_how_many_are_asked_at_once(server: Server) -> None:
    requests = [question(n) for n in range(150)]
    with asking(server, concurrency=1) as few, asking(server, concurrency=64) as many:
        assert few.batches(requests) == many.batches(requests)
        assert [len(each) for each in few.batches(requests)] == [64, 64, 22]
        assert few.identify() == many.identify()


def test_each_sample_has_a_seed_of_its_own_and_the_second_run_another(server: Server) -> None:
    from dataclasses import replace

    samples = [replace(question(temperature=1.0), seed=seed) for seed in (4, 10)]
    for role in ("teacher", "teacher_again"):
        with asking(server, role) as built:  # type: ignore[arg-type]
            for each in samples:
                built.run([each])
    assert [each.body["seed"] for each in server.seen] == [4, 10, 5, 11]
