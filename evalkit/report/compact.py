"""The page's own script and style without what only their authors need: comments on lines of their own, indentation.

Nothing else is touched, so a line in a browser's tools is still the line that somebody wrote.
"""

from __future__ import annotations

import re

_BLOCK = re.compile(r"^[ \t]*/\*.*?\*/[ \t]*\n", flags=re.DOTALL | re.MULTILINE)
_LINE = re.compile(r"^[ \t]*//.*\n", flags=re.MULTILINE)
_SPACE = re.compile(r"^[ \t]+", flags=re.MULTILINE)
_EMPTY = re.compile(r"\n{2,}")


def compact_script(source: str) -> str:
    """JavaScript whose comments begin a line, and in which no text in backticks goes over the end of one.

    Raises ValueError for one that does: its lines belong to the text.
    """
    for number, line in enumerate(source.splitlines(), start=1):
        if line.replace("\\`", "").count("`") % 2 and not line.lstrip().startswith(("//", "*", "/*")):
            raise ValueError(f"line {number} begins a text in backticks that does not end on it: {line.strip()[:60]}")
    return _tidy(_LINE.sub("", _BLOCK.sub("", source)))


def compact_style(source: str) -> str:
    """CSS, whose comments begin a line."""
    return _tidy(_BLOCK.sub("", source))


def _tidy(source: str) -> str:
    return _EMPTY.sub("\n", _SPACE.sub("", source)).strip("\n") + "\n"
