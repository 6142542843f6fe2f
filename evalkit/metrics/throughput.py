"""What a model gets through in a second when it is asked in full batches: requests, and tokens that it writes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from evalkit.metrics import Family, Setting
from evalkit.metrics.intervals import widened
from evalkit.metrics.times import ROLES, estimate, of_each_model, protocol, unmeasured, whole_suite
from evalkit.stats.interval import Interval
from evalkit.stats.mean import mean_interval
from evalkit.table import PairTable
from evalkit.types import Measured, Undefined

QUANTITIES = ("requests", "tokens")
MIN_PASSES = 3


def measure(pairs: PairTable, setting: Setting) -> dict[str, Measured]:
    """Rates over the repeated passes; each pass is one observation, however many requests it holds."""
    return {
        f"throughput.{quantity}.{role}": _throughput(pairs, role, quantity, setting)
        for quantity in QUANTITIES
        for role in ROLES
    }


def _throughput(pairs: PairTable, role: str, quantity: str, setting: Setting) -> Measured:
    record = protocol(pairs, role)
    if record is None:
        return unmeasured(pairs, role)
    if (why := whole_suite(pairs)) is not None:
        return why
    amounts = [each[quantity] for each in record["passes"]]
    if any(each is None for each in amounts):
        return Undefined(reason="these answers are not counted in tokens")
    return _rate(amounts, [each["seconds"] for each in record["passes"]], pairs.timing["prompts"], setting)


def _rate(amounts: Sequence[int], seconds: Sequence[float], prompts: int, setting: Setting) -> Measured:
    if len(amounts) < MIN_PASSES:
        return Undefined(
            reason=f"{len(amounts)} passes are too few for an interval, {MIN_PASSES} are needed: raise latency.repeats"
        )
    if min(amounts) <= 0 or min(seconds) <= 0:
        return Undefined(reason="a pass got nothing done, or took no time that could be measured")
    # On the logarithm, where a pass at half the speed is as far off as one at twice the speed.
    logs = np.log(np.array(amounts, dtype=np.float64) / np.array(seconds, dtype=np.float64))
    found = mean_interval(logs, setting.level)
    assert found is not None
    method = f"geometric mean of {len(amounts)} passes over {prompts} prompts in batches, Student t on logarithms"
    interval = Interval(math.exp(found.low), math.exp(found.high))
    whole = estimate(math.exp(float(logs.mean())), interval, len(amounts), setting, method)
    return widened(whole, (0.0, math.inf))


FAMILY = Family(
    name="throughput",
    measure=measure,
    slices="none",
    timed=True,
    champion=False,
    metrics=tuple(
        metric for name in QUANTITIES for metric in of_each_model(f"throughput.{name}", "per second", "higher")
    ),
)
