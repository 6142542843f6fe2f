"""What one more token takes."""

from __future__ import annotations


def time_per_token(whole: float | None, first: float | None, tokens: int | None) -> float | None:
    """Seconds per token after the first: (whole - first) / (tokens - 1), from the seconds until the end and until the
    first token. None for fewer than two tokens, for a time that is missing, and where the end precedes the first token.
    Source: the TPOT of vLLM's serving benchmark.
    """
    if whole is None or first is None or tokens is None or tokens < 2 or whole < first:
        return None
    return (whole - first) / (tokens - 1)
