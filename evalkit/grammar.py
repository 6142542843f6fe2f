"""Texts out of a seeded grammar: what the shipped suites and the demo are written with.

A rule is a name with alternatives; an alternative is a text whose `{slots}` are filled from other rules. Alternatives
are dealt like cards: each is used once before any comes again, so a thousand texts show all that a grammar can say
instead of the same few of it.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

Rules = Mapping[str, Sequence[str]]
T = TypeVar("T")
_SLOT = re.compile(r"\{(\w+)\}")


class Writer:
    """Writes texts by `rules`; the same seed and the same calls give the same texts.

    Raises ValueError for a rule without alternatives, and for a slot that is no rule where none was `given`.
    """

    def __init__(self, rules: Rules, *, seed: str) -> None:
        if empty := [name for name, alternatives in rules.items() if not alternatives]:
            raise ValueError(f"rules without alternatives: {', '.join(empty)}")
        self.rng = random.Random(seed)  # by text: numbers of one writer are no part of another's
        self._rules = rules
        self._decks: dict[object, list[int]] = {}

    def write(self, text: str, /, **given: str) -> str:
        """The text with its slots filled: from `given`, which stays the same throughout, else from the rules."""

        def filled(slot: re.Match[str]) -> str:
            name = slot[1]
            if name in given:
                return given[name]
            if name not in self._rules:
                raise ValueError(f'there is no rule "{name}" for the slot in {text!r}')
            return self.write(self.deal(name, self._rules[name]), **given)

        return _SLOT.sub(filled, text)

    def deal(self, deck: object, cards: Sequence[T]) -> T:
        """One of `cards`, none of them twice before all were dealt; each `deck` is shuffled for itself.

        The same name with another number of cards is another deck.
        """
        left = self._decks.setdefault((deck, len(cards)), [])
        if not left:
            left += self.rng.sample(range(len(cards)), len(cards))
        return cards[left.pop()]


def sentences(rules: Rules, start: str) -> Iterator[str]:
    """Every alternative that a text of the rule `start` may be made of, slots unfilled, each once."""
    seen, waiting = {start}, [start]
    while waiting:
        for alternative in rules[waiting.pop()]:
            yield alternative
            for name in _SLOT.findall(alternative):
                if name in rules and name not in seen:
                    seen.add(name)
                    waiting.append(name)
