"""What the rows come to: one word, and the reasons in the order in which a reader needs them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from evalkit.gate.asking import Agenda, Asked
from evalkit.gate.judging import beside, judged
from evalkit.policy import Policy, unexpired
from evalkit.types import (
    CriterionRow,
    Measured,
    Question,
    RegressedSlice,
    Verdict,
    VerdictWord,
)
from evalkit.types.batch_shape import BatchShapes


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


def ungated(regressed: Sequence[RegressedSlice], notes: Iterable[str]) -> Verdict:
    """What an audit says: nothing was decided, and what got worse is named all the same."""
    said = "an audit measures and does not decide: no policy was applied"
    return Verdict(word="ungated", reasons=(said, *_regressions(regressed), *notes), regressed=tuple(regressed))


def decide(
    policy: Policy,
    plan: Agenda,
    measured: Mapping[Question, Measured],
    *,
    now: dt.datetime,
    examples: Callable[[Question], tuple[str, ...]] = lambda question: (),
    regressed: Sequence[RegressedSlice] = (),
    notes: Iterable[str] = (),
    shapes: BatchShapes | None = None,
) -> Verdict:
    """The verdict on what was measured: fail > inconclusive > pass, with a row and a reason for each criterion.

    `shapes` is what the batch-shape audit found: a criterion that asks for less noise than that is inconclusive.
    """
    valid = unexpired(policy.waivers, now)
    waivers = {each.criterion: each for each in valid}
    expired = [each for each in policy.waivers if each not in valid]
    rows = tuple(
        judged(
            asked,
            measured.get(asked.question),
            examples(asked.question),
            waivers,
            _companion(asked, measured),
            shapes,
        )
        for asked in plan.asked
    )
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


def slips(asked: Sequence[Asked]) -> Iterator[str]:
    """One sentence for each criterion that is skipped because of what looks like a slip of the pen.

    Where it is not skipped its own reason says so already, and the verdict rests on it.
    """
    for each in asked:
        if each.slip is not None and each.on_missing == "skip":
            yield f'criterion "{each.criterion.id}" {each.slip}'


def _in_the_way(row: CriterionRow) -> bool:
    """Not evaluated, and not skipped either: it keeps the verdict from pass."""
    return row.status == "not_evaluated" and row.on_missing != "skip"


def _regressions(regressed: Sequence[RegressedSlice]) -> Iterator[str]:
    if regressed:
        # One slice may be in several suites.
        several = len({each.suite for each in regressed}) > 1
        listed = ", ".join(
            f"{f'{each.suite} ' if several else ''}{each.slice} ({each.lost} lost, {each.gained} gained of {each.n})"
            for each in regressed[:20]
        )
        more = f", and {len(regressed) - 20} more" if len(regressed) > 20 else ""
        count = "one slice" if len(regressed) == 1 else f"{len(regressed)} slices"
        yield f"worse beyond chance on {count} (Holm-adjusted): {listed}{more}"


def _companion(asked: Asked, measured: Mapping[Question, Measured]) -> Measured | None:
    question = beside(asked.question)
    return None if question is None else measured.get(question)


def _name(row: CriterionRow) -> str:
    where = " and ".join(f"{name}={'|'.join(values)}" for name, values in row.question.where)
    parts = [row.question.suite, row.question.slice, where or None]
    if row.question.versus == "champion":
        parts.append("against the champion")
    scope = ", ".join(part for part in parts if part)
    return f"{row.id} ({row.question.metric}{', ' + scope if scope else ''})"
