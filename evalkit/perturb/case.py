"""Case: all small, all capitals, a capital at each word, or as it comes."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from evalkit.perturb.draws import Draws
from evalkit.perturb.edits import respelt

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")


def perturb(text: str, kept: Sequence[bool], draws: Draws) -> str:
    """The text in another case; unchanged where no letter has two."""
    for style in draws.shuffled(tuple(STYLES)):
        if (made := STYLES[style](text, kept, draws)) != text:
            return made
    return text


def _lower(text: str, kept: Sequence[bool], draws: Draws) -> str:
    return respelt(text, kept, {place: _turned(each, upper=False) for place, each in enumerate(text)})


def _upper(text: str, kept: Sequence[bool], draws: Draws) -> str:
    return respelt(text, kept, {place: _turned(each, upper=True) for place, each in enumerate(text)})


def _title(text: str, kept: Sequence[bool], draws: Draws) -> str:
    first = {found.start() for found in _WORD.finditer(text)}
    return respelt(text, kept, {place: _turned(each, upper=place in first) for place, each in enumerate(text)})


def _random(text: str, kept: Sequence[bool], draws: Draws) -> str:
    return respelt(text, kept, {place: _turned(each, upper=draws.share() < 0.5) for place, each in enumerate(text)})


def _turned(letter: str, *, upper: bool) -> str:
    """The letter in the other case, if that is the same letter and one character (ß and ı stay)."""
    turned = letter.upper() if upper else letter.lower()
    return turned if len(turned) == 1 and turned.casefold() == letter.casefold() else letter


STYLES: dict[str, Callable[[str, Sequence[bool], Draws], str]] = {
    "lower": _lower,
    "upper": _upper,
    "title": _title,
    "random": _random,
}
