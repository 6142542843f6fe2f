"""Normalised: equal once case, punctuation, articles and spacing are set aside.

The rules are those of the SQuAD evaluation (Rajpurkar et al. 2016), after Unicode NFKC. Changing them
changes numbers that gates rest on: give the new rules a new scorer name instead.
"""

from __future__ import annotations

import re
import unicodedata

from evalkit.types import Example, Output, Score, SuiteFacts

_ARTICLES = re.compile(r"\b(a|an|the)\b")


def normalise(text: str) -> str:
    """The text without what does not matter; applying it twice changes nothing."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    kept = "".join(" " if unicodedata.category(each).startswith("P") else each for each in folded)
    return unicodedata.normalize("NFKC", " ".join(_ARTICLES.sub(" ", kept).split()))


def score(example: Example, output: Output, facts: SuiteFacts) -> Score:
    """Right iff the normalised texts are equal."""
    answer = normalise(output.text if output.text is not None else output.label or "")
    return Score(correct=None if example.target is None else answer == normalise(example.target), answer=answer)
