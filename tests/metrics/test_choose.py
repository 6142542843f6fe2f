"""Multiple choice with choices of an example's own, two here and five there, against libraries row by row."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy
from sklearn.metrics import brier_score_loss, cohen_kappa_score, log_loss, roc_auc_score

from evalkit.metrics import Setting, catalogue, families
from evalkit.types import Estimate, Measured
from tests.factory import ERROR, Case
from tests.metrics import shapes
from tests.metrics.test_values import CLOSE, another_ece

seeds = st.integers(0, 10**6)


def measured(case: Case, *only: str) -> dict[str, Measured]:
    """Every metric that the suite defines, or those of some families."""
    found: dict[str, Measured] = {}
    for family in families():
        if family.applies(case.facts()) and (not only or family.name in only):
            found |= family.measure(case.pairs(), Setting(0.9, 0, ("choose",), 5))
    return found


def values(case: Case) -> dict[str, float]:
    return {name: each.value for name, each in measured(case).items() if isinstance(each, Estimate)}


def positions(case: Case, role: str) -> list[int]:
    assert case.choices is not None
    said = case.target if role == "target" else getattr(case, role)
    return [offered.index(each) for offered, each in zip(case.choices, said, strict=True)]


def proper_scores(target: list[int], rows: list[NDArray]) -> tuple[float, float]:
    """NLL and Brier as scikit-learn has them, which takes rows of one length at a time."""
    nll = brier = 0.0
    for count in {row.size for row in rows}:
        held = np.array([row for row in rows if row.size == count])
        goals = [goal for goal, row in zip(target, rows, strict=True) if row.size == count]
        nll += len(goals) * log_loss(goals, held, labels=range(count))
        brier += len(goals) * brier_score_loss(goals, held, labels=range(count), scale_by_half=False)
    return nll / len(rows), brier / len(rows)


@given(seed=seeds, n=st.integers(5, 60))
@settings(max_examples=15)
def test_probabilities_over_own_choices_score_as_libraries_score_each_row(seed: int, n: int) -> None:
    case = shapes.choices(seed, n)
    found = values(case)
    target = positions(case, "target")
    held = {}
    for role in ("teacher", "student"):
        rows = held[role] = [np.array(each) for each in getattr(case, f"{role}_probs")]
        said = positions(case, role)
        nll, brier = proper_scores(target, rows)
        assert found[f"calibration.nll.{role}"] == pytest.approx(nll, abs=CLOSE)
        assert found[f"calibration.brier.{role}"] == pytest.approx(brier, abs=CLOSE)
        right = np.array(said) == np.array(target)
        sure = np.array([row[at] for row, at in zip(rows, said, strict=True)])
        assert found[f"calibration.ece.{role}"] == pytest.approx(another_ece(sure, right), abs=CLOSE)
        if f"calibration.auroc.{role}" in found:
            assert found[f"calibration.auroc.{role}"] == pytest.approx(roc_auc_score(right, sure), abs=CLOSE)
        assert found[f"accuracy.{role}"] == pytest.approx(right.mean())
    both = list(zip(held["teacher"], held["student"], strict=True))
    expected = {
        "agreement.kl": np.mean([entropy(one, other) for one, other in both]),
        "agreement.kl_reverse": np.mean([entropy(other, one) for one, other in both]),
        "agreement.js": np.mean([jensenshannon(one, other) ** 2 for one, other in both]),
        "agreement.total_variation": np.mean([np.abs(one - other).sum() / 2 for one, other in both]),
        "agreement.top1": np.mean([one == other for one, other in zip(case.teacher or (), case.student, strict=True)]),
    }
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=CLOSE), name
    if "agreement.kappa" in found:
        kappa = cohen_kappa_score(positions(case, "teacher"), positions(case, "student"))
        assert found["agreement.kappa"] == pytest.approx(kappa, abs=CLOSE)


@given(seed=seeds)
@settings(max_examples=20)
def test_chance_is_each_examples_own(seed: int) -> None:
    case = shapes.choices(seed, 80, teacher_right=0.9)
    assert case.choices is not None
    guess = np.array([1 / len(each) for each in case.choices])
    target = np.array(positions(case, "target"))
    right = {role: np.array(positions(case, role)) == target for role in ("teacher", "student")}
    above = measured(case, "accuracy")["accuracy.retention_above_chance"]
    assert isinstance(above, Estimate)
    assert above.value == pytest.approx((right["student"] - guess).sum() / (right["teacher"] - guess).sum())
    assert f"chance {guess.mean():.4g}" in above.method
    wrong = ~right["teacher"] & ~right["student"]
    among = np.array([len(each) - 1 for each in case.choices])
    inherited = measured(case, "errors")["errors.inherited.rate"]
    assert isinstance(inherited, Estimate)
    assert f"{(wrong / among).mean():.4f} expected by chance" in inherited.method


def test_two_models_that_guess_inherit_what_chance_explains() -> None:
    case = shapes.choices(1, 4000, teacher_right=0.0, student_right=0.0)
    inherited = measured(case, "errors")["errors.inherited.rate"]
    assert isinstance(inherited, Estimate)
    expected = float(inherited.method.partition("; ")[2].split()[0])
    assert inherited.value == pytest.approx(expected, abs=0.03)


def test_the_method_says_what_was_chosen_from() -> None:
    found = measured(shapes.choices(3, 50))
    for name in ("agreement.top1", "agreement.kappa", "agreement.kl", "agreement.js"):
        assert "support: 2 to 5 choices" in str(found[name]), name
    assert "by position" in str(found["agreement.kappa"])


def test_choices_that_all_examples_share_are_positions_with_names() -> None:
    case = replace(shapes.choices(3, 50), choices=[("yes", "no")] * 50, labels=("yes", "no"))
    said = {role: [("yes", "no")[at % 2] for at in range(50)] for role in ("target", "teacher", "student")}
    shared = replace(case, **said, teacher_probs=None, student_probs=None)
    found = measured(shared)["agreement.top1"]
    assert isinstance(found, Estimate)
    assert "support: 2 choices" in found.method


def test_a_failed_choice_costs_what_certainty_in_a_wrong_one_costs() -> None:
    case = shapes.choices(3, 30)
    failed = replace(case, student=[ERROR, *case.student[1:]])
    assert case.student_probs is not None
    row = np.array(case.student_probs[0])
    _, own = proper_scores(positions(case, "target")[:1], [row])
    change = values(failed)["calibration.brier.student"] - values(case)["calibration.brier.student"]
    assert change == pytest.approx((2 - own) / 30)


def test_everything_about_chosen_answers_is_measured_on_chosen_answers() -> None:
    found = measured(shapes.choices(1, 60))
    assert all(isinstance(each, Estimate) for name, each in found.items() if name.startswith("calibration."))
    assert all(
        isinstance(found[name], Estimate)
        for name, (_, family) in catalogue().items()
        if family is not None and family.name in ("agreement", "divergence", "kl", "accuracy", "flips", "errors")
    )


def test_an_answer_that_is_none_of_the_choices_is_unparsable() -> None:
    case = shapes.choices(1, 30)
    found = values(replace(case, student=["e0 nowhere", *case.student[1:]]))
    assert found["outputs.unparsable_rate.student"] == pytest.approx(1 / 30)
