"""Whether a server answers as the model that it was asked for."""

from __future__ import annotations

import re
from collections.abc import Iterable

# What may follow a name and leave it the same model: a revision, a tag, a date, the number of a release.
_REVISION = re.compile(r"[@:].+|-latest|-\d{3,8}|-\d{4}-\d{2}(?:-\d{2})?|-v\d+(?:\.\d+)*")


def same_model(one: str, other: str) -> bool:
    """Whether two names are of one model: equal but for folders in front of one and a revision or date behind one.

    `gpt-4o` and `gpt-4o-2024-08-06` are one, `org/small` and `small` are, `gpt-4o` and `gpt-4o-mini` are not, nor are
    `here/small` and `there/small`.
    """
    one, other = one.strip().lower(), other.strip().lower()
    return any(_extends(one, each) for each in _tails(other)) or any(_extends(other, each) for each in _tails(one))


def listed(name: str, names: Iterable[str]) -> bool:
    """Whether a list of a server's models has this one."""
    return any(same_model(name, each) for each in names)


def _extends(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    rest = long[len(short) :]
    return bool(short) and long.startswith(short) and (not rest or _REVISION.fullmatch(rest) is not None)


def _tails(name: str) -> list[str]:
    """The name, and what is left of it without the first folder, the first two, …"""
    parts = name.split("/")
    return ["/".join(parts[start:]) for start in range(len(parts))]
