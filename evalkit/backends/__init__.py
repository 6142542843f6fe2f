"""Backends: where outputs come from. One call shape for a model here, a server, a recording or a stand-in.

To add one, write a subclass of `Backend` in a file of its own and add a line to the table; tests/backends/test_laws.py
holds what every backend must do.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evalkit.backends.reading import Reader
from evalkit.errors import Complaint
from evalkit.registry import names, resolve
from evalkit.types import ModelFacts, Output, Request, Role, Suite, Task

GROUP = "evalkit.backends"
TABLE = {
    "transformers": "evalkit.backends.local:Local",
    "recorded": "evalkit.backends.recorded:Recorded",
    "fake": "evalkit.backends.fake:Fake",
    "openai": "evalkit.backends.openai:OpenAI",
    "ensemble": "evalkit.backends.ensemble:Ensemble",
}


class Backend(ABC):
    """A source of outputs for one role. Constructing it touches nothing; its methods come in this order.

    The methods without a body here are what every backend must say; the others have an answer that fits most.
    """

    @abstractmethod
    def check(self, suites: Sequence[Suite]) -> list[Complaint]:
        """What is wrong with the plan's choice of this model for these suites, found without running it."""

    @abstractmethod
    def identify(self) -> ModelFacts:
        """Which model this is. Raises BrokenError when it cannot be told (a disk fails)."""

    @abstractmethod
    def batches(self, requests: Sequence[Request]) -> list[list[int]]:
        """Positions of `requests` (of one suite), each exactly once, in batches that depend on nothing but them."""

    @abstractmethod
    def run(self, requests: Sequence[Request]) -> list[Output]:
        """One output per request, in order; loads what it needs at the first call. A request that fails
        is an output with a status. Raises BrokenError when nothing can be run at all."""

    def run_each(self, batches: Sequence[Sequence[Request]]) -> Iterator[tuple[int, list[Output]]]:
        """Each batch's number and its outputs, every batch once, as they are done and in whatever order that is.

        One after the other, unless a backend has several hands. Raises what `run` raises."""
        for number, batch in enumerate(batches):
            yield number, self.run(batch)

    def close(self) -> None:
        """Give back what `run` took: memory, connections. `run` may be called again, and takes it again."""
        return

    def counts(self) -> Mapping[str, int]:
        """What happened besides the answers, counted since it was made, for the manifest."""
        return {}

    def notes(self, suites: Sequence[Suite]) -> list[str]:
        """What a reader of the report must know about how this model was asked; after `check`."""
        return []

    def earlier_run(self) -> Mapping[str, Any] | None:
        """The manifest of the finished run that the outputs come from, where they do; after `check`."""
        return None

    def answers_with(self) -> Task:
        """What it does with a question that can be put either way: `classify` where it can only choose a label, else
        `generate`. May be asked before `check`, which then says whether it can."""
        return "generate"

    def stays_beside(self, others: Sequence[ModelFacts]) -> bool:
        """Whether it may stay loaded while these models are loaded here and asked; False where nobody can tell."""
        return False

    def batch_shape_matters(self, requests: Sequence[Request]) -> bool:
        """Whether an answer to one of these (of one suite) may depend on which of them share its batch; after `run`."""
        return False

    def reader(self) -> Reader | str:
        """The model as a reader of answers that stand already; or why it is none, as what follows "it". Loads no
        model. Raises BrokenError when its tokenizer cannot be read."""
        return "is no language model that runs here"

    def weights_in_memory(self) -> int | None:
        """Bytes that the weights take in the accelerator's memory while they are loaded; None where none are."""
        return None

    def loaded_bytes(self) -> int | None:
        """Bytes of the weights as they are in memory once the model is loaded, which this does where it has to; None
        where nothing runs here. Raises BrokenError when it cannot be loaded."""
        return None


def backend(spec: Any, role: Role) -> Backend:
    """The backend that a plan's model mapping asks for. Raises UsageError for an unknown name."""
    built: Backend = resolve(GROUP, TABLE, spec.backend)(spec, role)
    return built


def known() -> list[str]:
    """Names of the backends that can be used."""
    return names(GROUP, TABLE)
