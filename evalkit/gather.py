"""Job → Columns: every model asked, timed where the plan asks for it, every answer judged and paired.

    collect → time → judge → pair

One model after the other answers all suites and then gives its memory back, so that a pair of which only one
fits at a time can be gated; only the timing protocol needs teacher and student side by side. It comes before the
judging because it gives them back, too: a judge is often the largest of the three.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from evalkit.backends import Backend
from evalkit.collect import collect
from evalkit.columns import Columns
from evalkit.environment import Environment
from evalkit.errors import BrokenError
from evalkit.gate import Champion
from evalkit.judging import Judge, partiality, unheard
from evalkit.labelled import with_labels
from evalkit.pairing import pair
from evalkit.prepare import Job
from evalkit.timing import TimedModel, Timing, time_models
from evalkit.timing.alone import COLUMNS as TIMES
from evalkit.types import ModelFacts, Output, Request, Role

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


@dataclass(frozen=True, kw_only=True)
class _Collector:
    """Asks through the cache and keeps account of it: whose answers → batches, and what the backend counted."""

    cache: Path
    env: Environment
    account: dict[str, Any] = field(default_factory=dict)

    def __call__(
        self, backend: Backend, facts: ModelFacts, requests: Sequence[Request], whose: str
    ) -> tuple[Output, ...]:
        before = backend.counts()
        got = collect(backend, facts, requests, self.cache, lambda done, total: self.env.progress(whose, done, total))
        counts = {name: count - before.get(name, 0) for name, count in backend.counts().items()}
        self.account[whose] = {"batches": got.batches, "from_cache": got.from_cache, **counts}
        return got.outputs


def gather(job: Job, cache: Path, env: Environment) -> Gathered:
    """Ask every model everything. Raises BrokenError when teacher, student, judge or disk fails; a champion that
    fails is a gap in the evidence, no more."""
    roles: list[Role] = [role for role in ("teacher", "student", "teacher_again") if role in job.backends]
    # All of them before any runs: a model that cannot be read should not cost another's hour.
    models: dict[Role, ModelFacts] = {role: job.backends[role].identify() for role in roles}
    judges = {suite: judge.backend.identify() for suite, judge in job.judges.items()}
    answers: Answers = {each.name: {} for each in job.suites}
    collector = _Collector(cache=cache, env=env)
    notes: list[str] = []
    for role in roles:
        notes += _ask(job, role, models[role], answers, collector)
    champion = job.champion
    if "champion" in job.backends:
        try:
            models["champion"] = job.backends["champion"].identify()
            notes += _ask(job, "champion", models["champion"], answers, collector)
        except BrokenError as error:
            champion = Champion(named=True, missing={None: f"the champion broke: {error}"})
            job.backends["champion"].close()
            models.pop("champion", None)
            for given in answers.values():
                given.pop("champion", None)
    timings = _timings(job, models, env)
    for suite, judge in job.judges.items():
        notes += _judge(judge, judges[suite], answers[suite], collector)
        notes += [f"{suite}: {remark}" for remark in partiality(judges[suite], models)]
    columns = [pair(each, job.requests[each.name], answers[each.name]) for each in job.suites]
    columns = [_with_times(each, timings.get(each.facts.name), models) for each in columns]
    if job.labels is not None:
        told = [with_labels(each, job.labels) for each in columns]
        columns = [each for each, _ in told]
        notes += [note for _, more in told for note in more]
    notes += [*_unread(columns), *_cut(collector.account)]
    # The same remark of two models is one remark.
    return Gathered(
        models=models,
        columns=columns,
        collection=collector.account,
        champion=champion,
        notes=list(dict.fromkeys(notes)),
        judges=judges,
    )


def _ask(job: Job, role: Role, model: ModelFacts, answers: Answers, collector: _Collector) -> list[str]:
    """One model's outputs on every suite that it is to answer; returns what a reader must know about how it was
    asked."""
    backend = job.backends[role]
    for suite in job.suites:
        if role == "champion" and job.champion.why_not(suite.name) is not None:
            continue
        requests = job.requests[suite.name]
        if role == "teacher_again":
            requests = [each for each in requests if each.example_id in job.again[suite.name]]
        answers[suite.name][role] = collector(backend, model, requests, f"{role} {suite.name}")
    # Backends are in the order in which they are asked. What is timed next would only be loaded again.
    if not _is_timed(job, role, model) or role != list(job.backends)[-1]:
        backend.close()
    return backend.notes(job.suites)


def _judge(judge: Judge, facts: ModelFacts, answers: dict[Role, Sequence[Output]], collector: _Collector) -> list[str]:
    """One suite's answers with what its judge says of them; returns what a reader must know about that.

    Role by role, so that a champion in the plan moves nothing of what is asked about teacher and student. The same
    words about the same example are judged once, whoever said them: two verdicts on them would be noise.
    """
    known: dict[str, Output] = {}
    replies: list[Output] = []
    for role, outputs in answers.items():
        said = _said(judge, facts, role, outputs, known, collector)
        answers[role] = judge.heard(role, outputs, said)
        replies += said.values()
    judge.backend.close()
    remarks = [f"answers are judged by {facts.name}", *judge.notes(answers), *_shortcomings(judge, replies)]
    return [f"{judge.suite.name}: {each}" for each in remarks]


def _said(
    judge: Judge,
    facts: ModelFacts,
    role: Role,
    outputs: Sequence[Output],
    known: dict[str, Output],
    collector: _Collector,
) -> dict[str, Output]:
    """The judge's reply to each question about a role's outputs, by the question's id. `known` holds its replies so
    far, and takes up the new ones."""
    asked = judge.questions(role, outputs)
    # A recording has a row for each answer of each role, and whoever wrote it may have meant them.
    keys = {each.example_id: each.key if facts.live else each.example_id for each in asked}
    fresh: dict[str, Request] = {}
    for each in asked:
        if (key := keys[each.example_id]) not in known:
            fresh.setdefault(key, each)
    got = collector(judge.backend, facts, list(fresh.values()), f"judge of {judge.suite.name}, {role}")
    known |= dict(zip(fresh, got, strict=True))
    return {name: known[key] for name, key in keys.items()}


def _shortcomings(judge: Judge, replies: Sequence[Output]) -> list[str]:
    """Replies that are no judgement, and those that may have lost theirs."""
    found = []
    if silent := [each for each in replies if judge.words(each) is None]:
        first = silent[0].error or (silent[0].status if silent[0].status != "ok" else "it was held back")
        found.append(f"the judge gave no answer {len(silent)} times; the first says: {first}")
    if cut := sum(each.status == "truncated" for each in replies):
        found.append(f"{cut} of the judge's answers reached max_new_tokens and may lack their verdict")
    return found


def _unread(columns: Sequence[Columns]) -> list[str]:
    """Judgements whose lack helps the student: the answer that it is held against earns nothing."""
    held_against: tuple[Role, ...] = ("teacher", "champion")
    counted = [(each, role, *unheard(each, role)) for each in columns for role in held_against if role in each.roles]
    return [
        f"{each.facts.name}: {failed} of {asked} judgements of the {role}'s answers are missing or cannot be read; "
        "those answers earn nothing, which favours the student"
        for each, role, failed, asked in counted
        if failed
    ]


def _is_timed(job: Job, role: Role, model: ModelFacts) -> bool:
    """A champion is a record of its time, and the teacher's second run is the teacher again."""
    return job.plan.latency is not None and model.live and role in ("teacher", "student")


def _timings(job: Job, models: Mapping[Role, ModelFacts], env: Environment) -> Mapping[str, Timing]:
    """What each model that answers here costs, by suite, where the plan has a timing protocol."""
    live: dict[Role, TimedModel] = {
        role: TimedModel(backend=job.backends[role], spec=job.plan.models[role], facts=model)
        for role, model in models.items()
        if _is_timed(job, role, model)
    }
    if job.plan.latency is None or not live:
        return {}
    # A server may keep what it computed for a prompt: of the samples of an example the first is timed.
    first = {
        suite.name: [each for each in job.requests[suite.name] if each.example_id in heads]
        for suite in job.suites
        for heads in [{each.id for each in suite.examples[:: suite.facts.samples]}]
    }
    return time_models(live, first, job.plan.latency, job.plan.seed, env.clock, env.progress)


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
