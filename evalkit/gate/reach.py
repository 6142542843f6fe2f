"""Bounds that do not do what they seem to: out of reach, impossible to miss, or on the wrong side."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from evalkit.metrics import Metric, catalogue
from evalkit.policy import CriterionFile
from evalkit.types import CriterionRow

# Nobody asks a student to be this many times as right as its teacher; 97 is 97 %.
_NO_RETENTION = 2.0


def beyond_range(criterion: CriterionFile) -> tuple[str, str, str] | None:
    """Problem, remedy and key of a bound that no value of its metric can ever reach, or ever miss; None for another.

    The ends of a metric's range are allowed: a bound there may be meant, and `unmissable` says what it does.
    """
    key = "at_least" if criterion.at_least is not None else "at_most"
    bound = criterion.at_least if criterion.at_least is not None else criterion.at_most
    assert bound is not None
    for name in criterion.metric:
        if name not in catalogue():
            continue
        metric = catalogue()[name][0]
        low, high = metric.bounds
        if not low <= bound <= high:
            never = "miss" if (bound < low) == (key == "at_least") else "meet"
            return (
                f"{key}: {bound:,.12g}, and {name} lies {_within(low, high)}: no student could {never} that",
                _remedy(bound, metric),
                key,
            )
    return None


def _within(low: float, high: float) -> str:
    if math.isinf(high):
        return f"at {low:g} or above"
    return f"at {high:g} or below" if math.isinf(low) else f"from {low:g} to {high:g}"


def _remedy(bound: float, metric: Metric) -> str:
    low, high = metric.bounds
    shares = max(abs(low), abs(high)) == 1
    # Something like 1.05 is no per cent of anything that somebody would bound.
    if shares and 2 <= abs(bound) <= 100 and low <= bound / 100 <= high:
        return f"did you mean {bound / 100:g}? shares are written from 0 to 1: {abs(bound):g} % is {abs(bound) / 100:g}"
    return f"write a bound that lies {_within(low, high)}"


def unmissable(criteria: Sequence[CriterionRow]) -> Iterator[str]:
    """One sentence for each criterion that cannot fail, whatever the student does.

    Such a bound may be meant (a number that is only to be shown), so it is said and not refused. Metrics that
    this version does not measure declare no bounds, and nothing is said of them.
    """
    said = set()
    for row in criteria:
        if row.id in said or (limit := _limit(row)) is None:
            continue
        said.add(row.id)
        never = "below" if row.at_least is not None else "above"
        # Whoever bounds a share by 1 or 3 may have meant per cent.
        hint = " (shares are written from 0 to 1: 3 % is 0.03)" if abs(limit) == 1 else ""
        yield f'criterion "{row.id}" cannot be missed: {row.question.metric} is never {never} {limit:g}{hint}'


def _limit(row: CriterionRow) -> float | None:
    """The end of the metric's range at which the bound lies, or which it is beyond; None for one within."""
    known = catalogue().get(row.question.metric)
    if known is None:
        return None
    low, high = known[0].bounds
    if row.at_least is not None:
        return low if row.at_least <= low else None
    return high if row.at_most is not None and row.at_most >= high else None


def wrong_way(criteria: Sequence[CriterionRow]) -> Iterator[str]:
    """One sentence for each criterion that keeps its metric from becoming good, and lets it become as bad as it likes.

    Somebody may want that, as one side of a window or against a student that is too good to be true; mostly it is a
    slip, and such a criterion passes a student that is worse.
    """
    said = set()
    for row in criteria:
        known = catalogue().get(row.question.metric)
        if known is None or row.id in said:
            continue
        direction, metric = known[0].direction, row.question.metric
        if direction == "higher" and row.at_most is not None:
            side, better, instead = "above", "higher", "at_least"
        elif direction == "lower" and row.at_least is not None:
            side, better, instead = "below", "lower", "at_most"
        else:
            continue
        said.add(row.id)
        yield f'criterion "{row.id}" bounds {metric} from {side}, and {better} is better: was {instead} meant?'


def per_cent(criteria: Sequence[CriterionRow]) -> Iterator[str]:
    """One sentence for each criterion on a retention that asks for many times the teacher: 97 for 97 %.

    A ratio has no largest value, so such a bound is not refused.
    """
    said = set()
    for row in criteria:
        metric, bound = row.question.metric, row.at_least if row.at_least is not None else row.at_most
        if ".retention" not in metric or bound is None or abs(bound) < _NO_RETENTION or row.id in said:
            continue
        said.add(row.id)
        yield (
            f'criterion "{row.id}" bounds {metric} at {bound:,.12g}, {bound:,.12g} times what the teacher reaches: '
            "97 % is written 0.97"
        )
