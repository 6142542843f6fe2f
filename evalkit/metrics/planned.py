"""Metric names that the contract reserves and this version does not measure yet.

A policy may use them: such a criterion is not evaluated, and says so. A name in neither list is a slip of
the pen, and refused.
"""

from __future__ import annotations

from itertools import product

from evalkit.types import WRITING, SuiteFacts


def _each(*parts: tuple[str, ...]) -> set[str]:
    return {".".join(names) for names in product(*parts)}


PLANNED: frozenset[str] = frozenset(
    _each(("agreement",), ("token_top1", "first_divergence"))
    # Needs NVML and a GPU that keeps the account.
    | _each(("energy",), ("per_request",), ("teacher", "student"))
)


def applies(name: str, facts: SuiteFacts) -> bool:
    """Whether a planned metric is about such a suite, as the contract has it."""
    if name.startswith(("agreement.token", "agreement.first")):
        return facts.task in WRITING
    return True
