"""From pairs to a verdict: what follows from records, policy and time alone, so that anybody can derive it again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from evalkit.charts import Points
from evalkit.columns import Columns
from evalkit.environment import Progress, silent
from evalkit.estimate import Evidence, populations
from evalkit.gate import Champion, agenda, beside, decide, per_cent, slips, ungated, unmissable, wrong_way
from evalkit.judging import unheard
from evalkit.ledger import reading_order, transitions
from evalkit.metrics import catalogue
from evalkit.policy import Policy, policy_from_text
from evalkit.records import batch_shapes_from, terms_from
from evalkit.remarks import no_answers, remarks, unjudged
from evalkit.types import ERRORED, Measured, MetricRow, Question, Role, Terms, Verdict
from evalkit.types.batch_shape import BatchShapes
from evalkit.types.record import RunRecord

AUDIT_LEVEL = 0.95
# Without a policy nothing says how many failures are too many, and an audit measures what it can; a model
# that answered nothing at all left nothing to measure.
AUDIT_MAX_ERROR_RATE = 1.0


@dataclass(frozen=True, kw_only=True)
class Premises:
    """What a conclusion rests on, besides the pairs. `policy` is None for an audit."""

    models: Mapping[str, Mapping[str, Any]]
    policy: Policy | None
    champion: Champion
    seed: int
    now: dt.datetime
    terms: Terms = field(default_factory=Terms)
    notes: tuple[str, ...] = ()
    shapes: BatchShapes = field(default_factory=dict)

    @property
    def coverage(self) -> float:
        return self.policy.coverage if self.policy is not None else _two_sided(AUDIT_LEVEL)


@dataclass(frozen=True, kw_only=True)
class Conclusion:
    """The verdict, and every number behind it; `timings` are those measured with a clock."""

    verdict: Verdict
    results: tuple[MetricRow, ...]
    timings: tuple[MetricRow, ...]


def broken_by_errors(columns: Sequence[Columns], policy: Policy | None) -> list[str]:
    """Suites on which a model failed more often than the policy lets it, in words."""
    decided: tuple[Role, ...] = ("teacher", "student")
    found = [
        why
        for each in columns
        for role in each.roles
        if role in decided
        for why in (_too_many_errors(each, role, policy), _too_many_unheard(each, role, policy))
    ]
    return [each for each in found if each is not None]


def _too_many_errors(columns: Columns, role: Role, policy: Policy | None) -> str | None:
    limit = policy.max_error_rate if policy is not None else AUDIT_MAX_ERROR_RATE
    statuses = columns.data[f"{role}_status"]
    errors = [index for index, status in enumerate(statuses) if status in ERRORED]
    if not errors or (len(errors) < columns.n and len(errors) / columns.n <= limit):
        return None
    first = columns.data[f"{role}_error"][errors[0]] or statuses[errors[0]]
    if len(errors) / columns.n <= limit:
        return f"the {role} failed on every example of {columns.facts.name}; the first says: {first}"
    return (
        f"the {role} failed on {len(errors)} of {columns.n} {columns.facts.rows} of {columns.facts.name}, more than "
        f"max_error_rate {limit:g} allows; the first says: {first}"
    )


def _too_many_unheard(columns: Columns, role: Role, policy: Policy | None) -> str | None:
    """The same for a suite's judge: answers without its judgement count as wrong, and say nothing of the model."""
    limit = policy.max_error_rate if policy is not None else AUDIT_MAX_ERROR_RATE
    failed, asked = unheard(columns, role)
    if not failed or (failed < asked and failed / asked <= limit):
        return None
    more = "" if failed == asked else f", more than max_error_rate {limit:g} allows"
    return f"the judge of {columns.facts.name} gave no judgement of {failed} of {asked} answers of the {role}{more}"


def _usable(champion: Champion, columns: Sequence[Columns], policy: Policy | None) -> Champion:
    """The champion without the suites on which it failed too often: its failures count as wrong answers, so
    any student would look better than it."""
    failed: dict[str | None, str] = {
        each.facts.name: why
        for each in columns
        if "champion" in each.roles
        and (why := _too_many_errors(each, "champion", policy) or _too_many_unheard(each, "champion", policy))
        is not None
    }
    return replace(champion, missing={**(champion.missing or {}), **failed}) if failed else champion


def conclude(columns: Sequence[Columns], premises: Premises, progress: Progress = silent) -> Conclusion:
    """Measure, judge and decide."""
    premises = replace(premises, champion=_usable(premises.champion, columns, premises.policy))
    evidence = Evidence(tuple(columns), premises.models, premises.coverage, premises.seed, premises.terms)
    rows = evidence.measure(progress)
    progress("deciding", 0, 1)
    premises = replace(premises, notes=(*remarks(columns, rows), *premises.notes))
    verdict = (
        ungated(evidence.regressed(1 - AUDIT_LEVEL), premises.notes)
        if premises.policy is None
        else _gated(premises.policy, evidence, rows, premises)
    )
    progress("deciding", 1, 1)
    timed = {name for name, (_, family) in catalogue().items() if family is not None and family.timed}
    return Conclusion(
        verdict=verdict,
        results=tuple(row for question, row in rows.items() if question.metric not in timed),
        timings=tuple(row for question, row in rows.items() if question.metric in timed),
    )


def _gated(policy: Policy, evidence: Evidence, rows: Mapping[Question, MetricRow], premises: Premises) -> Verdict:
    asked = agenda(policy, populations(evidence.columns), premises.champion, evidence.matches)
    measured: dict[Question, Measured] = {question: row.measured for question, row in rows.items()}
    for each in asked.asked:
        # Filtered pairs and slices by severity are in no table of results: they are measured because a criterion asks.
        if each.missing is not None or (each.question in rows and not each.question.where):
            continue
        for question in (each.question, beside(each.question)):
            if question is not None and (row := evidence.answer(question)) is not None:
                measured[question] = row.measured
    verdict = decide(
        policy,
        asked,
        measured,
        now=premises.now,
        examples=evidence.examples,
        regressed=evidence.regressed(1 - policy.level),
        notes=premises.notes,
        shapes=premises.shapes,
    )
    # Waivers are printed first, then what the verdict rests on; what it does not rest on comes before all else.
    first = len(verdict.waivers) + 1
    silent = (
        *slips(asked.asked),
        *wrong_way(verdict.criteria),
        *no_answers(verdict.criteria),
        *unmissable(verdict.criteria),
        *per_cent(verdict.criteria),
        *unjudged(evidence.columns, verdict.criteria),
    )
    return replace(verdict, reasons=(*verdict.reasons[:first], *silent, *verdict.reasons[first:]))


def run_record(columns: Sequence[Columns], conclusion: Conclusion, manifest: Mapping[str, Any]) -> RunRecord:
    """The run as its reports see it."""
    columns = [each for each in columns if each.n]
    reading = reading_order(columns)
    return RunRecord(
        manifest=manifest,
        verdict=conclusion.verdict,
        results=conclusion.results,
        timings=conclusion.timings,
        transitions=transitions(columns),
        pairs=reading.pairs,
        changed=reading.changed,
        pairs_total=sum(each.n for each in columns),
        points=_points(columns, manifest) if columns else {},
    )


def _points(columns: Sequence[Columns], manifest: Mapping[str, Any]) -> Points:
    """What can be drawn, at the level, seed and terms that the run was measured with."""
    level = (manifest.get("policy") or {}).get("level", AUDIT_LEVEL)
    terms = terms_from(manifest.get("terms"))
    return Points(columns, manifest["models"], _two_sided(level), manifest["seed"], terms)


def _two_sided(level: float) -> float:
    # As Policy.coverage has it.
    return round(2 * level - 1, 12)


def premises_of(manifest: Mapping[str, Any], policy_text: str | None, now: dt.datetime) -> Premises:
    """The premises that a finished run recorded, under the given policy text."""
    champion = manifest.get("champion") or {"named": False, "missing": {}}
    name = (manifest.get("policy") or {}).get("name") or "policy"
    return Premises(
        models=manifest["models"],
        policy=policy_from_text(policy_text, name) if policy_text is not None else None,
        champion=Champion(
            named=champion["named"],
            missing={None if suite == "*" else suite: why for suite, why in champion["missing"].items()},
        ),
        seed=manifest["seed"],
        now=now,
        terms=terms_from(manifest.get("terms")),
        notes=tuple(manifest.get("notes", ())),
        shapes=batch_shapes_from(manifest.get("batch_shape_audit")),
    )
