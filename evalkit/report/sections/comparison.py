"""How two numbers compare, in words: a word only where the interval leaves no room for the contrary."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from evalkit import figures
from evalkit.report import tables
from evalkit.report.drawing.factor import Factor
from evalkit.report.sections.whole import plain
from evalkit.report.view import Reading
from evalkit.types import Estimate

NO_CLEAR = "no clear difference"
SAME = "the same"
# How a comparison is written: student ÷ teacher, teacher ÷ student (a speed-up), the share that is kept, student −
# teacher.
Way = Literal["ratio", "speedup", "kept", "difference"]
_LIKE = {"ratio": "student / {}", "speedup": "{} / student", "kept": "of the {}’s", "difference": "student − {}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """A line of the scorecard: the metric of each model, and the metric that compares them.

    `less` and `more` say what the student is where the comparison is below or above no difference; `ahead` is which of
    the two speaks for the student, None where neither does.
    """

    what: str
    base: str
    against: str
    way: Way
    less: str
    more: str
    ahead: Literal["less", "more"] | None = "less"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How the student stands to another model. `reading` is the number as measured and `like` what it divides by what;
    `factor` says it in words with the larger side on top, where it is a ratio; `word` follows from the interval."""

    reading: Reading
    like: str
    factor: Reading | None
    word: str
    clear: bool
    bar: Factor | None = None


def compare(found: Estimate, quantity: Quantity, unit: str, versus: str = "teacher") -> Comparison:
    """A measured comparison in words. It is clear only where no difference is outside of the interval."""
    none = 0.0 if quantity.way == "difference" else 1.0
    reading, _ = tables.reading(found, unit, quantity.against, none)
    word, clear = said(found, none, quantity)
    return Comparison(
        reading=reading,
        like=_LIKE[quantity.way].format(versus),
        factor=_factor(found, quantity, clear=clear),
        word=word,
        clear=clear,
        bar=None if quantity.way == "difference" else _bar(found, quantity, word, clear=clear),
    )


def said(found: Estimate, none: float, quantity: Quantity) -> tuple[str, bool]:
    """The word of a comparison, and whether it is clear: its interval holds no `none`."""
    if found.low is None or found.high is None:
        return NO_CLEAR, False
    if found.high < none:
        return quantity.less, True
    if found.low > none:
        return quantity.more, True
    return (SAME, False) if found.low == found.high else (NO_CLEAR, False)


def _factor(found: Estimate, quantity: Quantity, *, clear: bool) -> Reading | None:
    """`6.2×` for a ratio of 0.16: how many times fewer, or more. None where there is nothing to say it of."""
    if not clear or quantity.way not in ("ratio", "speedup") or found.value <= 0 or not math.isfinite(found.value):
        return None
    value = max(found.value, 1.0 / found.value)
    exact = Estimate(value=value, low=value, high=value, level=found.level, n=found.n, method="")
    written = figures.against(exact, 1.0, "ratio", metric="size.bytes.ratio").value
    return replace(plain(value, "ratio", found.n, metric="size.bytes.ratio"), value=written)


def _bar(found: Estimate, quantity: Quantity, word: str, *, clear: bool) -> Factor | None:
    """The factor by which the student is ahead, for the drawing; None where neither side is ahead by more or less."""
    if quantity.ahead is None or not 0 < found.value < math.inf:
        return None
    ends = [each for each in (found.low, found.high) if each is not None and 0 < each < math.inf]
    value, ends = found.value, ends if len(ends) == 2 else []
    if quantity.ahead == "less":
        value, ends = 1.0 / value, [1.0 / each for each in reversed(ends)]
    low, high = ends or (None, None)
    return Factor(value=value, low=low, high=high, said=f"{quantity.what}: {word}", clear=clear)


def divided(teacher: Estimate | None, student: Estimate | None, quantity: Quantity) -> Comparison | None:
    """Two models' numbers divided: a ratio without an interval. It is clear where the two intervals lie apart. None
    where one is missing or nought."""
    if teacher is None or student is None or teacher.value <= 0:
        return None
    value = student.value / teacher.value
    n = min(teacher.n, student.n)
    word, clear = _apart(teacher, student, quantity)
    bare = Estimate(value=value, low=None, high=None, level=0.0, n=n, method="")
    reading, _ = tables.reading(bare, "ratio", "throughput.ratio", 1.0)
    like = _LIKE["ratio"].format("teacher")
    return Comparison(
        reading=replace(reading, exact=(value, None, None)),
        like=f"{like}, one reading each" if teacher.low == teacher.high and student.low == student.high else like,
        factor=_factor(bare, quantity, clear=clear),
        word=word,
        clear=clear,
        bar=_bar(bare, quantity, word, clear=clear),
    )


def _apart(teacher: Estimate, student: Estimate, quantity: Quantity) -> tuple[str, bool]:
    """The word for two intervals. One reading of each model says nothing of how far another would be off."""
    ends = (teacher.low, teacher.high, student.low, student.high)
    if any(end is None for end in ends) or (teacher.low == teacher.high and student.low == student.high):
        return "", False
    assert teacher.low is not None
    assert teacher.high is not None
    assert student.low is not None
    assert student.high is not None
    if student.high < teacher.low:
        return quantity.less, True
    if student.low > teacher.high:
        return quantity.more, True
    return NO_CLEAR, False
