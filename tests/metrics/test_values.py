"""Values against scikit-learn, scipy and short loops of another hand, to 1e-9: on random models and on a real pair."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import log_softmax, softmax
from scipy.stats import entropy
from sklearn.metrics import (
    accuracy_score,
    brier_score_loss,
    cohen_kappa_score,
    f1_score,
    log_loss,
    roc_auc_score,
)

from evalkit.metrics import Setting, families
from evalkit.table import PairTable
from evalkit.types import Estimate
from tests import factory

CLOSE = 1e-9


def values(pairs: PairTable, *names: str, resamples: int = 20) -> dict[str, float]:
    """Values of the metrics of the named families."""
    found = {}
    for family in families():
        if family.name in names:
            measured = family.measure(pairs, Setting(0.9, 0, ("value",), resamples))
            found |= {name: each.value for name, each in measured.items() if isinstance(each, Estimate)}
    return found


def another_ece(confidence: NDArray[np.float64], correct: NDArray[np.bool_], bins: int = 15) -> float:
    total = 0.0
    for k in range(1, bins + 1):
        low, high = (k - 1) / bins, k / bins
        inside = (confidence > low) & (confidence <= high)
        if k == 1:
            inside |= confidence == 0.0
        if inside.any():
            total += inside.mean() * abs(correct[inside].mean() - confidence[inside].mean())
    return total


seeds = st.integers(0, 10**6)


@given(seed=seeds, n=st.integers(5, 80), labels=st.integers(2, 6))
def test_whole_answers_score_as_scikit_learn_scores_them(seed: int, n: int, labels: int) -> None:
    case = factory.random_case(seed, n, labels=labels, teacher_right=0.7, student_right=0.6)
    names = ("accuracy", "f1", "agreement", "calibration", "calibration_errors", "selective", "divergence", "kl")
    found = values(case.pairs(), *names)
    target = [case.labels.index(each) for each in case.target]
    answers, probs = {}, {}
    for role in ("teacher", "student"):
        said = answers[role] = [case.labels.index(each) for each in getattr(case, role)]
        held = probs[role] = np.array(getattr(case, f"{role}_probs"))
        assert found[f"accuracy.{role}"] == pytest.approx(accuracy_score(target, said), abs=CLOSE)
        macro = f1_score(target, said, average="macro", zero_division=0)
        assert found[f"f1_macro.{role}"] == pytest.approx(macro, abs=CLOSE)
        brier = brier_score_loss(target, held, labels=range(labels), scale_by_half=False)
        assert found[f"calibration.brier.{role}"] == pytest.approx(brier, abs=CLOSE)
        nll = log_loss(target, held, labels=range(labels))
        assert found[f"calibration.nll.{role}"] == pytest.approx(nll, abs=CLOSE)
        right = np.array(said) == np.array(target)
        sure = held[np.arange(n), said]
        assert found[f"calibration.ece.{role}"] == pytest.approx(another_ece(sure, right), abs=CLOSE)
        if f"calibration.auroc.{role}" in found:
            auroc = roc_auc_score(right, sure)
            assert found[f"calibration.auroc.{role}"] == pytest.approx(auroc, abs=CLOSE)
    if "agreement.kappa" in found:
        kappa = cohen_kappa_score(answers["teacher"], answers["student"])
        assert found["agreement.kappa"] == pytest.approx(kappa, abs=CLOSE)
    kl = entropy(probs["teacher"], probs["student"], axis=1).mean()
    assert found["agreement.kl"] == pytest.approx(kl, abs=CLOSE)


@given(seed=seeds, n=st.integers(5, 80))
def test_macro_f1_counts_failed_outputs_as_no_class_of_their_own(seed: int, n: int) -> None:
    case = factory.random_case(seed, n, teacher_right=0.7, student_right=0.6, failures=0.3)
    found = values(case.pairs(), "f1", "accuracy")
    for role in ("teacher", "student"):
        said = ["" if each in factory.FAILURES else each for each in getattr(case, role)]
        classes = sorted({*case.target, *said} - {""})
        macro = f1_score(case.target, said, labels=classes, average="macro", zero_division=0)
        assert found[f"f1_macro.{role}"] == pytest.approx(macro, abs=CLOSE)
        assert found[f"accuracy.{role}"] == pytest.approx(accuracy_score(case.target, said), abs=CLOSE)


@given(seed=seeds, n=st.integers(5, 80))
def test_kappa_counts_failed_outputs_as_a_class_that_agrees_with_nothing(seed: int, n: int) -> None:
    case = factory.random_case(seed, n, failures=0.3)
    found = values(case.pairs(), "agreement")
    teacher = ["teacher failed" if each in factory.FAILURES else each for each in case.teacher or ()]
    student = ["student failed" if each in factory.FAILURES else each for each in case.student]
    if "agreement.kappa" in found:
        assert found["agreement.kappa"] == pytest.approx(cohen_kappa_score(teacher, student), abs=CLOSE)
    same = np.mean([one == other for one, other in zip(teacher, student, strict=True)])
    assert found["agreement.top1"] == pytest.approx(same, abs=CLOSE)


@given(seed=seeds, n=st.integers(1, 60))
def test_flips_and_errors_count_what_a_loop_counts(seed: int, n: int) -> None:
    case = factory.random_case(seed, n, failures=0.2)
    found = values(case.pairs(), "flips", "errors")
    kinds = {"lost": 0, "won": 0, "other": 0, "inherited": 0}
    for target, teacher, student in zip(case.target, case.teacher or (), case.student, strict=True):
        silent = teacher in factory.FAILURES and student in factory.FAILURES
        if teacher == target != student:
            kinds["lost"] += 1
        elif student == target != teacher:
            kinds["won"] += 1
        elif teacher != target and teacher == student and not silent:
            kinds["inherited"] += 1
        elif teacher != target and not silent:
            kinds["other"] += 1
    assert found["flips.right_to_wrong.count"] == kinds["lost"]
    assert found["flips.wrong_to_right.count"] == kinds["won"]
    assert found["flips.wrong_to_other_wrong.count"] == kinds["other"]
    assert found["flips.rate"] == pytest.approx((kinds["lost"] + kinds["won"]) / n)
    assert found["errors.introduced.rate"] == pytest.approx(kinds["lost"] / n)
    assert found["errors.inherited.rate"] == pytest.approx(kinds["inherited"] / n)


# --- a real pair ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def banking(shared: Path) -> dict[str, NDArray]:
    path = shared / "data" / "banking77" / "recorded_pair_logits.npz"
    if not path.is_file():
        pytest.skip("the shared folder holds no recorded pair")
    with np.load(path, allow_pickle=False) as held:
        return {name: held[name] for name in held.files}


@pytest.fixture(scope="module")
def real(banking: dict[str, NDArray]) -> dict[str, float]:
    names = tuple(str(each) for each in banking["label_names"])
    given = {role: softmax(banking[role].astype(np.float64), axis=1) for role in ("teacher", "student")}
    case = factory.Case(
        labels=names,
        target=[names[each] for each in banking["labels"]],
        teacher=[names[each] for each in given["teacher"].argmax(axis=1)],
        student=[names[each] for each in given["student"].argmax(axis=1)],
        teacher_probs=[tuple(row) for row in given["teacher"].tolist()],
        student_probs=[tuple(row) for row in given["student"].tolist()],
    )
    named = ("accuracy", "f1", "agreement", "calibration", "calibration_errors", "selective", "flips")
    return values(case.pairs(), *named, resamples=5)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("accuracy.teacher", 0.9334),
        ("accuracy.student", 0.9299),
        ("agreement.top1", 0.9568),
        ("calibration.ece.teacher", 0.0155),
        ("calibration.ece.student", 0.0237),
        ("f1_macro.teacher", 0.9335),
        ("f1_macro.student", 0.9298),
        ("calibration.nll.teacher", 0.2500),
        ("calibration.nll.student", 0.2687),
    ],
)
def test_the_real_pair_has_its_published_numbers(real: dict[str, float], name: str, expected: float) -> None:
    assert round(real[name], 4) == expected


def test_the_real_pair_scores_as_scikit_learn_scores_it(banking: dict[str, NDArray], real: dict[str, float]) -> None:
    target = banking["labels"]
    said = {role: banking[role].argmax(axis=1) for role in ("teacher", "student")}
    for role, answers in said.items():
        probs = softmax(banking[role].astype(np.float64), axis=1)
        logs = log_softmax(banking[role].astype(np.float64), axis=1)
        expected = {
            f"accuracy.{role}": accuracy_score(target, answers),
            f"f1_macro.{role}": f1_score(target, answers, average="macro", zero_division=0),
            f"calibration.brier.{role}": brier_score_loss(target, probs, labels=range(77), scale_by_half=False),
            f"calibration.nll.{role}": -logs[np.arange(target.size), target].mean(),
            f"calibration.ece.{role}": another_ece(probs.max(axis=1), answers == target),
            f"calibration.auroc.{role}": roc_auc_score(answers == target, probs.max(axis=1)),
        }
        for name, value in expected.items():
            assert real[name] == pytest.approx(value, abs=CLOSE), name
    kappa = cohen_kappa_score(said["teacher"], said["student"])
    assert real["agreement.kappa"] == pytest.approx(kappa, abs=CLOSE)
    assert real["agreement.top1"] == pytest.approx((said["teacher"] == said["student"]).mean(), abs=CLOSE)
    ratio = (said["student"] == target).sum() / (said["teacher"] == target).sum()
    assert real["accuracy.retention"] == pytest.approx(ratio, abs=CLOSE)
