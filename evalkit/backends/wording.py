"""Texts as they can be passed on: to a tokenizer, a server, a file, a message."""

from __future__ import annotations

# What an error's own words are cut to. Characters.
LONGEST = 300


def shown(text: str) -> str:
    """A text as tokenizers, servers and files take it: they know no lone surrogates, so these are written out, as
    pairs.parquet holds them."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def first_line(error: BaseException) -> str:
    """What an error says, in one line of at most 300 characters; the name of its class where it says nothing."""
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:LONGEST]
