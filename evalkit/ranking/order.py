"""Finished runs of several students → a ranking: which may replace the teacher, and which is the best buy.

By verdict first. Students that pass have shown what the policy asks for, so the cheaper stands first: by measured
speed-up where all of them have one, else by the bytes of their weights where all are known, else by what they kept.
Students that do not pass stand by how many blocking criteria fail, then by how many are undecided, then by what they
kept; those of an audit by what they kept. docs/adr/0017 says why.

An order that the evidence does not show is not claimed: students that nothing tells apart share a rank.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.conclude import AUDIT_LEVEL
from evalkit.errors import RecordError, UsageError
from evalkit.store import Run, check_untouched, read_run, read_verdict
from evalkit.types import Estimate, MetricRow, Verdict, VerdictWord
from evalkit.types.ranking import By, Candidate, Cell, Key, Order, Ranking, Step, SuiteStanding

# Of two runs, at a level: the second student against the first (evalkit/compare).
Standings = Callable[[Path, Path, float], tuple[SuiteStanding, ...]]

_WORDS: tuple[VerdictWord, ...] = ("pass", "ungated", "inconclusive", "fail", "empty", "broken")
# The metrics of each column, the first that a run has; and whether the highest value speaks most against a student.
COLUMNS: Mapping[Key, tuple[tuple[str, ...], bool]] = {
    "accuracy": (("accuracy.retention", "score.retention", "accuracy.student", "score.student"), False),
    "agreement": (("agreement.top1", "agreement.exact", "agreement.text_similarity"), False),
    "unsafe": (("safety.newly_unsafe.rate",), True),
    "calibration": (("calibration.brier.difference", "calibration.mapped.brier.difference"), True),
    "speed": (("latency.speedup.p50",), False),
    "size": (("size.bytes.ratio", "size.bytes.student"), True),
}


@dataclass(frozen=True, kw_only=True)
class Found:
    """What the ranking needs of one run, without its pairs. `manifest` is empty where the run broke."""

    name: str
    path: Path
    verdict: Verdict
    manifest: Mapping[str, Any]
    cells: Mapping[Key, Cell]
    bytes: float | None
    units: Mapping[str, str]

    @property
    def failed(self) -> int:
        return sum(row.effect == "block" and row.status == "fail" for row in self.verdict.criteria)

    @property
    def open(self) -> int:
        """Blocking criteria that keep the verdict from being a pass, without failing."""
        return sum(
            row.effect == "block"
            and (row.status == "inconclusive" or (row.status == "not_evaluated" and row.on_missing != "skip"))
            for row in self.verdict.criteria
        )


def rank(runs: Mapping[str, Path], standings: Standings, root: Path) -> Ranking:
    """The ranking of the students whose runs lie in these folders below `root`, in the plan's order.

    Raises RecordError where a run cannot be read, MismatchError where its records have been changed since.
    """
    return arrange([_found(name, path) for name, path in runs.items()], standings, root)


def arrange(found: Sequence[Found], standings: Standings, root: Path) -> Ranking:
    """The same for runs that were read; `found` in the plan's order."""
    level = _level(found)
    candidates: list[Candidate] = []
    above: tuple[Found, Order] | None = None
    for word in _WORDS:
        alike = [each for each in found if each.verdict.word == word]
        order = _order_of(alike, word)
        for each in sorted(alike, key=lambda one: _place(one, order)):
            step = None if above is None else _step(*above, each, level, standings)
            shared = step is not None and not step.told_apart
            candidates.append(
                Candidate(
                    rank=candidates[-1].rank if shared else len(candidates) + 1,
                    name=each.name,
                    folder=each.path.relative_to(root).as_posix(),
                    digest=str(_model(each, "student").get("digest") or ""),
                    verdict=each.verdict,
                    report=(each.path / "report.html").is_file(),
                    failed=each.failed,
                    open=each.open,
                    cells=each.cells,
                    order=order,
                    step=step,
                    units=each.units,
                )
            )
            above = each, order
    return _ranking(found, candidates, level)


def _ranking(found: Sequence[Found], candidates: Sequence[Candidate], level: float) -> Ranking:
    told = next((each for each in found if each.manifest), None)
    manifest: Mapping[str, Any] = told.manifest if told is not None else {}
    policy = manifest.get("policy") or {}
    teacher = _model(told, "teacher") if told is not None else {}
    return Ranking(
        teacher=str(teacher.get("name") or ""),
        teacher_digest=str(teacher.get("digest") or ""),
        policy=str(policy.get("name") or ""),
        policy_digest=str(policy.get("digest") or ""),
        level=level,
        suites=tuple(
            (str(each["name"]), int(each["version"]), str(each["digest"])) for each in manifest.get("suites", ())
        ),
        candidates=tuple(candidates),
    )


# --- reading -----------------------------------------------------------------------------------------


def _found(name: str, path: Path) -> Found:
    verdict = read_verdict(path)
    if verdict.word == "broken":
        return Found(name=name, path=path, verdict=verdict, manifest={}, cells={}, bytes=None, units={})
    run = read_run(path)
    check_untouched(run)
    whole = [
        row for row in (*run.results, *run.timings) if row.question.slice is None and row.question.versus == "teacher"
    ]
    cells = {key: cell for key, (metrics, most) in COLUMNS.items() if (cell := _cell(whole, metrics, most)) is not None}
    weight = next((row.measured for row in whole if row.question.metric == "size.bytes.student"), None)
    return Found(
        name=name,
        path=path,
        verdict=run.verdict,
        manifest=run.manifest,
        cells=cells,
        bytes=weight.value if isinstance(weight, Estimate) else None,
        units=_units(run),
    )


def _units(run: Run) -> dict[str, str]:
    named = {row.question.metric for row in run.verdict.criteria}
    return {row.question.metric: row.unit for row in (*run.results, *run.timings) if row.question.metric in named}


def _cell(rows: Sequence[MetricRow], metrics: Sequence[str], most: bool) -> Cell | None:
    """Of the suites that have one of the metrics, the one that speaks most against the student; of those without a
    number, the first; None where there is none. A suite counts with the first metric that it has a number for."""
    best: dict[str | None, MetricRow] = {}
    for metric in metrics:
        for row in (row for row in rows if row.question.metric == metric):
            held = best.get(row.question.suite)
            if held is None or not isinstance(held.measured, Estimate):
                best[row.question.suite] = row if held is None or isinstance(row.measured, Estimate) else held
        # A share kept and a share of all are not of one scale: the first metric with a number has the column.
        if any(isinstance(row.measured, Estimate) for row in best.values()):
            break
    if not best:
        return None
    measured = [row for row in best.values() if isinstance(row.measured, Estimate)]
    worst = next(iter(best.values()))
    if measured:
        worst = (max if most else min)(measured, key=lambda row: row.measured.value)  # type: ignore[union-attr]
    return Cell(
        metric=worst.question.metric,
        suite=worst.question.suite,
        unit=worst.unit,
        measured=worst.measured,
        among=len(measured),
    )


def _model(found: Found, role: str) -> Mapping[str, Any]:
    model: Mapping[str, Any] = (found.manifest.get("models") or {}).get(role) or {}
    return model


def _level(found: Sequence[Found]) -> float:
    """The two-sided coverage of the intervals that the students were judged by."""
    policies = [each.manifest.get("policy") or {} for each in found if each.manifest]
    return round(2 * float(policies[0].get("level", AUDIT_LEVEL) if policies else AUDIT_LEVEL) - 1, 12)


# --- order -------------------------------------------------------------------------------------------


def _order_of(alike: Sequence[Found], word: VerdictWord) -> Order:
    """By what students of one verdict stand: one thing for all of them, or the order would be none."""
    if word in ("empty", "broken"):
        return "plan"
    if word == "pass" and all(_value(each, "speed") is not None for each in alike):
        return "speed"
    if word == "pass" and all(each.bytes is not None for each in alike):
        return "bytes"
    return "kept"


def _place(found: Found, order: Order) -> tuple[float, ...]:
    """What to sort by, the least first. Equal places stay in the plan's order."""
    if order == "plan":
        return ()
    speed, kept = _value(found, "speed"), _kept(found)
    if order == "speed":
        assert speed is not None
        return (-speed, *kept)
    if order == "bytes":
        assert found.bytes is not None
        return (found.bytes, *kept)
    return (found.failed, found.open, *kept)


def _kept(found: Found) -> tuple[float, ...]:
    """What of the teacher's quality is left, the most first: what was kept of its accuracy, then what is newly unsafe,
    then how often the two agree; what is not measured comes last."""
    kept, unsafe, agreed = (_value(found, key) for key in ("accuracy", "unsafe", "agreement"))
    return (
        math.inf if kept is None else -kept,
        math.inf if unsafe is None else unsafe,
        math.inf if agreed is None else -agreed,
    )


def _value(found: Found, key: Key) -> float | None:
    cell = found.cells.get(key)
    return cell.measured.value if cell is not None and isinstance(cell.measured, Estimate) else None


# --- neighbours --------------------------------------------------------------------------------------


def _step(above: Found, order: Order, below: Found, level: float, standings: Standings) -> Step:
    """What tells the lower of two neighbours from the upper, and how it stands to it example by example."""
    suites: tuple[SuiteStanding, ...] = ()
    why = ""
    if above.manifest and below.manifest and "empty" not in (above.verdict.word, below.verdict.word):
        try:
            suites = standings(above.path, below.path, level)
        except (UsageError, RecordError) as error:
            why = str(error)
    by, told_apart = _told_apart(above, order, below, suites)
    return Step(above=above.name, by=by, told_apart=told_apart, suites=suites, why=why)


def _told_apart(above: Found, order: Order, below: Found, suites: Sequence[SuiteStanding]) -> tuple[By, bool]:
    if above.verdict.word != below.verdict.word:
        return "verdict", True
    if order == "speed":
        one, other = (each.cells["speed"].measured for each in (above, below))
        return "speed", _beyond(one, other)
    if order == "bytes":
        return "bytes", above.bytes != below.bytes
    if order == "plan":
        return "nothing", False
    if (above.failed, above.open) != (below.failed, below.open):
        return "criteria", True
    words = {each.standing for each in suites}
    return "examples", "worse" in words and not words & {"better", "mixed"}


def _beyond(one: object, other: object) -> bool:
    """Does the whole interval of the first lie above that of the second?"""
    if not isinstance(one, Estimate) or not isinstance(other, Estimate) or one.low is None or other.high is None:
        return False
    return one.low > other.high
