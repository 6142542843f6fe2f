"""How sides are timed against each other: in turns, in shuffled order, and only once their answers are equal."""

from __future__ import annotations

import gc
import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

OURS = "evalkit"
# Tells the sides of one contest apart where several are of one kind: "lm-eval, 16 rows".
COMMA = ", "

Side = Callable[[Sequence[Any]], list[Any]]


@dataclass(frozen=True)
class Goal:
    """What a ratio must reach. Its other side is the fastest, in each repeat, of those called `against`, or that and a
    comma.

    With `at_least` the ratio is their time by ours (how many times as fast), with `at_most` ours by theirs.
    """

    about: str
    against: str
    at_least: float | None = None
    at_most: float | None = None

    def others(self, sides: Sequence[str]) -> list[str]:
        return [each for each in sides if each == self.against or each.startswith(self.against + COMMA)]


@dataclass(frozen=True)
class Contest:
    """Sides that answer the same rows. `differ` says from ours and another's answers how they differ, as JSON with
    `equal` among it. `lacking` names sides that cannot be run here, and why."""

    rows: Sequence[Any]
    sides: Mapping[str, Side]
    differ: Callable[[Sequence[Any], Sequence[Any]], dict[str, Any]]
    lacking: Mapping[str, str] = field(default_factory=dict)
    # Sides whose answers are no answers, such as the bare products of two matrices.
    silent: Sequence[str] = ()
    # What the rows are, for a reader: how many, how long.
    facts: Mapping[str, Any] = field(default_factory=dict)
    # Measured once, when the timing is over.
    after: Callable[[], Mapping[str, Any]] | None = None


def profiled(contest: Contest, most: int = 12) -> list[dict[str, Any]]:
    """Where our side spends its time: the functions that take the longest in themselves, as Python's profiler sees it.

    It slows down what calls much and computes little, so that its shares are upper bounds for such functions."""
    import cProfile
    import pstats

    profile = cProfile.Profile()
    profile.runcall(contest.sides[OURS], contest.rows)
    found = pstats.Stats(profile).get_stats_profile().func_profiles
    whole = sum(each.tottime for each in found.values()) or 1.0
    return [
        {
            "function": name,
            "file": _short(each.file_name),
            "calls": each.ncalls,
            "seconds": each.tottime,
            "share": each.tottime / whole,
        }
        for name, each in sorted(found.items(), key=lambda item: -item[1].tottime)[:most]
    ]


def _short(path: str) -> str:
    """A file by its last two names: where packages are installed is nobody's business."""
    return "" if path == "~" else "/".join(path.split("/")[-2:])


def held(contest: Contest, repeats: int, name: str, device: str) -> dict[str, Any]:
    """The contest as JSON: seconds and CPU seconds of each side in each repeat, and how the answers differ."""
    for side in contest.sides.values():
        # What a first call sets up is not what a row costs.
        side(contest.rows[:2])
    times: list[dict[str, dict[str, float]]] = []
    answers: dict[str, list[Any]] = {}
    for repeat in range(repeats):
        order = list(contest.sides)
        random.Random(f"{name} {repeat}").shuffle(order)
        times.append({})
        for each in order:
            answers[each], times[-1][each] = timed(contest.sides[each], contest.rows, device)
    return {
        "rows": dict(contest.facts),
        "repeats": [{each: said[each] for each in contest.sides} for said in times],
        "answers": {
            each: contest.differ(answers[OURS], answers[each])
            for each in contest.sides
            if each != OURS and each not in contest.silent
        },
        "lacking": dict(contest.lacking),
        **(contest.after() if contest.after is not None else {}),
    }


def timed(side: Side, rows: Sequence[Any], device: str) -> tuple[list[Any], dict[str, float]]:
    """Answers, and what they took: seconds on the clock, and CPU seconds of the process."""
    gc.collect()
    settle(device)
    wall, cpu = time.perf_counter(), time.process_time()
    answers = side(rows)
    settle(device)
    return answers, {"seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}


def settle(device: str) -> None:
    """Wait for what a device still works on: it is asked behind Python's back."""
    if device.startswith("cuda"):
        import torch

        torch.cuda.synchronize(device)


@dataclass(frozen=True)
class Judged:
    """A goal and what came out: the ratio of each repeat in which both sides took a time that the clock can tell.
    `sound`: the answers compared with were equal to ours."""

    goal: Goal
    ratios: tuple[float, ...]
    sound: bool
    # The other side that was the fastest in the median.
    fastest: str

    @property
    def ratio(self) -> float | None:
        return median(self.ratios) if self.ratios else None

    @property
    def met(self) -> bool:
        if not self.sound or self.ratio is None:
            return False
        if self.goal.at_least is not None:
            return self.ratio >= self.goal.at_least
        return self.goal.at_most is None or self.ratio <= self.goal.at_most


def judged(run: Mapping[str, Any], goals: Sequence[Goal]) -> list[Judged]:
    """Every goal that this run has sides for. On one core CPU seconds count, which a busy machine leaves alone;
    on several cores, and on an accelerator, the clock."""
    by = "cpu_seconds" if run["cores"] == 1 and run["device"] == "cpu" else "seconds"
    found = []
    for goal in goals:
        others = goal.others(list(run["repeats"][0]))
        if not others:
            continue
        ratios = []
        for repeat in run["repeats"]:
            ours, theirs = repeat[OURS][by], min(repeat[each][by] for each in others)
            if ours > 0 and theirs > 0:
                ratios.append(theirs / ours if goal.at_least is not None else ours / theirs)
        sound = all(run["answers"][each]["equal"] for each in others if each in run["answers"])
        fastest = min(others, key=lambda each: median(repeat[each][by] for repeat in run["repeats"]))
        found.append(Judged(goal, tuple(ratios), sound, fastest))
    return found


# --- how answers differ --------------------------------------------------------------------------------


def numbers_differ(bound: float) -> Callable[[Sequence[Any], Sequence[Any]], dict[str, Any]]:
    """Of rows of numbers: the largest difference (None where one is no number), which may be no more than `bound`."""

    def differ(ours: Sequence[Any], theirs: Sequence[Any]) -> dict[str, Any]:
        pairs = [pair for one, other in zip(ours, theirs, strict=True) for pair in zip(one, other, strict=True)]
        return _furthest(pairs, bound)

    return differ


def texts_differ(ours: Sequence[Any], theirs: Sequence[Any]) -> dict[str, Any]:
    """Of texts: how many are identical, which must be all."""
    same = sum(one == other for one, other in zip(ours, theirs, strict=True))
    return {"identical": same, "of": len(ours), "equal": same == len(ours)}


def labels_differ(bound: float) -> Callable[[Sequence[Any], Sequence[Any]], dict[str, Any]]:
    """Of labels with the probability of each: labels must be identical, probabilities within `bound`."""

    def differ(ours: Sequence[Any], theirs: Sequence[Any]) -> dict[str, Any]:
        labels = texts_differ([each[0] for each in ours], [each[0] for each in theirs])
        numbers = _furthest([(one[1], other[1]) for one, other in zip(ours, theirs, strict=True)], bound)
        return {**labels, **numbers, "equal": labels["equal"] and numbers["equal"]}

    return differ


def shown_only(differ: Callable[[Sequence[Any], Sequence[Any]], dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """The same differences, none of which counts: in 16 bits an answer hangs on the shape of its batch."""
    return lambda ours, theirs: {**differ(ours, theirs), "equal": True}


def _furthest(pairs: Sequence[tuple[float, float]], bound: float) -> dict[str, Any]:
    differences = [abs(one - other) for one, other in pairs]
    furthest = max(differences) if all(math.isfinite(each) for each in differences) else None
    return {"largest_difference": furthest, "bound": bound, "equal": furthest is not None and furthest <= bound}
