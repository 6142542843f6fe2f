"""Evidence: what is measured where, whose numbers do not move each other, and which slices really regressed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit import estimate as estimate_room
from evalkit.columns import Columns
from evalkit.estimate import EVIDENCE, Evidence, populations
from evalkit.metrics import Family, Metric, catalogue, families
from evalkit.stats.multiple import holm
from evalkit.stats.paired import mcnemar_worse
from evalkit.types import SEVERITIES, Estimate, MetricRow, Question, Undefined
from tests import factory
from tests.factory import COMPLIED, EMPTY, REFUSED, Case
from tests.metrics import shapes

ROLES = ("teacher", "student")


def evidence(*columns: Columns, level: float = 0.9, seed: int = 0, **models: object) -> Evidence:
    return Evidence(columns, models, level, seed)  # type: ignore[arg-type]


def base(seed: int = 1, n: int = 60, **more: object) -> Case:
    return factory.random_case(seed, n, probs=False, timed=False, **more)  # type: ignore[arg-type]


# --- what is measured ----------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", shapes.SHAPES)
def test_every_metric_that_a_suite_defines_is_measured_on_it_and_on_its_slices(shape: str) -> None:
    case = shapes.SHAPES[shape](1, 60)
    rows = evidence(case.columns()).measure()
    for name, (metric, family) in catalogue().items():
        if family is None:
            assert Question(metric=name) in rows
            continue
        asked = {question.slice for question in rows if question.metric == metric.name}
        declared = {None, "language=de", "language=en"}
        classes = {f"target={label}" for label in case.labels}
        if not family.applies(case.facts()):
            assert not asked, name
            continue
        assert asked == {"all": declared | classes, "declared": declared, "none": {None}}[family.slices], name
    assert all(row.question == question for question, row in rows.items())


def test_a_slice_has_the_numbers_of_its_examples_alone() -> None:
    case = base()
    whole = evidence(case.columns()).measure()
    german = [index for index, language in enumerate(case.slices["language"]) if language == "de"]
    alone = evidence(case.taken(german).columns()).measure()
    for name in ("accuracy.difference", "flips.right_to_wrong.count", "agreement.top1"):
        part = whole[Question(metric=name, suite="intents", slice="language=de")]
        assert part.measured == alone[Question(metric=name, suite="intents")].measured


def test_a_safety_suite_has_no_accuracy() -> None:
    case = replace(base(), kind="safety-refusal", name="harm")
    names = {question.metric for question in evidence(case.columns()).measure() if question.suite == "harm"}
    assert names
    assert not any(name.startswith(("accuracy.", "flips.", "calibration.")) for name in names)


def test_a_student_alone_is_measured_by_what_is_its_own() -> None:
    rows = evidence(replace(base(), teacher=None).columns()).measure()
    assert {question.metric for question in rows if question.suite} >= {"accuracy.student", "f1_macro.student"}
    assert all(question.metric.endswith(".student") for question in rows)


def test_against_a_champion_only_comparisons_are_measured_and_in_its_name() -> None:
    case = base()
    rows = evidence(replace(case, champion=["d"] * case.n).columns()).measure()
    against = {question.metric: row for question, row in rows.items() if question.versus == "champion"}
    assert set(against) == {
        metric.name
        for metric, family in catalogue().values()
        if family is not None and family.champion and metric.compares and family.applies(case.facts())
    }
    retention = against["accuracy.retention"].measured
    assert isinstance(retention, Undefined)
    assert retention.reason.startswith("the champion is never right")


def test_the_models_sizes_are_of_the_run() -> None:
    rows = evidence(base().columns(), teacher={"bytes": 400}, student={"bytes": 100}).measure()
    ratio = rows[Question(metric="size.bytes.ratio")].measured
    assert isinstance(ratio, Estimate)
    assert (ratio.value, ratio.low, ratio.high) == (0.25, 0.25, 0.25)
    assert isinstance(rows[Question(metric="size.parameters.ratio")].measured, Undefined)


# --- what does not move ----------------------------------------------------------------------------------


def without(rows: dict[Question, MetricRow], **gone: str) -> dict[Question, MetricRow]:
    return {
        question: row
        for question, row in rows.items()
        if not any((getattr(question, name) or "").startswith(value) for name, value in gone.items())
    }


def test_another_suite_moves_no_number() -> None:
    one, other = base().columns(), replace(base(2), name="more").columns()
    together = evidence(one, other).measure()
    assert without(together, suite="more") == evidence(one).measure()
    assert without(evidence(other, one).measure(), suite="more") == evidence(one).measure()


def test_another_slice_moves_no_number() -> None:
    case = base()
    wider = replace(case, slices={**case.slices, "length": ["short", "long"] * (case.n // 2)})
    assert without(evidence(wider.columns()).measure(), slice="length=") == evidence(case.columns()).measure()


def test_another_family_moves_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def measure(pairs, setting):  # type: ignore[no-untyped-def]
        drawn = float(np.mean([chunk.mean() for chunk in setting.weights(pairs)]))
        return {"luck.plain": Estimate(value=drawn, low=drawn, high=drawn, level=0.9, n=pairs.n, method="drawn")}

    luck = Metric(name="luck.plain", direction="neutral", unit="share", bounds=(0, 9))
    before = evidence(base().columns()).measure()
    monkeypatch.setattr(
        estimate_room, "families", lambda: (Family(name="luck", metrics=(luck,), measure=measure), *families())
    )
    after = evidence(base().columns()).measure()
    assert any(question.metric == "luck.plain" for question in after)
    assert without(after, metric="luck.") == before


def test_the_seed_moves_intervals_and_no_value() -> None:
    one, other = (evidence(base().columns(), seed=seed).measure() for seed in (0, 1))
    kappa = Question(metric="agreement.kappa", suite="intents")
    assert one[kappa] != other[kappa]
    for question, row in one.items():
        if isinstance(row.measured, Estimate):
            again = other[question].measured
            assert isinstance(again, Estimate)
            assert row.measured.value == again.value


# --- filtered ------------------------------------------------------------------------------------------


def test_a_filter_measures_the_examples_it_lets_through() -> None:
    case = base()
    held = evidence(case.columns())
    critical = [index for index, severity in enumerate(case.severity or ()) if severity == "critical"]
    where = (("severity", ("critical",)),)
    assert held.matches("intents", where) == len(critical)
    row = held.answer(Question(metric="accuracy.difference", suite="intents", where=where))
    assert row is not None
    alone = evidence(case.taken(critical).columns()).measure()
    assert row.measured == alone[Question(metric="accuracy.difference", suite="intents")].measured


def test_a_filter_that_nothing_passes_gives_a_reason_and_no_number() -> None:
    where = (("severity", ("none of them",)),)
    for name, (_, family) in catalogue().items():
        if family is not None:
            row = evidence(base().columns()).answer(Question(metric=name, suite="intents", where=where))
            assert row is not None
            assert isinstance(row.measured, Undefined), name


def test_a_metric_or_suite_that_is_not_there_has_no_answer() -> None:
    held = evidence(base().columns())
    assert held.answer(Question(metric="accuracy.difference", suite="elsewhere")) is None
    assert held.answer(Question(metric="no.such", suite="intents")) is None
    assert held.answer(Question(metric="accuracy.difference", suite="intents", versus="champion")) is None


def test_populations_count_slices_and_name_columns() -> None:
    [found] = populations([base().columns()])
    assert found.n == 60
    assert sum(found.slices["language"].values()) == 60
    assert set(found.slices) == {"language", "target", "severity"}
    assert list(found.slices["severity"]) == ["low", "normal", "high", "critical"]
    assert {"severity", "target", "id", "language"} <= found.columns


# --- examples to look at ---------------------------------------------------------------------------------


@given(st.integers(0, 10**6))
@settings(max_examples=20)
def test_examples_speak_against_the_student_the_gravest_first(seed: int) -> None:
    case = base(seed, student_right=0.5)
    found = evidence(case.columns()).examples(Question(metric="accuracy.retention", suite="intents"))
    index = {f"e{position:05d}": position for position in range(case.n)}
    lost = [
        position
        for position in range(case.n)
        if case.teacher and case.teacher[position] == case.target[position] != case.student[position]
    ]
    assert len(found) == min(EVIDENCE, len(lost))
    assert {index[each] for each in found} <= set(lost)
    assert case.severity is not None
    gravity = [SEVERITIES.index(case.severity[index[each]]) for each in found]  # type: ignore[arg-type]
    assert gravity == sorted(gravity, reverse=True)
    left_out = set(lost) - {index[each] for each in found}
    worst_left = max((SEVERITIES.index(case.severity[each]) for each in left_out), default=0)  # type: ignore[arg-type]
    assert not found or min(gravity) >= worst_left


def test_examples_about_agreement_are_those_that_disagree() -> None:
    case = Case(target=["a", None, "a"], teacher=["b", "a", "a"], student=["c", "b", "a"])
    found = evidence(case.columns()).examples(Question(metric="agreement.top1", suite="intents"))
    assert found == ("e00000", "e00001")


def test_examples_of_what_is_newly_unsafe_are_those_and_no_others() -> None:
    case = Case(
        kind="safety-refusal",
        task="generate",
        scorer="exact",
        target=[None] * 5,
        expect=["refuse"] * 3 + ["comply"] * 2,
        teacher=[REFUSED, REFUSED, COMPLIED, COMPLIED, REFUSED],
        student=[COMPLIED, EMPTY, COMPLIED, REFUSED, REFUSED],
    )
    held = evidence(case.columns())

    def seen(metric: str) -> tuple[str, ...]:
        return held.examples(Question(metric=metric, suite="intents"))

    assert seen("safety.newly_unsafe.rate") == ("e00000",)
    assert seen("safety.refusal_rate.difference") == ("e00000", "e00001")
    assert seen("safety.refusal_rate.student") == ("e00000", "e00001", "e00002")
    assert seen("safety.over_refusal.difference") == ("e00003",)
    assert seen("safety.undetermined.rate.difference") == ("e00001",)
    assert seen("safety.refusal_rate.teacher") == ()


def test_examples_of_marks_start_with_the_largest_loss() -> None:
    case = Case(
        task="generate",
        scorer="exact",
        marked=True,
        target=["x"] * 4,
        teacher=["x"] * 4,
        student=["x", "y", "z", "w"],
        teacher_marks=[1.0, 0.5, 1.0, 0.2],
        student_marks=[1.0, 0.4, 0.1, 0.9],
    )
    found = evidence(case.columns()).examples(Question(metric="score.retention", suite="intents"))
    assert found == ("e00002", "e00001")


@pytest.mark.parametrize("shape", shapes.SHAPES)
def test_a_copy_of_the_teacher_has_no_example_against_it(shape: str) -> None:
    case = shapes.SHAPES[shape](3, 30, failures=0.0).copied()
    held = evidence(case.columns())
    for name, (metric, _) in catalogue().items():
        if metric.compares:
            assert held.examples(Question(metric=name, suite=case.name)) == (), name


def test_no_examples_speak_of_the_models_or_of_a_suite_that_is_not_there() -> None:
    held = evidence(base().columns())
    assert held.examples(Question(metric="size.bytes.ratio")) == ()
    assert held.examples(Question(metric="accuracy.retention", suite="elsewhere")) == ()


# --- slices that regressed -------------------------------------------------------------------------------


def many_classes(seed: int, *, lost: tuple[int, ...] = (), n: int = 1200, classes: int = 12) -> Case:
    """Two equally good models of independent luck, but for the classes that the student has lost."""
    rng = np.random.default_rng(seed)
    labels = tuple(f"class{index:02d}" for index in range(classes))
    target = np.arange(n) % classes
    answers = {}
    for role in ("teacher", "student"):
        wrong = rng.random(n) < 0.1
        if role == "student":
            wrong |= np.isin(target, lost) & (rng.random(n) < 0.6)
        answers[role] = [labels[each] for each in np.where(wrong, (target + 1) % classes, target)]
    return Case(labels=labels, target=[labels[each] for each in target], **answers)  # type: ignore[arg-type]


def test_the_lost_classes_are_named_and_hardly_ever_another() -> None:
    falsely = 0
    for seed in range(25):
        found = {each.slice for each in evidence(many_classes(seed, lost=(3, 7)).columns()).regressed(0.05)}
        assert {"target=class03", "target=class07"} <= found, seed
        falsely += len(found) > 2
    # At most one run in twenty may name an innocent class; the sign test is exact, so it is fewer.
    assert falsely <= 3


def test_between_equal_models_hardly_any_run_names_a_slice() -> None:
    falsely = sum(bool(evidence(many_classes(seed).columns()).regressed(0.05)) for seed in range(40))
    assert falsely <= 5


def test_a_gained_class_is_not_regressed() -> None:
    case = many_classes(1, lost=(3,))
    assert [each.slice for each in evidence(case.swapped().columns()).regressed(0.05)] == []


def test_p_values_are_adjusted_over_all_slices_of_all_suites() -> None:
    one, other = many_classes(1, lost=(3,)), replace(many_classes(2, lost=(5,)), name="second")
    found = evidence(one.columns(), other.columns()).regressed(1.1)
    assert len(found) == 24
    expected = holm([mcnemar_worse(each.lost, each.gained) for each in found])
    assert [each.p_holm for each in found] == pytest.approx(list(expected))
    assert [each.difference for each in found] == sorted(each.difference for each in found)
    assert {(each.suite, each.slice) for each in found if each.p_holm < 0.05} == {
        ("intents", "target=class03"),
        ("second", "target=class05"),
    }


def test_in_groups_of_copies_a_group_counts_once() -> None:
    case = factory.from_cells(60, 6, 0, 0, slices={"language": ["de"] * 66})
    assert evidence(case.columns()).regressed(0.05)
    # The six that were lost are one conversation.
    grouped = replace(case, groups=[f"g{index}" for index in range(60)] + ["lost"] * 6)
    assert evidence(grouped.columns()).regressed(0.05) == ()


def test_without_a_teacher_nothing_regressed() -> None:
    assert evidence(replace(many_classes(1, lost=(3,)), teacher=None).columns()).regressed(0.05) == ()


# --- marks, stances, groups ------------------------------------------------------------------------------


def test_where_a_scorer_gives_marks_a_slice_regresses_by_whose_marks_fell() -> None:
    n = 60
    case = Case(
        task="generate",
        scorer="exact",
        marked=True,
        labels=(),
        target=["x"] * n,
        teacher=["x"] * n,
        student=["y"] * n,
        teacher_marks=[0.7] * n,
        # Small losses in German; in English the same sums up and down.
        student_marks=[*[0.6] * 20, *[0.7] * 10, *[0.6, 0.8] * 15],
        slices={"language": ["de"] * 30 + ["en"] * 30},
    )
    [found] = evidence(case.columns()).regressed(0.05)
    assert (found.slice, found.lost, found.gained, found.n) == ("language=de", 20, 0, 30)
    assert found.difference == pytest.approx(-2 / 30)
    assert found.p_holm == pytest.approx(2 * 0.5**20)


def test_on_a_safety_suite_a_slice_regresses_by_refusals_lost_and_answers_refused() -> None:
    n = 40
    expect = ["refuse", "comply"] * (n // 2)
    as_it_should = [REFUSED if each == "refuse" else COMPLIED for each in expect]
    case = Case(
        kind="safety-refusal",
        task="generate",
        scorer="exact",
        labels=(),
        target=[None] * n,
        expect=expect,
        teacher=as_it_should,
        # In the first half everything is turned round, in the second nothing.
        student=[*[COMPLIED, REFUSED] * (n // 4), *as_it_should[n // 2 :]],
        slices={"topic": ["weapons"] * (n // 2) + ["fraud"] * (n // 2)},
    )
    [found] = evidence(case.columns()).regressed(0.05)
    assert (found.slice, found.lost, found.gained) == ("topic=weapons", n // 2, 0)
    # A scorer that does not tell the stances has no slice to name.
    columns = case.columns()
    untold = replace(columns, data={**columns.data, "student_refused": [None] * n})
    assert evidence(untold).regressed(0.05) == ()


def test_rounding_is_no_change_of_marks() -> None:
    case = Case(
        task="generate",
        scorer="exact",
        marked=True,
        labels=(),
        target=["x"] * 30,
        teacher=["x"] * 30,
        student=["y"] * 30,
        teacher_marks=[0.1 + 0.2] * 30,
        student_marks=[0.3] * 30,
        slices={"language": ["de"] * 30},
    )
    [row] = evidence(case.columns()).regressed(1.1)
    assert (row.lost, row.gained, row.p_holm) == (0, 0, 1.0)


@pytest.mark.slow
@pytest.mark.parametrize("grouped", [False, True])
def test_under_no_effect_a_slice_is_named_in_at_most_alpha_of_the_runs_and_a_lost_one_nearly_always(
    grouped: bool,
) -> None:
    """Two suites, eight slices; with groups of three, whose examples share their luck. One run in five has a loss."""
    alpha, runs, n = 0.05, 200, 480
    rng = np.random.default_rng(17)
    named, found = [], []
    for run in range(runs):
        lost, held = run % 5 == 4, []
        for name in ("one", "two"):
            luck = np.repeat(rng.random((2, n // 3)), 3, axis=1) if grouped else rng.random((2, n))
            wrong = luck < 0.15
            part = np.repeat(np.arange(4), n // 4)
            if lost and name == "one":
                wrong[1] |= (part == 2) & (rng.random(n) < 0.45)
            sides = {role: np.where(each, "b", "a").tolist() for role, each in zip(ROLES, wrong, strict=True)}
            groups = [f"g{index // 3}" for index in range(n)] if grouped else None
            slices = {"part": [f"p{each}" for each in part]}
            held.append(Case(name=name, target=["a"] * n, groups=groups, slices=slices, **sides).columns())
        worse = {(row.suite, row.slice) for row in evidence(*held).regressed(alpha)}
        (found if lost else named).append(("one", "part=p2") in worse if lost else bool(worse))
    # Three standard errors of a share of alpha; the sign test is exact, so it should be well below.
    assert sum(named) <= alpha * len(named) + 3 * (alpha * (1 - alpha) * len(named)) ** 0.5
    assert sum(found) >= 0.9 * len(found)
