"""Job → Columns: every model asked, every answer judged and paired, and timed where the plan asks for it.

    collect → judge → pair → time

One model after the other answers all suites and then gives its memory back, so that a pair of which only one
fits at a time can be gated; only the timing protocol needs teacher and student side by side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evalkit.collect import collect
from evalkit.environment import Environment
from evalkit.errors import BrokenError
from evalkit.gate import Champion
from evalkit.judging import Judge, partiality
from evalkit.pairing import pair
from evalkit.prepare import Job
from evalkit.table import Columns
from evalkit.timing import TimedModel, Timing, time_models
from evalkit.timing.alone import COLUMNS as TIMES
from evalkit.types import ERRORED, ModelFacts, Output, Request, Role

# suite → role → outputs
Answers = dict[str, dict[Role, Sequence[Output]]]


@dataclass(frozen=True, kw_only=True)
class Gathered:
    """What the models said, a suite's pairs each, and how it came about (`collection`, for the manifest)."""

    models: Mapping[Role, ModelFacts]
    columns: list[Columns]
    collection: Mapping[str, Any]
    champion: Champion
    notes: list[str]
    judges: Mapping[str, ModelFacts]


def gather(job: Job, cache: Path, env: Environment) -> Gathered:
    """Ask every model everything. Raises BrokenError when teacher, student or disk fails; a champion that fails
    is a gap in the evidence, no more."""
    roles: list[Role] = [role for role in ("teacher", "student", "teacher_again") if role in job.backends]
    # All of them before any runs: a model that cannot be read should not cost another's hour.
    models: dict[Role, ModelFacts] = {role: job.backends[role].identify() for role in roles}
    judges = {suite: judge.backend.identify() for suite, judge in job.judges.items()}
    answers: Answers = {each.name: {} for each in job.suites}
    collection: dict[str, Any] = {}
    notes: list[str] = []
    for role in roles:
        _ask(job, role, models[role], answers, collection, cache, env)
        notes += job.backends[role].notes(job.suites)
    champion = job.champion
    if "champion" in job.backends:
        try:
            models["champion"] = job.backends["champion"].identify()
            _ask(job, "champion", models["champion"], answers, collection, cache, env)
            notes += job.backends["champion"].notes(job.suites)
        except BrokenError as error:
            champion = Champion(named=True, missing={None: f"the champion broke: {error}"})
            models.pop("champion", None)
            for given in answers.values():
                given.pop("champion", None)
    for suite, judge in job.judges.items():
        notes += _judge(judge, judges[suite], answers[suite], models, collection, cache, env)
    columns = [pair(each, job.requests[each.name], answers[each.name]) for each in job.suites]
    timings = _timings(job, models, env)
    columns = [_with_times(each, timings.get(each.facts.name), models) for each in columns]
    notes += _cut(collection)
    # The same remark of two models is one remark.
    return Gathered(
        models=models,
        columns=columns,
        collection=collection,
        champion=champion,
        notes=list(dict.fromkeys(notes)),
        judges=judges,
    )


def _ask(
    job: Job,
    role: Role,
    model: ModelFacts,
    answers: Answers,
    collection: dict[str, Any],
    cache: Path,
    env: Environment,
) -> None:
    """One model's outputs on every suite that it is to answer."""
    backend = job.backends[role]
    for suite in job.suites:
        if role == "champion" and job.champion.why_not(suite.name) is not None:
            continue
        requests = job.requests[suite.name]
        if role == "teacher_again":
            requests = [each for each in requests if each.example_id in job.again[suite.name]]
        before = backend.counts()
        whose = f"{role} {suite.name}"
        got = collect(
            backend,
            model,
            requests,
            cache,
            lambda done, total, whose=whose: env.progress(whose, done, total),  # type: ignore[misc]
        )
        counts = {name: count - before.get(name, 0) for name, count in backend.counts().items()}
        collection[whose] = {"batches": got.batches, "from_cache": got.from_cache, **counts}
        answers[suite.name][role] = got.outputs
    if not _is_timed(job, role):
        backend.close()


def _judge(
    judge: Judge,
    facts: ModelFacts,
    answers: dict[Role, Sequence[Output]],
    models: Mapping[Role, ModelFacts],
    collection: dict[str, Any],
    cache: Path,
    env: Environment,
) -> list[str]:
    """One suite's answers with what its judge says of them; returns what a reader must know about that.

    Role by role, so that a champion in the plan moves nothing of what is asked about teacher and student. The same
    words about the same example are judged once, whoever said them: two verdicts on them would be noise.
    """
    suite = judge.suite.name
    known: dict[str, Output] = {}
    failed: list[Output] = []
    cut = 0
    for role, outputs in answers.items():
        asked = judge.questions(role, outputs)
        # A recording has a row for each answer of each role, and whoever wrote it may have meant them.
        keys = {each.example_id: each.key if facts.live else each.example_id for each in asked}
        fresh: dict[str, Request] = {}
        for each in asked:
            if (key := keys[each.example_id]) not in known:
                fresh.setdefault(key, each)
        whose = f"judge of {suite}, {role}"
        got = collect(
            judge.backend,
            facts,
            list(fresh.values()),
            cache,
            lambda done, total, whose=whose: env.progress(whose, done, total),  # type: ignore[misc]
        )
        known |= dict(zip(fresh, got.outputs, strict=True))
        said = {name: known[key] for name, key in keys.items()}
        answers[role] = judge.heard(role, outputs, said)
        collection[whose] = {"batches": got.batches, "from_cache": got.from_cache}
        failed += [each for each in said.values() if each.status in ERRORED or each.status == "empty"]
        cut += sum(each.status == "truncated" for each in said.values())
    judge.backend.close()
    notes = [f"{suite}: answers are judged by {facts.name}"]
    if failed:
        first = failed[0].error or failed[0].status
        notes.append(f"{suite}: the judge gave no answer {len(failed)} times; the first says: {first}")
    if cut:
        notes.append(f"{suite}: {cut} of the judge's answers reached max_new_tokens and may lack their verdict")
    return notes + [f"{suite}: {remark}" for remark in partiality(facts, models)]


def _is_timed(job: Job, role: Role) -> bool:
    """A champion is a record of its time, and the teacher's second run is the teacher again."""
    return job.plan.latency is not None and role in ("teacher", "student")


def _timings(job: Job, models: Mapping[Role, ModelFacts], env: Environment) -> Mapping[str, Timing]:
    """What each model that answers here costs, by suite, where the plan has a timing protocol."""
    live: dict[Role, TimedModel] = {
        role: TimedModel(backend=job.backends[role], spec=job.plan.models[role], facts=model)
        for role, model in models.items()
        if model.live and _is_timed(job, role)
    }
    if job.plan.latency is None or not live:
        return {}
    return time_models(live, job.requests, job.plan.latency, job.plan.seed, env.clock, env.progress)


def _with_times(columns: Columns, timing: Timing | None, models: Mapping[Role, ModelFacts]) -> Columns:
    """A live model's times are those of the protocol or none: what a request took while others shared the machine
    with it says nothing of what it takes."""
    changed: dict[str, Sequence[float | None]] = {}
    for role in columns.roles:
        if models[role].live:
            times = timing.times.get(role, {}) if timing is not None else {}
            for name in TIMES:
                by_id = times.get(name, {})
                changed[f"{role}_{name}"] = [by_id.get(example) for example in columns.data["id"]]
    record = timing.record if timing is not None else {}
    return replace(columns, data={**columns.data, **changed}, timing=record)


def _cut(collection: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Inputs that a model could not take whole: an answer to half a question looks like any other."""
    return [
        f"{counts['cut_inputs']} inputs were cut to what the model can take: {whose}"
        for whose, counts in collection.items()
        if counts.get("cut_inputs")
    ]
