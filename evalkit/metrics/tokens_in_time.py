"""How an answer arrives: seconds to its first token, and seconds per token after it."""

from __future__ import annotations

from evalkit.metrics import Family, Setting
from evalkit.metrics.times import PERCENTILES, UNTIMED, of_each_model, percentile, protocol
from evalkit.table import PairTable
from evalkit.types import WRITING, Measured

# Name of the quantity → the array of a side that holds it, and what must be recorded for it.
QUANTITIES = {"ttft": "a time to the first token", "tpot": "a time to the first token and two tokens or more"}


def measure(pairs: PairTable, setting: Setting) -> dict[str, Measured]:
    """Percentiles over the examples whose answers came token by token, each model on its own."""
    assert pairs.teacher is not None
    sides = {"teacher": pairs.teacher, "student": pairs.student}
    found: dict[str, Measured] = {}
    for role, side in sides.items():
        for quantity, needed in QUANTITIES.items():
            missing = UNTIMED if protocol(pairs, role) is None else f"no answer of the {role} had {needed}"
            for name, q in PERCENTILES.items():
                seconds = getattr(side, quantity)
                found[f"latency.{quantity}.{name}.{role}"] = percentile(seconds, q, pairs, role, setting, missing)
    return found


FAMILY = Family(
    name="tokens_in_time",
    measure=measure,
    applies=lambda facts: facts.task in WRITING,
    slices="none",
    timed=True,
    champion=False,
    metrics=tuple(
        metric
        for quantity in QUANTITIES
        for name in PERCENTILES
        for metric in of_each_model(f"latency.{quantity}.{name}", "seconds")
    ),
)
