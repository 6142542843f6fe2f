"""Text similarity: marks in [0, 1] for how like the target the answer is, in place of right or wrong.

Both texts are stripped and brought to Unicode NFC first, so that é is é however it was typed.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

from evalkit.scoring import embedding
from evalkit.scoring.wording import wording
from evalkit.stats.text import LONGEST, chrf, edit_similarity, rouge_l
from evalkit.types import Example, Output, Score, SuiteFacts

_MEASURES: dict[str, Callable[[str, str], float]] = {"chrf": chrf, "rouge_l": rouge_l, "edit": edit_similarity}


def score(example: Example, output: Output, facts: SuiteFacts) -> Score:
    """Marks where there is a target; `correct` is always None."""
    answer = wording(output)
    if example.target is None:
        return Score(correct=None, answer=answer)
    measure = facts.settings.get("measure", "chrf")
    if measure == "embedding":
        return embedding.score(example, output, facts)
    text, target = (unicodedata.normalize("NFC", each.strip()) for each in (answer, example.target))
    why = f"only the first {LONGEST} characters are compared" if max(len(text), len(target)) > LONGEST else ""
    return Score(correct=None, answer=answer, marks=_MEASURES[measure](text[:LONGEST], target[:LONGEST]), why=why)
