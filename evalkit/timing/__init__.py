"""The timing protocol: what each model costs per request, measured apart from scoring.

    warm up → one at a time, in turns → in batches, in turns → memory → operations

Scoring runs in batches, so its times say nothing of what one request waits for. Here a seeded sample of each
suite's prompts is asked again. Whatever is measured with a clock is measured for all models side by side, in
shuffled order, so that a machine that slows down slows all of them.

`Timing.record` is plain JSON, for the manifest; metrics are derived from it and from the pairs alone:

    {"examples": in the suite, "prompts": in the sample, "repeats", "fixed_tokens": int or null,
     "roles": {role: {
        "warm_up": {"rounds", "stable"},
        "fixed_problem": why an answer of a given length could not be had, or null,
        "passes": [{"requests": answered, "tokens": written or null, "seconds"}],
        "memory": {"peak": bytes, "before": bytes, "how": "allocator" | "process"} or {"undefined": why},
        "flops": {"by_id": {example id: operations}} or {"undefined": why}}}}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evalkit.backends import Backend
from evalkit.plan import LatencySpec
from evalkit.specs import ModelSpec
from evalkit.streams import stream
from evalkit.timing import flops, memory
from evalkit.timing.alone import Times, one_by_one
from evalkit.timing.batched import in_batches, passes
from evalkit.timing.warm_up import warm_up
from evalkit.types import WRITING, ModelFacts, Request, Role

# (what is being done, done, in all)
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True)
class TimedModel:
    """A model that answers here: how to ask it, what the plan says of it, and what it turned out to be."""

    backend: Backend
    spec: ModelSpec
    facts: ModelFacts


@dataclass(frozen=True, kw_only=True)
class Timing:
    """One suite's findings: seconds by role, column of the pairs and example id; and `record` (see above)."""

    times: Mapping[Role, Times]
    record: Mapping[str, Any]


def time_models(
    models: Mapping[Role, TimedModel],
    requests: Mapping[str, Sequence[Request]],
    spec: LatencySpec,
    seed: int,
    clock: Callable[[], float],
    progress: Progress,
) -> dict[str, Timing]:
    """What each model costs on each suite that has requests. The models are closed when it returns.

    Raises BrokenError when a model cannot run at all; a prompt that fails has no time, and a quantity that
    cannot be measured here has a reason instead.
    """
    samples = {suite: _sample(suite, asked, spec, seed) for suite, asked in requests.items() if asked}
    found = {
        suite: _time_suite(models, sample, len(requests[suite]), spec, seed, clock, progress)
        for suite, sample in samples.items()
    }
    for each in models.values():
        each.backend.close()
    # Only now: a process that loads a model once more needs the room that they took.
    for suite, sample in samples.items():
        for done, (role, model) in enumerate(models.items(), start=1):
            said = found[suite].record["roles"][role]
            if said["memory"] is None:
                said["memory"] = memory.in_a_process(role, model.spec, model.facts, sample)
                progress(f"memory {suite}", done, len(models))
    return found


def _sample(suite: str, requests: Sequence[Request], spec: LatencySpec, seed: int) -> list[Request]:
    chosen = stream(seed, "timing", suite).choice(len(requests), size=min(spec.prompts, len(requests)), replace=False)
    return [requests[index] for index in sorted(chosen)]


def _time_suite(
    models: Mapping[Role, TimedModel],
    sample: Sequence[Request],
    examples: int,
    spec: LatencySpec,
    seed: int,
    clock: Callable[[], float],
    progress: Progress,
) -> Timing:
    suite = sample[0].suite
    backends = {role: each.backend for role, each in models.items()}
    budget = _budget(sample[0], spec)
    warm = {role: warm_up(each, sample, clock) for role, each in backends.items()}
    alone = one_by_one(
        backends,
        sample,
        budget,
        spec.repeats,
        stream(seed, "timing order", suite),
        clock,
        lambda done, total: progress(f"timing {suite}", done, total),
    )
    batches = {role: in_batches(each, sample) for role, each in backends.items()}
    # Shapes that were not seen yet are warmed up as well; on an accelerator that pass tells the memory.
    used = {role: memory.of_a_pass(each.backend, each.spec, each.facts, batches[role]) for role, each in models.items()}
    runs = passes(
        backends,
        batches,
        spec.repeats,
        stream(seed, "throughput order", suite),
        clock,
        lambda done, total: progress(f"throughput {suite}", done, total),
    )
    counted = flops.chosen(sample, stream(seed, "flops", suite))
    roles = {
        role: {
            "warm_up": {"rounds": warm[role].rounds, "stable": warm[role].stable},
            "fixed_problem": alone.fixed_problem.get(role),
            "passes": runs[role],
            "memory": used[role],
            "flops": flops.count(each.backend, each.spec, counted, each.facts.quantization),
        }
        for role, each in models.items()
    }
    record = {
        "examples": examples,
        "prompts": len(sample),
        "repeats": spec.repeats,
        "fixed_tokens": budget,
        "roles": roles,
    }
    return Timing(times=alone.times, record=record)


def _budget(request: Request, spec: LatencySpec) -> int | None:
    """How many tokens every model writes when none may be faster by saying less; None where none are written."""
    if request.task not in WRITING:
        return None
    return min(int(request.generation.get("max_new_tokens", spec.fixed_tokens)), spec.fixed_tokens)
