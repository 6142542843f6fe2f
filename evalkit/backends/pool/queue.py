"""Which batches wait, which are being answered, and how often each was lost. It knows nothing of workers or of Ray."""

from __future__ import annotations

import heapq
from collections import Counter


class Queue:
    """Batches 0 … count − 1. Each goes out until it is finished, and is finished once."""

    def __init__(self, count: int) -> None:
        self._waiting = list(range(count))
        self._out: set[int] = set()
        self.losses: Counter[int] = Counter()

    def __len__(self) -> int:
        """How many are not finished."""
        return len(self._waiting) + len(self._out)

    def take(self) -> int | None:
        """The lowest number that waits, which is out from now on; None when none waits.

        A backend puts its longest batches first. A lost one is at the front again, so that it is not the last.
        """
        if not self._waiting:
            return None
        number = heapq.heappop(self._waiting)
        self._out.add(number)
        return number

    def finish(self, number: int) -> None:
        """It was answered. Raises KeyError for one that is not out."""
        self._out.remove(number)

    def lose(self, number: int) -> int:
        """It waits again; returns how often it has been lost. Raises KeyError for one that is not out."""
        self._out.remove(number)
        heapq.heappush(self._waiting, number)
        self.losses[number] += 1
        return self.losses[number]
