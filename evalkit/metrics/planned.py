"""Metric names that the contract reserves and this version does not measure yet.

A policy may use them: such a criterion is not evaluated, and says so. A name in neither list is a slip of
the pen, and refused.
"""

from __future__ import annotations

from itertools import product


def _each(*parts: tuple[str, ...]) -> set[str]:
    return {".".join(names) for names in product(*parts)}


PLANNED: frozenset[str] = frozenset(
    # Needs NVML and a GPU that keeps the account.
    _each(("energy",), ("per_request",), ("teacher", "student"))
)
