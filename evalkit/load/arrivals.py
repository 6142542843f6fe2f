"""When requests are due: fixed before the first is sent, so that no slow answer can put one off."""

from __future__ import annotations

from typing import Literal

import numpy as np

Arrivals = Literal["poisson", "constant"]


def due(rate: float, seconds: float, how: Arrivals, rng: np.random.Generator) -> list[float]:
    """Seconds from the beginning, rising, in [0, seconds).

    Poisson: independent users, gaps drawn from an exponential distribution; how many come is itself by chance, with
    the mean rate × seconds. Constant: one every 1 / rate seconds from the beginning on; nothing is drawn.
    """
    if how == "constant":
        times = np.arange(int(np.ceil(rate * seconds)) + 1) / rate
        return [float(each) for each in times if each < seconds]
    found: list[float] = []
    now = 0.0
    while True:
        for gap in rng.exponential(1.0 / rate, size=256):
            now += float(gap)
            if now >= seconds:
                return found
            found.append(now)
