"""How long to wait before asking again: exponential with full jitter, or as long as the server says.

Full jitter (a uniform draw from nothing up to the bound) spreads the requests that one hiccup hit together; see
"Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

FIRST_S = 0.5
LONGEST_S = 30.0
# A server may ask for more patience than that, up to here; then it is asked anyway.
LONGEST_WISH_S = 120.0


def pause_s(failures: int, wish_s: float | None, rng: random.Random) -> float:
    """Seconds to wait after so many failed attempts (1, 2, …). Never less than a wish of up to 120 s, nor more than
    that and the jitter together."""
    bound = min(LONGEST_S, FIRST_S * 2.0 ** min(failures - 1, 30))
    return min(max(wish_s or 0.0, 0.0), LONGEST_WISH_S) + rng.uniform(0.0, bound)


def wish_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """What `Retry-After` (seconds or a date) or `retry-after-ms` asks for, in seconds; None where neither is sense."""
    if (milliseconds := _number(headers.get("retry-after-ms"))) is not None:
        return milliseconds / 1000
    written = headers.get("retry-after")
    if (seconds := _number(written)) is not None or written is None:
        return seconds
    try:
        until = parsedate_to_datetime(written)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return max(0.0, ((until if until.tzinfo else until.replace(tzinfo=UTC)) - now).total_seconds())


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None
