"""What the report draws, as points: read off the pairs once, knowing nothing of a page.

No policy asks for these; whatever is decided on is an estimate in results.json. Shares and confidences are in [0, 1],
times in seconds. Standard library only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from evalkit.types import Fallback as Behind

Who = Literal["teacher", "teacher, rescaled", "student", "student, rescaled", "champion"]
Line = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Answers of about the same confidence: their mean confidence, the share that is right, and its interval."""

    confidence: float
    right: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """How often a model is right at each confidence. `bins` have about equally many answers, the least confident
    first; `histogram` counts answers in 20 bins of equal width over [0, 1]. "student, rescaled": at the temperature
    fitted on the other folds. The confidence of written answers is no probability: they have only "teacher, rescaled"
    and "student, rescaled", by the curve from confidence to being right that was fitted on the other folds."""

    who: Who
    bins: tuple[Bin, ...]
    histogram: tuple[int, ...]
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskCoverage:
    """(coverage, risk) of keeping only the surest answers, coverage rising to 1. Thinned: a few hundred points."""

    who: Who
    line: Line
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """At this threshold: the share of requests that the student answers, the accuracy of the two together, its
    interval. A threshold of infinity keeps nothing."""

    threshold: float
    coverage: float
    accuracy: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FallbackCurve:
    """What becomes of accuracy as the student answers more, on the half that the threshold was not chosen on.

    `kept` by coverage, from nothing to all that the student has an answer to. `chosen` is where the threshold of the
    suite stands, None where no threshold was chosen; `teacher` (None where there is none) and `student` are their own
    accuracies on the same examples."""

    kept: tuple[Kept, ...]
    chosen: Kept | None
    teacher: float | None
    student: float
    behind: Behind
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """(seconds, share done by then) over all requests: the distribution of the times of one model, thinned.

    `n` requests, of which `unfinished` failed or ran out of time: the line ends below 1 by their share. `how` says in
    which way they were timed."""

    who: Who
    line: Line
    n: int
    unfinished: int
    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Swap:
    """An answer that the student gives where the teacher gave another: how often, and how often it lost by that."""

    teacher: str
    student: str
    n: int
    lost: int


# expect, what the teacher did, what the student did: how many. "none": errored, empty, or not readable.
Refusals = Mapping[tuple[str, str, str], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class SuitePoints:
    """Everything that can be drawn of one suite; empty where the suite has no such thing."""

    reliability: tuple[Reliability, ...] = ()
    risk_coverage: tuple[RiskCoverage, ...] = ()
    fallback: FallbackCurve | None = None
    times: tuple[Times, ...] = ()
    refusals: Refusals = field(default_factory=dict)
    swaps: tuple[Swap, ...] = ()
