"""A JSON object out of whatever a model wrote around it.

Read are, in this order: the last fenced block (```) that holds an object, else the last object in the text. Of an
object inside another, the outer one counts; a list of one object is that object. Forgiven, because a reader would not
be misled: talk before and after, trailing commas, Python's quotes and words ('a', True, None), raw line breaks in
strings. Not forgiven: an object that breaks off. What was meant is then anybody's guess.

Of a key that is there twice the last value counts, as for every JSON reader.
"""

from __future__ import annotations

import json
import re
from typing import Any

from evalkit.scoring.amount import exact

LONGEST = 100_000  # characters that are read; a record is shorter
DEEPEST = 50
_FENCE = re.compile(r"```[^\n`]*\n(.*?)(?:```|\Z)", re.DOTALL)
# What may open a record, or a list of them. In prose and LaTeX, braces are rarely followed by a quote.
_OPENING = re.compile(r"""\{\s*+(?=["'}])|\[\s*+(?=\{)""")
# Characters that are read in vain, in all, after openings that lead nowhere: a few tenths of a second.
MOST_IN_VAIN = 400_000
_TOKEN = re.compile(
    r"""
    (?P<space>\s++)
  | (?P<double>"(?:[^"\\]|\\.)*+")
  | (?P<single>'(?:[^'\\]|\\.)*+')
  | (?P<mark>[{}\[\]:,])
  | (?P<word>[A-Za-z]++)
  | (?P<number>-?\d[\d.eE+-]*+)
    """,
    re.VERBOSE | re.DOTALL,
)
_WORDS = {"true": "true", "True": "true", "false": "false", "False": "false"} | dict.fromkeys(
    ("null", "None", "NaN"), "null"
)
_TOO_DEEP = -1
_BROKEN = "the JSON object breaks off"
_TANGLED = "the text opens too many JSON objects that are none"
_ESCAPE = re.compile(r"""\\(x[0-9A-Fa-f]{2}|.)|(")""", re.DOTALL)


def object_in(text: str) -> tuple[dict[str, Any] | None, str]:
    """The object, or None and why there is none. Numbers are Fractions; those too long to read are text."""
    if len(text) > LONGEST:
        return None, f"the text is longer than {LONGEST} characters"
    left = MOST_IN_VAIN
    for fence in reversed(list(_FENCE.finditer(text))):
        found, why, left = _last_object(fence[1], left)
        if found is not None or why == _TANGLED or (why == _BROKEN and not fence[0].endswith("```")):
            return found, why
    found, why, _ = _last_object(text, left)
    return found, why


def _last_object(text: str, left: int) -> tuple[dict[str, Any] | None, str, int]:
    """The object, or None and why there is none; and how many of the `left` characters may still be read in vain."""
    last: dict[str, Any] | None = None
    start, why = 0, "the text holds no JSON object"
    while (opening := _OPENING.search(text, start)) is not None:
        mended, end = _mended(text, opening.start())
        if mended is None and end == _TOO_DEEP:
            # Nor an object inside it: that would be some part of the record in place of the whole.
            return None, f"the JSON object is nested deeper than {DEEPEST}", left
        if mended is None and end == len(text):
            return None, _BROKEN, left
        found = None if mended is None else _loaded(mended)
        if isinstance(found, list) and len(found) == 1:
            found = found[0]
        if isinstance(found, list):
            last, start, why = None, end, f"the last JSON in the text is a list of {len(found)}, not one object"
        elif isinstance(found, dict):
            # {} in prose is not an answer that takes back the one before it.
            last, start = found or last or found, end
        else:
            start, left = opening.end(), left - (end - opening.start())
            if left < 0:
                # Which object is the last nobody has seen.
                return None, _TANGLED, left
    return last, "" if last is not None else why, left


def _loaded(text: str) -> Any:
    """The value of JSON text; None where it is none."""
    try:
        return json.loads(text, strict=False, parse_int=_number, parse_float=_number)
    except ValueError:
        return None


def _number(text: str) -> Any:
    value = exact(text)
    return text if value is None else value


def _mended(text: str, start: int) -> tuple[str | None, int]:
    """What opens at `start` as strict JSON, and where it ends. None where it does not: the end is then where it went
    wrong, which is the end of the text for what breaks off, or _TOO_DEEP."""
    parts: list[str] = []
    open_marks: list[str] = []
    at = start
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            # A quote that never closes.
            return None, len(text) if text[at] in "\"'" else at
        at = token.end()
        kind, said = token.lastgroup, token[0]
        if kind == "mark" and said in "{[":
            open_marks.append(said)
            if len(open_marks) > DEEPEST:
                return None, _TOO_DEEP
        elif kind == "mark" and said in "}]":
            if open_marks.pop() + said not in ("{}", "[]"):
                return None, token.start()
            if parts and parts[-1] == ",":
                parts.pop()
        elif kind == "single":
            said = _double_quoted(said)
        elif kind == "word":
            if said not in _WORDS:
                return None, len(text) if at == len(text) else token.start()
            said = _WORDS[said]
        if kind != "space":
            parts.append(said)
        if not open_marks:
            # Parted by spaces: [1 2] is no JSON, and must not become [12].
            return " ".join(parts), at
    return None, len(text)


def _double_quoted(text: str) -> str:
    """A Python string in single quotes as a JSON string."""

    def escape(found: re.Match[str]) -> str:
        if found[2]:
            return '\\"'
        if found[1] == "'":
            return "'"
        return f"\\u00{found[1][1:]}" if found[1][0] == "x" and len(found[1]) == 3 else found[0]

    return f'"{_ESCAPE.sub(escape, text[1:-1])}"'
