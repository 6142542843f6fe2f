"""What the command line asks, put together: which options go together, and who answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalkit.errors import Complaint, UsageError
from evalkit.power.assumed import Assumed, Target
from evalkit.power.pilot import Asked, pilot_answers, pilot_sentences
from evalkit.power.planning import plan_power, sentences, unlike_groups
from evalkit.power.refusals import refusal_power, refusal_sentences

if TYPE_CHECKING:
    from evalkit.types import Example, Suite

Told = tuple[dict[str, Any], list[str]]


def answer(
    run: Path | None,
    read_suite: Callable[[str], Suite],
    *,
    margin: float | None,
    min_retention: float | None,
    teacher_accuracy: float | None,
    discordance: float | None,
    difference: float | None,
    n: int | None,
    suite_path: str | None,
    group_size: float | None,
    icc: float | None,
    level: float | None,
    wanted: float,
) -> Told:
    """The answer as JSON values and as sentences. None is an option that was not given.

    Raises UsageError, once for all options that contradict each other, and where the run or the suite cannot be read.
    """
    given = {
        "--discordance": discordance,
        "--teacher-accuracy": teacher_accuracy,
        "--group-size": group_size,
        "--icc": icc,
    }
    target = None if margin is None and min_retention is None else Target(margin=margin, retention=min_retention)
    complaints = list(
        _contradictions(run, suite_path, target, {name for name, each in given.items() if each is not None})
    )
    if complaints:
        raise UsageError(complaints)
    if run is not None:
        from evalkit.store import read_run

        asked = Asked(target=target, suite=suite_path, n=n, difference=difference, level=level, power=wanted)
        told = pilot_answers(read_run(run), asked)
        return told, pilot_sentences(told)
    assumed = Assumed(
        discordance=0.1 if discordance is None else discordance,
        difference=difference or 0.0,
        teacher=teacher_accuracy,
        level=0.95 if level is None else level,
        power=wanted,
        size=group_size or 1.0,
        mean_size=group_size or 1.0,
        icc=icc or 0.0,
    )
    if suite_path is not None:
        from evalkit.suite.samples import once_each

        suite = read_suite(suite_path)
        told, said = _of_suite(once_each(suite), assumed, target, n, icc, difference)
        if suite.facts.samples > 1:
            said.append(f"Each example counts once here; {suite.facts.samples} samples of it can only help.")
        return told, said
    told = plan_power(assumed, target, n)
    return told, sentences(told)


def _contradictions(run: Path | None, suite: str | None, target: Target | None, given: set[str]) -> Iterator[Complaint]:
    if target is not None and target.margin is not None and target.retention is not None:
        yield Complaint(
            problem="--margin and --min-retention are two ways to say what may be lost", remedy="keep one of them"
        )
    if run is not None:
        if given:
            yield Complaint(
                problem=f"the run says itself what {_listed(given)} would assume",
                remedy="leave the option away, or the run" if len(given) == 1 else "leave the options away, or the run",
            )
        return
    retained = target is not None and target.retention is not None
    if retained and "--teacher-accuracy" not in given:
        yield Complaint(
            problem="how many examples a retention needs depends on how often the teacher is right",
            remedy="give --teacher-accuracy, or a finished run",
        )
    if not retained and "--teacher-accuracy" in given:
        yield Complaint(
            problem="--teacher-accuracy changes nothing without --min-retention", remedy="leave it away, or give both"
        )
    if suite is not None and "--group-size" in given:
        yield Complaint(problem="the suite says itself how large its groups are", remedy="leave --group-size away")
    if suite is None and ("--group-size" in given) != ("--icc" in given):
        yield Complaint(
            problem="groups need both their size and how alike their examples fare",
            remedy="give --group-size and --icc, or neither",
        )


def _of_suite(
    suite: Suite, assumed: Assumed, target: Target | None, n: int | None, icc: float | None, difference: float | None
) -> Told:
    if suite.facts.kind == "safety-refusal":
        return _of_refusals(suite, assumed, target, n, icc, difference)
    targeted = [each for each in suite.examples if each.target is not None]
    if not targeted:
        problem = f'the suite "{suite.name}" has no targets, so no accuracy can be measured on it'
        raise UsageError(Complaint(problem=problem, remedy="name a suite with targets, or give --n"))
    sizes = _sizes(targeted)
    from evalkit.metrics.intervals import MIN_GROUPS

    grouped = _in_groups(assumed, sizes, icc, suite)
    told = plan_power(grouped, target, len(targeted) if n is None else n)
    said = sentences(told)
    if max(sizes) > 1 and icc is None and n is None and told["minimum_detectable_drop"] is not None:
        if len(sizes) < MIN_GROUPS:
            # However alike their examples are, no interval is made of so few groups.
            told = {**told, "minimum_detectable_drop": 1.0, "power_at_n": None if target is None else 0.0}
            said = sentences({**told, "power_at_n": None, "minimum_detectable_drop": None})
        said.append(unlike_groups(sizes, assumed))
    return told, said


def _of_refusals(
    suite: Suite, assumed: Assumed, target: Target | None, n: int | None, icc: float | None, difference: float | None
) -> Told:
    if (target is not None and target.retention is not None) or difference:
        raise UsageError(
            Complaint(
                problem=f'"{suite.name}" is a safety-refusal suite: it bounds newly unsafe answers and over-refusal, '
                "and knows no retention and no difference in accuracy",
                remedy="give --margin as the bound, or name another suite",
            )
        )
    benign = [each for each in suite.examples if each.expect != "refuse"]
    harmful = len(suite.examples) - len(benign)
    grouped = _in_groups(assumed, _sizes(benign), icc, suite)
    bounds = () if target is None or target.margin is None else (target.margin,)
    told = refusal_power(harmful if n is None else n, len(benign) if n is None else n, bounds, grouped)
    return told, refusal_sentences(told)


def _sizes(examples: list[Example]) -> list[int]:
    """How many examples each group has; an example without a group is one of its own."""
    counts = Counter(each.group for each in examples if each.group is not None)
    return [*counts.values(), *(1 for each in examples if each.group is None)]


def _in_groups(assumed: Assumed, sizes: list[int], icc: float | None, suite: Suite) -> Assumed:
    if icc is None:
        return assumed
    if max(sizes) == 1:
        raise UsageError(
            Complaint(
                problem=f'the suite "{suite.name}" has no groups of examples for --icc', remedy="leave --icc away"
            )
        )
    from evalkit.stats.groups import group_size

    codes = [group for group, size in enumerate(sizes) for _ in range(size)]
    return replace(assumed, size=group_size(codes), mean_size=sum(sizes) / len(sizes), icc=icc)


def _listed(names: set[str]) -> str:
    *rest, last = sorted(names)
    return f"{', '.join(rest)} and {last}" if rest else last
