"""How alike two texts are, in [0, 1]: 1 for equal texts, 0 for a text against none.

Written here rather than taken from a library that may or may not be installed, so that the same gate gives the same
number everywhere; tests hold them against sacrebleu, rouge-score and rapidfuzz. Edit distance and common subsequence
are computed on whole rows at once, as the bits of one integer: some tens of milliseconds for ten thousand characters.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Sequence

# Characters of each text that whoever compares whole answers compares, the first ones: time goes with the square of it.
LONGEST = 50_000
_WORD = re.compile(r"[^\W_]+")
_CHRF_ORDER = 6
_CHRF_BETA = 2


def edit_similarity(a: str, b: str) -> float:
    """1 − Levenshtein distance / length of the longer text, in characters. Symmetric."""
    longest = max(len(a), len(b))
    return 1.0 - edit_distance(a, b) / longest if longest else 1.0


def edit_distance(a: Sequence[Hashable], b: Sequence[Hashable]) -> int:
    """Fewest insertions, deletions and substitutions from `a` to `b` (Myers 1999, as simplified by Hyyrö 2003)."""
    if len(a) < len(b):
        a, b = b, a
    # What both begin and end with costs nothing: two models often say nearly the same.
    start = next((place for place, item in enumerate(b) if item != a[place]), len(b))
    a, b = a[start:], b[start:]
    end = next((place for place, item in enumerate(reversed(b)) if item != a[-1 - place]), len(b))
    a, b = a[: len(a) - end], b[: len(b) - end]
    if not b:
        return len(a)
    where = _positions(b)
    full, last = (1 << len(b)) - 1, 1 << (len(b) - 1)
    # Bit i: down column i of the table the distance goes up (plus) or down (minus) by one.
    plus, minus, distance = full, 0, len(b)
    for item in a:
        same = where.get(item, 0)
        across = (((same & plus) + plus) ^ plus) | same | minus
        up = minus | ~(across | plus) & full
        down = plus & across
        distance += bool(up & last) - bool(down & last)
        # The top row goes up by one with each item of `a`.
        up = (up << 1 | 1) & full
        down = down << 1 & full
        plus = down | ~(across | up) & full
        minus = up & across
    return distance


def longest_common_subsequence(a: Sequence[Hashable], b: Sequence[Hashable]) -> int:
    """Length of the longest sequence that is in both, in order but with gaps (Hyyrö 2004)."""
    where = _positions(b)
    full = (1 << len(b)) - 1
    row = full
    for item in a:
        same = row & where.get(item, 0)
        row = ((row + same) | (row - same)) & full
    return len(b) - row.bit_count()


def _positions(items: Sequence[Hashable]) -> dict[Hashable, int]:
    where: dict[Hashable, int] = {}
    for position, item in enumerate(items):
        where[item] = where.get(item, 0) | 1 << position
    return where


def rouge_l(a: str, b: str) -> float:
    """ROUGE-L F1 (Lin 2004): the longest common subsequence of words, against the lengths of both. Symmetric.

    Words are runs of letters and digits of any script, in lower case, not stemmed: on English text what rouge-score
    counts. Of texts without words only equal ones are alike.
    """
    if a == b:
        return 1.0
    words, others = _WORD.findall(a.lower()), _WORD.findall(b.lower())
    total = len(words) + len(others)
    return 2 * longest_common_subsequence(words, others) / total if total else 0.0


def chrf(text: str, reference: str) -> float:
    """chrF2 of one sentence (Popović 2015), as sacrebleu computes it but in [0, 1]: mean precision and recall of
    character n-grams of 1 to 6, spaces left out, recall weighing twice as much. Not symmetric.

    Orders for which either text is too short are left out of the means.
    """
    if text == reference:
        return 1.0
    text, reference = "".join(text.split()), "".join(reference.split())
    precision = recall = 0.0
    orders = min(_CHRF_ORDER, len(text), len(reference))
    for order in range(1, orders + 1):
        grams, wanted = _grams(text, order), _grams(reference, order)
        shared = (grams & wanted).total()
        precision += shared / grams.total()
        recall += shared / wanted.total()
    if not precision or not recall:
        return 0.0
    precision, recall = precision / orders, recall / orders
    factor = _CHRF_BETA**2
    return (1 + factor) * precision * recall / (factor * precision + recall)


def _grams(text: str, order: int) -> Counter[str]:
    return Counter(text[start : start + order] for start in range(len(text) - order + 1))
