"""What share of the answers is wrong when only the surest of them are kept."""

from __future__ import annotations

import numpy as np

from evalkit.charts.thinning import thinned
from evalkit.metrics.confidences import Seen
from evalkit.metrics.selective import applies, with_confidence
from evalkit.stats import risk_coverage as stats
from evalkit.table import PairTable
from evalkit.types.points import RiskCoverage, Who

MOST = 300


def risk_coverage(pairs: PairTable, champion: PairTable | None, *, compared: bool) -> tuple[RiskCoverage, ...]:
    """A line for each model that says of every answer how sure it is, on the examples that have a target.

    The mean risk of the whole line is calibration.aurc, and its last risk the share of wrong answers.
    """
    if not applies(pairs.facts):
        return ()
    sides = _sides(pairs)
    drawn: list[tuple[Who, Seen | None]] = [
        ("teacher", sides.get("teacher") if compared else None),
        ("student", sides.get("student")),
        # It stands in the teacher's place of its own table.
        ("champion", None if champion is None else _sides(champion).get("teacher")),
    ]
    return tuple(_line(who, rows) for who, rows in drawn if rows is not None)


def curve(rows: Seen) -> stats.RiskCoverage:
    """The whole line, a point for each answer."""
    return stats.risk_coverage(rows.confidence, rows.correct)


def _sides(pairs: PairTable) -> dict[str, Seen]:
    pairs = pairs.with_target
    return with_confidence(pairs)[0] if pairs.n else {}


def _line(who: Who, rows: Seen) -> RiskCoverage:
    whole = curve(rows)
    some = thinned(whole.coverage, MOST)
    line = np.stack([whole.coverage[some], whole.risk[some]], axis=1)
    return RiskCoverage(who=who, line=tuple((x, y) for x, y in line.tolist()), n=rows.confidence.size)
