"""What every backend does, whatever stands behind it. A new line in the table needs a subject in
tests/backends/subjects.py."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from evalkit import backends
from evalkit.backends import Backend, backend
from evalkit.backends.choosing import choose
from evalkit.backends.local import Local
from evalkit.errors import BrokenError
from evalkit.requests import build_requests
from evalkit.types import ERRORED, TASKS, Output, Request, Role, Suite
from tests.backends.subjects import SUBJECTS, Subject, close_servers
from tests.cli import project

# What of an output is the same to the letter however it was asked; times are nobody's answer.
EXACT = (
    *("example_id", "status", "label", "text", "choice_tokens", "reasoning"),
    *("tokens_in", "tokens_out", "prompt_hash", "judgement"),
)
# Rounding differs with the shape of a batch.
ROUNDED = ("probs", "choice_logprobs", "token_logprobs")


@pytest.fixture(scope="module", autouse=True)
def _servers() -> Iterator[None]:
    yield
    close_servers()


@pytest.fixture(params=SUBJECTS, scope="module")
def subject(request: pytest.FixtureRequest) -> Subject:
    return SUBJECTS[request.param]


@pytest.fixture(scope="module")
def home(subject: Subject, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where this subject's files lie; no law changes them."""
    return tmp_path_factory.mktemp("subject")


@pytest.fixture(scope="module")
def spec(subject: Subject, home: Path) -> Any:
    """The subject's own plan for its suite."""
    return subject.right(home)


@dataclass(frozen=True)
class Asked:
    """A backend past its check, what it is going to be asked, and what it says to all of it at once."""

    built: Backend
    requests: list[Request]
    outputs: list[Output]


@pytest.fixture(scope="module")
def asked(subject: Subject, spec: Any) -> Iterator[Asked]:
    built, requests = ready(spec, subject.suite, subject.role)
    yield Asked(built, requests, built.run(requests))
    built.close()


def ready(spec: Any, suite: Suite, role: Role) -> tuple[Backend, list[Request]]:
    built = backend(spec, role)
    assert built.check([suite]) == []
    return built, build_requests(suite)


def differences(some: Sequence[Output], others: Sequence[Output], noise: float) -> list[str]:
    """Where two lists of answers to the same requests are not the same."""
    found = []
    for one, other in zip(some, others, strict=True):
        found += [f"{one.example_id} {name}" for name in EXACT if getattr(one, name) != getattr(other, name)]
        for name in ROUNDED:
            left, right = getattr(one, name), getattr(other, name)
            if not near(left, right, noise):
                found.append(f"{one.example_id} {name}")
    return found


def near(left: tuple[float, ...] | None, right: tuple[float, ...] | None, noise: float) -> bool:
    if left is None or right is None:
        return left is right
    return len(left) == len(right) and all(abs(a - b) <= noise for a, b in zip(left, right, strict=True))


# --- the table ---------------------------------------------------------------------------------------


def test_every_backend_in_the_table_has_a_subject() -> None:
    assert {each.name for each in SUBJECTS.values()} == set(backends.TABLE)


def test_every_task_is_asked_of_a_model_here() -> None:
    tasks = {each.suite.facts.task for each in SUBJECTS.values() if each.name == "transformers"}
    assert tasks == set(TASKS)


# --- before anything runs ----------------------------------------------------------------------------

NOWHERE = {
    "transformers": {"backend": "transformers", "model": "/nowhere/model"},
    "recorded": {"backend": "recorded", "path": "/nowhere/answers.jsonl"},
    "openai": {"backend": "openai", "base_url": "http://127.0.0.1:9/v1", "model": "small"},
    "fake": {"backend": "fake"},
    "ensemble": {"backend": "ensemble", "members": ["/nowhere/model", "recorded:/nowhere/answers.jsonl"]},
}
WATCHED = """
import json, sys
import pydantic
from evalkit.backends import backend
from evalkit.specs import SpecField

specs = {name: pydantic.TypeAdapter(SpecField).validate_python(each) for name, each in json.load(sys.stdin).items()}
for each in specs.values():
    backend(each, "student")  # brings in evalkit's own modules
seen, now = {}, None

def hook(event, arguments):
    if now and event.split(".")[0] in ("import", "open", "os", "socket", "subprocess", "glob", "shutil"):
        seen.setdefault(now, []).append(event)

sys.addaudithook(hook)
made = {}
for name, each in specs.items():
    now = f"make {name}"
    made[name] = backend(each, "student")
heavy = sorted({"torch", "transformers"} & set(sys.modules))
complaints = {}
for name, each in made.items():
    now = f"check {name}"
    complaints[name] = len(each.check([]))
now = None
print(json.dumps({"seen": seen, "complaints": complaints, "heavy": heavy, "torch": "torch" in sys.modules}))
"""


@pytest.fixture(scope="module")
def watched() -> dict[str, Any]:
    """What a process of its own does when it makes and checks backends that stand on nothing."""
    done = subprocess.run([sys.executable, "-c", WATCHED], input=json.dumps(NOWHERE), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_constructing_a_backend_touches_nothing(watched: dict[str, Any]) -> None:
    assert set(NOWHERE) == set(backends.TABLE)
    assert [each for each in watched["seen"] if each.startswith("make")] == []
    assert watched["heavy"] == []


def test_check_finds_what_is_not_there_and_loads_no_model_and_asks_no_server(watched: dict[str, Any]) -> None:
    # Two members that are not there are two complaints. A server may be down today and is no mistake in the plan.
    assert watched["complaints"] == {"transformers": 1, "recorded": 1, "openai": 0, "fake": 0, "ensemble": 2}
    assert not watched["torch"]
    assert [each for events in watched["seen"].values() for each in events if each == "socket.connect"] == []


def test_check_finds_nothing_in_a_right_plan_and_changes_no_file(subject: Subject, spec: Any, home: Path) -> None:
    before = project.tree(home)
    built, _ = ready(spec, subject.suite, subject.role)
    if isinstance(built, Local):
        assert built.tools is None
    assert project.tree(home) == before


def test_check_speaks_of_a_suite_that_the_model_cannot_answer(subject: Subject, spec: Any) -> None:
    if subject.strange is None:
        pytest.skip("it answers whatever it is asked, or tries to")
    complaints = backend(spec, subject.role).check([subject.strange])
    assert complaints
    assert all(each.problem and each.remedy and each.place for each in complaints)


# --- who it is ---------------------------------------------------------------------------------------


def test_a_model_is_identified_the_same_each_time(subject: Subject, spec: Any) -> None:
    first, second = (ready(spec, subject.suite, subject.role)[0].identify() for _ in range(2))
    assert first == second
    assert first.digest.startswith("sha256:")
    assert first.backend == subject.name
    # Settings go into a cache key and into manifest.json.
    json.dumps(dict(first.settings), allow_nan=False)


def test_another_byte_is_another_model(subject: Subject, spec: Any, tmp_path: Path) -> None:
    specs = [spec, *subject.others(tmp_path).values()]
    digests = [ready(each, subject.suite, subject.role)[0].identify().digest for each in specs]
    assert len(set(digests)) == len(digests) >= 2


def test_running_does_not_change_who_the_model_is(subject: Subject, spec: Any, asked: Asked) -> None:
    fresh, _ = ready(spec, subject.suite, subject.role)
    assert asked.built.identify() == fresh.identify()


# --- batches -----------------------------------------------------------------------------------------


def test_batches_hold_each_position_once(asked: Asked) -> None:
    for count in (0, 1, 7, len(asked.requests)):
        batches = asked.built.batches(asked.requests[:count])
        assert sorted(index for batch in batches for index in batch) == list(range(count))
        assert all(batches)


def test_batches_depend_on_the_requests_alone(subject: Subject, spec: Any, asked: Asked) -> None:
    batches = asked.built.batches(asked.requests)
    asked.built.run([asked.requests[index] for index in batches[-1]])
    assert asked.built.batches(asked.requests) == batches
    assert ready(spec, subject.suite, subject.role)[0].batches(asked.requests) == batches


# --- answers -----------------------------------------------------------------------------------------


def test_one_output_per_request_in_its_order(asked: Asked) -> None:
    shuffled = random.Random(5).sample(asked.requests, len(asked.requests))
    for some in (shuffled, asked.requests[3:4], []):
        assert [each.example_id for each in asked.built.run(some)] == [each.example_id for each in some]
    assert [each.example_id for each in asked.outputs] == [each.example_id for each in asked.requests]


def test_outputs_fit_the_task_and_the_records_can_hold_them(subject: Subject, asked: Asked) -> None:
    chooses = subject.suite.facts.task in ("classify", "choose")
    for request, output in zip(asked.requests, asked.outputs, strict=True):
        if chooses:
            assert_chosen(request, output, likelihoods=subject.likelihoods)
        else:
            assert_written(output)
    assert len({(each.text, each.probs) for each in asked.outputs}) > 1, "whatever is asked, it says the same"


def assert_chosen(request: Request, output: Output, *, likelihoods: bool) -> None:
    assert (output.status, output.text) == ("ok", None)
    assert output.label in request.choices
    assert output.probs is not None
    assert sum(output.probs) == pytest.approx(1, abs=1e-9)
    # Where several have as many votes, the earliest voter's stands and not the earliest choice.
    assert output.probs[request.choices.index(output.label)] == max(output.probs)
    assert (output.choice_logprobs is not None) == likelihoods
    if output.choice_logprobs is not None:
        assert output.choice_tokens is not None
        assert max(output.choice_logprobs) <= 0
        assert min(output.choice_tokens) >= 1
        decided = choose(request.choices, output.choice_logprobs, output.choice_tokens, request.choose_by)
        assert (output.label, output.probs) == decided


def assert_written(output: Output) -> None:
    assert output.status in ("ok", "truncated", "empty")
    assert output.text is not None
    assert (output.status == "empty") == (not output.text.strip())
    assert (output.label, output.probs, output.choice_logprobs) == (None, None, None)
    if output.token_logprobs is not None and output.tokens_out is not None:
        assert len(output.token_logprobs) == output.tokens_out
        assert max(output.token_logprobs, default=0) <= 0


def test_batch_size_and_order_change_no_answer(subject: Subject, asked: Asked) -> None:
    requests = asked.requests
    for size in (1, 2, 7):
        parts = [asked.built.run(requests[start : start + size]) for start in range(0, len(requests), size)]
        assert differences([each for part in parts for each in part], asked.outputs, subject.noise) == []
    assert differences(asked.built.run(requests[::-1])[::-1], asked.outputs, subject.noise) == []


def test_what_was_closed_answers_the_same_when_it_is_asked_again(subject: Subject, asked: Asked) -> None:
    asked.built.close()
    assert differences(asked.built.run(asked.requests), asked.outputs, 0.0) == []


def test_closing_twice_or_before_anything_ran_is_no_error(subject: Subject, spec: Any) -> None:
    built, requests = ready(spec, subject.suite, subject.role)
    built.close()
    built.run(requests[:2])
    built.close()
    built.close()


# --- failures ----------------------------------------------------------------------------------------


def test_a_request_that_fails_is_a_status_and_costs_no_other_answer(subject: Subject, tmp_path: Path) -> None:
    spec, suite = subject.failing(tmp_path)
    built, requests = ready(spec, suite, subject.role)
    batches = built.batches(requests)
    assert sorted(index for batch in batches for index in batch) == list(range(len(requests)))
    *others, failed = built.run(requests)
    built.close()
    assert failed.example_id == requests[-1].example_id
    assert failed.status in ERRORED
    assert failed.error
    assert (failed.label, failed.text, failed.probs) == (None, None, None)
    # A fake fails on a share of all requests.
    if subject.name != "fake":
        assert [each.example_id for each in others if each.status in ERRORED] == []


def test_what_vanished_since_the_check_is_a_breakage(subject: Subject, tmp_path: Path) -> None:
    if subject.name == "fake":
        pytest.skip("a fake stands on nothing that could vanish")
    spec = subject.right(tmp_path)
    built, _ = ready(spec, subject.suite, subject.role)
    subject.vanish(spec)
    with pytest.raises(BrokenError):
        built.identify()
