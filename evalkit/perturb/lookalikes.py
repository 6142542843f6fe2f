"""Unicode: other characters that look the same, or cannot be seen at all."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import TypeVar

from evalkit.perturb.draws import Draws
from evalkit.perturb.edits import edited, respelt

Place = TypeVar("Place")

# Latin letters and their doubles in Cyrillic (small) and Greek or Cyrillic (capital).
HOMOGLYPHS = {
    **dict(zip("aceijopsxy", "\u0430\u0441\u0435\u0456\u0458\u043e\u0440\u0455\u0445\u0443", strict=True)),
    **dict(
        zip(
            "ABCEHIKMNOPTXYZ",
            "\u0391\u0392\u0421\u0395\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a7\u03a5\u0396",
            strict=True,
        )
    ),
}
# Zero-width space and joiner, word joiner, soft hyphen.
INVISIBLE = ("\u200b", "\u200d", "\u2060", "\u00ad")
# No-break, narrow no-break and thin space.
SPACES = ("\u00a0", "\u202f", "\u2009")
TYPOGRAPHIC = {"'": "\u2019", '"': "\u201c\u201d", "-": "\u2013", "...": "\u2026"}
_SHARES = (0.1, 0.25, 0.5)
_WORD = re.compile(r"[A-Za-z]{2,}")


def perturb(text: str, kept: Sequence[bool], draws: Draws) -> str:
    """The text with look-alikes in it; unchanged where nothing in it has any."""
    for style in draws.shuffled(tuple(STYLES)):
        if (made := STYLES[style](text, kept, draws)) != text:
            return made
    return text


def _homoglyphs(text: str, kept: Sequence[bool], draws: Draws) -> str:
    places = [place for place, each in enumerate(text) if each in HOMOGLYPHS and not kept[place]]
    return respelt(text, kept, {place: HOMOGLYPHS[text[place]] for place in _some(places, draws)})


def _fullwidth(text: str, kept: Sequence[bool], draws: Draws) -> str:
    """Whole words of ASCII letters in the wide forms of East Asian fonts."""
    words = [found.span() for found in _WORD.finditer(text) if not any(kept[slice(*found.span())])]
    wide = {place: chr(ord(text[place]) + 0xFEE0) for span in _some(words, draws) for place in range(*span)}
    return respelt(text, kept, wide)


def _decomposed(text: str, kept: Sequence[bool], draws: Draws) -> str:
    """Letters with accents as letter and accent, as some keyboards and file systems write them."""
    return respelt(text, kept, {place: unicodedata.normalize("NFD", each) for place, each in enumerate(text)})


def _typographic(text: str, kept: Sequence[bool], draws: Draws) -> str:
    """What a word processor makes of quotes, dashes and dots."""
    edits = []
    for found in re.finditer(r"'|\"|(?<= )-(?= )|(?<!\.)\.\.\.(?!\.)", text):
        if not any(kept[slice(*found.span())]):
            opens = found.start() == 0 or text[found.start() - 1].isspace()
            edits.append((*found.span(), TYPOGRAPHIC[found[0]][0 if opens else -1]))
    return edited(text, edits)


def _invisible(text: str, kept: Sequence[bool], draws: Draws) -> str:
    """Between two ASCII letters only: elsewhere a joiner can change what is shown."""
    gaps = [
        place
        for found in _WORD.finditer(text)
        for place in range(found.start() + 1, found.end())
        if not kept[place - 1] and not kept[place]
    ]
    mark = draws.pick(INVISIBLE)
    return edited(text, [(place, place, mark) for place in draws.some(gaps, 1 + draws.below(3))])


def _spaces(text: str, kept: Sequence[bool], draws: Draws) -> str:
    places = [place for place, each in enumerate(text) if each == " " and not kept[place]]
    space = draws.pick(SPACES)
    return respelt(text, kept, dict.fromkeys(_some(places, draws), space))


def _some(places: Sequence[Place], draws: Draws) -> list[Place]:
    return draws.some(places, max(1, round(len(places) * draws.pick(_SHARES))))


STYLES: dict[str, Callable[[str, Sequence[bool], Draws], str]] = {
    "homoglyphs": _homoglyphs,
    "fullwidth": _fullwidth,
    "decomposed": _decomposed,
    "typographic": _typographic,
    "invisible": _invisible,
    "spaces": _spaces,
}
