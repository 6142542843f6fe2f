"""The one shape in which every interval of this room comes back."""

from __future__ import annotations

from typing import NamedTuple


class Interval(NamedTuple):
    """Two ends with low <= high, in the unit of the estimate they belong to; an end may be infinite, never NaN."""

    low: float
    high: float
