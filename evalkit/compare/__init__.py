"""Two finished runs on the same examples: the second run's student against the first's, and both beside the teacher.

    joining     pairs of the two runs by suite and example id
    measuring   every metric with its paired interval, by the machinery that measures a student against its teacher
    record      the comparison as a JSON object

No model runs, and nothing is decided: a word says what an interval shows, and no policy is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from evalkit.compare.joining import Joined, join
from evalkit.compare.measuring import both_ways, models_compared, suite_compared
from evalkit.conclude import AUDIT_LEVEL
from evalkit.errors import RecordError
from evalkit.estimate import Evidence
from evalkit.ledger import reading_order
from evalkit.metrics import catalogue
from evalkit.records import terms_from
from evalkit.store import Run, check_untouched, read_run
from evalkit.types import Costs, CriterionRow, Question, RegressedSlice, Terms
from evalkit.types.over_time import Compared, CriterionPair, RunFacts

__all__ = ["compare"]

_DIGESTS = ("weights_digest", "digest", "tokenizer_digest", "template_digest")


def compare(first: Path, second: Path) -> Compared:
    """The second run's student against the first's, on every suite that both asked in the same version.

    Raises RecordError where a run cannot be read, MismatchError where its records have been changed since, UsageError
    where the two have no example to compare.
    """
    runs = [read_run(path) for path in (first, second)]
    for run in runs:
        check_untouched(run)
    try:
        return _compare(*runs)
    except (KeyError, TypeError, AttributeError) as error:
        raise RecordError(f"the manifests in {first} and {second} lack or misname {error}") from None


def _compare(first: Run, second: Run) -> Compared:
    joined, uncompared = join(first, second)
    level = max(_level(first), _level(second))
    evidence = Evidence(
        tuple(each.columns for each in joined),
        {role: _model(run, "student") for role, run in (("teacher", first), ("student", second))},
        round(2 * level - 1, 12),
        min(first.manifest["seed"], second.manifest["seed"]),
        _prices(first, second),
    )
    rows = evidence.measure()
    facts = _facts(first, second)
    reading = reading_order([each.read for each in joined])
    return Compared(
        first=facts[0],
        second=facts[1],
        level=evidence.level,
        suites=tuple(suite_compared(each, rows, first, second) for each in joined),
        uncompared=uncompared,
        run_rows=models_compared(rows, first, second),
        criteria=tuple(_criteria(first, second)),
        worse_slices=evidence.regressed(1 - level),
        better_slices=tuple(map(_turned, both_ways(evidence).regressed(1 - level))),
        pairs=reading.pairs,
        changed=reading.changed,
        pairs_total=sum(each.columns.n for each in joined),
        same_teacher=_same_teacher(first, second),
        notes=tuple(_notes(first, second, joined)),
    )


def _level(run: Run) -> float:
    """The one-sided confidence that a run decided with."""
    policy = run.manifest["policy"]
    return AUDIT_LEVEL if policy is None else float(policy["level"])


def _prices(first: Run, second: Run) -> Terms:
    """What a thousand requests cost with either student; no other term is about the two of them."""
    one, other = (terms_from(run.manifest.get("terms")).costs.student for run in (first, second))
    return Terms(costs=Costs(teacher=one, student=other))


def _model(run: Run, role: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = run.manifest["models"].get(role) or {}
    return found


def _turned(row: RegressedSlice) -> RegressedSlice:
    """A slice that the first student is worse on, as one that the second is better on."""
    return RegressedSlice(
        suite=row.suite,
        slice=row.slice,
        difference=-row.difference,
        n=row.n,
        lost=row.gained,
        gained=row.lost,
        p_holm=row.p_holm,
    )


def _facts(first: Run, second: Run) -> tuple[RunFacts, RunFacts]:
    names = [str(_model(run, "student").get("name") or "the student") for run in (first, second)]
    if names[0] == names[1]:
        names = [f"{names[0]} (first)", f"{names[1]} (second)"]
    one, other = (_run_facts(run, label) for run, label in zip((first, second), names, strict=True))
    return one, other


def _run_facts(run: Run, label: str) -> RunFacts:
    manifest = run.manifest
    policy = manifest["policy"] or {}
    digests = {
        f"{role} {key.replace('_', ' ')}": str(model[key])
        for role, model in manifest["models"].items()
        for key in _DIGESTS
        if model.get(key)
    }
    suites = {f"suite {each['name']} digest": str(each["digest"]) for each in manifest["suites"]}
    return RunFacts(
        label=label,
        path=str(run.path),
        run_id=str(manifest["run_id"]),
        started=str(manifest["started"]),
        teacher=str(_model(run, "teacher").get("name") or ""),
        policy=str(policy.get("name") or ""),
        policy_digest=str(policy.get("digest") or ""),
        verdict=run.verdict.word,
        digests={**digests, **suites, "seed": str(manifest["seed"])},
    )


def _criteria(first: Run, second: Run) -> Iterable[CriterionPair]:
    """The rows of both verdicts side by side: in the second's order, then what only the first has."""
    ours, theirs = ({_key(row): row for row in run.verdict.criteria} for run in (first, second))
    units = {name: fact.unit for name, (fact, _) in catalogue().items()}
    for key in dict.fromkeys([*theirs, *ours]):
        row = theirs.get(key) or ours[key]
        yield CriterionPair(
            id=row.id,
            question=row.question,
            unit=units.get(row.question.metric, "number"),
            first=ours.get(key),
            second=theirs.get(key),
        )


def _key(row: CriterionRow) -> tuple[str, Question]:
    return row.id, row.question


def _same_teacher(first: Run, second: Run) -> bool | None:
    one, other = (_model(run, "teacher").get("digest") for run in (first, second))
    return None if one is None or other is None else one == other


def _notes(first: Run, second: Run, joined: Iterable[Joined]) -> Iterable[str]:
    if first.manifest["run_id"] == second.manifest["run_id"]:
        yield "both are the same run"
    if (levels := (_level(first), _level(second)))[0] != levels[1]:
        yield (
            f"the runs were decided at levels {levels[0]:g} and {levels[1]:g}; "
            f"every interval here is at the higher, {2 * max(levels) - 1:.2g} two-sided"
        )
    policies = [(run.manifest["policy"] or {}).get("digest") for run in (first, second)]
    if policies[0] != policies[1]:
        yield "the policy changed between the runs" if all(policies) else "only one of the runs was decided by a policy"
    differ = {each.columns.facts.name: each.teacher_differs for each in joined}
    total = sum(each.columns.n for each in joined if each.teacher_differs is not None)
    several = sum(each or 0 for each in differ.values())
    if several:
        why = {
            True: "the same bytes answered, so this is the teacher's own noise",
            False: "it is another teacher",
            None: "",
        }[_same_teacher(first, second)]
        yield (
            f"the teachers of the two runs differ on {several} of {total} examples: {why}; "
            "the second run's is shown beside the students"
        )
    elif _same_teacher(first, second) is False:
        yield "the runs name different teachers, which answered every example alike"
    alone = [not _model(run, "teacher") for run in (first, second)]
    if all(alone):
        yield "neither run had a teacher"
    elif any(alone):
        yield f"the {'first' if alone[0] else 'second'} run had no teacher: the other's is shown beside the students"
