"""In what order slices are shown, and what is said beside a flip where the teacher itself is unstable."""

from __future__ import annotations

import pytest

from evalkit.report.examples import examples
from evalkit.report.tables import suites
from evalkit.report.view import FLIP_WORDS
from evalkit.types import Flip, MetricRow, Question
from tests.report import records
from tests.report.records import GOLD, estimate


def difference(name: str | None, value: float, n: int) -> MetricRow:
    question = Question(metric="accuracy.difference", suite=GOLD, slice=name)
    return MetricRow(question=question, measured=estimate(value, 0.01, n=n), direction="higher", unit="difference")


def order(*rows: MetricRow) -> list[str]:
    [suite] = [each for each in suites(records.run("pass", (), results=rows, timings=())) if each.name == GOLD]
    return [each.name for each in suite.slices]


def test_a_handful_of_examples_is_not_ranked_before_a_slice_that_lost_many() -> None:
    whole = difference(None, -0.05, 2000)
    few, many = difference("language=fr", -1 / 3, 3), difference("language=de", -0.17, 300)
    assert order(whole, few, many) == ["language=de", "language=fr"]


@pytest.mark.parametrize("n", [50, 300])
def test_slices_of_one_size_come_worst_first(n: int) -> None:
    rows = [difference(f"part={name}", value, n) for name, value in (("a", 0.0), ("b", -0.2), ("c", 0.1), ("d", -0.1))]
    assert order(difference(None, -0.05, 4 * n), *rows) == ["part=b", "part=d", "part=a", "part=c"]


@pytest.mark.parametrize("flip", ["right_to_wrong", "wrong_to_right", "wrong_to_other_wrong"])
def test_a_flip_keeps_its_words_and_says_that_the_teacher_is_unstable(flip: Flip) -> None:
    pairs = (records.pair("q1", flip), records.pair("q2", flip, unstable=True))
    plain, moved = examples(records.run("pass", (), pairs=pairs))
    assert plain.flip == FLIP_WORDS[flip]
    assert moved.flip == f"{FLIP_WORDS[flip]} (teacher unstable)"
    assert plain.mark == moved.mark
