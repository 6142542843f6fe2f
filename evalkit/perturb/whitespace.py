"""Whitespace: more of it, tabs and line breaks in its place, and some at the ends."""

from __future__ import annotations

from collections.abc import Sequence

from evalkit.perturb.draws import Draws
from evalkit.perturb.edits import Edit, edited

# What may stand where one space stood.
_INSTEAD = {
    "spaces": ("  ", "   ", "    "),
    "tabs": ("\t", " \t"),
    "lines": ("\n",),
    "mixed": ("  ", "\t", "\n", "   "),
}
_SHARES = (0.1, 0.3, 1.0)
_BEFORE = (" ", "   ", "\t", "\n")
_AFTER = (" ", "  ", "\n", "\n\n", "\t")


def perturb(text: str, kept: Sequence[bool], draws: Draws) -> str:
    """The text with other whitespace between its words or around it; unchanged where there is none but whitespace."""
    if not text.strip():
        return text
    places = [
        place
        for place in range(1, len(text) - 1)
        if text[place] == " " and not kept[place] and not text[place - 1].isspace() and not text[place + 1].isspace()
    ]
    style = draws.pick((*_INSTEAD, "ends"))
    if style == "ends" or not places:
        return edited(text, _ends(text, draws))
    count = max(1, round(len(places) * draws.pick(_SHARES)))
    # A line break at every word is a column, not a sentence.
    count = min(count, 3) if style == "lines" else count
    return edited(text, [(place, place + 1, draws.pick(_INSTEAD[style])) for place in draws.some(places, count)])


def _ends(text: str, draws: Draws) -> list[Edit]:
    before: Edit = (0, 0, draws.pick(_BEFORE))
    after: Edit = (len(text), len(text), draws.pick(_AFTER))
    return draws.pick(([before], [after], [before, after]))
