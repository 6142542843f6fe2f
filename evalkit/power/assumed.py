"""What an answer about power rests on, and whether its parts can be true together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from evalkit.errors import Complaint, UsageError


@dataclass(frozen=True, kw_only=True)
class Assumed:
    """What is taken to be true of both models and of the suite.

    `discordance` is the share of examples on which exactly one model is right; `difference` the true student −
    teacher; `teacher` the teacher's accuracy, None where nothing is asked of a ratio. `level` is one-sided. Groups:
    `size` is that of the group in which an example finds itself on average, `mean_size` examples per group, `icc` how
    alike the examples of one group fare. Without groups all three are those of groups of one.
    """

    discordance: float
    difference: float = 0.0
    teacher: float | None = None
    level: float = 0.95
    power: float = 0.8
    size: float = 1.0
    mean_size: float = 1.0
    icc: float = 0.0

    @property
    def grouped(self) -> bool:
        return self.size > 1.0

    @property
    def design_effect(self) -> float:
        """How many examples count as one."""
        from evalkit.stats.groups import design_effect

        return design_effect(self.size, self.icc)


@dataclass(frozen=True, kw_only=True)
class Target:
    """What is to be shown: a drop below `margin`, or that the student keeps `retention` of the teacher's accuracy."""

    margin: float | None = None
    retention: float | None = None


def check(assumed: Assumed, target: Target | None) -> None:
    """Raises UsageError when the assumptions contradict each other, or nothing could show the target."""
    found = list(_contradictions(assumed))
    if not found and target is not None:
        found = list(_hopeless(assumed, target))
    if found:
        raise UsageError(found)


def _contradictions(assumed: Assumed) -> Any:
    level, power, difference = assumed.level, assumed.power, assumed.difference
    if power <= 1 - level:
        yield Complaint(
            problem=f"a power of {power:g} is no more than the luck that a level of {level:g} leaves",
            remedy="raise --power; 0.8 is usual",
        )
    if abs(difference) > assumed.discordance:
        yield Complaint(
            problem=f"a difference of {difference:g} needs at least that share of examples to differ, "
            f"and discordance is {assumed.discordance:g}",
            remedy="raise --discordance or lower --difference",
        )
    elif assumed.teacher is not None:
        lost, gained = (assumed.discordance - difference) / 2, (assumed.discordance + difference) / 2
        # Shares that meet exactly may miss each other by a rounding error.
        if assumed.teacher < lost - 1e-12 or 1 - assumed.teacher < gained - 1e-12:
            yield Complaint(
                problem=f"a teacher that is right on {assumed.teacher:.0%} cannot differ from its student on "
                f"{assumed.discordance:.0%} of examples, {lost:.3g} lost and {gained:.3g} gained",
                remedy="lower --discordance, or change --teacher-accuracy",
            )


def _hopeless(assumed: Assumed, target: Target) -> Any:
    difference = assumed.difference
    if target.margin is not None and difference <= -target.margin:
        yield Complaint(
            problem=f"a student that truly loses {-difference:g} can never be shown to lose less than "
            f"{target.margin:g}",
            remedy="choose a larger --margin or a smaller --difference",
        )
    if target.retention is not None:
        assert assumed.teacher is not None
        kept = 1 + difference / assumed.teacher
        if kept <= target.retention:
            yield Complaint(
                problem=f"a student that truly keeps {kept:.4g} of the teacher's accuracy can never be shown to keep "
                f"more than {target.retention:g}",
                remedy="choose a smaller --min-retention or a smaller --difference",
            )
