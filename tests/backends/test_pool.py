"""Workers on Ray in place of a model: the same answers, none lost, none twice, and nothing left behind."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit import pipeline
from evalkit.backends import Backend
from evalkit.backends.fake import Fake
from evalkit.backends.local import Local
from evalkit.backends.pool import Cluster, Pool, on_ray
from evalkit.backends.pool import backend as pool_backend
from evalkit.backends.pool.backend import can_be_pooled
from evalkit.backends.pool.cluster import Need, first_words
from evalkit.backends.pool.likeness import difference
from evalkit.backends.pool.queue import Queue
from evalkit.backends.pool.worker import Started
from evalkit.environment import Environment
from evalkit.errors import BrokenError, UsageError
from evalkit.plan import Overrides, load_plan
from evalkit.specs import EnsembleSpec, FakeSpec, OpenAISpec, RecordedSpec, TransformersSpec
from evalkit.types import ModelFacts
from tests import language_models, models
from tests.backends import pooling
from tests.backends.pooling import REQUESTS, SUITE, batches_of, here, of_mark, pool_of, stand_in
from tests.cli import project
from tests.runs import Runner, fakes, runner

ROOT = Path(__file__).resolve().parents[2]
# Those that a run of models and one of workers must agree on to the byte.
SAME = ("results.json", "verdict.json", "pairs.parquet")
WORKERS = 2


@pytest.fixture
def gate(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Runner:
    return runner(request, monkeypatch, tmp_path)


# --- the account of batches --------------------------------------------------------------------------


@given(st.integers(0, 12), st.lists(st.tuples(st.sampled_from(["take", "finish", "lose"]), st.integers(0, 11))))
def test_every_batch_is_finished_once_whatever_is_lost(count: int, moves: list[tuple[str, int]]) -> None:
    queue, out, finished = Queue(count), set(), []
    for move, number in moves:
        if move == "take":
            taken = queue.take()
            assert (taken is None) == (len(out) + len(finished) == count)
            if taken is not None:
                assert taken not in out
                out.add(taken)
        elif number not in out:
            with pytest.raises(KeyError):
                getattr(queue, move)(number)
        else:
            out.remove(number)
            getattr(queue, move)(number)
            finished += [number] if move == "finish" else []
        assert len(queue) == count - len(finished)
    for number in sorted(out):
        queue.lose(number)
    while (taken := queue.take()) is not None:
        queue.finish(taken)
        finished.append(taken)
    assert sorted(finished) == list(range(count))
    assert len(queue) == 0


def test_a_lost_batch_comes_before_those_that_nobody_had() -> None:
    queue = Queue(4)
    assert [queue.take(), queue.take()] == [0, 1]
    assert queue.lose(0) == 1
    assert [queue.take(), queue.take()] == [0, 2]
    assert queue.lose(0) == 2


# --- another model than here -------------------------------------------------------------------------

FACTS = ModelFacts(name="m", backend="transformers", digest="sha256:abc", live=True, settings={"dtype": "float32"})
VERSIONS = {"evalkit": "1", "torch": "2", "transformers": "5", "tokenizers": "0.22", "numpy": "2"}
STARTED = Started(node="n", pid=1, versions=VERSIONS, processor="p", facts=FACTS, problem=None)


def test_a_worker_like_this_process_has_no_difference() -> None:
    elsewhere = replace(FACTS, name="other", path="/elsewhere", device="cuda", revision="main")
    assert difference(STARTED, elsewhere, {**VERSIONS, "numpy": "1", "python": "3.12"}) is None


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (replace(STARTED, versions={**VERSIONS, "torch": "3"}), "it has torch 3, and here it is 2"),
        (replace(STARTED, versions={}), "it has evalkit missing, and here it is 1"),
        (
            replace(STARTED, facts=replace(FACTS, digest="sha256:xyz")),
            "its files of the model are others: xyz there, abc here",
        ),
        (
            replace(STARTED, facts=replace(FACTS, settings={"dtype": "bfloat16"})),
            "dtype is bfloat16 there and float32 here",
        ),
        (replace(STARTED, facts=replace(FACTS, settings={})), "dtype is None there and float32 here"),
        (replace(STARTED, facts=None, problem="there is no such folder"), "there is no such folder"),
    ],
)
def test_what_could_change_an_answer_is_a_difference(said: Started, why: str) -> None:
    assert difference(said, FACTS, VERSIONS) == why


# --- what is pooled, and what is passed on -----------------------------------------------------------


def test_models_of_this_machine_on_one_device_can_be_pooled() -> None:
    here = TransformersSpec(model="/m")
    assert can_be_pooled(here)
    assert can_be_pooled(FakeSpec(backend="fake"))
    assert not can_be_pooled(TransformersSpec(model="/m", device_map="auto"))
    assert not can_be_pooled(RecordedSpec(backend="recorded", path="/r"))
    assert not can_be_pooled(OpenAISpec(backend="openai", base_url="http://127.0.0.1/v1", model="m"))
    assert not can_be_pooled(EnsembleSpec(backend="ensemble", members=[here, here]))


def test_a_pool_passes_on_whatever_a_backend_can_be_asked() -> None:
    asked = {name for name, each in vars(Backend).items() if callable(each) and not name.startswith("_")}
    assert asked - set(vars(Pool)) == set()


def test_nothing_is_started_when_nothing_is_asked() -> None:
    cluster = Cluster("127.0.0.1:1", 2)
    pool = pool_of(cluster, stand_in())
    assert list(pool.run_each([])) == []
    pool.close()
    cluster.close()
    assert cluster.ray is None


# --- the options -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--ray=ray://head:10001"], "clients outside of a cluster"),
        (["--ray", "evalkit.yaml"], '"evalkit.yaml" is no address of a Ray cluster'),
        (["--ray=head"], '"head" is no address'),
        (["--ray-workers", "2"], "there is no --ray to say where"),
        (["--ray", "--ray-workers", "0"], "0 is not in the range"),
    ],
)
def test_a_wrong_option_is_wrong_usage_before_anything_runs(gate: Runner, options: list[str], said: str) -> None:
    project.project(gate.root, n=30)
    ended = project.evalkit("gate", "--out", gate.root / "run", *options)
    assert ended.code == 2
    assert said in ended.err
    assert not (gate.root / "run").exists()


def test_without_ray_the_remedy_is_the_extra(gate: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    project.project(gate.root, n=30)
    monkeypatch.setitem(sys.modules, "ray", None)
    ended = project.evalkit("gate", "--out", gate.root / "run", "--ray")
    assert ended.code == 2
    assert "pip install 'evalkit[ray]'" in ended.err


def test_addresses_of_every_form_are_taken() -> None:
    for address in ("local", "auto", "127.0.0.1:6379", "head.example:6379", "[::1]:6379"):
        with on_ray(address, None):
            pass
    with pytest.raises(UsageError), on_ray("head:6379/x", None):
        pass


def test_a_cluster_that_does_not_answer_is_a_breakage(gate: Runner) -> None:
    with contextlib.closing(socket.socket()) as held:
        held.bind(("127.0.0.2", 0))
        address = f"127.0.0.2:{held.getsockname()[1]}"
        project.project(gate.root, n=30, teacher="fake:", student="fake:seed=1")
        ended = gate("gate", f"--ray={address}", code=4)
    assert f"no Ray cluster at {address} can be joined" in ended.out


def test_the_words_of_ray_are_cut_to_what_happened() -> None:
    told = "The actor died.\n\tclass_name: Worker\nThe actor is dead because it fell. Some common causes include: all."
    assert first_words(RuntimeError(told)) == "The actor is dead because it fell."
    assert first_words(RuntimeError("a\nb")) == "a"
    assert first_words(RuntimeError()) == "RuntimeError"


# --- two nodes on loopback ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def nodes() -> Iterator[Any]:
    import torch

    with pooling.two_nodes(max(WORKERS, torch.get_num_threads())) as both:
        yield both


@pytest.fixture
def cluster(nodes: Any) -> Iterator[Cluster]:
    made = Cluster(nodes[0].address, WORKERS)
    yield made
    made.close()


def in_order(found: list[tuple[int, Any]]) -> list[Any]:
    assert len({number for number, _ in found}) == len(found), "a batch came twice"
    return [outputs for _, outputs in sorted(found)]


def test_results_on_two_nodes_are_those_of_one_process(
    gate: Runner, nodes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = write_project(gate.root, "language model")
    local = gate("gate", out="local")
    pools: list[Pool] = []
    init = Pool.__init__

    def kept(pool: Pool, *given: Any) -> None:
        init(pool, *given)
        pools.append(pool)

    monkeypatch.setattr(Pool, "__init__", kept)
    monkeypatch.setattr(pool_backend, "Queue", patient(pools))
    pooled = gate("gate", f"--ray={nodes[0].address}", f"--ray-workers={WORKERS}", "--cache", "other", out="pooled")
    assert local.code == pooled.code
    same(gate)
    assert [len(each.nodes) for each in pools] == [2, 2]
    collection = gate.manifest("pooled")["collection"]
    # What is read in this process has no workers to lose.
    lost = {each: counts.pop("workers_lost") for each, counts in collection.items() if "workers_lost" in counts}
    assert set(lost) >= {f"{role} {task}" for role in ("teacher", "student") for task in tasks}
    assert set(lost.values()) == {0}
    assert collection == gate.manifest("local")["collection"]
    assert gate.manifest("pooled")["notes"] == gate.manifest("local")["notes"]


def patient(pools: list[Pool]) -> type[Queue]:
    """A queue that has no batch for anybody until both nodes have somebody to take one: the first worker that starts
    would answer all of them."""

    class Patient(Queue):
        def take(self) -> int | None:
            asked = next(each for each in pools if each.hands)
            return super().take() if len(asked.nodes) == WORKERS else None

    return Patient


def same(gate: Runner) -> None:
    """The runs `local` and `pooled` agree to the byte on what is no time and no origin."""
    for name in SAME:
        assert (gate.root / "local" / name).read_bytes() == (gate.root / "pooled" / name).read_bytes(), name


def write_project(root: Path, kind: str) -> list[str]:
    """A gate of a model of this kind against a stand-in, whose workers start sooner; returns its suites' names."""
    project.dump(root / "policy.yaml", project.criteria({"metric": "accuracy.difference", "at_least": -0.9}))
    columns = {"id": "id", "input": "text", "target": "target"}
    rows = [{"id": f"e{i}", "text": text} for i, text in enumerate(models.texts(24))]
    if kind == "classifier":
        rows = [{**each, "target": models.LABELS[i % 3]} for i, each in enumerate(rows)]
        project.suite(root, "intents", rows, labels=list(models.LABELS), columns=columns)
        models.save_classifier(root / "student")
        names = ["intents"]
    else:
        rows = [{**each, "target": "a refund"} for each in rows[:12]]
        choices = ["a refund", "no", "the card of the other"]
        project.suite(root, "chosen", rows, task="choose", scorer="choice", labels=choices, columns=columns)
        written = {"task": "generate", "scorer": "exact", "labels": None, "generation": {"max_new_tokens": 5}}
        project.suite(root, "written", rows, columns=columns, **written)
        language_models.save_language_model(root / "student")
        names = ["chosen", "written"]
    project.plan(
        root,
        teacher={"backend": "fake", "name": "teacher", "batch_size": 3},
        student={"model": "./student", "dtype": "float32", "device": "cpu", "batch_tokens": 96},
        suites=[f"suites/{name}" for name in names],
    )
    return names


def test_threads_of_a_worker_are_those_that_it_is_told(cluster: Cluster) -> None:
    ray = cluster.open(Need(cpus=1, gpus=0))
    # Neither what Ray would set, which is the worker's cores, nor what PyTorch would take.
    handle = cluster.hire(Need(cpus=1, gpus=0), stand_in(pooling.Telling), "student", 3)
    (output,) = ray.get(handle.answer.remote(REQUESTS[:1])).outputs
    assert output.text == "3 3 3"


def test_what_is_timed_runs_in_this_process_with_no_worker_beside_it(cluster: Cluster) -> None:
    import ray

    pool = pool_of(cluster, stand_in(pooling.Counting))
    batches = batches_of(pool)
    first = in_order(list(pool.run_each(batches)))
    assert ray.is_initialized()
    assert pool.run(batches[0]) == first[0]
    assert not ray.is_initialized()
    # Asked again, it finds workers again.
    assert in_order(list(pool.run_each(batches))) == first


def test_counts_are_sums_over_workers_but_for_what_is_counted_here(cluster: Cluster) -> None:
    pool = pool_of(cluster, stand_in(pooling.Counting))
    list(pool.run_each(batches_of(pool)))
    assert pool.counts() == {"asked": len(REQUESTS), "cut_inputs": len(REQUESTS), "workers_lost": 0}


def test_a_connection_that_was_there_is_left_alone(nodes: Any) -> None:
    import ray

    ray.init(address=nodes[0].address, log_to_driver=False, logging_level="ERROR")
    try:
        made = Cluster("local", 1)
        pool = pool_of(made, stand_in())
        list(pool.run_each(batches_of(pool)))
        made.close()
        assert ray.is_initialized()
    finally:
        ray.shutdown()


# --- what breaks -------------------------------------------------------------------------------------


def test_a_killed_worker_costs_no_batch_and_doubles_none(cluster: Cluster) -> None:
    pool = pool_of(cluster, stand_in(delay_s=0.02))
    batches = batches_of(pool)
    found = []
    for number, outputs in pool.run_each(batches):
        found.append((number, outputs))
        if len(found) == 3:
            os.kill(next(hand.pid for hand in pool.hands if hand.pid is not None), signal.SIGKILL)
    assert in_order(found) == [pool.inner.run(batch) for batch in batches]
    assert pool.counts()["workers_lost"] == 1


def test_a_worker_killed_during_a_gate_changes_no_result(gate: Runner, nodes: Any) -> None:
    roles = {
        role: {"backend": "fake", "name": role, "batch_size": 3, "delay_s": 0.02} for role in ("teacher", "student")
    }
    fakes(gate.root, n=60, **roles)
    gate("gate", out="local")
    pools: list[Pool] = []
    killed: list[int] = []

    def kill_one(what: str, done: int, total: int) -> None:
        living = [hand.pid for pool in pools for hand in pool.hands if hand.pid is not None]
        if what.startswith("student") and not killed and living:
            killed.append(living[0])
            os.kill(living[0], signal.SIGKILL)

    with on_ray(nodes[0].address, WORKERS) as pooled:

        def kept(*given: Any) -> Backend:
            pools.append(pooled(*given))
            return pools[-1]

        env = Environment(progress=kill_one, pooled=kept)
        ended = pipeline.gate(load_plan(Path("evalkit.yaml"), Overrides()), Path("pooled"), Path("other"), env)
    assert ended.verdict.word != "broken"
    assert len(killed) == 1
    same(gate)
    assert gate.manifest("pooled")["collection"]["student intents"]["workers_lost"] == 1


def broken_by(nodes: Any, make: Callable[[Any], Fake], root: Path) -> pipeline.Finished:
    """A gate whose student in workers is what `make` makes of its spec."""
    roles = {role: {"backend": "fake", "name": role, "batch_size": 3} for role in ("teacher", "student")}
    project.suite(root, "intents", [{"id": e.id, "text": e.row["text"], "intent": "card"} for e in SUITE.examples],
                  labels=list(models.LABELS), columns={"id": "id", "input": "text", "target": "intent"})  # fmt: skip
    project.dump(root / "policy.yaml", dict(project.POLICY))
    project.plan(root, **roles)
    with on_ray(nodes[0].address, WORKERS) as pooled:

        def other(inner: Any, spec: Any, role: Any) -> Backend:
            changed = make(spec) if role == "student" else inner
            changed.targets, changed.markers = inner.targets, inner.markers
            return pooled(changed, spec, role)

        env = Environment(pooled=other)
        return pipeline.gate(load_plan(Path("evalkit.yaml"), Overrides()), Path("run"), Path("cache"), env)


def test_a_batch_that_kills_every_worker_breaks_the_run_and_keeps_the_others(gate: Runner, nodes: Any) -> None:
    ended = broken_by(nodes, lambda spec: pooling.DiesAtOne(spec, "student"), gate.root)
    assert (ended.verdict.word, ended.verdict.exit_code) == ("broken", 4)
    (reason,) = ended.verdict.reasons
    assert "a batch of 3 requests to the student" in reason
    assert "was lost 3 times, each time with its worker" in reason


@pytest.mark.slow
def test_workers_that_all_die_at_the_start_break_the_run(gate: Runner, nodes: Any) -> None:
    ended = broken_by(nodes, lambda spec: pooling.DiesAtOnce(spec, "student"), gate.root)
    assert (ended.verdict.word, ended.verdict.exit_code) == ("broken", 4)
    (reason,) = ended.verdict.reasons
    assert "3 workers of the student died one after the other, without an answer in between" in reason


def test_a_breakage_in_a_worker_comes_back_in_its_own_words(cluster: Cluster) -> None:
    inner = stand_in(broken="run")
    pool = pool_of(cluster, inner)
    with pytest.raises(BrokenError) as alone:
        inner.run(REQUESTS[:1])
    with pytest.raises(BrokenError) as pooled:
        list(pool.run_each(batches_of(pool)))
    assert str(pooled.value) == str(alone.value)
    assert pool.hands == []


def test_a_fault_of_the_backend_is_raised_as_itself(cluster: Cluster) -> None:
    pool = pool_of(cluster, stand_in(pooling.Faulty))
    with pytest.raises(ZeroDivisionError) as found:
        list(pool.run_each(batches_of(pool)))
    assert type(found.value) is ZeroDivisionError
    assert str(found.value) == "a fault of the backend"


def test_a_model_that_changed_since_it_was_identified_is_another_model(cluster: Cluster, tmp_path: Path) -> None:
    folder = models.save_classifier(tmp_path / "model")
    spec = here(folder)
    pool = Pool(Local(spec, "teacher"), spec, "teacher", cluster)
    pool.identify()
    batches = batches_of(pool)
    models.flip_byte(folder / "model.safetensors")
    with pytest.raises(BrokenError, match=r"a worker on node 127\.0\.0\.\d .* teacher here: its files of the model"):
        list(pool.run_each(batches))


def test_a_folder_that_a_node_lacks_is_said_plainly(cluster: Cluster, tmp_path: Path) -> None:
    folder = models.save_classifier(tmp_path / "model")
    spec = here(folder)
    pool = Pool(Local(spec, "teacher"), spec, "teacher", cluster)
    pool.identify()
    batches = batches_of(pool)
    folder.rename(tmp_path / "elsewhere")
    with pytest.raises(BrokenError, match=rf"a worker on node .* there is no model folder {folder}"):
        list(pool.run_each(batches))


def test_more_workers_than_a_cluster_has_room_for_is_said_plainly(nodes: Any) -> None:
    cluster = Cluster(nodes[0].address, 1000)
    pool = pool_of(cluster, stand_in())
    with pytest.raises(BrokenError, match=r"room for \d+ workers of 1 cores .* the run wants 1000"):
        list(pool.run_each(batches_of(pool)))
    cluster.close()


@pytest.mark.slow
def test_workers_that_find_no_room_are_not_waited_for_for_ever(nodes: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_backend, "PATIENCE_S", 1.0)
    cluster = Cluster(nodes[0].address, 1)
    ray = cluster.open(Need(cpus=1, gpus=0))
    room = cluster.places(Need(cpus=1, gpus=0))
    others = [cluster.hire(Need(cpus=1, gpus=0), stand_in(), "student", None) for _ in range(room)]
    ray.get([each.start.remote() for each in others])
    pool = pool_of(cluster, stand_in())
    with pytest.raises(BrokenError, match="no worker of the student could start within 1 seconds"):
        list(pool.run_each(batches_of(pool)))
    cluster.close()


@pytest.mark.slow
def test_a_reader_that_stops_half_way_leaves_no_worker_at_work(cluster: Cluster) -> None:
    pool = pool_of(cluster, stand_in(delay_s=0.02))
    batches = batches_of(pool)
    reading = pool.run_each(batches)
    next(reading)
    reading.close()
    assert pool.hands == []
    assert in_order(list(pool.run_each(batches))) == [pool.inner.run(batch) for batch in batches]


# --- Ray started here --------------------------------------------------------------------------------


def started(root: Path, mark: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "evalkit", "gate", "--ray", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "EVALKIT_TEST_MARK": mark, "TMPDIR": str(root)}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=root, env=environment, stdout=pipe, stderr=pipe, text=True)


def gone(mark: str) -> list[str]:
    """What still runs with this mark, once everything has had time to end."""
    # Ray's agents look now and then whether what they serve is still there.
    for _ in range(900):
        if not (found := of_mark(mark)):
            return []
        time.sleep(0.1)
    return found


def test_two_workers_of_a_ray_started_here_give_the_same_results_and_leave_nothing(gate: Runner) -> None:
    write_project(gate.root, "classifier")
    local = gate("gate", out="local")
    before = set(Path("/tmp").glob("evalkit-ray-*"))
    process = started(gate.root, mark := f"whole-{os.getpid()}", "--ray-workers=2", "--json", "--out=pooled",
                      "--cache=other", "--quiet")  # fmt: skip
    out, err = process.communicate(timeout=120)
    assert process.returncode == local.code, err
    # Nothing but the verdict is on stdout.
    assert json.loads(out) == gate.json("verdict.json", "pooled")
    same(gate)
    assert gone(mark) == []
    assert set(Path("/tmp").glob("evalkit-ray-*")) <= before


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_what_was_started_ends_with_a_run_that_is_broken_off(gate: Runner, how: signal.Signals) -> None:
    slow = {role: {"backend": "fake", "name": role, "batch_size": 3, "delay_s": 0.5} for role in ("teacher", "student")}
    project.project(gate.root, n=120, **slow)
    before = set(Path("/tmp").glob("evalkit-ray-*"))
    process = started(gate.root, mark := f"{how.name}-{os.getpid()}", "--ray-workers=2", "--cache=cache", "--out=run")
    assert process.stderr is not None
    said = process.stderr.readline()
    assert said.startswith("teacher intents")
    assert any("ray" in each for each in of_mark(mark))
    process.send_signal(how)
    _, err = process.communicate(timeout=60)
    assert process.returncode == (130 if how == signal.SIGINT else -signal.SIGKILL)
    assert "Traceback" not in err
    assert gone(mark) == []
    if how == signal.SIGINT:
        assert set(Path("/tmp").glob("evalkit-ray-*")) <= before


# --- the last: it takes a node away ------------------------------------------------------------------


def test_a_lost_node_costs_no_batch_and_doubles_none(
    nodes: Any, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A worker goes on for a moment without its node: its batch must take longer than that.
    pool = pool_of(cluster, stand_in(delay_s=0.4))
    monkeypatch.setattr(pool_backend, "Queue", patient([pool]))
    batches = batches_of(pool)
    found = []
    for number, outputs in pool.run_each(batches):
        found.append((number, outputs))
        if len(found) == 3:
            nodes[0].remove_node(nodes[1], allow_graceful=False)
    assert in_order(found) == [pool.inner.run(batch) for batch in batches]
    # One in its place may be sent to the same node before the cluster knows that it is gone.
    assert 1 <= pool.counts()["workers_lost"] <= 2, pool.counts()
