"""Exact: the text is the target, letter for letter, but for space around it."""

from __future__ import annotations

from evalkit.types import Example, Output, Score, SuiteFacts


def score(example: Example, output: Output, facts: SuiteFacts) -> Score:
    """Right iff the stripped texts are equal."""
    answer = (output.text if output.text is not None else output.label or "").strip()
    return Score(correct=None if example.target is None else answer == example.target.strip(), answer=answer)
