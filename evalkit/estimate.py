"""Pairs → Estimates: every metric on every suite and slice, and whatever else a policy asks.

Also what a reader wants beside the numbers: which examples speak against the student, and which slices
regressed by more than chance.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalkit.columns import Columns, column_names, severity_counts, slice_columns, slice_counts
from evalkit.environment import Progress, silent
from evalkit.metrics import Family, Metric, Setting, catalogue, families, nothing, run_families
from evalkit.metrics.change import Change, change
from evalkit.metrics.twice import unstable
from evalkit.stats.multiple import holm
from evalkit.stats.paired import mcnemar_worse
from evalkit.table import PairTable, table
from evalkit.types import (
    SEVERITIES,
    Estimate,
    Measured,
    MetricRow,
    Population,
    Question,
    RegressedSlice,
    Terms,
    Undefined,
    Versus,
)

EVIDENCE = 10


@dataclass(frozen=True)
class Evidence:
    """The pairs of a run, ready to be asked. Everything asked of it depends on the pairs, level, seed and
    terms alone."""

    columns: tuple[Columns, ...]
    models: Mapping[str, Mapping[str, Any]]
    level: float
    seed: int
    terms: Terms = field(default_factory=Terms)
    _tables: dict[tuple[str, Versus], PairTable] = field(default_factory=dict, repr=False, compare=False)

    def measure(self, progress: Progress = silent) -> dict[Question, MetricRow]:
        """Every metric on the run, on every suite, and on every slice of it, against every reference."""
        rows: dict[Question, MetricRow] = {}
        parts = [
            (each, versus, name)
            for each in self.columns
            for versus in self._references(each)
            for name in (None, *_slice_names(each))
        ]
        for done, (each, versus, name) in enumerate(parts):
            progress("measuring", done, len(parts))
            self._add(rows, each, versus, name)
        progress("measuring", len(parts), len(parts))
        for family in run_families():
            found = family.measure(self.models, self.level, self.terms)  # type: ignore[attr-defined]
            for metric in family.metrics:  # type: ignore[attr-defined]
                measured = found[metric.name]
                if self._has_teacher or metric.name.endswith(".student"):
                    question = Question(metric=metric.name)
                    rows[question] = _row(question, metric, measured)
        return rows

    def answer(self, question: Question) -> MetricRow | None:
        """One metric on filtered pairs or on a slice; None when it does not apply to the suite, or is not measured on
        such slices."""
        found = catalogue().get(question.metric)
        columns = next((each for each in self.columns if each.facts.name == question.suite), None)
        if found is None or columns is None or found[1] is None or question.versus not in self._references(columns):
            return None
        metric, family = found[0], found[1]
        if not question.where and not _measured_there(family, question.slice):
            return None
        pairs = self._pairs(columns, question)
        names = (question.versus, columns.facts.name, question.slice or "", repr(question.where))
        measured = family.measure(pairs, Setting(self.level, self.seed, names, terms=self.terms))[metric.name]
        return _row(question, metric, _in_examples(measured, pairs))

    def matches(self, suite: str, where: tuple[tuple[str, tuple[str, ...]], ...]) -> int:
        """How many of a suite's examples a filter lets through."""
        columns = next(each for each in self.columns if each.facts.name == suite)
        pairs = self._pairs(columns, Question(metric="", suite=suite))
        return pairs.counted(pairs.where_mask(where))

    def examples(self, question: Question) -> tuple[str, ...]:
        """Ids that speak against the student on what was asked, the gravest first, at most ten."""
        columns = next((each for each in self.columns if each.facts.name == question.suite), None)
        if columns is None or question.versus not in self._references(columns):
            return ()
        pairs = self._pairs(columns, question)
        if pairs.teacher is None:
            return ()
        against = _against(question.metric, pairs)
        gravity = np.array([SEVERITIES.index(each) for each in pairs.severity])
        sure = pairs.student.confidence if pairs.student.probs is not None else np.zeros(pairs.n)
        moved = unstable(pairs)
        # As the ledger has it: by severity; then what the teacher itself is unstable on after what it is not, by how
        # much it speaks against the student, and how sure that was.
        order = sorted(
            np.flatnonzero(against),
            key=lambda at: (-gravity[at], bool(moved[at]), -float(against[at]), -sure[at], str(pairs.ids[at])),
        )
        return tuple(str(pairs.ids[index]) for index in order[:EVIDENCE])

    def regressed(self, alpha: float) -> tuple[RegressedSlice, ...]:
        """Slices on which more was lost than chance explains, after Holm over all of them; worst first.

        One-sided exact sign test on the examples that changed (on groups' net changes, where there are groups): on the
        outcome, on the marks where a scorer gives them, on a safety suite on what a prompt should get.
        """
        tested: list[tuple[RegressedSlice, float]] = []
        for each in self.columns:
            if "teacher" not in each.roles:
                continue
            found = change(self._pairs(each, Question(metric="", suite=each.facts.name)))
            if found is None:
                continue
            for name in _slice_names(each):
                mask = found.pairs.slice_mask(name)
                if mask.any():
                    tested.append(_tested(each.facts.name, name, *_by_example(found, mask)))
        if not tested:
            return ()
        adjusted = holm([p for _, p in tested])
        worse = [replace(each, p_holm=float(p)) for (each, _), p in zip(tested, adjusted, strict=True) if p < alpha]
        return tuple(sorted(worse, key=lambda each: (each.difference, each.suite, each.slice)))

    @property
    def _has_teacher(self) -> bool:
        return any("teacher" in each.roles for each in self.columns)

    def _references(self, columns: Columns) -> tuple[Versus, ...]:
        # Without a teacher the student's own metrics are still measured, under the only name there is.
        return ("teacher", "champion") if "champion" in columns.roles else ("teacher",)

    def _pairs(self, columns: Columns, question: Question) -> PairTable:
        key = (columns.facts.name, question.versus)
        if key not in self._tables:
            self._tables[key] = _reference_table(columns, question.versus)
        pairs = self._tables[key]
        if question.slice is not None:
            pairs = pairs.take(pairs.slice_mask(question.slice))
        return pairs.take(pairs.where_mask(question.where)) if question.where else pairs

    def _add(self, rows: dict[Question, MetricRow], columns: Columns, versus: Versus, name: str | None) -> None:
        facts = columns.facts
        question = Question(metric="", suite=facts.name, slice=name, versus=versus)
        pairs = self._pairs(columns, question)
        setting = Setting(self.level, self.seed, (versus, facts.name, name or ""), terms=self.terms)
        for family in families():
            if not family.applies(facts) or not _measured_there(family, name):
                continue
            if versus == "champion" and not family.champion:
                continue
            measured = family.measure(pairs, setting)
            for metric in _asked(family.metrics, versus, "teacher" in columns.roles):
                asked = replace(question, metric=metric.name)
                rows[asked] = _row(asked, metric, _in_examples(measured[metric.name], pairs))


def populations(columns: Iterable[Columns]) -> tuple[Population, ...]:
    """What a policy may ask of each suite."""
    return tuple(
        Population(
            facts=each.facts,
            n=each.n // each.facts.samples,
            slices={
                name: {value: n // each.facts.samples for value, n in counts.items()}
                for name, counts in {"severity": severity_counts(each), **slice_counts(each)}.items()
            },
            columns=frozenset(column_names(each)),
        )
        for each in columns
    )


def _reference_table(columns: Columns, versus: Versus) -> PairTable:
    if versus == "champion":
        return table(columns, "champion")
    # A student alone is its own reference: what compares is then left out (`_asked`).
    return table(columns, "teacher" if "teacher" in columns.roles else "student")


def _asked(metrics: Sequence[Metric], versus: Versus, teacher: bool) -> list[Metric]:
    """Against a champion only what compares; without a teacher only what is the student's own."""
    if versus == "champion":
        return [each for each in metrics if each.compares]
    if not teacher:
        return [each for each in metrics if not each.compares and each.name.endswith(".student")]
    return list(metrics)


def _measured_there(family: Family, name: str | None) -> bool:
    if name is None or family.slices == "all":
        return True
    return family.slices == "declared" and not name.startswith("target=")


def _slice_names(columns: Columns) -> list[str]:
    counts = slice_counts(columns)
    return [f"{name}={value}" for name in slice_columns(columns.facts) for value in sorted(counts[name])]


def _row(question: Question, metric: Metric, measured: Measured) -> MetricRow:
    if question.versus == "champion":
        measured = _in_champions_name(measured)
    return MetricRow(question=question, measured=measured, direction=metric.direction, unit=metric.unit)


def _in_examples(measured: Measured, pairs: PairTable) -> Measured:
    """With `n` in examples where a suite asks for samples: more answers to a question are not more questions."""
    samples = pairs.facts.samples
    if samples == 1 or isinstance(measured, Undefined):
        return measured
    examples = pairs.counted()
    said = f"{measured.method}; {examples} examples x {samples} samples"
    return replace(measured, n=min(measured.n, examples), method=said)


def _by_example(found: Change, mask: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.int64] | None]:
    """The change of each example in `mask`, the mean over its samples; and its group, where there are groups."""
    rows, group = found.rows[mask], None if found.pairs.group is None else found.pairs.group[mask]
    if found.pairs.facts.samples == 1:
        return rows, group
    _, first, code = np.unique(found.pairs.example[mask], return_index=True, return_inverse=True)
    assert group is not None
    return np.round(np.bincount(code, rows) / np.bincount(code), 9), group[first]


def _in_champions_name(measured: Measured) -> Measured:
    """The champion stands where the teacher stands; the words should say so."""
    if isinstance(measured, Estimate):
        return replace(measured, method=measured.method.replace("teacher", "champion"))
    return Undefined(reason=measured.reason.replace("teacher", "champion"))


def _against(metric: str, pairs: PairTable) -> np.ndarray[Any, np.dtype[Any]]:
    fact, family = catalogue().get(metric, (None, None))
    if fact is None or family is None:
        return nothing(pairs)
    return (fact.against or family.against)(pairs)


def _tested(
    suite: str, name: str, rows: NDArray[np.float64], group: NDArray[np.int64] | None
) -> tuple[RegressedSlice, float]:
    net = rows if group is None else np.round(np.bincount(np.unique(group, return_inverse=True)[1], rows), 9)
    row = RegressedSlice(
        suite=suite,
        slice=name,
        difference=float(rows.mean()),
        n=len(rows),
        lost=int((rows < 0).sum()),
        gained=int((rows > 0).sum()),
        p_holm=1.0,
    )
    return row, mcnemar_worse(int((net < 0).sum()), int((net > 0).sum()))
