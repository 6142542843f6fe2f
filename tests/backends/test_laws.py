"""What every backend does, whatever stands behind it. A new line in the table needs a subject here."""

from __future__ import annotations

import contextlib
import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

from evalkit import backends
from evalkit.backends import Backend, backend
from evalkit.errors import BrokenError
from evalkit.plan import EnsembleSpec, FakeSpec, OpenAISpec, RecordedSpec, TransformersSpec
from evalkit.requests import build_requests
from evalkit.types import ERRORED, Output, Request, Suite
from tests import models
from tests.backends.openai import ask
from tests.backends.openai.server import Reply, Seen, echo, refusal, serving
from tests.cli import project

TEXTS = models.texts(24)
SUITE = models.suite_of(TEXTS)
# Longer than the tiny models' position tables.
TOO_LONG = " ".join(["card"] * (2 * models.POSITIONS))


@dataclass(frozen=True)
class Subject:
    """One backend of the table, set up in a folder.

    `right` makes a spec that answers SUITE; `others` are specs that differ from it in a byte each;
    `failing` makes one that fails on the last example of a suite; `vanish` takes away what a spec stands on.
    """

    name: str
    right: Callable[[Path], Any]
    others: Callable[[Path], Mapping[str, Any]]
    failing: Callable[[Path], tuple[Any, Suite]]
    vanish: Callable[[Any], None] = lambda spec: moved(getattr(spec, "model", None) or spec.path)


def moved(place: str) -> None:
    Path(place).rename(f"{place}-elsewhere")


def recording(folder: Path, name: str, change: Callable[[dict[str, Any]], None] = lambda row: None) -> RecordedSpec:
    rows = []
    for index, example in enumerate(SUITE.examples):
        row = {"id": example.id, "probs": [0.7 if position == index % 3 else 0.15 for position in range(3)]}
        if index == len(SUITE.examples) - 1:
            change(row)
        rows.append(row)
    return RecordedSpec(backend="recorded", path=str(project.lines(folder / name, rows)))


def recorded_failing(folder: Path) -> tuple[RecordedSpec, Suite]:
    def fail(row: dict[str, Any]) -> None:
        del row["probs"]
        row["status"] = "timeout"

    return recording(folder, "failing.jsonl", fail), SUITE


def run_of(folder: Path, name: str, spec: RecordedSpec) -> RecordedSpec:
    """A finished audit of a recording: another form of the same answers."""
    rows = [{"id": each.id, "text": each.row["text"], "intent": each.target} for each in SUITE.examples]
    columns = {"id": "id", "input": "text", "target": "intent"}
    suite = project.suite(folder, "intents", rows, labels=list(models.LABELS), columns=columns)
    ended = project.evalkit(
        "audit", "--student", f"recorded:{spec.path}", "--suite", suite, "--out", folder / name, "--quiet"
    )
    assert ended.code == 0, ended.err
    return RecordedSpec(backend="recorded", path=str(folder / name))


def run_failing(folder: Path) -> tuple[RecordedSpec, Suite]:
    return run_of(folder, "run-failing", recorded_failing(folder)[0]), SUITE


def other_recording(folder: Path) -> RecordedSpec:
    return recording(folder, "other.jsonl", lambda row: row.update(probs=[0.2, 0.1, 0.7]))


def saved(folder: Path, name: str = "model") -> Path:
    return models.save_classifier(folder / name)


def classifier_spec(folder: Path, **more: Any) -> TransformersSpec:
    return TransformersSpec(model=str(folder), dtype="float32", device="cpu", **more)


def other_models(folder: Path) -> dict[str, TransformersSpec]:
    found = {}
    for name in ("model.safetensors", "tokenizer.json", "tokenizer_config.json", "config.json"):
        other = saved(folder, f"other-{name}")
        # A space in JSON changes the bytes and leaves the meaning alone; in the weights it is one bit of one number.
        if name.endswith("json"):
            (other / name).write_text((other / name).read_text(encoding="utf-8") + " ", encoding="utf-8")
        else:
            models.flip_byte(other / name)
        found[name] = classifier_spec(other)
    return found


def classifier_failing(folder: Path) -> tuple[TransformersSpec, Suite]:
    return classifier_spec(saved(folder), max_length=10_000), models.suite_of([*TEXTS, TOO_LONG])


# Servers by the URL that a spec has, until the module ends.
SERVERS: dict[str, contextlib.ExitStack] = {}


@pytest.fixture(scope="module", autouse=True)
def _servers() -> Iterator[None]:
    yield
    for each in SERVERS.values():
        each.close()


def served(**over: Any) -> OpenAISpec:
    """A model behind a server of its own, which cannot take the text that is too long."""

    def answer(seen: Seen) -> Reply:
        return refusal(400, "too long") if TOO_LONG in seen.body["prompt"] else echo(seen)

    stack = contextlib.ExitStack()
    server = stack.enter_context(serving(answer, models=["small", "large"]))
    SERVERS[server.url] = stack
    return ask.spec(server, retries=0, **over)


def ensemble(member: RecordedSpec, by: Literal["mean", "majority"] = "mean") -> EnsembleSpec:
    return EnsembleSpec(backend="ensemble", members=[member, FakeSpec(backend="fake", batch_size=5)], by=by)


SUBJECTS = {
    "recorded file": Subject(
        name="recorded",
        right=lambda folder: recording(folder, "answers.jsonl"),
        others=lambda folder: {"a digit": other_recording(folder)},
        failing=recorded_failing,
    ),
    "recorded run": Subject(
        name="recorded",
        right=lambda folder: run_of(folder, "run", recording(folder, "answers.jsonl")),
        others=lambda folder: {"an answer": run_of(folder, "run-other", other_recording(folder))},
        failing=run_failing,
    ),
    "transformers classifier": Subject(
        name="transformers",
        right=lambda folder: classifier_spec(saved(folder)),
        others=other_models,
        failing=classifier_failing,
    ),
    "fake": Subject(
        name="fake",
        right=lambda folder: FakeSpec(backend="fake", accuracy=0.6, batch_size=5),
        others=lambda folder: {
            "seed": FakeSpec(backend="fake", accuracy=0.6, batch_size=5, seed=1),
            "accuracy": FakeSpec(backend="fake", accuracy=0.61, batch_size=5),
        },
        failing=lambda folder: (FakeSpec(backend="fake", error_rate=1.0), SUITE),
    ),
    "openai": Subject(
        name="openai",
        right=lambda folder: served(),
        others=lambda folder: {"model": served(model="large"), "revision": served(revision="2")},
        failing=lambda folder: (served(), models.suite_of([*TEXTS, TOO_LONG])),
        vanish=lambda spec: SERVERS[spec.base_url].close(),
    ),
    "ensemble": Subject(
        name="ensemble",
        right=lambda folder: ensemble(recording(folder, "member.jsonl")),
        others=lambda folder: {
            "a digit": ensemble(other_recording(folder)),
            "by": ensemble(recording(folder, "member.jsonl"), by="majority"),
        },
        failing=lambda folder: (ensemble(recorded_failing(folder)[0]), SUITE),
        vanish=lambda spec: moved(spec.members[0].path),
    ),
}


@pytest.fixture(params=sorted(SUBJECTS), scope="module")
def subject(request: pytest.FixtureRequest) -> Subject:
    return SUBJECTS[request.param]


@pytest.fixture(scope="module")
def home(subject: Subject, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where this subject's files lie; no law changes them."""
    return tmp_path_factory.mktemp("subject")


@pytest.fixture(scope="module")
def spec(subject: Subject, home: Path) -> Any:
    """The subject's own plan for SUITE."""
    return subject.right(home)


def ready(spec: Any, suite: Suite = SUITE) -> tuple[Backend, list[Request]]:
    """A backend past its check, and what it is going to be asked."""
    built = backend(spec, "student")
    assert built.check([suite]) == []
    return built, build_requests(suite)


def same(one: Output, other: Output) -> bool:
    """The same answer, up to the rounding that another batch shape brings."""
    probs = (one.probs is None) == (other.probs is None) and (
        one.probs is None or max(abs(a - b) for a, b in zip(one.probs, other.probs or (), strict=True)) < 1e-6
    )
    return probs and (one.example_id, one.status, one.label, one.text) == (
        other.example_id,
        other.status,
        other.label,
        other.text,
    )


def test_every_backend_in_the_table_has_a_subject() -> None:
    assert {each.name for each in SUBJECTS.values()} == set(backends.TABLE)


def test_check_finds_nothing_in_a_right_plan_and_changes_no_file(spec: Any, home: Path) -> None:
    before = project.tree(home)
    built = backend(spec, "student")
    assert built.check([SUITE]) == []
    assert getattr(built, "model", None) is None
    assert getattr(built, "tokenizer", None) is None
    assert project.tree(home) == before


def test_check_speaks_of_a_suite_that_the_model_cannot_answer(subject: Subject, spec: Any) -> None:
    if subject.name in ("fake", "openai"):
        pytest.skip("a fake answers whatever it is asked, and a server is asked only when all is checked")
    strange = models.suite_of([*TEXTS, "one more"], labels=("yes", "no"))
    complaints = backend(spec, "student").check([strange])
    assert complaints
    assert all(each.problem and each.remedy and each.place for each in complaints)


def test_a_model_is_identified_the_same_each_time(subject: Subject, spec: Any) -> None:
    first, second = (ready(spec)[0].identify() for _ in range(2))
    assert first == second
    assert first.digest.startswith("sha256:")
    assert first.backend == subject.name
    # Settings go into a cache key and into manifest.json.
    json.dumps(dict(first.settings), allow_nan=False)


def test_another_byte_is_another_model(subject: Subject, spec: Any, tmp_path: Path) -> None:
    specs = [spec, *subject.others(tmp_path).values()]
    digests = [ready(each)[0].identify().digest for each in specs]
    assert len(set(digests)) == len(digests) >= 2


def test_running_does_not_change_who_the_model_is(spec: Any) -> None:
    built, requests = ready(spec)
    before = built.identify()
    built.run(requests)
    assert built.identify() == before
    built.close()


def test_batches_hold_each_position_once(spec: Any) -> None:
    built, requests = ready(spec)
    for count in (0, 1, 7, len(requests)):
        batches = built.batches(requests[:count])
        assert sorted(index for batch in batches for index in batch) == list(range(count))
        assert all(batches)


def test_batches_depend_on_the_requests_alone(spec: Any) -> None:
    built, requests = ready(spec)
    batches = built.batches(requests)
    built.run([requests[index] for index in batches[-1]])
    assert built.batches(requests) == batches
    assert ready(spec)[0].batches(requests) == batches


def test_one_output_per_request_in_its_order(spec: Any) -> None:
    built, requests = ready(spec)
    shuffled = random.Random(5).sample(requests, len(requests))
    for asked in (requests, shuffled, requests[3:4], []):
        assert [each.example_id for each in built.run(asked)] == [each.example_id for each in asked]


def test_outputs_are_such_as_the_records_can_hold(spec: Any) -> None:
    built, requests = ready(spec)
    for request, output in zip(requests, built.run(requests), strict=True):
        assert output.status == "ok"
        assert output.label in request.choices
        assert output.probs is not None
        assert sum(output.probs) == pytest.approx(1, abs=1e-9)
        assert output.probs[request.choices.index(output.label)] == max(output.probs)


def test_batch_size_and_order_change_no_answer(spec: Any) -> None:
    built, requests = ready(spec)
    whole = built.run(requests)
    for size in (1, 2, 7):
        parts = [built.run(requests[start : start + size]) for start in range(0, len(requests), size)]
        assert all(same(*pair) for pair in zip(whole, [each for part in parts for each in part], strict=True))
    backwards = built.run(requests[::-1])[::-1]
    assert all(same(*pair) for pair in zip(whole, backwards, strict=True))


def test_a_request_that_fails_is_a_status(subject: Subject, tmp_path: Path) -> None:
    spec, suite = subject.failing(tmp_path)
    built, requests = ready(spec, suite)
    failed = built.run(requests)[-1]
    assert failed.example_id == requests[-1].example_id
    assert failed.status in ERRORED
    assert failed.error
    assert (failed.label, failed.text, failed.probs) == (None, None, None)


def test_one_failure_costs_no_other_answer(subject: Subject, tmp_path: Path) -> None:
    if subject.name == "fake":
        pytest.skip("a fake fails on a share of all requests")
    spec, suite = subject.failing(tmp_path)
    built, requests = ready(spec, suite)
    assert [each.status for each in built.run(requests)[:-1]] == ["ok"] * (len(requests) - 1)


def test_closing_twice_or_before_anything_ran_is_no_error(spec: Any) -> None:
    built, requests = ready(spec)
    built.close()
    built.run(requests[:2])
    built.close()
    built.close()


def test_what_vanished_since_the_check_is_a_breakage(subject: Subject, tmp_path: Path) -> None:
    if subject.name == "fake":
        pytest.skip("a fake stands on nothing that could vanish")
    spec = subject.right(tmp_path)
    built, _ = ready(spec)
    subject.vanish(spec)
    with pytest.raises(BrokenError):
        built.identify()
