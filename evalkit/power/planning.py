"""Examples needed and what a number of examples can show, from assumptions; the same for groups of examples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from evalkit.errors import Complaint, UsageError
from evalkit.power.assumed import Assumed, Target, check


def plan_power(assumed: Assumed, target: Target | None, n: int | None) -> dict[str, Any]:
    """Examples needed for `target`, and what `n` examples can show; keys that were not asked for are None.

    `minimum_detectable_drop` is the smallest drop that `n` examples show an equally good student to stay below,
    `largest_retention` the same for a ratio. Raises UsageError when nothing was asked, or the assumptions contradict
    each other.
    """
    if target is None and n is None:
        raise UsageError(
            Complaint(
                problem="nothing was asked",
                remedy="give --margin or --min-retention, or --n or --suite, or both of a kind, or a finished run",
            )
        )
    check(assumed, target)
    needed = None if target is None else needed_for(assumed, target)
    by_ratio = target is not None and target.retention is not None
    return {
        "margin": None if target is None else target.margin,
        "min_retention": None if target is None else target.retention,
        "teacher_accuracy": assumed.teacher,
        "discordance": assumed.discordance,
        "difference": assumed.difference,
        "level": assumed.level,
        "power": assumed.power,
        "groups": {"size": assumed.size, "icc": assumed.icc, "design_effect": assumed.design_effect}
        if assumed.grouped
        else None,
        "n": n,
        "examples_needed": None if needed is None else needed[0],
        "groups_needed": None if needed is None or not assumed.grouped else math.ceil(needed[0] / assumed.mean_size),
        "exact": None if needed is None else needed[1],
        "power_at_n": None if n is None or target is None else chance(assumed, target, n),
        "minimum_detectable_drop": None if n is None or by_ratio else drop_shown(assumed, n),
        "largest_retention": retention_shown(assumed, n) if n is not None and by_ratio else None,
    }


def needed_for(assumed: Assumed, target: Target) -> tuple[int, bool]:
    """Examples with which the gate passes with at least the power asked for, and whether by the exact power.

    In groups, as many times more as the design effect says, at least as many as make 20 groups, and with the Student t
    quantile of so many groups: that part is an approximation.
    """
    examples, exact = _independent(assumed, target, assumed.level)
    if not assumed.grouped:
        return examples, exact
    total = _in_groups(assumed, examples)
    # The level hangs on the number of groups and that on the level; they agree after a step or two.
    for _ in range(3):
        level = _level_over(assumed, total)
        examples, exact = _independent(assumed, target, level)
        total = _in_groups(assumed, examples)
    return total, exact


def chance(assumed: Assumed, target: Target, n: int) -> float:
    """How often the gate passes on `n` examples; 0 where they make too few groups for any interval."""
    from evalkit.stats.exact_power import exact_power, exact_retention_power

    if _too_few_groups(assumed, n):
        return 0.0
    worth, level = _worth(assumed, n), _level_over(assumed, n)
    if target.margin is not None:
        return exact_power(worth, target.margin, assumed.discordance, assumed.difference, level)
    assert target.retention is not None
    assert assumed.teacher is not None
    return exact_retention_power(
        worth, target.retention, assumed.teacher, assumed.discordance, assumed.difference, level
    )


def drop_shown(assumed: Assumed, n: int) -> float:
    """The smallest drop that `n` examples show an equally good student to stay below; 1 where they show nothing."""
    from evalkit.stats.planning import smallest_margin

    if _too_few_groups(assumed, n):
        return 1.0
    return smallest_margin(_worth(assumed, n), assumed.discordance, 0.0, _level_over(assumed, n), assumed.power)


def retention_shown(assumed: Assumed, n: int) -> float:
    """The largest share of the teacher's accuracy that `n` examples show an equally good student to keep."""
    from evalkit.stats.planning import largest_retention

    assert assumed.teacher is not None
    if _too_few_groups(assumed, n):
        return 0.0
    level = _level_over(assumed, n)
    return largest_retention(_worth(assumed, n), assumed.teacher, assumed.discordance, 0.0, level, assumed.power)


def sentences(answer: dict[str, Any]) -> list[str]:
    """The answer for a reader, a fact a line."""
    said = []
    n, groups = answer["n"], answer["groups"]
    if groups is not None:
        said.append(
            f"In groups of {groups['size']:.3g} whose examples fare alike by an ICC of {groups['icc']:.2g}, "
            f"{groups['design_effect']:.2f} examples count as one."
        )
    if answer["examples_needed"] is not None:
        in_groups = f" in {answer['groups_needed']} groups" if groups is not None else ""
        about = "" if answer["exact"] else "About "
        if answer["margin"] is not None:
            shown, teacher = f"show a drop below {answer['margin']:g}", ""
        else:
            shown = f"show that the student keeps more than {answer['min_retention']:g} of the teacher's accuracy"
            teacher = f"the teacher is right on {percent(answer['teacher_accuracy'])}, "
        said.append(
            f"{about}{answer['examples_needed']} examples{in_groups} {shown} {terms(answer, teacher)} "
            f"and the true difference is {answer['difference']:g}."
        )
    if answer["power_at_n"] is not None:
        said.append(f"With {n} examples such a student passes {answer['power_at_n']:.1%} of the time.")
    if answer["minimum_detectable_drop"] is not None:
        said.append(
            f"{n} examples can rule out a drop of {up(answer['minimum_detectable_drop'])} or more {terms(answer)}."
        )
    if answer["largest_retention"] is not None:
        teacher = f"the teacher is right on {percent(answer['teacher_accuracy'])}, "
        kept = 1 - float(up(1 - answer["largest_retention"]))
        said.append(
            f"{n} examples can show that an equally good student keeps {kept:.4f} of the teacher's accuracy "
            f"{terms(answer, teacher)}."
        )
    return said


def unlike_groups(sizes: Sequence[int], assumed: Assumed) -> str:
    """What is to be said of a suite's groups where nobody says how alike their examples fare: the worst case."""
    from dataclasses import replace

    from evalkit.stats.groups import group_size

    n = sum(sizes)
    codes = [group for group, size in enumerate(sizes) for _ in range(size)]
    worst = replace(assumed, size=group_size(codes), mean_size=n / len(sizes), icc=1.0)
    drop = drop_shown(worst, n)
    shown = f"a drop of {up(drop)} or more" if drop < 1.0 else "no drop at all"
    return (
        f"They come in {len(sizes)} groups: if the examples of a group always fare alike, they count as "
        f"{_worth(worst, n)} and can rule out {shown}."
    )


def up(share: float) -> str:
    """Four decimals, never less than it is: what is promised must hold."""
    return f"{math.ceil(share * 1e4 - 1e-6) / 1e4:.4f}"


def _independent(assumed: Assumed, target: Target, level: float) -> tuple[int, bool]:
    from evalkit.stats.planning import needed_for_difference, needed_for_retention

    if target.margin is not None:
        needed = needed_for_difference(target.margin, assumed.discordance, assumed.difference, level, assumed.power)
    else:
        assert target.retention is not None
        assert assumed.teacher is not None
        needed = needed_for_retention(
            target.retention, assumed.teacher, assumed.discordance, assumed.difference, level, assumed.power
        )
    return needed.examples, needed.exact


def _in_groups(assumed: Assumed, examples: int) -> int:
    from evalkit.metrics.intervals import MIN_GROUPS

    return max(math.ceil(examples * assumed.design_effect), math.ceil(MIN_GROUPS * assumed.mean_size))


def _too_few_groups(assumed: Assumed, n: int) -> bool:
    from evalkit.metrics.intervals import MIN_GROUPS

    return assumed.grouped and n / assumed.mean_size < MIN_GROUPS


def _worth(assumed: Assumed, n: int) -> int:
    """How many independent examples `n` of them in groups are worth."""
    return max(1, math.floor(n / assumed.design_effect + 1e-9))


def _level_over(assumed: Assumed, n: int) -> float:
    """The level whose normal quantile is the Student t quantile of as many groups: the interval over them uses that."""
    if not assumed.grouped:
        return assumed.level
    from scipy.special import ndtr, stdtrit

    groups = max(2.0, n / assumed.mean_size)
    return float(ndtr(stdtrit(groups - 1.0, assumed.level)))


def terms(answer: dict[str, Any], teacher: str = "") -> str:
    """Under what conditions a sentence holds."""
    return (
        f"with power {answer['power']:g} at one-sided {answer['level']:g}, "
        f"if {teacher}{percent(answer['discordance'])} of examples differ"
    )


def percent(share: float) -> str:
    """10%, and 8.3% where that is no whole number."""
    return f"{share:.0%}" if abs(share * 100 - round(share * 100)) < 1e-9 else f"{share:.1%}"
