"""Names to things: a table in the package, and an entry-point group so that other packages can add to it.

Resolving is lazy and loud: nothing is imported until its name is used, and a name that cannot be
resolved says which are known.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any

from evalkit.errors import Complaint, UsageError, nearest


def names(group: str, table: Mapping[str, str]) -> list[str]:
    """Every known name, evalkit's own first."""
    return [*table, *sorted({each.name for each in entry_points(group=group)} - set(table))]


def resolve(group: str, table: Mapping[str, str], name: str) -> Any:
    """The object called `name`: "module:attribute" of the table, else an entry point of `group`.

    Raises UsageError when there is none. A package cannot replace one of evalkit's own names: a gate
    must mean the same on every machine.
    """
    if name in table:
        module, _, attribute = table[name].partition(":")
        return getattr(importlib.import_module(module), attribute)
    for each in entry_points(group=group, name=name):
        return each.load()
    kind = group.rpartition(".")[2].removesuffix("s").replace("_", " ")
    raise UsageError(
        Complaint(problem=f'there is no {kind} called "{name}"', remedy=nearest(name, names(group, table)))
    )
