"""What is timed of the cache and of pairs.parquet: a million outputs and pairs, written and read.

`CASES` are ready for the table of cases: `collecting` through the cache in batches of a size, cold and warm, beside the
same batches without it; `storing` one run's pairs.
"""

from __future__ import annotations

import hashlib
import random
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from evalkit.backends import Backend
from evalkit.errors import Complaint
from evalkit.types import ModelFacts, Output, Request, Suite
from scripts.benching.cases import Case, Stopwatch
from scripts.benching.pairs import columns

CHOICES = ("a", "b", "c", "d")
_FACTS = ModelFacts(name="bench", backend="bench", digest="sha256:bench", live=True, settings={"dtype": "float32"})


class Ready(Backend):
    """Has every answer at hand, so that what is timed is not the answering."""

    def __init__(self, outputs: Sequence[Output], size: int) -> None:
        self.outputs, self.size = outputs, size

    def check(self, suites: Sequence[Suite]) -> list[Complaint]:
        return []

    def identify(self) -> ModelFacts:
        return _FACTS

    def batches(self, requests: Sequence[Request]) -> list[list[int]]:
        n = len(requests)
        return [list(range(start, min(start + self.size, n))) for start in range(0, n, self.size)]

    def run(self, requests: Sequence[Request]) -> list[Output]:
        first = int(requests[0].example_id)
        return list(self.outputs[first : first + len(requests)])

    def close(self) -> None:
        """Nothing was taken."""


def collecting(n: int, size: int) -> Callable[[Stopwatch], None]:
    """`n` outputs with four probabilities each, asked in batches of `size`."""

    def run(timed: Stopwatch) -> None:
        from evalkit.collect import collect

        requests, outputs = _requests(n), _outputs(n)
        backend = Ready(outputs, size)
        with tempfile.TemporaryDirectory() as folder:
            # What a first call imports is not what a batch costs.
            collect(Ready(outputs, 8), _FACTS, requests[:16], Path(folder, "small"), _unheard)
            cache = Path(folder, "cache")
            with timed("without a cache"):
                for batch in backend.batches(requests):
                    backend.run([requests[index] for index in batch])
            with timed("asked and kept"):
                collect(backend, _FACTS, requests, cache, _unheard)
            with timed("served"):
                served = collect(backend, _FACTS, requests, cache, _unheard)
        assert served.from_cache == served.batches
        assert served.outputs == tuple(outputs)

    return run


def storing(n: int) -> Callable[[Stopwatch], None]:
    """`n` pairs of a classify suite with probabilities and slices, as a run stores and reads them."""

    def run(timed: Stopwatch) -> None:
        from evalkit.records import suite_record
        from evalkit.store import finish, read_run, write_records
        from evalkit.types import Verdict

        verdict = Verdict(word="ungated", reasons=("a bench",))
        with tempfile.TemporaryDirectory() as folder:
            for name, count in (("small", 200), ("whole", n)):
                stored = columns(count, probabilities=True, slices=True)
                out = Path(folder, name)
                watch = timed if count == n else Stopwatch()
                with watch("pairs written"):
                    digests = write_records(out, verdict, (), (), [stored])
                finish(out, {"suites": [suite_record(stored.facts, count, count)], "records": digests})
                with watch("pairs read"):
                    read = read_run(out)
            assert read.columns == (stored,)

    return run


def _requests(n: int) -> list[Request]:
    return [
        Request(
            key=f"sha256:{hashlib.sha256(str(index).encode()).hexdigest()}",
            suite="bench",
            example_id=str(index),
            task="classify",
            prompt="text",
            choices=CHOICES,
            generation={},
        )
        for index in range(n)
    ]


def _outputs(n: int) -> list[Output]:
    rng = random.Random(0)
    found = []
    for index in range(n):
        weights = [rng.random() for _ in CHOICES]
        whole = sum(weights)
        probs = tuple(each / whole for each in weights)
        label = CHOICES[probs.index(max(probs))]
        found.append(Output(example_id=str(index), status="ok", label=label, probs=probs, tokens_in=rng.randint(5, 60)))
    return found


def _unheard(done: int, total: int) -> None:
    """Nobody is watching."""


CASES = {
    "collect-32-1m": Case("1,000,000 outputs through the cache, batches of 32", collecting(1_000_000, 32)),
    "collect-512-1m": Case("1,000,000 outputs through the cache, batches of 512", collecting(1_000_000, 512)),
    "pairs-1m": Case("1,000,000 pairs to pairs.parquet and back", storing(1_000_000)),
}
