"""Token sequences that begin alike, as one row: what they share stands there once, and branches where they part.

A token of a branch attends to its own branch and to what leads up to it, and is at the position that it has in its own
sequence. So one pass over the row says of every sequence what a pass over it alone would say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

Ids = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Stretch:
    """Tokens of a row that follow each other, from `start` to `stop`. `path` has all stretches that lead up to it,
    itself last; its first token is at `position` of its sequences."""

    start: int
    stop: int
    position: int
    path: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Tree:
    """One row. `places` has for each sequence that went into it where in the row its tokens stand."""

    tokens: Ids
    positions: Ids
    stretches: tuple[Stretch, ...]
    places: tuple[Ids, ...]

    @property
    def deepest(self) -> int:
        """Tokens of the longest sequence."""
        return max(self.positions) + 1


def grow(sequences: Sequence[Ids]) -> Tree:
    """The row of these sequences, none of them empty; equal ones stand in it once."""
    order = sorted(range(len(sequences)), key=lambda index: sequences[index])
    tokens: list[int] = []
    positions: list[int] = []
    stretches: list[Stretch] = []
    # The stretches that the last sequence went through, with how much of each the next may share.
    places: list[Ids] = [()] * len(sequences)
    _branch([sequences[index] for index in order], order, 0, (), (), tokens, positions, stretches, places)
    return Tree(tuple(tokens), tuple(positions), tuple(stretches), tuple(places))


def _branch(
    sorted_sequences: Sequence[Ids],
    order: Sequence[int],
    depth: int,
    path: tuple[int, ...],
    behind: Ids,
    tokens: list[int],
    positions: list[int],
    stretches: list[Stretch],
    places: list[Ids],
) -> None:
    """Lays out sequences that are equal up to `depth`; `behind` is where their first `depth` tokens stand."""
    first, last = sorted_sequences[0], sorted_sequences[-1]
    # Sorted, the first and the last have in common what all of them have.
    shared = depth
    while shared < min(len(first), len(last)) and first[shared] == last[shared]:
        shared += 1
    if shared > depth:
        start = len(tokens)
        tokens.extend(first[depth:shared])
        positions.extend(range(depth, shared))
        path = (*path, len(stretches))
        stretches.append(Stretch(start, len(tokens), depth, path))
        behind = (*behind, *range(start, len(tokens)))
    index = 0
    while index < len(sorted_sequences) and len(sorted_sequences[index]) == shared:
        places[order[index]] = behind
        index += 1
    while index < len(sorted_sequences):
        stop = index
        while stop < len(sorted_sequences) and sorted_sequences[stop][shared] == sorted_sequences[index][shared]:
            stop += 1
        part = sorted_sequences[index:stop]
        _branch(part, order[index:stop], shared, path, behind, tokens, positions, stretches, places)
        index = stop


def attention(trees: Sequence[Tree], width: int, dtype: torch.dtype) -> torch.Tensor:
    """What each token may attend to, as numbers that are added to the scores: (rows, 1, width, width), 0 for yes.

    Behind the end of a row every place attends to itself alone, so that no score is of nothing."""
    import torch

    allowed = torch.zeros((len(trees), width, width), dtype=torch.bool)
    for row, tree in enumerate(trees):
        for each in tree.stretches:
            for before in each.path[:-1]:
                ancestor = tree.stretches[before]
                allowed[row, each.start : each.stop, ancestor.start : ancestor.stop] = True
            size = each.stop - each.start
            allowed[row, each.start : each.stop, each.start : each.stop] = torch.ones(size, size).tril().bool()
        rest = torch.arange(len(tree.tokens), width)
        allowed[row, rest, rest] = True
    mask = torch.zeros((len(trees), 1, width, width), dtype=dtype)
    return mask.masked_fill_(~allowed[:, None], torch.finfo(dtype).min)
