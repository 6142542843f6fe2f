"""What a policy asks: every criterion on every suite and slice that it is about."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from evalkit.errors import Complaint, closest, nearest
from evalkit.gate.reach import beyond_range
from evalkit.metrics import catalogue, known_names
from evalkit.policy import CriterionFile, Policy
from evalkit.types import (
    KINDS,
    SEVERITIES,
    OnMissing,
    Population,
    Question,
)

Where = tuple[tuple[str, tuple[str, ...]], ...]
# Values of a slice that a reason lists.
_SHOWN = 8


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A criterion on one suite and slice; `missing` says why it cannot even be asked.

    `grouped` is whether the suite's examples come in groups, of which more examples would have to bring new ones.
    `slip` is what is wrong with a slice or filter that no example has and that is nearly one that some have.
    """

    criterion: CriterionFile
    question: Question
    missing: str | None = None
    on_missing: OnMissing
    grouped: bool = False
    slip: str | None = None


@dataclass(frozen=True, kw_only=True)
class Agenda:
    """Everything that a policy asks of a run, and what it leaves out by its own rules."""

    asked: tuple[Asked, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Champion:
    """Whether the student in service can be compared with: `missing` per suite, or for all under None."""

    named: bool = False
    missing: Mapping[str | None, str] | None = None

    def why_not(self, suite: str | None) -> str | None:
        if not self.named:
            return "no champion"
        missing = self.missing or {}
        return missing.get(None) or missing.get(suite)


def check_names(policy: Policy, populations: Sequence[Population]) -> list[Complaint]:
    """Names in the policy that nothing bears: metrics, suites, slices, columns. Found before a model runs."""
    found: list[Complaint] = []
    suites = [each.facts.name for each in populations]
    for index, criterion in enumerate(policy.criteria):

        def say(problem: str, remedy: str, *key: str | int, index: int = index) -> None:
            found.append(Complaint(problem=problem, remedy=remedy, place=policy.place("criteria", index, *key)))

        for name in criterion.metric:
            if name not in known_names():
                say(f'there is no metric "{name}"', nearest(name, known_names()), "metric")
        if (found_at := beyond_range(criterion)) is not None:
            say(*found_at)
        if criterion.suite is not None and criterion.suite not in (*suites, *KINDS):
            say(
                f'the plan has no suite "{criterion.suite}", and it is no kind of suite',
                nearest(criterion.suite, [*suites, *KINDS]),
                "suite",
            )
            continue
        scope = _in_scope(criterion, populations)
        slices = sorted({name for each in scope for name in each.slices})
        columns = sorted({name for each in scope for name in each.columns})
        if not scope:
            continue
        if criterion.slice is not None and criterion.slice.partition("=")[0] not in slices:
            name = criterion.slice.partition("=")[0]
            say(f'no suite that this criterion is about has a slice "{name}"', nearest(name, slices), "slice")
        if criterion.each_slice is not None and criterion.each_slice.by != "declared":
            for position, name in enumerate(criterion.each_slice.by):
                if name not in slices:
                    say(
                        f'no suite that this criterion is about has a slice "{name}"',
                        nearest(name, slices),
                        "each_slice",
                        "by",
                        position,
                    )
        for name in criterion.where:
            if name not in columns:
                say(
                    f'no suite that this criterion is about has a column "{name}"',
                    nearest(name, columns),
                    "where",
                    name,
                )
        # The one column with the same values in every suite: a slip of the pen would match nothing, and be skipped.
        for value in criterion.where.get("severity", ()):
            if value not in SEVERITIES:
                say(f'there is no severity "{value}"', nearest(value, SEVERITIES), "where", "severity")
    return found


def agenda(
    policy: Policy, populations: Sequence[Population], champion: Champion, matches: Callable[[str, Where], int]
) -> Agenda:
    """Every criterion on every suite and slice that it is about."""
    asked: list[Asked] = []
    notes: list[str] = []
    grouped = {each.facts.name for each in populations if each.facts.grouped}
    for criterion in policy.criteria:
        found = _expand(criterion, populations, champion, matches, notes)
        asked += [replace(each, grouped=each.question.suite in grouped) for each in found]
    return Agenda(asked=tuple(asked), notes=tuple(notes))


def _in_scope(criterion: CriterionFile, populations: Sequence[Population]) -> list[Population]:
    named = [each for each in populations if each.facts.name == criterion.suite]
    if criterion.suite is None:
        return list(populations)
    return named or [each for each in populations if each.facts.kind == criterion.suite]


def _metric_for(criterion: CriterionFile, population: Population) -> str | None:
    """The first of the criterion's metrics that this suite defines; a planned one when no measured one does."""
    planned = None
    for name in criterion.metric:
        if name not in catalogue():
            planned = planned or name
            continue
        family = catalogue()[name][1]
        if family is not None and family.applies(population.facts):
            return name
    return planned


def _expand(
    criterion: CriterionFile,
    populations: Sequence[Population],
    champion: Champion,
    matches: Callable[[str, Where], int],
    notes: list[str],
) -> Iterator[Asked]:
    where: Where = tuple((name, tuple(values)) for name, values in criterion.where.items())
    first = Question(metric=criterion.metric[0], where=where, slice=criterion.slice, versus=criterion.versus)
    if first.metric in catalogue() and catalogue()[first.metric][1] is None:
        yield _ask(criterion, first, champion, None)
        return
    scope = _in_scope(criterion, populations)
    chosen = [(each, _metric_for(criterion, each)) for each in scope]
    defined = [(each, metric) for each, metric in chosen if metric is not None]
    what = " or ".join(criterion.metric)
    if not defined and [each.facts.name for each in scope] == [criterion.suite]:
        facts = scope[0].facts
        why = f"a {facts.kind} suite of the task {facts.task} does not define {what}"
        yield _ask(criterion, replace(first, suite=facts.name), champion, why)
        return
    if not defined:
        kind = f" of kind {criterion.suite}" if criterion.suite in KINDS else ""
        why = f"no suite{kind} defines {what}" if scope else f"there is no suite{kind}"
        yield _ask(criterion, first, champion, why)
        return
    left_out = [each.facts.name for each, metric in chosen if metric is None]
    if left_out and criterion.suite in KINDS:
        notes.append(f"{criterion.id}: leaves out {', '.join(left_out)}, which do not define {what}")
    if where:
        defined = [(each, metric) for each, metric in defined if matches(each.facts.name, where)]
        if not defined:
            filtered = ", ".join(f"{name}={'|'.join(values)}" for name, values in where)
            near = _meant([(name, value) for name, values in where for value in values], scope)
            why = f"no example of any suite matches {filtered}"
            asked = _ask(criterion, first, champion, why + (f"; did you mean {near}?" if near else ""))
            slip = f"filters by {filtered}, which no example has; did you mean {near}?"
            yield replace(asked, slip=slip if near else None)
            return
    for population, metric in defined:
        question = replace(first, metric=metric, suite=population.facts.name)
        if metric not in catalogue():
            # What a policy may skip is a gap in the plan, not one in the program.
            asked = _ask(criterion, question, champion, f"this version does not measure {metric}")
            yield replace(asked, on_missing="fail" if criterion.on_missing == "fail" else "inconclusive")
        elif criterion.each_slice is not None:
            yield from _each_slice(criterion, population, question, champion, matches, notes)
        elif criterion.slice is not None and not _count(population, criterion.slice):
            elsewhere = any(_count(each, criterion.slice) for each in scope)
            asked = _without_slice(criterion, population, question, champion)
            yield replace(asked, slip=None) if elsewhere else asked
        else:
            yield _ask(criterion, question, champion, None)


def _each_slice(
    criterion: CriterionFile,
    population: Population,
    question: Question,
    champion: Champion,
    matches: Callable[[str, Where], int],
    notes: list[str],
) -> Iterator[Asked]:
    assert criterion.each_slice is not None
    by, min_n = criterion.each_slice.by, criterion.each_slice.min_n
    declared = [name for name in population.slices if name in population.facts.slice_names]
    columns = declared if by == "declared" else list(dict.fromkeys(by))
    if not columns:
        yield _ask(criterion, question, champion, "the suite declares no slices")
    for column in columns:
        counts = population.slices.get(column)
        if counts is None:
            yield _ask(criterion, replace(question, slice=column), champion, f'the suite has no slice "{column}"')
            continue
        if question.where:
            # A slice is as large as what the filter leaves of it: where nothing is left there is nothing to ask.
            suite = population.facts.name
            counts = {value: matches(suite, (*question.where, (column, (value,)))) for value in counts}
        large = sorted(value for value, n in counts.items() if n >= min_n)
        small = [f"{column}={value} (n = {n})" for value, n in sorted(counts.items()) if n < min_n]
        if small:
            # The count comes first: a list of hundreds is cut where there is no room for it.
            many = "" if len(small) == 1 else f"{len(small)} slices, "
            notes.append(
                f"{criterion.id}: too small to judge in {population.facts.name} "
                f"({many}fewer than {min_n} examples): {', '.join(small)}"
            )
        if not large:
            yield _ask(
                criterion, replace(question, slice=column), champion, f"no slice of {column} has {min_n} examples"
            )
        for value in large:
            yield _ask(criterion, replace(question, slice=f"{column}={value}"), champion, None)


def _without_slice(criterion: CriterionFile, population: Population, question: Question, champion: Champion) -> Asked:
    """A slice that no example of the suite is in: what else is there, for the value may be a slip of the pen."""
    assert criterion.slice is not None
    column, _, value = criterion.slice.partition("=")
    known = [f"{column}={each}" for each in sorted(population.slices.get(column, {}))]
    near = _meant([(column, value)], [population])
    if not known:
        there = f'the suite has no slice "{column}"'
    elif near is not None:
        there = f"did you mean {near}?"
    else:
        there = f"there are {', '.join(known[:_SHOWN])}" + (
            f" and {more} more" if (more := len(known) - _SHOWN) > 0 else ""
        )
    asked = _ask(criterion, question, champion, f"no example has {criterion.slice}; {there}")
    slip = f"is about {criterion.slice}, which no example of {population.facts.name} has; {there}"
    return replace(asked, slip=slip if near is not None else None)


def _meant(wanted: Sequence[tuple[str, str]], populations: Sequence[Population]) -> str | None:
    """The slices that were most likely meant where no example has the wanted ones, as `language=de`."""
    found = []
    for column, value in wanted:
        known = sorted({str(each) for population in populations for each in population.slices.get(column, {})})
        by_letters = {each.casefold(): each for each in known}
        near = closest(value.casefold(), list(by_letters))
        if value not in known and near is not None:
            found.append(f"{column}={by_letters[near]}")
    return " and ".join(dict.fromkeys(found)) or None


def _count(population: Population, name: str) -> int:
    column, _, value = name.partition("=")
    return population.slices.get(column, {}).get(value, 0)


def _ask(criterion: CriterionFile, question: Question, champion: Champion, missing: str | None) -> Asked:
    on_missing = criterion.on_missing
    if criterion.versus == "champion" and (why_not := champion.why_not(question.suite)) is not None:
        missing = missing or why_not
        # A first student has no predecessor: that is no gap in the evidence.
        on_missing = criterion.on_missing if champion.named else "skip"
    return Asked(criterion=criterion, question=question, missing=missing, on_missing=on_missing)
