"""What an actor does: it builds the backend of a spec, says who the model is, and answers batches."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evalkit.backends import Backend, backend
from evalkit.errors import BrokenError
from evalkit.machine import hardware, versions
from evalkit.types import ModelFacts, Output, Request, Role


@dataclass(frozen=True, kw_only=True)
class Started:
    """A worker past its check. `problem` says why it cannot answer; without one there are `facts`.

    `node` is its address with the beginning of its id: several nodes may share one address.
    """

    node: str
    pid: int
    versions: Mapping[str, str]
    processor: str
    facts: ModelFacts | None
    problem: str | None


@dataclass(frozen=True, kw_only=True)
class Answered:
    """The outputs of a batch and what was counted meanwhile; or the words of the BrokenError that it raised."""

    outputs: list[Output]
    counts: Mapping[str, int]
    broken: str | None = None


class Worker:
    """One process with a model of its own. It loads the model with its first batch."""

    def __init__(self, made_of: Any, role: Role, threads: int | None) -> None:
        """`made_of` is a model's spec, or a stand-in that has been checked: it has its answers from the suites that it
        was shown. `threads` are those of PyTorch; None for a backend that does not use it."""
        if threads is not None:
            # Ray has a number of its own for this. Sums differ with it, so it is that of the process that asks.
            for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
                os.environ[name] = str(threads)
            import torch

            torch.set_num_threads(threads)
        self.checked = isinstance(made_of, Backend)
        self.backend: Backend = made_of if self.checked else backend(made_of, role)

    def start(self) -> Started:
        """Check and identify the model as this node has it."""
        import ray

        facts, problem = None, None
        try:
            if found := [] if self.checked else self.backend.check([]):
                problem = found[0].problem
            else:
                facts = self.backend.identify()
        except BrokenError as error:
            problem = str(error)
        machine = hardware()
        node = ray.get_runtime_context().get_node_id()
        return Started(
            node=f"{ray.util.get_node_ip_address()} ({node[:8]})",  # type: ignore[no-untyped-call]
            pid=os.getpid(),
            versions=versions(),
            processor=str(machine["gpu"] if facts is not None and facts.device == "cuda" else machine["cpu"]),
            facts=facts,
            problem=problem,
        )

    def answer(self, requests: Sequence[Request]) -> Answered:
        """One output per request, in order."""
        before = self.backend.counts()
        try:
            outputs = self.backend.run(requests)
        except BrokenError as error:
            return Answered(outputs=[], counts={}, broken=str(error))
        counts = {name: count - before.get(name, 0) for name, count in self.backend.counts().items()}
        return Answered(outputs=outputs, counts=counts)
