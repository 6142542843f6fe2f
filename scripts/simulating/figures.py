"""What a scenario gives: counted runs, the promise they are held against, and what chance may have added."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from evalkit.types import Estimate, Measured

# How far below its nominal coverage an interval may stay: 93 % where it says 95 %.
SLACK = 0.02
# A promise counts as broken when runs as bad as these would come about less often than this if it were just kept.
BEYOND_CHANCE = 0.001

State = Literal["kept", "missed", "broken", "no promise"]


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A share of runs: of intervals that hold the truth, or of verdicts that err.

    `hits` of `runs` runs; `undefined` runs, in which there was nothing to count, are not among them. `at_least` and
    `at_most` are the promise. `more` holds what else the figure's table shows, by column.
    """

    part: str
    what: str
    scenario: str
    n: int
    runs: int
    hits: int
    level: float | None = None
    undefined: int = 0
    at_least: float | None = None
    at_most: float | None = None
    more: Mapping[str, float | None] = field(default_factory=dict)

    @property
    def share(self) -> float:
        """Hits per run, in [0, 1]; nan where every run was undefined."""
        return self.hits / self.runs if self.runs else math.nan

    @property
    def error(self) -> float:
        """Monte-Carlo standard error of the share; with half a hit added, so that it is never 0."""
        near = (self.hits + 0.5) / (self.runs + 1)
        return math.sqrt(near * (1 - near) / max(1, self.runs))

    @property
    def state(self) -> State:
        """`missed` is worse than promised, but not by more than chance may do; `broken` is more than that."""
        # What is undefined in every run promises nothing: a criterion on it is not evaluated.
        if not self.runs or (self.at_least is None and self.at_most is None):
            return "no promise"
        from scipy.stats import binom

        if self.at_least is not None and self.share < self.at_least:
            return "broken" if binom.cdf(self.hits, self.runs, self.at_least) < BEYOND_CHANCE else "missed"
        if self.at_most is not None and self.share > self.at_most:
            return "broken" if binom.sf(self.hits - 1, self.runs, self.at_most) < BEYOND_CHANCE else "missed"
        return "kept"

    def record(self) -> dict[str, Any]:
        """As JSON: seven digits, which are the same on every machine."""
        whole = {
            "part": self.part,
            "what": self.what,
            "scenario": self.scenario,
            "n": self.n,
            "level": self.level,
            "runs": self.runs,
            "undefined": self.undefined,
            "hits": self.hits,
            "share": _digits(self.share),
            "standard_error": _digits(self.error),
            "at_least": self.at_least,
            "at_most": self.at_most,
            "state": self.state,
        }
        return whole | {name: _digits(value) for name, value in self.more.items()}


@dataclass
class Tally:
    """Counts the intervals of one quantity that hold its truth."""

    part: str
    what: str
    scenario: str
    n: int
    level: float
    truth: float
    promised: bool = True
    covered: int = 0
    below: int = 0
    above: int = 0
    undefined: int = 0
    width: float = 0.0

    def add(self, measured: Measured | tuple[float, float] | None, times: int = 1) -> None:
        """One measurement that came up `times` times; what is undefined is counted apart."""
        if isinstance(measured, Estimate):
            assert measured.low is not None
            assert measured.high is not None
            low, high = measured.low, measured.high
        elif isinstance(measured, tuple):
            low, high = measured
        else:
            self.undefined += times
            return
        # The truth and an end may be one number that was computed in two ways.
        slip = 1e-12 * max(1.0, abs(self.truth))
        if high < self.truth - slip:
            self.below += times
        elif low > self.truth + slip:
            self.above += times
        else:
            self.covered += times
        self.width += times * (high - low)

    def figure(self) -> Figure:
        """Coverage, where it is promised to be at most two points below the level."""
        seen = self.covered + self.below + self.above
        return Figure(
            part=self.part,
            what=self.what,
            scenario=self.scenario,
            n=self.n,
            level=self.level,
            runs=seen,
            undefined=self.undefined,
            hits=self.covered,
            at_least=round(self.level - SLACK, 4) if self.promised else None,
            more={
                "truth": self.truth,
                "below": self.below / seen if seen else None,
                "above": self.above / seen if seen else None,
                "mean_width": self.width / seen if seen else None,
            },
        )


@dataclass(frozen=True)
class Scenario:
    """Something to simulate: its draws come from the stream of its name, so that no other scenario moves them."""

    name: str
    runs: int
    simulate: Callable[[np.random.Generator, int], list[Figure]]


def _digits(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(f"{value:.7g}")
