"""Two JSON records held against each other, field by field.

A field is a dotted path to a value (`address.city`); the values of a list are all under the list's own path.

* Text is compared without case and after Unicode NFKC, with runs of space as one. Numbers are compared by value, and
  text that is written as a JSON number is one: 10, 10.0 and "10" are equal, "007" is text. true and "true" are equal.
* null, "", [], {} and a key that is not there are all the same: no value.
* Lists have no order. Their plain values are a multiset; how the objects in them are paired is in
  evalkit/scoring/json_pairing.py. One value and a list of just that value are equal.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from typing import Any

from evalkit.scoring.amount import Tolerance, exact
from evalkit.scoring.json_pairing import Forest, Node, Pairing, plain_right
from evalkit.types import FieldCounts

# A record as compared: text, Fractions, and dicts and lists of them that are not empty. None: no value.
Value = Any
MOST_VALUES = 5000

_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?", re.ASCII)


def normalise(value: Any, ignore: Collection[str] = (), path: str = "") -> Value:
    """The value as compared, without the fields in `ignore` (and all under them); applying it twice changes nothing."""
    if path in ignore:
        return None
    if isinstance(value, dict):
        found = {str(_text(name)): normalise(each, ignore, _under(path, _text(name))) for name, each in value.items()}
        return {name: each for name, each in found.items() if each is not None} or None
    if isinstance(value, list):
        items = [each for item in value if (each := normalise(item, ignore, path)) is not None]
        return items if len(items) > 1 else items[0] if items else None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        text = _text(value)
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
        words = " ".join(folded.split())
        number = exact(words) if _NUMBER.fullmatch(words) else None
        return (words or None) if number is None else number
    return value


def _text(text: str) -> str:
    """Without half surrogate pairs, which "\\ud800" in JSON makes and no file can hold."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _under(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def written(value: Value) -> str:
    """A normalised value as JSON, the same text for equal values: keys and lists sorted, numbers exact."""
    return Forest(Tolerance()).node(value).text


def size(value: Value) -> int:
    """How many values there are."""
    if isinstance(value, dict):
        return sum(map(size, value.values()))
    if isinstance(value, list):
        return sum(map(size, value))
    return int(value is not None)


def compared(target: Value, answer: Value, reach: Tolerance) -> tuple[dict[str, FieldCounts], list[str]]:
    """What became of each field that either has; and the lists that were too long for every pairing to be tried.
    Right and missed add up to the target's size, right and spurious to the answer's."""
    forest = Forest(reach)
    pairing = Pairing(exact=not reach)
    tally: dict[str, list[int]] = {}
    rough: dict[str, None] = {}

    def count(one: Node, other: Node, path: str) -> None:
        if one.members is not None and other.members is not None:
            # By name, so that the order of keys decides nothing.
            for name in sorted({*one.members, *other.members}):
                count(one.members.get(name, forest.none), other.members.get(name, forest.none), _under(path, name))
            return
        if one.plain or other.plain:
            right = plain_right(one, other)
            counts = tally.setdefault(path, [0, 0, 0])
            for position, more in enumerate((right, other.plain - right, one.plain - right)):
                counts[position] += more
        pairs, in_order = pairing.pairs(one, other)
        if in_order:
            rough[path] = None
        for each, partner in pairs:
            count(each or forest.none, partner or forest.none, path)

    count(forest.node(target), forest.node(answer), "")
    counted = {path: FieldCounts(right=each[0], spurious=each[1], missed=each[2]) for path, each in tally.items()}
    return counted, list(rough)
