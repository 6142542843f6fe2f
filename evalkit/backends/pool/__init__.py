"""Several workers in place of one model: a pool over actors of Ray, each with a model of its own.

`backend.py` is the way in: a backend that sends batches to workers and takes the rest from the backend that it wraps.
`cluster.py` starts Ray or joins it, `worker.py` is what an actor does, `likeness.py` holds a worker against this
machine, and `queue.py` keeps the account of batches. docs/scale-out.md says how to use it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from evalkit.backends import Backend
from evalkit.backends.pool.backend import Pool, can_be_pooled
from evalkit.backends.pool.cluster import Cluster, complaints
from evalkit.errors import UsageError
from evalkit.specs import FakeSpec, ModelSpec, TransformersSpec
from evalkit.types import Role

Pooled = Callable[[Backend, ModelSpec, Role], Backend]


@contextmanager
def on_ray(address: str, workers: int | None) -> Iterator[Pooled]:
    """What makes a pool of a checked backend, where workers may hold its model, and else leaves it alone.

    `address` is `local` to start Ray here; `workers` None means as many as there is room for. Ray is started or joined
    with the first batch, and left at the end. Raises UsageError for an address that is none, and where there is no Ray.
    """
    if found := complaints(address):
        raise UsageError(found)
    cluster = Cluster(address, workers)

    def pooled(inner: Backend, spec: ModelSpec, role: Role) -> Backend:
        if isinstance(spec, TransformersSpec | FakeSpec) and can_be_pooled(spec):
            return Pool(inner, spec, role, cluster)
        return inner

    try:
        yield pooled
    finally:
        cluster.close()


__all__ = ["Cluster", "Pool", "Pooled", "on_ray"]
