"""Job → Columns: every model asked, timed where the plan asks for it, every answer judged and paired.

    collect → read → time → judge → pair

One model after the other answers all suites and then gives its memory back, so that a pair of which only one
fits at a time can be gated; only the timing protocol needs teacher and student side by side. A model that is timed
later stays where there is room for both. Timing comes before the judging because it gives them back, too: a judge is
often the largest of the three.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from evalkit import batch_shape
from evalkit.backends import Backend
from evalkit.collect import collect
from evalkit.columns import Columns
from evalkit.environment import Environment
from evalkit.errors import BrokenError
from evalkit.forced import Forcing
from evalkit.gate import Champion
from evalkit.judging import Judge, partiality, unheard
from evalkit.labelled import with_labels
from evalkit.pairing import pair
from evalkit.prepare import Job
from evalkit.specs import EnsembleSpec, ModelSpec, TransformersSpec
from evalkit.timing import TimedModel, Timing, time_models
from evalkit.timing.alone import COLUMNS as TIMES
from evalkit.types import ModelFacts, Output, Request, Role, Suite, Undefined
from evalkit.types.batch_shape import BatchShapes
from evalkit.weighing import weighed

# suite → role → outputs
Answers = dict[str, dict[Role, Sequence[Output]]]
# suite → role → answers to some of the requests, each asked alone; or why none were asked so
Apart = dict[str, dict[Role, Sequence[Output] | Undefined]]
# role and settings → who that is
Known = dict[tuple[Role, str], ModelFacts]

# Whose answers are asked for again, each alone. The teacher's second run is noise already, a champion is not.
AUDITED: tuple[Role, ...] = ("teacher", "student")


@dataclass(frozen=True, kw_only=True)
class Gathered:
    """What the models said, a suite's pairs each, and how it came about (`collection`, for the manifest)."""

    models: Mapping[Role, ModelFacts]
    columns: list[Columns]
    collection: Mapping[str, Any]
    champion: Champion
    notes: list[str]
    judges: Mapping[str, ModelFacts]
    shapes: BatchShapes


@dataclass(frozen=True, kw_only=True)
class _Collector:
    """Asks through the cache and keeps account of it: whose answers → batches, and what the backend counted."""

    cache: Path
    env: Environment
    account: dict[str, Any] = field(default_factory=dict)

    def __call__(
        self, backend: Backend, facts: ModelFacts, requests: Sequence[Request], whose: str, *, alone: bool = False
    ) -> tuple[Output, ...]:
        before = backend.counts()
        batches = [[index] for index in range(len(requests))] if alone else None

        def told(done: int, total: int) -> None:
            self.env.progress(whose, done, total)

        got = collect(backend, facts, requests, self.cache, told, batches)
        counts = {name: count - before.get(name, 0) for name, count in backend.counts().items()}
        self.account[whose] = {"batches": got.batches, "from_cache": got.from_cache, **counts}
        return got.outputs


def gather(job: Job, cache: Path, env: Environment, known: Known | None = None) -> Gathered:
    """Ask every model everything. Raises BrokenError when teacher, student, judge or disk fails; a champion that
    fails is a gap in the evidence, no more.

    `known` holds who models were found to be, and takes up what is found here: of several students' jobs the teacher's
    files are hashed once."""
    known = {} if known is None else known
    roles: list[Role] = [role for role in ("teacher", "student", "teacher_again") if role in job.backends]
    # All of them before any runs: a model that cannot be read should not cost another's hour.
    models: dict[Role, ModelFacts] = {
        role: identified(job.backends[role], role, job.plan.models[role], known) for role in roles
    }
    if job.plan.one_of is not None:
        models["student"] = replace(models["student"], name=job.plan.one_of.name)
    judges = {suite: identified(each.backend, "judge", each.spec, known) for suite, each in job.judges.items()}
    answers: Answers = {each.name: {} for each in job.suites}
    apart: Apart = {each.name: {} for each in job.suites}
    collector = _Collector(cache=cache, env=env)
    forcing = Forcing(job.suites, job.requests, job.backends, job.forced, cache, env)
    notes: list[str] = []
    for role in roles:
        models[role] = weighed(job.backends[role], models[role], cache)
        notes += _ask(job, role, models, answers, apart, collector, forcing)
    champion = job.champion
    if "champion" in job.backends:
        try:
            models["champion"] = identified(job.backends["champion"], "champion", job.plan.models["champion"], known)
            models["champion"] = weighed(job.backends["champion"], models["champion"], cache)
            notes += _ask(job, "champion", models, answers, apart, collector, forcing)
        except BrokenError as error:
            champion = Champion(named=True, missing={None: f"the champion broke: {error}"})
            job.backends["champion"].close()
            models.pop("champion", None)
            for given in answers.values():
                given.pop("champion", None)
    timings = _timings(job, models, env)
    for suite, judge in job.judges.items():
        notes += _judge(judge, judges[suite], answers[suite], apart[suite], collector)
        notes += [f"{suite}: {remark}" for remark in partiality(judges[suite], models)]
    shapes = _shapes(job, answers, apart)
    columns = [pair(each, job.requests[each.name], answers[each.name]) for each in job.suites]
    columns = [_with_times(forcing.filled(each), timings.get(each.facts.name), models) for each in columns]
    if job.labels is not None:
        told = [with_labels(each, job.labels) for each in columns]
        columns = [each for each, _ in told]
        notes += [note for _, more in told for note in more]
    notes += [*_unread(columns), *_cut(collector.account), *_unsteady(shapes)]
    # The same remark of two models is one remark.
    return Gathered(
        models=models,
        columns=columns,
        collection={**collector.account, **forcing.account},
        champion=champion,
        notes=list(dict.fromkeys(notes)),
        judges=judges,
        shapes=shapes,
    )


def identified(backend: Backend, role: Role, spec: ModelSpec, known: Known) -> ModelFacts:
    """Who the model is that a backend has: looked up the first time that anybody asks for it in this role.

    Raises BrokenError when it cannot be told."""
    # The main branch of a hub id may have moved since: whose files these are is for each backend to say.
    if _on_the_hub(spec):
        return backend.identify()
    key = role, spec.model_dump_json()
    if key not in known:
        known[key] = backend.identify()
    return known[key]


def _on_the_hub(spec: ModelSpec) -> bool:
    if isinstance(spec, EnsembleSpec):
        return any(_on_the_hub(each) for each in spec.members)
    return isinstance(spec, TransformersSpec) and not Path(spec.model).is_absolute()


def _ask(
    job: Job,
    role: Role,
    models: Mapping[Role, ModelFacts],
    answers: Answers,
    apart: Apart,
    collector: _Collector,
    forcing: Forcing,
) -> list[str]:
    """One model's outputs on every suite that it is to answer; returns what a reader must know about how it was
    asked."""
    backend, model = job.backends[role], models[role]
    for suite in job.suites:
        if role == "champion" and job.champion.why_not(suite.name) is not None:
            continue
        requests = job.requests[suite.name]
        if role == "teacher_again":
            requests = [each for each in requests if each.example_id in job.again[suite.name]]
        answers[suite.name][role] = collector(backend, model, requests, f"{role} {suite.name}")
        if role in AUDITED and requests and job.plan.batch_shape_audit:
            apart[suite.name][role] = _alone(job, role, model, suite, collector)
    forcing.heard(role, model, answers)
    # What is timed later would only be loaded again.
    if not _is_timed(job, role, model) or not _may_stay(job, role, models):
        backend.close()
    return backend.notes(job.suites)


def _alone(
    job: Job, role: Role, model: ModelFacts, suite: Suite, collector: _Collector
) -> Sequence[Output] | Undefined:
    """A model's answers to a seeded draw of a suite's requests, each asked alone; or why none are asked so."""
    requests, judge = job.requests[suite.name], job.judges.get(suite.name)
    recorded_judge = judge is not None and judge.spec.backend == "recorded"
    why = batch_shape.why_not(job.backends[role], model, requests, recorded_judge=recorded_judge)
    if why is not None:
        return why
    chosen = [requests[index] for index in batch_shape.drawn(requests, job.plan.batch_shape_audit, job.plan.seed)]
    return collector(job.backends[role], model, chosen, f"{role} {suite.name}, one by one", alone=True)


def _shapes(job: Job, answers: Answers, apart: Apart) -> BatchShapes:
    """What the batch-shape audit found, by suite and role; nothing where the plan has it off."""
    return {
        suite.name: {
            role: alone
            if isinstance(alone, Undefined)
            else batch_shape.compared(suite, job.requests[suite.name], answers[suite.name][role], alone)
            for role, alone in apart[suite.name].items()
        }
        for suite in job.suites
        if apart[suite.name]
    }


def _unsteady(shapes: BatchShapes) -> list[str]:
    """Suites on which answers changed with what shared their batch."""
    said = (batch_shape.remark(role, suite, each) for suite, found in shapes.items() for role, each in found.items())
    return [each for each in said if each is not None]


def _may_stay(job: Job, role: Role, models: Mapping[Role, ModelFacts]) -> bool:
    """Whether a model may stay loaded while those are asked that come after it: there is none, or they all fit."""
    order = list(job.backends)
    later = order[order.index(role) + 1 :]
    if any(each not in models for each in later):
        return False
    return not later or job.backends[role].stays_beside([models[each] for each in later])


def _judge(
    judge: Judge,
    facts: ModelFacts,
    answers: dict[Role, Sequence[Output]],
    apart: dict[Role, Sequence[Output] | Undefined],
    collector: _Collector,
) -> list[str]:
    """One suite's answers with what its judge says of them; returns what a reader must know about that.

    Role by role, so that a champion in the plan moves nothing of what is asked about teacher and student. The same
    words about the same example are judged once, whoever said them: two verdicts on them would be noise. So of the
    answers that were asked for `apart` only those are judged that came out in other words.
    """
    known: dict[str, Output] = {}
    replies: list[Output] = []
    for role, outputs in answers.items():
        said = _said(judge, facts, role, outputs, known, collector, f"judge of {judge.suite.name}, {role}")
        answers[role] = judge.heard(role, outputs, said)
        replies += said.values()
    for role, alone in apart.items():
        if not isinstance(alone, Undefined):
            whose = f"judge of {judge.suite.name}, {role} one by one"
            apart[role] = judge.heard(role, alone, _said(judge, facts, role, alone, known, collector, whose))
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
    whose: str,
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
    got = collector(judge.backend, facts, list(fresh.values()), whose)
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
