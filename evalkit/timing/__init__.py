"""The timing protocol: both models, the same prompts, one at a time, in turns.

Scoring runs in batches, so its times say nothing of what one request waits for. Here every prompt is asked
alone, teacher and student in shuffled order side by side, so that a machine that slows down slows both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import median

from evalkit.backends import Backend
from evalkit.plan import LatencySpec
from evalkit.streams import stream
from evalkit.types import ERRORED, Request, Role

WARM_UPS = 3
# seconds by role and example id
Times = dict[Role, dict[str, float]]


def time_models(
    backends: Mapping[Role, Backend],
    requests: Sequence[Request],
    spec: LatencySpec,
    seed: int,
    clock: Callable[[], float],
    progress: Callable[[int, int], None],
) -> Times:
    """Median seconds per prompt over the repeats, for a seeded sample of the requests.

    A prompt that failed for a role has no time for it.
    """
    rng = stream(seed, "timing", requests[0].suite if requests else "")
    count = min(spec.prompts, len(requests))
    sample = [requests[index] for index in sorted(rng.choice(len(requests), size=count, replace=False))]
    for request in sample[:WARM_UPS]:
        for each in backends.values():
            each.run([request])
    seen: dict[Role, dict[str, list[float]]] = {role: {} for role in backends}
    rounds = [(turn, request) for turn in range(spec.repeats) for request in sample]
    for done, (_, request) in enumerate(rounds, start=1):
        roles = list(backends)
        rng.shuffle(roles)
        for role in roles:
            began = clock()
            output = backends[role].run([request])[0]
            took = clock() - began
            if output.status not in ERRORED:
                seen[role].setdefault(request.example_id, []).append(took)
        progress(done, len(rounds))
    return {role: {name: median(times) for name, times in by_id.items()} for role, by_id in seen.items()}
