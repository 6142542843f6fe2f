"""Two nodes of Ray on loopback addresses, and stand-ins that break in a worker as models do."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from evalkit.backends.fake import Fake
from evalkit.backends.pool import Cluster, Pool
from evalkit.requests import build_requests
from evalkit.specs import FakeSpec, TransformersSpec
from evalkit.types import ModelFacts, Output, Request, Role
from tests import models

SUITE = models.suite_of(models.texts(40))
REQUESTS = build_requests(SUITE)
STORE_BYTES = 80 * 2**20
# A dead node is noticed within a second or two.
ATTENTIVE = {
    "health_check_initial_delay_ms": 500,
    "health_check_period_ms": 500,
    "health_check_failure_threshold": 2,
}


@contextmanager
def two_nodes(cores: int) -> Iterator[tuple[Any, Any]]:
    """A cluster of two nodes with so many cores each, and the second of them, which a test may take away."""
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DEDUP_LOGS_SKIP_REGEX": "."}
    from ray.cluster_utils import Cluster as Nodes

    folder = tempfile.mkdtemp(prefix="evalkit-nodes-", dir="/tmp")
    shape = {"num_cpus": cores, "num_gpus": 0, "object_store_memory": STORE_BYTES, "include_dashboard": False}
    # Ray takes 127.0.0.1 for a slip.
    head = {**shape, "node_ip_address": "127.0.0.2", "temp_dir": folder, "_system_config": ATTENTIVE}
    nodes = Nodes(initialize_head=True, connect=False, head_node_args=head)
    try:
        yield nodes, nodes.add_node(**shape, node_ip_address="127.0.0.3")
    finally:
        nodes.shutdown()
        shutil.rmtree(folder, ignore_errors=True)


def batches_of(pool: Pool) -> list[list[Request]]:
    return [[REQUESTS[index] for index in batch] for batch in pool.batches(REQUESTS)]


def pool_of(cluster: Cluster, inner: Fake, role: Role = "student") -> Pool:
    """A pool past its check."""
    pool = Pool(inner, inner.spec, role, cluster)
    assert pool.check([SUITE]) == []
    pool.identify()
    return pool


def here(folder: Path, **more: Any) -> TransformersSpec:
    return TransformersSpec(model=str(folder), dtype="float32", device="cpu", **more)


def stand_in(kind: type[Fake] = Fake, **settings: Any) -> Fake:
    return kind(FakeSpec(backend="fake", batch_size=3, **settings), "student")


class DiesAtOne(Fake):
    """Takes its process along when it is asked one certain example."""

    def run(self, requests: Sequence[Request]) -> list[Output]:
        if any(each.example_id == REQUESTS[7].example_id for each in requests):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().run(requests)


class DiesAtOnce(Fake):
    """Takes its process along when it is asked who it is, but for the process that made it."""

    def __init__(self, spec: FakeSpec, role: Role) -> None:
        super().__init__(spec, role)
        self.home = os.getpid()

    def identify(self) -> ModelFacts:
        if os.getpid() != self.home:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().identify()


class Faulty(Fake):
    """Has a fault of its own."""

    def run(self, requests: Sequence[Request]) -> list[Output]:
        raise ZeroDivisionError("a fault of the backend")


class Counting(Fake):
    """Counts what it was asked, and cuts all of it."""

    asked = 0

    def batches(self, requests: Sequence[Request]) -> list[list[int]]:
        self.cut = {each.example_id for each in requests}
        return super().batches(requests)

    def run(self, requests: Sequence[Request]) -> list[Output]:
        self.asked += len(requests)
        self.cut = {*getattr(self, "cut", ()), *(each.example_id for each in requests)}
        return super().run(requests)

    def counts(self) -> Mapping[str, int]:
        return {"asked": self.asked, "cut_inputs": len(getattr(self, "cut", ()))}


class Telling(Fake):
    """Answers with the number of PyTorch's threads, and of those that its environment asks for."""

    def run(self, requests: Sequence[Request]) -> list[Output]:
        import torch

        told = f"{torch.get_num_threads()} {os.environ['OMP_NUM_THREADS']} {os.environ['MKL_NUM_THREADS']}"
        return [Output(example_id=each.example_id, status="ok", text=told) for each in requests]


def of_mark(mark: str) -> list[str]:
    """The living processes that have `mark` in their environment, or a file of a Ray that evalkit started open: a
    process that gives itself a title writes it over its environment."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            held = {os.readlink(each) for each in (path / "fd").iterdir()}
            if mark.encode() in (path / "environ").read_bytes() or any("/evalkit-ray-" in each for each in held):
                found.append((path / "cmdline").read_text(errors="replace").replace("\0", " ")[:80])
        except OSError:
            continue
    return found
