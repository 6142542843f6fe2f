"""Rows of teacher, student and difference, each with the word that its interval allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evalkit import figures
from evalkit.report.sections.whole import Whole
from evalkit.report.view import Reading
from evalkit.types import Estimate, MetricRow, Undefined

NO_DIFFERENCE = "no clear difference"


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A metric of both models, in words; `word` says what the interval of the difference allows to say."""

    label: str
    note: str
    teacher: Reading | None
    student: Reading | None
    difference: Reading | None
    word: str


def compared(whole: Whole, suite: str | None, metric: str, label: str, note: str = "") -> Compared | None:
    """`metric` without its side; None where neither model has a number."""
    sides = [whole.row(suite, f"{metric}.{role}") for role in ("teacher", "student")]
    if not any(row is not None and isinstance(row.measured, Estimate) for row in sides):
        return None
    difference = whole.row(suite, f"{metric}.difference")
    return Compared(
        label=label,
        note=note,
        teacher=whole.reading(suite, f"{metric}.teacher"),
        student=whole.reading(suite, f"{metric}.student"),
        difference=whole.reading(suite, f"{metric}.difference", bound=0.0),
        word=word_of(difference),
    )


def several(whole: Whole, suite: str | None, metrics: Sequence[tuple[str, str, str]]) -> tuple[Compared, ...]:
    """The rows that there are, of (metric, label, note)."""
    found = (compared(whole, suite, *each) for each in metrics)
    return tuple(each for each in found if each is not None)


def word_of(row: MetricRow | None, still: float = 0.0, words: tuple[str, str] | None = None) -> str:
    """What the interval says: the student is better, worse (or the two `words`, above and below `still`), or no clear
    difference where the interval holds `still`. Empty where there is nothing to say or no side is the better one."""
    if row is None or isinstance(row.measured, Undefined):
        return ""
    if words is None:
        if row.direction == "neutral":
            return ""
        words = ("better", "worse") if row.direction == "higher" else ("worse", "better")
    low, high = row.measured.low, row.measured.high
    if low is None or high is None or low <= still <= high:
        return NO_DIFFERENCE
    return words[0] if low > still else words[1]


def written(value: float, low: float, high: float, n: int, level: float) -> Reading:
    """A point of a drawing, a share, as all shares are written."""
    estimate = Estimate(value=value, low=low, high=high, level=level, n=n, method="")
    shown = figures.against(estimate, None, "share")
    return Reading(value=shown.value, interval=shown.interval, n=n, level=level, method="", exact=(value, low, high))


def percent(value: float) -> str:
    """A share without an interval."""
    return figures.number(value, "share")


def level_words(level: float) -> str:
    """`90 % intervals`; empty where the level is not known."""
    return f"{level * 100:.12g} % intervals" if level else "intervals"


def level_of(whole: Whole, suite: str | None) -> float:
    """The coverage of the intervals of a suite's numbers, 0 where it has none."""
    return next((row.measured.level for row in whole.measured(suite, "") if isinstance(row.measured, Estimate)), 0.0)
