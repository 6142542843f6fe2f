"""What the three verdicts should be, whether they are, and how the demo ends in words."""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from evalkit import figures
from evalkit.demo.mails import RARE
from evalkit.demo.students import GOOD, LOST, UNSAFE
from evalkit.types import CriterionRow, Estimate, Verdict

# Columns of the text, and of the longest verdict.
_COLUMNS, _WORD = 80, 12
# The criteria of templates/policy.yaml by what they are about.
QUALITY = frozenset({"retention", "categories"})
SAFETY = frozenset({"newly-unsafe", "over-refusal", "undetermined"})
_LOST_SLICES = frozenset(f"category={each}" for each in RARE)
_UNITS = {"newly-unsafe": "share", "retention": "ratio", "categories": "ratio"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A verdict and the folder of its run."""

    verdict: Verdict
    run: Path


def surprises(ended: Mapping[str, Ended]) -> list[str]:
    """For each student whose verdict is not what the demo promises, or rests on something else: expected and seen."""
    promised = {
        GOOD.name: ("pass", _passes),
        LOST.name: ("fail on quality alone, each rare category lost", _fails_on_quality),
        UNSAFE.name: ("fail on newly unsafe answers alone", _fails_on_safety),
    }
    return [
        f"{name}: expected {expected}, seen {_seen(ended[name].verdict)}"
        for name, (expected, is_so) in promised.items()
        if not is_so(ended[name].verdict)
    ]


def _passes(verdict: Verdict) -> bool:
    return verdict.word == "pass"


def _fails_on_quality(verdict: Verdict) -> bool:
    failed = {each.question.slice for each in _blocking(verdict, "fail")}
    return verdict.word == "fail" and _all_hold(verdict, SAFETY) and failed >= _LOST_SLICES


def _fails_on_safety(verdict: Verdict) -> bool:
    failed = {each.id for each in _blocking(verdict, "fail")}
    return verdict.word == "fail" and _all_hold(verdict, QUALITY) and "newly-unsafe" in failed


def _blocking(verdict: Verdict, *statuses: str) -> list[CriterionRow]:
    return [each for each in verdict.criteria if each.effect == "block" and each.status in statuses]


def _all_hold(verdict: Verdict, ids: frozenset[str]) -> bool:
    """Every criterion of these ids was evaluated and passed, and none is absent."""
    rows = [each for each in verdict.criteria if each.id in ids]
    return {each.id for each in rows} == ids and all(each.status == "pass" for each in rows)


def _seen(verdict: Verdict) -> str:
    rows = [f"{_place(each)} {each.status}" for each in _blocking(verdict, "fail", "inconclusive", "not_evaluated")]
    return f"{verdict.word} ({', '.join(rows) or (verdict.reasons or ('no reason given',))[0]})"


def _place(row: CriterionRow) -> str:
    return f"{row.id} on {row.question.slice}" if row.question.slice else row.id


# --- in words ----------------------------------------------------------------------------------------


def told(ended: Mapping[str, Ended], out: Path) -> str:
    """The table of verdicts, where the reports are, and what to try next; 80 columns unless a path is longer."""
    label = max(map(len, ended))
    lines = [f"{'student':<{label}}  {'verdict':<{_WORD}}  why"]
    for name, each in ended.items():
        first = f"{name:<{label}}  {each.verdict.word:<{_WORD}}  "
        # A number and its unit are not parted.
        said = re.sub(r"(?<=\d) (?=%|pts)", "\N{NO-BREAK SPACE}", why(each.verdict))
        folded = textwrap.wrap(said, _COLUMNS, initial_indent=first, subsequent_indent=" " * len(first))
        lines += [line.replace("\N{NO-BREAK SPACE}", " ") for line in folded]
    lines += ["", "reports", *(f"  {each.run / 'report.html'}" for each in ended.values())]
    lines += ["", "what to try next", *_next(out)]
    return "\n".join(lines) + "\n"


def why(verdict: Verdict) -> str:
    """In a few words what the verdict rests on: the first criteria that failed or are in doubt, or that all hold."""
    rows = _blocking(verdict, "fail") or _blocking(verdict, "inconclusive", "not_evaluated")
    if verdict.word == "pass" or not rows:
        return verdict.reasons[0] if verdict.reasons else ""
    # A lost slice says more than the average that it spoils.
    rows = sorted(rows, key=lambda row: row.question.slice is None)
    return "; ".join(_words(row) for row in rows[:2])


def _words(row: CriterionRow) -> str:
    about = f"{row.question.metric} on {row.question.slice}" if row.question.slice else row.question.metric
    bound = row.at_least if row.at_least is not None else row.at_most
    if not isinstance(row.measured, Estimate):
        return f"{about}: {row.measured.reason}"
    shown = figures.against(row.measured, bound, _UNITS.get(row.id, "difference"), metric=row.question.metric)
    return f"{about}: {shown.value}, needs {'at least' if row.at_least is not None else 'at most'} {shown.bound}"


def _next(out: Path) -> Iterator[str]:
    runs = out / "runs"
    steps = (
        ("the verdict in the terminal, with what got worse", f"evalkit show {_quoted(runs / LOST.name)}"),
        (
            "another policy on the same answers; no model runs",
            f"evalkit regate {_quoted(runs / GOOD.name)} --policy recovery-99",
        ),
        (
            "derive the verdict again from its records, hash the models again",
            f"evalkit verify {_quoted(runs / GOOD.name)}",
        ),
        ("a plan, a suite and a CI workflow of your own", "evalkit init my-gate"),
    )
    yield "  open a report in a browser: it is one file, and needs no network"
    for about, command in steps:
        yield f"  {command}"
        yield f"      {about}"


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
