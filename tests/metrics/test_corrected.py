"""Rates of refusal corrected by a labelled sample: what is counted, what is said, how sure, and what cannot be had."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.columns import STALE
from evalkit.metrics import Setting
from evalkit.metrics.corrected import FAMILY, MIN_LABELLED
from evalkit.metrics.safety import FAMILY as RAW
from evalkit.table import PairTable
from evalkit.types import Estimate, Measured, Undefined
from tests.factory import COMPLIED, EMPTY, ERROR, REFUSED, UNDETERMINED, Case
from tests.metrics import laws, shapes

Human = Sequence[str | None]
NO_SAMPLE = (
    "no labelled sample: give `labelled: FILE` in the plan, with what people say of a random sample of the teacher's "
    "answers to the harmful prompts"
)


def harmful(teacher: Sequence[str], student: Sequence[str], seen: Human, of_student: Human, **more: Any) -> Case:
    n = len(teacher)
    return Case(
        name="harm",
        kind="safety-refusal",
        task="generate",
        scorer="exact",
        labels=(),
        target=[None] * n,
        expect=["refuse"] * n,
        teacher=teacher,
        student=student,
        teacher_human=seen,
        student_human=of_student,
        **more,
    )


def measured(case: Case, level: float = 0.9) -> dict[str, Measured]:
    return dict(FAMILY.measure(case.pairs(), Setting(level, 0, ("corrected",))))


def estimate(case: Case, name: str, level: float = 0.9) -> Estimate:
    found = measured(case, level)[f"safety.{name}"]
    assert isinstance(found, Estimate), found
    return found


def reason(case: Case, name: str) -> str:
    found = measured(case)[f"safety.{name}"]
    assert isinstance(found, Undefined), found
    return found.reason


def one_sided() -> Case:
    """200 prompts. The detector sees all of the teacher's refusals and four of five of the student's; people labelled
    every second answer, and both refuse nine times of ten."""
    truth = [REFUSED if index % 10 else COMPLIED for index in range(200)]
    missed = [COMPLIED if index % 5 == 1 else each for index, each in enumerate(truth)]
    sample = [each if index % 4 < 2 else None for index, each in enumerate(truth)]
    return harmful(truth, missed, sample, sample)


# --- every law, on samples that are large enough ----------------------------------------------------------


@pytest.mark.parametrize("law", laws.LAWS)
@pytest.mark.parametrize("failures", [0.0, 0.2])
def test_it_obeys_the_laws_of_metrics(law: str, failures: float) -> None:
    for seed in (1, 2, 3):
        case = shapes.refusals(seed, 160, teacher_right=0.9, failures=failures)
        assert len(list(laws.defined(FAMILY, case))) == len(FAMILY.metrics)
        laws.LAWS[law](FAMILY, case)


# --- what counts --------------------------------------------------------------------------------------------


def test_a_difference_that_is_the_detectors_own_goes_away() -> None:
    case = one_sided()
    raw = RAW.measure(case.pairs(), Setting(0.95, 0, ()))["safety.refusal_rate.difference"]
    assert isinstance(raw, Estimate)
    assert raw.high is not None
    assert raw.high < -0.1
    found = estimate(case, "refusal_rate_corrected.difference", 0.95)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0.0 < found.high
    assert abs(found.value) < 0.03
    newly = RAW.measure(case.pairs(), Setting(0.95, 0, ()))["safety.newly_unsafe.rate"]
    assert isinstance(newly, Estimate)
    assert newly.value > 0.2
    assert estimate(case, "newly_unsafe_corrected.rate").value == pytest.approx(0.0, abs=0.02)


def test_the_method_says_how_many_were_labelled_and_how_often_the_detector_was_right() -> None:
    method = estimate(one_sided(), "refusal_rate_corrected.student").method
    assert method.startswith("PPI++, over 200 harmful prompts; 100 of 200 labelled by people, weight 0.")
    assert method.endswith("sensitivity 70/90, specificity 10/10")
    both = estimate(one_sided(), "refusal_rate_corrected.difference").method
    assert "teacher 100 of 200 labelled" in both
    assert "student 100 of 200 labelled" in both
    assert estimate(one_sided(), "refusal_rate_corrected.student").n == 200


def test_with_every_answer_labelled_the_detector_does_not_matter() -> None:
    seen = [REFUSED] * 40 + [COMPLIED] * 40
    case = harmful([COMPLIED] * 80, [REFUSED] * 80, seen, seen)
    assert estimate(case, "refusal_rate_corrected.teacher").value == pytest.approx(0.5)
    assert estimate(case, "refusal_rate_corrected.difference").value == 0.0
    assert estimate(case, "newly_unsafe_corrected.rate").value == 0.0


def test_what_people_cannot_tell_is_no_refusal_and_no_help() -> None:
    seen = [UNDETERMINED] * 60
    case = harmful([REFUSED] * 60, [REFUSED] * 60, seen, seen)
    assert estimate(case, "refusal_rate_corrected.student").value == 0.0
    benign = replace(case, expect=["comply"] * 60)
    assert estimate(benign, "over_refusal_corrected.student").value == 1.0


@pytest.mark.parametrize("how", [ERROR, EMPTY])
def test_an_answer_that_is_not_there_needs_no_label_and_is_no_refusal(how: str) -> None:
    seen = [REFUSED] * 50 + [None] * 50
    case = harmful([REFUSED] * 100, [REFUSED] * 80 + [how] * 20, seen, seen)
    assert estimate(case, "refusal_rate_corrected.student").value == pytest.approx(0.8)
    assert "50 of 80 labelled" in estimate(case, "refusal_rate_corrected.student").method
    assert estimate(case, "refusal_rate_corrected.difference").value == pytest.approx(-0.2)
    # A label of it, which can only be of another answer, changes nothing.
    told = replace(case, student_human=[*seen[:80], *[COMPLIED, STALE] * 10])
    assert measured(told) == measured(case)


@given(st.integers(0, 10**6))
@settings(max_examples=20)
def test_a_detector_that_is_always_right_is_seldom_doubted(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = [REFUSED if each else COMPLIED for each in rng.random(400) < 0.8]
    seen = [each if asked else None for each, asked in zip(truth, rng.random(400) < 0.5, strict=True)]
    case = harmful(truth, truth, seen, seen)
    found = estimate(case, "refusal_rate_corrected.teacher")
    assert found.value == pytest.approx(truth.count(REFUSED) / 400, abs=0.03)
    assert found.low is not None
    assert found.high is not None
    assert found.low <= truth.count(REFUSED) / 400 <= found.high


# --- what is not there ---------------------------------------------------------------------------------------


def test_without_labels_it_says_what_to_give() -> None:
    answers = [REFUSED] * 50
    case = harmful(answers, answers, [None] * 50, [REFUSED] * 50)
    assert reason(case, "refusal_rate_corrected.teacher") == NO_SAMPLE
    assert reason(case, "refusal_rate_corrected.difference") == NO_SAMPLE
    assert reason(case, "newly_unsafe_corrected.rate") == NO_SAMPLE
    assert reason(case, "over_refusal_corrected.student") == "there are no benign prompts to measure it on"
    # Each model stands on its own labels.
    assert estimate(case, "refusal_rate_corrected.student").value == 1.0


def test_labels_of_other_answers_leave_no_random_sample() -> None:
    answers = [REFUSED] * 80
    case = harmful(answers, answers, [REFUSED] * 80, [STALE, *[REFUSED] * 49, *[None] * 30])
    why = "1 of 50 labels are of other answers than the student gave here: label those again"
    assert reason(case, "refusal_rate_corrected.student") == why
    assert reason(case, "newly_unsafe_corrected.rate") == why


def test_too_few_labels_say_how_many_it_takes() -> None:
    answers = [REFUSED] * 80
    few = [REFUSED] * (MIN_LABELLED - 1) + [None] * (81 - MIN_LABELLED)
    case = harmful(answers, answers, few, answers)
    why = (
        f"{MIN_LABELLED - 1} labelled answers of the teacher to harmful prompts are too few, {MIN_LABELLED} are needed"
    )
    assert reason(case, "refusal_rate_corrected.teacher") == why


def test_newly_unsafe_needs_prompts_on_which_both_answers_are_labelled() -> None:
    answers = [REFUSED] * 80
    case = harmful(answers, answers, [*answers[:40], *[None] * 40], [*[None] * 40, *answers[:40]])
    assert estimate(case, "refusal_rate_corrected.difference").value == 0.0
    assert reason(case, "newly_unsafe_corrected.rate").startswith("on 0 harmful prompts people labelled both answers")


def test_labels_in_few_groups_are_too_few() -> None:
    answers = [REFUSED] * 80
    labelled = [*answers[:40], *[None] * 40]
    case = harmful(answers, answers, labelled, labelled, groups=[f"g{index // 4}" for index in range(80)])
    assert reason(case, "refusal_rate_corrected.student").startswith("too few groups: labels in 10")
    assert reason(case, "newly_unsafe_corrected.rate").startswith("too few groups: labels in 10")


def test_a_scorer_that_does_not_tell_refusals_has_nothing_to_correct() -> None:
    case = replace(one_sided(), expect=None, scorer="exact")
    assert "does not tell refusing from complying" in reason(case, "refusal_rate_corrected.student")


# --- how sure -------------------------------------------------------------------------------------------------

# Prompts, labels, what people would say of all answers, and how often the detector is right: refusals, compliances.
Grid = tuple[int, int, float, float, tuple[float, float], tuple[float, float]]
GRID: list[Grid] = [
    (300, 40, 0.90, 0.85, (0.97, 0.95), (0.85, 0.90)),
    (300, 60, 0.97, 0.95, (0.98, 0.98), (0.90, 0.98)),
    (200, 30, 0.60, 0.50, (0.95, 0.90), (0.80, 0.95)),
    (300, 100, 0.90, 0.85, (1.00, 0.60), (0.90, 1.00)),
    (1000, 30, 0.95, 0.90, (0.96, 0.90), (1.00, 1.00)),
    (1000, 100, 0.80, 0.70, (0.96, 0.90), (0.92, 1.00)),
]


def drawn(rng: np.random.Generator, blank: PairTable, case: Grid) -> PairTable:
    """Two models that mostly refuse the same prompts, a detector that errs on each in its own way, and one random
    sample of prompts whose answers were labelled."""
    n, labelled, *_ = case
    picked = rng.permutation(n)[:labelled]
    luck = rng.random(n)
    sides = {}
    for role, share, right in (("teacher", case[2], case[4]), ("student", case[3], case[5])):
        truth = np.where(rng.random(n) < 0.8, luck, rng.random(n)) < share
        fine = rng.random(n) < np.where(truth, *right)
        human = np.full(n, "None", dtype="<U12")
        human[picked] = np.where(truth, REFUSED, COMPLIED)[picked]
        words = np.where(truth == fine, REFUSED, COMPLIED)
        status = {"status": np.full(n, "ok"), "answer": np.full(n, "said", dtype=object)}
        sides[role] = replace(getattr(blank, role), refused=words, human=human, **status)
    return replace(blank, **sides)


@pytest.mark.slow
@pytest.mark.parametrize("case", GRID, ids=str)
def test_the_corrected_interval_holds_the_truth_where_the_raw_one_does_not(case: Grid) -> None:
    n, runs, level = case[0], 600, 0.95
    blank = replace(shapes.refusals(0, n).pairs(), group=None, expect=np.full(n, "refuse"))
    truth = {"teacher": case[2], "student": case[3], "difference": case[3] - case[2]}
    held = {(family.name, whose): 0 for family in (FAMILY, RAW) for whose in truth}
    rng = np.random.default_rng(n)
    for _ in range(runs):
        pairs = drawn(rng, blank, case)
        for family, name in ((FAMILY, "safety.refusal_rate_corrected"), (RAW, "safety.refusal_rate")):
            found = family.measure(pairs, Setting(level, 0, ()))
            for whose, true in truth.items():
                seen = found[f"{name}.{whose}"]
                assert isinstance(seen, Estimate)
                assert seen.low is not None
                assert seen.high is not None
                held[family.name, whose] += seen.low <= true <= seen.high
    corrected = [held[FAMILY.name, whose] / runs for whose in truth]
    assert min(corrected) >= 0.93, held
    assert held[RAW.name, "difference"] / runs < 0.7, held
