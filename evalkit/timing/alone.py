"""One request at a time, the models in turns: what a user waits for.

Each prompt is asked twice over: as it is, and with an answer of a given length. A student that is faster only
because it says less is no faster at the second.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median

import numpy as np

from evalkit.backends import Backend
from evalkit.files import digest_value
from evalkit.stats.per_token import time_per_token
from evalkit.types import ERRORED, Output, Request, Role

# Column of the pairs (without its role) → example id → seconds.
Times = dict[str, dict[str, float]]
COLUMNS = ("latency_s", "ttft_s", "tpot_s", "fixed_latency_s")


@dataclass(frozen=True, kw_only=True)
class Alone:
    """Medians over the repeats. `fixed_problem` says of a model why no answer of the given length was timed."""

    times: dict[Role, Times]
    fixed_problem: dict[Role, str]


@dataclass
class _Notes:
    """What one model's turns took, all of them, and the first failure to keep to a length."""

    seconds: dict[str, dict[str, list[float]]] = field(default_factory=lambda: {name: {} for name in COLUMNS})
    problem: str | None = None

    def take(self, column: str, example: str, seconds: float | None) -> None:
        if seconds is not None:
            self.seconds[column].setdefault(example, []).append(seconds)

    def natural(self, output: Output, took: float) -> None:
        """An answer that failed has no time: how fast a model gives up is not how fast it answers."""
        if output.status in ERRORED:
            return
        whole = took if output.latency_s is None else output.latency_s
        self.take("latency_s", output.example_id, took)
        self.take("ttft_s", output.example_id, output.ttft_s)
        # Both ends of it on one clock: the backend's own, where it keeps one.
        self.take("tpot_s", output.example_id, time_per_token(whole, output.ttft_s, output.tokens_out))

    def fixed(self, output: Output, took: float, budget: int) -> None:
        if output.status in ERRORED:
            self.problem = self.problem or output.error or output.status
        elif output.tokens_out is not None and output.tokens_out != budget:
            self.problem = self.problem or f"it wrote {output.tokens_out} tokens where {budget} were asked for"
        else:
            self.take("fixed_latency_s", output.example_id, took)


def one_by_one(
    backends: Mapping[Role, Backend],
    sample: Sequence[Request],
    budget: int | None,
    repeats: int,
    rng: np.random.Generator,
    clock: Callable[[], float],
    progress: Callable[[int, int], None],
) -> Alone:
    """Seconds per prompt, median over the repeats; with a `budget` also those of an answer of so many tokens.

    A backend copies its answer to the host before it returns, so the clock stops when the work is done.
    """
    notes = {role: _Notes() for role in backends}
    turns = [request for _ in range(repeats) for request in sample]
    for done, request in enumerate(turns, start=1):
        for role, output, took in _in_turns(backends, request, rng, clock):
            notes[role].natural(output, took)
        if budget is not None:
            for role, output, took in _in_turns(backends, held(request, budget), rng, clock):
                notes[role].fixed(output, took, budget)
        progress(done, len(turns))
    times = {role: {column: _medians(each.seconds[column]) for column in COLUMNS} for role, each in notes.items()}
    problems = {
        role: each.problem for role, each in notes.items() if each.problem and not times[role]["fixed_latency_s"]
    }
    return Alone(times=times, fixed_problem=problems)


def held(request: Request, tokens: int) -> Request:
    """The same question with an answer of exactly so many tokens: nothing may end it sooner."""
    generation = {**request.generation, "max_new_tokens": tokens, "min_new_tokens": tokens, "stop": ()}
    return replace(request, generation=generation, key=digest_value([request.key, tokens]))


def _in_turns(
    backends: Mapping[Role, Backend], request: Request, rng: np.random.Generator, clock: Callable[[], float]
) -> list[tuple[Role, Output, float]]:
    roles = list(backends)
    rng.shuffle(roles)
    found = []
    for role in roles:
        began = clock()
        output = backends[role].run([request])[0]
        found.append((role, output, clock() - began))
    return found


def _medians(seconds: Mapping[str, Sequence[float]]) -> dict[str, float]:
    return {example: median(each) for example, each in seconds.items()}
