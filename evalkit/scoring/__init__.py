"""Scorers: an output judged against its example. To add one, write `score(example, output, facts) -> Score`
in a file of its own and add a line to the table; another package adds an entry point `evalkit.scorers`.

A scorer is total: it judges any output, however odd, and never raises. It never sees an errored or empty
output: those are wrong before anybody looks at them, by `judged`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from evalkit.registry import names, resolve
from evalkit.types import ERRORED, Example, Output, Score, SuiteFacts

Scorer = Callable[[Example, Output, SuiteFacts], Score]

GROUP = "evalkit.scorers"
TABLE = {
    "label": "evalkit.scoring.label:score",
    "choice": "evalkit.scoring.label:score",
    "exact": "evalkit.scoring.exact:score",
    "normalised": "evalkit.scoring.normalised:score",
}


def known() -> list[str]:
    """Names of the scorers that can be used."""
    return names(GROUP, TABLE)


def scorer(name: str) -> Scorer:
    """The scorer called `name`. Raises UsageError when there is none."""
    found: Scorer = resolve(GROUP, TABLE, name)
    return found


def judged(score: Scorer, example: Example, output: Output, facts: SuiteFacts) -> Score:
    """The score of any output: what failed or said nothing is wrong, the rest is the scorer's to judge."""
    wrong = False if example.target is not None else None
    if output.status in ERRORED:
        return Score(correct=wrong, answer=None, why=output.error or f"the model gave no answer ({output.status})")
    if output.status == "empty":
        return _empty(wrong)
    if facts.answer_after is not None and output.text is not None:
        answer = facts.spoken(output.text)
        if answer is None:
            return Score(
                correct=wrong, answer=None, unparsable=True, why=f"the text never reaches {facts.answer_after!r}"
            )
        output = replace(output, text=answer)
    # Space is no answer, and neither is nothing after the marker: two of them would be equal.
    if output.label is None and not (output.text or "").strip():
        return _empty(wrong)
    return score(example, output, facts)


def _empty(wrong: bool | None) -> Score:
    return Score(correct=wrong, answer=None, why="the answer is empty")
