"""Two runs compared, in words and in rows: what the page, the terminal and the JSON say alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from evalkit import figures
from evalkit.report import tables
from evalkit.report.view import STATUS_WORDS, Reading
from evalkit.types import CriterionRow, CriterionStatus, Estimate, Measured
from evalkit.types.over_time import Compared, CriterionPair, Standing, SuiteCompared, ThreeWay

MARKS: Mapping[Standing, str] = {
    "better": "+",
    "worse": "−",
    "mixed": "±",
    "differs": "≠",
    "no clear difference": "≈",
    "not measured": "–",
}
# What a reader looks for first.
_ORDER: tuple[Standing, ...] = ("worse", "better", "differs", "no clear difference", "not measured")
_GONE = "–"


@dataclass(frozen=True, slots=True, kw_only=True)
class RowView:
    """One metric as written. `shown` and `exact` are the teacher's, the first's and the second's, at one precision;
    `judge` says that the suite's own word rests on this row."""

    metric: str
    shown: tuple[str, str, str]
    exact: tuple[float | None, float | None, float | None]
    why: str
    change: Reading | None
    change_unit: str
    scale: str
    neutral: float
    standing: Standing
    judge: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CriterionPairView:
    """One criterion in both verdicts. A status is None in the verdict that lacks it; `came` says which way it went:
    `changed`, `new`, `gone` or `same`. `needs` is the second's bound, or the first's; `moved` both, if two."""

    id: str
    place: str
    metric: str
    first: CriterionStatus | None
    second: CriterionStatus | None
    readings: tuple[Reading | None, Reading | None]
    needs: str
    moved: str
    warn: bool
    came: str


def standing_of(compared: Compared) -> Standing:
    """The word for the whole: from those of the suites, as a suite's is from those of its measures."""
    seen = {suite.standing for suite in compared.suites}
    if "mixed" in seen or {"better", "worse"} <= seen:
        return "mixed"
    order: tuple[Standing, ...] = ("worse", "better", "no clear difference")
    for each in order:
        if each in seen:
            return each
    return "not measured"


def headline(compared: Compared) -> str:
    """`v2 is better than v1 on 1 of 3 suites, worse on none; no clear difference on 2.`"""
    counts = Counter(suite.standing for suite in compared.suites)
    n = len(compared.suites)
    second, first = compared.second.label, compared.first.label
    many = f"{n} suites" if n > 1 else "the one suite"
    better, worse = counts["better"], counts["worse"]
    told: tuple[tuple[Standing, str], ...] = (
        ("mixed", "better by one measure and worse by another"),
        ("no clear difference", "no clear difference"),
        ("not measured", "nothing to tell it by"),
    )
    rest = [f"{said} on {counts[word]}" for word, said in told if counts[word]]
    if not better and not worse:
        if counts["no clear difference"] == n:
            return f"No clear difference between {second} and {first} on {f'any of {many}' if n > 1 else many}."
        return f"{second} is clearly better than {first} on none of {many} and worse on none; {'; '.join(rest)}."
    if n == 1:
        return f"{second} is {'better' if better else 'worse'} than {first} on the one suite."
    if better:
        lead = f"{second} is better than {first} on {better} of {many}, worse on {worse or 'none'}"
    else:
        lead = f"{second} is worse than {first} on {worse} of {many}, better on none"
    return "; ".join([lead, *rest]) + "."


def about(suite: SuiteCompared) -> str:
    facts = suite.facts
    samples = f" of {facts.samples} samples each" if facts.samples > 1 else ""
    return f"{facts.kind} · {facts.task} · version {facts.version} · {figures.count(suite.n)} examples{samples}"


def rows(suite: SuiteCompared) -> tuple[RowView, ...]:
    """What is measured example by example: what the suite is judged by, then worse, better and unclear."""
    views = [_row(row, row.change_metric in suite.judged_by) for row in suite.rows]
    return tuple(sorted(views, key=lambda row: (not row.judge, _ORDER.index(row.standing))))


def plain_rows(found: Iterable[ThreeWay]) -> tuple[RowView, ...]:
    """Rows that no suite is judged by, in their order."""
    return tuple(_row(row, judge=False) for row in found)


def _row(row: ThreeWay, judge: bool) -> RowView:
    sides = (row.teacher, row.first, row.second)
    exact = tuple(each.value if isinstance(each, Estimate) else None for each in sides)
    shown = figures.together(exact, row.unit, metric=row.metric)
    change = None if row.change is None else tables.reading(row.change, row.change_unit, row.change_metric)[0]
    reasons = [each.reason for each in sides if each is not None and not isinstance(each, Estimate)]
    return RowView(
        metric=row.metric,
        shown=(shown[0] or _GONE, shown[1] or _GONE, shown[2] or _GONE),
        exact=(exact[0], exact[1], exact[2]),
        why="; ".join(dict.fromkeys(reasons)),
        change=change,
        change_unit=row.change_unit,
        scale=f"{row.change_unit}{figures.style(row.change_unit, metric=row.change_metric).suffix}",
        neutral=row.neutral,
        standing=row.standing,
        judge=judge,
    )


def measured(found: Measured | None, unit: str, metric: str = "") -> Reading | None:
    """A number as written; None for none."""
    return None if found is None else tables.reading(found, unit, metric)[0]


def criteria(compared: Compared) -> tuple[CriterionPairView, ...]:
    """The criteria of both verdicts: those whose status changed first, then those that came or went."""
    views = [_criterion(row) for row in compared.criteria]
    order = ("changed", "new", "gone", "same")
    return tuple(sorted(views, key=lambda row: order.index(row.came)))


def _criterion(row: CriterionPair) -> CriterionPairView:
    asked = row.question
    where = ", ".join(f"{column}={'|'.join(values)}" for column, values in asked.where)
    place = [asked.suite or "whole run", asked.slice, where, "versus champion" if asked.versus == "champion" else ""]
    sides = (row.first, row.second)
    readings = [None if each is None else tables.reading(each.measured, row.unit, asked.metric)[0] for each in sides]
    bounds = [None if each is None else _needs(each, row.unit) for each in sides]
    came = "new" if row.first is None else "gone" if row.second is None else "changed" if row.changed else "same"
    last = row.second or row.first
    assert last is not None
    return CriterionPairView(
        id=row.id,
        place=" · ".join(each for each in place if each),
        metric=asked.metric,
        first=None if row.first is None else row.first.status,
        second=None if row.second is None else row.second.status,
        readings=(readings[0], readings[1]),
        needs=bounds[1] or bounds[0] or "",
        moved=_moved(row, bounds) if row.moved else "",
        warn=last.effect == "warn",
        came=came,
    )


def _moved(row: CriterionPair, bounds: Sequence[str | None]) -> str:
    """What the criterion asked, and what it asks now: its bound, or how much hangs on it."""
    assert row.first is not None
    assert row.second is not None
    effects = [{"block": "blocking", "warn": "warning only"}[each.effect] for each in (row.first, row.second)]
    said = [f"{bounds[0]} → {bounds[1]}"] if bounds[0] != bounds[1] else []
    return ", ".join([*said, *([f"{effects[0]} → {effects[1]}"] if effects[0] != effects[1] else [])])


def _needs(row: CriterionRow, unit: str) -> str:
    bound = row.at_least if row.at_least is not None else row.at_most
    sign = "≥" if row.at_least is not None else "≤"
    shown = "" if bound is None else f"{sign} {tables.reading(row.measured, unit, row.question.metric, bound)[1]}"
    return f"{shown} by value" if row.by == "value" and not row.question.metric.endswith(".count") else shown


def status_words(status: CriterionStatus | None) -> str:
    """How a status is said; a dash for a verdict that lacks the criterion."""
    return _GONE if status is None else STATUS_WORDS[status]


def criteria_words(compared: Compared) -> str:
    """How many criteria changed their status, and whether the two verdicts asked the same."""
    rows = criteria(compared)
    if not rows:
        return "Neither run was decided by a policy." if not _policies(compared) else "No criterion was decided."
    counts = Counter(row.came for row in rows)
    same = len({compared.first.policy_digest, compared.second.policy_digest}) == 1
    said = [f"{counts['changed']} of {counts['changed'] + counts['same']} criteria changed their status"]
    said += [f"{counts['new']} new"] if counts["new"] else []
    said += [f"{counts['gone']} gone"] if counts["gone"] else []
    moved = sum(bool(row.moved) for row in rows)
    said += [f"{moved} with another bound"] if moved else []
    return f"{', '.join(said)}; {'the policy is the same' if same else 'the policy is not the same'}."


def _policies(compared: Compared) -> bool:
    return bool(compared.first.policy_digest or compared.second.policy_digest)


def flips_words(suite: SuiteCompared) -> str:
    """`310 lost, 84 gained of 2200`, empty where nothing is right or wrong."""
    if suite.transition is None:
        return ""
    counts = suite.transition
    rows = "samples of examples" if suite.facts.samples > 1 else "examples"
    return (
        f"{figures.count(counts.right_to_wrong)} lost, {figures.count(counts.wrong_to_right)} gained "
        f"of {figures.count(counts.n)} {rows} with a target"
    )
