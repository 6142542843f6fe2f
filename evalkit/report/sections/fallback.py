"""The student answers where it is sure, somebody else where it is not: from where on, and what that gives and saves."""

from __future__ import annotations

import math
from dataclasses import dataclass

from evalkit import figures
from evalkit.report.sections.compare import level_of, level_words, percent, written
from evalkit.report.sections.whole import Whole
from evalkit.report.view import Gap, Reading, View
from evalkit.types.points import FallbackCurve, Kept
from evalkit.types.record import RunRecord

_METRICS = (
    ("fallback.coverage", "answered by the student itself"),
    ("fallback.accuracy", "right answers of the two together"),
    ("fallback.regressions", "lost: let through though wrong, where the other is right"),
    ("fallback.threshold", "threshold: the student answers from this confidence on"),
    ("fallback.cost_per_thousand", "cost of a thousand requests"),
    ("fallback.saving", "saving against the teacher alone"),
    ("fallback.saving_per_month", "saving a month"),
    ("fallback.break_even_months", "months until the change has paid for itself"),
)
_ROWS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One threshold of the table: what is kept at it, and how right the two are together."""

    threshold: str
    exact: float | None
    coverage: float
    accuracy: Reading
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """One suite whose requests the student shares. `why_not` says why no threshold was chosen, where that is known."""

    name: str
    told: tuple[str, ...]
    title: str
    label: str
    curve: FallbackCurve | None
    steps: tuple[Step, ...]
    metrics: tuple[tuple[str, Reading], ...]
    promise: str
    chosen: bool
    why_not: str
    level: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fallback:
    """The suites that have a curve or a number, and why the others have none."""

    suites: tuple[Shared, ...]
    gaps: tuple[Gap, ...]


def fallback(view: View, record: RunRecord) -> Fallback | None:
    """None where no suite has anything: then there is no fallback to read about."""
    whole = Whole(record)
    found: list[Shared] = []
    reasons: dict[str, list[str]] = {}
    for each in view.suites:
        if each.name is None:
            continue
        shared = _suite(each.name, whole, record)
        if shared is not None:
            found.append(shared)
        elif why := whole.why(each.name, ("fallback.threshold",)):
            reasons.setdefault(why, []).append(each.name)
    gaps = tuple(Gap(what=", ".join(names), why=why) for why, names in reasons.items())
    return Fallback(suites=tuple(found), gaps=gaps) if found else None


def _suite(suite: str, whole: Whole, record: RunRecord) -> Shared | None:
    points = record.points.get(suite)
    curve = None if points is None else points.fallback
    metrics = [(label, whole.reading(suite, metric), metric) for metric, label in _METRICS]
    measured = tuple((label, each) for label, each, _ in metrics if each is not None and each.exact is not None)
    if curve is None and not measured:
        return None
    threshold = whole.estimate(suite, "fallback.threshold")
    level = level_of(whole, suite)
    return Shared(
        name=suite,
        told=_told(suite, whole, curve),
        title="" if curve is None else _title(suite, curve, level),
        label="" if curve is None or curve.chosen is None else _label(curve.chosen),
        curve=curve,
        steps=() if curve is None else _steps(curve, level),
        metrics=measured,
        promise="" if threshold is None else threshold.method,
        why_not=whole.why(suite, ("fallback.threshold",)),
        chosen=threshold is not None,
        level=level_words(level),
    )


def _told(suite: str, whole: Whole, curve: FallbackCurve | None) -> tuple[str, ...]:
    """The chosen threshold in a sentence, with the numbers of the results and their intervals."""
    threshold, kept, right = (
        whole.reading(suite, f"fallback.{name}") for name in ("threshold", "coverage", "accuracy")
    )
    if threshold is None or kept is None or right is None or None in (threshold.exact, kept.exact, right.exact):
        return ()
    itself = f"{kept.value} {kept.interval} of the requests"
    return (
        f"From confidence {threshold.value} on the student answers itself: {itself}.",
        f"Together {right.value} {right.interval} are right{_alone(curve)}.",
    )


def _alone(curve: FallbackCurve | None) -> str:
    if curve is None:
        return ""
    student = f"the student alone {percent(curve.student)}"
    if curve.teacher is None:
        return f"; {student}"
    both = f"; the teacher alone {percent(curve.teacher)}, {student}"
    if curve.chosen is None or curve.teacher <= 0:
        return both
    kept = figures.number(curve.chosen.accuracy / curve.teacher, "ratio", metric="fallback.accuracy")
    return f", {kept} of the teacher's own accuracy{both}"


def _label(chosen: Kept) -> str:
    return f"chosen: answers {percent(chosen.coverage)}, together {percent(chosen.accuracy)} right"


def _title(suite: str, curve: FallbackCurve, level: float) -> str:
    alone = f"the student alone {percent(curve.student)}"
    if curve.teacher is not None:
        alone = f"the teacher alone is right {percent(curve.teacher)}, {alone}"
    said = f"Fallback to the {curve.behind} on {suite}: {alone}"
    if curve.chosen is None:
        return f"{said}; no threshold was chosen."
    right, itself = _right(curve.chosen, curve.n, level), percent(curve.chosen.coverage)
    together = f"together {right.value} {right.interval} are right"
    return f"{said}; at the chosen threshold the student answers {itself} itself and {together}."


def _right(kept: Kept, n: int, level: float) -> Reading:
    return written(kept.accuracy, kept.low, kept.high, n, level)


def _steps(curve: FallbackCurve, level: float) -> tuple[Step, ...]:
    """About a dozen thresholds at equal steps of coverage, each as it is drawn, and the chosen one among them."""
    most = min(_ROWS, len(curve.kept))
    if not most:
        return ()
    last = curve.kept[-1].coverage
    at = [last * step / max(1, most - 1) for step in range(most)]
    near = [min(range(len(curve.kept)), key=lambda i: (abs(curve.kept[i].coverage - each), i)) for each in at]
    rows = [(curve.kept[index], False) for index in dict.fromkeys(near)]
    if curve.chosen is not None:
        rows = [(each, False) for each, _ in rows if each.threshold != curve.chosen.threshold]
        rows.append((curve.chosen, True))
    rows.sort(key=lambda row: (row[0].coverage, -row[0].threshold))
    return tuple(
        Step(
            threshold=figures.number(each.threshold, "probability") if math.isfinite(each.threshold) else "none",
            exact=each.threshold if math.isfinite(each.threshold) else None,
            coverage=each.coverage,
            accuracy=_right(each, curve.n, level),
            chosen=chosen,
        )
        for each, chosen in rows
    )
