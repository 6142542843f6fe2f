"""Several students of one plan: an ordinary run for each, the teacher asked once, and a ranking beside them.

folder   the folder of the runs: what may lie there, and which finished runs are kept
order    the ranking, from the finished runs alone
record   ranking.json
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from evalkit.environment import Environment
from evalkit.errors import BrokenError, Complaint, MismatchError, RecordError, UsageError
from evalkit.files import pretty_json, told, write_whole
from evalkit.gather import Known
from evalkit.pipeline import carry_out, free
from evalkit.plan import Plan
from evalkit.prepare import Job, prepare_each
from evalkit.ranking.folder import another, check_folder, differences, is_complete
from evalkit.ranking.order import Standings, rank
from evalkit.ranking.record import ranking_record
from evalkit.report import ranking_md, ranking_page
from evalkit.types.ranking import Ranking

__all__ = ["Ranked", "gate_each"]


@dataclass(frozen=True, kw_only=True)
class Ranked:
    """What several students came to, and the folder that holds their runs and the ranking."""

    out: Path
    ranking: Ranking


def gate_each(
    plan: Plan, out: Path | None, cache: Path, env: Environment, *, audit: bool, standings: Standings
) -> Ranked:
    """Run a plan of several students: each decided (by an audit, measured) in a run of its own below `out`, in the
    plan's order, then all of them ranked.

    The teacher's outputs, and those of its second run and of a champion, are the first student's: the others find them
    in the cache. A finished run of the same plan and student is kept. Raises UsageError with every complaint of every
    student before any model runs, and BrokenError where the ranking cannot be written.
    """
    jobs = prepare_each(plan, audit=audit)
    out = out if out is not None else free(f"{env.now():%Y%m%dT%H%M%SZ}-students")
    check_folder(out)
    known: Known = {}
    names = [_name(job) for job in jobs]
    kept = _kept(jobs, out, known)
    for job, name in zip(jobs, names, strict=True):
        if name not in kept:
            carry_out(job, out / name, cache, _speaking_of(name, env), known)
    ranking = rank({name: out / name for name in names}, standings, out)
    _write(ranking, out)
    return Ranked(out=out, ranking=ranking)


def _name(job: Job) -> str:
    assert job.plan.one_of is not None
    return job.plan.one_of.name


def _kept(jobs: Sequence[Job], out: Path, known: Known) -> set[str]:
    """The students whose runs are finished. Raises UsageError where such a run is of another plan."""
    complaints: list[Complaint] = []
    kept = set()
    for job in jobs:
        run = out / _name(job)
        if not is_complete(run):
            continue
        try:
            differ = differences(job, run, known)
        except (RecordError, MismatchError) as error:
            raise UsageError(
                Complaint(problem=f"{run} cannot be read: {error}", remedy="name another folder, or leave --out away")
            ) from None
        if differ:
            complaints.append(another(run, differ))
        kept.add(_name(job))
    if complaints:
        raise UsageError(complaints)
    return kept


def _speaking_of(name: str, env: Environment) -> Environment:
    """The environment of one student's run, whose progress says whose it is."""
    return replace(env, progress=lambda what, done, total: env.progress(f"{name}: {what}", done, total))


def _write(ranking: Ranking, out: Path) -> None:
    texts = {
        "ranking.json": pretty_json(ranking_record(ranking)),
        "ranking.md": ranking_md.render(ranking),
        "ranking.html": ranking_page.render(ranking),
    }
    try:
        for name, text in texts.items():
            write_whole(out / name, text)
    except OSError as error:
        raise BrokenError(f"the ranking cannot be written: {told(error)}") from None
