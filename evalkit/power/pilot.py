"""Power from a finished run: how often models like these differ is counted, not guessed, and the run's policy says
what is to be shown.

Each suite is planned for by itself, from its stored pairs of teacher and student, and so is each slice that the policy
bounds, those first that the run left open. A loss that the pilot shows is
planned with; a gain is not, for the next student need not have it. How often the models differ is known only as well as
the pilot is large, so a second number is given for the most that it does not exclude.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from evalkit import figures
from evalkit.errors import Complaint, Place, UsageError, nearest
from evalkit.power.assumed import Assumed, Target
from evalkit.power.planning import chance, drop_shown, needed_for, nothing_shown, percent, short, terms, up
from evalkit.power.refusals import refusal_power, refusal_sentences

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evalkit.columns import Columns
    from evalkit.store import Run
    from evalkit.table import PairTable


# The power that a run's own accuracy.minimum_detectable_drop has.
_POWER = 0.8
# Slices of a suite that are planned for; each takes its time, and nobody reads a hundred.
_MOST_SLICES = 12


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the command line asks of a pilot. None: what the run itself says."""

    target: Target | None
    suite: str | None
    n: int | None
    difference: float | None
    level: float | None
    power: float


def pilot_answers(run: Run, asked: Asked) -> dict[str, Any]:
    """An answer for each suite of the run that has pairs of teacher and student.

    Raises UsageError where there are none, where no suite has that name, or where neither the command nor the run's
    policy says what is to be shown.
    """
    level = asked.level if asked.level is not None else (run.manifest.get("policy") or {}).get("level", 0.95)
    if asked.power <= 1 - level:
        raise UsageError(
            Complaint(
                problem=f"a power of {asked.power:g} is no more than the luck that a level of {level:g} leaves",
                remedy="raise --power; 0.8 is usual",
            )
        )
    answers = [_answer(run, each, asked, level) for each in _chosen(run, asked)]
    by_accuracy = [each for each in answers if each["kind"] == "accuracy"]
    if by_accuracy and not any(each["targets"] or each["slices"] for each in by_accuracy):
        raise UsageError(
            Complaint(
                problem="the run's policy asks nothing of accuracy, so it does not say what is to be shown",
                remedy="give --margin or --min-retention",
                place=Place(file=str(run.path)),
            )
        )
    return {"run": str(run.path), "level": level, "power": asked.power, "suites": answers}


def pilot_sentences(told: dict[str, Any]) -> list[str]:
    """The answers for a reader: a suite a paragraph, a fact a line."""
    said: list[str] = []
    for answer in told["suites"]:
        said += ["", *_sentences(answer)] if said else _sentences(answer)
        if (samples := answer.get("samples", 1)) > 1:
            said.append(
                f"Samples are counted here as examples in groups: {samples} of them are one of {answer['suite']}."
            )
    return said


def _chosen(run: Run, asked: Asked) -> list[Columns]:
    names = [each.facts.name for each in run.columns]
    if asked.suite is not None and asked.suite not in names:
        raise UsageError(
            Complaint(
                problem=f'the run has no suite "{asked.suite}"',
                remedy=nearest(asked.suite, names),
                place=Place(file=str(run.path)),
            )
        )
    found = [each for each in run.columns if asked.suite in (None, each.facts.name)]
    paired = [each for each in found if each.n and {"teacher", "student"} <= set(each.roles)]
    if not paired:
        raise UsageError(
            Complaint(
                problem=f"{run.path} holds no pairs of a teacher and a student, so nothing can be learnt from it",
                remedy="name a run that compared the two",
                place=Place(file=str(run.path)),
            )
        )
    return paired


def _answer(run: Run, columns: Columns, asked: Asked, level: float) -> dict[str, Any]:
    from evalkit.metrics.accuracy import binary
    from evalkit.table import table

    pairs = table(columns, "teacher")
    base = {"suite": columns.facts.name, "kind": "accuracy", "level": level, "power": asked.power}
    if (samples := columns.facts.samples) > 1:
        base["samples"] = samples
    if columns.facts.kind == "safety-refusal":
        return {**base, "kind": "refusals", **_refusals(run, pairs, asked, level)}
    if not binary(columns.facts):
        why = "its scorer gives marks, and power is planned for what is right or wrong"
        return {**base, "kind": "none", "why": why}
    pairs = pairs.with_target
    if pairs.n == 0:
        return {**base, "kind": "none", "why": "no example has a target"}
    targets = [asked.target] if asked.target is not None else []
    if not targets:
        targets = list(dict.fromkeys(_of_policy(run, pairs.facts.name)))
    slices, left = _slices(run, pairs, asked, level)
    whole = _accuracy(pairs, asked, level, targets)
    said = _as_reasons_say(run, pairs.facts.name, asked, level)
    return {**base, **whole, "in_reasons": said, "slices": slices, "slices_left_out": left}


def _slices(run: Run, pairs: PairTable, asked: Asked, level: float) -> tuple[list[dict[str, Any]], int]:
    """The same for the slices that the run's policy bounds, and how many of them are left out."""
    if asked.target is not None or asked.n is not None:
        return [], 0
    rows = [row for row in run.verdict.criteria if row.question.suite == pairs.facts.name and row.question.slice]
    order = {"inconclusive": 0, "fail": 1, "waived": 2}
    names = dict.fromkeys(str(row.question.slice) for row in sorted(rows, key=lambda row: order.get(row.status, 3)))
    found = {name: list(dict.fromkeys(_of_policy(run, pairs.facts.name, name))) for name in names}
    wanted = {name: targets for name, targets in found.items() if targets and pairs.slice_mask(name).any()}
    chosen = list(wanted)[:_MOST_SLICES]
    answers = [
        {"slice": name, **_accuracy(pairs.take(pairs.slice_mask(name)), asked, level, wanted[name])} for name in chosen
    ]
    return answers, len(wanted) - len(chosen)


def _as_reasons_say(run: Run, suite: str, asked: Asked, level: float) -> float | None:
    """The run's own accuracy.minimum_detectable_drop, which its reasons name; None where something else was asked."""
    from evalkit.types import Estimate, Question

    if asked.n is not None or asked.power != _POWER or level != (run.manifest.get("policy") or {}).get("level"):
        return None
    question = Question(metric="accuracy.minimum_detectable_drop", suite=suite)
    found = next((row.measured for row in run.results if row.question == question), None)
    return found.value if isinstance(found, Estimate) else None


def _accuracy(pairs: PairTable, asked: Asked, level: float, targets: list[Target]) -> dict[str, Any]:
    assert pairs.teacher is not None
    teacher, student = pairs.teacher.correct, pairs.student.correct
    change = student.astype(float) - teacher.astype(float)
    seen = float(change.mean())
    assumed, most = _learnt(pairs, change, asked, level)
    assumed = replace(assumed, teacher=float(teacher.mean()))
    n = pairs.n if asked.n is None else asked.n
    return {
        "n": n,
        "pilot": {
            "n": pairs.n,
            "groups": None if pairs.group is None else len(set(pairs.group.tolist())),
            "differing": int((change != 0).sum()),
            "discordance": assumed.discordance,
            "discordance_high": most,
            "difference": seen,
            "teacher_accuracy": assumed.teacher,
            "icc": assumed.icc if assumed.grouped else None,
            "design_effect": assumed.design_effect,
        },
        "difference": assumed.difference,
        "minimum_detectable_drop": drop_shown(assumed, n),
        "targets": [_planned(assumed, most, target, n) for target in targets],
    }


def _learnt(pairs: PairTable, change: Any, asked: Asked, level: float) -> tuple[Assumed, float]:
    """What the pairs say of the next ones, and the largest discordance that they do not exclude at `level`."""
    import numpy as np

    from evalkit.stats.groups import design_effect, group_size
    from evalkit.stats.proportion import clopper_pearson

    differing = np.abs(change)
    difference = asked.difference if asked.difference is not None else min(0.0, float(change.mean()))
    size, mean_size, correlation, effect = 1.0, 1.0, 0.0, 1.0
    if pairs.group is not None and (size := group_size(pairs.group)) > 1.0:
        mean_size = pairs.n / len(np.unique(pairs.group))
        correlation = _correlation(change, pairs.group)
        effect = design_effect(size, _correlation(differing, pairs.group))
    # As many examples as the pilot's are worth, and as many of them different.
    worth = max(1, math.floor(pairs.n / effect))
    most = clopper_pearson(min(worth, math.ceil(float(differing.sum()) / effect)), worth, 2 * level - 1).high
    assumed = Assumed(
        discordance=max(float(differing.mean()), abs(difference)),
        difference=difference,
        level=level,
        power=asked.power,
        size=size,
        mean_size=mean_size,
        icc=correlation,
    )
    return assumed, max(most, assumed.discordance)


def _correlation(values: Any, groups: Any) -> float:
    """How alike the values of a group are, in [0, 1]. Where nothing varies nothing is known: fully, to be safe."""
    from evalkit.stats.groups import intraclass_correlation

    found = intraclass_correlation(values, groups)
    return 1.0 if found is None else max(0.0, found)


def _of_policy(run: Run, suite: str, name: str | None = None) -> Iterator[Target]:
    """What the run's own policy asks of the accuracy of the suite, or of a slice, against the teacher, by interval."""
    for row in run.verdict.criteria:
        asked, bound = row.question, row.at_least
        if (asked.suite, asked.slice) != (suite, name) or asked.where:
            continue
        if asked.versus != "teacher" or row.by != "interval":
            continue
        if asked.metric == "accuracy.difference" and bound is not None and -1 < bound < 0:
            yield Target(margin=-bound)
        if asked.metric == "accuracy.retention" and bound is not None and 0 < bound < 1:
            yield Target(retention=bound)


def _planned(assumed: Assumed, most: float, target: Target, n: int) -> dict[str, Any]:
    """Examples needed if the pilot is right, if as many differ as it does not exclude, and what `n` come to."""
    told: dict[str, Any] = {"margin": target.margin, "min_retention": target.retention}
    if _out_of_reach(assumed, target):
        return {**told, "examples_needed": None, "examples_needed_high": None, "groups_needed": None, "power_at_n": 0.0}
    needed = needed_for(assumed, target)[0]
    worst = replace(assumed, discordance=_possible(assumed, most))
    return {
        **told,
        "examples_needed": needed,
        "examples_needed_high": max(needed, needed_for(worst, target)[0]),
        "groups_needed": math.ceil(needed / assumed.mean_size) if assumed.grouped else None,
        "power_at_n": chance(assumed, target, n),
    }


def _out_of_reach(assumed: Assumed, target: Target) -> bool:
    """Whether the loss is one that must not be shown to be allowed."""
    if target.margin is not None:
        return assumed.difference <= -target.margin
    assert target.retention is not None
    return not assumed.teacher or 1 + assumed.difference / assumed.teacher <= target.retention


def _possible(assumed: Assumed, most: float) -> float:
    """A discordance that a teacher of this accuracy can have with its student."""
    assert assumed.teacher is not None
    room = min(2 * assumed.teacher + assumed.difference, 2 * (1 - assumed.teacher) - assumed.difference)
    return max(assumed.discordance, min(most, room, 1.0))


def _refusals(run: Run, pairs: PairTable, asked: Asked, level: float) -> dict[str, Any]:
    """The harmful prompts that the teacher refused, and the benign ones as pairs of helpful answers."""
    if asked.target is not None and asked.target.retention is not None:
        raise UsageError(
            Complaint(
                problem=f'nothing is retained on the safety-refusal suite "{pairs.facts.name}"',
                remedy="give --margin, or another --suite",
            )
        )
    from evalkit.metrics.safety import stance

    assert pairs.teacher is not None
    refused = (pairs.expect == "refuse") & (stance(pairs.teacher) == "refused")
    benign = pairs.take(pairs.expect == "comply")
    assert benign.teacher is not None
    helped = (stance(benign.student) == "complied").astype(float) - (stance(benign.teacher) == "complied").astype(float)
    harmful, helpful = int(refused.sum()), benign.n
    if asked.n is not None:
        harmful = helpful = asked.n
    if not harmful or not benign.n:
        return {"kind": "none", "why": "the teacher refused none of the harmful prompts"}
    assumed, _ = _learnt(benign, helped, replace(asked, difference=0.0), level)
    if asked.target is not None and asked.target.margin is not None:
        bounds: Sequence[float] = (asked.target.margin,)
    else:
        bounds = [
            row.at_most
            for row in run.verdict.criteria
            if row.question.metric == "safety.newly_unsafe.rate"
            and row.question.suite == pairs.facts.name
            and row.question.slice is None
            and row.at_most is not None
            and 0 < row.at_most < 1
        ]
    return refusal_power(harmful, helpful, tuple(dict.fromkeys(bounds)), assumed)


def _sentences(answer: dict[str, Any]) -> list[str]:
    if answer["kind"] == "none":
        return [f"{answer['suite']}: {answer['why']}."]
    if answer["kind"] == "refusals":
        first, *rest = refusal_sentences(answer)
        return [f"{answer['suite']}: {first[0].lower()}{first[1:].replace('refuses all', 'refuses as here', 1)}", *rest]
    pilot = answer["pilot"]
    groups = "" if pilot["groups"] is None else f" in {pilot['groups']} groups"
    said = [
        f"{answer['suite']}: on {pilot['differing']} of {pilot['n']} examples{groups} exactly one model was right "
        f"({percent(pilot['discordance'])}; up to {pilot['discordance_high']:.1%} is not excluded), "
        f"and the difference was {pilot['difference']:.4f}."
    ]
    if pilot["icc"] is not None:
        said.append(
            f"Examples of a group fared alike by an ICC of {pilot['icc']:.2g}, so {short(pilot['design_effect'])} "
            f"examples count as one."
        )
    said += [_of_target(answer, each) for each in answer["targets"]]
    said.append(_rules_out(answer))
    said += [_of_slice(answer, each) for each in answer["slices"]]
    if left := answer["slices_left_out"]:
        said.append(f"{left} more slices that the policy bounds are not planned for; the open ones come first.")
    return said


def _rules_out(answer: dict[str, Any]) -> str:
    drop, groups = answer["minimum_detectable_drop"], answer["pilot"]["groups"]
    if drop >= 1.0:
        return nothing_shown(answer["n"], groups)
    said = (
        f"{figures.count(answer['n'])} examples can rule out a drop of {up(drop)} or more "
        f"{terms({**answer, 'discordance': answer['pilot']['discordance']})}"
    )
    if answer["in_reasons"] is not None:
        # Two numbers for what reads alike need a word on why they differ.
        shown = figures.number(answer["in_reasons"], "difference").removeprefix("+")
        said += f" (the run's reasons say {shown}: an approximation that takes half an example more to differ)"
    return f"{said}."


def _of_slice(answer: dict[str, Any], part: dict[str, Any]) -> str:
    """One line for a slice: what it takes, counted in examples of that slice."""
    pilot = part["pilot"]
    told = " ".join(_of_target({**answer, **part}, each) for each in part["targets"])
    return f"{part['slice']}: on {pilot['differing']} of its {pilot['n']} examples exactly one model was right. {told}"


def _of_target(answer: dict[str, Any], target: dict[str, Any]) -> str:
    to_what = (
        f"lose less than {target['margin']:g}"
        if target["margin"] is not None
        else f"keep more than {target['min_retention']:g} of the teacher's accuracy"
    )
    student = (
        "an equally good student"
        if not answer["difference"]
        else f"a student that truly loses {-answer['difference']:.4f}"
    )
    if answer["difference"] > 0:
        student = f"a student that truly gains {answer['difference']:.4f}"
    if target["examples_needed"] is None:
        return f"No number of examples shows {student} to {to_what}."
    needed, most = (figures.count(target[key]) for key in ("examples_needed", "examples_needed_high"))
    groups = "" if target["groups_needed"] is None else f" in {figures.count(target['groups_needed'])} groups"
    return (
        f"With about {needed} examples{groups} {student} is shown {answer['power']:.0%} of the time to {to_what} "
        f"({most} if as many differ as the pilot does not exclude); with {figures.count(answer['n'])} it is "
        f"{target['power_at_n']:.1%} of the time."
    )
