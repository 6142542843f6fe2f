"""Calibration on suites: what noise alone shows, one temperature, written answers, and recorded models."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.metrics import roc_auc_score

from evalkit.metrics import Setting, families
from evalkit.metrics.folds import FOLDS, folds
from evalkit.stats import calibration as cal
from evalkit.types import Estimate, Measured
from tests import factory
from tests.factory import EMPTY, ERROR, Case
from tests.metrics import shapes

CLOSE = 1e-9
ROLES = ("teacher", "student")


def measured(case: Case, *names: str, resamples: int = 60, seed: int = 0) -> Mapping[str, Measured]:
    pairs, setting = case.pairs(), Setting(0.9, seed, ("calibration",), resamples)
    found: dict[str, Measured] = {}
    for family in families():
        if family.name in names:
            found |= family.measure(pairs, setting)
    return found


def estimate(found: Mapping[str, Measured], name: str) -> Estimate:
    each = found[name]
    assert isinstance(each, Estimate), each
    return each


def reason(found: Mapping[str, Measured], name: str) -> str:
    each = found[name]
    assert not isinstance(each, Estimate), each
    return each.reason


def drawn(seed: int, n: int, warmth: Mapping[str, float], classes: int = 4, **more: Any) -> Case:
    """Models whose honest logits were multiplied by `warmth`, asked the same: targets follow the honest teacher."""
    rng = np.random.default_rng(seed)
    labels = tuple("abcdefgh"[:classes])
    honest = {"teacher": rng.normal(size=(n, classes)) * 2}
    honest["student"] = honest["teacher"] + 0.1 * rng.normal(size=(n, classes))
    target = [labels[rng.choice(classes, p=row)] for row in softmax(honest["teacher"], axis=1)]
    sides: dict[str, Any] = {}
    for role in ROLES:
        probs = softmax(honest[role] * warmth[role], axis=1)
        sides[role] = [labels[each] for each in probs.argmax(axis=1)]
        sides[f"{role}_probs"] = [tuple(row) for row in probs.tolist()]
    return Case(labels=labels, target=target, **sides, **more)


def held(case: Case, role: str) -> tuple[NDArray, NDArray, NDArray]:
    """Probabilities, targets and who was right of a case without failures."""
    probs = np.array(getattr(case, f"{role}_probs"))
    target = np.array([case.labels.index(each) for each in case.target])  # type: ignore[arg-type]
    return probs, target, np.array(getattr(case, role)) == np.array(case.target)


# --- how sure, and how often right ------------------------------------------------------------------------


@given(seed=st.integers(0, 10**6), n=st.integers(5, 80))
@settings(max_examples=20)
def test_gap_sure_errors_and_risk_are_what_loops_find(seed: int, n: int) -> None:
    case = factory.random_case(seed, n, teacher_right=0.7, student_right=0.5)
    found = measured(case, "overconfidence", "selective")
    gaps = {}
    for role in ROLES:
        probs, _, right = held(case, role)
        sure = probs.max(axis=1)
        gaps[role] = sure.mean() - right.mean()
        assert estimate(found, f"calibration.signed_gap.{role}").value == pytest.approx(gaps[role], abs=CLOSE)
        if (~right).any():
            share = np.mean(sure[~right] >= 0.9)
            each = estimate(found, f"calibration.overconfident_errors.{role}")
            assert each.value == pytest.approx(share, abs=CLOSE)
            assert each.n == (~right).sum()
        order = np.argsort(-sure)
        risk = np.mean(np.cumsum(~right[order]) / np.arange(1, n + 1))
        assert estimate(found, f"calibration.aurc.{role}").value == pytest.approx(risk, abs=CLOSE)
    change = gaps["student"] - gaps["teacher"]
    assert estimate(found, "calibration.signed_gap.difference").value == pytest.approx(change, abs=CLOSE)


def test_a_failed_output_was_sure_and_wrong() -> None:
    case = drawn(1, 60, dict.fromkeys(ROLES, 1.0))
    before, after = (measured(each, "overconfidence") for each in (case, case.failing(0)))
    for name in ("signed_gap", "overconfident_errors"):
        one, other = (estimate(each, f"calibration.{name}.student").value for each in (before, after))
        assert other > one
    assert before["calibration.signed_gap.teacher"] == after["calibration.signed_gap.teacher"]


def test_a_share_of_no_errors_is_undefined_and_so_is_its_difference() -> None:
    sure = (0.9, 0.05, 0.05)
    given_case = Case(
        target=["a"] * 30,
        teacher=["a"] * 30,
        student=["a"] * 29 + ["b"],
        teacher_probs=[sure] * 30,
        student_probs=[sure] * 29 + [(0.1, 0.8, 0.1)],
    )
    found = measured(given_case, "overconfidence")
    assert "there are none" in reason(found, "calibration.overconfident_errors.teacher")
    assert "the teacher has no such share" in reason(found, "calibration.overconfident_errors.difference")
    # Nothing is known from one error, and its interval says so.
    alone = estimate(found, "calibration.overconfident_errors.student")
    assert (alone.value, alone.n) == (0.0, 1)
    assert alone.high is not None
    assert alone.high > 0.9


def test_few_errors_bound_no_difference_of_sure_errors() -> None:
    probs = [(0.6, 0.4)] * 1000
    case = Case(
        labels=("a", "b"),
        target=["a"] * 997 + ["b"] * 3,
        teacher=["a"] * 1000,
        student=["a"] * 1000,
        teacher_probs=probs,
        student_probs=probs,
    )
    each = estimate(measured(case, "overconfidence"), "calibration.overconfident_errors.difference")
    assert each.value == 0.0
    assert each.low is not None
    assert each.high is not None
    assert each.high > 0.5
    assert each.low < -0.5


# --- is an ECE more than noise? ---------------------------------------------------------------------------


def test_what_noise_alone_shows_stands_beside_the_ece() -> None:
    case = drawn(2, 200, {"teacher": 1.0, "student": 4.0})
    found = measured(case, "ece_consistency", "calibration_errors")
    for role in ROLES:
        each = estimate(found, f"calibration.ece_consistency_p.{role}")
        assert each.low is None
        seen, mean, high = map(float, re.findall(r"0\.\d{4}", each.method))
        assert seen == pytest.approx(estimate(found, f"calibration.ece.{role}").value, abs=6e-5)
        assert 0 < mean < high
        assert (each.value <= 0.05) == (seen >= high)
    assert estimate(found, "calibration.ece_consistency_p.student").value == pytest.approx(1 / 1001)
    assert estimate(found, "calibration.ece_consistency_p.teacher").value > 0.05


# --- one temperature ----------------------------------------------------------------------------------------


def test_a_temperature_undoes_what_was_done_to_the_logits() -> None:
    case = drawn(3, 600, {"teacher": 1.0, "student": 2.5})
    found = measured(case, "temperature", "calibration", "calibration_errors")
    for role, truth in (("teacher", 1.0), ("student", 2.5)):
        each = estimate(found, f"calibration.temperature.{role}")
        assert each.low is not None
        assert each.high is not None
        assert each.low < truth < each.high
        assert each.value == pytest.approx(truth, rel=0.2)
    for name in ("brier", "nll", "ece"):
        before, after = (estimate(found, f"calibration.{path}.student") for path in (name, f"temperature.{name}"))
        assert after.value < before.value
    gain = estimate(found, "calibration.temperature.nll.gain.student")
    before, after = (estimate(found, f"calibration.{path}.student").value for path in ("nll", "temperature.nll"))
    assert gain.value == pytest.approx(before - after, abs=CLOSE)
    assert gain.low is not None
    assert gain.low > 0
    # An honest model has nothing to gain, and what is fitted on others never flatters it.
    honest = estimate(found, "calibration.temperature.nll.gain.teacher")
    assert honest.value == pytest.approx(0.0, abs=0.01)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=6)
def test_scores_after_it_are_those_of_the_other_folds_temperature(seed: int) -> None:
    case = drawn(seed, 60, dict.fromkeys(ROLES, 2.0))
    found = measured(case, "temperature", seed=7)
    fold = folds(case.pairs(), 7)
    probs, target, right = held(case, "student")
    whole = estimate(found, "calibration.temperature.student").value
    assert whole == pytest.approx(cal.fit_temperature(np.log(probs), target).value, rel=1e-9)
    after = np.zeros_like(probs)
    for each in range(FOLDS):
        others = fold != each
        warmth = cal.fit_temperature(np.log(probs[others]), target[others]).value
        after[~others] = softmax(np.log(probs[~others]) / warmth, axis=1)
    expected = {
        "nll": -np.log(after[np.arange(60), target]).mean(),
        "brier": ((after - np.eye(4)[target]) ** 2).sum(axis=1).mean(),
        "ece": cal.ece(after.max(axis=1), right),
    }
    for name, value in expected.items():
        seen = estimate(found, f"calibration.temperature.{name}.student")
        assert seen.value == pytest.approx(value, abs=CLOSE), name


@given(seed=st.integers(0, 10**6), n=st.integers(1, 200), groups=st.sampled_from([None, 5, 40]))
@settings(max_examples=20)
def test_folds_hang_on_ids_and_seed_and_never_cut_a_group(seed: int, n: int, groups: int | None) -> None:
    case = factory.random_case(seed, n, groups=groups)
    fold = folds(case.pairs(), seed)
    order = np.random.default_rng(seed).permutation(n)
    assert (folds(case.taken(order).pairs(), seed) == fold[order]).all()
    units = range(n) if case.groups is None else case.groups
    by_unit: dict[Any, set[int]] = {}
    for unit, each in zip(units, fold.tolist(), strict=True):
        by_unit.setdefault(unit, set()).add(each)
    assert all(len(each) == 1 for each in by_unit.values())
    sizes = np.bincount([each for (each,) in by_unit.values()], minlength=FOLDS)
    assert sizes.max() - sizes.min() <= 1
    if n > 50:
        assert (folds(case.pairs(), seed + 1) != fold).any()


def test_no_temperature_where_none_can_be_fitted() -> None:
    few = measured(drawn(1, 19, dict.fromkeys(ROLES, 1.0)), "temperature")
    assert "19 examples with probabilities are too few, it needs 20" in reason(few, "calibration.temperature.student")
    case = drawn(1, 60, dict.fromkeys(ROLES, 1.0))
    right = measured(replace(case, target=case.student), "temperature")
    assert "falls below 0.05" in reason(right, "calibration.temperature.nll.student")
    flat = measured(replace(case, student_probs=[(0.25,) * 4] * 60), "temperature")
    assert "all probabilities are equal" in reason(flat, "calibration.temperature.ece.student")
    assert "the student has no temperature" in reason(flat, "calibration.temperature.ece.difference")
    estimate(flat, "calibration.temperature.ece.teacher")
    upside_down = [tuple(row) for row in softmax(-np.log(np.array(case.student_probs)), axis=1).tolist()]
    wrong = measured(replace(case, student_probs=upside_down), "temperature")
    assert "rises above 20" in reason(wrong, "calibration.temperature.student")
    none = measured(replace(case, student_probs=None), "temperature")
    assert reason(none, "calibration.temperature.student") == "the student gives no probabilities"
    alone = Case(labels=("a",), target=["a"] * 30, teacher=["a"] * 30, student=["a"] * 30)
    alone = replace(alone, teacher_probs=[(1.0,)] * 30, student_probs=[(1.0,)] * 30)
    assert "only one label" in reason(measured(alone, "temperature"), "calibration.temperature.student")


def test_failed_outputs_teach_no_temperature_and_stay_wrong() -> None:
    case = drawn(4, 100, dict.fromkeys(ROLES, 2.0))
    rest = measured(case.taken(np.arange(10, 100)), "temperature")
    failing = case
    for index in range(10):
        failing = failing.failing(index)
    found = measured(failing, "temperature")
    name = "calibration.temperature.student"
    assert estimate(found, name).value == pytest.approx(estimate(rest, name).value, rel=1e-9)
    assert "10 failed outputs left out" in estimate(found, name).method
    after = estimate(found, "calibration.temperature.brier.student")
    assert "10 failed outputs counted as certain and wrong" in after.method
    assert after.value > estimate(rest, "calibration.temperature.brier.student").value


def test_probabilities_of_nothing_are_clipped_and_counted() -> None:
    case = drawn(5, 60, dict.fromkeys(ROLES, 1.0))
    probs = [(1.0, 0.0, 0.0, 0.0), *(case.student_probs or ())[1:]]
    found = measured(replace(case, student_probs=probs, student=["a", *case.student[1:]]), "temperature")
    said = "3 probabilities below 1e-15 taken as 1e-15"
    assert said in estimate(found, "calibration.temperature.student").method
    assert said in estimate(found, "calibration.temperature.nll.student").method


# --- written answers -----------------------------------------------------------------------------------------


def test_written_answers_are_ranked_by_the_probability_of_their_text() -> None:
    case = shapes.texts(7, 120)
    found = measured(case, "selective")
    for role in ROLES:
        right = np.array([said == goal for said, goal in zip(getattr(case, role), case.target, strict=True)])
        # Rounded, so that texts of equal probability tie whatever their tokens are.
        sure = [np.round(np.mean(each), 9) for each in getattr(case, f"{role}_token_logprobs")]
        each = estimate(found, f"calibration.auroc.{role}")
        assert each.value == pytest.approx(roc_auc_score(right, sure), abs=CLOSE)
        assert "a score and not a probability" in each.method


def test_a_text_that_never_came_was_the_surest_and_wrong() -> None:
    case = shapes.texts(7, 120)
    before = estimate(measured(case, "selective"), "calibration.aurc.student").value
    for how in (ERROR, EMPTY):
        after = measured(replace(case, student=[how] * 5 + list(case.student[5:])), "selective", "mapped")
        assert estimate(after, "calibration.aurc.student").value > before
        assert "5 failed outputs" in estimate(after, "calibration.mapped.brier.student").method


def test_texts_without_log_probabilities_have_no_confidence() -> None:
    case = shapes.texts(7, 60)
    assert case.student_token_logprobs is not None
    none = measured(replace(case, student_token_logprobs=None), "selective", "mapped")
    for name in ("auroc.student", "mapped.nll.difference"):
        assert reason(none, f"calibration.{name}") == "the student gives no log-probabilities of what it wrote"
    estimate(none, "calibration.auroc.teacher")
    holed = replace(case, student_token_logprobs=[None, *case.student_token_logprobs[1:]])
    expected = "the student gives no log-probabilities for 1 of its answers"
    assert reason(measured(holed, "selective"), "calibration.aurc.student") == expected


def test_a_map_makes_a_probability_of_a_score_that_was_none() -> None:
    rng = np.random.default_rng(0)
    n = 400
    score = rng.uniform(-2.0, 0.0, n)
    right = rng.random(n) < 1 / (1 + np.exp(-(4 * score + 3)))
    target = [f"text {row}" for row in range(n)]
    said = [each if good else f"another {each}" for each, good in zip(target, right, strict=True)]
    sides: dict[str, Any] = {f"{role}_token_logprobs": [(each, each) for each in score.tolist()] for role in ROLES}
    case = Case(task="generate", scorer="exact", labels=(), target=target, teacher=said, student=said, **sides)
    found = measured(case, "mapped")
    fold = folds(case.pairs(), 0)
    probability = np.empty(n)
    for each in range(FOLDS):
        curve = cal.fit_platt(score[fold != each], right[fold != each])
        probability[fold == each] = cal.mapped(curve, score[fold == each])
    brier = estimate(found, "calibration.mapped.brier.student")
    assert brier.value == pytest.approx(np.mean((probability - right) ** 2), abs=CLOSE)
    assert brier.value < 0.2
    assert estimate(found, "calibration.mapped.ece.student").value == pytest.approx(cal.ece(probability, right))
    # As it stands, the score is far from the share that is right.
    assert cal.ece(np.exp(score), right) > 2 * cal.ece(probability, right)
    assert estimate(found, "calibration.mapped.nll.difference").value == 0.0


def test_no_map_where_there_is_nothing_to_tell_apart() -> None:
    case = shapes.texts(7, 60)
    found = measured(replace(case, student=case.target), "mapped")  # type: ignore[arg-type]
    assert "all right, or all wrong" in reason(found, "calibration.mapped.ece.student")
    few = measured(shapes.texts(7, 19), "mapped")
    assert "19 texts are too few, it needs 20" in reason(few, "calibration.mapped.brier.teacher")


# --- recorded models -----------------------------------------------------------------------------------------


def _case(target: NDArray, words: tuple[str, ...], probs: Mapping[str, NDArray]) -> Case:
    sides: dict[str, Any] = {}
    for role, rows in probs.items():
        sides[role] = [words[each] for each in rows.argmax(axis=1)]
        sides[f"{role}_probs"] = [tuple(row) for row in rows.tolist()]
    return Case(labels=words, target=[words[each] for each in target], **sides)


@pytest.fixture(scope="module")
def cifar(shared: Path) -> Mapping[str, Measured]:
    """LeNet-5 in the teacher's place, WideResNet-16-4 in the student's."""
    folder = shared / "data" / "calibration"
    if not folder.is_dir():
        pytest.skip("the shared folder holds no data/calibration")
    with np.load(folder / "lenet-5-cifar-10.npz") as lenet, np.load(folder / "wideresnet-16-4-cifar-10.npz") as wide:
        target = lenet["ground_truth"]
        assert (target == wide["ground_truth"]).all()
        probs = {"teacher": lenet["predictions"].astype(float), "student": wide["predictions"].astype(float)}
    case = _case(target, tuple(f"class {each}" for each in range(10)), probs)
    return measured(
        case,
        "accuracy",
        "calibration_errors",
        "ece_consistency",
        "overconfidence",
        "temperature",
        "calibration",
        resamples=40,
    )


@pytest.mark.parametrize(
    ("name", "expected", "places"),
    [
        ("accuracy.teacher", 0.5308, 4),
        ("accuracy.student", 0.9109, 4),
        ("calibration.ece.teacher", 0.107888, 6),
        ("calibration.ece.student", 0.053716, 6),
        # Every bin is over-confident, so the signed gap is the whole error.
        ("calibration.signed_gap.teacher", 0.107888, 6),
    ],
)
def test_recorded_vectors_have_their_published_numbers(
    cifar: Mapping[str, Measured], name: str, expected: float, places: int
) -> None:
    assert round(estimate(cifar, name).value, places) == expected


def test_one_temperature_is_most_of_what_the_recorded_networks_need(cifar: Mapping[str, Measured]) -> None:
    for role in ROLES:
        assert estimate(cifar, f"calibration.ece_consistency_p.{role}").value < 0.01
        warmth = estimate(cifar, f"calibration.temperature.{role}")
        assert warmth.low is not None
        assert warmth.low > 1.0
        gain = estimate(cifar, f"calibration.temperature.nll.gain.{role}")
        assert gain.low is not None
        assert gain.low > 0.0
        before, after = (estimate(cifar, f"calibration.{path}.{role}").value for path in ("ece", "temperature.ece"))
        assert after < before / 3


@pytest.fixture(scope="module")
def banking(shared: Path) -> Mapping[str, Measured]:
    path = shared / "data" / "banking77" / "recorded_pair_logits.npz"
    if not path.is_file():
        pytest.skip("the shared folder holds no recorded pair")
    with np.load(path, allow_pickle=False) as kept:
        probs = {role: softmax(kept[role].astype(float), axis=1) for role in ROLES}
        case = _case(kept["labels"], tuple(str(each) for each in kept["label_names"]), probs)
    names = (
        "accuracy",
        "calibration",
        "calibration_errors",
        "ece_consistency",
        "overconfidence",
        "selective",
        "temperature",
    )
    return measured(case, *names, resamples=100)


def test_the_recorded_student_is_a_little_too_sure_and_a_temperature_helps(banking: Mapping[str, Measured]) -> None:
    expected = {"ece.teacher": 0.0155, "ece.student": 0.0237, "nll.teacher": 0.2500, "nll.student": 0.2687}
    for name, value in expected.items():
        assert round(estimate(banking, f"calibration.{name}").value, 4) == value
    gap = estimate(banking, "calibration.signed_gap.student")
    assert gap.low is not None
    assert gap.low > 0.0
    assert estimate(banking, "calibration.ece_consistency_p.student").value < 0.01
    warmth = estimate(banking, "calibration.temperature.student")
    assert warmth.low is not None
    assert warmth.low > 1.0
    gain = estimate(banking, "calibration.temperature.nll.gain.student")
    assert gain.low is not None
    assert gain.low > 0.0
