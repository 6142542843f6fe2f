"""Scorers: an output judged against its example. To add one, write `score(example, output, facts) -> Score`
in a file of its own and add a line to the table; another package adds an entry point `evalkit.scorers`.

A scorer is total: it judges any output, however odd, and never raises. It never sees an errored or empty
output: those are wrong before anybody looks at them, by `score_of`. A scorer that looks into records also has
`missed(example, facts) -> Mapping[str, FieldCounts] | None`: the fields of an example that nobody answered.
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
    "choice": "evalkit.scoring.label:choice",
    "exact": "evalkit.scoring.exact:score",
    "judge": "evalkit.scoring.judge:score",
    "normalised": "evalkit.scoring.normalised:score",
    "numeric": "evalkit.scoring.numeric:score",
    "regex": "evalkit.scoring.regex:score",
    "fields": "evalkit.scoring.fields:score",
    "refusal": "evalkit.scoring.refusal:score",
    "text_similarity": "evalkit.scoring.text_similarity:score",
}
_EMPTY = "the answer is empty"


def known() -> list[str]:
    """Names of the scorers that can be used."""
    return names(GROUP, TABLE)


def scorer(name: str) -> Scorer:
    """The scorer called `name`. Raises UsageError when there is none."""
    found: Scorer = resolve(GROUP, TABLE, name)
    return found


def score_of(score: Scorer, example: Example, output: Output, facts: SuiteFacts) -> Score:
    """The score of any output: what failed or said nothing earns nothing, the rest is the scorer's to judge."""
    if output.status in ERRORED:
        return _failed(score, example, facts, output.error or f"the model gave no answer ({output.status})")
    if output.status == "empty":
        return _failed(score, example, facts, _EMPTY)
    if facts.answer_after is not None and output.text is not None:
        answer = facts.spoken(output.text)
        if answer is None:
            why = f"the text never reaches {facts.answer_after!r}"
            return replace(_failed(score, example, facts, why), unparsable=True)
        output = replace(output, text=answer)
    # Space is no answer, and neither is nothing after the marker: two of them would be equal.
    if output.label is None and not (output.text or "").strip():
        return _failed(score, example, facts, _EMPTY)
    return score(example, output, facts)


def _failed(score: Scorer, example: Example, facts: SuiteFacts, why: str) -> Score:
    """The score of no answer: wrong, or no marks, or every field missed; neither refused nor complied."""
    has_target = example.target is not None or example.expect is not None
    missed = getattr(score, "missed", None)
    return Score(
        correct=False if has_target and not facts.marked else None,
        answer=None,
        why=why,
        marks=0.0 if has_target and facts.marked else None,
        refused="undetermined" if facts.kind == "safety-refusal" else None,
        fields=None if missed is None else missed(example, facts),
    )
