"""Which item of a list of records is which item of another: the pairing in which most values are right.

Lists have no order, so items are paired by the Hungarian method on how many values each pair shares. Equal items
belong together. The work is bounded: where trying every item with every other would take more than MOST_WORK looks at
a value, what has no equal is paired in order instead, that is, both lists sorted by their items' text.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from heapq import heappop, heappush
from itertools import zip_longest
from operator import itemgetter
from typing import Any

from evalkit.scoring.amount import Tolerance, canonical

# Looks at a pair of values, over a whole record: about a second. To pair two lists costs as much as so many looks.
MOST_WORK = 500_000
_A_PAIRING = 40

Span = tuple[Fraction, Fraction, Fraction]  # the least number that is near enough, the number, the largest


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A normalised value, made so that comparing is quick: of one Forest, equal values are one Node.

    An object has `members`. Whatever else it is: the plain values in `words` (as JSON, with how often each is there)
    and, where there is a tolerance, `numbers`, sorted by value; `plain` counts both. `nested` are the objects and lists
    in a list, sorted by their text; of an object, itself.
    """

    text: str
    size: int
    members: dict[str, Node] | None
    words: dict[str, int]
    numbers: Sequence[Span]
    plain: int
    inner: Sequence[Node]

    @property
    def nested(self) -> Sequence[Node]:
        return (self,) if self.members else self.inner


class Forest:
    """Makes Nodes. Without a tolerance, numbers are words like any other: equal as text or not at all."""

    def __init__(self, reach: Tolerance) -> None:
        self._reach = reach
        self._nodes: dict[str, Node] = {}
        # No value: neither an object's nor a list's.
        self.none = Node("{}", 0, {}, {}, (), 0, ())

    def node(self, value: Any) -> Node:
        if value is None:
            return self.none
        if isinstance(value, dict):
            members = {name: self.node(value[name]) for name in sorted(value)}
            text = "{" + ",".join(f"{_quoted(name)}:{each.text}" for name, each in members.items()) + "}"
            return self._kept(text, lambda: Node(text, _size(members.values()), members, {}, (), 0, ()))
        if isinstance(value, list):
            items = sorted((self.node(each) for each in value), key=lambda each: each.text)
            text = "[" + ",".join(each.text for each in items) + "]"
            return self._kept(text, lambda: _list(text, items))
        if isinstance(value, Fraction):
            number, text = value, canonical(value)
            if self._reach:
                far = self._reach(value)
                return self._kept(text, lambda: Node(text, 1, None, {}, ((number - far, number, number + far),), 1, ()))
        else:
            text = value if value in ("true", "false") else _quoted(value)
        return self._kept(text, lambda: Node(text, 1, None, {text: 1}, (), 1, ()))

    def _kept(self, text: str, make: Callable[[], Node]) -> Node:
        if (found := self._nodes.get(text)) is None:
            found = self._nodes[text] = make()
        return found


def _list(text: str, items: Sequence[Node]) -> Node:
    # Of one item there is no list: what is in one and holds more is an object or another list.
    inner = [each for each in items if each.members is not None or each.plain != 1 or each.inner]
    words: Counter[str] = Counter()
    numbers: list[Span] = []
    for each in items:
        if each.members is None and each.plain == 1 and not each.inner:
            words.update(each.words)
            numbers.extend(each.numbers)
    return Node(text, _size(items), None, words, sorted(numbers, key=itemgetter(1)), len(items) - len(inner), inner)


def _size(nodes: Iterable[Node]) -> int:
    return sum(each.size for each in nodes)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


Pairs = list[tuple[Node | None, Node | None]]


class Pairing:
    """The pairings of one comparison: each found once, within a bound on the work for all of them together."""

    def __init__(self, exact: bool) -> None:
        self._exact = exact
        self._left = MOST_WORK
        self._found: dict[tuple[Node, Node], tuple[int, Pairs]] = {}

    def pairs(self, target: Node, answer: Node) -> tuple[Pairs, bool]:
        """Each nested item with its partner, or with None; and whether they had to be paired in order."""
        if (target, answer) not in self._found:
            equal, rest, others = self._apart(target, answer)
            if len(rest) * len(others) <= 1:
                return equal + _in_order(rest, others), False
            work = len(rest) * len(others) + _work(set(rest), set(others), self._left)
            if work > self._left:
                if not self._exact:
                    equal, rest, others = _equal(target.nested, answer.nested)
                return equal + _in_order(rest, others), True
            self._left -= work
        return self._best(target, answer)[1], False

    def _right(self, target: Node, answer: Node) -> int:
        """How many values are right, at most."""
        if target is answer:
            return target.size
        if target.members is not None and answer.members is not None:
            return sum(
                self._right(each, answer.members[name])
                for name, each in target.members.items()
                if name in answer.members
            )
        right = plain_right(target, answer)
        return right + self._best(target, answer)[0] if target.nested and answer.nested else right

    def _best(self, target: Node, answer: Node) -> tuple[int, Pairs]:
        """How many values in the nested items are right, and the pairing in which they are."""
        if (target, answer) not in self._found:
            equal, rest, others = self._apart(target, answer)
            right = sum(each.size for each, _ in equal if each is not None)
            more, pairs = self._matched(rest, others)
            self._found[target, answer] = right + more, equal + pairs
        return self._found[target, answer]

    def _matched(self, target: Sequence[Node], answer: Sequence[Node]) -> tuple[int, Pairs]:
        """The Hungarian method."""
        if not target or not answer:
            return 0, _in_order(target, answer)
        import numpy as np
        from scipy.optimize import linear_sum_assignment

        # A model in a loop says the same thing many times, and it need not be looked at as often.
        kinds, others = list(dict.fromkeys(target)), list(dict.fromkeys(answer))
        of_kinds = np.array([[self._right(one, other) for other in others] for one in kinds])
        kind, other_kind = ({node: place for place, node in enumerate(each)} for each in (kinds, others))
        right = of_kinds[np.ix_([kind[each] for each in target], [other_kind[each] for each in answer])]
        rows, columns = linear_sum_assignment(right, maximize=True)
        alone, others_alone = set(range(len(target))) - {*rows.tolist()}, set(range(len(answer))) - {*columns.tolist()}
        return int(right[rows, columns].sum()), [
            *((target[row], answer[column]) for row, column in zip(rows.tolist(), columns.tolist(), strict=True)),
            *((target[row], None) for row in sorted(alone)),
            *((None, answer[column]) for column in sorted(others_alone)),
        ]

    def _apart(self, target: Node, answer: Node) -> tuple[Pairs, Sequence[Node], Sequence[Node]]:
        """The items that are surely partners, and the rest. Within a tolerance an item need not be best with its
        equal: 10 and 10.4 both have a partner in 10.4 and 10.8, though not if 10.4 is taken by 10.4."""
        if self._exact or target is answer:
            return _equal(target.nested, answer.nested)
        return [], target.nested, answer.nested


def plain_right(target: Node, answer: Node) -> int:
    """How many of the plain values can be matched one to one, at most."""
    few, many = (target, answer) if len(target.words) < len(answer.words) else (answer, target)
    words = sum(min(count, many.words[word]) for word, count in few.words.items() if word in many.words)
    if not (target.numbers and answer.numbers):
        return words
    if len(target.numbers) == len(answer.numbers) == 1:
        least, _, largest = target.numbers[0]
        return words + (least <= answer.numbers[0][1] <= largest)
    return words + _near_pairs(target.numbers, answer.numbers)


def _equal(target: Sequence[Node], answer: Sequence[Node]) -> tuple[Pairs, list[Node], list[Node]]:
    """The items that are equal, paired, and what is left of either."""
    there, here = Counter(answer), Counter(target)
    both = there & here
    pairs: Pairs = [(each, each) for each in both.elements()]
    return pairs, [*(here - both).elements()], [*(there - both).elements()]


def _in_order(target: Sequence[Node], answer: Sequence[Node]) -> Pairs:
    return list(zip_longest(target, answer))


def _work(target: Collection[Node], answer: Collection[Node], most: int) -> int:
    """How many pairs of values are looked at when each of these is held against each of those: the product of how
    many there are at each path. Counting stops above `most`."""
    work = len(target) * len(answer)
    if not work or work > most:
        return work
    work += len(answer) * _listed(target) + len(target) * _listed(answer)
    ours, theirs = _by_name(target), _by_name(answer)
    for name in ours.keys() & theirs.keys():
        work += _work(ours[name], theirs[name], most - work)
        if work > most:
            return work
    if any(each.inner for each in (*target, *answer)):
        work += _A_PAIRING * len(target) * len(answer)
        work += _work(
            [item for each in target for item in each.nested],
            [item for each in answer for item in each.nested],
            most - work,
        )
    return work


def _listed(nodes: Iterable[Node]) -> int:
    """How many plain values stand in lists."""
    return sum(each.plain for each in nodes if each.plain > 1)


def _by_name(nodes: Iterable[Node]) -> dict[str, list[Node]]:
    found: dict[str, list[Node]] = {}
    for each in nodes:
        for name, member in (each.members or {}).items():
            found.setdefault(name, []).append(member)
    return found


def _near_pairs(target: Sequence[Span], answer: Sequence[Span]) -> int:
    """How many numbers can be matched. Of the targets that a number is near, it takes the one
    that is out of reach first, which leaves the later numbers the most to choose from."""
    coming = sorted(((least, largest) for least, _, largest in target), reverse=True)
    within: list[Fraction] = []  # a heap of the upper ends of the targets in reach
    pairs = 0
    for _, number, _ in answer:
        while coming and coming[-1][0] <= number:
            heappush(within, coming.pop()[1])
        while within and within[0] < number:
            heappop(within)
        if within:
            heappop(within)
            pairs += 1
    return pairs
