"""The lines of a policy that a criterion was written in, as somebody wrote them, comments and all."""

from __future__ import annotations

import re

_ITEM = re.compile(r"^(\s*)- ")


def lines_of(text: str, criterion: str) -> str:
    """The list item that has this id, without the indentation that it shares; empty where the text has none.

    A policy that builds on another has only its own criteria in its text."""
    name = re.escape(criterion)
    found = re.compile(rf"""(?:^|[\s{{,])id:\s*(?:"{name}"|'{name}'|{name})\s*(?:[,}}#]|$)""")
    for item in _items(text.splitlines()):
        if any(found.search(line) for line in item):
            return "\n".join(_dedented(item))
    return ""


def _items(lines: list[str]) -> list[list[str]]:
    """The items of the list under `criteria:`, each with the lines that belong to it."""
    items: list[list[str]] = []
    inside, indent = False, -1
    for line in lines:
        if not inside:
            inside = re.match(r"criteria:\s*(#.*)?$", line) is not None
            continue
        if line.strip() and not line[:1].isspace() and not line.startswith(("- ", "#")):
            break
        start = _ITEM.match(line)
        if start is not None and (indent < 0 or len(start[1]) <= indent):
            indent = len(start[1])
            items.append([])
        if items:
            items[-1].append(line)
    return items


def _dedented(item: list[str]) -> list[str]:
    """An item without what stands before its dash, and without the comments and blank lines that end it: they are
    about what comes next."""
    indent = len(item[0]) - len(item[0].lstrip())
    while len(item) > 1 and (not item[-1].strip() or item[-1].lstrip().startswith("#")):
        item = item[:-1]
    return [line[indent:] if not line[:indent].strip() else line for line in item]
