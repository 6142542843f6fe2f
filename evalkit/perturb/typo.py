"""Typo: slips of the fingers in longer words.

At most one slip a word, never at its first or last letter, so that a reader still sees the word. Only in scripts
with upper and lower case: where a letter is a word or a syllable, another letter is another word.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from evalkit.perturb.draws import Draws
from evalkit.perturb.edits import Edit, edited

SHORTEST = 4
# One slip in so many letters: a careful, a usual and a hasty writer.
_LETTERS_PER_SLIP = (24, 12, 8)
_WORD = re.compile(r"[^\W\d_]+")
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
# The keys to the left and right on the same row: near on every layout that begins with this one's rows.
_BESIDE = {key: row[max(0, at - 1) : at] + row[at + 1 : at + 2] for row in _ROWS for at, key in enumerate(row)}


def perturb(text: str, kept: Sequence[bool], draws: Draws) -> str:
    """The text with about one slip in 24, 12 or 8 letters; unchanged where no word is long enough."""
    shouted = text.isupper()
    words = [
        found for found in _WORD.finditer(text) if _may_slip(found[0], shouted) and not any(kept[slice(*found.span())])
    ]
    if not words:
        return text
    letters = sum(len(found[0]) for found in words)
    count = max(1, round(letters / draws.pick(_LETTERS_PER_SLIP)))
    return edited(text, [_slip(found[0], found.start(), draws) for found in draws.some(words, count)])


def _may_slip(word: str, shouted: bool) -> bool:
    """A capital within a word makes it a name or an acronym, unless the whole text shouts."""
    cased = all(each.lower() != each.upper() for each in word)
    return len(word) >= SHORTEST and cased and (shouted or word[1:] == word[1:].lower())


def _slip(word: str, start: int, draws: Draws) -> Edit:
    for slip in draws.shuffled(_SLIPS):
        at = 1 + draws.below(len(word) - 2)
        made = slip(word, at, draws)
        if made != word:
            return start, start + len(word), made
    return start, start + len(word), _doubled(word, 1, draws)


def _swapped(word: str, at: int, draws: Draws) -> str:
    at = min(at, len(word) - 3)
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]


def _dropped(word: str, at: int, draws: Draws) -> str:
    return word[:at] + word[at + 1 :]


def _doubled(word: str, at: int, draws: Draws) -> str:
    return word[:at] + word[at] + word[at:]


def _beside(word: str, at: int, draws: Draws) -> str:
    near = _BESIDE.get(word[at].lower(), "")
    if not near:
        return word
    key = draws.pick(near)
    return word[:at] + (key.upper() if word[at].isupper() else key) + word[at + 1 :]


_SLIPS: tuple[Callable[[str, int, Draws], str], ...] = (_swapped, _dropped, _doubled, _beside)
