"""The same numbers as other libraries compute, on many drawn inputs.

numpy, scipy, statsmodels and scikit-learn are always there. The others come with the extra `oracles`; a test of a
library that is not installed is skipped and says so.
"""

from __future__ import annotations

import re
import tomllib
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest, false_discovery_control, quantile_test, t, ttest_rel
from sklearn.metrics import brier_score_loss, cohen_kappa_score, f1_score, log_loss, roc_auc_score
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar
from statsmodels.stats.inter_rater import fleiss_kappa
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from evalkit.stats import agreement, calibration, multiple, paired, proportion, quantile, text
from evalkit.stats.distance import softmax_rows
from evalkit.stats.f1 import macro_f1
from evalkit.stats.mean import cluster_mean, mean_interval
from evalkit.stats.prediction_powered import powered_mean
from evalkit.stats.risk_control import hoeffding_bentkus_p

SEEDS = range(12)
# Module → the distribution that the extra `oracles` names.
OPTIONAL = {
    "krippendorff": "krippendorff",
    "mapie": "mapie",
    "ppi_py": "ppi-python",
    "rapidfuzz": "rapidfuzz",
    "relplot": "relplot",
    "rouge_score": "rouge-score",
    "sacrebleu": "sacrebleu",
    "torchmetrics": "torchmetrics",
}


def library(name: str) -> ModuleType:
    """An optional library, or a skip. What it warns of at its import is its own affair."""
    whole = OPTIONAL[name.partition(".")[0]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(name, reason=f"compares with {whole}, which is not installed")


def answers(seed: int, classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Two sets of answers that agree on six of ten rows and by chance."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(5, 300))
    teacher = rng.integers(classes, size=n)
    return teacher, np.where(rng.random(n) < 0.6, teacher, rng.integers(classes, size=n))


def judged(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Confidences of a model that is somewhat too sure, and whether it was right; some of both."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(20, 500))
    at = rng.beta(4, 1.5, size=n)
    right = rng.random(n) < 0.9 * at
    right[:2] = True, False
    return at, right


def distributions(seed: int, classes: int = 5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(5, 200))
    return softmax_rows(rng.normal(size=(n, classes)) * 2), rng.integers(classes, size=n)


# --- always installed ----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_kappa_is_that_of_scikit_learn_and_pi_that_of_statsmodels(seed: int) -> None:
    teacher, student = answers(seed)
    assert agreement.kappa(teacher, student, 4) == pytest.approx(cohen_kappa_score(teacher, student), abs=1e-12)
    counts = np.zeros((teacher.size, 4), dtype=int)
    for said in (teacher, student):
        counts[np.arange(said.size), said] += 1
    assert agreement.scott_pi(teacher, student, 4) == pytest.approx(fleiss_kappa(counts), abs=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_error_consistency_is_the_kappa_of_being_right(seed: int) -> None:
    gold = np.random.default_rng([seed, 1]).integers(4, size=answers(seed)[0].size)
    right = [said == gold for said in answers(seed)]
    cells = [int(np.sum((right[0] == i) & (right[1] == j))) for i, j in ((1, 1), (1, 0), (0, 1), (0, 0))]
    assert agreement.error_consistency(*cells) == pytest.approx(cohen_kappa_score(*right), abs=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_macro_f1_is_that_of_scikit_learn(seed: int) -> None:
    gold, said = answers(seed)
    for classes in (4, 6):
        known = list(range(classes))
        expected = f1_score(gold, said, labels=known, average="macro", zero_division=0)
        assert macro_f1(gold, said, known) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_intervals_of_shares_are_those_of_statsmodels_and_scipy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 400))
    level = float(rng.choice([0.8, 0.9, 0.95, 0.99]))
    for k in {0, n, int(rng.integers(n + 1))}:
        for method, function in (("wilson", proportion.wilson), ("beta", proportion.clopper_pearson)):
            expected = proportion_confint(k, n, alpha=1 - level, method=method)
            assert function(k, n, level) == pytest.approx(expected, abs=1e-9), method
        exact = binomtest(k, n).proportion_ci(level, method="exact")
        assert proportion.clopper_pearson(k, n, level) == pytest.approx((exact.low, exact.high), abs=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_mcnemar_is_that_of_statsmodels_and_scipy(seed: int) -> None:
    b, c = (int(each) for each in np.random.default_rng(seed).integers(0, 60, size=2))
    exact, mid = paired.mcnemar(b, c)
    assert exact == pytest.approx(statsmodels_mcnemar([[9, b], [c, 9]], exact=True).pvalue, abs=1e-12)
    assert mid < exact
    if b + c:
        worse = binomtest(b, b + c, 0.5, alternative="greater").pvalue
        assert paired.mcnemar_worse(b, c) == pytest.approx(worse, abs=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_adjusted_p_values_are_those_of_statsmodels(seed: int) -> None:
    p = np.random.default_rng(seed).beta(0.4, 2.0, size=int(np.random.default_rng([seed, 1]).integers(1, 30)))
    functions: dict[str, Callable[..., Any]] = {
        "holm": multiple.holm,
        "simes-hochberg": multiple.hochberg,
        "fdr_bh": multiple.benjamini_hochberg,
        "fdr_by": multiple.benjamini_yekutieli,
    }
    for method, function in functions.items():
        np.testing.assert_allclose(function(p), multipletests(p, method=method)[1], atol=1e-12, err_msg=method)
    np.testing.assert_allclose(multiple.benjamini_hochberg(p), false_discovery_control(p), atol=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_means_are_bounded_as_by_scipy_and_over_groups_as_by_statsmodels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(15), rng.integers(1, 9, size=15))
    teacher = rng.normal(size=groups.size) + rng.normal(size=15)[groups]
    student = teacher + rng.normal(size=groups.size)
    plain = ttest_rel(student, teacher).confidence_interval(0.9)
    assert mean_interval(student - teacher, 0.9) == pytest.approx((plain.low, plain.high), abs=1e-12)
    fitted = OLS(student - teacher, np.ones(groups.size)).fit(
        cov_type="cluster", cov_kwds={"groups": groups, "use_correction": False}
    )
    # statsmodels' own correction counts parameters as well; this is the factor alone.
    half = t.ppf(0.95, 14) * fitted.bse[0] * np.sqrt(15 / 14)
    middle = float(np.mean(student - teacher))
    assert cluster_mean(student - teacher, groups, 0.9) == pytest.approx((middle - half, middle + half), abs=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_proper_scores_are_those_of_scikit_learn(seed: int) -> None:
    probs, target = distributions(seed)
    brier = brier_score_loss(target, probs, labels=range(5), scale_by_half=False)
    assert float(calibration.brier_rows(probs, target).mean()) == pytest.approx(brier, abs=1e-12)
    assert float(calibration.nll_rows(probs, target).mean()) == pytest.approx(
        log_loss(target, probs, labels=range(5)), abs=1e-12
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_auroc_is_that_of_scikit_learn_with_ties_too(seed: int) -> None:
    at, right = judged(seed)
    for confidence in (at, at.round(1)):
        assert calibration.auroc(confidence, right) == pytest.approx(roc_auc_score(right, confidence), abs=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_quantiles_are_those_of_numpy_and_their_intervals_those_of_scipy(seed: int) -> None:
    x = np.random.default_rng(seed).gamma(4.0, size=int(np.random.default_rng([seed, 1]).integers(1, 400)))
    for q in (0.5, 0.9, 0.99):
        assert quantile.quantile(x, q) == np.quantile(x, q)
        found = quantile.quantile_interval(x, q, 0.95)
        ends = quantile_test(x, p=q).confidence_interval(0.95) if x.size > 1 else None
        if found is None:
            assert ends is None or np.isnan([ends.low, ends.high]).any()
        else:
            assert ends is not None
            assert found == (ends.low, ends.high)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_area_under_risk_and_coverage_is_that_of_a_plain_sum(seed: int) -> None:
    at, right = judged(seed)
    order = np.argsort(-at, kind="stable")
    expected = np.mean(np.cumsum(~right[order]) / np.arange(1, at.size + 1))
    assert calibration.aurc(at, right) == pytest.approx(expected, abs=1e-12)


# --- the extra `oracles` -------------------------------------------------------------------------------


def test_the_extra_names_every_library_that_is_compared_with() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["project"]
    named = {re.split(r"[<>=]", line)[0] for line in project["optional-dependencies"]["oracles"]}
    assert set(OPTIONAL.values()) <= named


@pytest.mark.parametrize("seed", SEEDS)
def test_ece_is_that_of_torchmetrics(seed: int) -> None:
    theirs = library("torchmetrics.functional.classification")
    import torch

    at, right = judged(seed)
    for bins in (10, 15):
        expected = theirs.binary_calibration_error(torch.tensor(at), torch.tensor(right), n_bins=bins, norm="l1")
        assert calibration.ece(at, right, bins) == pytest.approx(float(expected), abs=1e-6)
    probs, target = distributions(seed)
    expected = theirs.multiclass_calibration_error(
        torch.tensor(probs), torch.tensor(target), num_classes=5, n_bins=15, norm="l1"
    )
    found = calibration.ece(probs.max(axis=1), probs.argmax(axis=1) == target, 15)
    assert found == pytest.approx(float(expected), abs=1e-6)


def test_certainty_is_in_the_last_bin_here_and_in_one_of_its_own_at_torchmetrics() -> None:
    theirs = library("torchmetrics.functional.classification")
    import torch

    at, right = [0.95, 0.97, 1.0, 1.0], [1, 1, 0, 1]
    assert calibration.ece(at, right, 10) == pytest.approx(0.23)
    assert float(theirs.binary_calibration_error(torch.tensor(at), torch.tensor(right), 10)) == pytest.approx(0.27)


@pytest.mark.parametrize("seed", SEEDS)
def test_kappa_auroc_and_f1_are_those_of_torchmetrics(seed: int) -> None:
    theirs = library("torchmetrics.functional.classification")
    import torch

    teacher, student = (torch.tensor(each) for each in answers(seed))
    expected = theirs.multiclass_cohen_kappa(student, teacher, num_classes=4)
    assert agreement.kappa(teacher.numpy(), student.numpy(), 4) == pytest.approx(float(expected), abs=1e-6)
    at, right = judged(seed)
    expected = theirs.binary_auroc(torch.tensor(at), torch.tensor(right).int())
    assert calibration.auroc(at, right) == pytest.approx(float(expected), abs=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
def test_smooth_ece_is_that_of_relplot(seed: int) -> None:
    theirs = library("relplot")
    at, right = judged(seed)
    # Its bandwidth is searched in steps of a thousandth, on a grid of its own.
    assert calibration.smooth_ece(at, right) == pytest.approx(theirs.smECE(at, right.astype(float)), abs=2e-3)


@pytest.mark.parametrize("seed", SEEDS)
def test_alpha_is_that_of_krippendorff(seed: int) -> None:
    theirs = library("krippendorff")
    teacher, student = answers(seed)
    expected = theirs.alpha(np.stack([teacher, student]).astype(float), level_of_measurement="nominal")
    assert agreement.krippendorff_alpha(teacher, student, 4) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("weight", [None, 1.0, 0.0])
def test_powered_means_are_those_of_ppi_python(seed: int, weight: float | None) -> None:
    theirs = library("ppi_py")
    rng = np.random.default_rng(seed)
    labelled = rng.random(600) < 0.3
    truth = (rng.random(600) < 0.8).astype(float)
    said = np.where(rng.random(600) < 0.85, truth, 1 - truth)
    found = powered_mean(truth, said, labelled, weight)
    assert found is not None
    given = (truth[labelled], said[labelled], said[~labelled])
    value = float(theirs.ppi_mean_pointestimate(*given, lam=found.weight)[0])
    low, high = theirs.ppi_mean_ci(*given, alpha=0.1, lam=found.weight)
    assert found.value == pytest.approx(value, abs=1e-9)
    assert found.interval(0.9) == pytest.approx((float(low[0]), float(high[0])), abs=1e-9)
    # In the weight that it chooses itself a variance is divided by one less than the rows.
    assert found.value == pytest.approx(float(theirs.ppi_mean_pointestimate(*given, lam=weight)[0]), abs=5e-4)


WORDS = ("the", "cat", "sat", "on", "a", "mat", "Refund", "issued", "7", "order", "#1234", "über")


def sentences(seed: int) -> tuple[str, str]:
    rng = np.random.default_rng(seed)
    one = list(rng.choice(WORDS, size=int(rng.integers(1, 20))))
    other = [each for each in one if rng.random() < 0.7] + list(rng.choice(WORDS, size=int(rng.integers(0, 4))))
    return " ".join(one), " ".join(other)


@pytest.mark.parametrize("seed", SEEDS)
def test_likeness_of_texts_is_that_of_rapidfuzz(seed: int) -> None:
    theirs = library("rapidfuzz.distance")
    one, other = sentences(seed)
    assert text.edit_distance(one, other) == theirs.Levenshtein.distance(one, other)
    assert text.edit_similarity(one, other) == pytest.approx(theirs.Levenshtein.normalized_similarity(one, other))
    assert text.longest_common_subsequence(one, other) == theirs.LCSseq.similarity(one, other)


@pytest.mark.parametrize("seed", SEEDS)
def test_chrf_is_that_of_sacrebleu(seed: int) -> None:
    theirs = library("sacrebleu.metrics")
    one, other = sentences(seed)
    expected = theirs.CHRF().sentence_score(one, [other]).score / 100
    assert text.chrf(one, other) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_rouge_l_is_that_of_rouge_score(seed: int) -> None:
    theirs = library("rouge_score.rouge_scorer")
    # It knows no letters but a to z, and splits words at others.
    one, other = (each.replace("ü", "u") for each in sentences(seed))
    expected = theirs.RougeScorer(["rougeL"], use_stemmer=False).score(other, one)["rougeL"].fmeasure
    assert text.rouge_l(one, other) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_hoeffding_bentkus_is_that_of_mapie(seed: int) -> None:
    theirs = library("mapie.risk_control.methods")
    rng = np.random.default_rng(seed)
    n = int(rng.integers(10, 1000))
    mean, alpha = float(rng.random() * 0.2), float(rng.uniform(0.02, 0.3))
    expected = theirs.compute_hoeffding_bentkus_p_value(np.array([mean]), n, alpha)
    assert hoeffding_bentkus_p(mean, n, alpha) == pytest.approx(float(np.ravel(expected)[0]), abs=1e-9)
