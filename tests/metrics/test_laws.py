"""Every metric, put to every law; and a wrong metric for each law, to show that the law bites."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from evalkit.metrics import Family, Metric, Setting, catalogue, families, known_names, run_families
from evalkit.metrics.planned import PLANNED
from evalkit.table import PairTable
from evalkit.types import Estimate, Measured, Undefined
from tests import factory
from tests.metrics import laws, shapes

# Laws of groups speak of enough examples, each with a target; the others of every case that can be.
BIG = {"groups_of_one", "copies_in_groups", "more_examples_say_more"}
SLOW = {"calibration_errors", "selective"}


# Every family on every shape of suite that it is measured on.
MEASURED = [(family, shape) for family in families() for shape in shapes.shapes_of(family)]


def some(family: Family, shape: str, many: int) -> int:
    """How many cases: fewer where one takes long, or where the family has been put to the law on another shape."""
    first = shape == shapes.shapes_of(family)[0]
    return max(3, many // (4 if family.name in SLOW else 1) // (1 if first else 4))


def named(each: object) -> str:
    return each.name if isinstance(each, Family) else str(each)


@pytest.mark.parametrize("law", [name for name in laws.LAWS if name not in BIG])
@pytest.mark.parametrize(("family", "shape"), MEASURED, ids=named)
def test_every_metric_obeys(family: Family, shape: str, law: str) -> None:
    @settings(max_examples=some(family, shape, 25))
    @given(case=shapes.cases(shape))
    def holds(case: factory.Case) -> None:
        laws.LAWS[law](family, case)

    holds()


@pytest.mark.parametrize("law", sorted(BIG))
@pytest.mark.parametrize(("family", "shape"), MEASURED, ids=named)
def test_every_metric_obeys_with_many_groups(family: Family, shape: str, law: str) -> None:
    @settings(max_examples=some(family, shape, 12))
    @given(
        case=shapes.cases(shape, least=60, most=90, teacher_right=0.8, student_right=0.7, failures=0.0, untargeted=0.0)
    )
    def holds(case: factory.Case) -> None:
        laws.LAWS[law](family, case)

    holds()


@pytest.mark.parametrize("shape", shapes.SHAPES)
@pytest.mark.parametrize("family", families(), ids=named)
def test_a_metric_is_well_formed_even_on_a_suite_that_it_is_not_about(family: Family, shape: str) -> None:
    for n in (0, 1, 30):
        laws.well_formed(family, shapes.SHAPES[shape](5, n))


# What a clock or an allocator measures is on no slice, and not in these cases.
@pytest.mark.parametrize("family", [each for each in families() if each.slices != "none"], ids=named)
def test_every_metric_is_defined_on_some_suite(family: Family) -> None:
    found: set[str] = set()
    for shape in shapes.shapes_of(family):
        # As many as the highest percentile of a time takes.
        found |= {metric.name for metric, _ in laws.defined(family, shapes.SHAPES[shape](1, 360))}
    assert found == {metric.name for metric in family.metrics}


def test_every_metric_is_in_the_laws() -> None:
    measured = {metric.name for family in families() for metric in family.metrics}
    of_the_run = {metric.name for family in run_families() for metric in family.metrics}  # type: ignore[attr-defined]
    assert measured | of_the_run == set(catalogue())
    assert not measured & of_the_run


def test_no_metric_belongs_to_two_families() -> None:
    names = [metric.name for family in (*families(), *run_families()) for metric in family.metrics]  # type: ignore[attr-defined]
    assert len(set(names)) == len(names)


def test_the_laws_name_no_metric_that_is_not_there() -> None:
    for name in laws.SYMMETRIC | laws.INVERTED | laws.ONE_SIDED | set(laws.PARTNERS) | laws.NEVER_IMPROVED_BY_FAILING:
        assert name in catalogue(), name
    for prefix in laws.MOVED_BY_COPIES:
        assert any(name.startswith(prefix) for name in catalogue()), prefix


def test_what_is_planned_is_not_measured_yet_and_both_are_known() -> None:
    assert not PLANNED & set(catalogue())
    assert set(known_names()) == PLANNED | set(catalogue())


@pytest.mark.parametrize("metric", [metric for metric, _ in catalogue().values()], ids=lambda each: each.name)
def test_a_metric_declares_what_fits(metric: Metric) -> None:
    low, high = metric.bounds
    assert low < high
    assert metric.identity is None or low <= metric.identity <= high
    if metric.name.endswith(".difference"):
        assert metric.identity == 0.0
        assert metric.compares
        assert low == -high
    if metric.name.endswith((".teacher", ".student")):
        assert not metric.compares
    if metric.name.endswith(".count"):
        assert metric.unit == "count"


# --- planted wrong metrics -----------------------------------------------------------------------------


def planted(
    value: Callable[[PairTable, Setting], float],
    *,
    name: str = "accuracy.difference",
    half: float | Callable[[PairTable], float] = 0.0,
    **more: object,
) -> Family:
    """A family of one wrong metric under a name that the laws know."""

    def measure(pairs: PairTable, setting: Setting) -> Mapping[str, Measured]:
        middle = float(value(pairs, setting))
        width = half(pairs) if callable(half) else half
        return {name: Estimate(value=middle, low=middle - width, high=middle + width, level=0.9, n=pairs.n, method="?")}

    facts = {"direction": "higher", "unit": "share", "bounds": (-math.inf, math.inf), **more}
    return Family(name="planted", measure=measure, metrics=(Metric(name=name, **facts),))  # type: ignore[arg-type]


def accuracy_gain(pairs: PairTable) -> float:
    assert pairs.teacher is not None
    return float(pairs.student.correct.mean() - pairs.teacher.correct.mean())


LAWLESS: dict[str, Family] = {
    "well_formed": planted(lambda pairs, _: math.nan),
    "deterministic": planted(lambda pairs, _: np.random.default_rng().random()),
    "order_of_rows": planted(lambda pairs, _: np.arange(pairs.n) @ pairs.student.correct),
    "names_of_labels": planted(lambda pairs, _: pairs.student.choice.mean()),
    "copy_of_the_teacher": planted(lambda pairs, _: pairs.student.correct.mean(), identity=0.0),
    "swapped_roles": planted(lambda pairs, _: abs(accuracy_gain(pairs))),
    "copies_of_examples": planted(lambda pairs, _: pairs.student.correct.sum()),
    # Leaves failures out of the denominator.
    "failing_is_never_rewarded": planted(lambda pairs, _: pairs.student.correct[~pairs.student.errored].mean()),
    "too_few_groups": planted(lambda pairs, _: accuracy_gain(pairs)),
    "groups_of_one": planted(
        lambda pairs, _: accuracy_gain(pairs), half=lambda pairs: 1.0 if pairs.group is None else 0.1
    ),
    # Learns nothing from more.
    "more_examples_say_more": planted(lambda pairs, _: accuracy_gain(pairs), half=0.1),
    # Takes copies for examples.
    "copies_in_groups": planted(lambda pairs, _: accuracy_gain(pairs), half=lambda pairs: pairs.n**-0.5),
}
OTHERWISE_WRONG: dict[str, Family] = {
    "value outside its interval": planted(lambda pairs, _: 0.5, half=-0.1),
    "outside its bounds": planted(lambda pairs, _: 1.5, bounds=(0.0, 1.0)),
    "an interval outside its bounds": planted(lambda pairs, _: 0.05, half=0.2, bounds=(0.0, 1.0)),
    "another level": planted(lambda pairs, _: 0.5),
    "a name too many": planted(lambda pairs, _: 0.5),
    "no words": planted(lambda pairs, _: 0.5),
}


@pytest.mark.parametrize("law", laws.LAWS)
def test_a_law_catches_the_metric_that_breaks_it(law: str) -> None:
    case = factory.random_case(2, 60, student_right=0.3)
    with pytest.raises(AssertionError):
        laws.LAWS[law](LAWLESS[law], case)


@pytest.mark.parametrize("wrong", OTHERWISE_WRONG)
def test_an_ill_formed_metric_is_caught(wrong: str) -> None:
    family = OTHERWISE_WRONG[wrong]
    measure = family.measure
    if wrong == "another level":
        family = replace(family, measure=lambda *of: {name: replace(e, level=0.5) for name, e in measure(*of).items()})
    elif wrong == "a name too many":
        family = replace(family, measure=lambda *of: {**measure(*of), "one.more": Undefined(reason="not there at all")})
    elif wrong == "no words":
        family = replace(family, measure=lambda *of: {name: Undefined(reason="") for name in measure(*of)})
    with pytest.raises(AssertionError):
        laws.well_formed(family, factory.random_case(2, 60))
