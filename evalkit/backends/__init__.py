"""Backends: where outputs come from. One call shape for a model here, a recording or a stand-in.

To add one, write a class with the five methods of `Backend` in a file of its own and add a line to the
table; another package adds an entry point `evalkit.backends`. tests/backends/test_laws.py holds what every
backend must do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from evalkit.errors import Complaint
from evalkit.registry import names, resolve
from evalkit.types import ModelFacts, Output, Request, Role, Suite

GROUP = "evalkit.backends"
TABLE = {
    "transformers": "evalkit.backends.classifier:Classifier",
    "recorded": "evalkit.backends.recorded:Recorded",
    "fake": "evalkit.backends.fake:Fake",
}


class Backend(Protocol):
    """A source of outputs for one role. Constructing it touches nothing; its methods come in this order."""

    def check(self, suites: Sequence[Suite]) -> list[Complaint]:
        """What is wrong with the plan's choice of this model for these suites, found without running it."""

    def identify(self) -> ModelFacts:
        """Which model this is. Raises BrokenError when it cannot be told (a disk fails)."""

    def batches(self, requests: Sequence[Request]) -> list[list[int]]:
        """Positions of `requests`, each exactly once, in batches that depend on nothing but the requests."""

    def run(self, requests: Sequence[Request]) -> list[Output]:
        """One output per request, in order; loads what it needs at the first call. A request that fails
        is an output with a status. Raises BrokenError when nothing can be run at all."""

    def close(self) -> None:
        """Give back what `run` took: memory, connections."""


def backend(spec: Any, role: Role) -> Backend:
    """The backend that a plan's model mapping asks for. Raises UsageError for an unknown name."""
    built: Backend = resolve(GROUP, TABLE, spec.backend)(spec, role)
    return built


def known() -> list[str]:
    """Names of the backends that can be used."""
    return names(GROUP, TABLE)
