"""Where a student that reads the teacher's own answers would have written something else."""

from __future__ import annotations

import math

from evalkit.metrics import Family, Metric, Setting, undefined
from evalkit.metrics.intervals import resampled
from evalkit.metrics.texts_read import parted, texts_read
from evalkit.stats.forced import median_divergence
from evalkit.table import PairTable
from evalkit.types import WRITING, Measured, Undefined


def measure(pairs: PairTable, setting: Setting) -> dict[str, Measured]:
    """The share of tokens on which both hold the same for the likeliest, and the median over texts of how many tokens
    come before the first on which they do not.

    Without the teacher's distribution, whether the student's likeliest token is the one that the teacher wrote; the
    method says which. Where half of the texts never part there is no such median.
    """
    texts = texts_read(pairs)
    if isinstance(texts, Undefined):
        return undefined(FAMILY, texts.reason)
    forced = texts.forced
    what = "likeliest tokens of both" if forced.beside.all() else "the student's likeliest token and the teacher's text"
    whole = int((forced.first == math.inf).sum())
    return {
        "agreement.token_top1": texts.per_token(forced.same.astype(float), setting, bounds=(0.0, 1.0), note=what),
        "agreement.first_divergence": resampled(
            median_divergence(forced.first),
            lambda weights: median_divergence(forced.first, weights),
            texts.pairs,
            setting,
            bounds=(0.0, math.inf),
            otherwise=f"half of the texts never part: {whole} of {texts.pairs.n} hold no divergence",
            note=f"median over texts; {what}" + (f"; {texts.note}" if texts.note else ""),
        ),
    }


FAMILY = Family(
    name="forced",
    measure=measure,
    applies=lambda facts: facts.task in WRITING,
    slices="declared",
    against=parted,
    # Only the teacher's answers are read.
    champion=False,
    metrics=(
        Metric(name="agreement.token_top1", direction="higher", unit="share", bounds=(0, 1), identity=1.0),
        Metric(name="agreement.first_divergence", direction="higher", unit="tokens", bounds=(0, math.inf)),
    ),
)
