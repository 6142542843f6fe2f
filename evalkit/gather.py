"""Job → Columns: every model asked, every answer judged and paired, and timed where the plan asks for it.

    collect → pair → time

One model after the other answers all suites and then gives its memory back, so that a pair of which only one
fits at a time can be gated; only the timing protocol needs teacher and student side by side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evalkit.backends import Backend
from evalkit.collect import collect
from evalkit.environment import Environment
from evalkit.errors import BrokenError
from evalkit.gate import Champion
from evalkit.pairing import pair
from evalkit.prepare import Job
from evalkit.table import Columns
from evalkit.timing import time_models
from evalkit.types import ModelFacts, Output, Role

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


def gather(job: Job, cache: Path, env: Environment) -> Gathered:
    """Ask every model everything. Raises BrokenError when teacher, student or disk fails; a champion that fails
    is a gap in the evidence, no more."""
    roles: list[Role] = [role for role in ("teacher", "student", "teacher_again") if role in job.backends]
    # All of them before any runs: a model that cannot be read should not cost another's hour.
    models: dict[Role, ModelFacts] = {role: job.backends[role].identify() for role in roles}
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
    columns = [pair(each, job.requests[each.name], answers[each.name]) for each in job.suites]
    columns = [_with_times(each, _times(job, each.facts.name, models, env)) for each in columns]
    notes += _cut(collection)
    # The same remark of two models is one remark.
    return Gathered(
        models=models, columns=columns, collection=collection, champion=champion, notes=list(dict.fromkeys(notes))
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


def _is_timed(job: Job, role: Role) -> bool:
    return job.plan.latency is not None and role in ("teacher", "student")


def _times(
    job: Job, suite: str, models: Mapping[Role, ModelFacts], env: Environment
) -> Mapping[Role, Mapping[str, float]]:
    """Seconds per example where the plan has a timing protocol and the models are here to be timed."""
    live: dict[Role, Backend] = {
        role: job.backends[role] for role, model in models.items() if model.live and role in ("teacher", "student")
    }
    if job.plan.latency is None or len(live) < 2:
        return {}
    return time_models(
        live,
        job.requests[suite],
        job.plan.latency,
        job.plan.seed,
        env.clock,
        lambda done, total: env.progress(f"timing {suite}", done, total),
    )


def _with_times(columns: Columns, times: Mapping[Role, Mapping[str, float]]) -> Columns:
    timed = {f"{role}_latency_s": [by_id.get(name) for name in columns.data["id"]] for role, by_id in times.items()}
    return replace(columns, data={**columns.data, **timed}) if timed else columns


def _cut(collection: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Inputs that a model could not take whole: an answer to half a question looks like any other."""
    return [
        f"{counts['cut_inputs']} inputs were cut to what the model can take: {whose}"
        for whose, counts in collection.items()
        if counts.get("cut_inputs")
    ]
