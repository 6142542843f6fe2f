"""What is true of every metric whatever the data: each law takes a family and a case, and fails with an AssertionError.

test_laws.py puts every family to every law, and plants a wrong family for each law to show that it bites.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import numpy as np
import pytest

from evalkit.metrics import Family, Metric, Setting
from evalkit.types import Costs, Estimate, Measured, Terms, Undefined
from tests.factory import ERROR, Case

LEVEL = 0.9
RESAMPLES = 60
# A risk that so few examples can speak of, and prices at which a student pays.
TERMS = Terms(
    risk=0.3, costs=Costs(teacher=2.5, student=0.1, requests_per_month=10**6, one_off=90.0, fixed_per_month=20.0)
)

Law = Callable[[Family, Case], None]

# Metrics that do not speak of a share or a mean of examples, so that more of the same examples change them.
MOVED_BY_COPIES = {
    "accuracy.mcnemar_p": "more evidence, smaller p",
    "accuracy.minimum_detectable_drop": "more examples detect less",
    "flips.right_to_wrong.count": "counts",
    "flips.wrong_to_right.count": "counts",
    "flips.wrong_to_other_wrong.count": "counts",
    "flips.unstable.count": "counts",
    "errors.inherited.excess": "the half count added to each class weighs less",
    "errors.inherited.p": "more evidence, smaller p",
    "flips.right_to_wrong_stable.count": "counts",
    "safety.newly_unsafe.count": "counts",
    "calibration.ece_debiased": "takes out a bias that falls with n",
    "calibration.aurc": "the surest k of n are counted for every k, and of copies there are more",
    "calibration.ece_consistency_p": "more evidence, smaller p",
    "calibration.temperature.brier": "copies fall into other folds",
    "calibration.temperature.nll": "copies fall into other folds",
    "calibration.temperature.ece": "copies fall into other folds",
    "calibration.mapped": "copies fall into other folds",
    "latency.": "quantiles between two of few values move with n",
    "agreement.first_divergence": "a median of whole numbers, whose interval moves in steps",
    "fallback.": "an example's id says in which half it is, and a copy has another",
}
# What failing must never improve, as the metric's own direction says. The others may rightly go either way: a failed
# wrong answer is no longer a false alarm (F1 of classes and of fields, kappa) nor a fix (flips.rate), a silent student
# is not newly unsafe but undetermined, and latency has no time for it.
NEVER_IMPROVED_BY_FAILING = {
    "accuracy.student",
    "accuracy.difference",
    "accuracy.retention",
    "accuracy.retention_above_chance",
    "flips.right_to_wrong.count",
    "flips.right_to_wrong.rate",
    "flips.wrong_to_right.count",
    "flips.wrong_to_right.rate",
    "flips.right_to_wrong_stable.count",
    "flips.right_to_wrong_stable.rate",
    "errors.introduced.rate",
    "agreement.excess_disagreement",
    "agreement.top1",
    "calibration.brier.student",
    "calibration.brier.difference",
    "calibration.nll.student",
    "calibration.nll.difference",
    "calibration.aurc.student",
    "calibration.aurc.difference",
    "calibration.overconfident_errors.student",
    "calibration.overconfident_errors.difference",
    "outputs.error_rate.student",
    "outputs.error_rate.difference",
    "agreement.exact",
    "agreement.text_similarity",
    "score.student",
    "score.difference",
    "score.retention",
    "safety.refusal_rate.student",
    "safety.refusal_rate.difference",
    "safety.over_refusal.student",
    "safety.over_refusal.difference",
    "safety.undetermined.rate.student",
    "safety.undetermined.rate.difference",
}
# With teacher and student in each other's place: the metric's own mirror image, or its partner's value. What is in
# neither table has teacher and student in unequal parts (a rate over the teacher's right answers).
SYMMETRIC = {
    "accuracy.mcnemar_p",
    "accuracy.minimum_detectable_drop",
    "agreement.exact",
    "agreement.js",
    "agreement.kappa",
    "agreement.text_similarity",
    "agreement.top1",
    "agreement.first_divergence",
    "agreement.token_top1",
    "agreement.topk_overlap",
    "agreement.total_variation",
    "errors.consistency_kappa",
    "errors.inherited.excess",
    "errors.inherited.p",
    "errors.inherited.rate",
    "flips.rate",
    "flips.wrong_to_other_wrong.count",
}
INVERTED = {"accuracy.retention", "accuracy.retention_above_chance", "latency.speedup.p50", "latency.speedup.p95"}
INVERTED |= {"latency.speedup.typical", "size.parameters.ratio", "size.bytes.ratio", "cost.per_thousand.ratio"}
INVERTED |= {"latency.speedup.fixed_budget", "flops.per_request.ratio"}
INVERTED |= {"score.retention", "outputs.length_ratio"}
PARTNERS = {
    "agreement.kl": "agreement.kl_reverse",
    "agreement.kl_reverse": "agreement.kl",
    "flips.right_to_wrong.count": "flips.wrong_to_right.count",
    "flips.wrong_to_right.count": "flips.right_to_wrong.count",
}
# Intervals that are another's, turned over: the wider of two that lie apart may then be the narrower.
RECIPROCAL = {"fallback.break_even_months"}
ONE_SIDED = {
    "agreement.excess_disagreement",
    "agreement.excess_kl",
    "agreement.noise_floor",
    "errors.inherited.share",
    "flips.excess_rate",
    "flips.right_to_wrong_stable.count",
    "flips.right_to_wrong_stable.rate",
    "flips.unstable.count",
    "flips.unstable.rate",
    "errors.introduced.rate",
    "fallback.threshold",
    "fallback.coverage",
    "fallback.accuracy",
    "fallback.regressions",
    "fallback.cost_per_thousand",
    "fallback.saving",
    "fallback.saving_per_month",
    "fallback.break_even_months",
    "flips.right_to_wrong.rate",
    "flips.wrong_to_right.rate",
    "flips.wrong_to_other_wrong.rate",
    "safety.newly_unsafe.count",
    "safety.newly_unsafe.rate",
    "safety.newly_unsafe_corrected.rate",
}


def measured(family: Family, case: Case, *, seed: int = 0, name: str = "law") -> Mapping[str, Measured]:
    return family.measure(case.pairs(), Setting(LEVEL, seed, ("teacher", case.name, name), RESAMPLES, terms=TERMS))


def numbers(family: Family, case: Case) -> dict[str, float]:
    """Values of the metrics that are defined."""
    return {name: each.value for name, each in measured(family, case).items() if isinstance(each, Estimate)}


def defined(family: Family, case: Case) -> Iterator[tuple[Metric, Estimate]]:
    found = measured(family, case)
    for metric in family.metrics:
        each = found[metric.name]
        if isinstance(each, Estimate):
            yield metric, each


# --- the laws ----------------------------------------------------------------------------------------


def well_formed(family: Family, case: Case) -> None:
    """The declared names and no others, each an interval around its value inside its bounds, or a reason."""
    found = measured(family, case)
    assert set(found) == {metric.name for metric in family.metrics}
    for metric in family.metrics:
        each = found[metric.name]
        if isinstance(each, Undefined):
            assert len(each.reason.split()) > 2, f"{metric.name}: {each.reason!r}"
            continue
        assert math.isfinite(each.value), metric.name
        assert each.level == LEVEL
        # What is measured of a suite as a whole counts its measurements, not examples.
        assert 1 <= each.n <= (3 if metric.name.startswith(("throughput.", "memory.")) else case.n)
        assert isinstance(each.n, int)
        assert each.method
        assert (each.low is None) == (each.high is None) == (metric.unit == "p-value"), metric.name
        low = each.value if each.low is None else each.low
        high = each.value if each.high is None else each.high
        assert math.isfinite(low), metric.name
        assert math.isfinite(high), metric.name
        assert metric.bounds[0] <= low <= each.value <= high <= metric.bounds[1], (metric.name, each)


def deterministic(family: Family, case: Case) -> None:
    """The same pairs, seed and names give the same numbers, to the last bit."""
    assert measured(family, case) == measured(family, case)


def order_of_rows(family: Family, case: Case) -> None:
    """Values do not depend on the order of the examples."""
    mixed = case.taken(np.random.default_rng(case.n).permutation(case.n))
    _same(measured(family, case), measured(family, mixed))


def names_of_labels(family: Family, case: Case) -> None:
    """Values do not depend on what the labels are called, nor on their order. Texts and own choices have no names."""
    if not case.labels:
        return
    order = np.random.default_rng(case.n).permutation(len(case.labels))
    _same(measured(family, case), measured(family, case.renamed([int(each) for each in order])))


def copy_of_the_teacher(family: Family, case: Case) -> None:
    """A student that is its teacher: the declared identity, inside its interval; both models' numbers alike."""
    same = case.copied()
    found = measured(family, same)
    for metric in family.metrics:
        each = found[metric.name]
        if isinstance(each, Undefined):
            continue
        if metric.identity is not None:
            assert each.value == pytest.approx(metric.identity, abs=1e-12), metric.name
            assert each.low is None or each.low <= metric.identity, metric.name
            assert each.high is None or each.high >= metric.identity, metric.name
        if metric.name.endswith(".student"):
            assert each == found[metric.name.replace(".student", ".teacher")], metric.name


def swapped_roles(family: Family, case: Case) -> None:
    """Differences change their sign, retention is inverted, counts change places; intervals likewise."""
    there, back = measured(family, case), measured(family, case.swapped())
    for metric in family.metrics:
        name, one = metric.name, there[metric.name]
        other = back[_counterpart(name)] if _counterpart(name) is not None else None
        if not isinstance(one, Estimate) or not isinstance(other, Estimate):
            # A ratio may be undefined in one direction only (a teacher that is never right); nothing else may.
            assert other is None or name in INVERTED or type(one) is type(other), name
            continue
        if name.endswith(".difference"):
            assert one.value == pytest.approx(-other.value, abs=1e-9), name
            assert (one.low, one.high) == pytest.approx((_minus(other.high), _minus(other.low)), abs=1e-9), name
        elif name in INVERTED:
            assert one.value * other.value == pytest.approx(1.0) or 0.0 in (one.value, other.value), name
        else:
            assert one.value == pytest.approx(other.value, abs=1e-9), name


def copies_of_examples(family: Family, case: Case) -> None:
    """Every example three times over is the same population: values stay."""
    once, thrice = measured(family, case), measured(family, case.taken(np.repeat(np.arange(case.n), 3)))
    for name, each in once.items():
        if isinstance(each, Estimate) and not name.startswith(tuple(MOVED_BY_COPIES)):
            again = thrice[name]
            assert isinstance(again, Estimate), name
            assert again.value == pytest.approx(each.value, abs=1e-9), name


def failing_is_never_rewarded(family: Family, case: Case) -> None:
    """A student that fails on one more example looks no better for it."""
    watched = [metric for metric in family.metrics if metric.name in NEVER_IMPROVED_BY_FAILING]
    for index in {0, case.n // 2, case.n - 1} if watched else ():
        before, after = numbers(family, case), numbers(family, case.failing(index, ERROR))
        for metric in watched:
            if metric.name in before and metric.name in after:
                gain = after[metric.name] - before[metric.name]
                assert (gain if metric.direction == "higher" else -gain) <= 1e-9, metric.name


def too_few_groups(family: Family, case: Case) -> None:
    """With under 20 groups no interval is given; exact counts, p-values and clock readings need none."""
    few = replace(case, groups=[f"g{index % 19}" for index in range(case.n)])
    for metric, each in defined(family, few):
        assert _groupless(metric), (metric.name, each)


def groups_of_one(family: Family, case: Case) -> None:
    """Groups of one example each add nothing to know: no interval is narrower than without groups."""
    alone = measured(family, replace(case, groups=[f"g{index}" for index in range(case.n)]))
    for metric, each in defined(family, case):
        other = alone[metric.name]
        if metric.name in RECIPROCAL:
            continue
        if isinstance(other, Undefined):
            assert case.n < 20, metric.name
        elif each.low is not None and each.high is not None:
            assert other.low is not None
            assert other.high is not None
            assert other.high - other.low >= (each.high - each.low) * (1 - 1e-9), metric.name


def copies_in_groups(family: Family, case: Case) -> None:
    """Groups of copies hold no more than their first members: the interval is not that of many examples."""
    times = 9
    index = np.repeat(np.arange(case.n), times)
    grouped = replace(case.taken(index), groups=[f"g{each}" for each in index])
    found = measured(family, grouped)
    for metric, each in defined(family, case):
        other = found[metric.name]
        if isinstance(other, Undefined) or _groupless(metric) or each.low is None or each.high is None:
            continue
        if metric.name.startswith(tuple(MOVED_BY_COPIES)):
            continue
        assert other.low is not None
        assert other.high is not None
        # Score and t intervals of the same evidence differ somewhat; copies taken for examples would give a third.
        assert other.high - other.low >= 0.6 * (each.high - each.low), (metric.name, each, other)


def more_examples_say_more(family: Family, case: Case) -> None:
    """Four times the examples of one population: an interval about half as wide."""
    alone = replace(case, groups=None)
    found = measured(family, alone.taken(np.repeat(np.arange(case.n), 4)))
    for metric, each in defined(family, alone):
        other = found[metric.name]
        # What is measured of a suite as a whole gains nothing from more examples.
        if (
            each.low is None
            or each.high is None
            or metric.name.startswith((*MOVED_BY_COPIES, "throughput.", "memory."))
        ):
            continue
        assert isinstance(other, Estimate), metric.name
        assert other.low is not None
        assert other.high is not None
        # Ends that stand on a bound do not move, and few resamples are coarse.
        assert other.high - other.low <= 0.85 * (each.high - each.low), (metric.name, each, other)


LAWS: dict[str, Law] = {
    law.__name__: law
    for law in (
        well_formed,
        deterministic,
        order_of_rows,
        names_of_labels,
        copy_of_the_teacher,
        swapped_roles,
        copies_of_examples,
        failing_is_never_rewarded,
        too_few_groups,
        groups_of_one,
        copies_in_groups,
        more_examples_say_more,
    )
}


def _counterpart(name: str) -> str | None:
    """The metric whose value this one takes when the roles are swapped; None: none is known."""
    if name in PARTNERS:
        return PARTNERS[name]
    for one, other in ((".teacher", ".student"), (".student", ".teacher")):
        if name.endswith(one):
            return name.removesuffix(one) + other
    if name.endswith(".difference") or name in SYMMETRIC or name in INVERTED:
        return name
    assert name in ONE_SIDED, f"say in tests/metrics/laws.py what becomes of {name} when the roles are swapped"
    return None


def _groupless(metric: Metric) -> bool:
    return (
        metric.unit in ("count", "p-value")
        or metric.name.startswith(("latency.", "throughput.", "memory.", "flops."))
        or metric.name == "accuracy.minimum_detectable_drop"
    )


def _minus(value: float | None) -> float:
    assert value is not None
    return -value


def _same(one: Mapping[str, Measured], other: Mapping[str, Measured]) -> None:
    assert one.keys() == other.keys()
    for name, each in one.items():
        again = other[name]
        if isinstance(each, Estimate) and isinstance(again, Estimate):
            assert each.value == pytest.approx(again.value, abs=1e-9), name
        else:
            # Where a bootstrap finds a bound on nearly all resamples, it is luck whether on enough of them.
            lucky = any(
                isinstance(found, Undefined) and "in over 1 % of resamples" in found.reason for found in (each, again)
            )
            assert lucky or type(each) is type(again), name
