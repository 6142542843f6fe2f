"""Punctuation: marks at the ends of words and sentences are left out, repeated or added.

Marks within a word (don't, e.g., 3.50) stay: without them it is another word.
"""

from __future__ import annotations

from collections.abc import Sequence

from evalkit.perturb.draws import Draws
from evalkit.perturb.edits import Edit, edited
from evalkit.perturb.protect import addresses

_MARKS = ".,;:!?。，；：！？؟،।"
_ENDING = ".!?。！？؟।"
_CLOSING = ")\"'”’]»"
_SHARES = (0.3, 0.6, 1.0)


def perturb(text: str, kept: Sequence[bool], draws: Draws) -> str:
    """The text with other marks; unchanged where there is nothing to leave out and no word to end."""
    marks = [place for place in range(1, len(text)) if not kept[place] and _ends_a_word(text, place)]
    for style in draws.shuffled((_dropped, _repeated, _added)):
        if edits := style(text, marks, draws):
            return edited(text, edits)
    return text


def _ends_a_word(text: str, place: int) -> bool:
    before, after = text[place - 1], text[place + 1 : place + 2]
    return text[place] in _MARKS and (before.isalnum() or before in _CLOSING) and (not after or after.isspace())


def _dropped(text: str, marks: Sequence[int], draws: Draws) -> list[Edit]:
    count = max(1, round(len(marks) * draws.pick(_SHARES)))
    return [(place, place + 1, "") for place in draws.some(marks, count)]


def _repeated(text: str, marks: Sequence[int], draws: Draws) -> list[Edit]:
    ending = [place for place in marks if text[place] in _ENDING]
    count = max(1, round(len(ending) * draws.pick(_SHARES)))
    return [(place, place, text[place] * draws.pick((1, 2))) for place in draws.some(ending, count)]


def _added(text: str, marks: Sequence[int], draws: Draws) -> list[Edit]:
    """At the end of a text that ends in a word, but not behind an address, whose part it would seem."""
    end = len(text.rstrip())
    if not end or not text[end - 1].isalnum() or any(start < end <= stop for start, stop in addresses(text)):
        return []
    return [(end, end, draws.pick((".", "!", "..", "...")))]
