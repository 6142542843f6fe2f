"""Choices of a causal model: what a prompt's choices share is read once, and they branch off where they differ.

Rows are padded on the right, so that every token keeps its position. A model that does not keep to a mask of ours, or
looks back less far than a sequence is long, gets each sequence as a row of its own: slower, and as right.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evalkit.backends.local.abilities import only_at, tree_inputs
from evalkit.backends.local.batching import Size, pack
from evalkit.backends.local.candidates import Candidate, sums_of
from evalkit.backends.local.encoding import padded
from evalkit.backends.local.head import Tools
from evalkit.backends.local.tree import Ids, Tree, grow

if TYPE_CHECKING:
    import torch

# Prompts that begin alike for so many tokens, such as with the same worked examples, share them.
STEM = 64
# What hangs on one stem, in tokens: about as much as it is long itself, for every token looks at all of the row.
LEAST_ON_STEM = 512


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a pass. `wanted` says of each sequence in its tree which choices it is, as (request, choice)."""

    tree: Tree
    wanted: tuple[tuple[tuple[int, int], ...], ...]


class Causal:
    """Log-likelihoods of choices, in passes over as few tokens as they take."""

    def __init__(self, tools: Tools) -> None:
        self.tools = tools

    def sizes(self, asked: Sequence[Sequence[Candidate]]) -> list[Size]:
        """What each request takes beyond the stem that all of them share."""
        stem = _stem([each.context for candidates in asked for each in candidates])
        trees = [grow([each.read for each in candidates]) for candidates in asked]
        return [Size(1, max(1, len(each.tokens) - stem)) for each in trees]

    def sums(self, asked: Sequence[Sequence[Candidate]]) -> list[list[float]]:
        """For each request, the log-likelihood of each of its choices in nats."""
        rows = self._rows(asked)
        sums = [[math.nan] * len(candidates) for candidates in asked]
        for batch in pack([Size(1, len(row.tree.tokens)) for row in rows], [""] * len(rows), self.tools.budget):
            for (request, choice), value in self._pass([rows[index] for index in batch], asked).items():
                sums[request][choice] = value
        return sums

    # --- rows --------------------------------------------------------------------------------------

    def _rows(self, asked: Sequence[Sequence[Candidate]]) -> list[Row]:
        can = self.tools.abilities
        wanted: dict[Ids, list[tuple[int, int]]] = {}
        of_request: list[list[Ids]] = []
        for request, candidates in enumerate(asked):
            new: list[Ids] = []
            for choice, each in enumerate(candidates):
                wanted.setdefault(each.read, []).append((request, choice))
                # Equal prompts are read once, whichever request they are of.
                if len(wanted[each.read]) == 1:
                    new.append(each.read)
            of_request.append(new)
        bundles: list[list[Ids]] = []
        singles: list[Ids] = []
        for sequences in filter(None, of_request):
            longest = max(map(len, sequences))
            if can.branches and (can.reach is None or longest <= can.reach):
                bundles.append(sequences)
            else:
                singles += sequences
                self.tools.flat += 1
        found = [grow(each) for each in _on_stems(bundles, self.tools.budget)]
        found += [grow([each]) for each in singles]
        return [Row(tree, tuple(tuple(wanted[each]) for each in _read(tree))) for tree in found]

    # --- passes ------------------------------------------------------------------------------------

    def _pass(self, rows: Sequence[Row], asked: Sequence[Sequence[Candidate]]) -> dict[tuple[int, int], float]:
        """One forward pass: what every choice in these rows sums to."""
        import torch

        # By choice token: the place whose logits predict it, itself, and which choice it is of.
        which: dict[tuple[int, int], int] = {}
        places: dict[tuple[int, int], int] = {}
        flat: list[tuple[int, int, int]] = []
        for number, row in enumerate(rows):
            for path, choices in zip(row.tree.places, row.wanted, strict=True):
                for request, choice in choices:
                    targets = asked[request][choice].targets
                    at = which.setdefault((request, choice), len(which))
                    for column, token in zip(path[len(path) - len(targets) :], targets, strict=True):
                        flat.append((places.setdefault((number, column), len(places)), token, at))
        with torch.inference_mode():
            logits = self._logits([row.tree for row in rows], list(places))
            values = sums_of(logits, flat, len(which))
        return dict(zip(which, values, strict=True))

    def _logits(self, trees: Sequence[Tree], places: Sequence[tuple[int, int]]) -> torch.Tensor:
        """Logits at these places of these rows: (places, vocabulary)."""
        import torch

        model, special = self.tools.loaded()
        if any(len(each.stretches) > 1 for each in trees):
            given = tree_inputs(model, trees, special.pad)
        else:
            ids, mask = padded([each.tokens for each in trees], special.pad, left=False)
            given = {
                "input_ids": torch.tensor(ids, device=model.device),
                "attention_mask": torch.tensor(mask, device=model.device),
            }
        rows = torch.tensor([row for row, _ in places])
        columns = torch.tensor([column for _, column in places])
        if self.tools.abilities.places:
            with only_at(model, rows, columns):
                logits: torch.Tensor = model(**given, use_cache=False).logits
            return logits[0]
        if "logits_to_keep" in inspect.signature(model.forward).parameters:
            # On the CPU: with a device map, the last layer may be on another device than the first.
            needed, columns = torch.unique(columns, return_inverse=True)
            logits = model(**given, use_cache=False, logits_to_keep=needed).logits
        else:
            logits = model(**given, use_cache=False).logits
        return logits[rows.to(logits.device), columns.to(logits.device)]


def _read(tree: Tree) -> list[Ids]:
    """The sequences that went into a tree, in their order."""
    return [tuple(tree.tokens[place] for place in path) for path in tree.places]


def _stem(contexts: Sequence[Ids]) -> int:
    """How many tokens all of them begin with; 0 where that is not worth a row."""
    if len(contexts) < 2:
        return 0
    first, last = min(contexts), max(contexts)
    shared = _shared(first, last)
    return shared if shared >= STEM and first != last else 0


def _shared(one: Ids, other: Ids) -> int:
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _on_stems(bundles: Sequence[list[Ids]], budget: int) -> list[list[Ids]]:
    """The sequences of each row: those of one request, or of several that begin alike."""
    found: list[list[Ids]] = []
    stem, hanging = 0, 0
    for sequences in sorted(bundles):
        own = sum(map(len, sequences))
        shared = _shared(found[-1][0], sequences[0]) if found else 0
        shared = min(shared, stem) if hanging else shared
        room = min(budget, max(LEAST_ON_STEM, shared))
        beyond = own - shared * len(sequences)
        if shared >= STEM and hanging + beyond <= room:
            if not hanging:
                hanging = sum(len(each) - shared for each in found[-1])
            found[-1] += sequences
            stem, hanging = shared, hanging + beyond
        else:
            found.append(list(sequences))
            stem, hanging = 0, 0
    return found
