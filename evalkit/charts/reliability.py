"""How often each model is right at each confidence, and how sure it mostly is.

The rows are those of the calibration metrics: examples with a target, of models whose every answer says how sure it is;
an output that failed counts as certain and wrong. Written answers are drawn only after their map to a probability: the
probability of a text is none of being right.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from evalkit.metrics import Setting, mapped, temperature
from evalkit.metrics.calibration import applies, with_probabilities
from evalkit.metrics.confidences import FEW_A_BIN, MASS_BINS
from evalkit.metrics.intervals import MIN_GROUPS, share
from evalkit.metrics.selective import with_sureness, writes_answers
from evalkit.stats.binned_calibration import equal_width_bins
from evalkit.table import PairTable
from evalkit.types import Estimate
from evalkit.types.points import Bin, Reliability, Who

HISTOGRAM_BINS = 20

_RESCALED: Mapping[str, Who] = {"teacher": "teacher, rescaled", "student": "student, rescaled"}

_Ints = NDArray[np.int64]
_Floats = NDArray[np.float64]


def reliability(pairs: PairTable, setting: Setting, *, compared: bool) -> tuple[Reliability, ...]:
    """A line for each model that says how sure it is, and for the student at its fitted temperature; of written answers
    a line for each model after its map.

    Shares have the interval that a share of such rows has in the results (`intervals.share`). With groups every bin
    has as many of them as an interval needs; a suite that has fewer has no line.
    """
    pairs = pairs.with_target
    if pairs.n == 0:
        return ()
    found: list[tuple[Who, _Floats, NDArray[np.bool_]]] = []
    if applies(pairs.facts):
        usable, _ = with_probabilities(pairs)
        if "teacher" in usable and compared:
            found.append(("teacher", usable["teacher"].confidence, usable["teacher"].correct))
        if "student" in usable:
            found.append(("student", usable["student"].confidence, usable["student"].correct))
            rescaled = temperature.rescaled(pairs, usable["student"], setting.seed)
            if rescaled is not None:
                found.append(("student, rescaled", rescaled, usable["student"].correct))
    elif writes_answers(pairs.facts):
        known, _ = with_sureness(pairs)
        sides = {"student": pairs.student}
        if compared and pairs.teacher is not None:
            sides = {"teacher": pairs.teacher, **sides}
        for role in (each for each in sides if each in known):
            after = mapped.rescaled(pairs, sides[role], setting.seed)
            if after is not None:
                found.append((_RESCALED[role], after, sides[role].correct))
    # An interval hangs on rows and groups alone; the probabilities are most of what there would be to copy.
    bare = replace(pairs, teacher=None, again=None, student=replace(pairs.student, probs=None))
    lines = (_line(who, confidence, correct, bare, setting) for who, confidence, correct in found)
    return tuple(each for each in lines if each is not None)


def _line(
    who: Who, confidence: _Floats, correct: NDArray[np.bool_], pairs: PairTable, setting: Setting
) -> Reliability | None:
    order = np.argsort(confidence, kind="stable")
    ordered = confidence[order]
    pairs, right = pairs.take(order), correct[order]
    cuts = _cuts(ordered, pairs.group)
    if cuts is None:
        return None
    bins = []
    for start, stop in itertools.pairwise([0, *cuts.tolist(), order.size]):
        rows = slice(start, stop)
        hits = share(right[rows], pairs.take(rows), setting)
        assert isinstance(hits, Estimate)
        assert hits.low is not None
        assert hits.high is not None
        sure = ordered[rows]
        # A mean may miss the range of its values by a rounding error.
        mean = float(np.clip(sure.mean(), sure[0], sure[-1]))
        bins.append(Bin(confidence=mean, right=hits.value, low=hits.low, high=hits.high, n=stop - start))
    histogram = np.bincount(equal_width_bins(confidence, HISTOGRAM_BINS), minlength=HISTOGRAM_BINS)
    return Reliability(who=who, bins=tuple(bins), histogram=tuple(histogram.tolist()), n=confidence.size)


def _cuts(ordered: _Floats, group: _Ints | None) -> _Ints | None:
    """Where rows of rising confidence are cut into as many bins as can be known about, MASS_BINS at most; None where
    there are too few groups for one."""
    for bins in range(min(MASS_BINS, max(1, ordered.size // FEW_A_BIN)), 0, -1):
        cuts = mass_cuts(ordered, bins)
        if group is None or all(len(np.unique(each)) >= MIN_GROUPS for each in np.split(group, cuts)):
            return cuts
    return None


def mass_cuts(ordered: _Floats, bins: int) -> _Ints:
    """Positions that part rising values into `bins` of about equal mass, cut as numpy.array_split cuts.

    Equal values are never parted, for no order of rows says which of them belong where: a cut among them moves behind
    them, and what would then be less than half a bin joins its neighbour.
    """
    n = ordered.size
    sizes = [len(each) for each in np.array_split(np.arange(n), bins)]
    ideal, least = np.cumsum(sizes)[:-1], n / bins / 2.0
    cuts: list[int] = []
    for cut in ideal.tolist():
        behind = int(np.searchsorted(ordered, ordered[cut - 1], side="right"))
        if behind - (cuts[-1] if cuts else 0) >= least and n - behind >= least:
            cuts.append(behind)
    return np.array(cuts, dtype=np.int64)
