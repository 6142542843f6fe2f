"""Randomness by name: every draw comes from a stream of the run's seed that its purpose names.

Adding a metric, a slice or a suite therefore moves no other number's interval.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def stream(seed: int, *names: str) -> np.random.Generator:
    """The generator called `names` of this seed: always the same, and unrelated to any other name's."""
    import numpy as np

    # The length of each name is part of the text: ("ab", "c") and ("a", "bc") are different streams.
    text = str(seed) + "".join(f"|{len(name)}:{name}" for name in names)
    return np.random.default_rng(
        int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16], "big")
    )
