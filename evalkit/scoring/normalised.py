"""Normalised: equal once case, punctuation, articles and spacing are set aside.

The rules are those of the SQuAD evaluation (Rajpurkar et al. 2016), after Unicode NFKC, and with one exception:
what would leave nothing is kept, for else "?" would answer a question whose answer is choice "A". Changing them
changes numbers that gates rest on: give the new rules a new scorer name instead.
"""

from __future__ import annotations

import re
import unicodedata

from evalkit.scoring.wording import wording
from evalkit.types import Example, Output, Score, SuiteFacts

_ARTICLES = re.compile(r"\b(a|an|the)\b")


def normalise(text: str) -> str:
    """The text without what does not matter; applying it twice changes nothing."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    words = "".join(" " if unicodedata.category(each).startswith("P") else each for each in folded)
    kept = _ARTICLES.sub(" ", words).split() or words.split() or folded.split()
    return unicodedata.normalize("NFKC", " ".join(kept))


def score(example: Example, output: Output, facts: SuiteFacts) -> Score:
    """Right iff the normalised texts are equal."""
    answer = normalise(wording(output))
    return Score(correct=None if example.target is None else answer == normalise(example.target), answer=answer)
