"""What a criterion's reason says of how much so many examples can show, and how many more would settle it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.gate import beside, judged
from evalkit.gate.asking import Asked
from evalkit.policy import CriterionFile
from evalkit.stats.normal import two_sided_z
from evalkit.stats.paired import difference_tango, ratio_tang
from evalkit.stats.proportion import clopper_pearson, wilson
from evalkit.types import CriterionRow, Estimate, Measured, Question, Undefined
from tests.cli import project

DROP = Estimate(value=0.0312, low=0.0312, high=0.0312, level=0.9, n=300, method="power 0.8")


def estimate(value: float, low: float, high: float, n: int, method: str) -> Estimate:
    return Estimate(value=value, low=low, high=high, level=0.9, n=n, method=method)


def row(measured: Measured, companion: Measured | None = None, *, grouped: bool = False, **rule: Any) -> CriterionRow:
    criterion = CriterionFile.model_validate({"id": "c", "metric": "accuracy.difference", **rule})
    question = Question(metric=criterion.metric[0], suite="s")
    asked = Asked(criterion=criterion, question=question, on_missing="inconclusive", grouped=grouped)
    return judged(asked, measured, (), {}, companion)


def more(said: str) -> int:
    """How many more it says that it takes."""
    return int(said.split("about ")[1].split(" ")[0].replace(",", ""))


def tango(a: int, b: int, c: int, d: int) -> Estimate:
    n, interval = a + b + c + d, difference_tango(a, b, c, d, 0.9)
    return estimate((c - b) / n, interval.low, interval.high, n, "Tango paired score")


def share(k: int, n: int, method: str = "Clopper–Pearson, over prompts") -> Estimate:
    low, high = (clopper_pearson if method.startswith("Cl") else wilson)(k, n, 0.9)
    return estimate(k / n, low, high, n, method)


@pytest.mark.parametrize(
    ("bound", "status"), [(-0.2, "pass"), (-0.02, "inconclusive"), (0.2, "fail")], ids=lambda each: str(each)
)
def test_every_criterion_on_accuracy_says_which_drop_so_many_examples_can_show(bound: float, status: str) -> None:
    said = row(tango(270, 10, 10, 10), DROP, at_least=bound)
    assert said.status == status
    assert said.reason.endswith("; n = 300 can rule out a drop of 3.1 pts or more")
    retained = row(estimate(1.0, 0.96, 1.04, 300, "Tang"), DROP, metric="accuracy.retention", at_least=0.9)
    assert retained.reason.endswith("; n = 300 can rule out a drop of 3.1 pts or more")


def test_marks_say_it_from_the_interval_of_their_difference() -> None:
    difference = estimate(0.0, -0.02, 0.02, 300, "bootstrap")
    said = row(difference, difference, metric="score.difference", at_least=-0.1)
    # Half the width is 1.645 standard errors, and 1.645 + 0.842 of them make the drop.
    assert said.reason.endswith("; n = 300 can rule out a drop of 3.0 pts or more")


def test_nothing_is_said_of_it_where_it_makes_no_sense() -> None:
    by_value = row(tango(270, 10, 10, 10), DROP, at_least=-0.2, by="value")
    at_most = row(tango(270, 10, 10, 10), DROP, at_most=0.2)
    unknown = row(tango(270, 10, 10, 10), Undefined(reason="too few groups"), at_least=-0.2)
    absent = row(Undefined(reason="no example has a target"), DROP, at_least=-0.2)
    assert not any("can rule out" in each.reason for each in (by_value, at_most, unknown, absent))
    assert "settle" not in row(tango(270, 10, 10, 10), at_least=0.0, by="value").reason


def test_what_is_beside_a_question_is_asked_where_the_question_is() -> None:
    asked = Question(metric="accuracy.retention", suite="s", slice="l=de", where=(("a", ("b",)),), versus="champion")
    found = beside(asked)
    assert found is not None
    assert found.metric == "accuracy.minimum_detectable_drop"
    assert (found.suite, found.slice, found.where, found.versus) == ("s", "l=de", (("a", ("b",)),), "champion")
    assert beside(Question(metric="agreement.kl")) is None


def test_no_event_among_a_few_says_what_is_not_excluded_and_what_it_takes() -> None:
    said = row(share(0, 60), metric="safety.newly_unsafe.rate", at_most=0.01).reason
    # 299 without an event show less than 1 %: 239 more, told with two digits.
    assert "0 of 60: up to 4.9 % not excluded; about 240 more without an event would show it" in said
    some = row(share(1, 60), metric="safety.newly_unsafe.rate", at_most=0.05).reason
    assert "more prompts would settle it as a pass if the estimate stays (an even chance)" in some
    assert "not excluded" not in some


@pytest.mark.parametrize("method", ["Clopper–Pearson, over prompts", "Wilson score"])
def test_shares_near_an_end_are_not_scaled_by_the_square_root(method: str) -> None:
    measured = share(1, 60, method)
    said = row(measured, metric="safety.newly_unsafe.rate", at_most=0.05).reason
    told = more(said)
    interval = clopper_pearson if method.startswith("Cl") else wilson
    whole = -(-(60 + told) // 60)
    assert interval(whole, 60 * whole, 0.9).high < 0.05
    assert interval(whole - 2, 60 * (whole - 2), 0.9).high >= 0.05


def wider(k: int, n: int) -> Estimate:
    score, sure = wilson(k, n, 0.9), clopper_pearson(k, n, 0.9)
    method = "wider of Wilson score and exact"
    return estimate(k / n, min(score.low, sure.low), max(score.high, sure.high), n, method)


@pytest.mark.parametrize(
    ("measured", "rule", "total"),
    [
        # No event among so many: the rule of three, which is the exact interval's.
        (wider(0, 30), {"metric": "outputs.error_rate.student", "at_most": 0.01}, 299),
        # Ten hits end it: from there on Wilson's alone decides.
        (wider(2, 52), {"metric": "flips.rate", "at_most": 0.02}, 260),
        (wider(50, 52), {"metric": "agreement.top1", "at_least": 0.97}, 1144),
    ],
    ids=["no event", "two of 52", "fifty of 52"],
)
def test_a_share_with_few_events_narrows_by_the_rule_that_it_was_made_by(
    measured: Estimate, rule: dict[str, Any], total: int
) -> None:
    said = row(measured, **rule).reason
    told = more(said)
    whole = 26 if measured.n == 52 else 30
    assert abs(measured.n + told - total) <= max(whole + 6, 0.06 * total)


def at_floor(n: int, value: float, rows: float, method: str, unit: float = 1.0) -> Estimate:
    half = unit * two_sided_z(0.9) ** 2 / (rows + two_sided_z(0.9) ** 2)
    return estimate(value, value - half, value + half, n, method)


@pytest.mark.parametrize(("right", "n"), [(30, 30), (10, 10), (9, 10), (15, 30)])
def test_a_student_that_keeps_everything_needs_about_ninety_right_answers_to_show_97_percent(
    right: int, n: int
) -> None:
    interval = ratio_tang(right, 0, 0, n - right, 0.9)
    assert interval is not None
    note = "" if right == n >= 30 else f"; unstable: the teacher is right on only {right} of {n}"
    kept = estimate(1.0, interval.low, interval.high, n, f"Tang paired score ratio{note}")
    said = row(kept, metric="accuracy.retention", at_least=0.97).reason
    total = n + more(said)
    # Two digits are told of those that are missing.
    times = total / n
    after = ratio_tang(times * right, 0, 0, times * (n - right), 0.9)
    assert after is not None
    assert after.low >= 0.97
    assert total * right / n == pytest.approx(88, rel=0.03)


@pytest.mark.parametrize(
    ("measured", "total"),
    [
        (at_floor(2, 0.0, 2, "mean, Student t; paired; no spread seen, so z²/(n+z²)"), 133),
        (at_floor(40, 0.0, 40, "mean, Student t; no spread seen, so z²/(n+z²) times 2", 2.0), 268),
        (at_floor(90, 0.0, 30, "bootstrap; no spread seen, so z²/(groups+z²)"), 399),
        (at_floor(90, 0.0, 22.5, "mean; no spread seen, so z²/(22.5+z²)"), 540),
        (at_floor(90, 0.0, 30, "no spread between groups, so z²/(groups+z²) over 30 groups (wider than Wilson)"), 399),
    ],
    ids=["two", "unit of two", "groups", "independent", "alike groups"],
)
def test_an_interval_without_spread_narrows_as_fast_as_examples_grow(measured: Estimate, total: int) -> None:
    said = row(measured, metric="calibration.brier.difference", at_most=0.02).reason
    told = more(said)
    # Two digits are told, rounded up.
    assert total <= measured.n + told <= 1.08 * total


def test_what_is_wider_than_the_least_narrows_with_the_square_root() -> None:
    least = "mean; for what no example shows, at least z²/(n+z²)"
    said = row(estimate(0.0, -0.3, 0.3, 100, least), metric="calibration.brier.difference", at_most=0.02).reason
    total = 100 + more(said)
    assert total == pytest.approx(100 * (0.3 / 0.02) ** 2, rel=0.05)


@pytest.mark.parametrize(
    ("over", "told"),
    [
        ("the teacher's wrong answers", "more of the teacher's wrong answers would settle it as a pass"),
        ("the 12 examples that both got wrong", "more of the examples that both got wrong would settle it"),
        ("40 harmful prompts that the teacher refused", "more harmful prompts that the teacher refused would settle"),
        ("wrong answers; 60 examples x 3 samples", "more wrong answers would settle it"),
    ],
)
def test_a_share_of_a_part_counts_that_part(over: str, told: str) -> None:
    said = row(share(3, 60, f"Clopper–Pearson, over {over}"), metric="flips.wrong_to_right.rate", at_most=0.08).reason
    assert told in said
    grouped = row(
        share(3, 60, f"Clopper–Pearson, taken for 60.0 independent, over {over}"),
        grouped=True,
        metric="flips.wrong_to_right.rate",
        at_most=0.08,
    ).reason
    assert "in new groups would settle it" in grouped


def test_in_groups_it_takes_new_groups() -> None:
    plain, grouped = (row(tango(270, 10, 10, 10), at_least=-0.02, grouped=each).reason for each in (False, True))
    assert "more examples would settle it as a pass if the estimate stays (an even chance; " in plain
    assert "more examples in new groups would settle it as a pass if the estimate stays (an even chance; " in grouped
    none = row(share(0, 60), metric="safety.newly_unsafe.rate", at_most=0.02, grouped=True).reason
    assert "more in new groups without an event would show it" in none


def test_examples_taken_for_fewer_need_as_many_times_more() -> None:
    low, high = clopper_pearson(0, 60, 0.9)
    halved = estimate(0.0, low, high, 120, "Clopper–Pearson, taken for 60.0 independent, over prompts")
    said = row(halved, metric="safety.newly_unsafe.rate", at_most=0.01, grouped=True).reason
    assert "0 of 120: up to 4.9 % not excluded; about 480 more in new groups" in said


@given(
    st.integers(0, 60), st.integers(0, 60), st.integers(50, 400), st.floats(-0.3, 0.3), st.sampled_from([False, True])
)
@settings(max_examples=80, deadline=None)
def test_the_way_it_would_settle_is_that_of_as_many_more_of_the_same(
    lost: int, gained: int, same: int, bound: float, at_most: bool
) -> None:
    said = row(tango(same, lost, gained, 0), **{"at_most" if at_most else "at_least": bound}).reason
    if "would settle it as a" not in said:
        return
    n = same + lost + gained
    times = (n + more(said)) / n
    interval = difference_tango(round(same * times), round(lost * times), round(gained * times), 0, 0.9)
    ends_above = ("would settle it as a pass" in said) != at_most
    # The table is of whole examples, so it may miss by about half of one.
    assert interval.low > bound - 1 / n if ends_above else interval.high < bound + 1 / n


def test_the_sentence_says_which_chance_it_gives_and_who_plans_for_more() -> None:
    passing = row(tango(270, 10, 10, 10), at_least=-0.02).reason
    assert passing.endswith("(an even chance; evalkit power RUN plans for 80 %)")
    failing = row(tango(270, 18, 4, 10), at_least=-0.03).reason
    # Nobody plans for a failure.
    assert "would settle it as a fail if the estimate stays (an even chance)" in failing
    other = row(share(3, 60, "Wilson score"), metric="flips.rate", at_most=0.08).reason
    assert "would settle it as a pass if the estimate stays (an even chance)" in other


def test_what_labels_correct_takes_more_labels() -> None:
    corrected = estimate(
        0.02, -0.01, 0.05, 300, "PPI++, over 300 harmful prompts; 60 of 300 labelled by people, weight 0.80"
    )
    said = row(corrected, metric="safety.refusal_rate_corrected.difference", at_most=0.04).reason
    assert "more harmful prompts, labelled in the same proportion, would settle it as a pass" in said


def test_an_even_chance_is_what_as_many_more_give() -> None:
    """Drawn again and again at the rates that were seen, the gate passes about every other time."""
    said = row(tango(270, 10, 10, 10), at_least=-0.02).reason
    total = 300 + more(said)
    rng = np.random.default_rng(7)
    passed = 0
    for _ in range(2000):
        lost, gained, rest = rng.multinomial(total - 300, [1 / 30, 1 / 30, 28 / 30])
        passed += difference_tango(270 + rest, 10 + lost, 10 + gained, 10, 0.9).low > -0.02
    assert 0.45 < passed / 2000 < 0.58


def test_on_the_bound_no_number_would_settle_it() -> None:
    said = row(tango(270, 13, 7, 10), at_least=-0.02).reason
    assert "no sensible number of examples would settle it if the estimate stays" in said


def test_a_run_says_it_with_the_number_of_its_own_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rules = (
        {"metric": "accuracy.retention", "at_least": 0.9},
        {"metric": "accuracy.difference", "at_least": -0.2, "slice": "language=de"},
        {"metric": "accuracy.difference", "at_least": -0.2, "where": {"language": "de"}},
    )
    project.project(tmp_path, n=300, student_errs=lambda index: index % 20 == 1, policy=project.criteria(*rules))
    assert project.evalkit("gate", "--out", "run").code == 0
    whole, by_slice, filtered = (each["reason"] for each in project.verdict(tmp_path / "run")["criteria"])
    for said, name in ((whole, None), (by_slice, "language=de"), (filtered, "language=de")):
        row = project.metrics(tmp_path / "run", name)["accuracy.minimum_detectable_drop"]["estimate"]
        assert said.endswith(f"; n = {row['n']} can rule out a drop of {100 * row['value']:.1f} pts or more")
    assert project.evalkit("verify", "run").code == 0


def test_groups_can_show_less_than_as_many_examples_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    # Threads of three that the student loses as one.
    project.project(tmp_path, n=300, student_errs=lambda index: index % 20 == 0 or index // 3 % 11 == 5)
    project.evalkit("gate", "--out", "alone")
    rows = [{**row, "thread": f"t{index // 3}"} for index, row in enumerate(project.examples(300))]
    columns = {"id": "id", "input": "text", "target": "intent", "group": "thread"}
    project.suite(tmp_path, rows=rows, columns=columns)
    project.evalkit("gate", "--out", "grouped")
    alone, grouped = (
        project.metrics(tmp_path / name)["accuracy.minimum_detectable_drop"]["estimate"]
        for name in ("alone", "grouped")
    )
    assert grouped["value"] > 1.4 * alone["value"]
    assert "independent" in grouped["method"]
