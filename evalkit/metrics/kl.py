"""KL of teacher and student in nats: over the choices of an example, or over the vocabulary at each token of a text."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from evalkit.metrics import Family, Metric, Setting, undefined
from evalkit.metrics.agreement import differs
from evalkit.metrics.divergence import kl_of_choices
from evalkit.metrics.texts_read import kl_per_text, most_told, texts_read
from evalkit.table import PairTable
from evalkit.types import CHOOSING, Measured, Undefined


def measure(pairs: PairTable, setting: Setting) -> dict[str, Measured]:
    """Mean over examples where answers are chosen (`divergence.kl_of_choices`), over tokens where they are written."""
    found = kl_of_choices(pairs, setting) if pairs.facts.task in CHOOSING else _of_texts(pairs, setting)
    return undefined(FAMILY, found.reason) if isinstance(found, Undefined) else found


def _of_texts(pairs: PairTable, setting: Setting) -> dict[str, Measured] | Undefined:
    """Both models read the teacher's own answers. A student that calls impossible what the teacher calls possible is
    infinitely far: undefined with a count."""
    texts = texts_read(pairs)
    if isinstance(texts, Undefined):
        return texts
    forced = texts.forced
    if not forced.beside.all():
        return Undefined(reason=most_told(forced.note[~forced.beside], texts.pairs.n))
    found: dict[str, Measured] = {}
    for name, sums in (("kl", forced.kl), ("kl_reverse", forced.kl_reverse)):
        if infinite := int(np.isinf(sums).sum()):
            found[f"agreement.{name}"] = Undefined(reason=f"infinite on {infinite} of {texts.pairs.n} texts")
        else:
            note = "per token of the teacher's own answers, support: the vocabulary"
            found[f"agreement.{name}"] = texts.per_token(sums, setting, note=note)
    return found


def against(pairs: PairTable) -> NDArray[np.bool_] | NDArray[np.float64]:
    return differs(pairs) if pairs.facts.task in CHOOSING else kl_per_text(pairs)


FAMILY = Family(
    name="kl",
    measure=measure,
    against=against,
    metrics=(
        Metric(name="agreement.kl", direction="lower", unit="nats", bounds=(0, math.inf), identity=0.0),
        Metric(name="agreement.kl_reverse", direction="lower", unit="nats", bounds=(0, math.inf), identity=0.0),
    ),
)
