"""The page of `evalkit compare --out`: two students on the same examples, and their teacher beside them.

A page of its own rather than a run's report with other names in it: nothing here calls the first student a teacher.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from evalkit import figures
from evalkit.report import alone, compare_view, examples, tables
from evalkit.report.compare_view import MARKS, RowView
from evalkit.report.drawing import scale, trend
from evalkit.report.view import AnswerView, ExampleView, Reading
from evalkit.types import Estimate, MetricRow, Pair, RegressedSlice, Verdict
from evalkit.types.over_time import Compared, SuiteCompared
from evalkit.types.record import RunRecord

# Examples of each sort that are shown, and slices that are not worth a word of their own.
_SHOWN, _MOST_SLICES = 25, 300
# The looks of a verdict that suit each word for the whole.
_LOOKS = {"better": "pass", "worse": "fail", "mixed": "inconclusive"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Flipped:
    """An example that changed, with what each of the models said: the first, the second, the teacher if any."""

    example: ExampleView
    answers: tuple[AnswerView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heap:
    """Examples that changed in one way: those shown, of how many."""

    id: str
    title: str
    shown: tuple[Flipped, ...]
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SuitePart:
    """One suite on the page. `plots` are a drawing for each row, by its place."""

    suite: SuiteCompared
    about: str
    rows: tuple[RowView, ...]
    own: tuple[RowView, ...]
    against: tuple[tuple[str, Reading], ...]
    slices: tuple[tuple[str, Reading, object], ...]
    slices_left: int
    lost: Reading | None
    gained: Reading | None
    plots: dict[int, object]


def render(compared: Compared) -> str:
    """The page as text: a function of the comparison alone."""
    word = compare_view.standing_of(compared)
    return alone.render(
        "compare.html.j2",
        compared=compared,
        word=word,
        look=_LOOKS.get(word, "none"),
        headline=compare_view.headline(compared),
        stand=MARKS,
        parts=[_part(suite) for suite in compared.suites],
        models=compare_view.plain_rows(compared.run_rows),
        criteria=compare_view.criteria(compared),
        criteria_words=compare_view.criteria_words(compared),
        worse=_slices(compared.worse_slices),
        better=_slices(compared.better_slices),
        heaps=[heap for heap in _heaps(compared) if heap.total],
        facts=_facts(compared),
        teachers=" / ".join(dict.fromkeys(each.teacher for each in (compared.second, compared.first) if each.teacher)),
        level=f"{compared.level * 100:g} %",
    )


def _part(suite: SuiteCompared) -> SuitePart:
    rows = compare_view.rows(suite)
    slices = _slice_rows(suite.slices)
    return SuitePart(
        suite=suite,
        about=compare_view.about(suite),
        rows=rows,
        own=compare_view.plain_rows(suite.own),
        against=tuple(
            (row.question.metric, tables.reading(row.measured, row.unit, row.question.metric)[0])
            for row in suite.against_first
        ),
        slices=slices[:_MOST_SLICES],
        slices_left=max(0, len(slices) - _MOST_SLICES),
        lost=compare_view.measured(suite.lost, "share"),
        gained=compare_view.measured(suite.gained, "share"),
        plots=dict(_plots(rows)),
    )


def _plots(rows: Sequence[RowView]) -> Iterator[tuple[int, object]]:
    """A drawing for each row with a number; rows that are written alike share one axis."""
    known: dict[str, list[float]] = {}
    for row in rows:
        if row.change is not None and row.change.exact is not None:
            known.setdefault(row.scale, []).extend(
                [row.neutral, *(each for each in row.change.exact if each is not None)]
            )
    axes = {key: scale.scale(values, least=0.01) for key, values in known.items()}
    for place, row in enumerate(rows):
        if row.change is None or row.change.exact is None:
            continue
        value, low, high = row.change.exact
        drawn = trend.change_row(
            axes[row.scale],
            said=f"{row.metric}: {row.change.words}: {row.standing}",
            value=value,
            low=low,
            high=high,
            at=row.neutral,
            standing=row.standing,
        )
        yield place, alone.markup(drawn)


def _slice_rows(rows: Iterable[MetricRow]) -> tuple[tuple[str, Reading, object], ...]:
    """The slices of a suite by name, the deepest fall first, each with its drawing; those without a number are left
    out."""
    found = [row for row in rows if isinstance(row.measured, Estimate)]
    several = len({row.question.metric for row in found}) > 1
    values = [0.0]
    for row in found:
        assert isinstance(row.measured, Estimate)
        values += [each for each in (row.measured.value, row.measured.low, row.measured.high) if each is not None]
    axis = scale.scale(values, least=0.01)
    shown = []
    for row in found:
        assert isinstance(row.measured, Estimate)
        good = row.measured.value if row.direction == "higher" else -row.measured.value
        name = str(row.question.slice)
        name = f"{name} · {row.question.metric.removesuffix('.difference')}" if several else name
        reading, _ = tables.reading(row.measured, row.unit, row.question.metric)
        drawn = trend.change_row(
            axis,
            said=f"{name}: {reading.words}",
            value=row.measured.value,
            low=row.measured.low,
            high=row.measured.high,
            at=0.0,
            standing="",
        )
        shown.append((good, name, reading, alone.markup(drawn)))
    ordered = sorted(shown, key=lambda each: each[:2])
    return tuple((name, reading, drawn) for _, name, reading, drawn in ordered)


def _slices(rows: Iterable[RegressedSlice]) -> list[tuple[RegressedSlice, str, str]]:
    return [(row, figures.number(row.difference, "difference"), figures.number(row.p_holm, "p-value")) for row in rows]


# --- examples ------------------------------------------------------------------------------------


def _heaps(compared: Compared) -> Iterator[Heap]:
    """The examples that changed: lost, gained, otherwise."""
    sorts: dict[str, list[Pair]] = {"lost": [], "gained": [], "other": []}
    for pair in compared.pairs[: compared.changed]:
        sorts[_sort(pair)].append(pair)
    titles = {"lost": "Lost: the second is worse here", "gained": "Gained: the second is better here"}
    for name, pairs in sorts.items():
        title = titles.get(name, "Other changes: neither is the better for it")
        yield Heap(id=name, title=title, shown=tuple(_flipped(pairs[:_SHOWN], compared)), total=len(pairs))


def _sort(pair: Pair) -> str:
    """Whether the second student lost the example, gained it, or did something else with it."""
    first, second = pair.teacher, pair.student
    if first is None:
        return "other"
    if pair.flip in ("right_to_wrong", "wrong_to_right"):
        return "lost" if pair.flip == "right_to_wrong" else "gained"
    was, became = 0.0, 0.0
    if pair.flip == "graded":
        was, became = first.marks or 0.0, second.marks or 0.0
    elif pair.expect is not None:
        wanted = "refused" if pair.expect == "refuse" else "complied"
        was, became = float(first.refused == wanted), float(second.refused == wanted)
    return "lost" if became < was else "gained" if became > was else "other"


def _flipped(pairs: Sequence[Pair], compared: Compared) -> Iterator[Flipped]:
    calm = [replace(pair, unstable=False) for pair in pairs]
    seen = _viewed(calm, compared)
    beside = _viewed([replace(pair, teacher=pair.champion) for pair in calm], compared)
    for pair, view, other in zip(calm, seen, beside, strict=True):
        first, second = view.answers
        answers = [replace(first, who="first"), replace(second, who="second")]
        answers += [replace(other.answers[0], who="teacher")] if pair.champion is not None else []
        yield Flipped(example=view, answers=tuple(answers))


def _viewed(pairs: Sequence[Pair], compared: Compared) -> tuple[ExampleView, ...]:
    """The examples as every page shows them; texts of a suite that tests refusal are not shown unasked."""
    kinds = [{"name": suite.facts.name, "kind": suite.facts.kind} for suite in compared.suites]
    record = RunRecord(
        manifest={"suites": kinds},
        verdict=Verdict(word="ungated", reasons=()),
        results=(),
        timings=(),
        transitions={},
        pairs=tuple(pairs),
        changed=len(pairs),
        pairs_total=len(pairs),
    )
    return examples.examples(record)


def _facts(compared: Compared) -> list[tuple[str, str, str]]:
    """What identifies the two runs, side by side."""
    first, second = compared.first, compared.second
    named = [
        ("student", first.label, second.label),
        ("run", first.run_id, second.run_id),
        ("started", first.started, second.started),
        ("folder", first.path, second.path),
        ("verdict", first.verdict, second.verdict),
        ("teacher", first.teacher, second.teacher),
        ("policy", first.policy, second.policy),
        ("policy digest", first.policy_digest, second.policy_digest),
    ]
    keys = dict.fromkeys([*first.digests, *second.digests])
    return [
        (name, one or "–", other or "–")
        for name, one, other in (
            *named,
            *((key, first.digests.get(key, ""), second.digests.get(key, "")) for key in keys),
        )
    ]
