"""The measure `embedding` of text_similarity: what a sentence encoder made of target and answer before
(evalkit/judging.py), a cosine that was stored as the judgement."""

from __future__ import annotations

import math

from evalkit.scoring.wording import wording
from evalkit.types import Example, Output, Score, SuiteFacts


def score(example: Example, output: Output, facts: SuiteFacts) -> Score:
    """Marks in [0, 1]; none without a target, 0 and unparsable where the encoder failed."""
    if example.target is None:
        return Score(correct=None, answer=wording(output))
    try:
        cosine = float(output.judgement or "")
    except ValueError:
        cosine = math.nan
    if not math.isfinite(cosine):
        why = "the encoder gave no similarity"
        return Score(correct=None, answer=wording(output), unparsable=True, marks=0.0, why=why)
    return Score(correct=None, answer=wording(output), marks=min(1.0, max(0.0, cosine)))
