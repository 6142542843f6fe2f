"""Draws that stay the same for years: taken from a stream's raw bits alone.

numpy promises that a bit generator's raw numbers never change between its versions, and promises no such thing of
`Generator.choice` and its like. A variant is an example of a suite, so it has to be the same tomorrow.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import numpy as np

Drawn = TypeVar("Drawn")


class Draws:
    """What a kind of perturbation may ask of chance."""

    def __init__(self, generator: np.random.Generator) -> None:
        self._bits = generator.bit_generator

    def share(self) -> float:
        """A number in [0, 1)."""
        return (int(self._bits.random_raw()) >> 11) / 2**53

    def below(self, count: int) -> int:
        """A whole number in [0, count)."""
        return int(self.share() * count)

    def pick(self, among: Sequence[Drawn]) -> Drawn:
        return among[self.below(len(among))]

    def some(self, among: Sequence[Drawn], count: int) -> list[Drawn]:
        """`count` different places of a sequence (all, if it has fewer), in the sequence's order."""
        places = list(range(len(among)))
        for position in range(min(count, len(places))):
            other = position + self.below(len(places) - position)
            places[position], places[other] = places[other], places[position]
        return [among[place] for place in sorted(places[:count])]

    def shuffled(self, among: Sequence[Drawn]) -> list[Drawn]:
        """All of a sequence in a drawn order."""
        places = list(among)
        for position in range(len(places) - 1):
            other = position + self.below(len(places) - position)
            places[position], places[other] = places[other], places[position]
        return places
