"""What is risked when only the surest answers are kept: the risk-coverage curve and what is read off it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from evalkit.stats.arrays import Floats, floats
from evalkit.stats.discrimination import Ties, aurc


class RiskCoverage(NamedTuple):
    """Keeping the k surest of n rows, k = 1 .. n: the share kept and the share of them that is wrong, both (n,)."""

    coverage: Floats
    risk: Floats


def risk_coverage(confidence: ArrayLike, correct: ArrayLike, ties: Ties = "average") -> RiskCoverage:
    """The curve, coverage rising. Equal confidences count as in `aurc`: by "average" each of them is as wrong as they
    all are together, so that no order of rows can change the curve. `correct` in [0, 1]; empty arrays for no rows.

    Source: El-Yaniv and Wiener (2010), JMLR 11; the mean of `risk` is `aurc`.
    """
    at, wrong = floats(confidence), 1.0 - floats(correct)
    order = np.argsort(-at, kind="stable")
    lost = wrong[order]
    if ties == "average" and at.size:
        ordered = at[order]
        starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
        size = np.diff(np.append(starts, at.size))
        lost = np.repeat(np.add.reduceat(lost, starts) / size, size)
    kept = np.arange(1, at.size + 1)
    return RiskCoverage(kept / max(1, at.size), np.minimum(np.cumsum(lost) / kept, 1.0))


def excess_aurc(confidence: ArrayLike, correct: ArrayLike, ties: Ties = "average") -> float | None:
    """AURC less that of the best order of these very answers, in [0, 1]: 0 where every right answer is surer than every
    wrong one. None for no rows. Source: Geifman, Uziel and El-Yaniv (2019), arXiv 1805.08206."""
    area = aurc(confidence, correct, ties=ties)
    if area is None:
        return None
    right = floats(correct)
    best = aurc(right, right, ties="average")
    assert best is not None
    return max(0.0, area - best)


def risk_at_coverage(
    confidence: ArrayLike, correct: ArrayLike, coverage: float, ties: Ties = "average"
) -> float | None:
    """Share of wrong answers among the surest ceil(coverage * n) rows, in [0, 1]; None where that is no row.
    ValueError for a coverage outside (0, 1]."""
    if not 0.0 < coverage <= 1.0:
        raise ValueError(f"a coverage lies between 0 and 1, not {coverage}")
    curve = risk_coverage(confidence, correct, ties)
    # A share that was computed may lie a rounding error above the count it stands for.
    place = int(np.ceil(coverage * curve.risk.size - 1e-9)) - 1
    return float(curve.risk[place]) if curve.risk.size else None


def coverage_at_risk(confidence: ArrayLike, correct: ArrayLike, risk: float, ties: Ties = "average") -> float:
    """The largest share of answers that can be kept with at most `risk` of them wrong, in [0, 1]; 0 where none can.

    It is the best point of the curve seen, not a guarantee for other examples: for that see the fallback metrics.
    """
    curve = risk_coverage(confidence, correct, ties)
    held = np.flatnonzero(curve.risk <= risk + 1e-12)
    return float(curve.coverage[held[-1]]) if held.size else 0.0
