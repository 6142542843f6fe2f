"""Examples needed and what a number of examples can show, from assumptions; the same for groups of examples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from evalkit.errors import Complaint, UsageError
from evalkit.figures import count
from evalkit.power.assumed import Assumed, Target, check

# The normal quantile beyond which a level is told from 1 by too few digits.
_LARGEST_Z = 6.0


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
    counted = needed[0] if needed is not None else n
    assert counted is not None
    by_ratio = target is not None and target.retention is not None
    return {
        "margin": None if target is None else target.margin,
        "min_retention": None if target is None else target.retention,
        "teacher_accuracy": assumed.teacher,
        "discordance": assumed.discordance,
        "difference": assumed.difference,
        "level": assumed.level,
        "power": assumed.power,
        "groups": {
            "size": assumed.size,
            "icc": assumed.icc,
            "design_effect": assumed.design_effect,
            "of_n": None if n is None else math.floor(n / assumed.mean_size + 1e-9),
            "examples": counted,
            "independent": max(1, math.floor(worth(assumed, counted, by_ratio=by_ratio) + 1e-9)),
        }
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

    In groups the first number from which on `chance` is as large, at least 20 groups: that is an approximation.
    """
    from evalkit.metrics.intervals import MIN_GROUPS
    from evalkit.stats.exact_power import MOST
    from evalkit.stats.planning import least_examples

    examples, exact = _independent(assumed, target)
    if not assumed.grouped:
        return examples, exact
    about, enough = math.ceil(examples * assumed.design_effect), math.ceil(MIN_GROUPS * assumed.mean_size)
    if not exact or 2 * examples > MOST:
        # Among so many the one group more and the t quantile make no difference.
        return max(about, enough), False

    def passing(n: int) -> float:
        return _chance(assumed, target, max(n, enough))

    window, looks = (
        math.ceil(assumed.design_effect * _two_counts(assumed, target)),
        20 if target.retention is None else 5,
    )
    return max(least_examples(passing, max(about, enough), window, looks, assumed.power), enough), True


def chance(assumed: Assumed, target: Target, n: int) -> float:
    """How often the gate passes on `n` examples; 0 where they make too few groups for any interval."""
    return 0.0 if _too_few_groups(assumed, n) else _chance(assumed, target, n)


def drop_shown(assumed: Assumed, n: int) -> float:
    """The smallest drop that `n` examples show an equally good student to stay below; 1 where they show nothing."""
    from evalkit.stats.planning import smallest_margin

    if _too_few_groups(assumed, n):
        return 1.0
    rows, level = _gate(replace(assumed, difference=0.0), n, by_ratio=False)
    return smallest_margin(rows, assumed.discordance, 0.0, level, assumed.power)


def retention_shown(assumed: Assumed, n: int) -> float:
    """The largest share of the teacher's accuracy that `n` examples show an equally good student to keep."""
    from evalkit.stats.planning import largest_retention

    assert assumed.teacher is not None
    if _too_few_groups(assumed, n):
        return 0.0
    rows, level = _gate(replace(assumed, difference=0.0), n, by_ratio=True)
    return largest_retention(rows, assumed.teacher, assumed.discordance, 0.0, level, assumed.power)


def sentences(answer: dict[str, Any]) -> list[str]:
    """The answer for a reader, a fact a line."""
    said = []
    n, groups = answer["n"], answer["groups"]
    if groups is not None:
        said.append(
            f"In groups of {short(groups['size'])} whose examples fare alike by an ICC of {groups['icc']:.2g}, "
            f"{short(groups['design_effect'])} examples count as one; "
            f"the gate knows that only from its groups and takes {count(groups['examples'])} for "
            f"{count(groups['independent'])}."
        )
    if answer["examples_needed"] is not None:
        in_groups = f" in {count(answer['groups_needed'])} groups" if groups is not None else ""
        about = "" if answer["exact"] else "About "
        if answer["margin"] is not None:
            shown, teacher = f"rule out a drop of {answer['margin']:g} or more", ""
        else:
            shown = f"show that the student keeps more than {answer['min_retention']:g} of the teacher's accuracy"
            teacher = f"the teacher is right on {percent(answer['teacher_accuracy'])}, "
        said.append(
            f"{about}{count(answer['examples_needed'])} examples{in_groups} {shown} {terms(answer, teacher)} "
            f"and the true difference is {answer['difference']:g}."
        )
    if answer["power_at_n"] is not None:
        said.append(f"With {count(n)} examples such a student passes {answer['power_at_n']:.1%} of the time.")
    drop = answer["minimum_detectable_drop"]
    if drop is not None and drop >= 1.0:
        said.append(nothing_shown(n, None if groups is None else groups["of_n"]))
    elif drop is not None:
        said.append(f"{count(n)} examples can rule out a drop of {up(drop)} or more {terms(answer)}.")
    if answer["largest_retention"] is not None:
        teacher = f"the teacher is right on {percent(answer['teacher_accuracy'])}, "
        kept = 1 - float(up(1 - answer["largest_retention"]))
        said.append(
            f"{count(n)} examples can show that an equally good student keeps {kept:.4f} of the teacher's accuracy "
            f"{terms(answer, teacher)}."
        )
    return said


def unlike_groups(sizes: Sequence[int], assumed: Assumed) -> str:
    """What is to be said of a suite's groups where nobody says how alike their examples fare: the worst case."""
    from evalkit.stats.groups import group_size

    n = sum(sizes)
    codes = [group for group, size in enumerate(sizes) for _ in range(size)]
    worst = replace(assumed, size=group_size(codes), mean_size=n / len(sizes), icc=1.0)
    if _too_few_groups(worst, n):
        return nothing_shown(n, len(sizes))
    drop = drop_shown(worst, n)
    shown = f"a drop of {up(drop)} or more" if drop < 1.0 else "no drop at all"
    return (
        f"They come in {len(sizes)} groups: if the examples of a group always fare alike, they count as "
        f"{math.floor(worth(worst, n) + 1e-9)} and can rule out {shown}."
    )


def nothing_shown(n: int, groups: int | None) -> str:
    """What is said where no drop can be ruled out: too few groups, or next to nothing."""
    from evalkit.metrics.intervals import MIN_GROUPS

    if groups is None or groups >= MIN_GROUPS:
        return f"{count(n)} examples can rule out no drop at all."
    return (
        f"{count(n)} examples come in {groups} groups, and an interval over groups needs {MIN_GROUPS}: no criterion on "
        "accuracy could be evaluated, and they can rule out no drop at all."
    )


def short(number: float) -> str:
    """Three digits, and as many as it takes before the point: 3.5, 1,234."""
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"


def worth(assumed: Assumed, n: int, *, by_ratio: bool = False) -> float:
    """For how many independent examples the gate takes `n` of them in groups, on average; above 0.

    It counts them by how the rows of its own estimate vary: a difference's, or those of a ratio where that is asked.
    """
    from evalkit.stats.groups import planned_rows

    if not assumed.grouped:
        return float(n)
    variance = _variance_of_ratio(assumed) if by_ratio else assumed.discordance - assumed.difference**2
    return planned_rows(n, variance, assumed.size, assumed.icc)


def _variance_of_ratio(assumed: Assumed) -> float:
    """Of student - ratio * teacher, a row of the linearised ratio."""
    assert assumed.teacher is not None
    lost, gained = (assumed.discordance - assumed.difference) / 2.0, (assumed.discordance + assumed.difference) / 2.0
    ratio = 1.0 + assumed.difference / assumed.teacher
    return max(0.0, (assumed.teacher - lost) * (1.0 - ratio) ** 2 + lost * ratio**2 + gained)


def up(share: float) -> str:
    """Four decimals, never less than it is: what is promised must hold."""
    return f"{math.ceil(share * 1e4 - 1e-6) / 1e4:.4f}"


def _independent(assumed: Assumed, target: Target) -> tuple[int, bool]:
    from evalkit.stats.planning import needed_for_difference, needed_for_retention

    level, power = assumed.level, assumed.power
    if target.margin is not None:
        needed = needed_for_difference(target.margin, assumed.discordance, assumed.difference, level, power)
    else:
        assert target.retention is not None
        assert assumed.teacher is not None
        needed = needed_for_retention(
            target.retention, assumed.teacher, assumed.discordance, assumed.difference, level, power
        )
    return needed.examples, needed.exact


def _chance(assumed: Assumed, target: Target, n: int) -> float:
    from evalkit.stats.exact_power import exact_power, exact_retention_power

    rows, level = _gate(assumed, n, by_ratio=target.retention is not None)
    if target.margin is not None:
        return exact_power(rows, target.margin, assumed.discordance, assumed.difference, level)
    assert target.retention is not None
    assert assumed.teacher is not None
    return exact_retention_power(
        rows, target.retention, assumed.teacher, assumed.discordance, assumed.difference, level
    )


def _two_counts(assumed: Assumed, target: Target) -> float:
    """How many independent examples make the margin two whole counts."""
    if target.margin is not None:
        return 2.0 / target.margin
    assert target.retention is not None
    assert assumed.teacher is not None
    return 2.0 / ((1.0 - target.retention) * assumed.teacher)


def _gate(assumed: Assumed, n: int, *, by_ratio: bool) -> tuple[int, float]:
    """The gate over groups as one over independent examples: how many, and at which level.

    The estimate varies as that of n / design effect examples. The score interval takes them for fewer (`worth`): its
    statistic grows with the square root of the counts, so that is a larger normal quantile. The interval over groups
    has Student's, of as many groups. The wider of the two decides.
    """
    if not assumed.grouped:
        return n, assumed.level
    from scipy.special import ndtr, stdtrit

    from evalkit.stats.normal import one_sided_z

    z, independent = one_sided_z(assumed.level), worth(assumed, n, by_ratio=by_ratio)
    # A level nearer to 1 has too few digits left. Then the estimate is taken to vary more than it does, to be safe.
    rows = min(n / assumed.design_effect, independent * max(1.0, _LARGEST_Z / z) ** 2)
    by_score = z * math.sqrt(rows / independent)
    over_groups = stdtrit(max(2.0, n / assumed.mean_size) - 1.0, assumed.level)
    return max(1, math.floor(rows + 1e-9)), float(ndtr(max(by_score, over_groups)))


def _too_few_groups(assumed: Assumed, n: int) -> bool:
    from evalkit.metrics.intervals import MIN_GROUPS

    return assumed.grouped and n / assumed.mean_size < MIN_GROUPS


def terms(answer: dict[str, Any], teacher: str = "") -> str:
    """Under what conditions a sentence holds."""
    return (
        f"with power {answer['power']:g} at one-sided {answer['level']:g}, "
        f"if {teacher}{percent(answer['discordance'])} of examples differ"
    )


def percent(share: float) -> str:
    """10%, and 8.3% where that is no whole number."""
    return f"{share:.0%}" if abs(share * 100 - round(share * 100)) < 1e-9 else f"{share:.1%}"
