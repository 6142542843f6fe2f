"""The runs below a folder, in the order of time: an index of them, and how each criterion moved against its bound.

finding   runs by their manifest.json and verdict.json; no pair is read
trends    lines of runs that belong together, what changed between them, a point a run for each criterion
record    the history as a JSON object
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from evalkit.errors import Complaint, Place, UsageError, nearest
from evalkit.history.finding import find
from evalkit.history.trends import latest, lines
from evalkit.metrics import catalogue
from evalkit.types.over_time import History

__all__ = ["history"]


def history(folder: Path, last: int | None = None, criteria: Sequence[str] = ()) -> History:
    """Every run below `folder`; with `last` only so many of the latest, with `criteria` only trends of these ids.

    Raises UsageError where there is no run, or no criterion of a name that is asked for.
    """
    entries, skipped = find(folder)
    units = {name: fact.unit for name, (fact, _) in catalogue().items()}
    found = lines(entries, units)
    if last is not None and last < len(entries):
        kept = {each.path for each in entries[len(entries) - last :]}
        shorter = [latest(line, kept, units) for line in found]
        found = tuple(line for line in shorter if line.entries)
    known = list(dict.fromkeys(trend.id for line in found for trend in line.trends))
    if unknown := [each for each in criteria if each not in known]:
        raise UsageError(
            Complaint(
                problem=f'no verdict below {folder} has a criterion "{each}"',
                remedy=nearest(each, known),
                place=Place(file="--criterion"),
            )
            for each in unknown
        )
    if criteria:
        found = tuple(
            replace(line, trends=tuple(trend for trend in line.trends if trend.id in criteria)) for line in found
        )
    shown = sum(len(line.entries) for line in found)
    return History(
        folder=str(folder),
        lines=found,
        skipped=tuple(skipped),
        found=len(entries),
        left_out=len(entries) - shown,
        criteria=tuple(criteria),
    )
