"""Changes to a text as places and replacements, so that no change moves another's place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

# (start, end, what stands there instead); start = end inserts.
Edit = tuple[int, int, str]


def edited(text: str, edits: Iterable[Edit]) -> str:
    """The text with all edits made; they may not overlap. What is inserted at one place stands in sorted order."""
    parts: list[str] = []
    at = 0
    for start, end, instead in sorted(edits):
        parts += (text[at:start], instead)
        at = end
    return "".join((*parts, text[at:]))


def respelt(text: str, kept: Sequence[bool], instead: dict[int, str]) -> str:
    """The text with single characters replaced, except for those that are kept."""
    return "".join(each if kept[place] else instead.get(place, each) for place, each in enumerate(text))
