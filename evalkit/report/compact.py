"""The page's own script and style without what only their authors need: comments on lines of their own, indentation,
and the space around the signs of a style sheet.

Nothing else is touched, so a line in a browser's tools is still the line that somebody wrote.
"""

from __future__ import annotations

import re

_BLOCK = re.compile(r"^[ \t]*/\*.*?\*/[ \t]*\n", flags=re.DOTALL | re.MULTILINE)
_LINE = re.compile(r"^[ \t]*//.*\n", flags=re.MULTILINE)
_SPACE = re.compile(r"^[ \t]+", flags=re.MULTILINE)
_EMPTY = re.compile(r"\n{2,}")
_AROUND = re.compile(r"\s*([{}])\s*|([:;,])\s+")


def compact_script(source: str) -> str:
    """JavaScript whose comments begin a line, and in which no text in backticks goes over the end of one.

    Raises ValueError for one that does: its lines belong to the text.
    """
    for number, line in enumerate(source.splitlines(), start=1):
        if line.replace("\\`", "").count("`") % 2 and not line.lstrip().startswith(("//", "*", "/*")):
            raise ValueError(f"line {number} begins a text in backticks that does not end on it: {line.strip()[:60]}")
    return _tidy(_LINE.sub("", _BLOCK.sub("", source)))


def compact_style(source: str) -> str:
    """CSS, whose comments begin a line. Lines with a text in quotes keep their space: it may be the text's."""
    lines = _tidy(_BLOCK.sub("", source)).splitlines()
    return "".join((line if "'" in line or '"' in line else _signs(line)) + "\n" for line in lines)


def _signs(line: str) -> str:
    return _AROUND.sub(lambda found: found[1] or found[2], line).replace(";}", "}")


def _tidy(source: str) -> str:
    return _EMPTY.sub("\n", _SPACE.sub("", source)).strip("\n") + "\n"
