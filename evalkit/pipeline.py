"""The table of contents of the program: from a plan to a run directory.

    prepare → gather → conclude → write

`gate` and `audit` walk all of it, for a plan of several students once for each of them (evalkit/ranking); `regate`
begins at stored pairs. Nothing flows back.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evalkit import report
from evalkit.columns import Columns
from evalkit.conclude import Conclusion, Premises, broken_by_errors, conclude, premises_of, run_record
from evalkit.environment import Environment, Progress, silent
from evalkit.errors import BrokenError, UsageError
from evalkit.estimate import populations
from evalkit.files import digest_file, digest_text, pretty_json
from evalkit.gate import Champion, check_names, undecided
from evalkit.gather import Known, gather
from evalkit.machine import hardware, versions
from evalkit.plan import Plan
from evalkit.policy import Policy
from evalkit.prepare import Job, prepare, with_workers
from evalkit.records import batch_shapes_record, model_record, suite_record, terms_record, verdict_record
from evalkit.store import check_untouched, claim, finish, read_run, withdraw, write_records, write_texts
from evalkit.students import plain
from evalkit.types import Role, Suite, Verdict
from evalkit.types.record import RunRecord

# From so many examples on, measuring and writing take seconds that somebody watches.
_MANY = 5_000


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
    return carry_out(prepare(plan, audit=audit), out, cache, env)


def carry_out(job: Job, out: Path | None, cache: Path, env: Environment, known: Known | None = None) -> Finished:
    """The rest of `gate`, for a plan that was prepared. `known` is `gather`'s.

    Raises UsageError when `out` is taken."""
    job = with_workers(job, env.pooled)
    plan, started = job.plan, env.now()
    out = out if out is not None else _new_directory(job, started)
    claim(out)
    manifest = _manifest(job, out, started, env)
    if not any(job.requests.values()):
        verdict = undecided(job.policy, now=started, empty=_why_empty(job))
        return _write(out, manifest, Conclusion(verdict=verdict, results=(), timings=()), [], env)
    try:
        gathered = gather(job, cache, env, known)
        columns = gathered.columns
        if broken := broken_by_errors(columns, job.policy):
            return _write_broken(out, manifest, undecided(job.policy, now=started, broken=broken), env)
    except BrokenError as error:
        return _write_broken(out, manifest, undecided(job.policy, now=started, broken=[str(error)]), env)
    finally:
        for each in (*job.backends.values(), *(judge.backend for judge in job.judges.values())):
            each.close()
    manifest["notes"] += gathered.notes
    manifest |= {
        "models": {role: model_record(each) for role, each in gathered.models.items()},
        "batch_shape_audit": batch_shapes_record(gathered.shapes) or None,
        "judges": {suite: model_record(each) for suite, each in gathered.judges.items()},
        "collection": gathered.collection,
        "timing": {each.facts.name: each.timing for each in columns if each.timing},
        "champion": _champion_record(gathered.champion),
        "hardware": hardware(),
    }
    premises = Premises(
        models=manifest["models"],
        policy=job.policy,
        champion=gathered.champion,
        seed=plan.seed,
        now=started,
        terms=plan.terms,
        notes=tuple(manifest["notes"]),
        shapes=gathered.shapes,
    )
    return _write(out, manifest, conclude(columns, premises, _heard(columns, env)), columns, env)


def regate(parent: Path, policy: Policy, out: Path | None, env: Environment) -> Finished:
    """Another verdict from a finished run's pairs, in a new run that names its parent. No model runs.

    Raises RecordError when the parent cannot be read, MismatchError when its records have been changed since,
    UsageError when the policy does not fit its suites.
    """
    run = read_run(parent)
    check_untouched(run)
    if complaints := check_names(policy, populations(run.columns)):
        raise UsageError(complaints)
    started = env.now()
    name = (run.manifest["models"].get("student") or {}).get("name") or "student"
    out = out if out is not None else free(f"{started:%Y%m%dT%H%M%SZ}-{plain(name)}-regated")
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
    concluded = conclude(run.columns, premises, _heard(run.columns, env))
    return _write(out, manifest, concluded, run.columns, env)


# --- writing -----------------------------------------------------------------------------------------


def _write(
    out: Path, manifest: Mapping[str, Any], conclusion: Conclusion, columns: Sequence[Columns], env: Environment
) -> Finished:
    """Records, then reports, then the manifest that makes the run complete."""
    progress = _heard(columns, env)
    progress("writing the report", 0, 1)
    try:
        digests = write_records(out, conclusion.verdict, conclusion.results, conclusion.timings, columns)
        whole = {**manifest, "finished": _stamp(env.now()), "records": digests}
        record = run_record(columns, conclusion, whole)
        texts = report.files(record)
        write_texts(out, texts)
        finish(out, {**whole, "reports": {name: digest_file(out / name) for name in texts}})
        progress("writing the report", 1, 1)
    except BrokenError as error:
        # The verdict may be on the disk already, and the run is not: it must not speak for it.
        withdraw(out)
        return _write_broken(out, manifest, Verdict(word="broken", reasons=(str(error),)), env)
    except BaseException:
        # The same for an interrupt, and for a bug in a report.
        withdraw(out)
        raise
    return Finished(out=out, record=record)


def _heard(columns: Sequence[Columns], env: Environment) -> Progress:
    """Progress of what comes after the models, where it may take minutes; of a few examples it is news of nothing."""
    return env.progress if sum(each.n for each in columns) >= _MANY else silent


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
    return free(f"{started:%Y%m%dT%H%M%SZ}-{plain(name)}")


def free(name: str) -> Path:
    """A directory under runs/ that does not exist: two short runs may begin in the same second."""
    names = itertools.chain([name], (f"{name}-{count}" for count in itertools.count(2)))
    return next(path for each in names if not (path := Path("runs") / each).exists())


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
        **asked_of(job),
        "plan": {"path": plan.path, "text": plan.text},
        "models": {role: {"name": _role_name(plan, role)} for role in plan.models},
        "batch_shape_audit": None,
        "parent": None,
        "notes": _notes(job),
    }


def asked_of(job: Job) -> dict[str, Any]:
    """What a job asks for, whichever models answer: what of a manifest is known before anything runs."""
    plan = job.plan
    return {
        "seed": plan.seed,
        "limit": plan.limit,
        "noise_floor": plan.noise_floor,
        "token_fidelity": plan.token_fidelity,
        # How many are asked alone; what came of it is in `batch_shape_audit`.
        "batch_shape_requests": plan.batch_shape_audit,
        "policy": _policy_record(job.policy) if job.policy is not None else None,
        "suites": [suite_record(each.facts, _many(each), job.sizes[each.name]) for each in job.suites],
        "latency": plan.latency.model_dump() if plan.latency is not None else None,
        "terms": terms_record(plan.terms),
        "labelled": _labels_record(job),
    }


def _notes(job: Job) -> list[str]:
    """What a reader must know before believing any number."""
    found = []
    for each in job.suites:
        n, size = _many(each), job.sizes[each.name]
        if n < size:
            found.append(f"limited to a seeded draw of {n} of the {size} examples of {each.name}")
        found += [f"{each.name}: {note}" for note in each.notes]
        if (samples := each.facts.samples) > 1:
            found.append(f"{each.name}: {n} examples of {samples} samples each; counts are of samples")
    if job.labels is not None and (spare := job.labels.spare):
        found.append(f"{spare} rows of {job.labels.path.name} are of no example of the safety-refusal suites")
    if job.plan.latency is not None and any(spec.backend == "recorded" for spec in job.plan.models.values()):
        found.append("latency: a recording cannot be timed; its own timing columns are used where it has them")
    fakes = [role for role, spec in job.plan.models.items() if spec.backend == "fake"]
    if fakes:
        verb = "is a stand-in" if len(fakes) == 1 else "are stand-ins"
        found.append(f"{' and '.join(fakes)} {verb}: this run shows that the plan works, and nothing else")
    return found


def _many(suite: Suite) -> int:
    return len(suite.examples) // suite.facts.samples


def _labels_record(job: Job) -> dict[str, Any] | None:
    if job.labels is None:
        return None
    each = job.labels
    return {"path": str(each.path), "digest": each.digest, "labels": len(each.found), "spare": each.spare}


def _role_name(plan: Plan, role: Role) -> str:
    if role == "student" and plan.one_of is not None:
        return plan.one_of.name
    return _spec_name(plan.models[role])


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
