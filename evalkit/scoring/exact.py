"""Exact: the text is the target, letter for letter, but for space around it."""

from __future__ import annotations

from evalkit.scoring.wording import wording
from evalkit.types import Example, Output, Score, SuiteFacts


def score(example: Example, output: Output, facts: SuiteFacts) -> Score:
    """Right iff the stripped texts are equal."""
    answer = wording(output)
    return Score(correct=None if example.target is None else answer == example.target.strip(), answer=answer)
