"""Seconds for an answer of a given number of tokens: a student that is faster because it says less is not faster."""

from __future__ import annotations

from dataclasses import replace

from evalkit.metrics import Family, Setting
from evalkit.metrics.times import ROLES, of_each_model, percentile, protocol, ratio, speedup, unmeasured
from evalkit.table import PairTable
from evalkit.types import WRITING, Estimate, Measured, Undefined


def measure(pairs: PairTable, setting: Setting) -> dict[str, Measured]:
    """The median of each model, and their ratio over the prompts that both answered at that length."""
    assert pairs.teacher is not None
    teacher, student = pairs.teacher.fixed, pairs.student.fixed
    missing = {role: _missing(pairs, role) for role in ROLES}
    found: dict[str, Measured] = {
        f"latency.fixed.p50.{role}": percentile(seconds, 0.5, pairs, role, setting, missing[role])
        for role, seconds in (("teacher", teacher), ("student", student))
    }
    # The reason of the model that could not: the other one's is no news.
    why = next((missing[role] for role in ROLES if isinstance(found[f"latency.fixed.p50.{role}"], Undefined)), "")
    found["latency.speedup.fixed_budget"] = speedup(
        teacher, student, "fixed_budget", 0.5, pairs, setting, why or "no prompt was timed for both models"
    )
    return {name: _told(each, pairs) for name, each in found.items()}


def _missing(pairs: PairTable, role: str) -> str:
    record = protocol(pairs, role)
    if record is None:
        return unmeasured(pairs, role).reason
    return f"the {role} could not be held to a length: {record['fixed_problem'] or 'no prompt was answered'}"


def _told(measured: Measured, pairs: PairTable) -> Measured:
    if not isinstance(measured, Estimate) or not pairs.timing:
        return measured
    return replace(measured, method=f"{measured.method}; answers of {pairs.timing['fixed_tokens']} tokens")


FAMILY = Family(
    name="fixed_budget",
    measure=measure,
    applies=lambda facts: facts.task in WRITING,
    slices="none",
    timed=True,
    champion=False,
    metrics=(*of_each_model("latency.fixed.p50", "seconds"), ratio("latency.speedup.fixed_budget")),
)
