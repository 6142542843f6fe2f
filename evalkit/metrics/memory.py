"""Peak memory of each model while it answers in batches, in bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalkit import figures
from evalkit.metrics import Family, Setting
from evalkit.metrics.intervals import exact
from evalkit.metrics.times import ROLES, of_each_model, protocol, unmeasured, whole_suite
from evalkit.table import PairTable
from evalkit.types import Measured, Undefined


def measure(pairs: PairTable, setting: Setting) -> dict[str, Measured]:
    """One reading a model, which an allocator or a kernel counted: exact."""
    return {f"memory.peak.{role}": _peak(pairs, role, setting) for role in ROLES}


def _peak(pairs: PairTable, role: str, setting: Setting) -> Measured:
    record = protocol(pairs, role)
    if record is None:
        return unmeasured(pairs, role)
    if (why := whole_suite(pairs)) is not None:
        return why
    found = record["memory"]
    if "undefined" in found:
        return Undefined(reason=found["undefined"])
    return exact(float(found["peak"]), 1, setting, _method(found, pairs.timing["prompts"]))


def _method(found: Mapping[str, Any], prompts: int) -> str:
    before = figures.number(found["before"], "bytes")
    if found["how"] == "allocator":
        return (
            f"most that the device's allocator held during one pass over {prompts} prompts in batches, "
            f"without {before} of other models"
        )
    return (
        f"most that was resident of a process that loads this model alone, one pass over {prompts} prompts in "
        f"batches; {before} of it were Python and torch, before the model was loaded"
    )


FAMILY = Family(
    name="memory",
    measure=measure,
    slices="none",
    timed=True,
    champion=False,
    metrics=of_each_model("memory.peak", "bytes"),
)
