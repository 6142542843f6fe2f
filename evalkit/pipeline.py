"""The table of contents of the program: from a plan to a run directory.

    prepare → collect → pair → conclude → write

`gate` and `audit` walk all of it; `regate` begins at stored pairs. Nothing flows back.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evalkit import report
from evalkit.backends import Backend
from evalkit.collect import collect
from evalkit.conclude import Conclusion, Premises, broken_by_errors, conclude, premises_of, run_record
from evalkit.environment import Environment
from evalkit.errors import BrokenError, UsageError
from evalkit.estimate import populations
from evalkit.files import digest_file, digest_text, pretty_json
from evalkit.gate import Champion, check_names, undecided
from evalkit.machine import hardware, versions
from evalkit.pairing import pair
from evalkit.plan import Plan
from evalkit.policy import Policy
from evalkit.prepare import Job, prepare
from evalkit.records import model_record, suite_record, verdict_record
from evalkit.store import claim, finish, read_run, withdraw, write_records, write_texts
from evalkit.table import Columns
from evalkit.timing import time_models
from evalkit.types import ModelFacts, Output, Role, RunRecord, Verdict


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A run that ended, with whatever verdict, and where it lies."""

    out: Path
    record: RunRecord

    @property
    def verdict(self) -> Verdict:
        return self.record.verdict


def gate(plan: Plan, out: Path | None, cache: Path, env: Environment, *, audit: bool = False) -> Finished:
    """Run the plan, decide (an audit does not), write the run.

    Raises UsageError for a user's mistake, before any model runs. Whatever fails later ends as a run with
    the verdict broken.
    """
    job = prepare(plan, audit=audit)
    started = env.now()
    out = out if out is not None else _new_directory(job, started)
    claim(out)
    manifest = _manifest(job, out, started, env)
    if not any(job.requests.values()):
        verdict = undecided(job.policy, now=started, empty=_why_empty(job))
        return _write(out, manifest, Conclusion(verdict=verdict, results=(), timings=()), [], env)
    try:
        models, columns, collection, champion = _collected(job, cache, env)
        if broken := broken_by_errors(columns, job.policy):
            return _write_broken(out, manifest, undecided(job.policy, now=started, broken=broken), env)
    except BrokenError as error:
        return _write_broken(out, manifest, undecided(job.policy, now=started, broken=[str(error)]), env)
    finally:
        for each in job.backends.values():
            each.close()
    manifest["notes"] += _cut(collection)
    manifest |= {
        "models": {role: model_record(each) for role, each in models.items()},
        "collection": collection,
        "champion": _champion_record(champion),
        "hardware": hardware(),
    }
    premises = Premises(
        models=manifest["models"],
        policy=job.policy,
        champion=champion,
        seed=plan.seed,
        now=started,
        notes=tuple(manifest["notes"]),
    )
    return _write(out, manifest, conclude(columns, premises), columns, env)


def regate(parent: Path, policy: Policy, out: Path | None, env: Environment) -> Finished:
    """Another verdict from a finished run's pairs, in a new run that names its parent. No model runs.

    Raises RecordError when the parent cannot be read, UsageError when the policy does not fit its suites.
    """
    run = read_run(parent)
    if complaints := check_names(policy, populations(run.columns)):
        raise UsageError(complaints)
    started = env.now()
    name = (run.manifest["models"].get("student") or {}).get("name") or "student"
    out = out if out is not None else _free(f"{started:%Y%m%dT%H%M%SZ}-{_plain(name)}-regated")
    claim(out)
    manifest = {
        **run.manifest,
        **_stamps(out, started, env),
        "policy": _policy_record(policy),
        "parent": {
            "run_id": run.manifest["run_id"],
            "path": str(parent),
            "manifest_digest": digest_file(parent / "manifest.json"),
        },
    }
    if not any(each.n for each in run.columns):
        verdict = undecided(policy, now=started, empty="the parent run holds no pairs")
        return _write(out, manifest, Conclusion(verdict=verdict, results=(), timings=()), [], env)
    if broken := broken_by_errors(run.columns, policy):
        return _write_broken(out, manifest, undecided(policy, now=started, broken=broken), env)
    premises = replace(premises_of(manifest, None, started), policy=policy)
    return _write(out, manifest, conclude(run.columns, premises), run.columns, env)


# --- collecting --------------------------------------------------------------------------------------


def _collected(
    job: Job, cache: Path, env: Environment
) -> tuple[dict[Role, ModelFacts], list[Columns], dict[str, Any], Champion]:
    """Every role's outputs on every suite, paired, and timed where the plan asks for it."""
    roles: tuple[Role, ...] = ("teacher", "student", "teacher_again")
    models: dict[Role, ModelFacts] = {role: job.backends[role].identify() for role in roles if role in job.backends}
    columns: list[Columns] = []
    facts: dict[str, Any] = {}
    champion = job.champion
    for suite in job.suites:
        outputs: dict[Role, Sequence[Output]] = {}
        for role in [role for role in roles if role in models]:
            outputs[role], facts[f"{role} {suite.name}"] = _outputs(job, role, models[role], suite.name, cache, env)
        if "champion" in job.backends and champion.why_not(suite.name) is None:
            try:
                if "champion" not in models:
                    models["champion"] = job.backends["champion"].identify()
                answered, said = _outputs(job, "champion", models["champion"], suite.name, cache, env)
                outputs["champion"], facts[f"champion {suite.name}"] = answered, said
            except BrokenError as error:
                # The student in service is not what is decided on: its criteria lack evidence, no more.
                champion = Champion(named=True, missing={None: f"the champion broke: {error}"})
        paired = pair(suite, job.requests[suite.name], outputs)
        columns.append(_with_times(paired, _times(job, suite.name, models, env)))
    return models, columns, facts, champion


def _outputs(
    job: Job, role: Role, model: ModelFacts, suite: str, cache: Path, env: Environment
) -> tuple[tuple[Output, ...], dict[str, int]]:
    backend = job.backends[role]
    before = _counts(backend)
    requests = job.requests[suite]
    if role == "teacher_again":
        requests = [each for each in requests if each.example_id in job.again[suite]]
    got = collect(
        backend,
        model,
        requests,
        cache,
        lambda done, total: env.progress(f"{role} {suite}", done, total),
    )
    counts = {name: count - before[name] for name, count in _counts(backend).items()}
    return got.outputs, {"batches": got.batches, "from_cache": got.from_cache, **counts}


def _counts(backend: Backend) -> dict[str, int]:
    """What a backend has counted so far, over all suites; a backend may count none of it."""
    return {
        "out_of_memory_splits": getattr(backend, "splits", 0),
        "cut_inputs": getattr(backend, "cut_inputs", 0),
    }


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


# --- writing -----------------------------------------------------------------------------------------


def _write(
    out: Path, manifest: Mapping[str, Any], conclusion: Conclusion, columns: Sequence[Columns], env: Environment
) -> Finished:
    """Records, then reports, then the manifest that makes the run complete."""
    try:
        digests = write_records(out, conclusion.verdict, conclusion.results, conclusion.timings, columns)
        whole = {**manifest, "finished": _stamp(env.now()), "records": digests}
        record = run_record(columns, conclusion, whole)
        texts = report.files(record)
        write_texts(out, texts)
        finish(out, {**whole, "reports": {name: digest_file(out / name) for name in texts}})
    except BrokenError as error:
        # The verdict may be on the disk already, and the run is not: it must not speak for it.
        withdraw(out)
        return _write_broken(out, manifest, Verdict(word="broken", reasons=(str(error),)), env)
    except BaseException:
        # The same for an interrupt, and for a bug in a report.
        withdraw(out)
        raise
    return Finished(out=out, record=record)


def _write_broken(out: Path, manifest: Mapping[str, Any], verdict: Verdict, env: Environment) -> Finished:
    """A broken run has a verdict and no manifest, so that the same command may try again."""
    whole = {**manifest, "finished": _stamp(env.now())}
    record = run_record([], Conclusion(verdict=verdict, results=(), timings=()), whole)
    write_texts(out, {"verdict.json": pretty_json(verdict_record(verdict)), **report.files(record)})
    return Finished(out=out, record=record)


def _why_empty(job: Job) -> str:
    limit = f"--limit {job.plan.limit}" if job.plan.limit is not None else "the plan"
    return f"{limit} leaves no example to evaluate"


def _new_directory(job: Job, started: dt.datetime) -> Path:
    name = _spec_name(job.plan.models["student"])
    return _free(f"{started:%Y%m%dT%H%M%SZ}-{_plain(name)}")


def _free(name: str) -> Path:
    """A directory under runs/ that does not exist: two short runs may begin in the same second."""
    names = itertools.chain([name], (f"{name}-{count}" for count in itertools.count(2)))
    return next(path for each in names if not (path := Path("runs") / each).exists())


def _plain(name: str) -> str:
    """A name that is safe in a path."""
    kept = "".join(each if each.isalnum() or each in "-_." else "-" for each in name)
    return kept.strip("-.")[:60] or "student"


def _stamp(time: dt.datetime) -> str:
    return time.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _stamps(out: Path, started: dt.datetime, env: Environment) -> dict[str, Any]:
    return {
        "run_id": digest_text(f"{out.resolve()} {_stamp(started)}")[7:23],
        "command": env.command,
        "started": _stamp(started),
        "versions": versions(),
    }


def _manifest(job: Job, out: Path, started: dt.datetime, env: Environment) -> dict[str, Any]:
    plan = job.plan
    return {
        **_stamps(out, started, env),
        "seed": plan.seed,
        "limit": plan.limit,
        "plan": {"path": plan.path, "text": plan.text},
        "policy": _policy_record(job.policy) if job.policy is not None else None,
        "suites": [suite_record(each.facts, len(each.examples), job.sizes[each.name]) for each in job.suites],
        "models": {role: {"name": _spec_name(spec)} for role, spec in plan.models.items()},
        "latency": plan.latency.model_dump() if plan.latency is not None else None,
        "batch_shape_audit": None,
        "parent": None,
        "notes": _notes(job),
    }


def _notes(job: Job) -> list[str]:
    """What a reader must know before believing any number."""
    found = []
    for each in job.suites:
        n, size = len(each.examples), job.sizes[each.name]
        if n < size:
            found.append(f"limited to a seeded draw of {n} of the {size} examples of {each.name}")
    if job.plan.latency is not None and any(spec.backend == "recorded" for spec in job.plan.models.values()):
        found.append("latency: a recording cannot be timed; its own timing columns are used where it has them")
    fakes = [role for role, spec in job.plan.models.items() if spec.backend == "fake"]
    if fakes:
        verb = "is a stand-in" if len(fakes) == 1 else "are stand-ins"
        found.append(f"{' and '.join(fakes)} {verb}: this run shows that the plan works, and nothing else")
    return found


def _cut(collection: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Inputs that a model could not take whole: an answer to half a question looks like any other."""
    return [
        f"{counts['cut_inputs']} inputs were cut to what the model can take: {whose}"
        for whose, counts in collection.items()
        if counts.get("cut_inputs")
    ]


def _spec_name(spec: Any) -> str:
    """A model as a reader calls it, before it is identified: a path by its last part, a hub id whole."""
    if spec.backend == "recorded":
        return Path(spec.path).stem
    name = str(getattr(spec, "model", None) or getattr(spec, "name", ""))
    return Path(name).name if Path(name).is_absolute() else name


def _policy_record(policy: Policy) -> dict[str, Any]:
    return {
        "name": policy.name,
        "level": policy.level,
        "max_error_rate": policy.max_error_rate,
        "digest": policy.digest,
        "text": policy.text,
    }


def _champion_record(champion: Champion) -> dict[str, Any]:
    missing = champion.missing or {}
    return {"named": champion.named, "missing": {suite or "*": why for suite, why in missing.items()}}
