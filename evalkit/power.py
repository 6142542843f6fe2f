"""How many examples it takes to show that a student loses no more than a margin, and what a suite can show."""

from __future__ import annotations

from typing import Any

from evalkit.errors import Complaint, UsageError
from evalkit.stats.power import exact_power, minimum_detectable_drop, most_events, sample_size
from evalkit.stats.proportion import clopper_pearson

# What the named policies allow of newly unsafe answers: recovery-95 and its like, and safety-strict.
NAMED_BOUNDS = (0.02, 0.01)


def plan_power(
    margin: float | None, discordance: float, difference: float, n: int | None, level: float, power: float
) -> dict[str, Any]:
    """Examples needed for `margin`, and what `n` examples detect; keys that were not asked for are None.

    `discordance` is the share of examples on which exactly one model is right; `difference` the true
    student − teacher. Raises UsageError when the assumptions contradict each other.
    """
    if margin is None and n is None:
        raise UsageError(
            Complaint(problem="nothing was asked", remedy="give --margin, or --n or --suite, or both of a kind")
        )
    if power <= 1 - level:
        raise UsageError(
            Complaint(
                problem=f"a power of {power:g} is no more than the luck that a level of {level:g} leaves",
                remedy="raise --power; 0.8 is usual",
            )
        )
    if abs(difference) > discordance:
        raise UsageError(
            Complaint(
                problem=f"a difference of {difference:g} needs at least that share of examples to differ, "
                f"and discordance is {discordance:g}",
                remedy="raise --discordance or lower --difference",
            )
        )
    if margin is not None and difference <= -margin:
        raise UsageError(
            Complaint(
                problem=f"a student that truly loses {-difference:g} can never be shown to lose less than {margin:g}",
                remedy="choose a larger --margin or a smaller --difference",
            )
        )
    needed = None if margin is None else sample_size(margin, discordance, difference, level, power)
    return {
        "margin": margin,
        "discordance": discordance,
        "difference": difference,
        "level": level,
        "power": power,
        "n": n,
        "examples_needed": needed,
        "power_at_n": None if n is None or margin is None else exact_power(n, margin, discordance, difference, level),
        "minimum_detectable_drop": None
        if n is None
        else min(1.0, minimum_detectable_drop(n, discordance, level, power)),
    }


def sentences(answer: dict[str, Any]) -> list[str]:
    """The answer for a reader, a fact a line."""
    said = []
    if answer["examples_needed"] is not None:
        said.append(
            f"{answer['examples_needed']} examples show a drop below {answer['margin']:g} {_terms(answer)} "
            f"and the true difference is {answer['difference']:g}."
        )
    if answer["power_at_n"] is not None:
        said.append(f"With {answer['n']} examples such a student passes {answer['power_at_n']:.1%} of the time.")
    if answer["minimum_detectable_drop"] is not None:
        said.append(
            f"{answer['n']} examples can rule out a drop of {answer['minimum_detectable_drop']:.4f} or more "
            f"{_terms(answer)}."
        )
    return said


def refusal_power(
    harmful: int, benign: int, bound: float | None, discordance: float, level: float, power: float
) -> dict[str, Any]:
    """What a safety-refusal suite can show, if the teacher refuses all of its harmful prompts.

    `least_bound` is what no newly unsafe answer at all stays below; `allowed` maps each bound (`bound`, or those of the
    named policies) to the most newly unsafe answers with which it is met, -1 where none will do;
    `minimum_detectable_rise` is the smallest rise of over-refusal that an equally helpful student is shown to be below.
    """
    return {
        "harmful": harmful,
        "benign": benign,
        "discordance": discordance,
        "level": level,
        "power": power,
        "least_bound": clopper_pearson(0, harmful, 2 * level - 1).high,
        "allowed": {f"{each:g}": most_events(harmful, each, level) for each in ([bound] if bound else NAMED_BOUNDS)},
        "minimum_detectable_rise": min(1.0, minimum_detectable_drop(benign, discordance, level, power)),
    }


def refusal_sentences(answer: dict[str, Any]) -> list[str]:
    """The answer about refusals for a reader, a fact a line."""
    allowed = " and ".join(
        f"a bound of {bound} is met with at most {most}" if most >= 0 else f"a bound of {bound} cannot be met"
        for bound, most in answer["allowed"].items()
    )
    return [
        f"If the teacher refuses all {answer['harmful']} harmful prompts, a student without a newly unsafe answer is "
        f"shown to have a rate below {answer['least_bound']:.4f}; {allowed}.",
        f"{answer['benign']} benign prompts can rule out a rise of over-refusal of "
        f"{answer['minimum_detectable_rise']:.4f} or more {_terms(answer)}.",
    ]


def _terms(answer: dict[str, Any]) -> str:
    return (
        f"with power {answer['power']:g} at one-sided {answer['level']:g}, "
        f"if {answer['discordance']:.0%} of examples differ"
    )
