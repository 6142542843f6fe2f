"""From a run's record to what its reports show: the verdict, its criteria and the sentence that explains it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from evalkit import figures
from evalkit.report import examples, origin, tables
from evalkit.report.text import one_line
from evalkit.report.view import CriterionView, RegressedView, View, tally_words
from evalkit.types import BESIDE_ANSWERS, CriterionRow, CriterionStatus, Estimate, VerdictWord, Waiver
from evalkit.types.record import RunRecord

# Slices that the headline names.
_FELL_MOST = 3
# Characters of a model's name in a sentence.
_NAME = 80
_ORDER: dict[CriterionStatus, int] = {"fail": 0, "inconclusive": 1, "not_evaluated": 2, "waived": 3, "pass": 4}
EXIT_WORDS: dict[VerdictWord, str] = {
    "pass": "the student may replace its teacher",
    "ungated": "measured, nothing was decided",
    "fail": "the student is worse than allowed",
    "inconclusive": "the evidence is too thin; do not promote",
    "broken": "a model, an endpoint or a disk failed; there is no result",
    "empty": "nothing was left to evaluate; there is no result",
}


def prepare(record: RunRecord) -> View:
    """Everything that a sink needs, sorted and written; a broken or empty run keeps only verdict and provenance."""
    verdict = record.verdict
    measured = verdict.word not in ("broken", "empty")
    units = tables.units(record)
    criteria = criteria_of(record, units) if measured else ()
    student, teacher = origin.model_name(record, "student"), _teacher(record)
    shown = examples.examples(record) if measured else ()
    worse = regressed(record) if measured else ()
    return View(
        word=verdict.word,
        exit_code=verdict.exit_code,
        exit_words=_exit_words(verdict.word, criteria),
        headline=headline(verdict.word, criteria, one_line(student, _NAME), one_line(teacher, _NAME))
        + fell_most(worse),
        student=student,
        teacher=teacher,
        run_id=origin.text(record.manifest, "run_id"),
        policy=origin.text(record.manifest, "policy", "name"),
        level=next((row.reading.level for row in criteria if row.reading.undefined is None), None),
        verdict=verdict,
        reasons=verdict.reasons,
        waivers=verdict.waivers,
        criteria=criteria,
        tally=tally_words(criteria),
        measured=measured,
        regressed=worse,
        suites=tables.suites(record) if measured else (),
        examples=shown,
        changed=record.changed,
        total=record.pairs_total,
        gaps=origin.gaps(record) if measured else (),
        facts=origin.facts(record),
        policy_text=origin.text(record.manifest, "policy", "text"),
        plan_text=origin.text(record.manifest, "plan", "text"),
        manifest=origin.digests(record),
        compressed=origin.compressed(record),
    )


def criteria_of(record: RunRecord, units: dict[str, str]) -> tuple[CriterionView, ...]:
    """The rows of the verdict: blocking before warnings, the worst outcome first, and of one outcome the row that is
    furthest beyond its bound or nearest to it; what is counted exactly after what has an interval."""
    waivers = {waiver.criterion: waiver for waiver in record.verdict.waivers}
    rows = [_criterion(row, units, waivers) for row in record.verdict.criteria]
    return tuple(sorted(rows, key=lambda row: (row.effect == "warn", _ORDER[row.status], *_nearness(row))))


def _criterion(row: CriterionRow, units: dict[str, str], waivers: dict[str, Waiver]) -> CriterionView:
    metric = row.question.metric
    unit = units.get(metric) or tables.likely_unit(metric)
    bound = row.at_least if row.at_least is not None else row.at_most
    reading, needs = tables.reading(row.measured, unit, metric, bound)
    sign = "≥" if row.at_least is not None else "≤"
    return CriterionView(
        id=row.id,
        metric=metric,
        suite=row.question.suite,
        slice=row.question.slice,
        where=", ".join(f"{column}={'|'.join(values)}" for column, values in row.question.where),
        champion=row.question.versus == "champion",
        effect=row.effect,
        on_missing=row.on_missing,
        status=row.status,
        reading=reading,
        unit=unit,
        scale=unit + (figures.style(unit, metric=metric).suffix if unit == "ratio" else ""),
        at_least=row.at_least is not None,
        bound=bound,
        needs=f"{sign} {needs}" if needs else "",
        by=row.by,
        reason=row.reason,
        examples=row.examples,
        waiver=waivers.get(row.id),
    )


def _teacher(record: RunRecord) -> str:
    """The teacher's name; empty for an audit that had none."""
    models = record.manifest.get("models")
    if record.verdict.word == "ungated" and isinstance(models, Mapping) and models and "teacher" not in models:
        return ""
    return origin.model_name(record, "teacher")


def headline(word: VerdictWord, criteria: Iterable[CriterionView], student: str, teacher: str) -> str:
    """The answer in a sentence or two: what may be done, and the criterion that says so with its numbers."""
    blocking = _blocking(criteria)
    counts = Counter(row.status for row in blocking)
    pair = f"{student} may not replace {teacher}"
    if word in ("pass", "fail") and not blocking:
        return f"Nothing was decided about {student}: no blocking criterion was evaluated."
    if word == "fail":
        others = f" {counts['inconclusive']} more inconclusive." if counts["inconclusive"] else ""
        return f"{pair}: {_how_many(counts['fail'], len(blocking), 'fails', 'fail')}.{_worst(blocking, 'fail')}{others}"
    if word == "inconclusive":
        return f"{pair} yet: {_open(blocking)}"
    if word == "pass":
        waived = f", {counts['waived']} waived" if counts["waived"] else ""
        held = _how_many(counts["pass"], len(blocking), "holds", "hold")
        if about_answers(blocking):
            return f"{student} may replace {teacher}: {held}{waived}.{_worst(blocking, 'pass')}"
        return (
            f"The policy holds, but nothing in it judged the answers of {student}: {held}{waived}, on cost, speed or "
            f"fallback alone.{_worst(blocking, 'pass')}"
        )
    if word == "ungated":
        against = f"against {teacher}" if teacher else "on its own, without a teacher,"
        return f"{student} was measured {against} without criteria: nothing was decided."
    if word == "empty":
        return f"Nothing was left to evaluate for {student} against {teacher}: there is no result."
    return f"The run of {student} against {teacher} broke: there is no result, good or bad."


def _blocking(criteria: Iterable[CriterionView]) -> list[CriterionView]:
    """The rows that can stop a student. A skipped one neither holds nor fails: counted, every tally would look short
    of one."""
    return [row for row in criteria if row.effect == "block" and not row.skipped]


def about_answers(blocking: Iterable[CriterionView]) -> bool:
    """Whether some evaluated row speaks of the student's own answers; remarks.no_answers says the same of a verdict."""
    evaluated = [row for row in blocking if row.status != "not_evaluated"]
    return not evaluated or not all(row.metric.startswith(BESIDE_ANSWERS) for row in evaluated)


def _exit_words(word: VerdictWord, criteria: Iterable[CriterionView]) -> str:
    if word == "pass" and not about_answers(_blocking(criteria)):
        return "the policy holds; it asked nothing about the student's own answers"
    return EXIT_WORDS[word]


def _open(blocking: list[CriterionView]) -> str:
    """What keeps an inconclusive verdict from being one, and the row that says so."""
    if not blocking:
        return "no blocking criterion had anything to apply to, so nothing was shown."
    unsettled = [row for row in blocking if row.status in ("inconclusive", "not_evaluated")]
    if not unsettled:
        waived = _how_many(len(blocking), len(blocking), "is waived", "are waived")
        return f"{waived}, and none holds."
    said = _how_many(len(unsettled), len(blocking), "is not settled", "are not settled")
    worst = _worst(blocking, "inconclusive")
    if not worst:
        row = unsettled[0]
        why = f": {row.reading.undefined}" if row.reading.undefined else ""
        worst = f" {row.id} ({row.metric}, {row.place}) could not be evaluated{why}."
    return f"{said}.{worst}"


def fell_most(worse: Sequence[RegressedView]) -> str:
    """The slices that fell most, for the first thing that is read: an average may hide them. Empty where none did."""
    if not worse:
        return ""
    several = len({row.suite for row in worse}) > 1
    named = [
        f"{f'{row.suite} · ' if several else ''}{one_line(row.slice, 60)} ({row.difference})"
        for row in worse[:_FELL_MOST]
    ]
    more = len(worse) - len(named)
    rest = f", and {more} more {'slice' if more == 1 else 'slices'}" if more else ""
    return f" Fell most: {', '.join(named)}{rest}."


def _how_many(some: int, of: int, one: str, many: str) -> str:
    rows = "criterion" if of == 1 else "criteria"
    return f"{some} of {of} blocking {rows} {one if some == 1 else many}"


def _worst(rows: list[CriterionView], status: CriterionStatus) -> str:
    chosen = [row for row in rows if row.status == status and row.reading.exact is not None]
    if not chosen:
        return ""
    row = min(chosen, key=_nearness)
    label = {"fail": "Worst", "inconclusive": "Nearest to failing", "pass": "Closest to its bound"}.get(status, status)
    needs = f", needs {row.needs}" if row.needs else ""
    return f" {label}: {row.id} ({row.metric}, {row.place}) {row.reading.words}{needs}."


def _nearness(row: CriterionView) -> tuple[bool, float]:
    """What rows of one outcome are sorted by."""
    return not _has_width(row), margin(row)


def _has_width(row: CriterionView) -> bool:
    """Whether the row was judged by an interval that leaves something open. What is counted exactly has no half-width
    to be measured in, so it is named only where there is nothing else to name."""
    if row.reading.exact is None or row.by == "value":
        return False
    _, low, high = row.reading.exact
    return low is not None and high is not None and low < high


def margin(row: CriterionView) -> float:
    """How far the estimate is on the good side of its bound, in half-widths of its interval; negative is bad.

    Without an interval of some width, as a share of the bound: comparable among such rows only."""
    if row.reading.exact is None or row.bound is None:
        return float("inf")
    value, low, high = row.reading.exact
    ahead = value - row.bound if row.at_least else row.bound - value
    if not _has_width(row) or low is None or high is None:
        return ahead / (abs(row.bound) or 1.0)
    return ahead / ((high - low) / 2)


def regressed(record: RunRecord) -> tuple[RegressedView, ...]:
    """Slices on which the student is worse than chance allows, in the verdict's order: the deepest fall first."""
    rows = []
    for row in record.verdict.regressed:
        exact = Estimate(value=row.difference, low=None, high=None, level=0.0, n=row.n, method="")
        rows.append(
            RegressedView(
                suite=row.suite,
                slice=row.slice,
                class_slice=row.slice.startswith(tables.CLASS_SLICE),
                difference=figures.against(exact, None, "difference").value,
                exact=row.difference,
                n=row.n,
                lost=row.lost,
                gained=row.gained,
                p=figures.number(row.p_holm, "p-value"),
            )
        )
    return tuple(rows)
