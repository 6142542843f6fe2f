"""Intervals of times: percentiles between order statistics, the typical speed-up, and the speed-up at the median."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from evalkit.metrics import Setting
from evalkit.metrics.times import percentile, speedup, typical
from evalkit.types import Measured
from scripts.simulating.covering import LEVELS, Tallies, Where
from scripts.simulating.figures import Figure, Scenario
from scripts.simulating.pairs import Floats, blank

# The timing protocol asks 64 prompts unless a plan says otherwise.
SIZES = (64, 100, 300)
PERCENTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95}
# Log-normal: one request in a hundred takes eight times as long as the typical one.
SPREAD = 0.9
FASTER = 2.0
# Seconds of both models to the same requests; and the ratio that Hodges and Lehmann's estimate is of.
NOISE: dict[str, tuple[Callable[[np.random.Generator, int], Floats], float]] = {
    "even noise": (lambda rng, n: rng.normal(0.0, 0.2, size=n), 0.0),
    # Half the sum of two of these is Gamma(2, 0.2); its median is 1.67835 × 0.2.
    "noise to one side": (lambda rng, n: rng.exponential(0.4, size=n), 0.3356694),
}


def scenarios() -> Iterator[Scenario]:
    """Percentiles, and both speed-ups under both kinds of noise."""
    for n in SIZES:
        yield Scenario(f"percentile/{n}", 500, partial(_percentiles, n=n))
        for name in NOISE:
            yield Scenario(f"speedup/{name}/{n}", 400, partial(_speedups, n=n, name=name))


def _percentiles(rng: np.random.Generator, runs: int, n: int) -> list[Figure]:
    from scipy.special import ndtri

    truths = {f"latency.{name}": math.exp(SPREAD * float(ndtri(q))) for name, q in PERCENTILES.items()}
    tallies, pairs = Tallies(Where("percentiles", "log-normal times", n), truths), blank(n)
    for _ in range(runs):
        seconds = rng.lognormal(0.0, SPREAD, size=n)
        for level in LEVELS:
            setting = Setting(level, 0, ("times",))
            found: dict[str, Measured] = {
                f"latency.{name}": percentile(seconds, q, pairs, "student", setting, "untimed")
                for name, q in PERCENTILES.items()
            }
            tallies.add(level, found)
    return tallies.figures()


def _speedups(rng: np.random.Generator, runs: int, n: int, name: str) -> list[Figure]:
    noise, middle = NOISE[name]
    where, pairs = Where("speed-ups", name, n), blank(n)
    truths = {"latency.speedup.typical": FASTER * math.exp(middle)}
    if name == "even noise":
        # The student's times are log-normal too, and the ratio of medians is that of the middles.
        truths["latency.speedup.p50"] = FASTER
    tallies = Tallies(where, truths)
    for run in range(runs):
        teacher = rng.lognormal(0.0, SPREAD, size=n)
        student = teacher / FASTER / np.exp(noise(rng, n))
        for level in LEVELS:
            setting = Setting(level, run, ("times",))
            found = {"latency.speedup.typical": typical(teacher, student, pairs, setting, "untimed")}
            if "latency.speedup.p50" in truths:
                found["latency.speedup.p50"] = speedup(teacher, student, "p50", 0.5, pairs, setting, "untimed")
            tallies.add(level, found)
    return tallies.figures()
