"""What a reader must know beside the verdict: sentences that no criterion asked for and that change how to read it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from evalkit import figures
from evalkit.columns import Columns
from evalkit.types import BESIDE_ANSWERS, ERRORED, CriterionRow, Estimate, MetricRow, Question, Role

# Beyond this share of poor answers, an accuracy says more about how the suite was asked than about the model.
MANY = 0.1
# What a model says of an example. Times and token counts may differ between two runs of the same model.
_NUMBERS = ("probs", "choice_logprobs")
_SAID = ("status", "label", "text", *_NUMBERS)
# So many different answers must be equal, and every other one with them, before the models are suspected to be one.
# Labels alone prove nothing, nor do certainties (one-hot probabilities), a canned refusal or a text that is the
# target: a good student finds them as its teacher did.
SAME_NUMBERS, SAME_WORDS = 20, 100
# From this share of the answers on, those with numbers are as good as all.
NEARLY_ALL = 0.9
# Outside of this, a time per answer compares answers of different length (the window of MLPerf's rules).
SAME_LENGTH = (0.9, 1.1)


def remarks(columns: Sequence[Columns], rows: Mapping[Question, MetricRow]) -> tuple[str, ...]:
    """Sentences about the whole suites of a run, in their order."""
    found = [*_swapped(rows), *_the_same(columns), *_untargeted(columns), *_better(rows)]
    for each in columns:
        if each.n:
            found += [*_poor_answers(each), *_shorter(each.facts.name, rows)]
    return tuple(found)


def unjudged(columns: Sequence[Columns], criteria: Sequence[CriterionRow]) -> Iterator[str]:
    """Suites on which no criterion was evaluated: a verdict that says nothing of them should say so."""
    judged = {row.question.suite for row in criteria if row.status != "not_evaluated"}
    for each in columns:
        if each.n and each.facts.name not in judged:
            yield (
                f"nothing was decided about {each.facts.name} ({each.facts.kind}, {each.n} {each.facts.rows}): "
                "no criterion of this policy could be evaluated on it"
            )


def no_answers(criteria: Sequence[CriterionRow]) -> Iterator[str]:
    """A verdict that rests on no criterion about the student's answers: it must not be read as one on them."""
    rests_on = [row for row in criteria if row.effect == "block" and row.status != "not_evaluated"]
    if rests_on and all(row.question.metric.startswith(BESIDE_ANSWERS) for row in rests_on):
        yield (
            "no blocking criterion is about the answers of the student itself: this verdict speaks of cost, speed or "
            "fallback alone"
        )


def _untargeted(columns: Sequence[Columns]) -> Iterator[str]:
    """Suites of which nobody knows what is right: logged traffic, say. To agree is not to be right."""
    names = [
        each.facts.name
        for each in columns
        if each.n and all(given is None for name in ("target", "expect") for given in each.data[name])
    ]
    if names:
        yield (
            f"no example of {', '.join(names)} has a target: how far the two models answer alike is measured there, "
            "not whether either is right"
        )


def _swapped(rows: Mapping[Question, MetricRow]) -> Iterator[str]:
    """A student that is larger than its teacher: somebody may have taken one for the other.

    A quantised copy may store more numbers than its teacher in fewer bytes, and is the smaller one.
    """
    student, teacher = (_size(rows, "parameters", role) for role in ("student", "teacher"))
    if student is None or teacher is None or student <= teacher:
        return
    stored, before = (_size(rows, "bytes", role) for role in ("student", "teacher"))
    if stored is None or before is None or stored > before:
        yield (
            f"the student is larger than its teacher ({student:,.0f} parameters against {teacher:,.0f}): "
            "were the two swapped?"
        )


def _size(rows: Mapping[Question, MetricRow], what: str, role: Role) -> float | None:
    row = rows.get(Question(metric=f"size.{what}.{role}", suite=None))
    return row.measured.value if row is not None and isinstance(row.measured, Estimate) else None


def _the_same(columns: Sequence[Columns]) -> Iterator[str]:
    """A student whose every answer is its teacher's: a model that is compared with itself passes."""
    paired = [each for each in columns if {"teacher", "student"} <= set(each.roles)]
    if not all(each.data[f"student_{name}"] == each.data[f"teacher_{name}"] for each in paired for name in _SAID):
        return
    n = sum(each.n for each in paired)
    numbers = [found for each in paired for index in range(each.n) if (found := _telling(each, index))]
    texts = {text for each in paired for index in range(each.n) if (text := _own_words(each, index))}
    if len(set(numbers)) >= SAME_NUMBERS:
        how = "to the last digit" if len(numbers) >= NEARLY_ALL * n else f"{len(numbers):,} of them to the last digit"
    elif len(texts) >= SAME_WORDS:
        how = "word for word"
    else:
        return
    yield f"all {n:,} answers of the student are its teacher's, {how}: are they the same model?"


def _telling(columns: Columns, index: int) -> tuple[float, ...]:
    """The numbers of one answer that two models would hardly share: no probability of 0 or 1, no impossible choice."""
    probs, likely = (columns.data[f"student_{name}"][index] for name in _NUMBERS)
    return (
        *(each for each in (() if probs is None else probs) if 0 < each < 1),
        *(each for each in (() if likely is None else likely) if -math.inf < each < 0),
    )


def _own_words(columns: Columns, index: int) -> str:
    """The text of one answer; empty where it is the target, which both may well have found."""
    text, target = columns.data["student_text"][index], columns.data["target"][index]
    said = (text or "").strip()
    return "" if said == str(target).strip() else said


def _better(rows: Mapping[Question, MetricRow]) -> Iterator[str]:
    """Suites on which the student is ahead of its teacher: a reader who looks for losses alone would not know."""
    for question, row in rows.items():
        name, seen = question.metric.removesuffix(".difference"), row.measured
        if question.slice is not None or question.versus != "teacher" or name not in ("accuracy", "score"):
            continue
        if question.metric.endswith(".difference") and isinstance(seen, Estimate) and seen.value > 0:
            shown = figures.against(seen, None, row.unit, metric=question.metric)
            clear = seen.low is not None and seen.low > 0
            ahead = "is better than its teacher" if clear else "scored higher than its teacher"
            chance = "" if clear else ", which chance alone could give"
            yield f"the student {ahead} on {question.suite}: {name} {shown.value} {shown.interval}{chance}"


def _poor_answers(columns: Columns) -> Iterator[str]:
    """Answers that were cut off, empty or unreadable, where there are many."""
    decided: tuple[Role, ...] = ("teacher", "student")
    for role in [each for each in columns.roles if each in decided]:
        statuses = np.array(columns.data[f"{role}_status"], dtype=np.str_)
        unread = np.array(columns.data[f"{role}_unparsable"], dtype=bool) & ~np.isin(statuses, sorted(ERRORED))
        for what, hits, remedy in (
            ("were cut off", statuses == "truncated", "generation.max_new_tokens may be too small"),
            ("were empty", statuses == "empty", "look at the prompt"),
            ("could not be read", unread, _where_to_look(columns)),
        ):
            if hits.mean() > MANY:
                yield (
                    f"{int(hits.sum())} of {columns.n} of the {role}'s answers on {columns.facts.name} {what}: {remedy}"
                )


def _where_to_look(columns: Columns) -> str:
    if columns.facts.answer_after is not None:
        return f"look whether they reach {columns.facts.answer_after!r}, and at the scorer"
    if columns.facts.scorer == "judge":
        return "look at what the judge said"
    return f'look at the scorer "{columns.facts.scorer}" and the prompt'


def _shorter(suite: str, rows: Mapping[Question, MetricRow]) -> Iterator[str]:
    """A speed-up that may be a shorter answer."""
    length = rows.get(Question(metric="outputs.length_ratio", suite=suite))
    speed = rows.get(Question(metric="latency.speedup.p50", suite=suite))
    if length is None or speed is None:
        return
    ratio, seen = length.measured, speed.measured
    if isinstance(ratio, Estimate) and isinstance(seen, Estimate):
        low, high = SAME_LENGTH
        if not low <= ratio.value <= high:
            yield (
                f"on {suite} the student's answers are {ratio.value:.2f} times as long as its teacher's: read the "
                "speed-up beside latency.speedup.fixed_budget"
            )
