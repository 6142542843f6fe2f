"""Criteria that no measurement could miss: a bound that lies at the end of what its metric can be, or beyond it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from evalkit.metrics import catalogue
from evalkit.types import CriterionRow


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
