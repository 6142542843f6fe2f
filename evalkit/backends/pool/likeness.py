"""Whether a worker is the model that was identified here: another would answer under the same name and key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalkit.backends.pool.worker import Started
from evalkit.types import ModelFacts

# Programs that numbers come from. Ray itself refuses another Python.
PROGRAMS = ("evalkit", "torch", "transformers", "tokenizers")


def difference(said: Started, facts: ModelFacts, versions: Mapping[str, str]) -> str | None:
    """How the worker differs from `facts` and `versions`, which are those of this process; None where it does not.

    A name or a folder may differ from node to node, and a part of a device's name: cuda:1 gives the numbers of cuda.
    """
    there = said.facts
    if there is None:
        return said.problem
    for name in PROGRAMS:
        if said.versions.get(name) != versions.get(name):
            return f"it has {name} {said.versions.get(name, 'missing')}, and here it is {versions.get(name, 'missing')}"
    if there.digest != facts.digest:
        return f"its files of the model are others: {_short(there.digest)} there, {_short(facts.digest)} here"
    return _setting(there.settings, facts.settings)


def _setting(there: Mapping[str, Any], here: Mapping[str, Any]) -> str | None:
    for name in sorted({*there, *here}):
        if there.get(name) != here.get(name):
            return f"{name} is {there.get(name)} there and {here.get(name)} here"
    return None


def _short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:12]
