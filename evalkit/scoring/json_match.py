"""Two JSON records held against each other, field by field.

A field is a dotted path to a value (`address.city`); the values of a list are all under the list's own path.

* Text is compared without case and after Unicode NFKC, with runs of space as one. Numbers are compared by value, and
  text that is written as a JSON number is one: 10, 10.0 and "10" are equal, "007" is text. true and "true" are equal.
* null, "", [], {} and a key that is not there are all the same: no value.
* Lists have no order. Their plain values are a multiset; the objects in them are paired so that as many fields as
  possible are equal (Hungarian method). One value and a list of just that value are equal.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from fractions import Fraction
from heapq import heappop, heappush
from typing import Any

from evalkit.scoring.amount import canonical, exact
from evalkit.types import FieldCounts

# A record as compared: text, Fractions, and dicts and lists of them that are not empty. None: no value.
Value = Any
Reach = Callable[[Fraction], Fraction]  # how far a number may be from this target
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
    if isinstance(value, dict):
        return "{" + ",".join(f"{written_text(name)}:{written(value[name])}" for name in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(sorted(map(written, value))) + "]"
    if isinstance(value, Fraction):
        return canonical(value)
    return "{}" if value is None else value if value in ("true", "false") else written_text(value)


def written_text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def size(value: Value) -> int:
    """How many values there are."""
    if isinstance(value, dict):
        return sum(map(size, value.values()))
    if isinstance(value, list):
        return sum(map(size, value))
    return int(value is not None)


def compared(target: Value, answer: Value, reach: Reach) -> dict[str, FieldCounts]:
    """What became of each field that either has. Right and missed add up to the target's size, right and spurious to
    the answer's."""
    tally: dict[str, list[int]] = {}
    _compare(target, answer, "", reach, tally)
    return {path: FieldCounts(right=right, spurious=extra, missed=lost) for path, (right, extra, lost) in tally.items()}


def _compare(target: Value, answer: Value, path: str, reach: Reach, tally: dict[str, list[int]]) -> None:
    if isinstance(target, dict | None) and isinstance(answer, dict | None):
        target, answer = target or {}, answer or {}
        for name in dict.fromkeys((*target, *answer)):
            _compare(target.get(name), answer.get(name), _under(path, name), reach, tally)
        return
    plain, nested = _parted(target)
    plain_answer, nested_answer = _parted(answer)
    if plain or plain_answer:
        right = _shared(plain, plain_answer, reach)
        counts = tally.setdefault(path, [0, 0, 0])
        for position, more in enumerate((right, len(plain_answer) - right, len(plain) - right)):
            counts[position] += more
    for one, other in _paired(nested, nested_answer, reach):
        _compare(one, other, path, reach, tally)


def _parted(value: Value) -> tuple[list[Value], list[Value]]:
    """A value as a list of plain values and one of objects and lists."""
    items = [] if value is None else value if isinstance(value, list) else [value]
    plain = [each for each in items if not isinstance(each, (dict, list))]
    return plain, [each for each in items if isinstance(each, (dict, list))]


def _shared(target: Sequence[Value], answer: Sequence[Value], reach: Reach) -> int:
    """How many values can be matched one to one, at most."""
    words = Counter(each for each in target if isinstance(each, str))
    words &= Counter(each for each in answer if isinstance(each, str))
    return words.total() + _near_pairs(
        [each for each in target if isinstance(each, Fraction)],
        sorted(each for each in answer if isinstance(each, Fraction)),
        reach,
    )


def _near_pairs(target: Sequence[Fraction], answer: Sequence[Fraction], reach: Reach) -> int:
    """How many numbers can be matched. Of the targets that a number is near, it takes the one that is out of reach
    first, which leaves the later numbers the most to choose from."""
    coming = sorted(((each - reach(each), each + reach(each)) for each in target), reverse=True)
    within: list[Fraction] = []  # a heap of the upper ends of the targets in reach
    pairs = 0
    for number in answer:
        while coming and coming[-1][0] <= number:
            heappush(within, coming.pop()[1])
        while within and within[0] < number:
            heappop(within)
        if within:
            heappop(within)
            pairs += 1
    return pairs


def _paired(target: Sequence[Value], answer: Sequence[Value], reach: Reach) -> list[tuple[Value, Value]]:
    """Each item with its partner, or with None, such that as many values as possible are right."""
    rows: Sequence[int] = range(min(len(target), len(answer)))
    columns = rows
    if max(len(target), len(answer)) > 1 and len(rows):
        from scipy.optimize import linear_sum_assignment

        right = [
            [sum(each.right for each in compared(one, other, reach).values()) for other in answer] for one in target
        ]
        rows, columns = (found.tolist() for found in linear_sum_assignment(right, maximize=True))
    alone, alone_answer = set(range(len(target))) - set(rows), set(range(len(answer))) - set(columns)
    return [
        *((target[row], answer[column]) for row, column in zip(rows, columns, strict=True)),
        *((target[row], None) for row in sorted(alone)),
        *((None, answer[column]) for column in sorted(alone_answer)),
    ]
