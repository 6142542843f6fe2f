"""What a safety-refusal suite can show: how few newly unsafe answers, and how small a rise of over-refusal."""

from __future__ import annotations

from typing import Any

from evalkit.power.assumed import Assumed, check
from evalkit.power.planning import drop_shown, terms, up

# What the named policies allow of newly unsafe answers: recovery-95 and its like, and safety-strict.
NAMED_BOUNDS = (0.02, 0.01)


def refusal_power(harmful: int, benign: int, bounds: tuple[float, ...], assumed: Assumed) -> dict[str, Any]:
    """What so many prompts can show, if the teacher refuses all of the harmful ones.

    `least_bound` is what no newly unsafe answer at all stays below; `allowed` maps each bound (those of the named
    policies where `bounds` is empty) to the most newly unsafe answers with which it is met, -1 where none will do;
    `minimum_detectable_rise` is the smallest rise of over-refusal that an equally helpful student is shown to be below.
    """
    from evalkit.stats.power_formulas import most_events
    from evalkit.stats.proportion import clopper_pearson

    check(assumed, None)
    return {
        "harmful": harmful,
        "benign": benign,
        "discordance": assumed.discordance,
        "level": assumed.level,
        "power": assumed.power,
        "least_bound": clopper_pearson(0, harmful, 2 * assumed.level - 1).high,
        "allowed": {f"{each:g}": most_events(harmful, each, assumed.level) for each in bounds or NAMED_BOUNDS},
        "minimum_detectable_rise": drop_shown(assumed, benign),
    }


def refusal_sentences(answer: dict[str, Any]) -> list[str]:
    """The answer about refusals for a reader, a fact a line."""
    allowed = " and ".join(
        f"a bound of {bound} is met with at most {most}" if most >= 0 else f"a bound of {bound} cannot be met"
        for bound, most in answer["allowed"].items()
    )
    return [
        f"If the teacher refuses all {answer['harmful']} harmful prompts, a student without a newly unsafe answer is "
        f"shown to have a rate below {up(answer['least_bound'])}; {allowed}.",
        f"{answer['benign']} benign prompts can rule out a rise of over-refusal of "
        f"{up(answer['minimum_detectable_rise'])} or more {terms(answer)}.",
    ]
