"""What is timed: the numbers of a run, from its stored pairs on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from scripts.benching.pairs import columns

RESAMPLES = 10_000


@dataclass(frozen=True)
class Case:
    """Something that is timed in parts: `run` gets a stopwatch, `about` says it to a reader."""

    about: str
    run: Callable[[Stopwatch], None]


class Stopwatch:
    """Seconds and CPU seconds of named parts."""

    def __init__(self) -> None:
        self.parts: dict[str, dict[str, float]] = {}

    @contextmanager
    def __call__(self, part: str) -> Iterator[None]:
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.parts[part] = {"seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}


def metrics(n: int, *, probabilities: bool) -> Callable[[Stopwatch], None]:
    """Every metric that such a suite has, on the suite as a whole, from arrays."""

    def run(timed: Stopwatch) -> None:
        from evalkit.metrics import Setting, families
        from evalkit.table import table
        from evalkit.types import Estimate

        stored = columns(n, probabilities=probabilities, slices=False)
        # What a first call imports is not what a metric costs.
        small = table(columns(200, probabilities=probabilities, slices=False), "teacher")
        measured = [each for each in families() if each.applies(stored.facts)]
        for family in measured:
            family.measure(small, Setting(0.9, 0, ("warm",), 100))
        with timed("arrays from stored pairs"):
            pairs = table(stored, "teacher")
        setting = Setting(0.9, 0, ("teacher", "bench", ""), RESAMPLES)
        found = {}
        with timed("metrics"):
            for family in measured:
                found |= family.measure(pairs, setting)
        assert isinstance(found["accuracy.difference"], Estimate)
        assert isinstance(found["agreement.kappa"], Estimate)
        assert isinstance(found["calibration.ece.difference"], Estimate) == probabilities

    return run


def conclusion(n: int) -> Callable[[Stopwatch], None]:
    """Everything between stored pairs and verdict: every metric, on the suite and on its slices, gated."""

    def run(timed: Stopwatch) -> None:
        import datetime as dt

        from evalkit.conclude import Premises, conclude
        from evalkit.gate import Champion
        from evalkit.policy import policy_from_text

        text = "schema: evalkit/policy/v1\ncriteria:\n  - {id: kept, metric: accuracy.retention, at_least: 0.97}\n"
        premises = Premises(
            models={"teacher": {}, "student": {}},
            policy=policy_from_text(text, "bench"),
            champion=Champion(),
            seed=0,
            now=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        )
        conclude([columns(200, probabilities=True, slices=True)], premises)
        stored = columns(n, probabilities=True, slices=True)
        with timed("stored pairs to verdict"):
            found = conclude([stored], premises)
        assert found.verdict.word in ("pass", "fail", "inconclusive")

    return run


CASES = {
    "binary-100k": Case("100,000 pairs, right or wrong", metrics(100_000, probabilities=False)),
    "binary-1m": Case("1,000,000 pairs, right or wrong", metrics(1_000_000, probabilities=False)),
    "all-100k": Case("100,000 pairs with probabilities", metrics(100_000, probabilities=True)),
    "all-1m": Case("1,000,000 pairs with probabilities", metrics(1_000_000, probabilities=True)),
    "verdict-100k": Case("100,000 pairs with probabilities, 12 slices", conclusion(100_000)),
}
