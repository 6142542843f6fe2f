"""Links from the page to its list of examples, in the language that the list is filtered with.

The page's script reads what is written here (templates/script/query.js and state.js); a test in a browser holds the two
together. A reader can type the same terms into the box above the list.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

from evalkit.report.text import visible
from evalkit.types import Flip

# How the query says what became of an example.
FLIPS: Mapping[Flip, str] = {
    "right_to_wrong": "lost",
    "wrong_to_right": "gained",
    "wrong_to_other_wrong": "other-wrong",
    "both_wrong_same": "same-wrong",
    "both_right": "both-right",
    "graded": "graded",
    "no_target": "no-target",
}
# The page's columns hold no more of a name than this (payload.py).
_LIMIT = 500
# A value that means itself: no blank, no quote, nothing that begins a pattern or ends early.
_PLAIN = re.compile(r'[^\s"\\/=\x00-\x1f\x7f\ufeff][^\s"\\\x00-\x1f\x7f\ufeff]*')
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
# What a link may hold unescaped, and stay readable: everything else, quotes included, becomes %XX.
_SAFE = ":/=*,;@!()."


def term(key: str, value: str, op: str = ":", *, negated: bool = False) -> str:
    """One term of a query: `suite:gold`, `slice:"language=pt br"`, `conf>0.8`; with `negated`, all but those.

    The value may be any text; what it says is what the examples are held against, whole: the very same where there is
    one, else in any case."""
    return f"{'-' if negated else ''}{key}{op}{_quoted(value)}"


def query(terms: Mapping[str, str]) -> str:
    """Several terms, all of which must hold."""
    return " ".join(term(key, visible(value, _LIMIT)) for key, value in terms.items())


def href(terms: Mapping[str, str]) -> str:
    """A link to the list of examples, filtered: `href({"suite": "gold", "flip": "lost"})`. Pure ASCII, no quote and no
    ampersand. Names are written as the page has them, so any text does."""
    return "#examples?q=" + quote(query(terms), safe=_SAFE).replace("%20", "+")


def _quoted(value: str) -> str:
    if _PLAIN.fullmatch(value):
        return value
    return '"' + "".join(_ESCAPES.get(char, char) for char in value) + '"'
