"""The backend that sends batches to workers. Everything else is asked of the backend that it wraps, in this process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evalkit.backends import Backend
from evalkit.backends.pool.cluster import Cluster, Need, cores, first_words
from evalkit.backends.pool.likeness import difference
from evalkit.backends.pool.queue import Queue
from evalkit.backends.pool.worker import Answered, Started
from evalkit.backends.reading import Reader
from evalkit.errors import BrokenError, Complaint
from evalkit.machine import hardware, versions
from evalkit.specs import FakeSpec, ModelSpec, TransformersSpec
from evalkit.types import ModelFacts, Output, Request, Role, Suite, Task

# Batches that one worker has at a time: one to answer, one to go on with while the answers are fetched.
IN_FLIGHT = 2
# So often may a batch be lost together with its worker: what comes next time is no accident.
LOSSES = 3
# Seconds that the first worker of a pool may take to start.
PATIENCE_S = 300.0
# Counted once for each input, when this process makes the batches. A worker counts those of its own batches again.
COUNTED_HERE = ("cut_inputs",)


def can_be_pooled(spec: ModelSpec) -> bool:
    """Whether workers may hold this model: one that runs here, on one device."""
    return isinstance(spec, FakeSpec) or (isinstance(spec, TransformersSpec) and spec.device_map is None)


class Hand:
    """A worker as the pool sees it: `starting` until it has said who it is; `load` counts the batches it has."""

    def __init__(self, handle: Any) -> None:
        self.handle = handle
        self.starting: Any = handle.start.remote()
        # None until it has started.
        self.node: str | None = None
        self.pid: int | None = None
        self.load = 0


class Pool(Backend):
    """Workers of one model over a cluster. What is timed (`run`) runs in this process, after all workers are gone:
    what a request takes through a queue on a shared machine is not what the model takes."""

    def __init__(self, inner: Backend, spec: TransformersSpec | FakeSpec, role: Role, cluster: Cluster) -> None:
        self.inner, self.spec, self.role, self.cluster = inner, spec, role, cluster
        self.facts: ModelFacts | None = None
        self.hands: list[Hand] = []
        self.counted: Counter[str] = Counter()
        # Workers that died, in all and since the last answer; where workers ran, on which processors.
        self.lost = self.fruitless = 0
        self.nodes: set[str] = set()
        self.processors: set[str] = set()

    # --- asked here --------------------------------------------------------------------------------

    def check(self, suites: Sequence[Suite]) -> list[Complaint]:
        return self.inner.check(suites)

    def identify(self) -> ModelFacts:
        self.facts = self.inner.identify()
        return self.facts

    def batches(self, requests: Sequence[Request]) -> list[list[int]]:
        return self.inner.batches(requests)

    def run(self, requests: Sequence[Request]) -> list[Output]:
        if self.cluster.ray is not None:
            self.cluster.close()
        return self.inner.run(requests)

    def earlier_run(self) -> Mapping[str, Any] | None:
        return self.inner.earlier_run()

    def answers_with(self) -> Task:
        return self.inner.answers_with()

    def stays_beside(self, others: Sequence[ModelFacts]) -> bool:
        """No: what is timed is loaded in this process, and the workers are many."""
        return False

    def batch_shape_matters(self, requests: Sequence[Request]) -> bool:
        return self.inner.batch_shape_matters(requests)

    def reader(self) -> Reader | str:
        """In this process: what is compared with the teacher, token by token, must lie beside it."""
        self._dismiss()
        return self.inner.reader()

    def weights_in_memory(self) -> int | None:
        return self.inner.weights_in_memory()

    def loaded_bytes(self) -> int | None:
        """Weighed in this process, which then gives the model back: workers have copies of their own."""
        try:
            return self.inner.loaded_bytes()
        finally:
            self.inner.close()

    def close(self) -> None:
        self._dismiss()
        self.inner.close()

    def counts(self) -> Mapping[str, int]:
        """Those of this process and of all workers together, and how many workers died."""
        total = Counter(self.inner.counts())
        total.update({name: count for name, count in self.counted.items() if name not in COUNTED_HERE})
        return {**total, "workers_lost": self.lost}

    def notes(self, suites: Sequence[Suite]) -> list[str]:
        said = self.inner.notes(suites)
        if others := sorted(self.processors - {self._processor()}):
            said = [
                *said,
                f"workers of the {self.role} ran on processors other than this machine's ({', '.join(others)}): "
                "rounding may differ in the last digits",
            ]
        return said

    # --- asked of workers --------------------------------------------------------------------------

    def run_each(self, batches: Sequence[Sequence[Request]]) -> Iterator[tuple[int, list[Output]]]:
        """Each batch once, as workers answer. A batch whose worker died is asked again; one that was answered is not.

        Raises BrokenError when Ray cannot be had, when a worker is not the model that was identified here, when a
        batch was lost with its worker three times, or when workers die one after the other without an answer.
        """
        if not batches:
            return
        if self._device() not in ("cpu", "cuda"):
            yield from self.inner.run_each(batches)
            return
        try:
            yield from self._work(batches, Queue(len(batches)))
        except BaseException:
            # What they are still at is nobody's any more, and must not come before what is asked next.
            self._dismiss()
            raise

    def _work(self, batches: Sequence[Sequence[Request]], queue: Queue) -> Iterator[tuple[int, list[Output]]]:
        ray = self.cluster.open(self._need())
        places = self._places()
        # Those of a Ray that was stopped since went with it.
        self.hands = [each for each in self.hands if each.handle in self.cluster.hired]
        flight: dict[Any, tuple[Hand, int]] = {}
        while len(queue):
            while len(self.hands) < min(places, len(queue)):
                self._hire()
            # Everybody gets a first batch before anybody gets a second.
            for load in range(IN_FLIGHT):
                for hand in self.hands:
                    if hand.starting is None and hand.load == load and (number := queue.take()) is not None:
                        hand.load += 1
                        flight[hand.handle.answer.remote(batches[number])] = (hand, number)
            starting = {hand.starting: hand for hand in self.hands if hand.starting is not None}
            done, _ = ray.wait([*flight, *starting], num_returns=1, timeout=None if flight else PATIENCE_S)
            if not done:
                raise BrokenError(
                    f"no worker of the {self.role} could start within {PATIENCE_S:.0f} seconds: one takes "
                    f"{self._need().cpus} cores and {self._need().gpus} GPUs of a node, and none are free"
                )
            (ref,) = done
            hand, number = flight.pop(ref) if ref in flight else (starting[ref], None)
            try:
                said = ray.get(ref)
            except ray.exceptions.RayTaskError as error:
                # A fault in the backend itself: it is told as it would be without Ray.
                raise getattr(error, "cause", error) from error
            except ray.exceptions.RayError as error:
                self._part(hand)
                if number is not None and queue.lose(number) >= LOSSES:
                    first = batches[number][0].example_id
                    raise BrokenError(
                        f"a batch of {len(batches[number])} requests to the {self.role}, from {first} on, was lost "
                        f"{LOSSES} times, each time with its worker: {first_words(error)}"
                    ) from error
                # A node takes all of its workers along at once.
                if self.fruitless >= max(LOSSES, places + 1):
                    where = f" on node {hand.node}" if hand.node else ""
                    raise BrokenError(
                        f"{self.fruitless} workers of the {self.role} died one after the other, without an answer in "
                        f"between; the last{where}: {first_words(error)}"
                    ) from error
                places = self._places()
                continue
            if number is None:
                self._admit(hand, said)
                continue
            hand.load -= 1
            queue.finish(number)
            yield number, self._outputs(said)

    def _outputs(self, said: Answered) -> list[Output]:
        if said.broken is not None:
            raise BrokenError(said.broken)
        self.fruitless = 0
        self.counted.update(said.counts)
        return said.outputs

    # --- workers -----------------------------------------------------------------------------------

    def _hire(self) -> None:
        self.hands.append(Hand(self.cluster.hire(self._need(), self._made_of(), self.role, self._threads())))

    def _admit(self, hand: Hand, said: Started) -> None:
        """Let a worker that has started take batches. Raises BrokenError when it is another model than here."""
        hand.starting = None
        hand.node, hand.pid = said.node, said.pid
        if why := difference(said, self._facts(), versions()):
            raise BrokenError(f"a worker on node {said.node} cannot stand in for the {self.role} here: {why}")
        self.nodes.add(said.node)
        self.processors.add(said.processor)

    def _part(self, hand: Hand) -> None:
        """Take leave of a worker that died. Its other batches come back as errors of their own, or as answers."""
        if hand in self.hands:
            self.hands.remove(hand)
            self.cluster.dismiss(hand.handle)
            self.lost += 1
            self.fruitless += 1

    def _dismiss(self) -> None:
        for hand in self.hands:
            self.cluster.dismiss(hand.handle)
        self.hands = []

    def _places(self) -> int:
        """How many workers there are to be. Raises BrokenError when the cluster has no room for them."""
        need, wanted = self._need(), self.cluster.workers
        room = self.cluster.places(need)
        if self.cluster.address == "local" and not need.gpus:
            return wanted or max(1, cores() // max(need.cpus, 1))
        # After a loss there may be less room than there was; that many is enough.
        if room < (wanted or 1) and not self.lost:
            each = f"{need.gpus} GPU" if need.gpus else f"{need.cpus} cores (the threads of PyTorch here)"
            raise BrokenError(
                f"the cluster has room for {room} workers of {each}, and the run wants {wanted or 1}: "
                "set OMP_NUM_THREADS lower, or ask for fewer with --ray-workers"
            )
        return max(1, min(room, wanted or room))

    # --- what a worker is to be --------------------------------------------------------------------

    def _facts(self) -> ModelFacts:
        return self.facts if self.facts is not None else self.identify()

    def _device(self) -> str:
        """The kind of device that this process would use; a stand-in uses the processor."""
        return (self._facts().device or "cpu").split(":")[0]

    def _need(self) -> Need:
        return Need(cpus=1, gpus=1) if self._device() == "cuda" else Need(cpus=self._threads() or 1, gpus=0)

    def _threads(self) -> int | None:
        if isinstance(self.spec, FakeSpec):
            return None
        import torch

        return int(torch.get_num_threads())

    def _made_of(self) -> TransformersSpec | Backend:
        """The spec with everything that a node might decide for itself decided as here; a stand-in as it is."""
        if isinstance(self.spec, FakeSpec):
            return self.inner
        facts = self._facts()
        # A worker sees one GPU, whatever its number. A hub id without a revision may move.
        return self.spec.model_copy(
            update={"device": self._device(), "dtype": facts.dtype, "revision": facts.revision or self.spec.revision}
        )

    def _processor(self) -> str:
        machine = hardware()
        return str(machine["gpu"] if self._device() == "cuda" else machine["cpu"])
