"""Everything that can be a user's mistake, found before a model runs, and all of it at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeVar

from evalkit.backends import Backend, backend
from evalkit.backends.pool import Pooled
from evalkit.errors import Complaint, Place, UsageError, nearest
from evalkit.estimate import populations
from evalkit.gate import Champion, check_names
from evalkit.judging import Judge, judge_of
from evalkit.labelled import Labels, load_labels
from evalkit.pairing import pair
from evalkit.plan import Plan
from evalkit.policy import Policy, load_policy
from evalkit.requests import build_requests
from evalkit.scoring import known
from evalkit.scoring.refusal import languages
from evalkit.specs import ModelSpec, TransformersSpec
from evalkit.streams import stream
from evalkit.suite import load_suite
from evalkit.types import Request, Role, Suite

Made = TypeVar("Made")


@dataclass(frozen=True, kw_only=True)
class Job:
    """A plan that has been read and checked. `policy` is None for an audit.

    `backends` holds the champion's only where it can be used; `champion` says why where it cannot.
    `judges` are those of the suites whose scorer needs one; `labels` what people say of some answers.
    `again` names, suite by suite, the examples on which the teacher runs a second time, and `forced` those whose
    teacher's answers the student reads;
    `sizes` how many examples each suite has, whatever --limit leaves of it.
    """

    plan: Plan
    policy: Policy | None
    suites: tuple[Suite, ...]
    requests: Mapping[str, list[Request]]
    backends: Mapping[Role, Backend]
    judges: Mapping[str, Judge]
    labels: Labels | None
    champion: Champion
    again: Mapping[str, frozenset[str]]
    forced: Mapping[str, frozenset[str]]
    sizes: Mapping[str, int]


def with_workers(job: Job, pooled: Pooled | None) -> Job:
    """The same job, its models asked through workers where they can be; None: there are no workers."""
    if pooled is None:
        return job
    plan = job.plan
    return replace(
        job,
        backends={role: pooled(each, plan.models[role], role) for role, each in job.backends.items()},
        judges={suite: each.with_workers(pooled) for suite, each in job.judges.items()},
    )


def prepare(plan: Plan, *, audit: bool) -> Job:
    """Read and check all that the plan names. Raises UsageError with every complaint."""
    complaints: list[Complaint] = []
    policy = None if audit else _try(complaints, lambda: load_policy(_policy_name(plan)))
    if not audit and "teacher" not in plan.models:
        complaints.append(
            Complaint(
                problem="no teacher is named, so there is nothing to compare the student with",
                remedy="add `teacher:` to the plan or give --teacher; `evalkit audit` does without",
                place=plan.place("teacher"),
            )
        )
    loaded = [_try(complaints, lambda path=path: load_suite(path)) for path in plan.suites]  # type: ignore[misc]
    whole = [each for each in loaded if each is not None]
    complaints += _suite_complaints(whole, plan)
    asked = {
        each.name: _try(complaints, lambda each=each: build_requests(each)) or []  # type: ignore[misc]
        for each in whole
    }
    suites = [_limited(each, plan) for each in whole]
    requests = {
        each.name: [by_id[example.id] for example in each.examples if example.id in by_id]
        for each in suites
        for by_id in [{request.example_id: request for request in asked[each.name]}]
    }
    if policy is not None and not complaints:
        # Names are those of the whole suites: a slice that a small --limit happens to miss is no mistake.
        bare = [pair(each, asked[each.name], {}) for each in whole]
        complaints += check_names(policy, populations(bare))
    backends: dict[Role, Backend] = {}
    again: dict[str, frozenset[str]] = {}
    if "teacher_again" in plan.models:
        again = {each.name: _drawn(each, plan, plan.noise_floor, "noise floor") for each in suites}
    for role in ("teacher", "student", "teacher_again"):
        # A hub model is downloaded to be checked: not for a plan that is known to be wrong.
        if role in plan.models and not (complaints and _on_the_hub(plan.models[role])):
            backends[role] = backend(plan.models[role], role)
            theirs = suites if role != "teacher_again" else [_only(each, again[each.name]) for each in suites]
            complaints += [_placed(each, plan, role) for each in backends[role].check(theirs)]
    judges = _judges(complaints, suites, requests, plan, again)
    labels = None if (file := plan.labelled) is None else _try(complaints, lambda: load_labels(file, whole))
    champion = Champion()
    if "champion" in plan.models and not complaints:
        champion = _judgeable(_champion(plan, suites, backends), judges, backends)
    if complaints:
        raise UsageError(complaints)
    return Job(
        plan=plan,
        policy=policy,
        suites=tuple(suites),
        requests=requests,
        backends=backends,
        judges=judges,
        labels=labels,
        champion=champion,
        again=again,
        forced={each.name: _drawn(each, plan, plan.token_fidelity, "token fidelity") for each in suites},
        sizes={each.name: len(_examples(each)) for each in whole},
    )


def prepare_each(plan: Plan, *, audit: bool) -> tuple[Job, ...]:
    """A job for each of the plan's several students, in the plan's order, over the same suites and requests.

    Raises UsageError with every complaint of every student.
    """
    complaints: list[Complaint] = []
    made = [
        _try(complaints, lambda student=student: prepare(plan.of(student), audit=audit))  # type: ignore[misc]
        for student in plan.students
    ]
    jobs = [each for each in made if each is not None]
    if jobs:
        complaints += _of_one_student(jobs[0], len(plan.students))
    if complaints:
        raise UsageError(complaints)
    first = jobs[0]
    # One copy of the texts. Backends stay apart: each keeps account of what its own run asked.
    return tuple(replace(each, suites=first.suites, requests=first.requests, labels=first.labels) for each in jobs)


def _of_one_student(job: Job, students: int) -> list[Complaint]:
    """What was written down about the answers of one student, and cannot be about several."""
    if students < 2:
        return []
    found = [
        Complaint(
            problem=f'the judge of "{name}" is a recording, which holds judgements of one student\'s answers, and the '
            f"plan has {students} students",
            remedy="name a judge that can be asked, or gate each student with a recording of its own",
            place=Place(file=judge.suite.facts.path, key="scorer.model"),
        )
        for name, judge in job.judges.items()
        if judge.spec.backend == "recorded"
    ]
    if job.labels is not None and job.labels.unchecked("student"):
        found.append(
            Complaint(
                problem=f"{job.labels.path.name} has labels of the student's answers without the answers, and the plan "
                f"has {students} students",
                remedy="add a column `text` with the answer that was labelled: a label counts for that answer alone",
                place=job.plan.place("labelled"),
            )
        )
    return found


def _policy_name(plan: Plan) -> str:
    if plan.policy is None:
        raise UsageError(
            Complaint(
                problem="no policy is named, so nothing could decide",
                remedy="add `policy: recovery-99` to the plan or give --policy; `evalkit audit` does without",
                place=plan.place("policy"),
            )
        )
    return plan.policy


def _placed(complaint: Complaint, plan: Plan, role: Role) -> Complaint:
    """A complaint about a model, which only knows its role and name, with the line that names the model."""
    if complaint.place is None or not complaint.place.file.startswith(f"{role} "):
        return complaint
    # The teacher's second run is the teacher again: the same complaint twice is one.
    key = "teacher" if role == "teacher_again" and plan.models[role] == plan.models.get("teacher") else role
    if (written := plan.place(key)) is None:
        return complaint
    model = complaint.place.file.removeprefix(f"{role} ")
    return replace(complaint, place=replace(written, key=f"{written.key or key} {model}"))


def _on_the_hub(spec: ModelSpec) -> bool:
    return isinstance(spec, TransformersSpec) and not Path(spec.model).is_absolute()


def _try(complaints: list[Complaint], make: Callable[[], Made]) -> Made | None:
    """What `make` makes; None, with its complaints kept, when it cannot."""
    try:
        return make()
    except UsageError as error:
        complaints += error.complaints
        return None


def _judges(
    complaints: list[Complaint],
    suites: Sequence[Suite],
    requests: Mapping[str, list[Request]],
    plan: Plan,
    again: Mapping[str, frozenset[str]],
) -> dict[str, Judge]:
    """Whoever judges the answers to each suite, checked like the models of the plan."""
    found: dict[str, Judge] = {}
    for suite in suites:
        # Without its requests a suite is known to be wrong already.
        if len(requests[suite.name]) < len(suite.examples):
            continue
        judge = _try(complaints, lambda suite=suite: judge_of(suite, requests[suite.name]))  # type: ignore[misc]
        if judge is not None and not (complaints and _on_the_hub(judge.spec)):
            whole = _ids(suite)
            complaints += judge.check(
                {
                    role: again[suite.name] if role == "teacher_again" else whole
                    for role in plan.models
                    if role != "champion"
                }
            )
            found[suite.name] = judge
    return found


def _ids(suite: Suite) -> frozenset[str]:
    return frozenset(each.id for each in suite.examples)


def _suite_complaints(suites: Sequence[Suite], plan: Plan) -> list[Complaint]:
    found = []
    names = [each.name for each in suites]
    for name in sorted({name for name in names if names.count(name) > 1}):
        paths = " and ".join(each.facts.path for each in suites if each.name == name)
        found.append(
            Complaint(
                problem=f'two suites are called "{name}": {paths}',
                remedy="rename one, or name it once: results go by name",
                place=plan.place("suites"),
            )
        )
    found += [
        Complaint(
            problem=f'the suite "{each.name}" needs the scorer "{each.facts.scorer}", which this version lacks',
            remedy=f"it has: {', '.join(known())}; other packages can add scorers",
            place=Place(file=each.facts.path, key="scorer"),
        )
        for each in suites
        if each.facts.scorer not in known()
    ]
    found += [
        Complaint(
            problem=f'the suite "{each.name}" reads refusals in "{language}", for which there are no phrases',
            remedy=nearest(language, languages()) + "; other packages can add languages (docs/safety.md)",
            place=Place(file=each.facts.path, key="scorer › language"),
        )
        for each in suites
        if each.facts.scorer == "refusal" and (language := each.facts.settings["language"]) not in languages()
    ]
    return found


def _limited(suite: Suite, plan: Plan) -> Suite:
    """At most `limit` examples, drawn with the plan's seed and kept in the suite's order: the first rows of a
    file are rarely a sample of it."""
    examples = _examples(suite)
    if plan.limit is None or plan.limit >= len(examples):
        return suite
    chosen = stream(plan.seed, "limit", suite.name).choice(len(examples), size=plan.limit, replace=False)
    return _only(suite, frozenset(name for index in chosen for name in examples[index]))


def _drawn(suite: Suite, plan: Plan, wanted: int | Literal["all"], what: str) -> frozenset[str]:
    """A seeded draw of so many examples: all their samples, or none."""
    examples = _examples(suite)
    if wanted == "all" or wanted >= len(examples):
        return _ids(suite)
    chosen = stream(plan.seed, what, suite.name).choice(len(examples), size=wanted, replace=False)
    return frozenset(name for index in chosen for name in examples[index])


def _examples(suite: Suite) -> list[list[str]]:
    """Ids of the rows of each example: its samples are drawn together, or not at all."""
    found: dict[str, list[str]] = {}
    for each in suite.examples:
        found.setdefault(suite.facts.example_of(each.id), []).append(each.id)
    return list(found.values())


def _only(suite: Suite, ids: frozenset[str]) -> Suite:
    return replace(suite, examples=tuple(each for each in suite.examples if each.id in ids))


def _champion(plan: Plan, suites: Sequence[Suite], backends: dict[Role, Backend]) -> Champion:
    """The champion, or why not: one that cannot be read is a gap in the evidence, not a mistake in the plan."""
    built = backend(plan.models["champion"], "champion")
    found = built.check(suites)
    if found:
        return Champion(named=True, missing={None: f"the champion cannot be used: {found[0].problem}"})
    backends["champion"] = built
    then = built.earlier_run()
    if then is None:
        return Champion(named=True)
    digests = {each["name"]: each["digest"] for each in then.get("suites", [])}
    return Champion(
        named=True,
        missing={
            each.name: f'the champion ran on another version of the suite "{each.name}"'
            for each in suites
            if digests.get(each.name) != each.facts.digest
        },
    )


def _judgeable(champion: Champion, judges: Mapping[str, Judge], backends: Mapping[Role, Backend]) -> Champion:
    """The champion without the suites whose judge has nothing to say of it, as a recorded one may."""
    if "champion" not in backends:
        return champion
    unheard: dict[str | None, str] = {
        name: f'its answers on the suite "{name}" cannot be judged: {found[0].problem}'
        for name, judge in judges.items()
        if champion.why_not(name) is None and (found := judge.check({"champion": _ids(judge.suite)}))
    }
    return replace(champion, missing={**(champion.missing or {}), **unheard}) if unheard else champion
