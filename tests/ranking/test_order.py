"""In which order students stand, what is claimed of neighbours, and what is not."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.compare import compare
from evalkit.compare.standings import standings
from evalkit.errors import Complaint, UsageError
from evalkit.ranking.order import COLUMNS, Found, arrange
from evalkit.report import ranking_view
from evalkit.types import CriterionRow, Estimate, Measured, Question, Undefined, Verdict, VerdictWord
from evalkit.types.over_time import Standing
from evalkit.types.ranking import Cell, Key, Ranking, SuiteStanding
from tests.compare import over
from tests.ranking import several
from tests.ranking.several import every

ROOT = Path("out")
ORDER: tuple[VerdictWord, ...] = ("pass", "ungated", "inconclusive", "fail", "empty", "broken")


def estimate(value: float, half: float = 0.01) -> Estimate:
    return Estimate(value=value, low=value - half, high=value + half, level=0.9, n=100, method="by hand")


def cell(key: Key, measured: Measured) -> Cell:
    metric = COLUMNS[key][0][0]
    return Cell(metric=metric, suite="intents", unit="ratio", measured=measured, among=1)


def row(status: Any, effect: Any = "block", on_missing: Any = "inconclusive") -> CriterionRow:
    measured: Measured = Undefined(reason="nothing") if status == "not_evaluated" else estimate(0.9)
    return CriterionRow(
        id="c",
        question=Question(metric="accuracy.retention", suite="intents"),
        effect=effect,
        on_missing=on_missing,
        status=status,
        measured=measured,
        at_least=0.95,
        at_most=None,
        by="interval",
        reason="",
        examples=(),
    )


def found(
    name: str, word: VerdictWord = "pass", *, kept: float | None = None, speed: Measured | None = None,
    size: float | None = None, criteria: tuple[CriterionRow, ...] = (), **more: float,
) -> Found:  # fmt: skip
    cells: dict[Key, Cell] = {}
    if kept is not None:
        cells["accuracy"] = cell("accuracy", estimate(kept))
    if speed is not None:
        cells["speed"] = cell("speed", speed)
    for key, value in more.items():
        cells[key] = cell(key, estimate(value))  # type: ignore[index,arg-type]
    manifest = {} if word == "broken" else {"models": {"student": {"digest": f"sha256:{name}"}}}
    return Found(
        name=name,
        path=ROOT / name,
        verdict=Verdict(word=word, reasons=("said",), criteria=criteria),
        manifest=manifest,
        cells=cells,
        bytes=size,
        units={},
    )


class Told:
    """Comparisons that say what they are told, and remember who was compared."""

    def __init__(self, words: Mapping[tuple[str, str], tuple[Standing, ...]] | None = None) -> None:
        self.words = words or {}
        self.asked: list[tuple[str, str]] = []

    def __call__(self, first: Path, second: Path, level: float) -> tuple[SuiteStanding, ...]:
        self.asked.append((first.name, second.name))
        words = self.words.get((first.name, second.name), ("no clear difference",))
        return tuple(SuiteStanding(suite=f"s{at}", standing=word, changes=()) for at, word in enumerate(words))


def places(ranking: Ranking) -> list[tuple[int, str]]:
    return [(each.rank, each.name) for each in ranking.candidates]


# --- the order ---------------------------------------------------------------------------------------


def test_verdicts_come_first_whatever_the_numbers() -> None:
    words = reversed(ORDER)
    got = arrange([found(f"is {word}", word, kept=1 - at / 10) for at, word in enumerate(words)], Told(), ROOT)
    assert [each.verdict.word for each in got.candidates] == list(ORDER)
    assert [each.rank for each in got.candidates] == [1, 2, 3, 4, 5, 6]
    assert all(each.step.by == "verdict" for each in got.candidates if each.step is not None)


def test_the_fastest_that_passes_is_the_best_buy_where_all_were_timed() -> None:
    students = [
        found("slow", kept=1.0, speed=estimate(1.5), size=1),
        found("fast", kept=0.96, speed=estimate(3.0), size=9),
        found("middle", kept=0.98, speed=estimate(2.0), size=5),
    ]
    got = arrange(students, Told(), ROOT)
    assert places(got) == [(1, "fast"), (2, "middle"), (3, "slow")]
    assert got.best == ("fast",)
    assert "The best buy is fast, the fastest of them." in ranking_view.headline(got)


def test_the_smallest_is_where_one_was_not_timed_and_what_kept_most_where_a_size_is_unknown() -> None:
    timed = found("timed", kept=0.97, speed=estimate(3.0), size=9)
    small = found("small", kept=0.96, size=1)
    recorded = found("recorded", kept=0.99)
    assert places(arrange([timed, small], Told(), ROOT)) == [(1, "small"), (2, "timed")]
    got = arrange(
        [timed, small, recorded], Told({("recorded", "timed"): ("worse",), ("timed", "small"): ("worse",)}), ROOT
    )
    assert places(got) == [(1, "recorded"), (2, "timed"), (3, "small")]
    assert "recorded kept most; what they cost is not known of all of them" in ranking_view.headline(got)


def test_those_that_do_not_pass_stand_by_their_criteria_and_then_by_what_they_kept() -> None:
    one, two = (row("fail"),), (row("fail"), row("fail"))
    students = [
        found("two fail", "fail", kept=0.99, criteria=two, size=1),
        found("one fails", "fail", kept=0.5, criteria=one, size=5),
        found("one fails, less", "fail", kept=0.4, criteria=one, size=2),
        found("one fails, one open", "fail", kept=0.9, criteria=(*one, row("inconclusive")), size=3),
    ]
    got = arrange(students, Told({("one fails", "one fails, less"): ("worse",)}), ROOT)
    names = ["one fails", "one fails, less", "one fails, one open", "two fail"]
    assert [each.name for each in got.candidates] == names
    assert [each.step.by for each in got.candidates if each.step is not None] == ["examples", "criteria", "criteria"]


def test_warnings_waivers_and_what_is_skipped_are_neither_failing_nor_open() -> None:
    rows = (
        row("fail", effect="warn"),
        row("waived"),
        row("not_evaluated", on_missing="skip"),
        row("inconclusive", effect="warn"),
        row("pass"),
    )
    student = found("one", criteria=rows)
    assert (student.failed, student.open) == (0, 0)
    assert found("two", criteria=(row("not_evaluated"), row("inconclusive"), row("fail"))).open == 2


def test_what_was_kept_is_accuracy_then_safety_then_agreement() -> None:
    students = [
        found("agrees less", "fail", unsafe=0.1, agreement=0.8),
        found("agrees more", "fail", unsafe=0.1, agreement=0.9),
        found("safer", "fail", unsafe=0.0, agreement=0.1),
        found("kept", "fail", kept=0.1, unsafe=0.9),
    ]
    got = arrange(students, Told(), ROOT)
    assert [each.name for each in got.candidates] == ["kept", "safer", "agrees more", "agrees less"]


# --- what is claimed ---------------------------------------------------------------------------------


def test_speeds_whose_intervals_overlap_share_a_rank() -> None:
    students = [
        found("a", speed=estimate(2.0, 0.1)),
        found("b", speed=estimate(1.9, 0.1)),
        found("c", speed=estimate(1.6, 0.1)),
        found("d", speed=estimate(1.4, 0.1)),
    ]
    got = arrange(students, Told(), ROOT)
    assert places(got) == [(1, "a"), (1, "b"), (3, "c"), (3, "d")]
    assert got.best == ("a", "b")
    assert [each.rank for each in ranking_view.candidates(got)] == ["1=", "1=", "3=", "3="]
    assert "none of them is shown to be the better buy" in ranking_view.headline(got)
    assert ranking_view.step_words(got.candidates[1]).startswith("not told apart from a")


def test_a_speed_without_an_interval_claims_nothing() -> None:
    bare = Estimate(value=2.0, low=None, high=None, level=0.9, n=1, method="once")
    got = arrange([found("a", speed=bare), found("b", speed=estimate(1.0))], Told(), ROOT)
    assert places(got) == [(1, "a"), (1, "b")]


def test_students_of_one_size_share_a_rank() -> None:
    got = arrange([found("a", kept=0.97, size=5), found("b", kept=0.99, size=5), found("c", size=6)], Told(), ROOT)
    assert places(got) == [(1, "b"), (1, "a"), (3, "c")]


@pytest.mark.parametrize(
    ("words", "apart"),
    [
        (("worse",), True),
        (("worse", "no clear difference"), True),
        (("worse", "not measured"), True),
        (("no clear difference",), False),
        (("not measured",), False),
        (("worse", "better"), False),
        (("worse", "mixed"), False),
        (("better",), False),
        ((), False),
    ],
)
def test_what_kept_less_is_below_only_where_it_is_worse_somewhere_and_better_nowhere(
    words: tuple[Standing, ...], apart: bool
) -> None:
    told = Told({("more", "less"): words})
    got = arrange([found("less", "fail", kept=0.8), found("more", "fail", kept=0.9)], told, ROOT)
    assert places(got) == [(1, "more"), (2 if apart else 1, "less")]
    assert told.asked == [("more", "less")]


def test_broken_runs_stand_in_the_plans_order_and_are_compared_with_nothing() -> None:
    told = Told()
    got = arrange([found("x", "broken"), found("y", "broken"), found("z", "empty"), found("p")], told, ROOT)
    assert places(got) == [(1, "p"), (2, "z"), (3, "x"), (3, "y")]
    assert told.asked == []
    assert got.word == "broken"


def test_runs_that_cannot_be_compared_say_why() -> None:
    def refuse(first: Path, second: Path, level: float) -> tuple[SuiteStanding, ...]:
        raise UsageError(Complaint(problem="the runs asked other examples", remedy="compare whole suites"))

    got = arrange([found("a", "fail", kept=0.9), found("b", "fail", kept=0.8)], refuse, ROOT)
    assert places(got) == [(1, "a"), (1, "b")]
    assert "not compared with a: error: the runs asked other examples" in ranking_view.against_words(got.candidates[1])


STUDENTS = st.lists(
    st.tuples(
        st.sampled_from(ORDER),
        st.none() | st.sampled_from([0.9, 0.95, 1.0]),
        st.none() | st.sampled_from([1.0, 1.01, 2.0]),
        st.none() | st.sampled_from([1.0, 2.0]),
        st.integers(0, 2),
    ),
    min_size=1,
    max_size=7,
)


@given(STUDENTS, st.sampled_from(["worse", "better", "no clear difference", "not measured"]))
def test_laws_of_every_ranking(drawn: list[Any], word: Standing) -> None:
    students = [
        found(
            f"n{at}", verdict, kept=kept, speed=None if speed is None else estimate(speed), size=size,
            criteria=tuple(row("fail") for _ in range(failing)),
        )
        for at, (verdict, kept, speed, size, failing) in enumerate(drawn)
    ]  # fmt: skip
    got = arrange(students, lambda *given: (SuiteStanding(suite="s", standing=word, changes=()),), ROOT)
    assert sorted(each.name for each in got.candidates) == sorted(each.name for each in students)
    assert got.candidates[0].rank == 1
    assert got.candidates[0].step is None
    for place, (one, other) in enumerate(pairwise(got.candidates), start=2):
        assert ORDER.index(one.verdict.word) <= ORDER.index(other.verdict.word)
        assert other.step is not None
        assert other.step.above == one.name
        assert other.rank == (place if other.step.told_apart else one.rank)
        if one.verdict.word != other.verdict.word:
            assert other.step.told_apart
    assert set(got.best) <= set(got.may_replace)
    assert bool(got.best) == bool(got.may_replace)
    assert all(ranking_view.candidates(got)[at].rank for at in range(len(students)))
    # Whoever is told apart stands so in whatever order the plan names them.
    turned = arrange(students[::-1], lambda *given: (SuiteStanding(suite="s", standing=word, changes=()),), ROOT)
    if all(each.step is None or each.step.told_apart for each in got.candidates):
        assert places(turned) == places(got)


# --- from runs ---------------------------------------------------------------------------------------


def test_neighbours_are_compared_as_evalkit_compare_compares_them(tmp_path: Path) -> None:
    first = over.run(tmp_path, "v1", every(10))
    second = over.run(tmp_path, "v2", every(4))
    whole = compare(first, second)
    (suite,) = standings(first, second, whole.level)
    (then,) = whole.suites
    assert (suite.suite, suite.standing) == (then.facts.name, then.standing)
    judged = {each.change_metric: each.change for each in then.rows if each.change_metric in then.judged_by}
    assert {metric: change for metric, _, change in suite.changes} == judged
    assert suite.standing == "worse"


def test_a_column_shows_the_suite_that_speaks_most_against_the_student(tmp_path: Path) -> None:
    several.of(tmp_path, {"one": every(10)}, suites=["suites/intents", "suites/hard"])
    several.project.suite(tmp_path, "hard", n=240, columns=several.COLUMNS)
    for name, wrong in (("teacher", every(10)), ("one", every(5))):
        rows = several.project.answers(240, every(10), probs=False)
        hard = several.project.answers(240, wrong, probs=False)
        several.project.lines(
            tmp_path / f"{name}.jsonl",
            [{**each, "suite": "intents"} for each in rows] + [{**each, "suite": "hard"} for each in hard],
        )
    assert several.gate(tmp_path).code == 1
    (student,) = several.ranking(tmp_path)["students"]
    shown = student["columns"]["accuracy"]
    assert (shown["metric"], shown["suite"], shown["of_suites"]) == ("accuracy.retention", "hard", 2)
    assert shown["estimate"]["value"] == pytest.approx(192 / 216)
    assert student["columns"]["agreement"]["estimate"]["value"] == pytest.approx(1 - 24 / 240)
    assert student["deciding"]["suite"] == "hard"
    assert student["failing_criteria"] == 1
