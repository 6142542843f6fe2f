"""Policy × Estimates → Verdict. Sees numbers and facts about suites, never pairs or models.

It fails closed: what is missing, unknown or undefined can end in fail, inconclusive or a skip that is
listed, and never in pass. docs/adr/0003 says why.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from evalkit.errors import Complaint, nearest
from evalkit.figures import apart, plain
from evalkit.metrics import catalogue, known_names
from evalkit.policy import CriterionFile, Policy, unexpired
from evalkit.types import (
    KINDS,
    CriterionRow,
    CriterionStatus,
    Estimate,
    Measured,
    OnMissing,
    Population,
    Question,
    RegressedSlice,
    Undefined,
    Verdict,
    VerdictWord,
    Waiver,
)

Where = tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A criterion on one suite and slice; `missing` says why it cannot even be asked."""

    criterion: CriterionFile
    question: Question
    missing: str | None = None
    on_missing: OnMissing


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


# --- what is asked -----------------------------------------------------------------------------------


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
    return found


def agenda(
    policy: Policy, populations: Sequence[Population], champion: Champion, matches: Callable[[str, Where], int]
) -> Agenda:
    """Every criterion on every suite and slice that it is about."""
    asked: list[Asked] = []
    notes: list[str] = []
    for criterion in policy.criteria:
        asked += _expand(criterion, populations, champion, matches, notes)
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
    if not defined:
        what = " or ".join(criterion.metric)
        kind = f" of kind {criterion.suite}" if criterion.suite in KINDS else ""
        why = f"no suite{kind} defines {what}" if scope else f"there is no suite{kind}"
        yield _ask(criterion, first, champion, why)
        return
    if where:
        defined = [(each, metric) for each, metric in defined if matches(each.facts.name, where)]
        if not defined:
            filtered = ", ".join(f"{name}={'|'.join(values)}" for name, values in where)
            yield _ask(criterion, first, champion, f"no example of any suite matches {filtered}")
            return
    for population, metric in defined:
        question = replace(first, metric=metric, suite=population.facts.name)
        if metric not in catalogue():
            yield _ask(criterion, question, champion, f"this version does not measure {metric}")
        elif criterion.each_slice is not None:
            yield from _each_slice(criterion, population, question, champion, notes)
        elif criterion.slice is not None and not _count(population, criterion.slice):
            yield _ask(criterion, question, champion, f"the suite has no example in {criterion.slice}")
        else:
            yield _ask(criterion, question, champion, None)


def _each_slice(
    criterion: CriterionFile, population: Population, question: Question, champion: Champion, notes: list[str]
) -> Iterator[Asked]:
    assert criterion.each_slice is not None
    by, min_n = criterion.each_slice.by, criterion.each_slice.min_n
    declared = [name for name in population.slices if name in population.facts.slice_names]
    columns = declared if by == "declared" else list(by)
    if not columns:
        yield _ask(criterion, question, champion, "the suite declares no slices")
    for column in columns:
        counts = population.slices.get(column)
        if counts is None:
            yield _ask(criterion, replace(question, slice=column), champion, f'the suite has no slice "{column}"')
            continue
        large = sorted(value for value, n in counts.items() if n >= min_n)
        small = [f"{column}={value} (n = {n})" for value, n in sorted(counts.items()) if n < min_n]
        if small:
            notes.append(
                f"{criterion.id}: too small to judge in {population.facts.name} "
                f"(fewer than {min_n} examples): {', '.join(small)}"
            )
        if not large:
            yield _ask(
                criterion, replace(question, slice=column), champion, f"no slice of {column} has {min_n} examples"
            )
        for value in large:
            yield _ask(criterion, replace(question, slice=f"{column}={value}"), champion, None)


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


# --- how it is judged --------------------------------------------------------------------------------


def judge(measured: Measured, at_least: float | None, at_most: float | None, *, by_value: bool) -> CriterionStatus:
    """pass, fail, inconclusive, or not_evaluated. An interval end on the bound decides nothing.

    Bounds are compared unrounded; widening the interval can only move the answer towards inconclusive.
    """
    if isinstance(measured, Undefined):
        return "not_evaluated"
    if by_value:
        if at_least is not None:
            return "pass" if measured.value >= at_least else "fail"
        return "pass" if at_most is not None and measured.value <= at_most else "fail"
    if measured.low is None or measured.high is None:
        return "not_evaluated"
    if at_least is not None:
        return "pass" if measured.low > at_least else "fail" if measured.high < at_least else "inconclusive"
    assert at_most is not None
    return "pass" if measured.high < at_most else "fail" if measured.low > at_most else "inconclusive"


def judged(
    asked: Asked, measured: Measured | None, examples: tuple[str, ...], waivers: Mapping[str, Waiver]
) -> CriterionRow:
    """The row of verdict.json for one question."""
    criterion = asked.criterion
    by_value = criterion.by == "value" or asked.question.metric.endswith(".count")
    if asked.missing is not None:
        measured = Undefined(reason=asked.missing)
    elif measured is None:
        measured = Undefined(reason="the run has no such measurement")
    status = judge(measured, criterion.at_least, criterion.at_most, by_value=by_value)
    if status == "not_evaluated" and isinstance(measured, Estimate):
        measured = Undefined(reason="the metric has no interval; judge it by: value")
    if status == "not_evaluated" and asked.on_missing == "fail":
        status = "fail"
    reason = _reason(asked, measured, status, by_value)
    if status in ("fail", "inconclusive") and (waiver := waivers.get(criterion.id)) is not None:
        reason = f"waived by {waiver.owner} until {waiver.expires} ({waiver.reason}); without it: {status}, {reason}"
        status = "waived"
    return CriterionRow(
        id=criterion.id,
        question=asked.question,
        effect=criterion.effect,
        on_missing=asked.on_missing,
        status=status,
        measured=measured,
        at_least=criterion.at_least,
        at_most=criterion.at_most,
        by="value" if by_value else "interval",
        reason=reason,
        examples=examples if status in ("fail", "inconclusive", "waived") else (),
    )


def _reason(asked: Asked, measured: Measured, status: CriterionStatus, by_value: bool) -> str:
    if isinstance(measured, Undefined):
        consequence = {
            "inconclusive": "a criterion that cannot be evaluated cannot pass",
            "fail": "on_missing: fail",
            "skip": "skipped (on_missing: skip)",
        }[asked.on_missing]
        if asked.missing == "no champion":
            consequence = "skipped"
        return f"not evaluated: {measured.reason}; {consequence}"
    at_least = asked.criterion.at_least is not None
    bound = asked.criterion.at_least if at_least else asked.criterion.at_most
    assert bound is not None
    needs = "at least" if at_least else "at most"
    if by_value:
        shown, against = apart(measured.value, bound)
        return f"{shown} {'meets' if status == 'pass' else 'misses'} {needs} {against} (n = {measured.n})"
    assert measured.low is not None
    assert measured.high is not None
    low, high = apart(measured.low, bound)[0], apart(measured.high, bound)[0]
    interval = f"{plain(measured.value)} [{low}, {high}], n = {measured.n}"
    limit = apart(measured.low if at_least else measured.high, bound)[1]
    if status == "pass":
        return f"{interval}: the whole interval is {'above' if at_least else 'below'} {limit}"
    if status == "fail":
        return f"{interval}: the whole interval is {'below' if at_least else 'above'} {limit}"
    return f"{interval}: the interval holds the bound {limit}; {_settles(measured, bound)}"


def _settles(measured: Estimate, bound: float) -> str:
    from evalkit.stats.power import examples_to_settle

    assert measured.low is not None
    assert measured.high is not None
    total = examples_to_settle(measured.n, measured.value, measured.low, measured.high, bound)
    if total is None or total <= measured.n:
        return "no sensible number of examples would settle it if the estimate stays"
    more = total - measured.n
    step = 10 ** max(0, len(str(more)) - 2)
    return f"about {-(-more // step) * step} more examples would settle it if the estimate stays"


# --- what it comes to --------------------------------------------------------------------------------


def undecided(
    policy: Policy | None, *, now: dt.datetime, broken: Sequence[str] = (), empty: str | None = None
) -> Verdict:
    """The verdict of a run that has nothing to judge: broken, or else empty.

    Errored outputs count as wrong, so a failed criterion beside a breakage would not be evidence: there
    are no rows, and no waiver reaches this far.
    """
    waivers = unexpired(policy.waivers, now) if policy is not None else ()
    if broken:
        return Verdict(word="broken", reasons=tuple(broken), waivers=waivers)
    return Verdict(word="empty", reasons=(empty or "there was nothing to evaluate",), waivers=waivers)


def decide(
    policy: Policy,
    plan: Agenda,
    measured: Mapping[Question, Measured],
    *,
    now: dt.datetime,
    examples: Callable[[Question], tuple[str, ...]] = lambda question: (),
    regressed: Sequence[RegressedSlice] = (),
    notes: Iterable[str] = (),
) -> Verdict:
    """The verdict on what was measured: fail > inconclusive > pass, with a row and a reason for each criterion."""
    waivers = {each.criterion: each for each in unexpired(policy.waivers, now)}
    expired = [each for each in policy.waivers if each not in waivers.values()]
    rows = tuple(judged(asked, measured.get(asked.question), examples(asked.question), waivers) for asked in plan.asked)
    word = word_of(rows)
    used = tuple(
        each for each in waivers.values() if any(r.id == each.criterion and r.status == "waived" for r in rows)
    )
    reasons = [
        *(f"waived: {each.criterion}, by {each.owner} until {each.expires}: {each.reason}" for each in used),
        *_decisive(rows, word),
        *_regressions(regressed),
        *_set_aside(rows),
        *(f"the waiver for {each.criterion} expired on {each.expires} and changes nothing" for each in expired),
        *plan.notes,
        *notes,
    ]
    return Verdict(word=word, reasons=tuple(reasons), criteria=rows, waivers=used, regressed=tuple(regressed))


def word_of(rows: Sequence[CriterionRow]) -> VerdictWord:
    """What blocking rows come to. Nothing that held means nothing was shown: inconclusive, not pass."""
    blocking = [row for row in rows if row.effect == "block"]
    if any(row.status == "fail" for row in blocking):
        return "fail"
    if any(row.status == "inconclusive" for row in blocking):
        return "inconclusive"
    if any(_in_the_way(row) for row in blocking):
        return "inconclusive"
    return "pass" if any(row.status == "pass" for row in blocking) else "inconclusive"


def _decisive(rows: Sequence[CriterionRow], word: VerdictWord) -> Iterator[str]:
    """What the verdict rests on."""
    blocking = [row for row in rows if row.effect == "block"]
    held = sum(row.status == "pass" for row in blocking)
    if word == "pass":
        waived = sum(row.status == "waived" for row in blocking)
        holds = f"{held} blocking {'criterion holds' if held == 1 else 'criteria hold'}"
        yield f"{holds}{f', {waived} waived' if waived else ''}; none fails or is in doubt"
    for status in ("fail", "inconclusive"):
        yield from (f"{_name(row)}: {row.reason}" for row in blocking if row.status == status)
    yield from (f"{_name(row)}: {row.reason}" for row in blocking if _in_the_way(row))
    if word == "inconclusive" and held == 0 and not any(row.status in ("fail", "inconclusive") for row in blocking):
        yield "no blocking criterion was evaluated and held, so nothing was shown"


def _set_aside(rows: Sequence[CriterionRow]) -> Iterator[str]:
    """What does not bear on the verdict and must be said all the same: warnings and skipped criteria."""
    yield from (f"warning, {_name(row)}: {row.reason}" for row in rows if row.effect == "warn" and row.status != "pass")
    yield from (
        f"{_name(row)}: {row.reason}"
        for row in rows
        if row.effect == "block" and row.status == "not_evaluated" and not _in_the_way(row)
    )


def _in_the_way(row: CriterionRow) -> bool:
    """Not evaluated, and not skipped either: it keeps the verdict from pass."""
    return row.status == "not_evaluated" and row.on_missing != "skip"


def _regressions(regressed: Sequence[RegressedSlice]) -> Iterator[str]:
    if regressed:
        listed = ", ".join(
            f"{each.slice} ({each.lost} lost, {each.gained} gained of {each.n})" for each in regressed[:20]
        )
        more = f", and {len(regressed) - 20} more" if len(regressed) > 20 else ""
        count = "one slice" if len(regressed) == 1 else f"{len(regressed)} slices"
        yield f"worse beyond chance on {count} (Holm-adjusted): {listed}{more}"


def _name(row: CriterionRow) -> str:
    where = " and ".join(f"{name}={'|'.join(values)}" for name, values in row.question.where)
    parts = [row.question.suite, row.question.slice, where or None]
    if row.question.versus == "champion":
        parts.append("against the champion")
    scope = ", ".join(part for part in parts if part)
    return f"{row.id} ({row.question.metric}{', ' + scope if scope else ''})"
