"""Ray: started here or joined, quiet, and left as it was found."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from evalkit.backends.pool.worker import Worker
from evalkit.errors import BrokenError, Complaint, Place
from evalkit.types import Role

ADDRESS = re.compile(r"auto|local|([^\s:/\[\]]+|\[[0-9a-fA-F:.]+\]):\d+")
# What Ray may keep of messages under way. Requests and outputs are texts.
STORE_BYTES = 128 * 2**20
# Ray reads these when it is imported or started. Without the second it looks for a head that does not answer for a
# quarter of an hour; without the last its own remarks go to stdout, where a verdict may be.
SETTINGS = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_NUM_REDIS_GET_RETRIES": "2", "RAY_DEDUP_LOGS_SKIP_REGEX": "."}
# Seconds for a head to take a connection.
PATIENCE_S = 10.0
# Ray takes these for the address by which other nodes reach this one.
HERE = ("localhost", "127.0.0.1", "::1")
# Names of sockets have an end: a folder for temporary files that is deeper than this is not used.
LONGEST_FOLDER = 30


def complaints(address: str) -> list[Complaint]:
    """What is wrong with the options, found without starting anything."""
    place = Place(file="command line", key="--ray")
    if find_spec("ray") is None:
        return [
            Complaint(
                problem="--ray needs the package ray, which is not installed",
                remedy="pip install 'evalkit[ray]'",
                place=place,
            )
        ]
    if address.startswith("ray://"):
        return [
            Complaint(
                problem=f"{address} is an address for clients outside of a cluster",
                remedy="run evalkit on a node of the cluster, with --ray=auto or --ray=HOST:PORT",
                place=place,
            )
        ]
    if not ADDRESS.fullmatch(address):
        return [
            Complaint(
                problem=f'"{address}" is no address of a Ray cluster',
                remedy="write --ray=HOST:PORT, --ray=auto, or --ray as the last word to start Ray here",
                place=place,
            )
        ]
    return []


@dataclass(frozen=True, kw_only=True)
class Need:
    """What one worker takes of a node: cores, which are its threads, and GPUs."""

    cpus: int
    gpus: int


class Cluster:
    """Where workers run. One serves all pools of a run; nothing is started before the first worker is needed."""

    def __init__(self, address: str, workers: int | None) -> None:
        """`workers` for each pool; None: as many as there is room for."""
        self.address, self.workers = address, workers
        # The package, once Ray is there; whether it was this object that connected to it, and the folder of a Ray
        # that was started here.
        self.ray: Any = None
        self.connected = False
        self.folder: str | None = None
        self.hired: list[Any] = []

    def open(self, need: Need) -> Any:
        """The package `ray`, connected. Raises BrokenError when Ray cannot be started or joined."""
        if self.ray is not None:
            return self.ray
        for name, value in SETTINGS.items():
            os.environ.setdefault(name, value)
        import ray

        if not ray.is_initialized():
            self._connect(ray, need)
        self.ray = ray
        return ray

    def places(self, need: Need) -> int:
        """How many workers the living nodes have room for, other people's work left aside. After `open`."""
        found = 0
        for node in self.ray.nodes():
            has = node["Resources"] if node["Alive"] else {}
            rooms = [int(has.get("CPU", 0)) // need.cpus] if need.cpus else []
            rooms += [int(has.get("GPU", 0)) // need.gpus] if need.gpus else []
            found += min(rooms)
        return found

    def hire(self, need: Need, made_of: Any, role: Role, threads: int | None) -> Any:
        """A handle on a new actor, a `Worker` of the same arguments, which starts when there is room. It is not
        restarted when it dies: whoever asked it must know."""
        actor = self.ray.remote(Worker).options(
            num_cpus=need.cpus,
            num_gpus=need.gpus,
            max_restarts=0,
            max_task_retries=0,
            scheduling_strategy="SPREAD",
        )
        handle = actor.remote(made_of, role, threads)
        self.hired.append(handle)
        return handle

    def dismiss(self, handle: Any) -> None:
        """End a worker, whatever it is doing: what it holds of a node is free. Not an error for one that is dead."""
        if handle in self.hired:
            self.hired.remove(handle)
            # A cluster that is gone has no workers.
            with contextlib.suppress(self.ray.exceptions.RayError, RuntimeError, ValueError):
                self.ray.kill(handle, no_restart=True)

    def close(self) -> None:
        """End all workers; stop the Ray that was started here, or leave the cluster that was joined."""
        for handle in list(self.hired):
            self.dismiss(handle)
        if self.connected:
            self.connected = False
            self.ray.shutdown()
        self.ray = None
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = None

    # --- connecting --------------------------------------------------------------------------------

    def _connect(self, ray: Any, need: Need) -> None:
        starts = self.address == "local"
        own: dict[str, Any] = {}
        if starts:
            self.folder = tempfile.mkdtemp(prefix="evalkit-ray-", dir=_short_folder())
            own = {
                # Counted in threads, and not checked against the machine: a count of workers is the user's to choose.
                "num_cpus": max(cores(), (self.workers or 1) * max(need.cpus, 1)),
                "object_store_memory": STORE_BYTES,
                "include_dashboard": False,
                # Whoever reaches its ports can run what he likes, so only this machine does.
                "_node_ip_address": "127.0.0.1",
                "_temp_dir": self.folder,
            }
        try:
            if not starts and self.address != "auto":
                _knock(ray, self.address)
            ray.init(address=self.address, log_to_driver=False, logging_level="ERROR", **own)
        except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
            self.connected = bool(ray.is_initialized())
            self.ray = ray
            self.close()
            what = "Ray cannot be started here" if starts else f"no Ray cluster at {self.address} can be joined"
            raise BrokenError(f"{what}: {first_words(error)}") from error
        self.connected = True


def _knock(ray: Any, address: str) -> None:
    """Raises OSError where nobody takes a connection."""
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    socket.create_connection((ray.util.get_node_ip_address() if host in HERE else host, int(port)), PATIENCE_S).close()


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def first_words(error: Exception) -> str:
    """What an exception of Ray says, without its list of possible causes: those are in Ray's own log."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    why = next((line for line in lines if line.startswith("The actor is dead because")), lines[0])
    return re.split(r" Some common causes| To troubleshoot", why)[0][:300]


def _short_folder() -> str | None:
    """Where temporary files go; /tmp where that has a long name."""
    return None if len(tempfile.gettempdir()) <= LONGEST_FOLDER else "/tmp"
