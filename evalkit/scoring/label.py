"""Label and choice: the answer is one of a closed set, and right when it is the target."""

from __future__ import annotations

from evalkit.types import Example, Output, Score, SuiteFacts


def score(example: Example, output: Output, facts: SuiteFacts) -> Score:
    """Right iff the label equals the target. A label outside the set is unparsable, and wrong."""
    answer = output.label if output.label is not None else (output.text or "").strip()
    choices = example.choices or facts.labels
    if answer not in choices:
        return Score(
            correct=None if example.target is None else False,
            answer=None,
            unparsable=True,
            why=f'"{answer[:80]}" is none of the {len(choices)} {"labels" if facts.task == "classify" else "choices"}',
        )
    return Score(correct=None if example.target is None else answer == example.target, answer=answer)
