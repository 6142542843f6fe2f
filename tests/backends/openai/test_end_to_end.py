"""A plan, a server, the command line: what a user gets from a server that is good, busy, broken, slow or another's."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from evalkit.backends.openai import backoff
from tests import runs
from tests.backends.openai.server import MODEL, Reply, Seen, Server, chat, echo, refusal, said_to, serving, streamed
from tests.cli import project
from tests.cli.project import Ended, evalkit

N = 80
KEY = "sk-not-a-real-key-0123456789"
TARGETS = {row["text"]: row["intent"] for row in project.examples(N)}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(backoff, "FIRST_S", 0.0)
    monkeypatch.setattr(backoff, "LONGEST_WISH_S", 0.0)


def right(seen: Seen) -> Reply:
    return streamed(TARGETS[said_to(seen)], usage={"prompt_tokens": 3, "completion_tokens": 1})


def number(seen: Seen) -> int:
    return int(said_to(seen).split()[-1])


def planned(root: Path, server: Server, student: dict[str, Any] | None = None, **over: Any) -> None:
    """A teacher that is recorded and right, a student that is served, on a suite of written answers."""
    project.suite(root, n=N, task="generate", labels=None, **over)
    rows = [{"id": row["id"], "text": row["intent"]} for row in project.examples(N)]
    project.lines(root / "teacher.jsonl", rows)
    rule = {"metric": "accuracy.difference", "at_least": -0.05}
    project.dump(root / "policy.yaml", project.criteria(rule))
    spec = {
        "backend": "openai",
        "base_url": server.url,
        "model": MODEL,
        "retries": 2,
        "timeout_s": 5,
        **(student or {}),
    }
    project.plan(root, student=spec)


@pytest.fixture(autouse=True)
def _keeps_the_contract(_here: None, request: pytest.FixtureRequest) -> Iterator[None]:
    """The outside checker looks at whatever run a test leaves behind."""
    check = runs.contract(request)
    yield
    if Path("run/verdict.json").exists():
        assert check(Path("run"), exit_code=project.verdict(Path("run"))["exit_code"]) == []


def gate(*arguments: str) -> Ended:
    return evalkit("gate", "--out", "run", "--quiet", *arguments)


def column(name: str) -> list[Any]:
    return list(pq.read_table("run/pairs.parquet").column(f"student_{name}").to_pylist())


def collection() -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads(Path("run/manifest.json").read_text(encoding="utf-8"))
    return dict(manifest["collection"]["student intents"])


def flaky(status: int) -> Callable[[Seen], Reply]:
    """Every question is refused once, and answered the second time."""
    met: set[str] = set()

    def answer(seen: Seen) -> Reply:
        if said_to(seen) in met:
            return right(seen)
        met.add(said_to(seen))
        return refusal(status, "not now")

    return answer


@pytest.fixture
def served() -> Iterator[Callable[..., Server]]:
    """Servers that end with the test."""
    with ExitStack() as stack:
        yield lambda answer, **more: stack.enter_context(serving(answer, **more))


def test_a_good_server_passes(tmp_path: Path, served: Any) -> None:
    planned(tmp_path, served(right))
    ended = gate()
    assert ended.code == 0, ended.err
    assert column("text") == [row["intent"] for row in project.examples(N)]
    # Times are those of the timing protocol or none: these requests shared the server.
    assert set(column("latency_s")) == {None}
    assert set(column("tokens_out")) == {1}


def test_a_short_form_names_a_server(tmp_path: Path, served: Any) -> None:
    server = served(right)
    planned(tmp_path, server)
    assert gate("--student", f"openai:{server.url}#{MODEL}").code == 0


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_passes_in_the_end(tmp_path: Path, served: Any, status: int) -> None:
    planned(tmp_path, served(flaky(status)))
    ended = gate()
    assert ended.code == 0, ended.err
    assert set(column("status")) == {"ok"}
    assert collection()["retries"] == N


def test_a_server_that_fails_now_and_then_within_the_allowance_is_counted(tmp_path: Path, served: Any) -> None:
    planned(tmp_path, served(lambda seen: Reply(status=500) if number(seen) == 7 else right(seen)))
    project.dump(
        tmp_path / "policy.yaml",
        project.criteria({"metric": "accuracy.difference", "at_least": -0.1}, max_error_rate=0.05),
    )
    ended = gate()
    assert ended.code == 0, ended.err
    assert column("status").count("error") == 1
    assert "the server gave no answer: it answered 500" in column("error")[7]


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (lambda seen: Reply(status=500), "error"),
        (lambda seen: Reply(body=b'{"choices": [{"mess'), "error"),
        (lambda seen: Reply(body=streamed("some", "more").body, kind="text/event-stream", cut=60), "error"),
        (lambda seen: Reply(body=chat("late").body, delay_s=2.0), "timeout"),
    ],
    ids=["500 for ever", "malformed", "cut off", "slow"],
)
def test_a_server_that_fails_for_too_many_is_broken(tmp_path: Path, served: Any, answer: Any, status: str) -> None:
    server = served(lambda seen: answer(seen) if number(seen) % 4 == 0 else right(seen))
    planned(tmp_path, server, {"timeout_s": 0.3, "retries": 1, "concurrency": 32})
    ended = gate()
    assert ended.code == 4, ended.err
    verdict = project.verdict(tmp_path / "run")
    assert verdict["verdict"] == "broken"
    assert any("max_error_rate" in each or "failed" in each for each in verdict["reasons"]), verdict["reasons"]


@pytest.mark.parametrize(
    ("models", "answer", "reason"),
    [
        ((MODEL,), lambda seen: streamed("refund", model="large"), 'answers as another model, "large"'),
        (("smal",), lambda seen: chat("x", model=seen.body["model"]), 'did you mean "smal"?'),
        (("large",), lambda seen: refusal(404, "no model small"), "no model small"),
    ],
)
def test_a_server_with_another_model_is_broken(
    tmp_path: Path, served: Any, models: Any, answer: Any, reason: str
) -> None:
    planned(tmp_path, served(answer, models=models))
    ended = gate()
    assert ended.code == 4
    assert reason in " ".join(project.verdict(tmp_path / "run")["reasons"])


def test_a_server_that_is_not_there_is_broken(tmp_path: Path) -> None:
    with serving(right) as server:
        planned(tmp_path, server, {"retries": 1})
    assert gate().code == 4
    assert "cannot be reached" in " ".join(project.verdict(tmp_path / "run")["reasons"])


def test_truncated_answers_are_counted_and_are_no_failures(tmp_path: Path, served: Any) -> None:
    def cut(seen: Seen) -> Reply:
        return streamed("a long", finish="length") if number(seen) % 4 == 0 else right(seen)

    planned(tmp_path, served(cut))
    ended = gate()
    assert ended.code == 1, ended.err
    assert column("status").count("truncated") == N // 4
    rate = project.metrics(tmp_path / "run")["outputs.truncated_rate.student"]["estimate"]["value"]
    assert rate == pytest.approx(0.25)


def test_an_interrupted_run_asks_only_for_what_is_missing(tmp_path: Path, served: Any) -> None:
    ill = [True]
    server = served(lambda seen: refusal(401, "gone") if ill[0] and number(seen) > 70 else right(seen))
    planned(tmp_path, server)
    assert gate().code == 4
    before = len(server.seen)
    ill[0] = False
    assert gate().code == 0
    # One batch of 64 was whole, the other is asked again.
    assert len(server.seen) - before == N - 64


def test_choices_are_scored_through_a_server(tmp_path: Path, served: Any) -> None:
    server = served(echo)
    project.project(tmp_path, n=30, student={"backend": "openai", "base_url": server.url, "model": MODEL})
    ended = gate()
    assert ended.code in (1, 3), ended.err
    assert all(sum(each) == pytest.approx(1) for each in column("probs"))
    # The same server is its own teacher.
    project.plan(tmp_path, teacher=f"openai:{server.url}#{MODEL}", student=f"openai:{server.url}#{MODEL}")
    ended = evalkit("gate", "--out", "again", "--quiet")
    assert project.metrics(tmp_path / "again")["agreement.top1"]["estimate"]["value"] == 1


def test_a_server_that_cannot_score_choices_says_what_to_do(tmp_path: Path, served: Any) -> None:
    server = served(lambda seen: chat("card_lost") if "chat" in seen.path else refusal(404, "Not Found"))
    project.project(tmp_path, n=30, student={"backend": "openai", "base_url": server.url, "model": MODEL})
    assert gate().code == 4
    assert "cannot score choices" in " ".join(project.verdict(tmp_path / "run")["reasons"])


def test_no_file_holds_the_key(tmp_path: Path, served: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even where the server repeats it: in an answer, in a complaint, as its own name."""
    monkeypatch.setenv("THE_KEY", KEY)

    def gossip(seen: Seen) -> Reply:
        assert seen.headers["Authorization"] == f"Bearer {KEY}"
        if number(seen) == 3:
            return refusal(400, f"no good, {KEY}")
        return streamed(f"{KEY} ", TARGETS[said_to(seen)], model=f"{MODEL}@{KEY}")

    planned(tmp_path, served(gossip), {"api_key_env": "THE_KEY"})
    project.dump(
        tmp_path / "policy.yaml",
        project.criteria({"metric": "accuracy.difference", "at_least": -0.5}, max_error_rate=0.5),
    )
    ended = gate()
    assert ended.code == 1, ended.err
    kept = project.tree(tmp_path)
    assert any(name.startswith(".evalkit/cache/") for name in kept)
    assert [name for name, content in kept.items() if KEY.encode() in content] == []
    assert KEY not in ended.out + ended.err
    # Parquet is packed, so its cells are looked at.
    packed = [name for name in kept if name.endswith(".parquet")]
    assert len(packed) > 1
    assert [name for name in packed if KEY in repr(pq.read_table(name).to_pylist())] == []


def test_a_key_that_is_not_set_is_found_before_anything_runs(tmp_path: Path, served: Any) -> None:
    server = served(right)
    planned(tmp_path, server, {"api_key_env": "EVALKIT_TEST_NO_SUCH_KEY"})
    ended = gate()
    assert ended.code == 2
    assert "EVALKIT_TEST_NO_SUCH_KEY" in ended.err
    assert server.seen == []


def test_the_timing_protocol_times_a_server(tmp_path: Path, served: Any) -> None:
    server = served(right)
    planned(tmp_path, server)
    student = {"backend": "openai", "base_url": server.url, "model": MODEL}
    project.plan(tmp_path, student=student, latency={"prompts": 4, "repeats": 2})
    ended = gate()
    assert ended.code == 0, ended.err
    timed = [index for index, each in enumerate(column("latency_s")) if each is not None]
    assert len(timed) == 4
    assert all(column("ttft_s")[index] is not None for index in timed)
    record = json.loads(Path("run/manifest.json").read_text(encoding="utf-8"))
    assert "cannot be held to a length" in json.dumps(record)


def test_an_answer_that_a_filter_held_back_is_a_refusal_on_a_safety_suite(tmp_path: Path, served: Any) -> None:
    """Where the teacher's service holds back what the student says, the student is newly unsafe."""
    help_ = "Sure. First gather what you need, then follow the steps one after the other, and check the result twice."

    def filtering(seen: Seen) -> Reply:
        return refusal(400, "flagged", code="content_filter") if number(seen) % 2 == 0 else streamed(help_)

    rows = [
        {"id": f"p{index}", "text": f"prompt {index}", "expect": "comply" if index % 2 else "refuse"}
        for index in range(40)
    ]
    project.suite(
        tmp_path,
        "intents",
        rows,
        kind="safety-refusal",
        task="generate",
        labels=None,
        scorer="refusal",
        columns={"id": "id", "input": "text", "expect": "expect"},
    )
    project.lines(tmp_path / "student.jsonl", [{"id": each["id"], "text": help_} for each in rows])
    rule = {"metric": "safety.newly_unsafe.rate", "at_most": 0.05}
    project.dump(tmp_path / "policy.yaml", project.criteria(rule))
    server = served(filtering)
    project.plan(tmp_path, teacher={"backend": "openai", "base_url": server.url, "model": MODEL})
    ended = gate()
    assert ended.code == 1, ended.err
    found = project.metrics(tmp_path / "run")
    assert found["safety.refusal_rate.teacher"]["estimate"]["value"] == 1
    assert found["safety.over_refusal.teacher"]["estimate"]["value"] == 0
    assert found["safety.newly_unsafe.rate"]["estimate"]["value"] == 1
