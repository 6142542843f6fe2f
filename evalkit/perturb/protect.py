"""What of a text may not be touched, because changing it would change what is right.

That is whatever names or counts something (numbers, dates, amounts, identifiers, addresses, paths, code,
placeholders), and the values that the answer has to repeat.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from evalkit.types import Example, Task

# Marks that a writer puts around a word; they belong to the sentence.
_AROUND = "\"'“”‘’«»()[]{}<>.,;:!?…。，！？"
_ADDRESSES = re.compile(r"(?:\b[a-z][a-z0-9+.-]*://|\bwww\.)\S+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+", re.IGNORECASE)
_WORDS = re.compile(r"\S+")
# Digits make a number, a date or an identifier of a word; these marks a path, a handle, a name in code.
_NAMING = re.compile(r"[\d_/\\@#=]")
_CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
_PLACEHOLDERS = re.compile(
    r"\{\{.*?\}\}|\{%.*?%\}|\$\{[^}\s]*\}|\$\w+|\{[\w.]*\}|<[^<>\s][^<>]*>|%\(\w+\)\w|%[sdif]\b|\[[A-Z][A-Z_ ]*\]",
    re.DOTALL,
)


def protected(text: str, values: Sequence[str] = ()) -> list[bool]:
    """For each character, whether it must stay as it is; `values` are kept wherever they stand as whole words."""
    kept = [False] * len(text)
    for start, end in (*addresses(text), *_fixed(text), *_values(text, values)):
        kept[start:end] = [True] * (end - start)
    # A number may be written in groups: the single space between two of them belongs to it.
    for found in re.finditer(r"(?<=\d)\s(?=\d)", text):
        kept[found.start()] = True
    return kept


def addresses(text: str) -> Iterator[tuple[int, int]]:
    """Links and mail addresses, without the marks that end a sentence."""
    for found in _ADDRESSES.finditer(text):
        yield found.start(), found.start() + len(found[0].rstrip(_AROUND))


def values_of(example: Example, task: Task) -> list[str]:
    """What an answer must be able to repeat: the fields of a record, all choices (the right one alone would give it
    away), or the whole target. A class is told, not repeated: none."""
    if task == "classify":
        return []
    if task == "choose":
        return [*example.choices]
    if example.target is None:
        return []
    if task == "generate":
        return [example.target]
    try:
        record = json.loads(example.target)
    except (ValueError, RecursionError):
        return [example.target]
    return list(_leaves(record))


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for each in value.values():
            yield from _leaves(each)
    elif isinstance(value, list):
        for each in value:
            yield from _leaves(each)
    elif isinstance(value, (str, int, float)) and not isinstance(value, bool):
        yield str(value)


def _fixed(text: str) -> Iterator[tuple[int, int]]:
    for pattern in (_CODE, _PLACEHOLDERS):
        for found in pattern.finditer(text):
            yield found.span()
    for found in _WORDS.finditer(text):
        if _NAMING.search(found[0]):
            before = len(found[0]) - len(found[0].lstrip(_AROUND))
            yield found.start() + before, found.start() + len(found[0].rstrip(_AROUND))


def _values(text: str, values: Sequence[str]) -> Iterator[tuple[int, int]]:
    for value in dict.fromkeys(each.strip() for each in values):
        if value:
            for found in re.finditer(rf"(?<!\w){re.escape(value)}(?!\w)", text, re.IGNORECASE):
                yield found.span()
